/* test: the command line as the table `arg`, the modules wsbot.test.notes and wsbot.test.processes, and a main chunk
 * that is inside the program. */
#include "app/test.h"

#include "app/chunk.h"
#include "app/test_jobs.h"
#include "app/test_notes.h"
#include "net/conn/record.h"
#include "script/collector.h"
#include "script/door.h"
#include <lauxlib.h>
#include <signal.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

struct test {
    struct worker worker;
    struct teller teller;
    struct test_jobs jobs;
};

/* ---- wsbot.test.notes ---- */

static struct teller *teller_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* begin(name): what is loaded from now on is loaded for that spec file; "": for all */
static int l_begin(lua_State *L) {
    teller_set_spec(teller_of(L), luaL_checkstring(L, 1));
    return 0;
}

/* finish(name, passed) */
static int l_finish(lua_State *L) {
    teller_end_spec(teller_of(L), luaL_checkstring(L, 1), lua_toboolean(L, 2));
    return 0;
}

static void l_push_notes(lua_State *L, struct teller *teller) {
    static const luaL_Reg functions[] = {{"begin", l_begin}, {"finish", l_finish}, {NULL, NULL}};
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, teller);
    luaL_setfuncs(L, functions, 1);
}

static void on_noted(void *arg, const struct engine_file *file) { teller_note(arg, file); }

/* ---- all of it ---- */

static int l_prepare(lua_State *L) {
    struct test *t = l_door_given(L, l_prepare);
    struct test_jobs *jobs = &t->jobs;
    lua_createtable(L, jobs->argc - jobs->first, 2);
    lua_pushstring(L, jobs->argv[0]);
    lua_rawseti(L, -2, -1);
    for (int i = jobs->first; i < jobs->argc; i++) {
        lua_pushstring(L, jobs->argv[i]);
        lua_rawseti(L, -2, i - jobs->first + 1);
    }
    lua_setglobal(L, "arg");
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    l_push_notes(L, &t->teller);
    lua_setfield(L, -2, "wsbot.test.notes");
    l_test_jobs_push(L, jobs);
    lua_setfield(L, -2, "wsbot.test.processes");
    collector_start(engine_of(L));
    return 0;
}

/* Opens the notes, where a process watches this run. */
static void tell_notes(struct test *t, const struct cli_options *options) {
    teller_open(&t->teller);
    t->jobs.watched = t->teller.fd != 0;
    if (!t->jobs.watched) return;
    t->worker.noted = on_noted;
    t->worker.noted_arg = &t->teller;
    generation_watch_also(t->worker.engine, &options->reload);
}

/* Has this process end with its parent: nobody else would end a run that hangs. */
static void end_with_parent(void) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
}

int test_run(int argc, char **argv, const struct cli_options *options) {
    struct test t;
    struct fault fault = {0};
    struct worker *w = &t.worker;
    struct run r = {.worker = w, .program = "wsbot test", .ok = true};
    struct chunk c = {.run = &r, .load = chunk_load_inside, .text = "wsbot.test"};
    worker_open(w, true, false);
    r.engine = w->engine;
    t.jobs = (struct test_jobs){.worker = w, .argv = argv, .argc = argc, .first = options->first};
    if (options->record && record_open(&w->net, options->record, false, &fault) < 0) {
        fprintf(stderr, "wsbot test: %s\n", fault.text);
        worker_close(w);
        return 1;
    }
    tell_notes(&t, options);
    if (t.jobs.watched || options->is_job) end_with_parent();
    if (!door_call(w->engine, l_prepare, &t, NULL) || !chunk_run(&c))
        if (w->status == 0) w->status = 1; /* it has failed, or was ended by a signal or host.stop */
    test_jobs_end(&t.jobs);
    worker_close(w);
    return w->status;
}
