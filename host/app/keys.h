/* keys: reads single keys from the terminal that is standard input, while nothing else reads from it. Ctrl-C and other
 * keys that make signals work as ever, and however the program ends or is stopped, the terminal gets its mode back. */
#ifndef APP_KEYS_H
#define APP_KEYS_H

#include <stdbool.h>
#include <uv.h>

struct keys {
    uv_tty_t terminal;
    uv_signal_t stopped, continued; /* SIGTSTP (Ctrl-Z), and SIGCONT after it */
    bool has_terminal;              /* standard input is a terminal */
    bool reads;
    void (*pressed)(void *arg, char key); /* called for each key */
    void *arg;
    char bytes[64];
};

/* `k` must not move until the loop has turned after keys_close. */
void keys_open(struct keys *k, uv_loop_t *loop, void (*pressed)(void *arg, char key), void *arg);

/* Begin and end to call `pressed` for each key. */
void keys_begin(struct keys *k);
void keys_end(struct keys *k);

void keys_close(struct keys *k);

#endif
