/* loader: reads, notes, compiles; and the searchers of `require`. */
#include "script/loader.h"

#include "base/buf.h"
#include "base/log.h"
#include "base/reserve.h"
#include "script/engine.h"
#include "script/luv.h"
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    FILES_MOST = 10 * 1000,  /* files that are noted */
    SOURCE_MOST = 4 << 20,   /* bytes of a file that are kept, */
    SOURCES_MOST = 32 << 20, /* and of all files of a generation */
};

/* ---- what is kept of a file ---- */

static void release(struct source *s) {
    if (!s) return;
    err_must(s->references > 0);
    if (--s->references == 0) free(s);
}

/* NULL: there is no memory for it. */
static struct source *keep(struct slice text) {
    struct source *s = malloc(sizeof *s + text.n);
    if (!s) return NULL;
    s->references = 1;
    s->n = text.n;
    if (text.n) memcpy(s->text, text.p, text.n);
    return s;
}

static size_t file_size(const struct engine_file *f) {
    return sizeof *f + strlen(f->path) + 1 + (f->source ? f->source->n : 0) + (f->module ? strlen(f->module) + 1 : 0);
}

static void free_file(struct engine_file *f) {
    release(f->source);
    free(f->module);
    free(f);
}

void loader_free_files(struct engine_file *files) {
    while (files) {
        struct engine_file *f = files;
        files = f->next;
        free_file(f);
    }
}

struct engine_file *loader_take_files(struct engine *e) {
    struct engine_file *files = e->files;
    for (const struct engine_file *f = files; f; f = f->next) account_take(e->account, file_size(f));
    e->files = NULL;
    e->file_count = 0;
    e->sources = 0;
    return files;
}

bool loader_absolute(const char *path, char out[PATH_MAX]) {
    size_t n = PATH_MAX;
    out[0] = '\0';
    while (path[0] == '.' && path[1] == '/') path += 2;
    if (path[0] != '/' && uv_cwd(out, &n) != 0) return false;
    n = strlen(out);
    return (size_t)snprintf(out + n, PATH_MAX - n, "%s%s", n ? "/" : "", path) < PATH_MAX - n;
}

static struct engine_file *find(struct engine_file *files, const char *path, uint64_t hash) {
    while (files && (files->hash != hash || strcmp(files->path, path) != 0)) files = files->next;
    return files;
}

static uint64_t hash_of(const char *path) { return file_mark_hash(path, strlen(path)); }

/* The entry of this path; where there is none, a new one. NULL: no more files are noted. */
static struct engine_file *file_of(struct engine *e, const char *path) {
    uint64_t hash = hash_of(path);
    struct engine_file *f = find(e->files, path, hash), **at = &e->files;
    if (f || e->file_count == FILES_MOST) return f;
    f = reserve_take(sizeof *f + strlen(path) + 1);
    strcpy(f->path, path);
    f->hash = hash;
    while (*at) at = &(*at)->next;
    *at = f;
    e->file_count++;
    account_add(e->account, file_size(f));
    return f;
}

/* Notes mark and source of a file when it is read for the first time: only later changes count as changes. */
static void note(struct engine *e, const char *path, struct file_mark mark, struct source *source) {
    struct engine_file *f = file_of(e, path);
    bool is_new = f && !f->is_marked;
    if (!is_new || (source && e->sources + source->n > SOURCES_MOST)) {
        release(source);
        source = NULL;
    }
    if (is_new) {
        f->is_marked = true;
        f->mark = mark;
        f->source = source;
    }
    if (source) {
        e->sources += source->n;
        account_add(e->account, source->n);
    }
    if (f && e->host && e->host->noted) e->host->noted(e->app, f);
}

void loader_watch(struct engine *e, const char *path) {
    char whole[PATH_MAX];
    if (loader_absolute(path, whole)) note(e, whole, file_mark_read(whole), NULL);
}

static void note_module(struct engine *e, const char *path, const char *module) {
    char whole[PATH_MAX];
    struct engine_file *f = loader_absolute(path, whole) ? file_of(e, whole) : NULL;
    if (!f || f->module) return;
    f->module = reserve_copy(module);
    account_add(e->account, strlen(module) + 1);
}

