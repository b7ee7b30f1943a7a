/* test_ready: what the functions of host.ready say, as the program asks them. */
#include "script/l_ready.h"

#include "base/reserve.h"
#include "unit.h"

static char reported[4096];

static void on_failed(void *app, const char *message) {
    (void)app;
    strncat(reported, message, sizeof reported - strlen(reported) - 1);
}

static const luaL_Reg no_modules[] = {{NULL, NULL}};
static const struct engine_host host = {.modules = no_modules, .failed = on_failed};

struct bot {
    uv_loop_t loop;
    struct net net;
    struct engine *engine;
    FILE *err;
};

static void begin(struct bot *b, const char *script) {
    reported[0] = '\0';
    assert_true(reserve_open());
    assert_int_equal(uv_loop_init(&b->loop), 0);
    assert_int_equal(net_open(&b->net, &b->loop), 0);
    assert_non_null(b->engine = engine_new(&b->net, &host, NULL, true));
    assert_non_null(b->err = fopen("/dev/null", "w"));
    engine_for_test(b->engine)->err = b->err;
    assert_int_equal(luaL_loadbuffer(b->engine->L, script, strlen(script), "@bot.lua"), LUA_OK);
    assert_int_equal(lua_pcall(b->engine->L, 0, 0, 0), LUA_OK);
}

static void end(struct bot *b) {
    engine_free(b->engine);
    net_close(&b->net);
    uv_run(&b->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&b->loop), 0);
    fclose(b->err);
    reserve_close();
}

static void says(struct bot *b, lua_Integer number, const char *where) {
    struct ready_not n = {0};
    assert_int_equal(l_ready_ask(b->engine, &n), number == 0);
    assert_int_equal(n.number, number);
    if (number) assert_string_equal(n.where, where);
}

static void a_bot_without_such_functions_is_ready(void **state) {
    (void)state;
    struct bot b;
    begin(&b, "");
    says(&b, 0, NULL);
    end(&b);
}

static void it_is_ready_when_all_of_them_say_true(void **state) {
    (void)state;
    struct bot b;
    begin(&b, "asked = 0\n"
              "host.ready(function() asked = asked + 1 return asked > 1 end)\n"
              "host.ready(function() return asked > 2 and 'yes' end)\n");
    says(&b, 1, "bot.lua:2");
    says(&b, 2, "bot.lua:3");
    says(&b, 0, NULL);
    assert_string_equal(reported, "");
    end(&b);
}

static void an_error_is_not_ready_and_told_once(void **state) {
    (void)state;
    struct bot b;
    begin(&b, "host.ready(function() if broken then error 'no feed' end return true end)\n"
              "broken = true\n");
    says(&b, 1, "bot.lua:1");
    assert_non_null(strstr(reported, "no feed"));
    reported[0] = '\0';
    says(&b, 1, "bot.lua:1");
    assert_string_equal(reported, "");
    assert_int_equal(luaL_dostring(b.engine->L, "broken = false"), LUA_OK);
    says(&b, 0, NULL);
    assert_int_equal(luaL_dostring(b.engine->L, "broken = true"), LUA_OK);
    says(&b, 1, "bot.lua:1"); /* it has worked meanwhile: this is another failure */
    assert_non_null(strstr(reported, "no feed"));
    end(&b);
}

static void one_that_waits_is_an_error(void **state) {
    (void)state;
    struct bot b;
    begin(&b, "host.ready(function() host.sleep(0) return true end)");
    says(&b, 1, "bot.lua:1");
    assert_non_null(strstr(reported, "host.sleep"));
    end(&b);
}

static void what_is_no_function_is_refused(void **state) {
    (void)state;
    struct bot b;
    begin(&b, "local ok, why = pcall(host.ready, true)\n"
              "assert(not ok and why:find 'function')\n"
              "host.ready(setmetatable({}, { __call = function() return true end }))\n");
    says(&b, 0, NULL);
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bot_without_such_functions_is_ready),
        cmocka_unit_test(it_is_ready_when_all_of_them_say_true),
        cmocka_unit_test(an_error_is_not_ready_and_told_once),
        cmocka_unit_test(one_that_waits_is_an_error),
        cmocka_unit_test(what_is_no_function_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
