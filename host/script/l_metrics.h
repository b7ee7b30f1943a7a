/* l_metrics: host.counter, host.gauge and host.histogram: what a script counts (base/metrics.h). */
#ifndef SCRIPT_L_METRICS_H
#define SCRIPT_L_METRICS_H

#include "base/metrics.h"
#include <lua.h>

/* Pushes all that is in the registry (NULL: nothing) as plain tables, onto any Lua state: a list of { name =, kind =,
 * help =, labels = { names }, dropped =, series = { { labels = { values }, ... }, ... } }. A series of a counter or a
 * gauge has `value`; a gauge that was not set has no series. One of a histogram has count, sum, min, max (neither where
 * it is empty) and buckets = { { lower edge, count }, ... }, in order. All numbers are finite, and all texts UTF-8
 * without zeros, so that it can travel as JSON; lualib/wsbot/metrics.lua prints it. May raise (memory). */
void l_metrics_push(lua_State *L, const struct metrics *m);

/* Pushes a histogram in the same way: { count =, sum =, min =, max =, buckets = }. May raise. */
void l_metrics_push_histogram(lua_State *L, const struct histogram *h);

/* Adds counter, gauge and histogram to the table at that index. May raise. */
void l_metrics_open(lua_State *L, int table);

#endif