void loader_set_script(struct engine *e, const char *path) {
    char whole[PATH_MAX];
    e->script_file = loader_absolute(path, whole) ? file_of(e, whole) : NULL;
}

const struct engine_file *loader_unsaved(const struct engine *e, const char **why) {
    for (const struct engine_file *f = e->files; f; f = f->next) {
        struct file_mark now = f == e->script_file ? file_mark_at(f->path) : (struct file_mark){0};
        bool is_empty = now.inode && now.size == 0;
        *why = is_empty ? "is empty" : "is open for writing";
        if (is_empty || file_is_being_written(f->path)) return f;
    }
    return NULL;
}

const struct engine_file *loader_torn(const struct engine *e, const char **why) {
    *why = "changes while it is loaded";
    for (const struct engine_file *f = e->files; f; f = f->next)
        if (!file_mark_holds(&f->mark, f->path)) return f;
    return loader_unsaved(e, why);
}

const struct engine_file *loader_missing(const struct engine *e) {
    const struct engine_file *f = e->files;
    while (f && (!f->mark.inode || file_mark_at(f->path).inode)) f = f->next;
    return f;
}

/* ---- reading ---- */

/* Reads a file whole. False where it is no plain file, is more than is kept, or cannot be read: Lua reads it itself,
 * part by part, or says why not. */
static bool read_whole(const char *path, struct buf *text, struct file_mark *mark) {
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return false;
    bool ok = fstat(fd, &s) == 0 && S_ISREG(s.st_mode);
    ssize_t n = 1;
    while (ok && n > 0) {
        enum { PART = 16 * 1024 };
        uint8_t *at = buf_reserve(text, text->len == 0 && s.st_size > 0 ? (size_t)s.st_size + 1 : PART);
        n = at ? read(fd, at, text->size - text->start - text->len) : -1;
        ok = n >= 0;
        if (n > 0) buf_commit(text, (size_t)n);
    }
    close(fd);
    if (ok) *mark = file_mark_of(&s);
    return ok;
}

/* A staged generation must not open a FIFO: it would wait for a writer, and the running generation with it. */
static bool is_fifo(const char *path) {
    struct stat s;
    return stat(path, &s) == 0 && S_ISFIFO(s.st_mode);
}

static int fail_by_fifo(lua_State *L, const char *path) {
    lua_pushfstring(L, "cannot read %s: it is a FIFO", path);
    return LUA_ERRFILE;
}

/* As Lua reads a file: without a byte order mark, and without a first line that begins with '#', whose end stays so
 * that lines count right. */
static struct slice code_of(struct slice text) {
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    if (text.n >= sizeof mark && memcmp(text.p, mark, sizeof mark) == 0) text = slice_skip(text, sizeof mark);
    if (text.n == 0 || text.p[0] != '#') return text;
    const uint8_t *end = memchr(text.p, '\n', text.n);
    size_t comment = end ? (size_t)(end - text.p) : text.n;
    bool is_binary = text.n > comment + 1 && text.p[comment + 1] == (uint8_t)LUA_SIGNATURE[0];
    return slice_skip(text, comment + is_binary);
}

/* Stack: the name of the chunk, which is replaced by the chunk or a message. */
static int compile(lua_State *L, struct slice text, const char *mode) {
    struct slice code = code_of(text);
    int rc = luaL_loadbufferx(L, (const char *)code.p, code.n, lua_tostring(L, -1), mode);
    lua_remove(L, -2);
    return rc;
}

/* The text of this file in the earlier generation that is loaded again, or NULL. */
static struct source *past_of(const struct engine *e, const char *path) {
    const struct engine_file *f = find(e->past, path, hash_of(path));
    return f ? f->source : NULL;
}

static struct slice text_of(const struct source *s) { return slice_of(s->text, s->n); }

