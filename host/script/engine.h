/* engine: a generation: the life of one lua_State, from opening its libraries to closing it. Connections and timers are
 * C objects; in the state are only boxes that refer to them. */
#ifndef SCRIPT_ENGINE_H
#define SCRIPT_ENGINE_H

#include "net/net.h"
#include "script/loader.h"
#include "script/memory.h"
#include "script/task.h"
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* What an engine calls in the program that it is part of, with `app` as the first argument: what scripts may ask for,
 * and what the program wants to know. `failed`, `erred`, `back` and `summary` may be NULL. */
struct engine_host {
    const luaL_Reg *modules;                        /* C modules that `require` finds besides those of script/ */
    void (*stop)(void *app, int status);            /* stops the program gracefully, with this exit status */
    void (*mark)(void *app, int status);            /* sets the exit status for whenever the program ends */
    void (*exit)(void *app, int status);            /* closes the engine and ends at once; does not return */
    const char *(*reload)(void *app);               /* asks for a reload; NULL, or why there can be none */
    const char *(*back)(void *app);                 /* the same, to load the sources of the generation before */
    void (*summary)(void *app);                     /* has the program print a summary at its end */
    void (*erred)(void *app);                       /* told of each error in a task, also where a handler takes it */
    void (*failed)(void *app, const char *message); /* told of each error that is reported */
    void (*noted)(void *app, const struct engine_file *file); /* told that a file is loaded, perhaps once more */
};

struct box;
struct conn_box;
struct durable;
struct metrics;
struct timer;
struct serving;
struct store;
struct luv;

/* Lua instructions between two checks of a limit (a count hook). */
enum { ENGINE_CHECK_EVERY = 100000 };

/* Which parameters the garbage collector has: the script's own, those for a small or for a large heap (collector.h). */
enum collector { COLLECTOR_OF_SCRIPT, COLLECTOR_OF_SMALL, COLLECTOR_OF_LARGE };

/* A function that the host is about to call, and its argument (l_door_given). */
struct engine_gift {
    lua_CFunction to; /* NULL: there is none, or it has taken its argument */
    void *what;
};

/* What only an engine that runs tests needs, and a bot under test. */
struct engine_test {
    struct engine *tester; /* of a bot under test (testing/bot.h): engine of its test; NULL: this engine runs tests */
    struct limit *limit;   /* on the time of the running test (testing/testing.c) */
    bool collects;         /* errors of tasks are kept for a test, not reported */
    bool quiet;            /* an error that was kept for a test is not reported as well */
    bool stopping;         /* a bot under test stops: no connection begins any more */
    FILE *err;             /* of a bot under test: where errors are reported; NULL: stderr */
    struct relay {
        lua_State *in;   /* the thread in which a test's debug hook runs for bots; NULL: there is none yet */
        lua_State *from; /* the bot's thread that the hook runs for now; NULL: it does not run */
    } relay;             /* testing/relay.h */
};

/* Where this process is among those that run the script, all of them counted from 1: the worker of a pool, and the
 * shard of several machines. */
struct engine_place {
    unsigned worker, workers, shard, shards;
};

/* The number of this process among all of them, from 1. */
static inline lua_Integer engine_index(const struct engine_place *p) {
    return (lua_Integer)(p->shard - 1) * p->workers + p->worker;
}

