/* client: what the clients in C and C++ have in common: their command line, their clock and their last line.
 *
 *     CLIENT MODE URL COUNT SIZE KIND CA_FILE
 *
 * README.md tells what each mode has to do. A client prints "result TOTAL UNITS": microseconds of CPU (idle: KB), and
 * how many messages, round trips or connections they were for. Status 77: it cannot do that. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CLIENT_CANNOT = 77 };

struct client {
    const char *mode;
    const char *url;
    bool secure;
    char host[32];
    int port;
    const char *path;
    size_t count, size;
    bool text; /* what to send */
    const char *ca_file;
};

static inline void client_die(const char *what) {
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static inline bool client_is(const struct client *c, const char *mode) { return strcmp(c->mode, mode) == 0; }

static inline struct client client_read(int argc, char **argv) {
    struct client c;
    memset(&c, 0, sizeof c);
    c.mode = argc > 1 ? argv[1] : "";
    if (client_is(&c, "start")) return c;
    if (argc < 7) client_die("client: MODE URL COUNT SIZE KIND CA_FILE");
    c.url = argv[2];
    c.secure = strncmp(c.url, "wss", 3) == 0;
    if (sscanf(c.url, "%*[ws]://%31[0-9.]:%d", c.host, &c.port) != 2) client_die("client: no such url");
    c.path = strchr(c.url + 6, '/');
    c.path = c.path ? c.path : "/";
    c.count = strtoul(argv[3], NULL, 10);
    c.size = strtoul(argv[4], NULL, 10);
    c.text = strcmp(argv[5], "binary") != 0;
    c.ca_file = argv[6];
    return c;
}

/* Microseconds of CPU that this process has used, all of its threads. */
static inline double client_cpu(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

/* KB of memory that this process has in RAM. */
static inline double client_memory(void) {
    long all = 0, here = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%ld %ld", &all, &here) != 2) client_die("client: no /proc/self/statm");
    fclose(f);
    return (double)here * (double)sysconf(_SC_PAGESIZE) / 1024;
}

static inline void client_result(double total, size_t units) {
    printf("result %.3f %zu\n", total, units);
    fflush(stdout);
}

#endif
