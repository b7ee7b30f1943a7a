/* notify: datagrams to the socket of a service manager, which $NOTIFY_SOCKET names, as sd_notify(3) has them. */
#ifndef APP_NOTIFY_H
#define APP_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

enum { NOTIFY_MOST = 1024, NOTIFY_PATIENCE = 100 };

struct notify {
    int fd; /* -1: nobody wants to be told */
    struct sockaddr_un to;
    socklen_t size;    /* of `to` */
    uint64_t watchdog; /* nanoseconds within which the manager wants a sign of life; 0: it wants none */
    bool failed;       /* the last one was not taken, which was told */
    bool owed;         /* `text` was not taken, as the manager did not read */
    size_t length;     /* of `text` */
    char text[NOTIFY_MOST];
};

/* Reads $NOTIFY_SOCKET and $WATCHDOG_USEC, and takes them out of the environment: programs that this one starts are
 * other ones. False: nobody wants to be told. */
bool notify_open(struct notify *n);

/* Sends what printf would print: lines NAME=value, at most NOTIFY_MOST bytes. A manager that does not read is waited
 * for NOTIFY_PATIENCE milliseconds, once until it reads again, and that is told on the log once. */
void notify_send(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sends a sign of life. */
void notify_beat(struct notify *n);

/* Sends the last message, that of notify_send, again, where the manager did not read then. Has it been taken now? */
bool notify_again(struct notify *n);

void notify_close(struct notify *n);

#endif
