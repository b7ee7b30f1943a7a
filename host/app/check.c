/* check: loads the script in a staged generation, and prints what this has declared when its main chunk has ended or
 * waits. */
#include "app/check.h"

#include "app/generation.h"
#include "base/log.h"
#include "base/number.h"
#include "base/shown.h"
#include "script/l_serve.h"
#include "script/l_timer.h"
#include "script/reload.h"
#include "script/state.h"
#include "script/ws/conn.h"
#include "wire/secret.h"
#include <stdio.h>
#include <stdlib.h>

static void tell_line(const char *kind, const char *name, struct slice more) {
    printf("%-10s  ", kind);
    shown_write(stdout, slice_str(name), 0);
    if (name[0] && more.n) fputs("  ", stdout);
    shown_write(stdout, more, 0);
    putchar('\n');
}

/* Prints a connection: its url without what may be a secret. */
static void tell_conn(const struct conn_box *b) {
    struct buf url;
    buf_init(&url, SIZE_MAX);
    if (b->url_function)
        buf_append(&url, slice_str("(url is a function)"));
    else
        secret_put_address(&url, slice_str(b->conn->plan->url.text), &secret_for_people);
    tell_line("connection", b->name ? b->name : "", buf_slice(&url));
    buf_clear(&url);
}

static void tell_timer(void *arg, const struct timer_told *t) {
    char when[64];
    (void)arg;
    number_print(when, sizeof when, t->every ? "every %.4g s" : "after %.3g s",
                 clock_to_seconds(t->every ? t->every : t->span));
    tell_line("timer", t->name ? t->name : "", slice_str(when));
}

static void tell_server(void *arg, const char *address) {
    (void)arg;
    tell_line("server", address, slice_of(NULL, 0));
}

static void tell_state(void *arg, const char *name) {
    (void)arg;
    tell_line("state", name, slice_of(NULL, 0));
}

int check_script(struct worker *w, const struct interpreter_options *o) {
    char *why = NULL;
    struct engine *next = reload_stage(w->engine, &why);
    if (next) next->is_checked = true;
    bool ok = next && generation_load(w, next, o, &why);
    if (ok) {
        for (const struct conn_box *b = next->boxes; b; b = b->next) tell_conn(b);
        l_serve_each(next, tell_server, NULL);
        l_timer_each(next, tell_timer, NULL);
        state_each(next, tell_state, NULL);
    } else {
        log_report(stderr, LOG_ERROR, "%s", why);
    }
    if (next) reload_abandon(next);
    free(why);
    return ok ? 0 : 1;
}
