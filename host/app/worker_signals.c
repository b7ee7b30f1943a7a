/* worker_signals: a handler counts SIGINT and SIGTERM. The first is handled by the loop, or interrupts Lua code that
 * keeps the loop waiting; the second ends the process. In a worker of a pool, signals that the pool passes on are not
 * counted, since a signal may come to the whole group as well; nor are those of the terminal, which the pool gets, too:
 * it handles a second one. SIGHUP reloads; where the terminal has gone, it counts like the others. */
#include "app/worker.h"

#include "script/interrupt.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE = 5 }; /* seconds more that code has which is interrupted again and again, before the process ends */

/* For the signal handlers alone, which get no argument. */
static struct worker *handler_worker;
static volatile sig_atomic_t signals_seen, hangups_seen, pool_stops;

/* A SIGINT that has interrupted Lua code counts no more; after other signals the program stops all the same. */
static void forget_answered(struct worker *w) {
    bool running = w->engine && interrupt_was_raised(w->engine);
    bool staged = w->staged && interrupt_was_raised(w->staged);
    if ((running || staged) && w->signal == SIGINT) signals_seen = 0;
}

void worker_stage(struct worker *w, struct engine *next) {
    forget_answered(w);
    w->staged = next;
}

/* The process ends as if it had no handler. */
static void end_by(int number) {
    uv_tty_reset_mode(); /* `wsbot connect` may have set it */
    signal(number, SIG_DFL);
    raise(number);
    if (getpid() == 1) _exit(128 + number); /* the system does not end process 1 by a signal */
}

/* ---- Lua code that keeps the loop waiting ---- */

/* Interrupts Lua code that is late: past the time that worker_give_time has given, or else a second after a signal. */
static void interrupt(const struct worker *w, struct engine *e, uint64_t now) {
    bool asked = signals_seen || pool_stops;
    bool late = w->stop_by ? now > w->stop_by : asked && interrupt_is_busy(e, now, INTERRUPT_AFTER);
    if (late || interrupt_is_late(e, now)) interrupt_raise(e);
}

static bool is_stuck(const struct worker *w, const struct engine *e, uint64_t now) {
    return e && w->ends_by && now > w->ends_by && interrupt_is_busy(e, now, INTERRUPT_AFTER + PATIENCE);
}

static bool look(uint64_t now) {
    static const char why[] = "wsbot: the script was told to stop, and kept on running: it was ended\n";
    struct worker *w = handler_worker;
    if (!w) return false;
    forget_answered(w);
    if (is_stuck(w, w->engine, now) || is_stuck(w, w->staged, now)) {
        if (write(STDERR_FILENO, why, sizeof why - 1) >= 0) end_by(SIGTERM);
        end_by(SIGTERM);
    }
    if (w->engine) interrupt(w, w->engine, now);
    if (w->staged) interrupt(w, w->staged, now);
    bool bounded = (w->engine && w->engine->bounded) || (w->staged && w->staged->bounded);
    return signals_seen || pool_stops || w->stop_by || bounded;
}

void worker_give_time(struct worker *w, unsigned seconds) {
    uint64_t now = uv_hrtime();
    w->stop_by = seconds ? now + seconds * CLOCK_SECOND : 0;
    w->ends_by = signals_seen || pool_stops ? now + (seconds + PATIENCE) * CLOCK_SECOND : 0;
    interrupt_watch();
}

/* ---- SIGINT and SIGTERM ---- */

static void ask_to_stop(struct worker *w, int number, bool by_terminal) {
    w->signal = number;
    w->by_terminal = by_terminal;
    if (!w->ends_by && number != SIGINT) w->ends_by = uv_hrtime() + (INTERRUPT_AFTER + PATIENCE) * CLOCK_SECOND;
    look(uv_hrtime());
    interrupt_watch();
    uv_async_send(&w->signalled);
}

