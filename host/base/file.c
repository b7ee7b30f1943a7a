#include "base/file.h"

#include <errno.h>
#include <unistd.h>

int file_write(int fd, struct slice bytes) {
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);
        if (n < 0 && errno != EINTR) return errno;
        if (n > 0) bytes = slice_skip(bytes, (size_t)n);
    }
    return 0;
}
