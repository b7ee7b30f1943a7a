/* serve: HTTP/1.1 as a server has it: judges the head of a request, reads its body, writes the answer. Stricter than
 * http1 is with answers: where two readers could find different ends of a request, the second one would take the rest
 * for a request of its own, so what is ambiguous is refused (RFC 9112 6.3, 11.2). */
#ifndef WIRE_SERVE_H
#define WIRE_SERVE_H

#include "wire/http1.h"

enum { SERVE_EXTRA_MAX = 8 * 1024 }; /* bytes of chunk extensions and trailers, which nobody reads */

/* What follows from a head. The slices point into it. */
struct serve_request {
    struct slice method, path, query; /* `path` begins with a slash, or is "*"; `query` is what stands behind the '?' */
    bool chunked;                     /* the body is; else it has */
    uint64_t length;                  /* so many bytes */
    bool keeps;                       /* the connection is for another request as well */
    bool continues;                   /* the body comes when it is asked for (RFC 9110 10.1.1) */
    bool is_old;                      /* HTTP/1.0 */
    bool without_body;                /* so is the answer, which is to HEAD */
};

/* 0, or the status to refuse it with and `*why`, a literal. What cannot be known of a refused one is as of a request
 * whose connection ends. */
unsigned serve_judge(const struct http1_head *head, struct serve_request *out, const char **why);

/* A body that is read. */
struct serve_body {
    enum {
        SERVE_PLAIN,
        SERVE_SIZE,      /* of a chunk: its first digit */
        SERVE_SIZE_MORE, /* the others */
        SERVE_EXTENSION, /* what stands behind it */
        SERVE_SIZE_END,  /* the LF */
        SERVE_DATA,      /* the chunk */
        SERVE_DATA_CR,   /* and its end */
        SERVE_DATA_LF,
        SERVE_TRAILER_BEGIN, /* a line behind the last chunk, or the end */
        SERVE_TRAILER,
        SERVE_TRAILER_LF,
        SERVE_END_LF,
        SERVE_WHOLE,
    } place;
    bool is_last;   /* the chunk is: it is empty */
    uint64_t left;  /* of the body, or of the chunk */
    unsigned extra; /* bytes of extensions and trailers */
    int failed;     /* what it has failed with: it does so again */
    const char *why;
};

void serve_body_init(struct serve_body *b, const struct serve_request *r);

/* Takes what belongs to the body off the front of `in`, and adds its content to `out`. 1: it is whole; 0: more is to
 * come; ERR_SYNTAX with `b->why`; ERR_FULL: it is more than `out` may hold; ERR_NOMEM. */
int serve_body_step(struct serve_body *b, struct slice *in, struct buf *out);

struct serve_answer {
    unsigned status;     /* 200 to 999 */
    struct slice fields; /* lines, with their ends: all but Content-Length and Connection */
    bool dated;          /* Date is among them */
    struct slice body;
};

/* Appends the answer to a request at a time, in seconds since 1970: a body only where there may be one. 0, ERR_FULL or
 * ERR_NOMEM. */
int serve_answer_write(struct buf *out, const struct serve_answer *a, const struct serve_request *to, int64_t now);

/* Appends a refusal: `why` is its body, with a line end. */
int serve_refusal_write(struct buf *out, unsigned status, const char *why, const struct serve_request *to, int64_t now);

#endif
