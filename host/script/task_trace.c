/* task_trace: a task has no name, so lines of its script say which one it is. */
#include "script/task_trace.h"

#include "base/container_of.h"
#include "base/number.h"
#include "script/engine.h"

bool task_line(lua_State *co, lua_Debug *frame) {
    for (int level = 0; lua_getstack(co, level, frame); level++) {
        lua_getinfo(co, "Sl", frame);
        if (frame->currentline > 0 && !engine_is_ours(frame->source)) return true;
    }
    return false;
}

void task_put_subject(const struct trace_subject *s, struct buf *line) {
    const struct task *t = container_of(s, struct task, subject);
    buf_printf(line, "%s %llu", t->what, (unsigned long long)t->born);
    if (t->began_at) buf_printf(line, ", +%.3f s", clock_to_seconds(clock_now(&t->engine->net->clock) - t->began_at));
}

void task_trace_call(lua_State *L, const struct task *t, const char *name, int n) {
    lua_Debug function;
    if (!lua_isfunction(L, -n - 1) || !lua_checkstack(L, 1)) return;
    lua_pushvalue(L, -n - 1);
    lua_getinfo(L, ">S", &function);
    if (function.linedefined > 0)
        trace_line(TRACE_TASK, &t->subject, "calls %s at %s:%d", name ? name : "the function", function.short_src,
                   function.linedefined);
    else
        trace_line(TRACE_TASK, &t->subject, "calls %s %s", name ? name : "the function", function.short_src);
}

void task_trace_wait(lua_State *L, const struct task *t, uint64_t timeout) {
    lua_Debug frame;
    char place[LUA_IDSIZE + 20] = "", limit[40] = "";
    if (task_line(L, &frame)) number_print(place, sizeof place, " at %s:%d", frame.short_src, frame.currentline);
    if (timeout < UINT64_MAX) number_print(limit, sizeof limit, ", for %g s at most", clock_to_seconds(timeout));
    trace_line(TRACE_TASK, &t->subject, "waits in %s%s%s", t->waits_in, place, limit);
}

void task_trace_end(const struct task *t, enum task_end how) {
    static const char *const ends[] = {[TASK_DONE] = "done", [TASK_FAILED] = "failed", [TASK_CANCELLED] = "cancelled"};
    const char *why = how == TASK_FAILED && lua_type(t->co, -1) == LUA_TSTRING ? lua_tostring(t->co, -1) : NULL;
    trace_line(TRACE_TASK, &t->subject, "%s%s%s", ends[how], why ? ": " : "", why ? why : "");
}
