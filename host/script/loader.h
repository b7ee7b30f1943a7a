/* loader: the files of Lua code that a generation is made of. They are found (`require`), read whole and compiled here,
 * and noted: what was read, so that a reload takes over what was saved and no half of it, and so that the generation
 * can come back later as it was. */
#ifndef SCRIPT_LOADER_H
#define SCRIPT_LOADER_H

#include "base/file_mark.h"
#include <limits.h>
#include <lua.h>

struct engine;

/* The text of a file, shared by those who keep it. */
struct source {
    unsigned references;
    size_t n;
    char text[];
};

/* A file that the script was loaded from. */
struct engine_file {
    struct engine_file *next;
    struct file_mark mark; /* of what was read; all zero: there was none */
    struct source *source; /* what was read; NULL: it is not kept, for its size or because it could not be read */
    char *module;          /* the name that `require` found it by, its own; NULL: it was not found so */
    bool is_marked;        /* the mark is there: it was loaded, or was to be */
    uint64_t hash;         /* of the path */
    char path[];           /* absolute */
};

/* Has `require`, loadfile and dofile go by way of this file. Stack: as it was. May raise. */
void l_loader_open(lua_State *L);

/* As luaL_loadfilex: leaves the chunk or a message on the stack, and gives Lua's status. `path` NULL: standard input.
 * `mode` NULL: text or binary. */
int loader_load(lua_State *L, const char *path, const char *mode);

/* A path as it is noted: absolute, "./" left out. False: there is no such file. */
bool loader_absolute(const char *path, char out[PATH_MAX]);

/* The generation depends on this file as well (host.watch), which it does not load as Lua. */
void loader_watch(struct engine *e, const char *path);

/* The script is this file. */
void loader_set_script(struct engine *e, const char *path);

/* The first of the files that is half a save as it is now, and in `*why` a literal that says so of it: "is open for
 * writing", or, of the script itself, "is empty". NULL: none is. */
const struct engine_file *loader_unsaved(const struct engine *e, const char **why);

/* The same, or one that is not what was read any more: what was loaded may be half a save. */
const struct engine_file *loader_torn(const struct engine *e, const char **why);

/* The first that was there when it was read, and is no more; NULL: all are. */
const struct engine_file *loader_missing(const struct engine *e);

/* The files, to be kept beyond their engine, which has none any more; and their end. */
struct engine_file *loader_take_files(struct engine *e);
void loader_free_files(struct engine_file *files);

#endif
