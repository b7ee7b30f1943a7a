/* ws: a reader that is always in one of two places, within a head or within a payload. The writer is in ws_send.c. */
#include "wire/ws_parts.h"

#include "base/reserve.h"
#include "wire/mask.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void ws_init(struct ws *w, enum ws_role role, uint64_t max_message_size, struct buf *out, uint32_t (*mask)(void)) {
    *w = (struct ws){
        .role = role, .max_message_size = max_message_size, .out = out, .mask = mask, .inflate_left = INT64_MAX};
}

static size_t message_cap(const struct ws *w) {
    return w->max_message_size < SIZE_MAX ? (size_t)w->max_message_size : SIZE_MAX;
}

void ws_limit(struct ws *w, uint64_t max_message_size) {
    w->max_message_size = max_message_size;
    if (w->partial) w->partial->message.cap = message_cap(w);
}

int ws_use_deflate(struct ws *w, const struct deflate_params *params, const struct deflate_offer *offer) {
    if (!params->on) return 0;
    w->deflate = malloc(sizeof *w->deflate);
    if (!w->deflate) return ERR_NOMEM;
    deflate_init(w->deflate, params, offer, w->role == WS_CLIENT);
    w->threshold = offer->threshold;
    return 0;
}

static void forget_partial(struct ws *w) {
    if (w->partial) buf_clear(&w->partial->message);
    free(w->partial);
    w->partial = NULL;
}

void ws_clear(struct ws *w) {
    forget_partial(w);
    if (w->deflate) deflate_clear(w->deflate);
    free(w->deflate);
    free(w->pong);
    free(w->fault);
    w->deflate = NULL;
    w->pong = NULL;
    w->fault = NULL;
}

size_t ws_received(const struct ws *w) { return w->partial && !w->partial->delivered ? w->partial->message.len : 0; }

size_t ws_size(const struct ws *w) {
    size_t partial = w->partial ? sizeof *w->partial + w->partial->message.len : 0;
    return partial + (w->deflate ? deflate_size(w->deflate) : 0);
}