int loader_load(lua_State *L, const char *path, const char *mode) {
    struct engine *e = engine_of(L);
    char whole[PATH_MAX];
    if (!path || !loader_absolute(path, whole)) return luaL_loadfilex(L, path, mode);
    lua_pushfstring(L, "@%s", path);
    struct source *past = past_of(e, whole);
    if (past) {
        past->references++;
        note(e, whole, file_mark_read(whole), past); /* mark and content of the file on disk: another is a save */
        return compile(L, text_of(past), mode);
    }
    struct file_mark mark;
    struct buf text;
    buf_init(&text, SOURCE_MOST);
    int rc;
    if (read_whole(whole, &text, &mark)) {
        struct slice read = buf_slice(&text);
        mark.content = file_mark_hash(read.p, read.n);
        note(e, whole, mark, keep(read));
        rc = compile(L, read, mode);
    } else {
        note(e, whole, file_mark_at(whole), NULL);
        lua_pop(L, 1);
        rc = e->staged && is_fifo(whole) ? fail_by_fifo(L, path) : luaL_loadfilex(L, path, mode);
    }
    buf_clear(&text);
    return rc;
}

/* ---- loadfile and dofile, as Lua has them ---- */

static int l_loadfile(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL), *mode = luaL_optstring(L, 2, NULL);
    bool has_env = !lua_isnone(L, 3);
    if (loader_load(L, path, mode) != LUA_OK) {
        luaL_pushfail(L);
        lua_insert(L, -2);
        return 2;
    }
    if (has_env) {
        lua_pushvalue(L, 3);
        if (!lua_setupvalue(L, -2, 1)) lua_pop(L, 1);
    }
    return 1;
}

static int l_done(lua_State *L, int status, lua_KContext ctx) {
    (void)status;
    (void)ctx;
    return lua_gettop(L) - 1;
}

static int l_dofile(lua_State *L) {
    const char *path = luaL_optstring(L, 1, NULL);
    lua_settop(L, 1);
    if (loader_load(L, path, NULL) != LUA_OK) return lua_error(L);
    lua_callk(L, 0, LUA_MULTRET, 0, l_done);
    return l_done(L, LUA_OK, 0);
}

/* ---- require ---- */

static int l_find_inside(lua_State *L) {
    if (!l_engine_load(L, luaL_checkstring(L, 1))) return 0;
    lua_pushliteral(L, ":wsbot:");
    return 2;
}

/* Puts a function (suite.adopt) around the chunk of busted on the top, so that its tests run with limits and
 * clean-up. */
