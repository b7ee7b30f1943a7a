/* refuse: a library that LD_PRELOAD puts between a program and the system. It counts the calls of one kind, and refuses
 * one of them: the driver is refusals_spec.lua. It hears by the environment:
 *   REFUSE=socket            the kind; nothing is refused without
 *   REFUSE_AT=3              which one, counted from 1 in each process, of the first that comes so far; 3+: that one
 * and all after it, in every process REFUSE_ERROR=24          with this errno REFUSE_NOTE=/path        this file is
 * made when something is refused REFUSE_MOST=100000       calls of all kinds after which it spins, and is ended with
 * status 99; REFUSE_SPUN=/path        and this file is made Calls that the C library makes within itself do not come by
 * here. Memory is refused to the program alone, not to its libraries, some of which end it. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *kind;
static unsigned long at, most;
static bool and_after;
static int error;
static const char *note, *spun;
static atomic_ulong seen, calls;
static uintptr_t code, code_end; /* where the program's own code is */

/* False where the file is there already: another process was first. */
static bool tell(const char *path, char how) {
    int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (fd < 0) return false;
    syscall(SYS_write, fd, &how, 1);
    syscall(SYS_close, fd);
    return true;
}

static unsigned long number_of(const char *name) {
    const char *text = getenv(name);
    return text ? strtoul(text, NULL, 10) : 0;
}

/* The first of them is the program. */
static int see_program(struct dl_phdr_info *info, size_t size, void *arg) {
    (void)size;
    (void)arg;
    code = code_end = 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X)) continue;
        code = info->dlpi_addr + part->p_vaddr;
        code_end = code + part->p_memsz;
    }
    return 1;
}

/* Whoever starts it without a kind has all calls go through. */
__attribute__((constructor)) static void begin(void) {
    const char *which = getenv("REFUSE_AT");
    at = number_of("REFUSE_AT");
    and_after = which && strchr(which, '+');
    most = number_of("REFUSE_MOST");
    error = (int)number_of("REFUSE_ERROR");
    note = getenv("REFUSE_NOTE");
    spun = getenv("REFUSE_SPUN");
    dl_iterate_phdr(see_program, NULL);
    kind = getenv("REFUSE");
}

static bool refuses(const char *what) {
    if (!kind) return false;
    if (++calls == most) {
        tell(spun, 's');
        syscall(SYS_exit_group, 99);
    }
    if (strcmp(what, kind) != 0) return false;
    unsigned long n = ++seen;
    if (n < at || (n > at && !and_after)) return false;
    if (n == at && !tell(note, 'r') && !and_after) return false;
    errno = error;
    return true;
}

/* By these libuv wakes itself. It takes what they can meet, which is EINTR, and EAGAIN of an event, and ends the
 * program with all else. */
static bool is_own(int fd) {
    char path[64], what[64] = "";
    if (!kind || error == EINTR) return false;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (syscall(SYS_readlinkat, AT_FDCWD, path, what, sizeof what - 1) < 0) return false;
    return strncmp(what, "pipe:", 5) == 0 || (strncmp(what, "anon_inode:", 11) == 0 && error != EAGAIN);
}

#define NEXT(name)                                                                                                     \
    static __typeof__(&name) next;                                                                                     \
    if (!next) next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

/* A call of a kind, that answers `no` where it is refused. */
#define CALL(kind, no, type, name, parameters, ...)                                                                    \
    type name parameters {                                                                                             \
        NEXT(name);                                                                                                    \
        return refuses(kind) ? (no) : next(__VA_ARGS__);                                                               \
    }