bool ws_close_code_valid(uint16_t code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

/* ---- reading ---- */

/* The text must be ASCII, so that it may be cut for the Close frame. */
static enum ws_step fail(struct ws *w, enum fault_kind kind, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static enum ws_step fail(struct ws *w, enum fault_kind kind, uint16_t code, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (!w->fault) w->fault = reserve_take(sizeof *w->fault);
    fault_put(w->fault, kind, "%s", text);
    ws_close(w, code, slice_head(slice_str(text), WS_REASON_MAX));
    forget_partial(w);
    return WS_FAILED;
}

#define FAIL_PROTOCOL(w, ...) fail(w, FAULT_PROTOCOL, WS_CLOSE_PROTOCOL, __VA_ARGS__)

static enum ws_step fail_no_memory(struct ws *w) {
    return fail(w, FAULT_TOO_BIG, WS_CLOSE_TOO_BIG, "no memory for a message");
}

/* Fails, since the current frame makes a message of `size` bytes. */
static enum ws_step fail_too_big(struct ws *w, uint64_t size) {
    const struct ws_partial *p = w->partial;
    return fail(w, FAULT_TOO_BIG, WS_CLOSE_TOO_BIG,
                "a message of %" PRIu64 " %sbytes%s, over max_message_size (%" PRIu64 ")", size,
                p->compressed ? "compressed " : "", p->frame.fin ? "" : " or more", w->max_message_size);
}

/* Fails, since `text` is not UTF-8. */
static enum ws_step fail_utf8(struct ws *w, struct slice text, const char *what, const char *rule) {
    char where[64] = "it ends within a character";
    size_t at = utf8_wrong_at(text);
    if (at < text.n) snprintf(where, sizeof where, "byte 0x%02x at offset %zu", text.p[at], at);
    return fail(w, FAULT_INVALID_UTF8, WS_CLOSE_INVALID_DATA, "a %s that is not UTF-8: %s (RFC 6455 %s)", what, where,
                rule);
}

void ws_refuse(struct ws *w, const char *text) { fail(w, FAULT_TOO_BIG, WS_CLOSE_TOO_BIG, "%s", text); }

static enum ws_step fail_head(struct ws *w, int error, struct slice in, const struct frame_rules *rules) {
    char text[FRAME_ERROR_SIZE];
    frame_error_tell(error, in, rules, text);
    return FAIL_PROTOCOL(w, "%s", text);
}

/* Reads a head, which a read may have cut anywhere. WS_EVENT: the frame is entered next. */
static enum ws_step read_head(struct ws *w, struct slice *in) {
    struct ws_partial *p = w->partial;
    const struct frame_rules rules = {.rsv_allowed = w->deflate ? WS_RSV_COMPRESSED : 0,
                                      .masked = w->role == WS_SERVER};
    size_t had = p->head_n;
    struct slice head = *in;
    if (had) {
        head = slice_of(p->head, had + slice_head(*in, FRAME_HEAD_MAX - had).n);
        memcpy(p->head + had, in->p, head.n - had);
    }
    int size = frame_head_read(head, &rules, &p->frame);
    if (size < 0) return fail_head(w, size, head, &rules);
    if (size > 0) {
        *in = slice_skip(*in, (size_t)size - had);
        p->head_n = 0;
        return WS_EVENT;
    }
    struct slice rest = slice_head(*in, FRAME_HEAD_MAX - had); /* part of a head is shorter than a whole one */
    if (rest.n) memcpy(p->head + p->head_n, rest.p, rest.n);
    p->head_n = (uint8_t)(p->head_n + rest.n);
    *in = slice_skip(*in, in->n);
    return WS_MORE;
}

/* Judges the head just read by where the conversation stands. */
static enum ws_step enter_frame(struct ws *w) {
    struct ws_partial *p = w->partial;
    const struct frame_head *f = &p->frame;
    if (!frame_is_control(f->opcode)) {
        if (f->opcode == FRAME_CONTINUATION && !p->kind)
            return FAIL_PROTOCOL(w, "a continuation of nothing (RFC 6455 5.4)");
        if (f->opcode != FRAME_CONTINUATION && p->kind)
            return FAIL_PROTOCOL(w, "a %s frame within a fragmented message (RFC 6455 5.4)",
                                 frame_opcode_name(f->opcode));
        if (f->opcode != FRAME_CONTINUATION) {
            p->kind = (uint8_t)f->opcode;
            p->utf8 = (struct utf8){0};
            p->compressed = f->rsv & WS_RSV_COMPRESSED;
            p->compressed_size = 0;
        }
        /* compressed, a message is hardly ever longer than it was: by a few bytes in each stored block */
        uint64_t most = p->compressed ? w->max_message_size + w->max_message_size / 64 + 1024 : w->max_message_size;
        uint64_t so_far = p->compressed ? p->compressed_size : p->message.len;
        if (most < w->max_message_size) most = UINT64_MAX;
        if (f->length > most || so_far > most - f->length) return fail_too_big(w, so_far + f->length);
        p->compressed_size += f->length;
    }
    bool whole = f->fin && f->opcode != FRAME_CONTINUATION && !frame_is_control(f->opcode);
    p->large = whole && f->length >= WS_LARGE && !p->compressed && !f->masked;
    if (!p->large) w->large = 0;
    p->in_frame = true;
    p->left = f->length;
    w->frames_in++;
    return WS_EVENT;
}

static enum ws_step on_close(struct ws *w, struct slice data, struct ws_event *ev) {
    uint16_t code = (uint16_t)(data.n >= 2 ? data.p[0] << 8 | data.p[1] : WS_CLOSE_NO_CODE);
    if (data.n == 1) return FAIL_PROTOCOL(w, "a Close frame with half a code (RFC 6455 5.5.1)");
    if (data.n && !ws_close_code_valid(code))
        return FAIL_PROTOCOL(w, "close code %u, which may not be sent (RFC 6455 7.4)", code);
    struct slice reason = data.n ? slice_skip(data, 2) : data;
    if (!utf8_valid(reason)) return fail_utf8(w, reason, "close reason", "5.5.1");
    w->close_received = true;
    ws_close(w, data.n ? code : 0, slice_of(NULL, 0)); /* the echo, where ours was not first */
    *ev = (struct ws_event){.kind = WS_CLOSE, .data = reason, .code = code};
    return WS_EVENT;
}

static enum ws_step on_control(struct ws *w, struct slice data, struct ws_event *ev) {
    struct ws_partial *p = w->partial;
    p->in_frame = false;
    if (p->frame.opcode == FRAME_CLOSE) return on_close(w, data, ev);
    if (p->frame.opcode == FRAME_PING && ws_may_send(w)) ws_answer_ping(w, data);
    *ev = (struct ws_event){.kind = (enum ws_kind)p->frame.opcode, .data = data};
    return WS_EVENT;
}

static enum ws_step read_control(struct ws *w, struct slice *in, struct ws_event *ev) {
    struct ws_partial *p = w->partial;
    struct slice part = slice_head(*in, (size_t)p->left);
    uint64_t at = p->frame.length - p->left;
    *in = slice_skip(*in, part.n);
    p->left -= part.n;
    if (p->left == 0 && at == 0 && !p->frame.masked) return on_control(w, part, ev); /* it lies whole in the input */
    if (part.n) mask_copy(p->control + at, part.p, part.n, p->frame.mask, at);
    return p->left ? WS_MORE : on_control(w, slice_of(p->control, (size_t)p->frame.length), ev);
}

/* Inflates a part of a message onto w->message. 0 or what deflate_inflate says. */
static int inflate_part(struct ws *w, struct slice part, uint64_t at, bool last) {
    struct ws_partial *p = w->partial;
    uint8_t plain[4096];
    int rc;
    if (!p->frame.masked) return deflate_inflate(w->deflate, part, last, &p->message);
    do {
        struct slice some = slice_head(part, sizeof plain);
        part = slice_skip(part, some.n);
        if (some.n) mask_copy(plain, some.p, some.n, p->frame.mask, at);
        at += some.n;
        rc = deflate_inflate(w->deflate, slice_of(plain, some.n), last && part.n == 0, &p->message);
    } while (rc == 0 && part.n);
    return rc;
}

/* How many bytes more a large message has room for in its own memory. */
static size_t room_of_large(const struct buf *message) {
    return message->start == WS_BEFORE ? message->size - WS_BEFORE - 1 - message->len : 0;
}

/* Sees to it that a large message has room for `n` bytes more, at most what is to come of it; and for as much again as
 * has come, or as the last one had. 0 or ERR_NOMEM. */
static int make_room_for_large(const struct ws *w, size_t n) {
    struct ws_partial *p = w->partial;
    if (room_of_large(&p->message) >= n) return 0;
    size_t all = 2 * (p->message.len + n);
    if (all < WS_FIRST) all = WS_FIRST;
    if (all < w->large) all = w->large;
    return buf_make_room(&p->message, WS_BEFORE, all < p->frame.length ? all : (size_t)p->frame.length);
}

void ws_place(struct ws *w, uint8_t **at, size_t *n) {
    struct ws_partial *p = w->partial;
    if (w->large && *n > WS_GLANCE) *n = WS_GLANCE;
    if (!p || !p->in_frame || !p->large || make_room_for_large(w, 1) < 0) return;
    size_t room = room_of_large(&p->message);
    uint8_t *to = buf_reserve(&p->message, room);
    if (!to) return; /* past a limit that was lowered meanwhile: ws_step refuses it */
    *at = to;
    *n = room < p->left ? room : (size_t)p->left;
}

/* Appends a part of a message to w->message, where it may lie already. 0 or ERR_NOMEM. */
static int append_part(struct ws *w, struct slice part, uint64_t at) {
    struct ws_partial *p = w->partial;
    if (p->large && make_room_for_large(w, part.n) < 0) return ERR_NOMEM;
    uint8_t *to = buf_reserve(&p->message, part.n);
    if (!to) return ERR_NOMEM;
    if (to != part.p) mask_copy(to, part.p, part.n, p->frame.mask, at);
    buf_commit(&p->message, part.n);
    return 0;
}

static enum ws_step fail_part(struct ws *w, int rc) {
    if (rc == ERR_TOO_BIG)
        return fail(w, FAULT_TOO_BIG, WS_CLOSE_TOO_BIG,
                    "a message that inflates to over max_message_size (%" PRIu64 ")", w->max_message_size);
    if (rc == ERR_NOMEM) return fail_no_memory(w);
    return FAIL_PROTOCOL(w, "a compressed message that is not DEFLATE (RFC 7692 7.2.2)");
}

static enum ws_step fail_text(struct ws *w, struct slice whole) { return fail_utf8(w, whole, "text message", "8.1"); }

static enum ws_step read_data(struct ws *w, struct slice *in, struct ws_event *ev) {
    struct ws_partial *p = w->partial;
    if (p->compressed && w->inflate_left <= 0) return WS_LATER;
    struct slice part = slice_head(*in, p->left < SIZE_MAX ? (size_t)p->left : SIZE_MAX);
    if (p->compressed) part = slice_head(part, WS_INFLATE);
    uint64_t at = p->frame.length - p->left;
    bool last = part.n == p->left && p->frame.fin;
    /* does the message lie whole in the input? */
    bool in_place = last && at == 0 && p->message.len == 0 && !p->frame.masked && !p->compressed;
    size_t before = p->message.len;
    int rc = 0;
    if (p->compressed)
        rc = inflate_part(w, part, at, last);
    else if (!in_place && part.n)
        rc = append_part(w, part, at);
    struct slice whole = in_place ? part : buf_slice(&p->message), data = slice_skip(whole, before);
    if (p->compressed) w->inflate_left -= (int64_t)data.n;
    *in = slice_skip(*in, part.n);
    p->left -= part.n;
    /* what came before a fault is judged first, so that cuts change nothing */
    bool is_text = p->kind == WS_TEXT;
    if (is_text && !utf8_step(&p->utf8, data)) return fail_text(w, whole);
    if (rc < 0) return fail_part(w, rc);
    if (is_text && last && !utf8_whole(&p->utf8)) return fail_text(w, whole);
    if (p->left) return WS_MORE;
    p->in_frame = false;
    if (!p->frame.fin) return WS_MORE;
    *ev = (struct ws_event){.kind = (enum ws_kind)p->kind, .data = in_place ? data : buf_slice(&p->message)};
    if (p->large && !in_place) ev->memory = &p->message;
    w->large = ev->memory ? data.n + before : 0;
    p->kind = 0;
    p->delivered = true;
    return WS_EVENT;
}

/* Is nothing of the next frame or message here yet? */
static bool is_between(const struct ws_partial *p) { return !p || (!p->in_frame && !p->head_n && !p->kind); }

/* The fast path for most input: a whole, valid message in one frame of less than 64 KB, neither masked nor compressed.
 * False, and nothing was changed, for all else: that is read frame by frame, as the RFC says. */
static bool take_plain_message(const struct ws *w, struct slice *in, struct ws_event *ev) {
    if (w->role != WS_CLIENT || !is_between(w->partial) || in->n < 4) return false;
    const uint8_t *p = in->p;
    if (p[0] != (0x80 | FRAME_TEXT) && p[0] != (0x80 | FRAME_BINARY)) return false;
    size_t head = p[1] < 126 ? 2 : 4, n = p[1] < 126 ? p[1] : (size_t)p[2] << 8 | p[3];
    if (p[1] > 126 || (head == 4 && n < 126) || in->n - head < n || n > w->max_message_size) return false;
    *ev = (struct ws_event){.kind = (enum ws_kind)(p[0] & 0xF), .data = slice_of(p + head, n)};
    if (ev->kind == WS_TEXT && !utf8_valid(ev->data)) return false;
    *in = slice_skip(*in, head + n);
    return true;
}

/* Allocates w->partial, where there is none. 0 or ERR_NOMEM. */
static int need_partial(struct ws *w) {
    if (w->partial) return 0;
    if (!(w->partial = calloc(1, sizeof *w->partial))) return ERR_NOMEM;
    buf_init(&w->partial->message, message_cap(w));
    return 0;
}

/* Reads on, to the next event or the end of the input. */
static enum ws_step read_on(struct ws *w, struct slice *in, struct ws_event *ev) {
    while (in->n || (w->partial && w->partial->in_frame)) {
        enum ws_step step;
        if (take_plain_message(w, in, ev)) {
            w->large = 0;
            w->frames_in++;
            return WS_EVENT;
        }
        if (need_partial(w) < 0) return fail_no_memory(w);
        if (!w->partial->in_frame) {
            step = read_head(w, in);
            if (step == WS_EVENT) step = enter_frame(w);
            if (step != WS_EVENT) return step;
        }
        bool is_control = frame_is_control(w->partial->frame.opcode);
        step = is_control ? read_control(w, in, ev) : read_data(w, in, ev);
        if (step != WS_MORE) return step;
        if (w->partial->in_frame && in->n == 0) break;
    }
    return WS_MORE;
}

enum ws_step ws_step(struct ws *w, struct slice *in, struct ws_event *ev) {
    struct ws_partial *p = w->partial;
    if (p && p->delivered) {
        buf_reset(&p->message, WS_KEEP);
        p->delivered = false;
    }
    if (!w->close_received && !ws_failed(w)) {
        enum ws_step step = read_on(w, in, ev);
        if (step == WS_MORE && is_between(w->partial)) forget_partial(w);
        if (step != WS_FAILED) return step;
    }
    *in = slice_skip(*in, in->n); /* what follows is ignored (RFC 6455 5.5.1, 7.1.7) */
    return ws_failed(w) ? WS_FAILED : WS_MORE;
}
