/* profile: the timer, what its handler counts, and the table of stacks, whose first two are not of Lua code. */
#include "script/profile.h"

#include "base/reserve.h"
#include "script/engine.h"
#include "script/hook.h"
#include "script/profile_stack.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { HOST, OTHER, FIXED };    /* the first stacks */
enum { PLACES = 4 * 4096 };     /* of the hash table, a power of two above PROFILE_STACKS */
enum { LINE_KEPT = 16 * 1024 }; /* bytes of memory that are kept for the next sample */
_Static_assert(PLACES > (int)PROFILE_STACKS, "the table has an empty place");

struct stack {
    char *text;
    uint64_t hash, count;
};

struct profile {
    unsigned known;    /* how many stacks there were when it began, */
    uint64_t before[]; /* and the counts of each */
};

/* Global to the process, as the timer is; a handler of signals gets no argument. */
static struct {
    struct engine *engines;
    pthread_t thread; /* the one that Lua runs in */
    unsigned looking; /* how many look */
    struct stack *stacks;
    unsigned known;
    size_t bytes;     /* of their texts */
    uint16_t *places; /* numbers of stacks by their hashes; 0: none, as HOST is in no place */
    struct buf line;
} all;

/* What the handler counts, and which thread was asked for a sample. */
static struct {
    atomic_bool on;
    atomic_uint host, asked;
    lua_State *volatile of;
} ticks;

/* ---- the handler ---- */

/* The engine whose code runs: of several, one of which has called the other, the one that was entered last. */
static struct engine *running_engine(void) {
    struct engine *found = NULL;
    for (struct engine *e = all.engines; e; e = e->next)
        if (e->running && (!found || e->entered_at >= found->entered_at)) found = e;
    return found;
}

static void on_tick(int number) {
    (void)number;
    if (!ticks.on) return;
    bool is_here = pthread_equal(pthread_self(), all.thread);
    const struct engine *e = is_here ? running_engine() : NULL;
    if (!e) {
        ticks.host++;
        return;
    }
    lua_State *running = e->running;
    if (ticks.of != running) ticks.host += atomic_exchange(&ticks.asked, 0); /* no Lua code came after those */
    ticks.of = running;
    ticks.asked++;
    hook_sample(running);
}

static int set_timer(long microseconds) {
    struct timeval every = {.tv_usec = microseconds};
    return setitimer(ITIMER_PROF, &(struct itimerval){every, every}, NULL);
}

/* The handler stays when the timer is stopped: a signal may still be on its way. */
static int take_signal(struct fault *fault) {
    struct sigaction now, action = {.sa_handler = on_tick, .sa_flags = SA_RESTART};
    sigfillset(&action.sa_mask); /* other handlers set hooks, too */
    if (sigaction(SIGPROF, NULL, &now) == 0 && now.sa_handler == on_tick) return 0;
    if (now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN) {
        fault_put(fault, FAULT_PROFILE, "profile: a module handles SIGPROF, which the profile needs");
        return ERR_SYSTEM;
    }
    sigaction(SIGPROF, &action, NULL);
    return 0;
}

/* ---- the table ---- */

static uint64_t hash_of(struct slice text) {
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < text.n; i++) hash = (hash ^ text.p[i]) * 1099511628211u;
    return hash;
}

/* The place of this text, or the empty one where it would be. */
static uint16_t *place_of(struct slice text, uint64_t hash) {
    for (size_t i = hash % PLACES;; i = (i + 1) % PLACES) {
        const struct stack *s = &all.stacks[all.places[i]];
        if (!all.places[i] || (s->hash == hash && slice_eq(slice_str(s->text), text))) return &all.places[i];
    }
}

/* The number of a stack that was not there; OTHER: there is no room for it. */
static unsigned add_stack(struct slice text, uint64_t hash) {
    if (all.known == PROFILE_STACKS || text.n > PROFILE_TEXT - all.bytes) return OTHER;
    char *copy = strndup((const char *)text.p, text.n);
    if (!copy) return OTHER;
    all.bytes += text.n;
    all.stacks[all.known] = (struct stack){.text = copy, .hash = hash};
    return all.known++;
}

static void count(struct slice text, unsigned n) {
    uint64_t hash = hash_of(text);
    uint16_t *place = place_of(text, hash);
    unsigned number = *place ? *place : add_stack(text, hash);
    if (number != OTHER) *place = (uint16_t)number;
    all.stacks[number].count += n;
}

/* What the handler has counted goes into the table. */
static void settle(void) { all.stacks[HOST].count += atomic_exchange(&ticks.host, 0); }

static void clear(void) {
    for (unsigned i = 0; i < all.known; i++) free(all.stacks[i].text);
    free(all.stacks);
    free(all.places);
    buf_clear(&all.line);
    all.stacks = NULL;
    all.places = NULL;
    all.known = 0;
    all.bytes = 0;
}

