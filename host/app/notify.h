/* notify: datagrams to the socket of a service manager, which $NOTIFY_SOCKET names, as sd_notify(3) has them. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct notify {
    int fd; /* -1: nobody wants to be told */
    struct sockaddr_un to;
    socklen_t size;    /* of `to` */
    uint64_t watchdog; /* nanoseconds within which the manager wants a sign of life; 0: it wants none */
    bool failed;       /* one was not taken, which was told */
};

/* Reads $NOTIFY_SOCKET and $WATCHDOG_USEC, and takes them out of the environment: programs that this one starts are
 * other ones. False: nobody wants to be told. */
bool notify_open(struct notify *n);

/* Sends what printf would print: lines NAME=value, at most NOTIFY_MOST bytes. A manager that does not read is waited
 * for NOTIFY_PATIENCE milliseconds; what it does not take is lost, and told on the log once. */
enum { NOTIFY_MOST = 1024, NOTIFY_PATIENCE = 100 };
void notify_send(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

void notify_close(struct notify *n);

#endif
