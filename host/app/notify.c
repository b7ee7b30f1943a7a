#include "app/notify.h"

#include "base/log.h"
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* The address that the text names: a path, or with @ in front an abstract name. False: it is none of these. */
static bool read_address(struct notify *n, const char *text) {
    size_t length = strlen(text);
    if ((*text != '/' && *text != '@') || length >= sizeof n->to.sun_path) return false;
    n->to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(n->to.sun_path, text, length);
    if (*text == '@') n->to.sun_path[0] = '\0';
    n->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

/* Within which time signs of life are wanted, of this process. */
static uint64_t read_watchdog(void) {
    const char *pid = getenv("WATCHDOG_PID"), *micros = getenv("WATCHDOG_USEC");
    if (!micros || (pid && strtol(pid, NULL, 10) != getpid())) return 0;
    return strtoull(micros, NULL, 10) * 1000;
}

static void open_socket(struct notify *n, const char *name) {
    if (read_address(n, name)) n->fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (n->fd < 0) {
        log_line(LOG_WARN, "the service manager is told nothing: $NOTIFY_SOCKET is %s: %s", name,
                 n->size ? strerror(errno) : "neither a path nor an abstract name of a socket");
        return;
    }
    struct timeval patience = {.tv_usec = NOTIFY_PATIENCE * 1000L};
    fcntl(n->fd, F_SETFD, FD_CLOEXEC);
    setsockopt(n->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

bool notify_open(struct notify *n) {
    const char *name = getenv("NOTIFY_SOCKET");
    *n = (struct notify){.fd = -1, .watchdog = read_watchdog()};
    if (name && *name) open_socket(n, name);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return n->fd >= 0;
}

/* 0, or why it is not taken. Only the first such one is waited for: else a manager that hangs would hold the loop up.
 */
static int hand_over(struct notify *n, const char *text, size_t size) {
    int flags = MSG_NOSIGNAL | (n->failed ? MSG_DONTWAIT : 0);
    int why = sendto(n->fd, text, size, flags, (struct sockaddr *)&n->to, n->size) < 0 ? errno : 0;
    if (why && !n->failed) log_line(LOG_WARN, "the service manager does not hear: %s", strerror(why));
    n->failed = why != 0;
    return why;
}

/* One that is gone is owed nothing. */
static void hand_over_text(struct notify *n) {
    int why = hand_over(n, n->text, n->length);
    n->owed = why == EAGAIN || why == ENOBUFS;
}

void notify_send(struct notify *n, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int size = vsnprintf(n->text, sizeof n->text, format, args);
    va_end(args);
    if (size < 0) return;
    n->length = (size_t)size < sizeof n->text ? (size_t)size : sizeof n->text - 1;
    hand_over_text(n);
}

void notify_beat(struct notify *n) {
    static const char text[] = "WATCHDOG=1";
    hand_over(n, text, sizeof text - 1);
}

bool notify_again(struct notify *n) {
    if (n->owed) hand_over_text(n);
    return !n->owed;
}

void notify_close(struct notify *n) {
    if (n->fd >= 0) close(n->fd);
    n->fd = -1;
}