static bool make_table(void) {
    all.stacks = calloc(PROFILE_STACKS, sizeof *all.stacks);
    all.places = calloc(PLACES, sizeof *all.places);
    char *host = strdup("(host)"), *other = strdup("(other)");
    buf_init(&all.line, PROFILE_TEXT);
    if (all.stacks && all.places && host && other) {
        all.stacks[HOST].text = host;
        all.stacks[OTHER].text = other;
        all.known = FIXED;
        return true;
    }
    free(host);
    free(other);
    clear();
    return false;
}

/* ---- samples ---- */

/* The sample that the thread L was asked for is taken: how many signals it stands for. */
static unsigned take(const lua_State *L) {
    if (ticks.of != L) return 0;
    unsigned n = atomic_exchange(&ticks.asked, 0);
    return all.looking ? n : 0;
}

void profile_take(lua_State *L, const lua_Debug *ar) {
    unsigned n = take(L);
    if (!n) return;
    buf_reset(&all.line, LINE_KEPT);
    profile_stack_put(L, ar->event == LUA_HOOKCALL, &all.line); /* what is called has taken no time yet */
    count(buf_slice(&all.line), n);
}

void profile_leave(struct engine *e, lua_State *L, lua_State *before) {
    unsigned n = take(L);
    if (!n) return;
    if (before) {
        ticks.of = before;
        ticks.asked += n;
        hook_sample(before);
        return;
    }
    buf_reset(&all.line, LINE_KEPT);
    profile_stack_put_task(e, NULL, &all.line);
    count(buf_slice(&all.line), n);
}

void profile_know(struct engine *e) {
    e->next = all.engines;
    e->at = &all.engines;
    if (e->next) e->next->at = &e->next;
    atomic_signal_fence(memory_order_release); /* the handler may come now, and finds it whole */
    all.engines = e;
}

void profile_forget(struct engine *e) {
    if (!e->at) return;
    *e->at = e->next;
    if (e->next) e->next->at = e->at;
    e->at = NULL;
    atomic_signal_fence(memory_order_seq_cst);
}

/* ---- who looks ---- */

bool profile_is_on(void) { return ticks.on; }

static int start(struct fault *fault) {
    all.thread = pthread_self();
    if (take_signal(fault) < 0) return ERR_SYSTEM;
    if (!make_table()) {
        fault_put(fault, FAULT_PROFILE, "profile: not enough memory");
        return ERR_NOMEM;
    }
    ticks.host = ticks.asked = 0;
    ticks.on = true;
    if (set_timer(1000000 / PROFILE_RATE) == 0) return 0;
    fault_put(fault, FAULT_PROFILE, "profile: the system has no timer of CPU time (ITIMER_PROF): %s", strerror(errno));
    ticks.on = false;
    clear();
    return ERR_SYSTEM;
}

static void stop(void) {
    set_timer(0);
    ticks.on = false;
    clear();
}

struct profile *profile_begin(struct fault *fault) {
    if (all.looking == PROFILE_LOOKING) fault_put(fault, FAULT_PROFILE, "profile: %d look already", PROFILE_LOOKING);
    if (all.looking == PROFILE_LOOKING || (!all.looking && start(fault) < 0)) return NULL;
    settle();
    struct profile *p = malloc(sizeof *p + all.known * sizeof *p->before);
    if (!p) {
        if (!all.looking) stop();
        fault_put(fault, FAULT_PROFILE, "profile: not enough memory");
        return NULL;
    }
    p->known = all.known;
    for (unsigned i = 0; i < p->known; i++) p->before[i] = all.stacks[i].count;
    all.looking++;
    return p;
}

void profile_end(struct profile *p) {
    if (!p) return;
    free(p);
    if (--all.looking == 0) stop();
}

static uint64_t since(const struct profile *p, unsigned number) {
    return all.stacks[number].count - (number < p->known ? p->before[number] : 0);
}

uint64_t profile_samples(const struct profile *p) {
    uint64_t sum = 0;
    settle();
    for (unsigned i = 0; i < all.known; i++) sum += since(p, i);
    return sum;
}

static int by_text(const void *a, const void *b) {
    return strcmp(all.stacks[*(const unsigned *)a].text, all.stacks[*(const unsigned *)b].text);
}

int profile_folded(const struct profile *p, struct buf *out) {
    unsigned *order = malloc(all.known * sizeof *order);
    int rc = order ? 0 : ERR_NOMEM;
    settle();
    for (unsigned i = 0; order && i < all.known; i++) order[i] = i;
    if (order) qsort(order, all.known, sizeof *order, by_text);
    for (unsigned i = 0; order && rc == 0 && i < all.known; i++) {
        uint64_t n = since(p, order[i]);
        if (n) rc = buf_printf(out, "%s %llu\n", all.stacks[order[i]].text, (unsigned long long)n);
    }
    free(order);
    return rc;
}
