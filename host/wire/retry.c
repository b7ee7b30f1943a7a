/* retry: a few lines of policy, and the one date format that servers may send (RFC 9110 5.6.7). */
#include "wire/retry.h"

#include <stdio.h>

enum { SECOND = 1000000000 }; /* nanoseconds */

/* What no second try can mend: the request is wrong, or we are; the protocol was not kept, or what was asked for is not
 * to be had. */
static bool is_fatal(const struct retry_policy *policy, unsigned n) {
    static const uint16_t always[] = {400, 401, 403, 404, 410, 1002, 1003, 1007, 1009, 1010};
    for (size_t i = 0; i < sizeof always / sizeof *always; i++)
        if (always[i] == n) return true;
    for (unsigned i = 0; i < policy->fatal_count; i++)
        if (policy->fatal[i] == n) return true;
    return false;
}

/* The longest delay before the try after `tries` others. */
static double ceiling_of(const struct retry_policy *policy, uint32_t tries) {
    double delay = (double)policy->min, most = (double)policy->max;
    while (tries-- > 0 && delay < most && policy->factor > 1) delay *= policy->factor;
    return delay < most ? delay : most;
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
    *delay = (uint64_t)(ceiling_of(policy, *tries) * ((double)dice / UINT32_MAX));
    if (*delay < end->retry_after) *delay = end->retry_after;
    ++*tries;
    return true;
}

/* ---- Retry-After ---- */

/* Days from 1970-01-01 to a day of the Gregorian calendar. */
static int64_t days_to(int64_t year, int month, int day) {
    if (month <= 2) year--, month += 12; /* the year begins in March: its leap day comes last */
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}

/* "Sun, 06 Nov 1994 08:49:37 GMT" in seconds since 1970; -1 where it is no date. */
static int64_t date_of(const char *text) {
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    int day, year, hour, minute, second, end = 0;
    char month[4];
    if (sscanf(text, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n", &day, month, &year, &hour, &minute, &second,
               &end) != 6 ||
        !end || text[end])
        return -1;
    const char *at = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!at || (at - months) % 3 || day < 1 || day > 31 || year < 1970 || hour > 23 || minute > 59 || second > 60)
        return -1;
    int64_t days = days_to(year, (int)(at - months) / 3 + 1, day);
    return ((days * 24 + hour) * 60 + minute) * 60 + second;
}

uint64_t retry_after_read(struct slice value, int64_t now) {
    char text[32];
    int64_t seconds = 0;
    if (value.n == 0 || value.n >= sizeof text) return 0;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    if (strspn(text, "0123456789") == value.n) {
        for (const char *p = text; *p && seconds <= RETRY_AFTER_MAX; p++) seconds = seconds * 10 + (*p - '0');
    } else {
        int64_t date = date_of(text);
        seconds = date > now ? date - now : 0;
    }
    if (seconds > RETRY_AFTER_MAX) seconds = RETRY_AFTER_MAX;
    return (uint64_t)seconds * SECOND;
}
