/* echo: a sink in C. A client that does not read what it gets back is not read either. */
#include "app/echo.h"

#include "base/reserve.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MESSAGE_MAX = 64 << 20,
    BACKLOG_MAX = 1 << 20, /* bytes that the client has not taken, above which it is not read */
};

static void on_readable(void *arg, struct conn *c) {
    struct ws_event ev;
    (void)arg;
    while (conn_next(c, &ev)) {
        if (ev.kind != WS_TEXT && ev.kind != WS_BINARY) continue;
        conn_send(c, ev.kind, ev.data);
        if (conn_buffered(c) <= BACKLOG_MAX) continue;
        conn_pause(c, CONN_PAUSED_BY_SINK);
        conn_await_drained(c);
    }
}

static void on_drained(void *arg, struct conn *c, bool was_behind) {
    (void)arg;
    (void)was_behind;
    conn_resume(c, CONN_PAUSED_BY_SINK);
}

static void on_closed(void *arg, struct conn *c, const struct conn_end *end) {
    (void)arg;
    (void)c;
    (void)end;
}

static const struct conn_sink sink = {.readable = on_readable, .drained = on_drained, .closed = on_closed};

static void on_accepted(void *arg, struct conn *c) {
    (void)arg;
    struct conn_settings *settings = &conn_plan(c)->settings;
    settings->max_message_size = MESSAGE_MAX;
    settings->max_send_buffer = 2 * MESSAGE_MAX + BACKLOG_MAX;
}

int echo_open(struct echo *e, struct worker *w, const struct cli_options *options, bool keeps_alive,
              struct fault *fault) {
    *e = (struct echo){0};
    struct listener_options to = {
        .host = options->host, .port = (uint16_t)options->port, .sink = &sink, .accepted = on_accepted};
    if (options->tls_cert) {
        e->tls = (struct tls_config){.cert = reserve_copy(options->tls_cert), .key = reserve_copy(options->tls_key)};
        to.tls = &e->tls;
        struct tls *probe = tls_server_new(tls_store_of(&w->net), &e->tls,
                                           fault); /* a wrong file is reported now, not when the first client comes */
        if (!probe) goto fail;
        tls_free(probe);
    }
    if (listener_open(&e->listener, &w->net, &to, fault) < 0) goto fail;
    if (!keeps_alive) listener_unref(e->listener);
    return 0;
fail:
    tls_config_clear(&e->tls);
    return ERR_SYSTEM;
}

void echo_url(const struct echo *e, char *text, size_t size) {
    char address[128];
    listener_address(e->listener, address, sizeof address);
    snprintf(text, size, "%s://%s", e->tls.cert ? "wss" : "ws", address);
}

void echo_close(struct echo *e) {
    listener_close(e->listener);
    tls_config_clear(&e->tls);
}
