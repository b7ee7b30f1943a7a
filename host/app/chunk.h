/* chunk: a piece of Lua code of the command line (LUA_INIT, -e, -l, the script, a line at the prompt), and how it is
 * run: as a task, so that it may wait. */
#ifndef APP_CHUNK_H
#define APP_CHUNK_H

#include "app/worker.h"

/* What the chunks of a generation share. */
struct run {
    struct worker *worker;
    struct engine *engine;
    const char *program; /* goes before messages; NULL at the prompt */
    bool ok;             /* no chunk has failed */
    char *error;         /* while the engine is staged: an error, which is not reported then; its own */
};

/* Something to run. */
struct chunk {
    struct run *run;
    int (*load)(lua_State *L, const struct chunk *c); /* leaves a function, or a message: then not LUA_OK */
    const char *text, *name;
    bool with_arguments; /* it gets the arguments of the command line */
    bool is_library;     /* it gets the module that `text` names; returns the value for its global */
    bool prints;         /* its results are printed */
    struct task *task;   /* while it runs */
    bool running;
    bool replaced;                                     /* another generation took over while it waited */
    void (*ended)(struct chunk *c, enum task_end how); /* called at its end, after errors are reported; may be NULL */
};

/* Loaders: Lua code in `text`, named `name`; the file `text` (NULL: standard input); `require` for `-l text`; the
 * module `text` of lualib/. */
int chunk_load_string(lua_State *L, const struct chunk *c);
int chunk_load_file(lua_State *L, const struct chunk *c);
int chunk_load_library(lua_State *L, const struct chunk *c);
int chunk_load_inside(lua_State *L, const struct chunk *c);

/* Runs it until it ends or waits; `running` says which. */
void chunk_start(struct chunk *c);

/* Runs it to its end; the loop turns while it waits. False where it failed, which was reported, where another
 * generation has taken over, or where the program is to stop. */
bool chunk_run(struct chunk *c);

/* Reports an error as `lua` does; where the engine is staged, keeps it in r->error. */
void run_tell(struct run *r, const char *message);

#endif