static void put_in_care(lua_State *L) {
    l_engine_require(L, "wsbot.testing.suite"); /* chunk, suite */
    lua_getfield(L, -1, "adopt");
    lua_replace(L, -2);
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

/* Loads the file of a module. Stack: its path on top. Returns what a searcher returns: the chunk and the path. */
static int load_module(lua_State *L, const char *name) {
    const char *path = lua_tostring(L, -1);
    int rc = loader_load(L, path, NULL);
    note_module(engine_of(L), path, name);
    if (rc != LUA_OK)
        return luaL_error(L, "error loading module '%s' from file '%s':\n\t%s", name, path, lua_tostring(L, -1));
    if (strcmp(name, "busted") == 0) put_in_care(L);
    lua_insert(L, -2);
    return 2;
}

/* Pushes the path that a module had in the earlier generation that is loaded again; or nothing: false. */
static bool push_past_path(lua_State *L, const char *name) {
    for (const struct engine_file *f = engine_of(L)->past; f; f = f->next) {
        if (!f->module || !f->source || strcmp(f->module, name) != 0) continue;
        lua_pushstring(L, f->path);
        return true;
    }
    return false;
}

/* Pushes the first file of the templates that exists, or nothing: false. Like package.searchpath, but it does not open
 * the file: opening a FIFO would block. */
static bool push_found(lua_State *L, const char *name, const char *templates) {
    const char *file = luaL_gsub(L, name, ".", LUA_DIRSEP);
    while (*templates) {
        size_t n = strcspn(templates, LUA_PATH_SEP);
        lua_pushlstring(L, templates, n);
        if (access(luaL_gsub(L, lua_tostring(L, -1), LUA_PATH_MARK, file), R_OK) == 0) return true;
        lua_pop(L, 2);
        templates += n + (templates[n] != '\0');
    }
    lua_pop(L, 1);
    return false;
}

/* The searcher for files of package.path. Upvalues: package, package.searchpath. */
static int l_find_lua(lua_State *L) {
    const char *name = luaL_checkstring(L, 1);
    if (push_past_path(L, name)) return load_module(L, name);
    if (lua_getfield(L, lua_upvalueindex(1), "path") != LUA_TSTRING)
        return luaL_error(L, "'package.path' must be a string");
    if (push_found(L, name, lua_tostring(L, -1))) return load_module(L, name);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushvalue(L, -3);
    lua_call(L, 2, 2);
    return 1; /* where it was looked for */
}

/* The searcher for files beside the script, where package.path has not found any. */
static int l_find_beside(lua_State *L) {
    const struct engine *e = engine_of(L);
    const char *name = luaL_checkstring(L, 1);
    if (!e->folder) return 0;
    luaL_gsub(L, name, ".", "/");
    const char *file = lua_tostring(L, -1);
    lua_pushfstring(L, "%s/%s.lua", e->folder, file);
    lua_pushfstring(L, "%s/%s/init.lua", e->folder, file);
    for (int i = -2; i < 0; i++) {
        if (access(lua_tostring(L, i), R_OK) != 0) continue;
        lua_pushvalue(L, i);
        return load_module(L, name);
    }
    lua_pushfstring(L, "no file '%s'\n\tno file '%s'", lua_tostring(L, -2), lua_tostring(L, -1));
    return 1;
}

/* ---- modules in C ---- */

/* A library stays as it was first loaded, to the end of the process. */
static struct library {
    struct library *next;
    struct file_mark mark;
    char path[];
} * libraries;

static void note_library(const char *path) {
    struct library **at = &libraries;
    while (*at && strcmp((*at)->path, path) != 0) at = &(*at)->next;
    if (!*at) {
        struct library *l = reserve_take(sizeof *l + strlen(path) + 1);
        strcpy(l->path, path);
        l->mark = file_mark_read(path);
        *at = l;
    } else if (!file_mark_holds(&(*at)->mark, path)) {
        log_line(LOG_WARN, "%s was built anew: its old code stays until the program is started again", path);
    }
}

/* Calls one of Lua's searchers for C modules, the upvalue, and notes the library that it has loaded. */
static int l_find_c(lua_State *L) {
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, 1, LUA_MULTRET);
    if (lua_gettop(L) == 2 && lua_iscfunction(L, 1) && lua_isstring(L, 2)) note_library(lua_tostring(L, 2));
    return lua_gettop(L);
}

/* Inserts a searcher at the position `at`. Stack: package, searchers, the new searcher. */
static void insert_searcher(lua_State *L, int at) {
    for (int i = (int)lua_rawlen(L, -2); i >= at; i--) {
        lua_rawgeti(L, -2, i);
        lua_rawseti(L, -3, i + 1);
    }
    lua_rawseti(L, -2, at);
}

/* The searcher for our own modules goes behind package.preload, that for luv between Lua's own for Lua files and for C,
 * that for the script's folder behind all others. Lua's own for Lua files is replaced. */
static void add_searchers(lua_State *L) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    lua_pushvalue(L, -2);
    lua_getfield(L, -1, "searchpath");
    lua_pushcclosure(L, l_find_lua, 2);
    lua_rawseti(L, -2, 2);
    for (int c = 3; c <= 4; c++) {
        lua_rawgeti(L, -1, c);
        lua_pushcclosure(L, l_find_c, 1);
        lua_rawseti(L, -2, c);
    }
    lua_pushcfunction(L, l_find_inside);
    insert_searcher(L, 2);
#ifdef WSBOT_LUV
    lua_pushcfunction(L, l_luv_find);
    insert_searcher(L, 4);
#endif
    lua_pushcfunction(L, l_find_beside);
    insert_searcher(L, (int)lua_rawlen(L, -2) + 1);
    lua_pop(L, 2);
}

void l_loader_open(lua_State *L) {
    add_searchers(L);
    lua_pushcfunction(L, l_loadfile);
    lua_setglobal(L, "loadfile");
    lua_pushcfunction(L, l_dofile);
    lua_setglobal(L, "dofile");
}
