/* l_crypto: the part of wsbot.crypto that is C. Keys and secrets stand in no error. */
#include "base/digest.h"
#include "base/hash.h"
#include "base/random.h"
#include "base/sign.h"
#include "script/l_push.h"
#include "script/modules.h"
#include <string.h>

static struct slice check_bytes(lua_State *L, int index) {
    size_t n;
    const char *bytes = luaL_checklstring(L, index, &n);
    return slice_of(bytes, n);
}

static int wrong_hash(lua_State *L, int index) {
    return luaL_error(L,
                      "crypto: there is no hash '%s' (md5, sha1, sha224, sha256, sha384, sha512, sha3-256, sha3-512)",
                      luaL_checkstring(L, index));
}

/* ---- hashes ---- */

static int l_hash(lua_State *L) {
    struct hash h;
    uint8_t out[HASH_SIZE_MOST];
    struct slice data = check_bytes(L, 2);
    if (!hash_begin(&h, luaL_checkstring(L, 1))) return wrong_hash(L, 1);
    unsigned size = h.size;
    hash_update(&h, data);
    hash_end(&h, out);
    lua_pushlstring(L, (const char *)out, size);
    return 1;
}

static int l_hmac(lua_State *L) {
    uint8_t out[HASH_SIZE_MOST];
    struct slice key = check_bytes(L, 2), data = check_bytes(L, 3);
    unsigned size = hash_hmac(luaL_checkstring(L, 1), key, data, out);
    if (!size) return wrong_hash(L, 1);
    lua_pushlstring(L, (const char *)out, size);
    return 1;
}

/* ---- hashers ---- */

#define HASHER_TYPE "wsbot.hasher"

static struct hash *check_hasher(lua_State *L) {
    struct hash *h = luaL_checkudata(L, 1, HASHER_TYPE);
    if (!h->size) luaL_error(L, "crypto: this hasher has given its digest");
    return h;
}

static int l_update(lua_State *L) {
    struct hash *h = check_hasher(L);
    hash_update(h, check_bytes(L, 2));
    lua_settop(L, 1);
    return 1;
}

static int l_digest(lua_State *L) {
    struct hash *h = check_hasher(L);
    uint8_t out[HASH_SIZE_MOST];
    unsigned size = h->size;
    hash_end(h, out);
    lua_pushlstring(L, (const char *)out, size);
    return 1;
}

static int l_drop(lua_State *L) {
    struct hash *h = luaL_checkudata(L, 1, HASHER_TYPE);
    if (h->size) hash_drop(h);
    return 0;
}

static int l_hasher(lua_State *L) {
    static const luaL_Reg methods[] = {{"update", l_update}, {"digest", l_digest}, {NULL, NULL}};
    const char *name = luaL_checkstring(L, 1);
    struct hash *h = lua_newuserdatauv(L, sizeof *h, 0);
    h->size = 0;
    if (luaL_newmetatable(L, HASHER_TYPE)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushcfunction(L, l_drop);
        lua_setfield(L, -2, "__gc");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
    return hash_begin(h, name) ? 1 : wrong_hash(L, 1);
}

/* ---- texts of bytes ---- */

static int l_hex(lua_State *L) {
    static const char digits[] = "0123456789abcdef";
    struct slice in = check_bytes(L, 1);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, in.n * 2);
    for (size_t i = 0; i < in.n; i++) {
        to[2 * i] = digits[in.p[i] >> 4];
        to[2 * i + 1] = digits[in.p[i] & 15];
    }
    luaL_pushresultsize(&b, in.n * 2);
    return 1;
}

static int digit(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* nil and a message where it is none, as all that reads a text. */
static int l_unhex(lua_State *L) {
    struct slice in = check_bytes(L, 1);
    luaL_Buffer b;
    if (in.n % 2) return l_push_failure(L, "an odd number of hexadecimal digits", NULL);
    char *to = luaL_buffinitsize(L, &b, in.n / 2);
    for (size_t i = 0; i < in.n; i += 2) {
        int high = digit(in.p[i]), low = digit(in.p[i + 1]);
        if (high < 0 || low < 0) return l_push_failure(L, "not a hexadecimal digit", NULL);
        to[i / 2] = (char)(high << 4 | low);
    }
    luaL_pushresultsize(&b, in.n / 2);
    return 1;
}

static int l_base64(lua_State *L) {
    struct slice in = check_bytes(L, 1);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, DIGEST_BASE64_SIZE(in.n));
    digest_base64_text(to, in);
    luaL_pushresultsize(&b, DIGEST_BASE64_SIZE(in.n) - 1);
    return 1;
}

