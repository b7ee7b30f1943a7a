/* state_folder: the folder of --state: where durable state is kept from one process to the next. */
#ifndef APP_STATE_FOLDER_H
#define APP_STATE_FOLDER_H

#include "app/worker.h"

/* The descriptor by which a worker of a pool keeps the folder locked, as its pool does: for as long as either lives. */
enum { STATE_FOLDER_LOCK = 4 };

/* Opens the folder of the program, for the script of `w`, or for the pool that `w` runs; of a worker of a pool, which
 * has it locked, `in_pool` is true. It is closed when the program ends, in whatever way (net_end), and all is written
 * by then. One a process. 0, or ERR_SYSTEM with `fault`. */
int state_folder_open(struct worker *w, const char *path, bool in_pool, struct fault *fault);

/* The descriptor that has it locked, for workers to inherit; -1: there is none. */
int state_folder_lock(void);

#endif
