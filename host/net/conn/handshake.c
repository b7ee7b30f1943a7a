/* handshake: the opening handshake of a connection, either role: a head is collected, and wire/handshake judges
 * it. */
#include "net/conn/parts.h"

#include "base/random.h"
#include "base/text.h"
#include "net/conn/record.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_WAIT CLOCK_SECOND /* limit for the body of a refusal, which may have no end */

/* Empty; the array of fields stays uninitialized. NULL: there is no memory for it. */
static struct conn_head *new_head(void) {
    struct conn_head *h = malloc(sizeof *h);
    if (!h) return NULL;
    memset(h, 0, offsetof(struct conn_head, parts.fields));
    buf_init(&h->text, HTTP1_HEAD_MAX);
    buf_init(&h->body, CONN_BODY_MAX);
    return h;
}

void conn_handshake_begin(struct conn *c) {
    conn_enter(c, CONN_HANDSHAKE);
    c->head = new_head();
    if (!c->head) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "no memory for the head of the handshake");
        return;
    }
    conn_set_step(c, c->plan->settings.handshake_timeout);
    if (c->role == WS_SERVER) return;
    uint8_t nonce[16];
    random_fill(nonce, sizeof nonce);
    handshake_key(nonce, c->head->key);
    struct handshake_extras extras;
    struct buf cookies;
    buf_init(&cookies, HTTP1_HEAD_MAX);
    int rc = conn_request_extras(c, &cookies, &extras);
    if (rc == 0) rc = handshake_request_write(&c->out, conn_url(c), &c->plan->offer, &extras, c->head->key);
    buf_clear(&cookies);
    if (rc < 0) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "no memory for the request");
        return;
    }
    if (c->net->record) record_request(c->net->record, c, buf_slice(&c->out));
    conn_mark_busy(c);
}

static void count_opened(const struct conn *c) {
    c->net->opened++;
    histogram_add(&c->net->times.connects, clock_to_seconds(c->opened_at - c->began_at));
}

static void opened(struct conn *c, const struct deflate_params *deflate) {
    ws_init(&c->ws, c->role, c->plan->settings.max_message_size, &c->out, random_mask);
    if (ws_use_deflate(&c->ws, deflate, &c->plan->offer.deflate) < 0) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "no memory for compression");
        return;
    }
    clock_cancel(&c->net->clock, &c->step);
    conn_enter(c, CONN_OPEN);
    c->opened_at = c->last_in = conn_now(c);
    if (c->role == WS_CLIENT) count_opened(c);
    conn_apply_limits(c);
    c->given_messages = c->given_bytes = 0;
    conn_ping_changed(c);
    conn_mark_busy(c);
    if (c->sink && c->sink->opened) c->sink->opened(c->sink_arg, c);
    if (!c->login) conn_send_queue(c);
    conn_head_free(conn_take_head(c));
}

static void keep_protocol(struct conn *c, struct slice protocol) {
    if (protocol.n) c->protocol = text_of(protocol);
}

const char *conn_tls_hint(const struct conn *c) {
    switch (conn_url(c)->scheme) {
    case URL_WS: return " (is it a wss:// address?)";
    case URL_WSS: return c->phase == CONN_TLS ? " (is it a ws:// address?)" : "";
    default: return "";
    }
}

/* A server that expects TLS may say so in a plain-text answer: nginx, Apache and Go's do. */
static bool speaks_of_tls(const struct conn *c) {
    static const char *const words[] = {"HTTPS port", "HTTPS server", "SSL-enabled"};
    struct slice body = buf_slice(&c->head->body);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (body.n && memmem(body.p, body.n, words[i], strlen(words[i]))) return true;
    return false;
}

void conn_handshake_refused(struct conn *c) {
    const char *hint = c->head->parts.status == 400 && speaks_of_tls(c) ? conn_tls_hint(c) : "";
    struct fault fault = {0};
    struct slice protocol;
    struct deflate_params deflate;
    if (c->net->record) record_response(c->net->record, c);
    handshake_response_judge(&c->head->parts, &c->plan->offer, c->head->key, &protocol, &deflate, &fault);
    size_t n = strlen(fault.text);
    snprintf(fault.text + n, sizeof fault.text - n, "%s", hint);
    conn_fail(c, &fault);
}

/* Waits for the body of the refusal: what comes in time is told with it. */
static void await_body(struct conn *c) {
    uint64_t now = conn_now(c), left = c->step.due > now ? c->step.due - now : 0; /* of handshake_timeout */
    conn_ending(c)->phase = "handshake";
    conn_enter(c, CONN_REFUSED);
    conn_set_step(c, left < BODY_WAIT ? left : BODY_WAIT);
    http1_body_init(&c->head->reader, &c->head->parts, &c->head->body);
    if (http1_body_step(&c->head->reader, slice_of(NULL, 0))) conn_handshake_refused(c);
}

