/* echo: the echo peer: sends back every message as it came. */
#ifndef APP_ECHO_H
#define APP_ECHO_H

#include "app/cli.h"
#include "app/worker.h"
#include "net/conn/listener.h"

/* A running echo peer. The caller's memory. */
struct echo {
    struct listener *listener;
    struct tls_config tls;
};

/* Starts it in a worker; `keeps_alive`: the worker runs as long as it listens. 0, or ERR_SYSTEM with `fault`. */
int echo_open(struct echo *e, struct worker *w, const struct cli_options *options, bool keeps_alive,
              struct fault *fault);

/* Its address, as "ws://127.0.0.1:1234". */
void echo_url(const struct echo *e, char *text, size_t size);

/* Closes its listener. */
void echo_close(struct echo *e);

#endif