struct engine {
    lua_State *L; /* the main thread; a thread that a function was called in may have ended long ago */
    struct net *net;
    const struct engine_host *host;
    void *app;
    char *script; /* its path, or NULL */
    char *folder; /* where modules beside the script are looked for, or NULL */
    struct engine_place place;
    bool strict;             /* an error in a callback ends the program */
    struct memory blocks;    /* of Lua's objects */
    size_t memory;           /* bytes of those blocks */
    size_t string_head;      /* bytes of the block of a long string that are in front of its text */
    struct account *account; /* counts these bytes, and what the host keeps for the script (see engine_limit_memory) */
    struct metrics *metrics; /* what the script counts (l_metrics.h); NULL: nothing yet */
    struct store *store;     /* where durable state is kept (base/store.h), borrowed; NULL: nowhere */
    struct durable *durable; /* which of host.state is durable (durable.h); NULL: nothing yet */
    size_t beyond;           /* bytes that Lua's objects may take beyond the limit of that account */
    bool lends;              /* the memory that Lua allocates now is for the host, and may exceed the limit further */
    bool refused;            /* Lua was refused an allocation */
    struct deadline tidying; /* when all garbage is collected for that reason, finalizers included */
    struct engine_garbage {
        uint64_t ended, took; /* when garbage was last collected for want of room (uv_hrtime), and how long it took */
        size_t left;          /* bytes that were left in the account */
    } garbage;
    enum collector collector;
    struct tasks tasks;
    struct waiters behind_output; /* tasks that wait to print, as the reader of stdout is slow (l_output.h) */
    lua_State *main;              /* the coroutine that the main chunk runs in; NULL: it does not run, or has ended */
    bool ends_with_main;          /* the program ends with the main chunk, whatever is open: it has run tests */
    bool hooked;                  /* a script has set a debug hook (hook.h) */
    bool hooks_all;               /* threads without a hook of their own use that of the main thread */
    struct luv *luv;              /* NULL: no script asked for it */
    lua_State *volatile running;  /* the thread whose Lua code runs; NULL: none runs */
    volatile uint64_t entered_at; /* when it began to, by uv_hrtime */
    uint64_t lua_time;            /* nanoseconds that Lua code has run */
    uint64_t collections;         /* of garbage, young or all */
    volatile bool interrupted;
    const char *volatile bounded; /* name of the running function with a time limit (interrupt.h); NULL: none */
    volatile uint64_t bounded_at; /* when that limit began, by uv_hrtime */
    struct engine_gift gift;
    uintptr_t stack_begins; /* address on the C stack when the engine was made, from the loop */
    size_t stack_room;      /* bytes of the C stack from there that nested calls may use (engine_is_deep) */

    uint64_t reloads; /* how many generations there were before this one */
    bool staged;      /* it has not taken over yet: nothing begins (reload.h) */
    bool is_checked;  /* and never will take over: `wsbot check` loads it */
    bool ended;       /* another generation has taken over: nothing begins any more */
    bool holds;       /* events are kept back from the script, as a reload is about to come (delivery_hold) */
    bool exited;      /* os.exit was called: while it was staged, or, by a bot under test, where it could not wait */
    bool stops, asks, sums; /* while it was staged, host.stop, host.reload or host.summary were called */
    bool is_late;           /* while it was staged, it was reported that loading takes long */
    int stop_status;
    bool no_environment;
    uint64_t last_id; /* net->last_id before it was staged */

    struct box *objects;                 /* C objects that its userdata refer to */
    struct conn_box *boxes, **boxes_end; /* its connections, in order */
    struct timer *timers;                /* its timers that are set */
    struct engine *next, **at;           /* in the list of all whose code may be sampled (profile.h) */
    struct serving *servings;            /* its web servers (l_serve.h) */
    uint64_t births;                     /* last number given: connections, timers and tasks are numbered */
    lua_Hook watchdog;                   /* the hook that checks a limit in every thread; NULL: there is none */
    struct engine_test *test;            /* NULL: it neither runs tests nor is a bot under test */
    struct engine_file *files;           /* the Lua files that it was loaded from */
    unsigned file_count;
    size_t sources;                        /* bytes of their texts that are kept */
    const struct engine_file *script_file; /* the one that is the script itself; NULL: the script is no file */
    struct engine_file *past;              /* its own: files to be loaded in place of those on disk; NULL: none */
};

/* A new state with Lua's libraries and ours; `host` may be NULL where no script runs. NULL without memory.
 * `no_environment` is `lua -E`: LUA_PATH and the like are not looked at. */
struct engine *engine_new(struct net *net, const struct engine_host *host, void *app, bool no_environment);

/* The part of an engine that tests need; made at the first call, all zero. */
struct engine_test *engine_for_test(struct engine *e);
static inline bool engine_is_tested(const struct engine *e) { return e->test && e->test->tester; }
static inline bool engine_collects(const struct engine *e) { return e->test && e->test->collects; }
static inline bool engine_stops(const struct engine *e) { return e->test && e->test->stopping; }
static inline FILE *engine_err(const struct engine *e) { return e->test ? e->test->err : NULL; }

/* Limits how many bytes Lua's objects and what the host keeps for the script (options, messages that wait, names) may
 * take together. The host's own limit is a little lower: the rest is for Lua's objects alone, so that the script can go
 * on. */
