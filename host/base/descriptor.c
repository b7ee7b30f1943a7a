/* descriptor: without SOCK_CLOEXEC a program that another thread starts in between gets the socket, too. */
#include "base/descriptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#ifdef SOCK_CLOEXEC
int descriptor_socket(int family, int type) { return socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }
#else
int descriptor_socket(int family, int type) {
    int fd = socket(family, type, 0);
    if (fd < 0) return fd;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}
#endif
