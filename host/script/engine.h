/* engine: a generation: one lua_State's life, from its libraries to its close. Connections and timers are C objects
 * that it only holds boxes of. */
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

/* What a script may ask of the program it runs in, and what it tells it. */
struct engine_host {
    const luaL_Reg *modules;                        /* in C, which `require` finds besides those of script/ */
    void (*stop)(void *app, int status);            /* ends gracefully with this status */
    void (*mark)(void *app, int status);            /* this is to be the exit status, whenever it ends */
    void (*exit)(void *app, int status);            /* closes the engine and ends at once; does not return */
    const char *(*reload)(void *app);               /* asks for a reload; NULL, or why there can be none */
    const char *(*back)(void *app);                 /* the same, to the sources of the generation before; may be NULL */
    void (*erred)(void *app);                       /* hears of each error in a task, whoever else may; may be NULL */
    void (*failed)(void *app, const char *message); /* hears of each error that is reported; may be NULL */
    void (*noted)(void *app, const struct engine_file *file); /* it loads this one, perhaps again */
};

struct box;
struct conn_box;
struct timer;
struct serving;
struct luv;

/* How many instructions of Lua pass between two looks at a limit. */
enum { ENGINE_CHECK_EVERY = 100000 };

/* Whose measures tell when garbage is collected (collector.h). */
enum collector { COLLECTOR_OF_SCRIPT, COLLECTOR_OF_SMALL, COLLECTOR_OF_LARGE };

/* What the host is about to call, and what with (l_door_given). */
struct engine_gift {
    lua_CFunction to; /* NULL: nothing, or it was taken */
    void *what;
};

/* What only tests need. */
struct engine_test {
    struct engine *tester; /* of a bot under test (testing/bot.h): who tests it; NULL: this is who tests */
    struct limit *limit;   /* of the test that runs (testing/testing.c) */
    bool collects;         /* errors of tasks are kept for a test, not reported */
    bool quiet;            /* one is told that was kept */
    bool stopping;         /* a bot under test stops: no connection begins any more */
    FILE *err;             /* of a bot under test: where errors are told; NULL: stderr */
    struct relay {
        lua_State *in;   /* the thread in which a hook hears of bots; NULL: there is none yet */
        lua_State *from; /* the bot's, of which it hears now; NULL: it does not */
    } relay;             /* testing/relay.h */
};

struct engine {
    lua_State *L; /* the main thread: never the one a function was called with, which may be long gone */
    struct net *net;
    const struct engine_host *host;
    void *app;
    char *script;             /* its path, or NULL */
    char *folder;             /* where modules beside the script are looked for, or NULL */
    unsigned worker, workers; /* which of the processes this is that run the script, from 1, and how many they are */
    bool strict;              /* an error in a callback ends the program */
    struct memory blocks;     /* of Lua's objects */
    size_t memory;            /* bytes of these */
    size_t string_head;       /* bytes of the block of a long string that are in front of its text */
    struct account *account;  /* of these, and of what the host keeps for the script (see engine_limit_memory) */
    size_t beyond;            /* bytes that Lua's objects may take beyond what that account has room for */
    bool lends;               /* what Lua asks for is for the host: it may be more */
    bool refused;             /* there was no room for something */
    struct deadline tidying;  /* so what is garbage goes */
    struct engine_garbage {
        uint64_t ended, took; /* when it was last collected for want of room, and how long that was */
        size_t left;          /* bytes that were left in the account */
    } garbage;
    enum collector collector;
    struct tasks tasks;
    struct waiters behind_output; /* tasks that print, where who reads it is behind (l_output.h) */
    lua_State *main;              /* the coroutine that the main chunk runs in; NULL: it does not run, or has ended */
    bool ends_with_main;          /* what still lives when that has ended keeps no program alive: tests were run */
    bool hooked;                  /* a script has set a debug hook (hook.h) */
    bool hooks_all;               /* threads without one of their own have that of the main thread */
    struct luv *luv;              /* NULL: no script asked for it */
    lua_State *volatile running;  /* the thread that Lua runs in; NULL: it does not run */
    volatile uint64_t entered_at; /* since when, by uv_hrtime */
    volatile bool interrupted;
    const char *volatile bounded; /* what runs now, which may not run for long (interrupt.h); NULL: anything */
    volatile uint64_t bounded_at; /* since when */
    struct engine_gift gift;
    uintptr_t stack_begins; /* where the stack of C was when the loop made this, */
    size_t stack_room;      /* and how far from there it may be used for what nests without end */

    uint64_t reloads; /* how many generations were before it */
    bool staged;      /* it was not taken over yet: nothing begins (reload.h) */
    bool is_checked;  /* and never will be: it is only looked at */
    bool ended;       /* another has taken over: nothing begins any more */
    bool holds;       /* connections tell nothing: a reload is about to come (delivery_hold) */
    bool exited;      /* os.exit was called: while it was staged, or, by a bot under test, where it could not wait */
    bool stops, asks; /* while it was staged, host.stop or host.reload were called */
    bool is_late;     /* while it was staged, one was told that it takes long */
    int stop_status;
    bool no_environment;
    uint64_t last_id; /* of connections, before it was staged */

