/* peer: what the two files of testing.server share: a server (peer.c), and its sessions (session.c). */
#ifndef TESTING_PEER_H
#define TESTING_PEER_H

#include "net/conn/listener.h"
#include "script/box.h"
#include "script/engine.h"

/* User values of a server. */
enum {
    PEER_STRINGS = 1, /* the Lua strings that its C strings point into */
    PEER_ARRIVED = 2, /* the sessions that nobody has accepted yet, in order */
    PEER_VALUES = 2,
};

/* Anchored while it listens. */
struct peer {
    struct box box;
    struct engine *engine;
    struct listener *listener; /* NULL: closed */
    struct conn_answer answer;
    struct tls_config tls;
    char *folder; /* of its certificate, or NULL */
    const char **protocols;
    bool compression;
    struct waiters acceptors;
};

/* Ends all sessions of a peer at once. */
void session_end_all(const struct peer *p);

/* Makes a session of a connection that the listener has accepted. `arg` is the peer. */
void session_accepted(void *arg, struct conn *c);
extern const struct conn_sink session_sink;

/* Makes the userdata type of sessions. May raise. */
void l_session_open(lua_State *L);

#endif
