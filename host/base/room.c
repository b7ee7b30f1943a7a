/* room: what poll(2) promises. */
#include "base/room.h"

#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    ROOM_OF_PIPE = 4096,    /* it is writable when a page of it is free */
    ROOM_OF_TERMINAL = 128, /* half of what it takes at least: each newline may become two bytes */
};

size_t room_most(int fd) {
    struct stat s;
    if (fstat(fd, &s) != 0) return SIZE_MAX;
    if (S_ISFIFO(s.st_mode) || S_ISSOCK(s.st_mode)) return ROOM_OF_PIPE;
    return S_ISCHR(s.st_mode) && isatty(fd) ? ROOM_OF_TERMINAL : SIZE_MAX;
}

bool room_is_there(int fd, int ms) {
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, ms) != 0 && p.revents != 0;
}
