/* retry: a few lines of policy. */
#include "wire/retry.h"

#include "wire/date.h"
#include <stdio.h>

enum { SECOND = 1000000000 }; /* nanoseconds */

/* Statuses and close codes that another try cannot change: the request is wrong, not authorized or for what does not
 * exist, or the protocol was violated. */
static bool is_fatal(const struct retry_policy *policy, unsigned n) {
    static const uint16_t always[] = {400, 401, 403, 404, 410, 1002, 1003, 1007, 1009, 1010};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (always[i] == n) return true;
    for (size_t i = 0; i < policy->fatal.count; i++)
        if (policy->fatal.list[i] == n) return true;
    return false;
}

/* The longest delay before the try after `tries` others. */
static double ceiling_of(const struct retry_policy *policy, uint32_t tries) {
    double delay = (double)policy->min, most = (double)policy->max;
    while (tries-- > 0 && delay < most && policy->factor > 1) delay *= policy->factor;
    return delay < most ? delay : most;
}

uint64_t retry_delay(const struct retry_policy *policy, uint32_t tries, uint32_t dice) {
    return (uint64_t)(ceiling_of(policy, tries) * ((double)dice / UINT32_MAX));
}

bool retry_decide(const struct retry_policy *policy, const struct retry_end *end, uint32_t dice, uint32_t *tries,
                  uint64_t *delay, char why[64]) {
    if (end->uptime && end->uptime >= policy->stable) *tries = 0;
    if (end->status && is_fatal(policy, end->status)) {
        snprintf(why, 64, "status %u", end->status);
        return false;
    }
    if (is_fatal(policy, end->code)) {
        snprintf(why, 64, "close code %u", end->code);
        return false;
    }
    if (policy->attempts && *tries >= policy->attempts) {
        snprintf(why, 64, "%llu attempts failed", (unsigned long long)*tries + 1);
        return false;
    }
    *delay = retry_delay(policy, *tries, dice);
    if (*delay < end->retry_after) *delay = end->retry_after;
    ++*tries;
    return true;
}

/* ---- Retry-After ---- */

bool retry_after_read(struct slice value, int64_t now, uint64_t *after) {
    int64_t seconds = 0, date;
    size_t digits = 0;
    while (digits < value.n && value.p[digits] >= '0' && value.p[digits] <= '9') digits++;
    if (digits && digits == value.n) {
        for (size_t i = 0; i < digits && seconds <= RETRY_AFTER_MAX; i++) seconds = seconds * 10 + (value.p[i] - '0');
    } else if (date_read(value, &date)) {
        seconds = date > now ? date - now : 0;
    } else {
        *after = 0;
        return false;
    }
    if (seconds > RETRY_AFTER_MAX) seconds = RETRY_AFTER_MAX;
    *after = (uint64_t)seconds * SECOND;
    return true;
}
