/* start: calls, when an attempt begins, the script's functions that give its url and headers; they may wait. */
#include "script/ws/parts.h"

bool start_is_current(const struct conn_box *b, const struct inbox_event *starts) {
    const struct conn *c = b->conn;
    return c->phase == CONN_STARTING && c->held_back && c->attempt == starts->attempt;
}

void start_refuse(struct conn_box *b, const char *why) {
    struct fault fault = {0};
    fault_put(&fault, FAULT_CALLBACK, "%s", why);
    conn_start(b->conn, &fault);
}

bool l_start_push(lua_State *L, struct conn_box *b) {
    static const char *const keys[] = {
        [START_URL] = &l_request_url_function, [START_HEADERS] = &l_request_headers_function};
    if (!start_is_current(b, b->delivery.event)) return false;
    for (; b->start < START_DONE; b->start++) {
        if (lua_rawgetp(L, FIELDS, keys[b->start]) != LUA_TNIL) {
            lua_pushvalue(L, CONN);
            return true;
        }
        lua_settop(L, TOP);
    }
    conn_start(b->conn, NULL);
    return false;
}

void l_start_take(lua_State *L, struct conn_box *b) {
    if (!start_is_current(b, b->delivery.event)) return; /* the attempt that it was for has ended */
    if (b->start++ == START_HEADERS) {
        l_request_headers(L, -1, b->conn);
    } else {
        l_request_url(L, -1, b);
    }
    l_conn_share_plan(L, b);
}
