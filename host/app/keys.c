/* keys: sets libuv's raw mode of the terminal, which is undone wherever the program ends (worker_signals.c), but keeps
 * keys that make signals, and the line ends of output. A program in the background leaves the terminal alone. */
#include "app/keys.h"

#include <signal.h>
#include <termios.h>
#include <unistd.h>

/* ---- how it ends ---- */

/* These end the program as if it had no handler. */
static const int last_words[] = {SIGHUP, SIGQUIT};
enum { LAST_WORDS = sizeof last_words / sizeof *last_words };

static void on_last_word(int number) {
    uv_tty_reset_mode();
    signal(number, SIG_DFL);
    raise(number);
}

static void replace_handlers(void (*from)(int), void (*to)(int)) {
    struct sigaction now;
    for (int i = 0; i < LAST_WORDS; i++)
        if (sigaction(last_words[i], NULL, &now) == 0 && now.sa_handler == from) signal(last_words[i], to);
}

/* ---- the terminal ---- */

static bool is_in_foreground(void) { return tcgetpgrp(STDIN_FILENO) == getpgrp(); }

static void set_mode(struct keys *k) {
    struct termios how, own;
    uv_tty_set_mode(&k->terminal, UV_TTY_MODE_NORMAL);
    if (tcgetattr(STDIN_FILENO, &how) != 0) return;
    if (uv_tty_set_mode(&k->terminal, UV_TTY_MODE_RAW) != 0 || tcgetattr(STDIN_FILENO, &own) != 0) return;
    own.c_iflag = how.c_iflag;
    own.c_lflag |= how.c_lflag & ISIG;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &own);
}

static void reset_mode(struct keys *k) {
    if (is_in_foreground()) uv_tty_set_mode(&k->terminal, UV_TTY_MODE_NORMAL);
}

/* ---- keys ---- */

static void on_room(uv_handle_t *terminal, size_t wanted, uv_buf_t *room) {
    struct keys *k = terminal->data;
    (void)wanted;
    *room = uv_buf_init(k->bytes, sizeof k->bytes);
}

static void on_read(uv_stream_t *terminal, ssize_t n, const uv_buf_t *room) {
    struct keys *k = terminal->data;
    (void)room;
    for (ssize_t i = 0; i < n && k->reads; i++) k->pressed(k->arg, k->bytes[i]);
    if (n < 0) keys_end(k); /* it has gone */
}

/* In the background, reading would stop the program again. */
static void on_continue(uv_signal_t *s, int number) {
    struct keys *k = s->data;
    (void)number;
    uv_read_stop((uv_stream_t *)&k->terminal);
    if (!is_in_foreground()) return;
    set_mode(k);
    uv_stream_set_blocking((uv_stream_t *)&k->terminal, 0); /* another program may have left it blocking */
    uv_read_start((uv_stream_t *)&k->terminal, on_room, on_read);
}

static void on_stop(uv_signal_t *s, int number) {
    struct keys *k = s->data;
    uv_read_stop((uv_stream_t *)&k->terminal);
    reset_mode(k);
    uv_signal_stop(s);
    raise(number);
    uv_signal_start(s, on_stop, number);
}

/* ---- life ---- */

static void unref(struct keys *k, uv_handle_t *handle) {
    handle->data = k;
    uv_unref(handle);
}

void keys_open(struct keys *k, uv_loop_t *loop, void (*pressed)(void *arg, char key), void *arg) {
    *k = (struct keys){.pressed = pressed, .arg = arg};
    if (uv_guess_handle(STDIN_FILENO) != UV_TTY || uv_tty_init(loop, &k->terminal, STDIN_FILENO, 0) != 0) return;
    unref(k, (uv_handle_t *)&k->terminal);
    k->has_terminal = uv_signal_init(loop, &k->stopped) == 0 && uv_signal_init(loop, &k->continued) == 0;
    if (!k->has_terminal) { /* only the first of the two can fail: they share what they need */
        uv_close((uv_handle_t *)&k->terminal, NULL);
        return;
    }
    unref(k, (uv_handle_t *)&k->stopped);
    unref(k, (uv_handle_t *)&k->continued);
}

void keys_begin(struct keys *k) {
    if (!k->has_terminal || k->reads) return;
    k->reads = true;
    replace_handlers(SIG_DFL, on_last_word);
    uv_signal_start(&k->stopped, on_stop, SIGTSTP);
    uv_signal_start(&k->continued, on_continue, SIGCONT);
    on_continue(&k->continued, SIGCONT);
}

void keys_end(struct keys *k) {
    if (!k->reads) return;
    k->reads = false;
    uv_read_stop((uv_stream_t *)&k->terminal);
    uv_signal_stop(&k->stopped);
    uv_signal_stop(&k->continued);
    reset_mode(k);
    replace_handlers(on_last_word, SIG_DFL);
}

void keys_close(struct keys *k) {
    keys_end(k);
    if (!k->has_terminal) return;
    uv_close((uv_handle_t *)&k->terminal, NULL);
    uv_close((uv_handle_t *)&k->stopped, NULL);
    uv_close((uv_handle_t *)&k->continued, NULL);
}