static void on_signal(int number, siginfo_t *info, void *context) {
    struct worker *w = handler_worker;
    (void)context;
    if (!w) return;
    bool by_terminal = info->si_code > 0; /* from the kernel, and from no process */
    forget_answered(w);
    if (w->pool && (by_terminal || info->si_pid == w->pool)) {
        pool_stops = 1;
    } else if ((++signals_seen > 1 || (w->stopping && !pool_stops)) && !w->told_to_stop) {
        end_by(number);
        return;
    }
    ask_to_stop(w, number, by_terminal);
}

/* ---- SIGHUP ---- */

/* Was the terminal closed? The kernel says so, or a shell that passes it on. */
static bool terminal_is_gone(const struct worker *w, const siginfo_t *info) {
    if (info->si_code > 0) return true;
    if (!w->has_terminal) return false;
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    if (terminal >= 0) close(terminal);
    return terminal < 0;
}

static void on_hangup(int number, siginfo_t *info, void *context) {
    struct worker *w = handler_worker;
    if (!w) return;
    if (terminal_is_gone(w, info)) {
        on_signal(number, info, context);
        return;
    }
    hangups_seen = 1;
    uv_async_send(&w->signalled);
}

/* A program that is ending has nothing to load again: from now on SIGHUP does not end it earlier. */
void worker_ignore_hangups(void) {
    struct sigaction now;
    if (sigaction(SIGHUP, NULL, &now) == 0 && now.sa_handler == SIG_DFL) signal(SIGHUP, SIG_IGN);
}

/* ---- SIGPIPE ---- */

/* Where writing to a socket or pipe fails, that is reported there. But where the reader of stdout has gone, the program
 * has no reason to run, and ends like any other. This is a handler, not SIG_IGN, as programs that are started would
 * inherit that. */
static void on_pipe(int number) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    if (poll(&out, 1, 0) == 1 && out.revents & POLLERR) end_by(number);
}

/* ---- all of them ---- */

void worker_signalled(uv_async_t *async) {
    struct worker *w = async->data;
    if (hangups_seen) {
        hangups_seen = 0;
        worker_reload(w, "SIGHUP");
    }
    forget_answered(w);
    if (signals_seen && w->told_to_stop)
        w->told_to_stop(w->told_arg, signals_seen);
    else if (signals_seen || pool_stops)
        worker_stop(w, 0);
}

static void (*handler_of(int number))(int) {
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 ? now.sa_handler : SIG_DFL;
}

static void handle(int number, void (*handler)(int, siginfo_t *, void *), bool again) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_RESTART | SA_SIGINFO};
    sigemptyset(&action.sa_mask);
    if (!again || handler_of(number) == SIG_DFL) sigaction(number, &action, NULL);
}

void worker_handle_signals(struct worker *w, bool again) {
    handler_worker = w;
    handle(SIGINT, on_signal, again);
    handle(SIGTERM, on_signal, again);
    if (w->reload && handler_of(SIGHUP) != SIG_IGN) handle(SIGHUP, on_hangup, again); /* ignored: nohup */
    if (handler_of(SIGPIPE) == SIG_DFL) signal(SIGPIPE, on_pipe);
    interrupt_open(look);
}

void worker_open_signals(struct worker *w) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
    w->has_terminal = terminal >= 0;
    if (terminal >= 0) close(terminal);
    signals_seen = hangups_seen = pool_stops = 0;
    worker_handle_signals(w, false);
}

void worker_rest_signals(struct worker *w) {
    void (*rest)(int) = w->pool ? SIG_IGN : SIG_DFL; /* one to the whole group may come as well; the pool handles it */
    signal(SIGINT, rest);
    signal(SIGTERM, rest);
    signal(SIGHUP, SIG_IGN);
    if (signals_seen || pool_stops) worker_give_time(w, 0);
}

void worker_close_signals(void) {
    handler_worker = NULL;
    worker_ignore_hangups(); /* where luv has handled SIGHUP until now */
}
