/* service: the program as a service manager sees it (sd_notify(3)): when it is ready, reloads and stops, and that its
 * loop turns. A worker of a pool tells its pool instead (reports.h), which tells the manager. */
#ifndef APP_SERVICE_H
#define APP_SERVICE_H

#include "app/notify.h"
#include "app/worker.h"

/* In place of the time between two signs of life. */
enum { SERVICE_NOTHING = -1, SERVICE_NO_BEATS = 0 };

struct service {
    struct worker *worker;
    struct notify notify; /* not of a worker of a pool */
    uv_timer_t look;      /* keeps no loop alive */
    uint64_t beat;        /* nanoseconds between two signs of life; 0: none are wanted */
    bool ready, reloading, stopping;
    int64_t waits_for; /* the number of the function of host.ready that was told last as not ready; 0: none */
};

/* Where a service manager wants to be told, begins to tell it, and takes its variables out of the environment; to be
 * called before any Lua code runs. Else does nothing. `s` is the caller's memory. */
void service_open(struct service *s, struct worker *w);

/* The same in a worker of a pool. `beat`: milliseconds between its signs of life, SERVICE_NO_BEATS or
 * SERVICE_NOTHING. */
void service_open_member(struct service *s, struct worker *w, int beat);

/* What a pool has its workers do: `beat` of service_open_member. */
int service_beat_of_members(const struct worker *w);

/* To be called when a reload begins, when it has ended in whatever way, and when the program begins to stop; also of a
 * pool. Do nothing where there is no service. What ends well before anybody has looked was ready: a manager takes an
 * end without that for a failure. So the last of them may ask the script, and no Lua code may have called it. */
void service_reloads(struct worker *w);
void service_reloaded(struct worker *w);
void service_stops(struct worker *w);

void service_close(struct service *s);

#endif
