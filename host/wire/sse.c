/* sse: a line is read where it lies in the input; only one that is cut is copied. */
#include "wire/sse.h"

enum { KEEP = 4096 }; /* bytes of memory that stay for the next line, and the next event */

void sse_init(struct sse *s, size_t cap) {
    *s = (struct sse){.cap = cap};
    buf_init(&s->line, cap);
    buf_init(&s->data, cap < SIZE_MAX ? cap + 1 : cap);
    buf_init(&s->type, cap);
    buf_init(&s->id, cap);
}

void sse_clear(struct sse *s) {
    buf_clear(&s->line);
    buf_clear(&s->data);
    buf_clear(&s->type);
    buf_clear(&s->id);
}

size_t sse_size(const struct sse *s) { return s->line.size + s->data.size + s->type.size + s->id.size; }

/* ---- lines ---- */

static struct slice value_of(struct slice line, size_t name) {
    struct slice value = slice_skip(line, name < line.n ? name + 1 : name);
    return value.n && value.p[0] == ' ' ? slice_skip(value, 1) : value;
}

static int set(struct buf *field, struct slice value) {
    buf_reset(field, KEEP);
    return buf_append(field, value);
}

static int add_data(struct sse *s, struct slice value) {
    int rc = buf_append(&s->data, value);
    return rc == 0 ? buf_append(&s->data, slice_str("\n")) : rc;
}

/* A line with something in it: a field, or a comment. What is neither is passed over, and so is `retry`. */
static int read_field(struct sse *s, struct slice line) {
    const uint8_t *colon = memchr(line.p, ':', line.n);
    size_t n = colon ? (size_t)(colon - line.p) : line.n;
    struct slice name = slice_head(line, n), value = value_of(line, n);
    if (slice_eq(name, slice_str("data"))) return add_data(s, value);
    if (slice_eq(name, slice_str("event"))) return set(&s->type, value);
    bool is_id = slice_eq(name, slice_str("id")) && !(value.n && memchr(value.p, '\0', value.n));
    return is_id ? set(&s->id, value) : 0;
}

static struct slice without_mark(struct sse *s, struct slice line) {
    static const char mark[] = "\xEF\xBB\xBF";
    bool marked = !s->begun && slice_eq(slice_head(line, 3), slice_str(mark));
    s->begun = true;
    return marked ? slice_skip(line, 3) : line;
}

static void forget_event(struct sse *s) {
    buf_reset(&s->data, KEEP);
    buf_reset(&s->type, KEEP);
    s->told = false;
}

/* The empty line. Does it end an event? */
static int end_event(struct sse *s, struct sse_event *event) {
    if (s->data.len == 0) {
        forget_event(s);
        return 0;
    }
    event->data = slice_head(buf_slice(&s->data), s->data.len - 1);
    event->type = s->type.len ? buf_slice(&s->type) : slice_str("message");
    event->id = buf_slice(&s->id);
    s->told = true;
    return 1;
}

static int read_line(struct sse *s, struct slice line, struct sse_event *event) {
    line = without_mark(s, line);
    return line.n ? read_field(s, line) : end_event(s, event);
}

/* ---- the stream ---- */

/* Takes a line off the front of `in`, without its end. False: it is not whole, and all of `in` was used. */
static bool take_line(struct slice *in, struct slice *line, bool *cr) {
    size_t n = 0;
    while (n < in->n && in->p[n] != '\n' && in->p[n] != '\r') n++;
    bool whole = n < in->n;
    *line = slice_head(*in, n);
    *cr = whole && in->p[n] == '\r';
    *in = slice_skip(*in, n + whole);
    return whole;
}

static void skip_lf(struct sse *s, struct slice *in) {
    if (!s->after_cr || in->n == 0) return;
    if (in->p[0] == '\n') *in = slice_skip(*in, 1);
    s->after_cr = false;
}

static int read_one(struct sse *s, struct slice *in, struct sse_event *event) {
    struct slice line;
    skip_lf(s, in);
    bool whole = take_line(in, &line, &s->after_cr);
    if (line.n > s->cap) return ERR_FULL;
    if (whole && s->line.len == 0) return read_line(s, line, event);
    int rc = buf_append(&s->line, line);
    if (rc < 0 || !whole) return rc;
    rc = read_line(s, buf_slice(&s->line), event);
    buf_reset(&s->line, KEEP);
    return rc;
}

int sse_step(struct sse *s, struct slice *in, struct sse_event *event) {
    int rc = s->failed;
    if (s->told) forget_event(s);
    while (rc == 0 && in->n > 0) rc = read_one(s, in, event);
    if (rc < 0) s->failed = rc = rc == ERR_NOMEM ? ERR_NOMEM : ERR_TOO_BIG;
    return rc;
}
