/* caller: one client of a web server: a request, then its answer, then the next. Requests that come before the last one
 * was answered are kept, up to READ_AHEAD bytes; beyond, the socket is not read. */
#include "net/http/server_parts.h"

#include "base/container_of.h"
#include <stdlib.h>

enum {
    READ_MOST = 16 * 1024,  /* bytes that are read at a time */
    READ_AHEAD = 16 * 1024, /* bytes behind a request that is not answered yet */
    LEAVING_S = 2,          /* seconds that a client has to read the last answer, and */
    LEAVING = 16 << 20,     /* bytes that it may send meanwhile: mostly what it had sent before we refused */
};

/* ---- memory, and the end ---- */

static void hold(struct http_caller *c) { c->references++; }

static void release(struct http_caller *c) {
    err_must(c->references > 0);
    if (--c->references == 0) free(c);
}

static struct clock *clock_of(const struct http_caller *c) { return &c->server->net->clock; }

static void count(struct http_caller *c) {
    size_t now = sizeof *c + sizeof(struct stream) + c->in.size + c->out.size;
    if (c->stream) now += stream_waiting(c->stream);
    if (c->asked) now += sizeof *c->asked + c->asked->text.size + c->asked->body.size;
    http_server_count(c->server, &c->kept, c->state == CALLER_CLOSED ? 0 : now);
}

void http_asked_release(struct http_asked *a) {
    if (!a) return;
    err_must(a->references > 0);
    if (--a->references) return;
    buf_clear(&a->text);
    buf_clear(&a->body);
    free(a);
}

static void forget_request(struct http_caller *c) {
    http_asked_release(c->asked);
    c->asked = NULL;
}

static void untake(struct http_caller *c) {
    if (c->state == CALLER_TAKEN) c->server->net->http_serving--;
    c->taker = NULL;
}

void http_caller_end(struct http_caller *c) {
    struct http_server *s = c->server;
    if (c->state == CALLER_CLOSED) return;
    void *taker = c->state == CALLER_TAKEN ? c->taker : NULL;
    untake(c);
    c->state = CALLER_CLOSED;
    clock_cancel(clock_of(c), &c->due);
    stream_close(c->stream);
    c->stream = NULL;
    forget_request(c);
    buf_clear(&c->in);
    buf_clear(&c->out);
    count(c);
    http_server_unlink(c);
    if (taker) c->left(taker);
    release(c);
    http_server_settle(s);
}

bool http_caller_is_idle(const struct http_caller *c) {
    return c->state == CALLER_HEAD && !c->begun && c->in.len == 0 && !stream_has_unread(c->stream);
}

/* ---- deadlines ---- */

static void go_on(struct http_caller *c);
static void leave(struct http_caller *c);
static void on_limit(struct deadline *d);

static struct http_caller *of_due(struct deadline *d) { return container_of(d, struct http_caller, due); }

static void set_limit(struct http_caller *c, unsigned seconds) {
    clock_set(clock_of(c), &c->due, clock_now(clock_of(c)) + seconds * CLOCK_SECOND, on_limit);
}

static void limit(struct http_caller *c, unsigned seconds) {
    set_limit(c, c->server->patient ? HTTP_SERVER_PATIENCE_S : seconds);
}

static void on_soon(struct deadline *d) { go_on(of_due(d)); }

static void go_on_soon(struct http_caller *c) { clock_set(clock_of(c), &c->due, clock_now(clock_of(c)), on_soon); }

static size_t unwritten(const struct http_caller *c) {
    return c->out.len + uv_stream_get_write_queue_size(&c->stream->uv.stream);
}

/* Ends the connection of a client that takes too little of its answer. */
static void look_at_writing(struct http_caller *c) {
    size_t now = unwritten(c);
    if (c->unwritten - now < HTTP_SERVER_WRITE) {
        http_caller_end(c);
        return;
    }
    c->unwritten = now;
    limit(c, HTTP_SERVER_WRITE_S);
}

