/* connect_core: nothing here waits, and nothing needs the console. */
#include "app/connect_core.h"

#include "base/digest.h"
#include "script/l_push.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int push_bytes(lua_State *L, struct buf *bytes, bool ok) {
    if (ok) return l_push_bytes(L, bytes);
    buf_clear(bytes);
    return 0;
}

static int l_base64(lua_State *L) {
    size_t n;
    struct buf text;
    const char *bytes = luaL_checklstring(L, 1, &n);
    buf_init(&text, SIZE_MAX);
    return push_bytes(L, &text, digest_base64(&text, slice_of(bytes, n)) == 0);
}

static int l_unbase64(lua_State *L) {
    size_t n;
    struct buf bytes;
    const char *text = luaL_checklstring(L, 1, &n);
    buf_init(&bytes, SIZE_MAX);
    bool ok = digest_base64_read(&bytes, slice_of(text, n)) == 0 && digest_is_base64_of(slice_of(text, n), bytes.len);
    return push_bytes(L, &bytes, ok); /* wolfSSL (5.5.4, 5.7.2) ignores a last group that is not complete */
}

static int l_private(lua_State *L) {
    char path[4096];
    size_t n;
    const char *given = luaL_checklstring(L, 1, &n);
    int fd = -1;
    if (n < sizeof path) {
        memcpy(path, given, n + 1);
        for (char *slash = strchr(path + 1, '/'); n && slash; slash = strchr(slash + 1, '/')) {
            *slash = '\0';
            mkdir(path, 0700); /* where this fails, open() says why */
            *slash = '/';
        }
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    } else {
        errno = ENAMETOOLONG;
    }
    if (fd < 0) return l_push_failure(L, strerror(errno), NULL);
    close(fd);
    return l_push_true(L);
}

int luaopen_connect_core(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"base64", l_base64}, {"unbase64", l_unbase64}, {"private", l_private}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
