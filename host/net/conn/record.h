/* record: what passes on the connections of a program, as a file of JSON lines: to look at, and to play to a bot again
 * (wsbot.testing.replay). Each line has the time in seconds since the record began, the connection's id, and what
 * happened: "connect", "request", "response", "sent", "received", "end". Secrets (wire/secret.h) are left out
 * unless asked for. */
#ifndef NET_CONN_RECORD_H
#define NET_CONN_RECORD_H

#include "net/conn/conn.h"

struct record;

/* Begins a file; one that is there is written over. Only its owner may read it. 0, or ERR_SYSTEM with `fault`. */
int record_open(struct net *net, const char *path, bool secrets, struct fault *fault);

/* Who hears what passes. `told` gets whole lines, about once a turn of the loop, with "***" for secrets; it may call
 * conn_ functions. Of a message that is longer than `most` bytes only so many are given, and its real length as
 * "size". `wants`, which may be NULL, is asked for each message, ping, pong and Close before a line is made of it; what
 * else happens is always told. */
struct record_listener {
    void (*told)(void *arg, struct slice lines);
    bool (*wants)(void *arg, const struct conn *c);
    void *arg;
    size_t most;
};

/* Tells it from now on, beside a file, or without one. */
void record_listen(struct net *net, const struct record_listener *listener);

/* The times in the lines that `arg` is told count from now on. */
void record_restart(struct net *net, const void *arg);

/* Ends the record that record_listen began with `arg`: it is told nothing more. */
void record_unlisten(struct net *net, const void *arg);

/* Ends all records of `net`, if it has any. */
void record_close(struct net *net);

/* Passes on what was noted, to the file and to `told`. This and all functions below act on every record of `net`, of
 * which `r` is the first. */
void record_flush(struct record *r);

/* An attempt begins. */
void record_connect(struct record *r, const struct conn *c);

/* The head of the request that is sent. */
void record_request(struct record *r, const struct conn *c, struct slice head);

/* The answer that is in c->head, with what was read of its body. */
void record_response(struct record *r, const struct conn *c);

/* A message, ping, pong or Close went out, or came. `code` is a Close's. */
void record_event(struct record *r, const struct conn *c, bool sent, enum ws_kind kind, struct slice data,
                  uint16_t code);

/* An attempt has ended. */
void record_end(struct record *r, const struct conn *c);

#endif
