/* crash: a handler may call few functions (signal-safety(7)), so it prints by itself, and all that takes memory is done
 * before. What may be broken comes last: where reading the log faults, the rest is written already. */
#include "app/crash.h"

#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>
#ifdef __GLIBC__
#include <execinfo.h>
#endif

enum { STACK = 64 * 1024, FRAMES = 64 };

static struct {
    unsigned worker;
    char path[PATH_MAX];  /* "": none */
    uint8_t stack[STACK]; /* for the handler: that of the program may be used up */
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

static void put_head(int fd, const siginfo_t *info) {
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

struct frames {
    void *at[FRAMES];
    int count;
};

static _Unwind_Reason_Code add_frame(struct _Unwind_Context *context, void *arg) {
    struct frames *f = arg;
    if (f->count == FRAMES) return _URC_END_OF_STACK;
    f->at[f->count++] = (void *)_Unwind_GetIP(context);
    return _URC_NO_REASON;
}

/* By the unwinder that is linked in: backtrace(3) would load a library first. */
static void put_backtrace(int fd) {
    struct frames f = {0};
    _Unwind_Backtrace(add_frame, &f);
    put(fd, "where it was:\n");
#ifdef __GLIBC__
    backtrace_symbols_fd(f.at, f.count, fd);
#else
    for (int i = 0; i < f.count; i++) {
        put(fd, "0x");
        put_number(fd, (uintptr_t)f.at[i], 16);
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

static void on_fault(int number, siginfo_t *info, void *context) {
    (void)context;
    int file = crash.path[0] ? open(crash.path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;
    put_head(STDERR_FILENO, info);
    if (file >= 0) {
        put(STDERR_FILENO, "the report is in ");
        put(STDERR_FILENO, crash.path);
        put(STDERR_FILENO, "\n");
        put_head(file, info);
    }
    int fd = file >= 0 ? file : STDERR_FILENO;
    put_backtrace(fd);
    put_log(fd);
    raise(number); /* what it does by default, when this handler has returned */
}

void crash_open(const char *folder, unsigned worker) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    (void)folder, (void)worker, (void)on_fault;
#else
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    stack_t stack = {.ss_sp = crash.stack, .ss_size = STACK};
    crash.worker = worker;
    int n = folder ? snprintf(crash.path, sizeof crash.path, "%s/crash-%u.txt", folder, worker) : 0;
    if (n < 0 || (size_t)n >= sizeof crash.path) crash.path[0] = '\0';
    sigaltstack(&stack, NULL);
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < SIGNALS; i++) sigaction(signals[i].number, &action, NULL);
#endif
}
