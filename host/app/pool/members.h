/* members: the workers of a pool, for pool.c, which starts and ends them, and told.c, which hears what they tell. */
#ifndef APP_POOL_MEMBERS_H
#define APP_POOL_MEMBERS_H

#include "app/pool/claimant.h"
#include "app/pool/pool.h"
#include "app/pool/reports.h"

struct member {
    struct pool *pool;
    unsigned index;
    uv_process_t process;
    uv_pipe_t pipe;         /* on which it reports */
    struct reports reports; /* what of that was read */
    struct claimant claims; /* on the pool's quotas */
    enum report report;     /* of the reload under way */
    bool counted;           /* it has told what it had counted */
    bool running;
    bool ready;     /* it has told so */
    uint64_t alive; /* when it gave the last sign of life */
    int start;      /* the result of starting it: 0, or a libuv error */
    int64_t status;
    int signal;
    uint64_t began;
    unsigned delay;       /* the last one before it came back, in seconds; 0: none yet */
    struct deadline back; /* when it comes back */
};

enum { READ_SIZE = 4 * 1024 }; /* bytes; libuv reads 32 times in a turn: so many claims at most hold the pool up */

struct pool {
    struct worker *worker;
    char **words;
    char program[4096];
    int stops;      /* how often the pool was told to stop; from the second time on: at once */
    unsigned alive; /* members that run or will come back */
    bool going;     /* `alive` is not 0 */
    int status;
    char bytes[READ_SIZE]; /* what a worker has just reported */
    struct quotas quotas;
    struct deadline reported; /* when the results of a reload are reported, even if some are missing */
    unsigned count;
    struct member members[];
};

/* Begins to read what the worker tells; takes what one that has ended has left in its pipe. */
void member_listen(struct member *m);
void member_read_rest(struct member *m);

/* Sends it what became of a claim of its: for struct claimant. */
void member_answer(void *member, uint64_t id, bool met);

/* Workers reload, and will tell how that went: a line tells it where that differs. */
void pool_await_reports(struct pool *p);

#endif
