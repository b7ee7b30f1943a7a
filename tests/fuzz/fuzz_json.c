/* A text of any bytes is read within its bounds, and marked the same by vector units and without; where it is JSON,
 * what is written of its strings and numbers is read as the same, and json.get and json.view find at each place of it
 * what json.decode does. */
#include "base/err.h"
#include "base/json_read.h"
#include "base/json_write.h"
#include "fuzz.h"
#include "script/modules.h"
#include <lualib.h>
#include <math.h>

static void marks_agree(const uint8_t *p, const uint8_t *end) {
    struct json_marks a = json_marks_of(p, end), b = a;
    do {
        uint64_t marks = json_marks_next(&a);
        MUST(marks && marks == json_marks_next_plain(&b));
        MUST(memcmp(&a, &b, sizeof a) == 0);
    } while (a.block != end);
}

static void write_string(const struct json_string *string) {
    struct json_source source = {0};
    struct json_string written;
    struct buf text, put, again;
    buf_init(&text, SIZE_MAX);
    buf_init(&put, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    int rc = json_unescape(&text, string, &source.fault);
    MUST(rc == 0 || (rc == ERR_SYNTAX && source.fault.at >= string->p && source.fault.at <= string->p + string->n));
    if (rc == 0) {
        MUST(json_put_string(&put, buf_slice(&text)) == 0 && buf_append(&put, slice_of("", 1)) == 0);
        struct json_reader r = json_begin(&source, slice_of(buf_slice(&put).p, put.len - 1));
        MUST(json_string(&r, &written) && r.p == source.marks.end - 1);
        MUST(json_unescape(&again, &written, &source.fault) == 0);
        MUST(slice_eq(buf_slice(&again), buf_slice(&text)));
    }
    buf_clear(&text);
    buf_clear(&put);
    buf_clear(&again);
}

static void write_number(const struct json_number *n) {
    struct json_number again;
    struct buf written;
    if (!n->is_integer && !isfinite(n->real)) return;
    buf_init(&written, SIZE_MAX);
    MUST((n->is_integer ? json_put_integer(&written, n->integer) : json_put_real(&written, n->real)) == 0);
    MUST(buf_append(&written, slice_of("", 1)) == 0);
    const uint8_t *from = buf_slice(&written).p, *end = from + written.len - 1;
    struct json_source source = {.marks = json_marks_of(from, end)};
    MUST(json_number(&source, from, &again) == end);
    if (again.is_integer)
        MUST(n->is_integer ? again.integer == n->integer : (double)again.integer == n->real);
    else
        MUST(!n->is_integer && again.real == n->real);
    buf_clear(&written);
}

/* Of a text that is JSON, each string and number. */
static void write_each(struct slice text) {
    struct json_source source;
    struct json_string string;
    struct json_number number;
    for (struct json_reader r = json_begin(&source, text); !json_is_over(&r); json_next(&r)) {
        if (*r.p == '"') {
            MUST(json_string(&r, &string));
            write_string(&string);
        } else if (*r.p == '-' || (uint8_t)(*r.p - '0') <= 9) {
            const uint8_t *behind = json_number(&source, r.p, &number);
            MUST(behind);
            write_number(&number);
            if (!number.is_integer) json_number_loses(r.p, behind, number.real);
        }
    }
}

/* Of json and a text: what one takes the others do, and what is at each place. */
static const char compare[] =
    "local json, text = ...\n"
    "local taken, value = pcall(json.decode, text)\n"
    "local viewed, view = pcall(json.view, text)\n"
    "local passed, nothing = pcall(json.get, text, '/no such name/x')\n"
    "assert(viewed == passed and (viewed or not taken) and nothing == nil or not passed)\n"
    "if not taken then return viewed and tostring(view) end\n"
    "local left = 200\n"
    "local function same(a, b)\n"
    "  if type(a) ~= 'table' or type(b) ~= 'table' then\n"
    "    return a == b and math.type(a) == math.type(b) or a ~= a and b ~= b\n"
    "  end\n"
    "  for k, v in next, a do if not same(v, b[k]) then return false end end\n"
    "  for k in next, b do if a[k] == nil then return false end end\n"
    "  return getmetatable(a) == getmetatable(b)\n"
    "end\n"
    "local function look(a, v, pointer, depth)\n"
    "  left = left - 1\n"
    "  if left < 0 or depth > 30 then return end\n"
    "  local whole, again = json.get(text, pointer, pointer)\n"
    "  assert(same(a, whole) and same(a, again), pointer)\n"
    "  if type(a) ~= 'table' then assert(depth == 0 or same(a, v), pointer) return end\n"
    "  assert(same(a, json.decode(v)) and same(a, json.get(v, '')), pointer)\n"
    "  assert(#a == #v, pointer)\n"
    "  for k, x in next, a do\n"
    "    local token = type(k) == 'string' and k:gsub('~', '~0'):gsub('/', '~1') or tostring(k - 1):gsub('%.0', '')\n"
    "    look(x, v[k], pointer .. '/' .. token, depth + 1)\n"
    "    local outer, inner = json.get(text, pointer, pointer .. '/' .. token)\n"
    "    assert(same(outer, a) and same(inner, x), pointer)\n"
    "  end\n"
    "end\n"
    "look(value, view, '', 0)\n";

static void each_way_finds_the_same(struct slice text) {
    static lua_State *L;
    if (!L) {
        L = luaL_newstate();
        MUST(L);
        luaL_openlibs(L);
        luaopen_json(L);
        MUST(luaL_loadstring(L, compare) == LUA_OK);
    }
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 1);
    lua_pushlstring(L, (const char *)text.p, text.n);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) fprintf(stderr, "%s\n", lua_tostring(L, -1));
    MUST(lua_gettop(L) == 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_source source;
    uint8_t *text = malloc(size + 1);
    if (size) memcpy(text, data, size);
    text[size] = '\0';
    const uint8_t *end = text + size;
    marks_agree(text, end);
    struct json_reader r = json_begin(&source, slice_of(text, size));
    if (json_pass(&r))
        MUST(r.p <= end && source.depth == 0);
    else
        MUST(source.fault.why && source.fault.at >= text && source.fault.at <= end);
    if (!source.fault.why && json_is_over(&r)) write_each(slice_of(text, size));
    each_way_finds_the_same(slice_of(text, size));
    free(text);
    return 0;
}
