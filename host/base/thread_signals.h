/* thread_signals: what a thread beside the loop's blocks: all signals, as they are for the loop's thread, but those of
 * faults: they cannot wait, and the system would end the process without a report (app/crash.h). */
#ifndef BASE_THREAD_SIGNALS_H
#define BASE_THREAD_SIGNALS_H

#include <signal.h>

static inline sigset_t thread_signals(void) {
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
    sigset_t all;
    sigfillset(&all);
    for (unsigned i = 0; i < sizeof faults / sizeof *faults; i++) sigdelset(&all, faults[i]);
    return all;
}

#endif
