/* A bot's whole life with one of Lua's allocations refused: the first, the second, and so on until none is. Each time
 * the script gets to its end, or somebody is told of an error; nothing hangs, crashes or leaks. Lua collects its
 * garbage where it is refused memory, and asks again: the answer is no again, or yes in a story of its own. From 5.4.5
 * on it does not ask again for a stack that grows. */
#include "../unit/unit.h"
#include "app/echo.h"
#include "script/door.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- memory that can be refused ---- */

static size_t refuse_at, asked; /* which one is refused, counted from 1; 0: none */
static bool twice;              /* also when it is asked for again; */
static size_t again;            /* its size then; 0: not now */
static size_t refused;          /* the size of what was just refused; 0: it is clear whether that was asked for again */
static bool gave_up;            /* it was not */
static lua_Alloc allocate;
static void *allocate_arg;

static void *torture(void *arg, void *old, size_t old_size, size_t size) {
    (void)arg;
    bool grows = size > (old ? old_size : 0);
    if (grows && refused) {
        gave_up = size != refused;
        refused = 0;
    }
    if (grows && ++asked == refuse_at) {
        again = twice ? size : 0;
        refused = size;
        return NULL;
    }
    if (grows && size == again) {
        again = 0;
        return NULL;
    }
    return allocate(allocate_arg, old, old_size, size);
}

lua_State *__real_lua_newstate(lua_Alloc f, void *arg);
lua_State *__wrap_lua_newstate(lua_Alloc f, void *arg);

lua_State *__wrap_lua_newstate(lua_Alloc f, void *arg) {
    allocate = f;
    allocate_arg = arg;
    return __real_lua_newstate(torture, NULL);
}

/* ---- what is run ---- */

/* What is told a thousand times over is not shown, unless WSBOT_TORTURE_SHOW is set. */
static void hush(bool on) {
    static int shown = -1, nowhere = -1;
    if (shown < 0) {
        shown = dup(STDERR_FILENO);
        nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    }
    if (!getenv("WSBOT_TORTURE_SHOW")) dup2(on ? nowhere : shown, STDERR_FILENO);
}

static const char bot[] =
    "local url = ...\n"
    "local heard = {}\n"
    "host.on_stop(function() heard = nil end)\n"
    "local timer = host.every(60, print, 'named')\n"
    "local feed = ws.connect {\n"
    "  url = url, headers = function() return { Cookie = 'a=1', ['X-List'] = { 'v1', 'v2' } } end,\n"
    "  protocols = { 'v2.chat' }, ping_interval = 5, name = 'feed', compression = { level = 9, threshold = 10 },\n"
    "  on_connect = function(c) c.since = host.now() .. '' end,\n"
    "  on_websocket_connect = function(c, response)\n"
    "    c:send(('hello '):rep(20) .. response.headers.upgrade)\n"
    "    c:send_binary(tostring(response))\n"
    "    c:ping 'now'\n"
    "  end,\n"
    "  on_pong = function(c, data, seconds) heard[data] = seconds end,\n"
    "  on_message = function(c, data, kind)\n"
    "    heard[#heard + 1] = kind .. data\n"
    "    if #heard == 2 then c:close(4000, 'enough') end\n"
    "  end,\n"
    "  on_error = function() told = true end,\n"
    "  on_close = function(c, code, reason, record)\n"
    "    local lost = ws.connect { url = url:gsub(':%d+', ':1') }\n"
    "    lost.on_error = function(_, code, message) heard.lost = code .. message end\n"
    "    lost.on_close = function()\n"
    "      done = code == 4000 and heard.now and heard.lost and record.phase\n"
    "      timer:cancel()\n"
    "    end\n"
    "  end,\n"
    "}\n";

/* The echo peer gives it its own calls to answer, and then its answers. */
static const char modules[] =
    "local calls, compress, crypto = require 'wsbot.calls', require 'wsbot.compress', require 'wsbot.crypto'\n"
    "local json, jsonrpc, metrics = require 'wsbot.json', require 'wsbot.jsonrpc', require 'wsbot.metrics'\n"
    "local function pure()\n"
    "  local text = json.encode({ a = { 1, 2.5, 'x', json.null }, b = json.array {} }, { sort = true, indent = 1 })\n"
    "  local view = json.view(text)\n"
    "  assert(json.decode(text).a[2] == 2.5 and view.a[3] == 'x' and json.get(text, '/a/0') == 1)\n"
    "  for _, format in ipairs { 'zlib', 'gzip', 'raw' } do\n"
    "    local packed = assert(compress.deflate(text, { format = format }))\n"
    "    assert(compress.inflater { format = format }:push(packed) == text)\n"
    "  end\n"
    "  assert(not compress.inflate(text) and crypto.unhex(crypto.hex(text)) == text)\n"
    "  assert(#crypto.hmac('sha256', 'key', text) == 32 and #crypto.hasher 'sha1':update(text):digest() == 20)\n"
    "  assert(crypto.jwt({ sub = 'me' }, 'secret') and #crypto.uuid() == #crypto.uuid7())\n"
    "end\n"
    "local function waiting()\n"
    "  local queue <close>, limiter, pending = host.queue(1), host.limiter(2, 0.001), calls.new()\n"
    "  host.spawn(function() for i = 1, 3 do queue:put(i) end end)\n"
    "  for i = 1, 3 do assert(limiter:take() and queue:take(1) == i) end\n"
    "  local id, answer = pending:open()\n"
    "  host.spawn(pending.answer, pending, id, 'yes')\n"
    "  assert(select(2, answer:wait(1)) == 'yes' and host.first { answer.future, host.future() } == 1)\n"
    "end\n"
    "local function counting()\n"
    "  local orders, took = host.counter('orders', 'Orders.', { 'venue' }), host.histogram 'took'\n"
    "  for i = 1, 9 do orders:add(1, { venue = i + 0.5 }) took:observe(i) end\n"
    "  local text = metrics.text(metrics.merge { require 'wsbot.metrics.core'.snapshot() }, 'openmetrics')\n"
    "  assert(text:find 'took_count 9')\n"
    "end\n"
    "local conn = ws.connect { url = ... }\n"
    "local rpc = jsonrpc.new(conn, { timeout = 0.3 })\n"
    "function rpc.on.add(p) return p[1] + p[2] end\n"
    "function rpc.on.fails() error { code = 7, message = 'no' } end\n"
    "function conn.on_websocket_connect()\n"
    "  pure()\n"
    "  waiting()\n"
    "  counting()\n"
    "  assert(select(2, rpc:call('add', { 1, 2 })) == 3 and select(3, rpc:call 'fails').code == 7)\n"
    "  local _, answers = assert(rpc:batch { { method = 'add', params = { 3, 4 } }, { method = 'x', notify = true } "
    "})\n"
    "  done = answers[1].result == 7\n"
    "  conn:close()\n"
    "end\n"
    "function conn.on_error() conn:close() told = true end\n";