/* With - and _ for + and /, and without = (RFC 4648 5). */
static int l_base64url(lua_State *L) {
    struct slice in = check_bytes(L, 1);
    luaL_Buffer b;
    char *to = luaL_buffinitsize(L, &b, DIGEST_BASE64_SIZE(in.n));
    digest_base64_text(to, in);
    size_t n = DIGEST_BASE64_SIZE(in.n) - 1;
    while (n && to[n - 1] == '=') n--;
    for (size_t i = 0; i < n; i++) to[i] = (char)(to[i] == '+' ? '-' : to[i] == '/' ? '_' : to[i]);
    luaL_pushresultsize(&b, n);
    return 1;
}

static int value_of(uint8_t c, bool url) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == (url ? '-' : '+') ? 62 : c == (url ? '_' : '/') ? 63 : -1;
}

/* Strict: no spaces, no line ends, nothing left over (RFC 4648 3). */
static int unbase64(lua_State *L, bool url) {
    struct slice in = check_bytes(L, 1);
    luaL_Buffer b;
    uint32_t bits = 0;
    size_t n = in.n, done = 0;
    while (n && in.p[n - 1] == '=' && in.n - n < 2) n--;
    bool padded = in.n % 4 == 0, is_right = url ? in.n == n || padded : padded;
    if (!is_right || n % 4 == 1) return l_push_failure(L, "this Base64 is not whole", NULL);
    char *to = luaL_buffinitsize(L, &b, n / 4 * 3 + 3);
    for (size_t i = 0; i < n; i++) {
        int value = value_of(in.p[i], url);
        if (value < 0) return l_push_failure(L, "not a letter of Base64", NULL);
        bits = bits << 6 | (uint32_t)value;
        if (i % 4) to[done++] = (char)(bits >> (6 - 2 * (i % 4)));
    }
    unsigned rest = n % 4 == 2 ? bits & 15 : n % 4 == 3 ? bits & 3 : 0;
    if (rest) return l_push_failure(L, "this Base64 has bits left over", NULL);
    luaL_pushresultsize(&b, done);
    return 1;
}

static int l_unbase64(lua_State *L) { return unbase64(L, false); }
static int l_unbase64url(lua_State *L) { return unbase64(L, true); }

/* ---- the rest ---- */

static int l_random(lua_State *L) {
    enum { MOST = 1 << 20 };
    lua_Integer n = luaL_checkinteger(L, 1);
    luaL_Buffer b;
    luaL_argcheck(L, n >= 0 && n <= MOST, 1, "from 0 to 1048576 bytes");
    char *to = luaL_buffinitsize(L, &b, (size_t)n);
    if (n) random_fill(to, (size_t)n);
    luaL_pushresultsize(&b, (size_t)n);
    return 1;
}

static int l_equal(lua_State *L) {
    lua_pushboolean(L, hash_is_equal(check_bytes(L, 1), check_bytes(L, 2)));
    return 1;
}

static int l_sign(lua_State *L) {
    const char *why;
    struct buf out;
    enum sign_algorithm algorithm = (enum sign_algorithm)luaL_checkoption(L, 1, NULL, sign_names);
    struct slice pem = check_bytes(L, 2), data = check_bytes(L, 3);
    buf_init(&out, SIGN_SIZE_MOST);
    if (sign_make(&out, algorithm, pem, data, &why) < 0) {
        buf_clear(&out);
        return luaL_error(L, "crypto.sign: %s", why);
    }
    return l_push_bytes(L, &out);
}

static int l_verify(lua_State *L) {
    const char *why;
    enum sign_algorithm algorithm = (enum sign_algorithm)luaL_checkoption(L, 1, NULL, sign_names);
    int rc = sign_check(algorithm, check_bytes(L, 2), check_bytes(L, 3), check_bytes(L, 4), &why);
    if (rc < 0) return luaL_error(L, "crypto.verify: %s", why);
    lua_pushboolean(L, rc);
    return 1;
}

int luaopen_crypto_core(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"hash", l_hash},
        {"hmac", l_hmac},
        {"hasher", l_hasher},
        {"hex", l_hex},
        {"unhex", l_unhex},
        {"base64", l_base64},
        {"unbase64", l_unbase64},
        {"base64url", l_base64url},
        {"unbase64url", l_unbase64url},
        {"random", l_random},
        {"equal", l_equal},
        {"sign", l_sign},
        {"verify", l_verify},
        {NULL, NULL},
    };
    luaL_newlib(L, functions);
    return 1;
}