CALL("socket", -1, int, socket, (int domain, int type, int protocol), domain, type, protocol)
CALL("socketpair", -1, int, socketpair, (int domain, int type, int protocol, int fds[2]), domain, type, protocol, fds)
CALL("bind", -1, int, bind, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
CALL("listen", -1, int, listen, (int fd, int backlog), fd, backlog)
CALL("connect", -1, int, connect, (int fd, const struct sockaddr *a, socklen_t n), fd, a, n)
CALL("accept", -1, int, accept, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
CALL("accept", -1, int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), fd, a, n, flags)
CALL("setsockopt", -1, int, setsockopt, (int fd, int level, int name, const void *value, socklen_t n), fd, level, name,
     value, n)
CALL("getsockopt", -1, int, getsockopt, (int fd, int level, int name, void *value, socklen_t *n), fd, level, name,
     value, n)
CALL("getsockname", -1, int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
CALL("getpeername", -1, int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), fd, a, n)
CALL("shutdown", -1, int, shutdown, (int fd, int how), fd, how)
CALL(is_own(fd) ? "" : "read", -1, ssize_t, read, (int fd, void *to, size_t n), fd, to, n)
CALL("readv", -1, ssize_t, readv, (int fd, const struct iovec *parts, int n), fd, parts, n)
CALL("recv", -1, ssize_t, recv, (int fd, void *to, size_t n, int flags), fd, to, n, flags)
CALL("recv", -1, ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), fd, m, flags)
CALL(is_own(fd) ? "" : "write", -1, ssize_t, write, (int fd, const void *from, size_t n), fd, from, n)
CALL("write", -1, ssize_t, writev, (int fd, const struct iovec *parts, int n), fd, parts, n)
CALL("send", -1, ssize_t, send, (int fd, const void *from, size_t n, int flags), fd, from, n, flags)
CALL("send", -1, ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), fd, m, flags)
CALL("epoll_create", -1, int, epoll_create1, (int flags), flags)
CALL("epoll_ctl", -1, int, epoll_ctl, (int fd, int op, int of, struct epoll_event *e), fd, op, of, e)
CALL("epoll_wait", -1, int, epoll_wait, (int fd, struct epoll_event *e, int n, int ms), fd, e, n, ms)
CALL("epoll_wait", -1, int, epoll_pwait, (int fd, struct epoll_event *e, int n, int ms, const sigset_t *s), fd, e, n,
     ms, s)
CALL("eventfd", -1, int, eventfd, (unsigned first, int flags), first, flags)
CALL("pipe", -1, int, pipe2, (int fds[2], int flags), fds, flags)
CALL("pipe", -1, int, pipe, (int fds[2]), fds)
CALL("dup", -1, int, dup, (int fd), fd)
CALL("dup", -1, int, dup2, (int fd, int to), fd, to)
CALL("dup", -1, int, dup3, (int fd, int to, int flags), fd, to, flags)
CALL("stat", -1, int, stat, (const char *path, struct stat *s), path, s)
CALL("stat", -1, int, lstat, (const char *path, struct stat *s), path, s)
CALL("stat", -1, int, fstat, (int fd, struct stat *s), fd, s)
CALL("stat", -1, int, access, (const char *path, int mode), path, mode)
CALL("stat", NULL, char *, realpath, (const char *path, char *to), path, to)
CALL("stat", NULL, char *, getcwd, (char *to, size_t n), to, n)
CALL("stat", -1, ssize_t, readlink, (const char *path, char *to, size_t n), path, to, n)
CALL("fopen", NULL, FILE *, fopen, (const char *path, const char *mode), path, mode)
CALL("fopen", NULL, FILE *, fopen64, (const char *path, const char *mode), path, mode)
CALL("fopen", NULL, FILE *, freopen, (const char *path, const char *mode, FILE *f), path, mode, f)
CALL("fopen", NULL, FILE *, freopen64, (const char *path, const char *mode, FILE *f), path, mode, f)
CALL("fopen", NULL, FILE *, fdopen, (int fd, const char *mode), fd, mode)
CALL("fopen", NULL, DIR *, opendir, (const char *path), path)
CALL("fwrite", 0, size_t, fwrite, (const void *from, size_t size, size_t n, FILE *f), from, size, n, f)
CALL("fwrite", EOF, int, fflush, (FILE * f), f)
CALL("inotify", -1, int, inotify_init1, (int flags), flags)
CALL("inotify", -1, int, inotify_add_watch, (int fd, const char *path, uint32_t mask), fd, path, mask)
CALL("random", -1, ssize_t, getrandom, (void *to, size_t n, unsigned flags), to, n, flags)
CALL("random", -1, int, getentropy, (void *to, size_t n), to, n)
CALL("sigaction", -1, int, sigaction, (int number, const struct sigaction *a, struct sigaction *old), number, a, old)
CALL("limit", -1, int, getrlimit, (__rlimit_resource_t which, struct rlimit *l), which, l)
CALL("limit", -1, int, setrlimit, (__rlimit_resource_t which, const struct rlimit *l), which, l)
CALL("thread", error, int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *how, void *(*body)(void *), void *arg), thread, how, body, arg)
CALL("process", -1, pid_t, fork, (void), )
CALL("process", -1, int, system, (const char *command), command)
CALL("process", NULL, FILE *, popen, (const char *command, const char *mode), command, mode)
CALL("process", error, int, posix_spawn,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *files, const posix_spawnattr_t *how,
      char *const words[], char *const environment[]),
     pid, path, files, how, words, environment)