static const char *source; /* of the bot that lives */

static int l_run(lua_State *L) {
    if (luaL_loadbuffer(L, source, strlen(source), "=bot") != LUA_OK) lua_error(L);
    lua_pushstring(L, l_door_given(L, l_run));
    lua_call(L, 1, 0);
    return 0;
}

/* Runs the bot against an echo peer in the same loop, with allocation number `at` refused. The exit status; *ended:
 * the script came to its end, or was told that its connection failed. */
static int live(size_t at, bool *ended) {
    struct worker w;
    struct echo e;
    struct fault fault = {0};
    struct cli_options options = {.host = "127.0.0.1"};
    char url[160];
    refuse_at = again = refused = 0;
    gave_up = false;
    worker_open(&w, true, true);
    w.engine->strict = true; /* any error that is told ends it with 1 */
    assert_int_equal(echo_open(&e, &w, &options, false, &fault), 0);
    echo_url(&e, url, sizeof url);
    hush(true);
    asked = 0;
    refuse_at = at;
    if (!door_call(w.engine, l_run, url, NULL)) worker_stop(&w, 1);
    worker_run(&w);
    refuse_at = again = 0;
    lua_getglobal(w.engine->L, "done");
    lua_getglobal(w.engine->L, "told");
    *ended = lua_toboolean(w.engine->L, -2) || lua_toboolean(w.engine->L, -1);
    echo_close(&e);
    worker_close(&w);
    hush(false);
    return w.status;
}

/* ---- stories ---- */

static void a_state_opens_or_does_not(void **state) {
    (void)state;
    struct worker w;
    twice = true;
    worker_open(&w, false, true);
    for (size_t at = 1;; at++) {
        asked = again = 0;
        refuse_at = at;
        hush(true);
        struct engine *e = engine_new(&w.net, NULL, NULL, true);
        hush(false);
        refuse_at = again = 0;
        if (e) engine_free(e);
        if (asked < at) {
            assert_non_null(e);
            assert_true(at > 200);
            break;
        }
    }
    worker_close(&w);
}

/* Sanitizers make a life take long: there every third allocation is refused, in a plain build all of them. */
#ifdef __SANITIZE_ADDRESS__
enum { STEP = 3 };
#else
enum { STEP = 1 };
#endif

/* Refuses one allocation after the other in the life of `bot_source`: of at least so many somebody is told. */
static void comes_to_its_end_or_is_told_why_not(const char *bot_source, size_t at_least) {
    size_t errors = 0;
    twice = true;
    source = bot_source;
    for (size_t at = 1;; at += STEP) {
        bool ended;
        int status = live(at, &ended);
        bool was_refused = asked >= at;
        if (status) errors++;
        if (status == 0 && !ended) fail_msg("refusal %zu was told to nobody", at);
        if (!was_refused) {
            assert_int_equal(status, 0);
            break;
        }
    }
    assert_true(errors > at_least / STEP);
}

static void does_not_mind_a_collection_at_any_time(const char *bot_source) {
    twice = false;
    source = bot_source;
    size_t at = 1;
    for (bool was_refused = true; was_refused; at += STEP) {
        bool ended;
        int status = live(at, &ended);
        was_refused = asked >= at;
        if (gave_up && LUA_VERSION_RELEASE_NUM >= 50405) continue; /* it was a stack */
        assert_int_equal(status, 0);
        assert_true(ended);
    }
}

static void a_bot_comes_to_its_end_or_is_told_why_not(void **state) {
    (void)state;
    comes_to_its_end_or_is_told_why_not(bot, 200);
}

static void a_bot_does_not_mind_a_collection_at_any_time(void **state) {
    (void)state;
    does_not_mind_a_collection_at_any_time(bot);
}

static void modules_work_or_somebody_is_told_why_not(void **state) {
    (void)state;
    comes_to_its_end_or_is_told_why_not(modules, 500);
}

static void modules_do_not_mind_a_collection_at_any_time(void **state) {
    (void)state;
    does_not_mind_a_collection_at_any_time(modules);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_state_opens_or_does_not),
                                       cmocka_unit_test(a_bot_comes_to_its_end_or_is_told_why_not),
                                       cmocka_unit_test(a_bot_does_not_mind_a_collection_at_any_time),
                                       cmocka_unit_test(modules_work_or_somebody_is_told_why_not),
                                       cmocka_unit_test(modules_do_not_mind_a_collection_at_any_time)};
    alarm(200); /* a bot that hangs */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
