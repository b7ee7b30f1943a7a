/* loader: finds (`require`), reads whole and compiles the Lua files that a generation is made of, and notes what it has
 * read: so that a reload can tell a file that was only half saved, and the same sources can be loaded again later. */
#ifndef SCRIPT_LOADER_H
#define SCRIPT_LOADER_H

#include "base/file_mark.h"
#include <limits.h>
#include <lua.h>

struct engine;

/* The text of a file; references are counted. */
struct source {
    unsigned references;
    size_t n;
    char text[];
};

/* A file that the script was loaded from. */
struct engine_file {
    struct engine_file *next;
    struct file_mark mark; /* of the file as it was read; all zero: there was no file */
    struct source *source; /* its text as it was read; NULL: not kept, for its size or because it could not be read */
    char *module;          /* the name that `require` has loaded it by, its own; NULL: it was loaded otherwise */
    bool is_marked;        /* `mark` is set: the file was loaded, or that was tried */
    uint64_t hash;         /* of the path */
    char path[];           /* absolute */
};

/* Replaces loadfile, dofile and Lua's searchers for Lua files by those of this file. Leaves the stack as it was. May
 * raise. */
void l_loader_open(lua_State *L);

/* As luaL_loadfilex: leaves the chunk or a message on the stack, and gives Lua's status. `path` NULL: standard input.
 * `mode` NULL: text or binary. */
int loader_load(lua_State *L, const char *path, const char *mode);

/* The path under which a file is noted: absolute, without "./". False: there is no such file. */
bool loader_absolute(const char *path, char out[PATH_MAX]);

/* Notes that the generation depends on this file as well (host.watch), which is not loaded as Lua. */
void loader_watch(struct engine *e, const char *path);

/* Notes that this file is the script. */
void loader_set_script(struct engine *e, const char *path);

/* The first file that seems to be half saved as it is now; `*why` is then a literal that says how: "is open for
 * writing", or, of the script itself, "is empty". NULL: there is none. */
const struct engine_file *loader_unsaved(const struct engine *e, const char **why);

/* The same, or the first file that has changed since it was read: then its text may be that of a half saved file. */
const struct engine_file *loader_torn(const struct engine *e, const char **why);

/* The first file that existed when it was read, and does not any more; NULL: there is none. */
const struct engine_file *loader_missing(const struct engine *e);

/* loader_take_files gives the files to the caller, so that they outlive the engine, which has none afterwards.
 * loader_free_files frees them. */
struct engine_file *loader_take_files(struct engine *e);
void loader_free_files(struct engine_file *files);

#endif
