/* init: a container starts the program as process 1, which the system does not end by a signal that it has no handler
 * for, and which all orphans become children of. There the program itself runs as a child of a small process that
 * passes signals on, reaps orphans and ends as the child ended. */
#ifndef APP_INIT_H
#define APP_INIT_H

/* Returns at once where this is not process 1, and otherwise in the child. Before anything else is begun. */
void init_begin(void);

#endif
