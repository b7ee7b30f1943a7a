/* serve: HTTP/1.1 as a server has it: judges the head of a request, reads its body, writes the answer. Stricter than
 * http1 is with answers: where two readers could find different ends of a request, the second one would take the rest
 * for a request of its own, so what is ambiguous is refused (request smuggling, RFC 9112 6.3, 11.2). */
#ifndef WIRE_SERVE_H
#define WIRE_SERVE_H

#include "wire/http1.h"

enum { SERVE_EXTRA_MAX = 8 * 1024 }; /* bytes of chunk extensions and trailers, which nobody reads */

/* What the head of a request says. The slices point into it. */
struct serve_request {
    struct slice method, path, query; /* `path` begins with a slash, or is "*"; `query` is what stands behind the '?' */
    bool chunked;                     /* the body is in chunks; else `length` is its size */
    uint64_t length;                  /* bytes */
    bool keeps;                       /* the connection stays open for another request */
    bool continues;                   /* the body is sent after our 100 Continue (RFC 9110 10.1.1) */
    bool is_old;                      /* HTTP/1.0 */
    bool without_body;                /* the answer has no body: the method is HEAD */
};

/* Judges a head. 0, or the status to refuse it with and `*why`, a literal. Then what could not be read is in `*out` as
 * for a request after which the connection closes. */
unsigned serve_judge(const struct http1_head *head, struct serve_request *out, const char **why);

/* The state of reading a body. */
struct serve_body {
    enum serve_place {
        SERVE_PLAIN,
        SERVE_SIZE,      /* the first digit of a chunk's size */
        SERVE_SIZE_MORE, /* its other digits */
        SERVE_EXTENSION, /* extensions behind the size */
        SERVE_SIZE_END,  /* the LF of that line */
        SERVE_DATA,      /* the bytes of a chunk */
        SERVE_DATA_CR,   /* the CR and LF behind them */
        SERVE_DATA_LF,
        SERVE_TRAILER_BEGIN, /* a line behind the last chunk, or the end */
        SERVE_TRAILER,
        SERVE_TRAILER_LF,
        SERVE_END_LF,
        SERVE_WHOLE,
    } place;
    bool is_last;   /* the chunk is the last: its size is 0 */
    uint64_t left;  /* of the body, or of the chunk */
    unsigned extra; /* bytes of extensions and trailers */
    int failed;     /* the error that it has failed with, and returns from then on; 0: none */
    const char *why;
};

void serve_body_init(struct serve_body *b, const struct serve_request *r);

/* Takes what belongs to the body off the front of `in`, and adds its content to `out`. 1: it is whole; 0: more is to
 * come; ERR_SYNTAX with `b->why`; ERR_FULL: it is more than the cap of `out`; ERR_NOMEM. */
int serve_body_step(struct serve_body *b, struct slice *in, struct buf *out);

struct serve_answer {
    unsigned status;     /* 200 to 999 */
    struct slice fields; /* header lines, each with its CRLF: all but Content-Length and Connection */
    bool dated;          /* there is a Date among the fields */
    struct slice body;
};

/* Appends the answer to the request `to`, with a body only where it may have one. `now`: seconds since 1970. 0,
 * ERR_FULL or ERR_NOMEM. */
int serve_answer_write(struct buf *out, const struct serve_answer *a, const struct serve_request *to, int64_t now);

/* Appends a refusal: `why` is its body, with a line end. */
int serve_refusal_write(struct buf *out, unsigned status, const char *why, const struct serve_request *to, int64_t now);

#endif
