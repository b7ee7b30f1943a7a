/* proxy: one answer at a time is collected and judged; each is followed by the next question, or by the end. */
#include "wire/proxy.h"

#include "base/digest.h"
#include "wire/http1.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SOCKS_VERSION = 5,
    SOCKS_NO_LOGIN = 0, /* methods, RFC 1928 3 */
    SOCKS_PASSWORD = 2,
    SOCKS_CONNECT = 1,
    SOCKS_IPV4 = 1, /* kinds of addresses, RFC 1928 5 */
    SOCKS_NAME = 3,
    SOCKS_IPV6 = 4,
    OFFERED_MOST = 200, /* bytes of Proxy-Authenticate that are shown */
};

#define FAIL(p, ...) (fault_put(&(p)->fault, FAULT_PROXY, __VA_ARGS__), (p)->state = PROXY_REFUSED, PROXY_FAILED)

static enum proxy_step no_memory(struct proxy *p) { return FAIL(p, "no memory to talk to the proxy %s", p->place); }

/* ---- HTTP ---- */

static int write_connect(struct proxy *p) {
    int rc = buf_printf(&p->out, "CONNECT %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: wsbot/" WSBOT_VERSION "\r\n",
                        p->server, p->server);
    if (rc == 0 && p->at->credentials) {
        rc = buf_append(&p->out, slice_str("Proxy-Authorization: Basic "));
        if (rc == 0) rc = digest_base64(&p->out, slice_str(p->at->credentials));
        if (rc == 0) rc = buf_append(&p->out, slice_str("\r\n"));
    }
    return rc < 0 ? rc : buf_append(&p->out, slice_str("\r\n"));
}

/* The proxy asks for credentials (407, RFC 9110 15.5.8), or rejects those it was given; some send 401 for that. */
static enum proxy_step judge_login(struct proxy *p, const struct http1_head *head) {
    struct buf offered;
    bool basic = false;
    buf_init(&offered, HTTP1_HEAD_MAX);
    http1_field_join(head, "Proxy-Authenticate", &offered);
    struct slice rest = buf_slice(&offered), one, shown = slice_head(rest, OFFERED_MOST);
    while (slice_split(&rest, ',', &one)) /* a parameter may have a comma in it: "Basic" as a scheme begins a part */
        basic |= slice_eq_nocase(slice_head(slice_trim(one), 5), slice_str("Basic"));
    enum proxy_step step =
        FAIL(p, "the proxy %s %s (%u%s%.*s%s%.*s)%s", p->place,
             p->at->credentials ? "does not accept the user and password"
                                : "wants a user and password: give them in its address, http://user:password@...",
             head->status, head->reason.n ? " " : "", SLICE_ARGS(head->reason), shown.n ? "; it offers " : "",
             SLICE_ARGS(shown), shown.n && !basic ? "; only Basic is spoken here" : "");
    buf_clear(&offered);
    return step;
}

static enum proxy_step judge_head(struct proxy *p, size_t size) {
    struct http1_head *head = malloc(sizeof *head);
    const char *why;
    enum proxy_step step = PROXY_MORE;
    if (!head) return no_memory(p);
    if (http1_response_parse(p->in.base + p->in.start, size, head, &why) < 0) {
        step = FAIL(p, "the proxy %s: %s (RFC 9112)", p->place, why);
    } else if (head->status / 100 == 2) {
        p->state = PROXY_THROUGH; /* whatever its fields say, no body follows (RFC 9110 9.3.6) */
        step = PROXY_DONE;
    } else if (head->status == 407 || head->status == 401) {
        step = judge_login(p, head);
    } else if (head->status / 100 != 1 || head->status == 101) { /* other 1xx: the answer is yet to come */
        step = FAIL(p, "the proxy %s does not connect to %s: %u%s%.*s", p->place, p->server, head->status,
                    head->reason.n ? " " : "", SLICE_ARGS(head->reason));
    }
    free(head);
    buf_consume(&p->in, size);
    p->scanned = 0;
    return step;
}

