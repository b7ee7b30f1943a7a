/* shard: which share of the work of many machines is this program's: `--shard I/N`, or what the environment of an
 * orchestrator says. */
#ifndef APP_SHARD_H
#define APP_SHARD_H

#include "base/err.h"
#include <stdbool.h>

enum { SHARDS_MOST = 1000000 };

struct shard {
    unsigned number, count; /* number 1 to count */
};

/* Reads "I/N", with 1 <= I <= N <= SHARDS_MOST; or "I" alone, then the count is 0. False: it is neither. */
bool shard_read(const char *text, struct shard *out);

/* Finds it. The first source that is there counts: `given` (of --shard; NULL: there is none), WSBOT_SHARD=I/N,
 * JOB_COMPLETION_INDEX of Kubernetes, SLURM_ARRAY_TASK_ID and SLURM_PROCID of Slurm, and where WSBOT_SHARDS is set the
 * number at the end of the host's name. WSBOT_SHARDS is N where the source has none. Without a source it is 1 of 1. 0,
 * or ERR_SYSTEM with `fault`. */
int shard_find(const char *given, struct shard *out, struct fault *fault);

#endif
