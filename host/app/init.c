/* init: process 1 and its child, which keeps the statuses of what it starts itself. */
#include "app/init.h"

#ifdef __linux__
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reaps who has ended. Ends with the child. */
static void reap(pid_t child) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != child) continue;
        _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
}

/* What a terminal sends, all of its group have got (si_code: from the kernel). */
static _Noreturn void watch(pid_t child, const sigset_t *signals) {
    for (;;) {
        siginfo_t info;
        int number = sigwaitinfo(signals, &info);
        if (number == SIGCHLD)
            reap(child);
        else if (number > 0 && info.si_code <= 0)
            kill(child, number);
    }
}

void init_begin(void) {
    sigset_t all, before;
    if (getpid() != 1) return;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid_t child = fork();
    if (child > 0) watch(child, &all);
    if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigprocmask(SIG_SETMASK, &before, NULL); /* also where there was no process for it: then this one runs on */
}
#else
void init_begin(void) {}
#endif