/* A whole head of a response came. */
static void judge_response(struct conn *c) {
    struct conn_head *h = c->head;
    struct slice protocol;
    struct deflate_params deflate;
    struct fault fault = {0};
    const char *why;
    if (http1_response_parse(h->text.base + h->text.start, h->text.len, &h->parts, &why) < 0) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "%s (RFC 9112)", why);
        return;
    }
    if (h->parts.status < 200 && h->parts.status != 101) { /* 1xx: the answer is yet to come (RFC 9110 15.2) */
        buf_reset(&h->text, SIZE_MAX);
        h->scanned = 0;
        return;
    }
    h->received = true;
    CONN_TRACE(c, "the server answers %u", h->parts.status);
    conn_keep_cookies(c);
    if (conn_follow_redirect(c)) return;
    if (c->net->record && h->parts.status == 101) record_response(c->net->record, c);
    if (handshake_response_judge(&h->parts, &c->plan->offer, c->head->key, &protocol, &deflate, &fault) == 0) {
        keep_protocol(c, protocol);
        opened(c, &deflate);
    } else if (h->parts.status == 101) {
        conn_fail(c, &fault);
    } else {
        await_body(c);
    }
}

static void refuse_request(struct conn *c, unsigned status, const char *why) {
    handshake_refusal_write(&c->out, status, why);
    fault_put(&conn_ending(c)->fault, FAULT_HANDSHAKE, "%s", why);
    conn_begin_closing(c);
}

/* The first subprotocol offered, or the first offered that c->answer speaks. */
static struct slice choose_protocol(const struct conn *c) {
    struct slice offered = http1_field_get(&c->head->parts, "Sec-WebSocket-Protocol"), one;
    while (slice_split(&offered, ',', &one)) {
        one = slice_trim(one);
        if (!http1_is_token(one)) continue;
        if (!c->answer || !c->answer->protocols) return one;
        for (const char *const *p = c->answer->protocols; *p; p++)
            if (slice_eq(one, slice_str(*p))) return one;
    }
    return slice_of(NULL, 0);
}

/* A whole head of a request came. */
static void judge_request(struct conn *c) {
    struct conn_head *h = c->head;
    const char *why;
    unsigned status = 400;
    if (http1_request_parse(h->text.base + h->text.start, h->text.len, &h->parts, &why) == 0) {
        h->received = true;
        status = handshake_request_judge(&h->parts, &why);
    }
    if (status == 101 && c->sink && c->sink->requested) c->sink->requested(c->sink_arg, c);
    bool is_asked = status != 101 && h->received && c->sink && c->sink->asked;
    if (is_asked) c->sink->asked(c->sink_arg, c);
    if (c->phase != CONN_HANDSHAKE) return; /* its owner has ended it */
    if (status == 101 && c->answer && c->answer->silent) return;
    if ((status == 101 || is_asked) && c->answer && c->answer->refusal.p) {
        buf_append(&c->out, c->answer->refusal);
        fault_put(&conn_ending(c)->fault, FAULT_HANDSHAKE, "refused");
        conn_begin_closing(c);
        return;
    }
    if (status == 101) {
        struct slice protocol = choose_protocol(c);
        keep_protocol(c, protocol);
        struct deflate_params deflate = {0};
        int rc = handshake_response_write(&c->out, &h->parts, protocol, c->plan->offer.deflate.on ? &deflate : NULL);
        if (rc == 0 && c->answer && c->answer->headers.n) {
            c->out.len -= 2; /* before the empty line */
            rc = buf_append(&c->out, c->answer->headers);
            if (rc == 0) rc = buf_append(&c->out, slice_str("\r\n"));
        }
        if (rc == 0)
            opened(c, &deflate);
        else
            CONN_FAIL(c, FAULT_HANDSHAKE, "no memory for the answer");
        return;
    }
    refuse_request(c, status, why);
}

/* The answer is no HTTP. A TLS server answers bytes that are not TLS with an alert (RFC 8446 5.1). */
static void fail_no_http(struct conn *c) {
    enum { ALERT = 0x15 };
    bool is_alert = buf_slice(&c->head->text).p[0] == ALERT;
    CONN_FAIL(c, FAULT_HANDSHAKE, "the answer is not HTTP/1.x%s%s", is_alert ? ", but an alert of TLS" : "",
              is_alert ? conn_tls_hint(c) : "");
}

void conn_handshake_take(struct conn *c, struct slice *in) {
    struct conn_head *h = c->head;
    size_t had = h->text.len;
    struct slice part = slice_head(*in, HTTP1_HEAD_MAX - had);
    if (buf_append(&h->text, part) < 0) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "no memory for the head of the handshake");
        return;
    }
    size_t size = http1_head_size(buf_slice(&h->text), &h->scanned);
    if (size) {
        *in = slice_skip(*in, size - had);
        h->text.len = size;
        if (c->role == WS_CLIENT)
            judge_response(c);
        else
            judge_request(c);
        return;
    }
    *in = slice_skip(*in, part.n);
    if (c->role == WS_SERVER && !http1_is_token(slice_head(buf_slice(&h->text), 1))) { /* bytes of TLS, say */
        refuse_request(c, 400, "this is not a request of HTTP/1.1");
        return;
    }
    static const char start[] = "HTTP/1.";
    struct slice begin = slice_head(buf_slice(&h->text), sizeof start - 1);
    if (h->text.len == HTTP1_HEAD_MAX) {
        CONN_FAIL(c, FAULT_HANDSHAKE, "the head of the answer is over 32 KB");
    } else if (c->role == WS_CLIENT && !slice_eq(begin, slice_head(slice_str(start), begin.n))) {
        fail_no_http(c);
    }
}