static void on_limit(struct deadline *d) {
    struct http_caller *c = of_due(d);
    if (c->state == CALLER_HEAD && c->begun)
        http_caller_refuse(c, 408, "the head of the request did not come within 10 s");
    else if (c->state == CALLER_BODY)
        http_caller_refuse(c, 408, "the body of the request did not come within 30 s");
    else if (c->state == CALLER_ANSWERING)
        look_at_writing(c);
    else
        http_caller_end(c);
}

/* ---- reading ---- */

static void look_at_reading(struct http_caller *c) {
    bool is_busy = c->state == CALLER_WAITS || c->state == CALLER_TAKEN || c->state == CALLER_ANSWERING;
    if (c->stream) stream_read(c->stream, !c->ended && !(is_busy && c->in.len >= READ_AHEAD));
    if (c->in.len == 0) buf_clear(&c->in);
    count(c);
}

/* Skips empty lines before a request line (RFC 9112 2.2). */
static void skip_empty_lines(struct http_caller *c) {
    struct slice in = buf_slice(&c->in);
    size_t n = 0;
    while (!c->begun && n < in.n && (in.p[n] == '\n' || in.p[n] == '\r')) n++;
    buf_consume(&c->in, n);
}

/* Judges the head, of `n` bytes, at the front of what came. 0, or the status to refuse it with and `*why`. */
static unsigned read_head(struct http_caller *c, size_t n, const char **why) {
    struct http_asked *a = account_has_room(c->server->account, sizeof *a + n) ? malloc(sizeof *a) : NULL;
    *why = "there is no memory for the request";
    if (!a) return 503;
    a->references = 1;
    a->parts = (struct serve_request){0};
    buf_init(&a->text, HTTP1_HEAD_MAX);
    buf_init(&a->body, c->server->max_body);
    c->asked = a;
    if (buf_append(&a->text, slice_head(buf_slice(&c->in), n)) < 0) return 503;
    buf_consume(&c->in, n);
    if (http1_request_parse(a->text.base + a->text.start, n, &a->head, why) < 0) return 400;
    unsigned status = serve_judge(&a->head, &a->parts, why);
    if (status) return status;
    *why = "the body of the request is larger than this server takes";
    if (a->parts.length > c->server->max_body) return 413;
    serve_body_init(&a->reader, &a->parts);
    return 0;
}

static void flush(struct http_caller *c) {
    if (!stream_busy(c->stream) && c->out.len && stream_write(c->stream, &c->out) < 0) http_caller_end(c);
}

/* Sends 100 Continue, unless the body has begun to come without it (RFC 9110 10.1.1). */
static void ask_for_body(struct http_caller *c) {
    if (!c->asked->parts.continues || c->in.len || c->asked->reader.place == SERVE_WHOLE) return;
    buf_append(&c->out, slice_str("HTTP/1.1 100 Continue\r\n\r\n")); /* no memory: it may come unasked */
    flush(c);
}

static void take_head(struct http_caller *c) {
    const char *why;
    skip_empty_lines(c);
    if (c->in.len == 0 && !clock_is_set(&c->due)) limit(c, HTTP_SERVER_IDLE_S);
    if (c->in.len == 0) return;
    if (!c->begun) limit(c, HTTP_SERVER_HEAD_S);
    c->begun = true;
    size_t n = http1_head_size(buf_slice(&c->in), &c->scanned);
    if (n > HTTP1_HEAD_MAX || (n == 0 && c->in.len >= HTTP1_HEAD_MAX)) {
        http_caller_refuse(c, 431, "the head of the request is larger than 32 KB");
        return;
    }
    if (n == 0) return;
    unsigned status = read_head(c, n, &why);
    if (status) {
        http_caller_refuse(c, status, why);
        return;
    }
    c->scanned = 0;
    c->state = CALLER_BODY;
    limit(c, HTTP_SERVER_BODY_S);
    ask_for_body(c);
}

