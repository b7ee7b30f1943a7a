/* http1: one HTTP/1.1 head (RFC 9112), found in a stream, cut into parts, asked for its fields. It knows nothing of
 * WebSocket. Strict where leniency has been a weakness (spaces before a colon, NUL, bare CR), forgiving where the RFC
 * asks for it (a lone LF ends a line, folded lines are unfolded). */
#ifndef WIRE_HTTP1_H
#define WIRE_HTTP1_H

#include "base/buf.h"
#include "base/err.h"

enum {
    HTTP1_HEAD_MAX = 32 * 1024, /* bytes of a head */
    HTTP1_FIELDS_MAX = 256,     /* header lines in it */
};

struct http1_field {
    struct slice name, value; /* value without white space around it */
};

/* A head in parts. All slices point into the bytes it was read from. */
struct http1_head {
    struct slice method, target; /* of a request */
    unsigned status;             /* of a response: 100 to 999 */
    struct slice reason;         /* of a response; may be empty */
    unsigned minor;              /* the version is HTTP/1.minor */
    size_t field_count;
    struct http1_field fields[HTTP1_FIELDS_MAX]; /* last in the struct: most of it is rarely touched */
};

/* How many bytes the head at the front of `in` takes, its empty line included; 0: its end has not come yet. `*scanned`
 * starts as 0 and lets the next call, with more input, go on where this one ended. */
size_t http1_head_size(struct slice in, size_t *scanned);

/* Cuts a whole head into parts; folded lines are unfolded in place. 0, or ERR_SYNTAX with `*why` a literal that says
 * what is wrong. */
int http1_response_parse(uint8_t *head, size_t n, struct http1_head *out, const char **why);
int http1_request_parse(uint8_t *head, size_t n, struct http1_head *out, const char **why);

/* The value of the first field of that name, in any case; `p` is NULL where there is none. */
struct slice http1_field_get(const struct http1_head *head, const char *name);

/* Appends the values of all fields of that name, parted by commas (RFC 9110 5.3). 0, ERR_FULL or ERR_NOMEM. */
int http1_field_join(const struct http1_head *head, const char *name, struct buf *out);

/* How many fields have that name. */
size_t http1_field_count(const struct http1_head *head, const char *name);

/* Does one of the fields of that name list `token`, in any case (RFC 9110 5.6.1)? */
bool http1_list_has(const struct http1_head *head, const char *name, const char *token);

/* Is `s` a token (RFC 9110 5.6.2), which names of fields and subprotocols must be? */
bool http1_is_token(struct slice s);

/* May `s` be the value of a field: no CR, LF, NUL or other control character but tab? */
bool http1_is_value(struct slice s);

/* The body of a response, read only to be shown: collects its first bytes. */
struct http1_body {
    enum { HTTP1_BODY_LENGTH, HTTP1_BODY_CHUNKED, HTTP1_BODY_UNTIL_END, HTTP1_BODY_DONE } how;
    uint64_t left; /* bytes to come, of Content-Length or of the chunk */
    enum { HTTP1_CHUNK_SIZE, HTTP1_CHUNK_EXTENSION, HTTP1_CHUNK_DATA, HTTP1_CHUNK_END } place;
    struct buf *out; /* borrowed; the body is done when it is full */
};

/* Prepares for the body that follows `head` (RFC 9112 6.3). */
void http1_body_init(struct http1_body *b, const struct http1_head *head, struct buf *out);

/* Reads more of the body. True when its end has come, or `out` is full. */
bool http1_body_step(struct http1_body *b, struct slice in);

#endif
