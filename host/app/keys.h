/* keys: single keys of the terminal that is standard input, while nothing else reads there. Only typing changes: Ctrl-C
 * and its kin are signals as ever, and however the program ends or is stopped, the terminal is what it was. */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include <stdbool.h>
#include <uv.h>

struct keys {
    uv_tty_t terminal;
    uv_signal_t stopped, continued; /* Ctrl-Z, and fg behind it */
    bool has_terminal;              /* standard input is one */
    bool reads;
    void (*pressed)(void *arg, char key); /* told each key */
    void *arg;
    char bytes[64];
};

/* `k` must not move until the loop has turned after keys_close. */
void keys_open(struct keys *k, uv_loop_t *loop, void (*pressed)(void *arg, char key), void *arg);

/* From now on keys are told, or no more. */
void keys_begin(struct keys *k);
void keys_end(struct keys *k);

void keys_close(struct keys *k);

#endif