static void refuse_for_memory(struct http_caller *c) {
    http_caller_refuse(c, 503, "there is no memory for the request");
}

static void offer(struct http_caller *c) {
    const struct http_server *s = c->server;
    if (s->sink)
        s->sink->requested(s->arg, c);
    else
        http_caller_refuse(c, 503, "this server has ended");
}

static void take_body(struct http_caller *c) {
    struct http_asked *a = c->asked;
    struct slice in = buf_slice(&c->in);
    int rc = account_has_room(c->server->account, in.n) ? serve_body_step(&a->reader, &in, &a->body) : ERR_NOMEM;
    buf_consume(&c->in, c->in.len - in.n);
    if (rc == ERR_SYNTAX) http_caller_refuse(c, 400, a->reader.why);
    if (rc == ERR_FULL) http_caller_refuse(c, 413, "the body of the request is larger than this server takes");
    if (rc == ERR_NOMEM) refuse_for_memory(c);
    if (rc != 1) return;
    c->state = CALLER_WAITS;
    clock_cancel(clock_of(c), &c->due);
    offer(c);
}

/* The client has sent FIN, within a request or between two. */
static void end_early(struct http_caller *c) {
    if (c->state == CALLER_HEAD && !c->begun && c->in.len == 0)
        http_caller_end(c);
    else if ((c->state == CALLER_HEAD && c->begun) || c->state == CALLER_BODY)
        http_caller_refuse(c, 400, "the request ended before it was whole");
}

static void go_on(struct http_caller *c) {
    hold(c);
    if (c->state == CALLER_WAITS) offer(c);
    if (c->state == CALLER_HEAD) take_head(c);
    if (c->state == CALLER_BODY) take_body(c);
    if (c->ended) end_early(c);
    look_at_reading(c);
    release(c);
}

static void on_place(void *owner, uint8_t **at, size_t *n) {
    (void)owner;
    (void)at;
    if (*n > READ_MOST) *n = READ_MOST;
}

static void on_received(void *owner, uint8_t *data, size_t n) {
    struct http_caller *c = owner;
    bool is_reading = c->state == CALLER_HEAD || c->state == CALLER_BODY;
    if (c->state == CALLER_LEAVING) {
        c->dropped += n;
        if (c->dropped > LEAVING) http_caller_end(c);
    } else if (!account_has_room(c->server->account, n) || buf_append(&c->in, slice_of(data, n)) < 0) {
        is_reading ? refuse_for_memory(c) : http_caller_end(c);
    } else if (is_reading) {
        go_on(c);
    } else {
        look_at_reading(c);
    }
}

static void on_ended(void *owner, int error) {
    struct http_caller *c = owner;
    c->ended = true;
    if (error != UV_EOF || c->state == CALLER_LEAVING)
        http_caller_end(c);
    else
        end_early(c);
}

/* ---- answering ---- */

/* The answer is written. */
static void answered(struct http_caller *c) {
    buf_clear(&c->out);
    if (!c->keeps || c->server->closing) {
        leave(c);
        return;
    }
    c->state = CALLER_HEAD;
    c->begun = false;
    http_server_unlink(c);
    http_server_link(c->server, c); /* it is the one that has been idle for the shortest time */
    if (c->in.len || c->ended)
        go_on_soon(c);
    else
        limit(c, HTTP_SERVER_IDLE_S);
    look_at_reading(c);
}

/* The last answer is written. To close with unread input would send RST, and the client may lose the answer (RFC 9112
 * 9.6). */
static void leave(struct http_caller *c) {
    if (c->ended) {
        http_caller_end(c);
        return;
    }
    c->state = CALLER_LEAVING;
    buf_reset(&c->in, 0);
    stream_shutdown(c->stream);
    set_limit(c, LEAVING_S);
    look_at_reading(c);
}

