/* reports: a text may come in any pieces, and is kept until it is whole. */
#include "app/pool/reports.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

enum {
    HEAD = 1 + sizeof(uint32_t),  /* bytes in front of a text */
    CLAIM = 4 * sizeof(uint64_t), /* bytes in front of the name, in the text of a claim */
};

/* ---- in the pool ---- */

void reports_init(struct reports *r) { buf_init(&r->bytes, HEAD + REPORT_TEXT_MOST + 64 * 1024); }

void reports_clear(struct reports *r) { buf_clear(&r->bytes); }

static void give_up(struct reports *r) {
    buf_clear(&r->bytes);
    buf_init(&r->bytes, 0);
}

void reports_add(struct reports *r, struct slice bytes) {
    if (buf_append(&r->bytes, bytes) < 0) give_up(r);
}

/* The size of a text, from its head. */
static uint32_t text_size(struct slice bytes) {
    uint32_t size;
    memcpy(&size, bytes.p + 1, sizeof size);
    return size;
}

static bool has_text(enum report report) {
    return report == REPORT_COUNTED || report == REPORT_CLAIM || report == REPORT_DROP;
}

static bool is_known(enum report report) {
    switch (report) {
    case REPORT_TOOK_OVER:
    case REPORT_FAILED:
    case REPORT_SUMMARY:
    case REPORT_COUNTED:
    case REPORT_READY:
    case REPORT_ALIVE:
    case REPORT_BEGAN:
    case REPORT_CLAIM:
    case REPORT_DROP: return true;
    case REPORT_NONE: break;
    }
    return false;
}

enum report reports_next(struct reports *r, struct slice *text) {
    for (struct slice bytes; bytes = buf_slice(&r->bytes), bytes.n;) {
        enum report report = (enum report)bytes.p[0];
        size_t size = 1;
        if (has_text(report)) {
            if (bytes.n < HEAD) return REPORT_NONE;
            uint32_t length = text_size(bytes);
            if (length > REPORT_TEXT_MOST) return give_up(r), REPORT_NONE;
            if (bytes.n - HEAD < length) return REPORT_NONE;
            *text = slice_of(bytes.p + HEAD, length);
            size = HEAD + length;
        }
        buf_consume(&r->bytes, size); /* the bytes stay where they are until more are added */
        if (is_known(report)) return report;
    }
    return REPORT_NONE;
}

bool reports_read_claim(struct slice text, uint64_t *id, struct quota_want *want) {
    uint64_t numbers[4];
    if (text.n < (want ? CLAIM : sizeof *id)) return false;
    memcpy(numbers, text.p, want ? sizeof numbers : sizeof *id);
    *id = numbers[0];
    if (want)
        *want = (struct quota_want){
            .n = numbers[1], .span = numbers[2], .count = numbers[3], .name = slice_skip(text, CLAIM)};
    return true;
}

/* An answer that the pipe had no room for at once. */
struct late_answer {
    uv_write_t request;
    struct answer answer;
};

static void on_written(uv_write_t *request, int status) { (void)status, free(request->data); }

void reports_answer(uv_stream_t *pipe, struct answer answer) {
    uv_buf_t bytes = uv_buf_init((char *)&answer, sizeof answer);
    int done = uv_try_write(pipe, &bytes, 1); /* all of it or nothing: it is shorter than any room in a socket */
    bool fits = uv_stream_get_write_queue_size(pipe) < ANSWERS_MOST;
    struct late_answer *late = done == UV_EAGAIN && fits ? malloc(sizeof *late) : NULL;
    if (!late) return;
    late->answer = answer;
    late->request.data = late;
    bytes.base = (char *)&late->answer;
    if (uv_write(&late->request, pipe, &bytes, 1, on_written) < 0) free(late);
}

/* ---- in a worker ---- */

bool reports_send(int fd, enum report report) {
    char byte = (char)report;
    return send(fd, &byte, 1, MSG_NOSIGNAL) == 1;
}

/* Sends all of it before `until`, by uv_hrtime. */
static bool send_all(int fd, struct slice bytes, uint64_t until) {
    while (bytes.n) {
        ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n > 0) bytes = slice_skip(bytes, (size_t)n);
        if (n > 0 || (n < 0 && errno == EINTR)) continue;
        uint64_t now = uv_hrtime();
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        if (n < 0 && errno != EAGAIN) return false;
        if (now >= until || poll(&room, 1, (int)((until - now) / 1000000) + 1) == 0) return false;
    }
    return true;
}

static uint64_t patience(void) { return uv_hrtime() + REPORT_PATIENCE * UINT64_C(1000000000); }

static void put_head(uint8_t head[HEAD], enum report report, size_t n) {
    uint32_t size = (uint32_t)n;
    head[0] = (uint8_t)report;
    memcpy(head + 1, &size, sizeof size);
}

bool reports_send_counted(int fd, struct slice text) {
    uint8_t head[HEAD];
    uint64_t until = patience();
    put_head(head, REPORT_COUNTED, text.n);
    return send_all(fd, slice_of(head, sizeof head), until) && send_all(fd, text, until);
}

bool reports_put_drop(struct buf *out, uint64_t id) {
    uint8_t bytes[HEAD + sizeof id];
    put_head(bytes, REPORT_DROP, sizeof id);
    memcpy(bytes + HEAD, &id, sizeof id);
    return buf_append(out, slice_of(bytes, sizeof bytes)) == 0;
}

bool reports_put_claim(struct buf *out, uint64_t id, const struct quota_want *want) {
    uint8_t bytes[HEAD + CLAIM + QUOTA_NAME_MOST];
    uint64_t numbers[] = {id, want->n, want->span, want->count};
    if (want->name.n > QUOTA_NAME_MOST) return false;
    put_head(bytes, REPORT_CLAIM, CLAIM + want->name.n);
    memcpy(bytes + HEAD, numbers, sizeof numbers);
    if (want->name.n) memcpy(bytes + HEAD + CLAIM, want->name.p, want->name.n);
    return buf_append(out, slice_of(bytes, HEAD + CLAIM + want->name.n)) == 0;
}

/* Each by a call of its own, so that other reports, which are sent at once, never come between the parts of one. A
 * socket takes so few bytes whole or not at all (Linux); where one does not, the rest is waited for. */
int reports_send_put(int fd, struct buf *out) {
    for (struct slice all; all = buf_slice(out), all.n;) {
        size_t size = HEAD + text_size(all);
        ssize_t n = send(fd, all.p, size, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno == EAGAIN ? ERR_FULL : ERR_SYSTEM;
        if (!send_all(fd, slice_skip(slice_head(all, size), (size_t)n), patience())) return ERR_SYSTEM;
        buf_consume(out, size);
    }
    return 0;
}

bool reports_next_answer(struct buf *read, struct answer *answer) {
    struct slice bytes = buf_slice(read);
    if (bytes.n < sizeof *answer) return false;
    memcpy(answer, bytes.p, sizeof *answer);
    buf_consume(read, sizeof *answer);
    return true;
}