void engine_limit_memory(struct engine *e, size_t bytes);

/* Has a new engine count its memory in the account of `other`, so that one limit holds for both. */
void engine_share_memory(struct engine *e, const struct engine *other);

/* Raises the limit, since the script is to stop and needs memory for that. */
void engine_allow_stop(struct engine *e);

/* Raises "not enough memory" where the host may not keep so many bytes more, even after all garbage was collected. */
void l_engine_need_slowly(lua_State *L, size_t bytes);
static inline void l_engine_need(lua_State *L, const struct engine *e, size_t bytes) {
    if (!account_has_room(e->account, bytes)) l_engine_need_slowly(L, bytes);
}

/* The same, and counts these bytes in the account until engine_give_back. */
void l_engine_keep(lua_State *L, size_t bytes);
static inline void engine_give_back(struct engine *e, size_t bytes) { account_take(e->account, bytes); }

/* How many bytes more the host may keep, after garbage was collected where that is less than wanted. */
size_t l_engine_room(lua_State *L, size_t wanted);

/* Collects all garbage, finalizers included, but only where much was allocated or some time has passed since the last
 * time: so that collecting takes a small part of the time, however often there is no room. From the loop only. */
void engine_collect(struct engine *e);

/* Names the script: what host.script says, and where modules beside it are found. */
void engine_set_script(struct engine *e, const char *path);

/* Raises an error that begins with `what` where another generation has taken over, or the state is being closed. */
void l_engine_check(lua_State *L, const char *what);

/* Closes the state: pending <close> variables and finalizers run. Its connections go on, but no script hears of
 * them. */
void engine_free(struct engine *e);

/* The engine that a Lua thread belongs to. */
struct engine *engine_of(lua_State *L);

/* Marks a coroutine as the host's, so that scripts can neither resume nor close it: that of a task, or one that waits
 * for the host. */
void engine_keep_thread(lua_State *co, bool keeps);
bool engine_keeps_thread(lua_State *co);

/* Takes a temporary hook of the host away from a thread; the watchdog and the hook of the script stay. */
void engine_unhook(lua_State *L);

/* Sets the watchdog hook (NULL: none) in the thread L, which may be NULL, and in the main thread, from which new
 * threads inherit it. */
void engine_set_watchdog(struct engine *e, lua_State *L, lua_Hook watchdog);

/* Reports on stderr an error that nobody handled; with --strict the program then stops. */
void engine_report(struct engine *e, const char *message);

/* To be called before and after Lua code runs in the thread `L`; engine_leave takes what engine_enter returned. */
lua_State *engine_enter(struct engine *e, lua_State *L);
void engine_leave(struct engine *e, lua_State *before);

/* Is so much of the C stack in use that code that would nest deeper must wait or fail? Lua's own count of nested C
 * calls begins anew in each thread that is closed, or resumed from no other thread. */
bool engine_is_deep(const struct engine *e);

/* Sets `what` as the argument of `fn`, which is to be called next (l_door_given). Returns what was set before, to be
 * restored after the call. */
static inline struct engine_gift engine_give(struct engine *e, lua_CFunction fn, void *what) {
    struct engine_gift before = e->gift;
    e->gift = (struct engine_gift){fn, what};
    return before;
}

/* Is this source (of a lua_Debug) a Lua module of lualib/? */
static inline bool engine_is_ours(const char *source) { return strncmp(source, "=wsbot.", strlen("=wsbot.")) == 0; }

/* Pushes the table with weak keys that is in the registry under `key`; makes it at the first call. May raise. */
void l_engine_push_weak(lua_State *L, const void *key);

/* Pushes the chunk of the Lua module `name` of lualib/, or nothing: false. May raise. */
bool l_engine_load(lua_State *L, const char *name);

/* To be called before the bytes in `b` are pushed as a string. Where they lie in their memory as the text of a Lua
 * string would (buf_make_room), that memory becomes the string's without a copy, and `b` is empty afterwards. The bytes
 * do not move. */
void engine_offer(struct engine *e, struct buf *b);

/* Pushes what the Lua module `name` of lualib/ returns; loads it at the first time. May raise. */
void l_engine_require(lua_State *L, const char *name);

#endif
