/* crash: a handler may call few functions (signal-safety(7)), so it prints by itself, and all that takes memory is done
 * before. A part of the report that faults itself is left out, threads that fault meanwhile wait, and what takes too
 * long (a standard error that nobody reads, a lock that is never released) is cut off: the process ends in any case. */
#include "app/crash.h"

#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

enum {
    STACK = 64 * 1024,
    FRAMES = 64,
    PATIENCE = 5, /* seconds that the report may take */
};

static struct {
    unsigned worker;
    char path[PATH_MAX];     /* "": none */
    uint8_t stack[STACK];    /* for the handler: that of the program may be used up */
    atomic_uintptr_t thread; /* the one that writes the report; 0: none does */
    const siginfo_t *info;   /* why */
    int file;                /* where to; -1: stderr */
    sigjmp_buf behind;       /* the part of the report that is being written */
    void *frames[FRAMES];    /* of the stack of that thread */
    int count;
} crash;

static const struct {
    int number;
    const char *name;
} signals[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"}};

enum { SIGNALS = sizeof signals / sizeof *signals };

/* ---- printing ---- */

static void put_bytes(int fd, const void *bytes, size_t n) {
    for (const uint8_t *p = bytes; n;) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno != EINTR) return;
        if (done < 0) continue;
        p += done;
        n -= (size_t)done;
    }
}

static void put(int fd, const char *text) { put_bytes(fd, text, strlen(text)); }

static void put_number(int fd, uintmax_t n, unsigned base) {
    char digits[24], *p = digits + sizeof digits;
    do *--p = "0123456789abcdef"[n % base];
    while ((n /= base));
    put_bytes(fd, p, (size_t)(digits + sizeof digits - p));
}

/* ---- the report ---- */

static const char *name_of(int number) {
    for (int i = 0; i < SIGNALS; i++)
        if (signals[i].number == number) return signals[i].name;
    return "?";
}

static void put_head(int fd) {
    const siginfo_t *info = crash.info;
    put(fd, "wsbot " WSBOT_VERSION ": process ");
    put_number(fd, (uintmax_t)getpid(), 10);
    put(fd, ", worker ");
    put_number(fd, crash.worker, 10);
    put(fd, ", was ended by signal ");
    put_number(fd, (uintmax_t)info->si_signo, 10);
    put(fd, " (");
    put(fd, name_of(info->si_signo));
    if (info->si_code <= 0) {
        put(fd, ", sent by process ");
        put_number(fd, (uintmax_t)info->si_pid, 10);
    } else {
        put(fd, ", at address 0x");
        put_number(fd, (uintptr_t)info->si_addr, 16);
    }
    put(fd, "), ");
    put_number(fd, (uintmax_t)time(NULL), 10);
    put(fd, " s after the beginning of 1970\n");
}

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *arg) {
    (void)arg;
    if (crash.count == FRAMES) return _URC_END_OF_STACK;
    crash.frames[crash.count++] = (void *)_Unwind_GetIP(context);
    return _URC_NO_REASON;
}

/* By the unwinder that is linked in: backtrace(3) would load a library first. It reads where the program was, which
 * faults where that was no code. */
static void find_frames(int fd) {
    (void)fd;
    _Unwind_Backtrace(add_frame, NULL);
}

static void put_frames(int fd) {
    put(fd, "where it was:\n");
#ifdef __GLIBC__
    backtrace_symbols_fd(crash.frames, crash.count, fd);
#else
    for (int i = 0; i < crash.count; i++) {
        put(fd, "0x");
        put_number(fd, (uintptr_t)crash.frames[i], 16);
        put(fd, "\n");
    }
#endif
}

/* The last lines of the log, as they are kept for whoever looks into the program. */
static void put_log(int fd) {
    struct slice all = log_recent();
    const uint8_t *begins = all.p + all.n;
    int lines = 0;
    while (begins > all.p && (begins[-1] != '\n' || ++lines <= CRASH_LINES)) begins--;
    put(fd, "the end of the log:\n");
    put_bytes(fd, begins, (size_t)(all.p + all.n - begins));
}

/* Nobody follows a link, or waits for the reader of a FIFO. */
static void open_report(int fd) {
    (void)fd;
    if (!crash.path[0]) return;
    crash.file = open(crash.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (crash.file < 0) return;
    put_head(crash.file);
}

static void put_path(int fd) {
    if (crash.file < 0) return;
    put(fd, "the report is in ");
    put(fd, crash.path);
    put(fd, "\n");
}

/* Where it faults, on_fault leads back to here. */
static void try(void (*part)(int fd), int fd) {
    if (sigsetjmp(crash.behind, 0) == 0) part(fd);
}

static void put_report(void) {
    try(open_report, -1);
    try(put_head, STDERR_FILENO);
    try(put_path, STDERR_FILENO);
    int fd = crash.file >= 0 ? crash.file : STDERR_FILENO;
    try(find_frames, fd);
    try(put_frames, fd);
    try(put_log, fd);
}

/* ---- the end ---- */

/* Ends the process at once, or, where that signal is blocked, when the handler has returned: to where the program
 * was. */
static void end_by(int number) {
    signal(number, SIG_DFL);
    raise(number);
}

static void on_late(int number) {
    (void)number;
    end_by(crash.info->si_signo);
}

static void block(int how, int number) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, number);
    pthread_sigmask(how, &one, NULL);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    uintptr_t nobody = 0, self = (uintptr_t)pthread_self();
    (void)context;
    if (!atomic_compare_exchange_strong(&crash.thread, &nobody, self)) {
        if (nobody == self) siglongjmp(crash.behind, 1);
        for (;;) pause(); /* the other thread ends it all */
    }
    crash.info = info;
    crash.file = -1;
    alarm(PATIENCE); /* in place of the timer of script/interrupt.c, if that runs */
    signal(SIGALRM, on_late);
    block(SIG_UNBLOCK, SIGALRM);
    put_report();
    block(SIG_BLOCK, number);
    end_by(number);
}

void crash_open(const char *folder, unsigned worker) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)folder, (void)worker, (void)on_fault;
#else
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    stack_t stack = {.ss_sp = crash.stack, .ss_size = STACK};
    char *whole = folder ? realpath(folder, NULL) : NULL; /* wherever the script may change to */
    crash.worker = worker;
    int n = whole ? snprintf(crash.path, sizeof crash.path, "%s/crash-%u.txt", whole, worker) : 0;
    if (n < 0 || (size_t)n >= sizeof crash.path) crash.path[0] = '\0';
    free(whole);
    sigaltstack(&stack, NULL);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i].number, &action, NULL);
#endif
}
