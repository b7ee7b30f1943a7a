/* threads: can libuv start the threads of its pool? It starts them with the first work for them, and aborts where the
 * system refuses one. */
#ifndef NET_THREADS_H
#define NET_THREADS_H

/* Starts as many threads as the pool has, and ends them. 0, or a libuv error where one is refused: then nothing may be
 * given to the pool, if it has not been started yet. That the system refuses one between this and libuv's start cannot
 * be ruled out. */
int threads_try(void);

#endif
