/* project: makes folders and files. Which ones, and what is in them, is said by lualib/wsbot/init.lua. */
#include "app/project.h"

#include "base/file.h"
#include "script/l_push.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

static int l_program(lua_State *L) {
    char path[PATH_MAX];
    size_t n = sizeof path;
    if (uv_exepath(path, &n) < 0) return 0;
    lua_pushlstring(L, path, n);
    return 1;
}

static int l_real(lua_State *L) {
    char path[PATH_MAX];
    if (!realpath(luaL_checkstring(L, 1), path)) return l_push_unless(L, strerror(errno));
    lua_pushstring(L, path);
    return 1;
}

static int l_is_there(lua_State *L) {
    struct stat s;
    lua_pushboolean(L, lstat(luaL_checkstring(L, 1), &s) == 0);
    return 1;
}

static int l_folder(lua_State *L) {
    struct stat s;
    const char *path = luaL_checkstring(L, 1);
    bool made = mkdir(path, 0777) == 0; /* less what the umask says */
    if (!made && (errno != EEXIST || stat(path, &s) != 0)) return l_push_unless(L, strerror(errno));
    if (!made && !S_ISDIR(s.st_mode)) return l_push_unless(L, strerror(ENOTDIR));
    lua_pushboolean(L, made);
    return 1;
}

/* 0, or the errno of what has failed: then there is no such file. */
static int make_file(const char *path, struct slice text) {
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return errno;
    int why = file_write(fd, text);
    if (close(fd) != 0 && why == 0) why = errno;
    if (why) unlink(path);
    return why;
}

static int l_file(lua_State *L) {
    size_t n;
    const char *path = luaL_checkstring(L, 1), *text = luaL_checklstring(L, 2, &n);
    int why = make_file(path, slice_of(text, n));
    return l_push_unless(L, why ? strerror(why) : NULL);
}

int luaopen_project(lua_State *L) {
    static const luaL_Reg functions[] = {{"program", l_program}, {"real", l_real}, {"is_there", l_is_there},
                                         {"folder", l_folder},   {"file", l_file}, {NULL, NULL}};
    luaL_newlib(L, functions);
    return 1;
}
