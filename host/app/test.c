/* test: the command line as the table `arg`, and a main chunk that is inside the program. */
#include "app/test.h"

#include "app/chunk.h"
#include "script/collector.h"
#include "script/door.h"
#include <lauxlib.h>

struct arguments {
    int argc, first;
    char **argv;
};

static int l_set_arg(lua_State *L) {
    const struct arguments *a = l_door_given(L, l_set_arg);
    lua_createtable(L, a->argc - a->first, 2);
    lua_pushstring(L, a->argv[0]);
    lua_rawseti(L, -2, -1);
    for (int i = a->first; i < a->argc; i++) {
        lua_pushstring(L, a->argv[i]);
        lua_rawseti(L, -2, i - a->first + 1);
    }
    lua_setglobal(L, "arg");
    collector_start(engine_of(L));
    return 0;
}

void test_run(struct worker *w, int argc, char **argv, int first) {
    struct arguments a = {.argc = argc, .argv = argv, .first = first};
    struct run r = {.worker = w, .engine = w->engine, .program = "wsbot test", .ok = true};
    struct chunk c = {.run = &r, .load = chunk_load_inside, .text = "wsbot.test"};
    if (door_call(w->engine, l_set_arg, &a, NULL) && chunk_run(&c)) return;
    if (w->status == 0) w->status = 1; /* it failed, or is broken off, by a signal or host.stop */
}
