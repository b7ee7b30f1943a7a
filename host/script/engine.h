/* engine: a generation: one lua_State's life, from its libraries to its close. Connections and timers are C objects
 * that it only holds boxes of. */
#ifndef SCRIPT_ENGINE_H
#define SCRIPT_ENGINE_H

#include "net/net.h"
#include "script/task.h"
#include <lua.h>

/* What a script may ask of the program it runs in. */
struct engine_host {
    void (*stop)(void *app, int status); /* ends gracefully with this status */
    void (*exit)(void *app, int status); /* closes the engine and ends at once; does not return */
};

struct luv;

struct engine {
    lua_State *L; /* the main thread: never the one a function was called with, which may be long gone */
    struct net *net;
    const struct engine_host *host;
    void *app;
    const char *script;        /* its path, or NULL; borrowed */
    char *folder;              /* where modules beside the script are looked for, or NULL */
    bool strict;               /* an error in a callback ends the program */
    size_t memory, memory_cap; /* bytes that Lua holds, and may hold; cap 0: no cap */
    struct tasks tasks;
    struct luv *luv;              /* NULL: no script asked for it */
    lua_State *volatile running;  /* the thread that Lua runs in; NULL: it does not run */
    volatile uint64_t entered_at; /* since when, by uv_hrtime */
    volatile bool interrupted;
};

/* A new state with Lua's libraries and ours. NULL without memory. `no_environment` is `lua -E`: LUA_PATH and the like
 * are not looked at. */
struct engine *engine_new(struct net *net, const struct engine_host *host, void *app, bool no_environment);

/* Names the script: what host.script says, and where modules beside it are found. */
void engine_set_script(struct engine *e, const char *path);

/* Closes the state: pending <close> variables and finalizers run, connections go on without anyone listening. */
void engine_free(struct engine *e);

/* The engine that a Lua thread belongs to. */
struct engine *engine_of(lua_State *L);

/* Tells on stderr of an error that nobody handled; in --strict it ends the program. */
void engine_report(struct engine *e, const char *message);

/* Raises "interrupted!" in the Lua code that runs now, once that has kept the loop waiting for a second; does nothing
 * while none runs. May be called by a signal handler. */
void engine_interrupt(struct engine *e);

/* Around whatever runs Lua code in the thread `L`: engine_leave gets what engine_enter gave. */
lua_State *engine_enter(struct engine *e, lua_State *L);
void engine_leave(struct engine *e, lua_State *before);

/* Was an interrupt raised since the last time this was asked? */
bool engine_was_interrupted(struct engine *e);

/* Pushes what the Lua module `name` of lualib/ returns; loads it at the first time. May raise. */
void l_engine_require(lua_State *L, const char *name);

#endif