    struct box *objects;                 /* that its userdata refer to */
    struct conn_box *boxes, **boxes_end; /* its connections, in order */
    struct timer *timers;                /* those that are set */
    struct serving *servings;            /* its web servers (l_serve.h) */
    uint64_t births;                     /* connections, timers and tasks are numbered as they begin */
    lua_Hook watchdog;                   /* looks at a limit in every thread; NULL: there is none */
    struct engine_test *test;            /* NULL: it neither runs tests nor is a bot under test */
    struct engine_file *files;           /* what it was loaded from */
    unsigned file_count;
    size_t sources;                        /* bytes of their texts that are kept */
    const struct engine_file *script_file; /* the one of the script itself; NULL: it is none */
    struct engine_file *past;              /* its own: what it is loaded from in place of the disk; NULL: the disk */
};

/* A new state with Lua's libraries and ours; `host` may be NULL where no script runs. NULL without memory.
 * `no_environment` is `lua -E`: LUA_PATH and the like are not looked at. */
struct engine *engine_new(struct net *net, const struct engine_host *host, void *app, bool no_environment);

/* What tests need, all zero at first. */
struct engine_test *engine_for_test(struct engine *e);
static inline bool engine_is_tested(const struct engine *e) { return e->test && e->test->tester; }
static inline bool engine_collects(const struct engine *e) { return e->test && e->test->collects; }
static inline bool engine_stops(const struct engine *e) { return e->test && e->test->stopping; }
static inline FILE *engine_err(const struct engine *e) { return e->test ? e->test->err : NULL; }

/* Limits what Lua's objects and what the host keeps for the script (options, messages that wait, names) may take
 * together. The host stops a little before: what is left then is for Lua alone, so that the script can go on. */
void engine_limit_memory(struct engine *e, size_t bytes);

/* A new engine counts where another does: both have one limit. */
void engine_share_memory(struct engine *e, const struct engine *other);

/* The script is to stop: what that takes is allowed beyond the limit. */
void engine_allow_stop(struct engine *e);

/* Raises "not enough memory" where the host may not keep so many bytes more, though all garbage was collected. */
void l_engine_need_slowly(lua_State *L, size_t bytes);
static inline void l_engine_need(lua_State *L, const struct engine *e, size_t bytes) {
    if (!account_has_room(e->account, bytes)) l_engine_need_slowly(L, bytes);
}

/* The same, and counts them from now on, up to engine_give_back. */
void l_engine_keep(lua_State *L, size_t bytes);
static inline void engine_give_back(struct engine *e, size_t bytes) { account_take(e->account, bytes); }

/* How many bytes more the host may keep, after garbage was collected where that is less than wanted. */
size_t l_engine_room(lua_State *L, size_t wanted);

/* Collects garbage, finalizers and all, where that is worth its time: so that it takes a small part of it, however
 * often there is no room. From the loop only. */
void engine_collect(struct engine *e);

/* Names the script: what host.script says, and where modules beside it are found. */
void engine_set_script(struct engine *e, const char *path);

/* Raises an error that begins with `what` where another generation has taken over, or the state is being closed. */
void l_engine_check(lua_State *L, const char *what);

/* Closes the state: pending <close> variables and finalizers run, connections go on without anyone listening. */
void engine_free(struct engine *e);

/* The engine that a Lua thread belongs to. */
struct engine *engine_of(lua_State *L);

/* Marks a coroutine as the host's, which alone resumes and closes it: that of a task, or one that waits for the host.
 */
void engine_keep_thread(lua_State *co, bool keeps);
bool engine_keeps_thread(lua_State *co);

/* Takes a hook of the host away from a thread; the watchdog stays, and so does the hook of the script. */
void engine_unhook(lua_State *L);

/* Has the watchdog look after this thread and those that are made from now on. */
void engine_set_watchdog(struct engine *e, lua_State *L, lua_Hook watchdog);

/* Tells on stderr of an error that nobody handled; in --strict it ends the program. */
void engine_report(struct engine *e, const char *message);

/* Around whatever runs Lua code in the thread `L`: engine_leave gets what engine_enter gave. */
lua_State *engine_enter(struct engine *e, lua_State *L);
void engine_leave(struct engine *e, lua_State *before);

/* Is so much of the stack of C in use that what would nest further has to wait or fail? Lua counts its calls of C, but
 * begins anew in each thread that is closed or resumed by itself. */
bool engine_is_deep(const struct engine *e);

/* Has `what` for `fn`, which is called next. Returns what was there before, to be put back after the call. */
static inline struct engine_gift engine_give(struct engine *e, lua_CFunction fn, void *what) {
    struct engine_gift before = e->gift;
    e->gift = (struct engine_gift){fn, what};
    return before;
}

/* Is it the source of a Lua module of lualib/, as lua_Debug has it? */
static inline bool engine_is_ours(const char *source) { return strncmp(source, "=wsbot.", strlen("=wsbot.")) == 0; }

/* Pushes a table of the registry whose keys do not live by it; it is made when it is first asked for. May raise. */
void l_engine_push_weak(lua_State *L, const void *key);

/* Pushes the chunk of the Lua module `name` of lualib/, or nothing: false. May raise. */
bool l_engine_load(lua_State *L, const char *name);

/* What `b` holds is about to be pushed as a string. Where it lies as a string's text would (buf_make_room), the memory
 * becomes the string's, which is then not copied, and `b` is empty after. The text stays where it is. */
void engine_offer(struct engine *e, struct buf *b);

/* Pushes what the Lua module `name` of lualib/ returns; loads it at the first time. May raise. */
void l_engine_require(lua_State *L, const char *name);

#endif
