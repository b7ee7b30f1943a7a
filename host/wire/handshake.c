/* handshake: what RFC 6455 section 4 asks of either side, rule by rule. */
#include "wire/handshake.h"

#include "base/digest.h"
#include "wire/secret.h"
#include <stdio.h>

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
enum { ACCEPT_SIZE = 28 };

void handshake_offer_init(struct handshake_offer *o) {
    *o = (struct handshake_offer){0};
    buf_init(&o->headers, HANDSHAKE_OFFER_MAX);
    buf_init(&o->protocols, HANDSHAKE_OFFER_MAX);
    buf_init(&o->origin, HANDSHAKE_OFFER_MAX);
}

void handshake_offer_reset_headers(struct handshake_offer *o) {
    buf_clear(&o->headers);
    o->host_given = o->agent_given = o->authorization_given = false;
}

void handshake_offer_clear(struct handshake_offer *o) {
    handshake_offer_reset_headers(o);
    buf_clear(&o->protocols);
    buf_clear(&o->origin);
}

/* Is it a header of the handshake itself, which a script may not give? */
static bool owned(struct slice name) {
    static const char *const names[] = {"Upgrade", "Connection", "Content-Length", "Transfer-Encoding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_eq_nocase(name, slice_str(names[i]))) return true;
    return slice_eq_nocase(slice_head(name, 14), slice_str("Sec-WebSocket-"));
}

int handshake_offer_header(struct handshake_offer *o, struct slice name, struct slice value, const char **why) {
    bool host = slice_eq_nocase(name, slice_str("Host"));
    *why = !http1_is_token(name)    ? "its name is not a header name"
           : owned(name)            ? "the handshake owns it (protocols and compression have options of their own)"
           : !http1_is_value(value) ? "its value has a control character (CR, LF or NUL, say)"
           : host && o->host_given  ? "there may be one Host only"
                                    : NULL;
    if (*why) return ERR_RANGE;
    size_t before = o->headers.len;
    if (buf_printf(&o->headers, "%.*s: ", SLICE_ARGS(name)) < 0 || buf_append(&o->headers, value) < 0 ||
        buf_append(&o->headers, slice_str("\r\n")) < 0) {
        o->headers.len = before;
        *why = "the headers are over 64 KB, or there is no memory for them";
        return ERR_RANGE;
    }
    o->host_given |= host;
    o->agent_given |= slice_eq_nocase(name, slice_str("User-Agent"));
    o->authorization_given |= slice_eq_nocase(name, slice_str("Authorization"));
    return 0;
}

/* Is `name` one of the comma-separated `list`, letter for letter? */
static bool listed(struct slice list, struct slice name) {
    struct slice part;
    while (slice_split(&list, ',', &part))
        if (slice_eq(slice_trim(part), name)) return true;
    return false;
}

int handshake_offer_protocol(struct handshake_offer *o, struct slice name, const char **why) {
    *why = !http1_is_token(name)                    ? "it is not a token (RFC 9110 5.6.2)"
           : listed(buf_slice(&o->protocols), name) ? "it is offered twice"
                                                    : NULL;
    if (!*why &&
        (buf_append(&o->protocols, slice_str(o->protocols.len ? ", " : "")) < 0 || buf_append(&o->protocols, name) < 0))
        *why = "the protocols are over 64 KB, or there is no memory for them";
    return *why ? ERR_RANGE : 0;
}

int handshake_offer_origin(struct handshake_offer *o, struct slice origin, const char **why) {
    *why = !http1_is_value(origin) ? "it has a control character" : NULL;
    buf_reset(&o->origin, SIZE_MAX);
    if (!*why && buf_append(&o->origin, origin) < 0) *why = "it is over 64 KB, or there is no memory for it";
    return *why ? ERR_RANGE : 0;
}

void handshake_key(const uint8_t nonce[16], char key[HANDSHAKE_KEY_SIZE + 1]) {
    digest_base64_text(key, slice_of(nonce, 16));
}

static int write_authorization(struct buf *out, const char *credentials) {
    int rc = buf_append(out, slice_str("Authorization: Basic "));
    if (rc == 0) rc = digest_base64(out, slice_str(credentials));
    return rc < 0 ? rc : buf_append(out, slice_str("\r\n"));
}

/* Writes the subprotocols that may be offered to where the request goes. */
static int write_protocols(struct buf *out, struct slice offered, const struct handshake_extras *extras) {
    struct slice one;
    int rc = 0;
    bool first = true;
    while (rc == 0 && offered.n && slice_split(&offered, ',', &one)) {
        one = slice_trim(one);
        if (extras->foreign && secret_is_in_protocol(one)) continue;
        rc = buf_printf(out, "%s%.*s", first ? "Sec-WebSocket-Protocol: " : ", ", SLICE_ARGS(one));
        first = false;
    }
    return rc < 0 || first ? rc : buf_append(out, slice_str("\r\n"));
}

/* Writes the header lines of the script, and the cookies. */
static int write_headers(struct buf *out, struct slice lines, const struct handshake_extras *extras) {
    if (!extras->foreign && !extras->cookies.n) return buf_append(out, lines);
    struct slice line, cookies = slice_of(NULL, 0);
    int rc = 0;
    while (rc == 0 && lines.n && slice_split(&lines, '\n', &line)) {
        struct slice rest = line, name;
        slice_split(&rest, ':', &name);
        bool is_cookie = slice_eq_nocase(name, slice_str("Cookie"));
        if (is_cookie && !cookies.p && !extras->foreign) {
            cookies = slice_trim(slice_head(rest, rest.n - 1)); /* without its CR */
        } else if (!extras->foreign || secret_header_may_leave(name, extras->headers)) {
            rc = buf_append(out, line);
            if (rc == 0) rc = buf_append(out, slice_str("\n"));
        }
    }
    if (rc < 0 || (!cookies.n && !extras->cookies.n)) return rc;
    const char *between = cookies.n && extras->cookies.n ? "; " : "";
    return buf_printf(out, "Cookie: %.*s%s%.*s\r\n", SLICE_ARGS(cookies), between, SLICE_ARGS(extras->cookies));
}

/* Appends texts, up to NULL. */
static int append_all(struct buf *out, const char *const *texts) {
    int rc = 0;
    for (; rc == 0 && *texts; texts++) rc = buf_append(out, slice_str(*texts));
    return rc;
}

int handshake_request_write(struct buf *out, const struct url *url, const struct handshake_offer *offer,
                            const struct handshake_extras *extras, const char *key) {
    static const struct handshake_extras none;
    if (!extras) extras = &none;
    const char *first[] = {"GET ", url->target, " HTTP/1.1\r\n", NULL};
    int rc = append_all(out, first);
    if (rc == 0 && (!offer->host_given || extras->foreign)) {
        const char *open = url->host_is_ipv6 ? "[" : "", *shut = url->host_is_ipv6 ? "]" : "";
        char port[8] = "";
        if (!url->port_is_default) snprintf(port, sizeof port, ":%u", url->port);
        const char *host[] = {"Host: ", open, url->host, shut, port, "\r\n", NULL};
        rc = append_all(out, host);
    }
    const char *upgrade[] = {"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ", key,
                             "\r\nSec-WebSocket-Version: 13\r\n", NULL};
    if (rc == 0) rc = append_all(out, upgrade);
    if (rc == 0) rc = write_protocols(out, buf_slice(&offer->protocols), extras);
    if (rc == 0 && offer->deflate.on) {
        rc = buf_append(out, slice_str("Sec-WebSocket-Extensions: "));
        if (rc == 0) rc = deflate_offer_write(out, &offer->deflate);
        if (rc == 0) rc = buf_append(out, slice_str("\r\n"));
    }
    if (rc == 0 && offer->origin.len && (!extras->foreign || extras->headers))
        rc = buf_printf(out, "Origin: %.*s\r\n", SLICE_ARGS(buf_slice(&offer->origin)));
    bool has_authorization = offer->authorization_given && !extras->foreign;
    if (rc == 0 && url->credentials && !has_authorization) rc = write_authorization(out, url->credentials);
    if (rc == 0 && !offer->agent_given) rc = buf_append(out, slice_str("User-Agent: wsbot/" WSBOT_VERSION "\r\n"));
    if (rc == 0) rc = write_headers(out, buf_slice(&offer->headers), extras);
    return rc < 0 ? rc : buf_append(out, slice_str("\r\n"));
}

static void accept_for(struct slice key, char accept[ACCEPT_SIZE + 1]) {
    uint8_t sum[SHA1_SIZE];
    digest_sha1(key, slice_str(guid), sum);
    digest_base64_text(accept, slice_of(sum, SHA1_SIZE));
}

static int judge_extensions(const struct http1_head *head, const struct handshake_offer *offer,
                            struct deflate_params *deflate, struct fault *fault) {
    struct buf answer;
    buf_init(&answer, HTTP1_HEAD_MAX);
    int rc = http1_field_join(head, "Sec-WebSocket-Extensions", &answer);
    if (rc < 0) fault_put(fault, FAULT_HANDSHAKE, "no memory for the extensions of the answer");
    if (rc == 0) rc = deflate_answer_judge(buf_slice(&answer), &offer->deflate, deflate, fault);
    buf_clear(&answer);
    return rc;
}

static int refuse_answer(const struct http1_head *head, struct fault *fault) {
    struct slice location = http1_field_get(head, "Location");
    char to[SECRET_SHOWN_SIZE] = "";
    if (handshake_is_redirect(head->status)) secret_shown(location, to);
    fault_put(fault, FAULT_HANDSHAKE, "the server answered %u%s%.*s%s%s%s", head->status, head->reason.n ? " " : "",
              SLICE_ARGS(slice_head(head->reason, 200)), to[0] ? ": it redirects to " : "", to,
              to[0] ? " (see max_redirects)" : "");
    return ERR_RANGE;
}

/* Puts what is wrong into the fault, with the value of the field that causes it, where the answer has that field. */
static void put_broken(struct fault *fault, const char *why, const struct http1_head *head, const char *field) {
    struct slice value = field ? http1_field_get(head, field) : slice_of(NULL, 0);
    if (value.p)
        fault_put(fault, FAULT_HANDSHAKE, "%s: %s is \"%.*s\"", why, field, SLICE_ARGS(slice_head(value, 100)));
    else
        fault_put(fault, FAULT_HANDSHAKE, "%s", why);
}

/* The rules that an answer with 101 has to keep; the first that it breaks is told. */
static void judge_fields(const struct http1_head *head, const char *key, struct fault *fault) {
    static const char accept[] = "Sec-WebSocket-Accept", protocol[] = "Sec-WebSocket-Protocol";
    char right[ACCEPT_SIZE + 1];
    accept_for(slice_str(key), right);
    const struct {
        bool broken;
        const char *why, *field;
    } rules[] = {
        {head->minor < 1, "the server switches protocols in HTTP/1.0 (RFC 6455 4.1)", NULL},
        {!http1_list_has(head, "Upgrade", "websocket"), "the answer has no \"Upgrade: websocket\" (RFC 6455 4.1)",
         "Upgrade"},
        {!http1_list_has(head, "Connection", "upgrade"), "the answer has no \"Connection: Upgrade\" (RFC 6455 4.1)",
         "Connection"},
        {http1_field_count(head, accept) == 0, "the answer has no Sec-WebSocket-Accept (RFC 6455 4.1)", NULL},
        {http1_field_count(head, accept) > 1, "the answer has more than one Sec-WebSocket-Accept (RFC 6455 11.3.3)",
         NULL},
        {!slice_eq(http1_field_get(head, accept), slice_str(right)),
         "Sec-WebSocket-Accept does not match the key sent (RFC 6455 4.1)", accept},
        {http1_field_count(head, protocol) > 1, "the answer has more than one Sec-WebSocket-Protocol (RFC 6455 11.3.4)",
         NULL},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) put_broken(fault, rules[i].why, head, rules[i].field);
}

int handshake_response_judge(const struct http1_head *head, const struct handshake_offer *offer, const char *key,
                             struct slice *protocol, struct deflate_params *deflate, struct fault *fault) {
    if (head->status != 101) return refuse_answer(head, fault);
    *protocol = http1_field_get(head, "Sec-WebSocket-Protocol");
    judge_fields(head, key, fault);
    if (!fault_set(fault) && protocol->p &&
        !(http1_is_token(*protocol) && listed(buf_slice(&offer->protocols), *protocol)))
        fault_put(fault, FAULT_HANDSHAKE, "the server chose a subprotocol that was not offered: %.*s (RFC 6455 4.1)",
                  SLICE_ARGS(slice_head(*protocol, 100)));
    return fault_set(fault) ? ERR_RANGE : judge_extensions(head, offer, deflate, fault);
}

unsigned handshake_request_judge(const struct http1_head *head, const char **why) {
    *why = "this is a WebSocket server: connect with a WebSocket client";
    if (!slice_eq(head->method, slice_str("GET"))) return 405;
    if (!http1_list_has(head, "Upgrade", "websocket")) return 426;
    struct slice version = http1_field_get(head, "Sec-WebSocket-Version");
    if (!slice_eq(version, slice_str("13"))) {
        *why = "only version 13 of the protocol is spoken here";
        return 426;
    }
    *why = head->minor < 1                        ? "the request must be HTTP/1.1 (RFC 6455 4.1)"
           : http1_field_count(head, "Host") != 1 ? "the request needs one Host (RFC 6455 4.1)"
           : !http1_list_has(head, "Connection", "upgrade")
               ? "the request has no \"Connection: Upgrade\" (RFC 6455 4.1)"
           : http1_field_count(head, "Sec-WebSocket-Key") != 1 ||
                   !digest_is_base64_of(http1_field_get(head, "Sec-WebSocket-Key"), 16)
               ? "Sec-WebSocket-Key must be 16 bytes in Base64 (RFC 6455 4.1)"
               : NULL;
    return *why ? 400 : 101;
}

static int write_extensions(struct buf *out, const struct http1_head *request, struct deflate_params *deflate) {
    struct buf asked, answer;
    buf_init(&asked, HTTP1_HEAD_MAX);
    buf_init(&answer, 512);
    int rc = http1_field_join(request, "Sec-WebSocket-Extensions", &asked);
    if (rc == 0) rc = deflate_request_accept(buf_slice(&asked), deflate, &answer);
    if (rc == 0 && deflate->on)
        rc = buf_printf(out, "Sec-WebSocket-Extensions: %.*s\r\n", SLICE_ARGS(buf_slice(&answer)));
    buf_clear(&asked);
    buf_clear(&answer);
    return rc;
}

int handshake_response_write(struct buf *out, const struct http1_head *request, struct slice protocol,
                             struct deflate_params *deflate) {
    char accept[ACCEPT_SIZE + 1];
    accept_for(http1_field_get(request, "Sec-WebSocket-Key"), accept);
    int rc = buf_printf(out,
                        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                        "Upgrade\r\nSec-WebSocket-Accept: %s\r\n",
                        accept);
    if (rc == 0 && protocol.n) rc = buf_printf(out, "Sec-WebSocket-Protocol: %.*s\r\n", SLICE_ARGS(protocol));
    if (rc == 0 && deflate) rc = write_extensions(out, request, deflate);
    return rc < 0 ? rc : buf_append(out, slice_str("\r\n"));
}

int handshake_refusal_write(struct buf *out, unsigned status, const char *why) {
    const char *reason = status == 400   ? "Bad Request"
                         : status == 405 ? "Method Not Allowed"
                         : status == 426 ? "Upgrade Required"
                                         : "Refused";
    const char *extra = status == 405   ? "Allow: GET\r\n"
                        : status == 426 ? "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                        : "";
    return buf_printf(
        out, "HTTP/1.1 %u %s\r\n%sConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s\n",
        status, reason, extra, strlen(why) + 1, why);
}
