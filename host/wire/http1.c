/* http1: lines, then fields. */
#include "wire/http1.h"

size_t http1_head_size(struct slice in, size_t *scanned) {
    for (size_t i = *scanned; i < in.n;) {
        const uint8_t *lf = memchr(in.p + i, '\n', in.n - i);
        if (!lf) {
            *scanned = in.n;
            return 0;
        }
        size_t next = (size_t)(lf - in.p) + 1; /* an empty line behind this one ends the head */
        if (next < in.n && in.p[next] == '\n') return next + 1;
        if (next + 1 < in.n && in.p[next] == '\r' && in.p[next + 1] == '\n') return next + 2;
        if (next >= in.n || (next + 1 == in.n && in.p[next] == '\r')) {
            *scanned = next - 1; /* look at this LF again */
            return 0;
        }
        i = next;
    }
    *scanned = in.n;
    return 0;
}

static bool is_tchar(uint8_t c) {
    return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           (c && strchr("!#$%&'*+.^_`|~", c));
}

bool http1_is_token(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if (!is_tchar(s.p[i])) return false;
    return s.n > 0;
}

bool http1_is_value(struct slice s) {
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7F) return false;
    return true;
}

/* Takes one line, without its end, off the front; the caller knows that there is one. */
static struct slice take_line(struct slice *rest) {
    const uint8_t *lf = memchr(rest->p, '\n', rest->n);
    size_t n = (size_t)(lf - rest->p);
    struct slice line = slice_head(*rest, n);
    *rest = slice_skip(*rest, n + 1);
    if (line.n && line.p[line.n - 1] == '\r') line.n--;
    return line;
}

/* RFC 9112 5.2: a client replaces a fold by spaces. What stands before the first field cannot be continued (2.2). */
static void unfold(struct slice fields) {
    if (fields.n == 0) return;
    uint8_t *at = (uint8_t *)(uintptr_t)fields.p, *end = at + fields.n;
    for (at++; (at = memchr(at, '\n', (size_t)(end - at))) && at + 1 < end; at++) {
        if (at[1] != ' ' && at[1] != '\t') continue;
        at[0] = ' ';
        if (at[-1] == '\r') at[-1] = ' ';
    }
}

static int parse_fields(struct slice rest, struct http1_head *out, const char **why) {
    for (;;) {
        struct slice line = take_line(&rest);
        if (line.n == 0) return 0;
        const uint8_t *colon = memchr(line.p, ':', line.n);
        struct slice name = colon ? slice_head(line, (size_t)(colon - line.p)) : line;
        *why = !colon                                          ? "a header line without a colon"
               : !http1_is_token(name)                         ? "a header name with a character that none has"
               : out->field_count == HTTP1_FIELDS_MAX          ? "more than 256 header lines"
               : !http1_is_value(slice_skip(line, name.n + 1)) ? "a header value with a control character"
                                                               : NULL;
        if (*why) return ERR_SYNTAX;
        out->fields[out->field_count++] =
            (struct http1_field){.name = name, .value = slice_trim(slice_skip(line, name.n + 1))};
    }
}

/* Reads "HTTP/1.x" from the front of `*line`. */
static bool take_version(struct slice *line, unsigned *minor) {
    if (line->n < 8 || memcmp(line->p, "HTTP/1.", 7) != 0 || line->p[7] < '0' || line->p[7] > '9') return false;
    *minor = line->p[7] - '0';
    *line = slice_skip(*line, 8);
    return true;
}

int http1_response_parse(uint8_t *head, size_t n, struct http1_head *out, const char **why) {
    out->field_count = 0;
    struct slice rest = slice_of(head, n), line = take_line(&rest);
    unfold(rest);
    out->method = out->target = slice_of(NULL, 0);
    *why = "the answer is not HTTP/1.x";
    if (!take_version(&line, &out->minor)) return ERR_SYNTAX;
    *why = "a wrong status line";
    if (line.n < 4 || line.p[0] != ' ' || (line.n > 4 && line.p[4] != ' ') || !http1_is_value(line)) return ERR_SYNTAX;
    out->status = 0;
    for (int i = 1; i <= 3; i++) {
        if (line.p[i] < '0' || line.p[i] > '9') return ERR_SYNTAX;
        out->status = out->status * 10 + (line.p[i] - '0');
    }
    if (out->status < 100) return ERR_SYNTAX;
    out->reason = slice_trim(slice_skip(line, 4));
    return parse_fields(rest, out, why);
}

int http1_request_parse(uint8_t *head, size_t n, struct http1_head *out, const char **why) {
    out->field_count = 0;
    out->status = 0;
    out->reason = slice_of(NULL, 0);
    struct slice rest = slice_of(head, n), line = take_line(&rest), part = {0};
    *why = "a wrong request line";
    if (!slice_split(&line, ' ', &out->method) || !http1_is_token(out->method)) return ERR_SYNTAX;
    if (!slice_split(&line, ' ', &out->target) || out->target.n == 0 || !http1_is_value(out->target)) return ERR_SYNTAX;
    part = line;
    if (!take_version(&part, &out->minor) || part.n) return ERR_SYNTAX;
    return parse_fields(rest, out, why);
}

