/* profile_file: is opened at the start, so that a wrong name is told then, and written at the end. */
#include "app/profile_file.h"

#include "base/file.h"
#include "base/flame.h"
#include "base/log.h"
#include "base/reserve.h"
#include "script/profile.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct {
    struct profile *profile; /* NULL: there is none, or it is written */
    char *path;
    int fd;
    bool svg;
} file;

/* ---- the end ---- */

/* The profile as the file has it. 0, ERR_FULL or ERR_NOMEM. */
static int put_profile(struct buf *out, uint64_t samples) {
    struct buf folded;
    char title[100];
    if (!file.svg) return profile_folded(file.profile, out);
    buf_init(&folded, SIZE_MAX);
    int rc = profile_folded(file.profile, &folded);
    snprintf(title, sizeof title, "%llu samples, %d a second of CPU time", (unsigned long long)samples, PROFILE_RATE);
    if (rc == 0) rc = flame_draw(out, buf_slice(&folded), slice_str(title));
    buf_clear(&folded);
    return rc;
}

static void write_profile(void) {
    struct buf text;
    buf_init(&text, SIZE_MAX);
    uint64_t samples = profile_samples(file.profile);
    int rc = put_profile(&text, samples), error = rc < 0 ? ENOMEM : file_write(file.fd, buf_slice(&text));
    if (close(file.fd) != 0 && error == 0) error = errno;
    if (error)
        log_line(LOG_ERROR, "profile: cannot write %s: %s", file.path, strerror(error));
    else
        log_line(LOG_INFO, "profile: %llu samples are in %s", (unsigned long long)samples, file.path);
    buf_clear(&text);
}

static void on_end(struct net *net) {
    (void)net;
    if (!file.profile) return;
    write_profile();
    profile_end(file.profile);
    file.profile = NULL;
    free(file.path);
}

/* ---- the beginning ---- */

/* Does this text begin as a profile of ours does? Folded text has one space in its first line, before a number. */
static bool is_profile(const char *text, bool svg) {
    static const char begins[] = "<svg xmlns=";
    if (svg) return strncmp(text, begins, sizeof begins - 1) == 0;
    size_t name = strcspn(text, " \n"), digits = text[name] == ' ' ? strspn(text + name + 1, "0123456789") : 0;
    return name > 0 && digits > 0 && text[name + 1 + digits] == '\n';
}

/* May the file be written over? Only a profile or an empty file may: else a script would be lost that was given by
 * mistake as the name of the profile. */
static bool may_be_lost(int fd, bool svg) {
    char text[8192];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n < 0) return false;
    text[n] = '\0';
    return n == 0 || is_profile(text, svg);
}

/* Returns the descriptor, or -1 with errno. */
static int open_path(const char *path, bool svg) {
    struct stat s;
    bool is_file = stat(path, &s) != 0 || S_ISREG(s.st_mode);
    int fd = open(path, (is_file ? O_RDWR : O_WRONLY) | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0 || !is_file || (may_be_lost(fd, svg) && ftruncate(fd, 0) == 0)) return fd;
    close(fd);
    errno = EEXIST;
    return -1;
}

int profile_file_open(struct net *net, const char *path, bool svg, struct fault *fault) {
    static const struct net_room room = {.end = on_end};
    int fd = open_path(path, svg);
    if (fd < 0) {
        fault_put(fault, FAULT_PROFILE, "--profile: cannot write %s: %s", path,
                  errno == EEXIST ? "it is a file that is no profile" : strerror(errno));
        return ERR_SYSTEM;
    }
    struct profile *p = profile_begin(fault);
    if (!p) {
        close(fd);
        return ERR_SYSTEM;
    }
    file.profile = p;
    file.path = reserve_copy(path);
    file.fd = fd;
    file.svg = svg;
    net_join(net, &room);
    return 0;
}
