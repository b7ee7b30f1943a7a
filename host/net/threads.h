/* threads: may libuv start those of its pool? It does so with the first work for them, and ends the program where the
 * system refuses one. */
#ifndef NET_THREADS_H
#define NET_THREADS_H

/* Starts as many threads as the pool has, and ends them. 0, or a libuv error where one is refused: then nothing may be
 * given to the pool, if it has not been started yet. What happens in the moment between is libuv's. */
int threads_try(void);

#endif