/* The next field of that name at or after index `*i`, which moves behind it; NULL at the end. */
static const struct http1_field *next_field(const struct http1_head *head, const char *name, size_t *i) {
    struct slice wanted = slice_str(name);
    while (*i < head->field_count) {
        const struct http1_field *field = &head->fields[(*i)++];
        if (slice_eq_nocase(field->name, wanted)) return field;
    }
    return NULL;
}

struct slice http1_field_get(const struct http1_head *head, const char *name) {
    size_t i = 0;
    const struct http1_field *field = next_field(head, name, &i);
    if (!field) return slice_of(NULL, 0);
    return field->value.p ? field->value : slice_of("", 0);
}

int http1_field_join(const struct http1_head *head, const char *name, struct buf *out) {
    size_t i = 0;
    int rc = 0;
    for (const struct http1_field *field; rc == 0 && (field = next_field(head, name, &i));) {
        if (out->len) rc = buf_append(out, slice_str(","));
        if (rc == 0) rc = buf_append(out, field->value);
    }
    return rc;
}

size_t http1_field_count(const struct http1_head *head, const char *name) {
    size_t i = 0, count = 0;
    while (next_field(head, name, &i)) count++;
    return count;
}

bool http1_list_has(const struct http1_head *head, const char *name, const char *token) {
    size_t i = 0;
    for (const struct http1_field *field; (field = next_field(head, name, &i));) {
        struct slice rest = field->value, part;
        while (slice_split(&rest, ',', &part))
            if (slice_eq_nocase(slice_trim(part), slice_str(token))) return true;
    }
    return false;
}

/* ---- bodies ---- */

void http1_body_init(struct http1_body *b, const struct http1_head *head, struct buf *out) {
    *b = (struct http1_body){.how = HTTP1_BODY_UNTIL_END, .out = out};
    struct slice length = http1_field_get(head, "Content-Length");
    if (head->status == 204 || head->status == 304) {
        b->how = HTTP1_BODY_DONE;
    } else if (http1_list_has(head, "Transfer-Encoding", "chunked")) {
        b->how = HTTP1_BODY_CHUNKED;
    } else if (length.p) {
        b->how = HTTP1_BODY_LENGTH;
        for (size_t i = 0; i < length.n && i < 18; i++) {
            if (length.p[i] < '0' || length.p[i] > '9') break;
            b->left = b->left * 10 + (length.p[i] - '0');
        }
        if (b->left == 0) b->how = HTTP1_BODY_DONE;
    }
}

static void keep(struct http1_body *b, struct slice part) {
    struct slice fits = slice_head(part, b->out->cap - b->out->len);
    if (buf_append(b->out, fits) < 0 || b->out->len == b->out->cap) b->how = HTTP1_BODY_DONE;
}

static void chunk_size_digit(struct http1_body *b, uint8_t c) {
    int digit = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
    if (digit >= 0) {
        if (b->left >> 48) b->how = HTTP1_BODY_DONE; /* no body is so large: show what has come */
        b->left = b->left << 4 | (unsigned)digit;
    } else if (c == '\n') {
        b->place = HTTP1_CHUNK_DATA;
        if (b->left == 0) b->how = HTTP1_BODY_DONE;
    } else {
        b->place = HTTP1_CHUNK_EXTENSION;
    }
}

bool http1_body_step(struct http1_body *b, struct slice in) {
    while (in.n && b->how != HTTP1_BODY_DONE) {
        if (b->how == HTTP1_BODY_UNTIL_END) {
            keep(b, in);
            in.n = 0;
        } else if (b->how == HTTP1_BODY_LENGTH || b->place == HTTP1_CHUNK_DATA) {
            struct slice part = slice_head(in, b->left < SIZE_MAX ? (size_t)b->left : SIZE_MAX);
            keep(b, part);
            in = slice_skip(in, part.n);
            b->left -= part.n;
            if (b->left == 0 && b->how == HTTP1_BODY_LENGTH) b->how = HTTP1_BODY_DONE;
            if (b->left == 0) b->place = HTTP1_CHUNK_END;
        } else {
            uint8_t c = in.p[0];
            in = slice_skip(in, 1);
            if (b->place == HTTP1_CHUNK_SIZE) {
                chunk_size_digit(b, c);
            } else if (c == '\n' && b->place == HTTP1_CHUNK_END) {
                b->place = HTTP1_CHUNK_SIZE;
            } else if (c == '\n') {
                b->place = HTTP1_CHUNK_DATA;
                if (b->left == 0) b->how = HTTP1_BODY_DONE;
            }
        }
    }
    return b->how == HTTP1_BODY_DONE;
}
