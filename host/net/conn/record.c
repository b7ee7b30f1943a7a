/* record: one line an event. */
#include "net/conn/record.h"

#include "base/digest.h"
#include "base/json_write.h"
#include "base/reserve.h"
#include "net/conn/record_file.h"
#include "wire/secret.h"
#include <stdlib.h>
#include <time.h>

enum { LINE_KEPT = 64 * 1024 }; /* bytes of memory that are kept for the next line */

struct record {
    struct record *next;
    struct record_file *file;         /* NULL: the record is a listener's */
    struct record_listener listener;  /* without `told`: the record has ended, and goes at the end of the turn */
    struct buf lines;                 /* to be told */
    const struct secret_style *style; /* NULL: nothing is left out */
    uint64_t began;
    struct buf line;
};

/* ---- lines ---- */

static void add(struct record *r, const char *text) { buf_append(&r->line, slice_str(text)); }

static void add_field(struct record *r, const char *name, struct slice value) {
    buf_printf(&r->line, ",\"%s\":", name);
    json_put_shown(&r->line, value);
}

static void begin(struct record *r, const struct conn *c, const char *event) {
    double time = clock_to_seconds(clock_now(&c->net->clock) - r->began);
    buf_reset(&r->line, LINE_KEPT);
    buf_printf(&r->line, "{\"time\":%.6f,\"connection\":%llu,\"event\":\"%s\"", time, (unsigned long long)c->id, event);
}

static void finish(struct record *r) {
    add(r, "}\n");
    if (r->listener.told) buf_append(&r->lines, buf_slice(&r->line));
    if (r->file) record_file_put(r->file, buf_slice(&r->line));
}

void record_flush(struct record *r) {
    if (r->file) record_file_flush(r->file);
    if (r->listener.told && r->lines.len) {
        struct buf lines; /* `told` may cause more lines */
        buf_init(&lines, SIZE_MAX);
        buf_swap(&lines, &r->lines);
        r->listener.told(r->listener.arg, buf_slice(&lines));
        buf_clear(&lines);
    }
    if (r->next) record_flush(r->next);
}

/* ---- heads ---- */

static void add_header(struct record *r, const struct http1_field *f) {
    struct buf value;
    buf_init(&value, SIZE_MAX);
    secret_put_header(&value, f->name, f->value, r->style);
    add(r, "[");
    json_put_shown(&r->line, f->name);
    add(r, ",");
    json_put_shown(&r->line, buf_slice(&value));
    add(r, "]");
    buf_clear(&value);
}

static void add_headers(struct record *r, const struct http1_head *head) {
    add(r, ",\"headers\":[");
    for (size_t i = 0; i < head->field_count; i++) {
        if (i) add(r, ",");
        add_header(r, &head->fields[i]);
    }
    add(r, "]");
}

static void add_url(struct record *r, const struct url *u) {
    struct buf text;
    char place[URL_PLACE_SIZE];
    if (!u->host) return; /* the script's function that should give it has failed */
    url_place(u, place);
    buf_init(&text, SIZE_MAX);
    if (u->scheme == URL_UNIX)
        buf_printf(&text, "ws+unix:%s:", u->socket_path);
    else
        buf_printf(&text, "%s://%s", u->scheme == URL_WSS ? "wss" : "ws", place);
    secret_put_target(&text, slice_str(u->target), r->style);
    add_field(r, "url", buf_slice(&text));
    buf_clear(&text);
}

/* ---- events ---- */

void record_connect(struct record *r, const struct conn *c) {
    const struct url *url = &c->plan->url;
    begin(r, c, "connect");
    buf_printf(&r->line, ",\"attempt\":%llu", (unsigned long long)c->attempt);
    if (url->host || url->socket_path) add_url(r, url); /* else the script's function that gives it has failed */
    finish(r);
    if (r->next) record_connect(r->next, c);
}

void record_request(struct record *r, const struct conn *c, struct slice head) {
    struct http1_head *parts = reserve_take(sizeof *parts);
    struct buf text, target;
    const char *why;
    buf_init(&text, SIZE_MAX);
    buf_init(&target, SIZE_MAX);
    if (buf_append(&text, head) == 0 && http1_request_parse(text.base + text.start, text.len, parts, &why) == 0) {
        begin(r, c, "request");
        secret_put_target(&target, parts->target, r->style);
        add_field(r, "target", buf_slice(&target));
        add_headers(r, parts);
        finish(r);
    }
    buf_clear(&text);
    buf_clear(&target);
    free(parts);
    if (r->next) record_request(r->next, c, head);
}

