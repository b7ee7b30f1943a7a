/* parts: what the files of this room share. */
#ifndef APP_CONTROL_PARTS_H
#define APP_CONTROL_PARTS_H

#include "app/control/control.h"
#include "net/conn/listener.h"

/* The control whose Lua state runs. */
static inline struct control *control_of(lua_State *L) { return engine_of(L)->app; }

/* ---- control.c ---- */

/* A new Lua state, with that net, which looks at `c`; it may take so many bytes. NULL: there is no memory for it. */
struct engine *control_engine_new(struct control *c, struct net *net, size_t memory);

/* ---- core.c ---- */

/* The module wsbot.control.core, which lualib/wsbot/control.lua alone uses. May raise. */
int luaopen_control_core(lua_State *L);

/* ---- run.c: functions of that module ---- */

int l_run_start(lua_State *L);
int l_run_wait(lua_State *L);
int l_run_cancel(lua_State *L);

/* Nobody is there any more: what runs is cancelled. */
void run_end_all(struct control *c);

/* ---- watch.c: the same ---- */

int l_watch_begin(lua_State *L);
int l_watch_take(lua_State *L);
int l_watch_end(lua_State *L);
void watch_end_all(struct control *c);

/* ---- look.c: what there is to see, as tables on the stack of L. May raise. ---- */

void l_look_program(lua_State *L, const struct control *c);
void l_look_metrics(lua_State *L, const struct control *c);
void l_look_connections(lua_State *L, const struct control *c);
void l_look_tasks(lua_State *L, const struct control *c);
void l_look_timers(lua_State *L, const struct control *c);
void l_look_generations(lua_State *L, const struct control *c);

#endif