static void on_written(void *owner, int error) {
    struct http_caller *c = owner;
    if (error < 0) {
        http_caller_end(c);
        return;
    }
    hold(c);
    flush(c);
    if (c->state == CALLER_ANSWERING && unwritten(c) == 0) answered(c);
    if (c->state != CALLER_CLOSED) count(c);
    release(c);
}

/* Begins to write the answer in `out`; `rc` below 0: there was no memory for it. */
static void begin_answer(struct http_caller *c, bool keeps, int rc) {
    hold(c);
    untake(c);
    c->state = CALLER_ANSWERING;
    c->keeps = keeps;
    forget_request(c);
    if (rc < 0)
        http_caller_end(c);
    else
        flush(c);
    if (c->state == CALLER_ANSWERING && (c->unwritten = unwritten(c)) > 0)
        limit(c, HTTP_SERVER_WRITE_S);
    else if (c->state == CALLER_ANSWERING)
        answered(c);
    if (c->state != CALLER_CLOSED) look_at_reading(c);
    release(c);
}

static int64_t now(const struct http_caller *c) { return (int64_t)clock_wall(clock_of(c)); }

void http_caller_answer(struct http_caller *c, const struct serve_answer *a) {
    struct serve_request *to = &c->asked->parts;
    to->keeps = to->keeps && !c->server->closing;
    bool keeps = to->keeps;
    int rc = serve_answer_write(&c->out, a, to, now(c));
    begin_answer(c, keeps, rc);
}

void http_caller_refuse(struct http_caller *c, unsigned status, const char *why) {
    struct serve_request to = c->asked ? c->asked->parts : (struct serve_request){0};
    bool is_whole = c->state == CALLER_WAITS || c->state == CALLER_TAKEN; /* the next request can be found behind it */
    to.keeps = to.keeps && is_whole && !c->server->closing;
    begin_answer(c, to.keeps, serve_refusal_write(&c->out, status, why, &to, now(c)));
}

/* ---- for its server, and the owner ---- */

struct http_asked *http_caller_hold_asked(struct http_caller *c) {
    c->asked->references++;
    return c->asked;
}

void http_caller_take(struct http_caller *c, void (*left)(void *taker), void *taker) {
    c->state = CALLER_TAKEN;
    c->left = left;
    c->taker = taker;
    clock_cancel(clock_of(c), &c->due);
    c->server->net->http_serving++;
}

void http_caller_give_back(struct http_caller *c) {
    untake(c);
    c->state = CALLER_WAITS;
    go_on_soon(c);
}

void http_caller_give_up(struct http_caller *c) {
    bool is_asked = c->state == CALLER_BODY || c->state == CALLER_WAITS || c->state == CALLER_TAKEN;
    void *taker = c->state == CALLER_TAKEN ? c->taker : NULL;
    if (is_asked || (c->state == CALLER_HEAD && c->begun)) {
        if (taker) c->left(taker);
        http_caller_refuse(c, 503, "this server is about to end");
    }
}

void http_caller_close(struct http_caller *c) {
    if (http_caller_is_idle(c))
        http_caller_end(c);
    else if (c->state == CALLER_HEAD && !c->begun && c->in.len == 0)
        limit(c, HTTP_SERVER_HEAD_S);
}

bool http_caller_new(struct http_server *s, struct stream *stream) {
    static const struct stream_events events = {
        .place = on_place, .received = on_received, .ended = on_ended, .written = on_written};
    if (!account_has_room(s->account, sizeof(struct http_caller))) return false;
    struct http_caller *c = calloc(1, sizeof *c);
    if (!c) return false;
    c->server = s;
    c->stream = stream;
    c->references = 1;
    buf_init(&c->in, HTTP1_HEAD_MAX + READ_AHEAD + READ_MOST);
    buf_init(&c->out, SIZE_MAX);
    http_server_link(s, c);
    stream_own(stream, &events, c);
    stream_hasten(stream);
    limit(c, HTTP_SERVER_HEAD_S);
    look_at_reading(c);
    return true;
}