/* Collects a head; what comes behind it stays in `*in`. */
static enum proxy_step take_head(struct proxy *p, struct slice *in) {
    enum { ALERT = 0x15 }; /* TLS answers bytes that are not TLS with an alert (RFC 8446 5.1) */
    static const char start[] = "HTTP/1.";
    size_t had = p->in.len;
    struct slice part = slice_head(*in, HTTP1_HEAD_MAX - had);
    if (buf_append(&p->in, part) < 0) return no_memory(p);
    size_t size = http1_head_size(buf_slice(&p->in), &p->scanned);
    if (size) {
        *in = slice_skip(*in, size - had);
        p->in.len = size;
        return judge_head(p, size);
    }
    *in = slice_skip(*in, part.n);
    struct slice begin = slice_head(buf_slice(&p->in), sizeof start - 1);
    if (!slice_eq(begin, slice_head(slice_str(start), begin.n)))
        return FAIL(p, "the proxy %s does not speak HTTP/1.x%s", p->place,
                    p->at->scheme == URL_HTTP && begin.p[0] == ALERT ? PROXY_TLS_HINT : "");
    if (p->in.len == HTTP1_HEAD_MAX) return FAIL(p, "the head of the proxy %s's answer is over 32 KB", p->place);
    return PROXY_MORE;
}

/* ---- SOCKS ---- */

static int write_methods(struct proxy *p) {
    static const uint8_t without[] = {SOCKS_VERSION, 1, SOCKS_NO_LOGIN};
    static const uint8_t with[] = {SOCKS_VERSION, 2, SOCKS_NO_LOGIN, SOCKS_PASSWORD};
    return buf_append(&p->out, p->at->credentials ? slice_of(with, sizeof with) : slice_of(without, sizeof without));
}

static int append_byte(struct buf *b, size_t byte) { return buf_append(b, slice_of(&(uint8_t){(uint8_t)byte}, 1)); }

/* Appends the length of `s` as one byte, then `s`. */
static int append_counted(struct buf *b, struct slice s) {
    int rc = append_byte(b, s.n);
    return rc < 0 ? rc : buf_append(b, s);
}

/* RFC 1929 2 */
static int write_login(struct proxy *p) {
    struct slice password = slice_str(p->at->credentials), user;
    slice_split(&password, ':', &user);
    int rc = append_byte(&p->out, 1);
    if (rc == 0) rc = append_counted(&p->out, user);
    if (rc == 0) rc = append_counted(&p->out, password);
    p->state = PROXY_LOGIN;
    return rc;
}

/* RFC 1928 4 */
static int write_request(struct proxy *p) {
    uint8_t address[16], port[2] = {(uint8_t)(p->port >> 8), (uint8_t)p->port};
    bool ipv4 = inet_pton(AF_INET, p->host, address) == 1, ipv6 = !ipv4 && inet_pton(AF_INET6, p->host, address) == 1;
    const uint8_t head[] = {SOCKS_VERSION, SOCKS_CONNECT, 0, ipv4 ? SOCKS_IPV4 : ipv6 ? SOCKS_IPV6 : SOCKS_NAME};
    int rc = buf_append(&p->out, slice_of(head, sizeof head));
    if (rc == 0 && (ipv4 || ipv6)) rc = buf_append(&p->out, slice_of(address, ipv4 ? 4 : 16));
    if (rc == 0 && !ipv4 && !ipv6) rc = append_counted(&p->out, slice_str(p->host));
    if (rc == 0) rc = buf_append(&p->out, slice_of(port, sizeof port));
    p->state = PROXY_REPLY;
    return rc;
}

/* RFC 1928 6 */
static const char *reply_words(uint8_t code) {
    switch (code) {
    case 1: return "general failure";
    case 2: return "not allowed by its rules";
    case 3: return "network unreachable";
    case 4: return "host unreachable";
    case 5: return "connection refused";
    case 6: return "time to live expired";
    case 7: return "it does not know CONNECT";
    case 8: return "it does not know this type of address";
    default: return "an unknown code";
    }
}

/* How long the answer is, as far as its beginning tells. */
static size_t answer_size(const struct proxy *p) {
    if (p->state != PROXY_REPLY || p->in.len < 2) return 2;
    const uint8_t *in = p->in.base + p->in.start;
    if (in[0] != SOCKS_VERSION || in[1] != 0) return 2; /* the rest of a refusal is no use; some end it here */
    if (p->in.len < 5) return 5;
    switch (in[3]) {
    case SOCKS_IPV4: return 10;
    case SOCKS_IPV6: return 22;
    case SOCKS_NAME: return 7 + (size_t)in[4];
    default: return 5;
    }
}

