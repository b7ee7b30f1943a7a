/* control: the control socket of a running program, by which `wsbot ps`, `attach` and `inspect` see inside: a WebSocket
 * server on a Unix domain socket that speaks JSON-RPC (lualib/meta/control.lua has its methods). It takes nothing from
 * the script: it has a net, a Lua state and an account of its own, which is there while somebody is connected. */
#ifndef APP_CONTROL_CONTROL_H
#define APP_CONTROL_CONTROL_H

#include "app/control/folder.h"
#include "app/worker.h"

struct control {
    struct worker *worker;
    char *name;              /* of the program; its own; NULL: there was no memory for it */
    const char *script;      /* its path; borrowed */
    unsigned number;         /* of the worker in its pool; 0: it is in none */
    const char *status_host; /* where --status listens; borrowed; NULL: nowhere */
    uint16_t status_port;
    char *status_url;                              /* its own; NULL: it does not listen */
    double started;                                /* the program, by the wall clock */
    struct net net;                                /* beside that of the worker */
    struct listener *listener;                     /* NULL: there is none yet, or it could not be made */
    char folder[FOLDER_PATH], path[FOLDER_SOCKET]; /* where it is */
    LIST_HEAD(, watch) watches;                    /* what clients want to be told (watch.c) */
    LIST_HEAD(, run_inside) runs;                  /* code of clients that runs, or has run (run.c) */
    struct engine *engine;                         /* the Lua state that answers; NULL: nobody has asked yet */
    struct deadline settled; /* when code that has ended is watched no more: its <close> variables have run */
    struct deadline idle;    /* when it ends, as nobody is connected */
};

/* Says what there is to see: `c` is all zero but for its name; `script`, a path, is borrowed, and NULL where the script
 * is no file; `number` is that of the worker in a pool, else 0. */
void control_init(struct control *c, struct worker *w, const char *script, unsigned number);

/* Has the socket made when the loop first turns; a script that needs no loop has none. Where it cannot be made, that is
 * told once, and the program runs on. With WSBOT_CONTROL=off nothing happens. After control_init. */
void control_open(struct control *c);

/* Serves --status from now on: c->status_host and c->status_port are set. 0, or ERR_SYSTEM with `fault`. After
 * control_open. */
int control_open_status(struct control *c, struct fault *fault);

/* Closes and removes it. To be called before worker_close, and after control_init or where `c` is all zero; `c` may go
 * after worker_close. */
void control_close(struct control *c);

#endif
