/* interrupt: the hook that raises, and SIGALRM, whose handler sets it. */
#include "script/interrupt.h"

#include <lauxlib.h>
#include <signal.h>
#include <sys/time.h>

enum { LOOK_EVERY = 250 * 1000 }; /* microseconds */

static bool (*look_now)(uint64_t now);

static void look_again(bool on) {
    struct timeval every = {.tv_usec = on ? LOOK_EVERY : 0};
    setitimer(ITIMER_REAL, &(struct itimerval){every, every}, NULL);
}

static void on_alarm(int number) {
    (void)number;
    if (!look_now || !look_now(uv_hrtime())) look_again(false);
}

void interrupt_open(bool (*look)(uint64_t now)) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    look_now = look;
    sigaction(SIGALRM, &action, NULL);
}

void interrupt_watch(void) { look_again(true); }

bool interrupt_is_busy(const struct engine *e, uint64_t now, unsigned seconds) {
    return e->running && now - e->entered_at >= seconds * CLOCK_SECOND;
}

bool interrupt_is_late(const struct engine *e, uint64_t now) {
    return e->running && e->bounded && now - e->bounded_at >= INTERRUPT_BOUND * CLOCK_SECOND;
}

#define EXPIRED "%s ran for %d s without a wait"

/* Raises at each instruction until the function has left, also where it catches errors. */
static void l_expired(lua_State *L, lua_Debug *debug) {
    struct engine *e = engine_of(L);
    (void)debug;
    if (interrupt_is_late(e, uv_hrtime())) luaL_error(L, EXPIRED, e->bounded, (int)INTERRUPT_BOUND);
    engine_unhook(L);
}

static void l_interrupt(lua_State *L, lua_Debug *debug) {
    (void)debug;
    struct engine *e = engine_of(L);
    engine_unhook(L);
    if (interrupt_is_late(e, uv_hrtime())) {
        lua_sethook(L, l_expired, LUA_MASKCOUNT, 1);
        luaL_error(L, EXPIRED, e->bounded, (int)INTERRUPT_BOUND);
    }
    e->interrupted = true;
    luaL_error(L, "interrupted!");
}

void interrupt_raise(struct engine *e) {
    if (e->running) lua_sethook(e->running, l_interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

void interrupt_bound(struct engine *e, const char *what) {
    e->bounded_at = uv_hrtime();
    e->bounded = what;
    interrupt_watch();
}

bool interrupt_take(struct engine *e, lua_State *L) {
    if (lua_gethook(L) != l_interrupt) return false;
    engine_unhook(L);
    interrupt_raise(e);
    return true;
}

bool interrupt_was_raised(struct engine *e) {
    bool was = e->interrupted;
    e->interrupted = false;
    return was;
}
