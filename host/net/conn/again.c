/* again: an attempt has ended, and automatic reconnection says whether another one follows. The policy is wire/retry.h.
 */
#include "net/conn/parts.h"

#include "base/random.h"
#include "wire/retry.h"

/* Why it is not for the policy to say whether there is another attempt; NULL: it is. */
static const char *why_no_retry(const struct conn *c) {
    return !c->plan->settings.retry.on ? "reconnect is off"
           : c->ended_by_owner         ? "it was closed on this side"
           : c->again                  ? "another attempt was asked for"
           : c->net->stopping          ? "the program stops"
                                       : NULL;
}

void conn_decide_retry(struct conn *c) {
    if (c->role != WS_CLIENT) return;
    const char *why = why_no_retry(c);
    if (why) {
        CONN_TRACE(c, "no retry: %s", why);
        return;
    }
    struct conn_end *e = conn_ending(c);
    struct retry_end end = {.code = e->code, .uptime = clock_from_seconds(e->uptime)};
    if (c->head && c->head->received && c->head->parts.status != 101) {
        end.status = c->head->parts.status;
        end.retry_after =
            retry_after_read(http1_field_get(&c->head->parts, "Retry-After"), (int64_t)clock_wall(&c->net->clock));
    }
    uint64_t delay;
    if (!retry_decide(&c->plan->settings.retry, &end, random_mask(), &c->tries, &delay, e->gave_up)) {
        CONN_TRACE(c, "no retry: gave up, %s", e->gave_up);
        return;
    }
    CONN_TRACE(c, "retry %u in %.3f s, after %s %u%s", c->tries, clock_to_seconds(delay),
               end.status ? "status" : "close code", end.status ? end.status : end.code,
               end.retry_after ? " with a Retry-After" : "");
    e->retry_in = clock_to_seconds(delay);
    conn_open(c, delay);
}
