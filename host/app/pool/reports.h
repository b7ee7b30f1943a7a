/* reports: what a worker tells its pool, by a pipe: a byte for what became of a reload, for what a service manager
 * wants to know, and that a summary is wanted; and, as a byte, the length of a text, and the text, what it claims
 * (claims.h), and at its end all that it has counted. The pool reads what is there, and takes one report after the
 * other off the front. On the same pipe it answers claims. */
#ifndef APP_POOL_REPORTS_H
#define APP_POOL_REPORTS_H

#include "app/pool/quota.h"
#include "base/buf.h"
#include <uv.h>

enum {
    REPORT_TEXT_MOST = 4 << 20, /* bytes of what was counted */
    REPORT_PATIENCE = 5,        /* seconds in which the pool has to take that */
};

enum report {
    REPORT_NONE,
    REPORT_TOOK_OVER = 't',
    REPORT_FAILED = 'f',
    REPORT_SUMMARY = 's', /* one is wanted */
    REPORT_COUNTED = 'c', /* with a text */
    REPORT_READY = 'r',   /* the worker is ready (service.h); its loop turns; it begins a reload */
    REPORT_ALIVE = 'a',
    REPORT_BEGAN = 'b',
    REPORT_CLAIM = 'q', /* with a text (reports_read_claim): it claims of a quota (claims.h); it drops that */
    REPORT_DROP = 'd',
};

/* ---- in the pool ---- */

/* What was read and not taken yet. */
struct reports {
    struct buf bytes;
};

void reports_init(struct reports *r);
void reports_clear(struct reports *r);

/* Adds bytes that were read. Where there is no memory for them, or a text is too long, nothing more is taken from that
 * worker. */
void reports_add(struct reports *r, struct slice bytes);

/* Takes the next report off the front. REPORT_NONE: none is whole. `*text` is what those have that have one; it lives
 * until the next call. */
enum report reports_next(struct reports *r, struct slice *text);

/* Reads the text of REPORT_CLAIM, or, without `want`, that of REPORT_DROP. False: it is none. */
bool reports_read_claim(struct slice text, uint64_t *id, struct quota_want *want);

/* What became of a claim: its turn has come, or there was no room for it. */
struct answer {
    uint64_t id, met;
};

/* Sends it to the worker at the other end of `pipe`. Without memory for that, or behind ANSWERS_MOST bytes that the
 * worker does not read, it is lost, and the worker waits. */
enum { ANSWERS_MOST = 1 << 20 };
void reports_answer(uv_stream_t *pipe, struct answer answer);

/* ---- in a worker, whose end of the pipe, a socket that does not wait, is `fd` ---- */

/* Sends a report without a text. False: the pool does not read. */
bool reports_send(int fd, enum report report);

/* Append a claim, or that it is dropped, to what is to be sent: whole, or not at all. False: there is no room for it.
 */
bool reports_put_claim(struct buf *out, uint64_t id, const struct quota_want *want);
bool reports_put_drop(struct buf *out, uint64_t id);

/* Sends, without waiting, as many whole reports off the front of `out` as the pipe has room for. 0: all of them,
 * ERR_FULL: the pool does not read, or ERR_SYSTEM: it is gone. */
int reports_send_put(int fd, struct buf *out);

/* Takes the next answer off the front of what was read. False: none is whole. */
bool reports_next_answer(struct buf *read, struct answer *answer);

/* Sends what was counted, of REPORT_TEXT_MOST bytes at most, and waits until the pool has room for it. False: it had
 * none within REPORT_PATIENCE, or is gone. */
bool reports_send_counted(int fd, struct slice text);

#endif