CALL("names", EAI_MEMORY, int, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **out), host, service, hints,
     out)

/* ---- with an argument that is there or not ---- */

#define LAST(type)                                                                                                     \
    va_list rest;                                                                                                      \
    va_start(rest, last_but_one);                                                                                      \
    type last = va_arg(rest, type);                                                                                    \
    va_end(rest)

#define OPEN(name)                                                                                                     \
    int name(const char *path, int last_but_one, ...) {                                                                \
        NEXT(name);                                                                                                    \
        LAST(unsigned);                                                                                                \
        return refuses("open") ? -1 : next(path, last_but_one, last);                                                  \
    }
#define OPENAT(name)                                                                                                   \
    int name(int folder, const char *path, int last_but_one, ...) {                                                    \
        NEXT(name);                                                                                                    \
        LAST(unsigned);                                                                                                \
        return refuses("open") ? -1 : next(folder, path, last_but_one, last);                                          \
    }
OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)

int fcntl(int fd, int last_but_one, ...) {
    NEXT(fcntl);
    LAST(void *);
    return refuses("fcntl") ? -1 : next(fd, last_but_one, last);
}

int fcntl64(int fd, int last_but_one, ...) {
    NEXT(fcntl64);
    LAST(void *);
    return refuses("fcntl") ? -1 : next(fd, last_but_one, last);
}

int ioctl(int fd, unsigned long last_but_one, ...) {
    NEXT(ioctl);
    LAST(void *);
    return refuses("ioctl") ? -1 : next(fd, last_but_one, last);
}

/* ---- those of libraries that were built with checks ---- */

int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
ssize_t __read_chk(int fd, void *to, size_t n, size_t room);
ssize_t __recv_chk(int fd, void *to, size_t n, size_t room, int flags);
CALL("open", -1, int, __open_2, (const char *path, int flags), path, flags)
CALL("open", -1, int, __open64_2, (const char *path, int flags), path, flags)
CALL(is_own(fd) ? "" : "read", -1, ssize_t, __read_chk, (int fd, void *to, size_t n, size_t room), fd, to, n, room)
CALL("recv", -1, ssize_t, __recv_chk, (int fd, void *to, size_t n, size_t room, int flags), fd, to, n, room, flags)

/* ---- memory: by the C library's own names, as dlsym asks for some itself ---- */

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *old, size_t n);

#define IS_OURS ((uintptr_t)__builtin_return_address(0) - code < code_end - code)

void *malloc(size_t n) { return IS_OURS && refuses("memory") ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return IS_OURS && refuses("memory") ? NULL : __libc_calloc(n, size); }
void *realloc(void *old, size_t n) { return n && IS_OURS && refuses("memory") ? NULL : __libc_realloc(old, n); }
CALL(IS_OURS ? "memory" : "", NULL, char *, strdup, (const char *text), text)
CALL(IS_OURS ? "memory" : "", NULL, char *, strndup, (const char *text, size_t n), text, n)