static enum proxy_step judge_method(struct proxy *p, uint8_t method) {
    if (method == 0xFF)
        return FAIL(p, "the proxy %s accepts %s", p->place,
                    p->at->credentials ? "neither a user and password nor to go without"
                                       : "nobody without a log-in: give a user and password in its address");
    if (method != SOCKS_NO_LOGIN && (method != SOCKS_PASSWORD || !p->at->credentials))
        return FAIL(p, "the proxy %s chose a way to log in that was not offered (%u)", p->place, method);
    return (method == SOCKS_PASSWORD ? write_login(p) : write_request(p)) < 0 ? no_memory(p) : PROXY_MORE;
}

static enum proxy_step judge_reply(struct proxy *p, const uint8_t *in) {
    if (in[1] != 0) {
        p->unreachable = (in[1] >= 3 && in[1] <= 5) || in[1] == 8 || in[1] == 1; /* many send 1 for all of these */
        return FAIL(p, "the proxy %s does not connect to %s: %s (SOCKS reply %u)", p->place, p->server,
                    reply_words(in[1]), in[1]);
    }
    if (in[3] != SOCKS_IPV4 && in[3] != SOCKS_IPV6 && in[3] != SOCKS_NAME)
        return FAIL(p, "the proxy %s answered with an unknown type of address (%u)", p->place, in[3]);
    p->state = PROXY_THROUGH; /* the address that it connected from is of no use */
    return PROXY_DONE;
}

static enum proxy_step judge_answer(struct proxy *p) {
    const uint8_t *in = p->in.base + p->in.start;
    if (p->state == PROXY_LOGIN) { /* the version before the status is not looked at: some write 5, some 1 */
        if (in[1] != 0) return FAIL(p, "the proxy %s does not accept the user and password", p->place);
        return write_request(p) < 0 ? no_memory(p) : PROXY_MORE;
    }
    if (in[0] != SOCKS_VERSION)
        return FAIL(p, "the proxy %s does not speak SOCKS5%s", p->place,
                    in[0] == 'H' ? " (is it one of HTTP? then write http:// for socks5://)" : "");
    return p->state == PROXY_METHOD ? judge_method(p, in[1]) : judge_reply(p, in);
}

/* Collects an answer; what comes behind it stays in `*in`. */
static enum proxy_step take_answer(struct proxy *p, struct slice *in) {
    size_t size;
    while ((size = answer_size(p)) > p->in.len) {
        struct slice part = slice_head(*in, size - p->in.len);
        if (part.n == 0) return PROXY_MORE;
        if (buf_append(&p->in, part) < 0) return no_memory(p);
        *in = slice_skip(*in, part.n);
    }
    enum proxy_step step = judge_answer(p);
    buf_reset(&p->in, SIZE_MAX);
    return step;
}

/* ---- either ---- */

void proxy_init(struct proxy *p, const struct url *at, const char *host, uint16_t port) {
    bool socks = at->scheme >= URL_SOCKS5;
    *p = (struct proxy){.at = at, .port = port, .state = socks ? PROXY_METHOD : PROXY_CONNECT};
    url_place(at, p->place);
    buf_init(&p->in, HTTP1_HEAD_MAX);
    buf_init(&p->out, HTTP1_HEAD_MAX);
    snprintf(p->host, sizeof p->host, "%s", host);
    url_place(&(struct url){.host = p->host, .port = port, .host_is_ipv6 = strchr(host, ':') != NULL}, p->server);
    if ((socks ? write_methods(p) : write_connect(p)) < 0) no_memory(p);
}

void proxy_clear(struct proxy *p) {
    buf_clear(&p->in);
    buf_clear(&p->out);
}

enum proxy_step proxy_step(struct proxy *p, struct slice in) {
    enum proxy_step step = PROXY_MORE;
    if (p->state == PROXY_REFUSED) return PROXY_FAILED;
    if (p->state == PROXY_THROUGH) return PROXY_DONE;
    while (in.n && step == PROXY_MORE) {
        size_t asked = p->out.len;
        step = p->state == PROXY_CONNECT ? take_head(p, &in) : take_answer(p, &in);
        if (step >= 0 && in.n && (step == PROXY_DONE || p->out.len > asked))
            step = FAIL(p, "the proxy %s sent more than its answer", p->place);
    }
    return step;
}