void record_response(struct record *r, const struct conn *c) {
    const struct conn_head *h = c->head;
    begin(r, c, "response");
    buf_printf(&r->line, ",\"status\":%u", h->parts.status);
    add_field(r, "reason", h->parts.reason);
    add_headers(r, &h->parts);
    if (h->body.len) add_field(r, "body", buf_slice(&h->body));
    finish(r);
    if (r->next) record_response(r->next, c);
}

void record_event(struct record *r, const struct conn *c, bool sent, enum ws_kind kind, struct slice data,
                  uint16_t code) {
    static const char *const kinds[] = {
        [WS_TEXT] = "text", [WS_BINARY] = "binary", [WS_CLOSE] = "close", [WS_PING] = "ping", [WS_PONG] = "pong"};
    if (r->next) record_event(r->next, c, sent, kind, data, code);
    if (!r->file && !(r->listener.told && (!r->listener.wants || r->listener.wants(r->listener.arg, c)))) return;
    begin(r, c, sent ? "sent" : "received");
    buf_printf(&r->line, ",\"kind\":\"%s\"", kinds[kind]);
    if (kind == WS_CLOSE) buf_printf(&r->line, ",\"code\":%u", code);
    if (data.n > r->listener.most) buf_printf(&r->line, ",\"size\":%zu", data.n);
    data = slice_head(data, r->listener.most);
    if (kind == WS_TEXT || kind == WS_CLOSE) {
        add_field(r, kind == WS_TEXT ? "data" : "reason", data);
    } else {
        add(r, ",\"base64\":\"");
        digest_base64(&r->line, data);
        add(r, "\"");
    }
    finish(r);
}

void record_end(struct record *r, const struct conn *c) {
    begin(r, c, "end");
    buf_printf(&r->line, ",\"code\":%u", c->end->code);
    if (c->end->fault.kind) {
        add_field(r, "error", slice_str(fault_word(&c->end->fault)));
        add_field(r, "message", slice_str(c->end->fault.text));
    }
    finish(r);
    if (r->next) record_end(r->next, c);
}

/* ---- the file, and listeners ---- */

static void record_free(struct record *r) {
    if (r->file) record_file_close(r->file);
    buf_clear(&r->line);
    buf_clear(&r->lines);
    free(r);
}

static void flush_all(struct net *net) {
    if (net->record) record_flush(net->record);
    for (struct record **at = &net->record, *r; (r = *at);) {
        bool is_over = !r->file && !r->listener.told;
        *at = is_over ? r->next : r;
        if (is_over)
            record_free(r);
        else
            at = &r->next;
    }
}

static const struct net_room room = {.turn_ends = flush_all, .end = record_close, .close = record_close};

static struct record *record_new(struct net *net, const struct secret_style *style) {
    struct record *r = reserve_take(sizeof *r);
    r->style = style;
    r->listener.most = SIZE_MAX;
    r->began = clock_now(&net->clock);
    buf_init(&r->line, SIZE_MAX);
    buf_init(&r->lines, SIZE_MAX);
    r->next = net->record;
    net->record = r;
    net_join(net, &room);
    return r;
}

int record_open(struct net *net, const char *path, bool secrets, struct fault *fault) {
    struct record_file *file = record_file_open(path, fault);
    if (!file) return ERR_SYSTEM;
    struct record *r = record_new(net, secrets ? NULL : &secret_in_records);
    r->file = file;
    time_t now = time(NULL);
    struct tm day;
    char started[32];
    gmtime_r(&now, &day);
    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", &day);
    buf_printf(&r->line, "{\"record\":1,\"program\":\"wsbot %s\",\"started\":\"%s\"", WSBOT_VERSION, started);
    finish(r);
    return 0;
}

void record_listen(struct net *net, const struct record_listener *listener) {
    record_new(net, &secret_for_people)->listener = *listener;
}

static struct record *listening(struct net *net, const void *arg) {
    struct record *r = net->record;
    while (r && !(r->listener.told && r->listener.arg == arg)) r = r->next;
    return r;
}

void record_unlisten(struct net *net, const void *arg) {
    struct record *r = listening(net, arg);
    if (r) r->listener.told = NULL;
}

void record_restart(struct net *net, const void *arg) {
    struct record *r = listening(net, arg);
    if (r) r->began = clock_now(&net->clock);
}

void record_close(struct net *net) {
    struct record *r;
    while ((r = net->record)) {
        net->record = r->next;
        record_free(r);
    }
}
