/* init: process 1 and its child, which runs the program and waits for the processes that it starts itself. */
#include "app/init.h"

#ifdef __linux__
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Reaps processes that have ended. Where that is the child, this process ends in the same way. */
static void reap(pid_t child) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != child) continue;
        _exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
}

/* Passes signals on, except those of a terminal (si_code: from the kernel), which the whole process group has got. */
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
    sigprocmask(SIG_SETMASK, &before, NULL); /* also where fork failed: then the program runs in this process */
}
#else
void init_begin(void) {}
#endif
