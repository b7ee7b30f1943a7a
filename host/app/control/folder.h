/* folder: where the control sockets of a user's programs are: $XDG_RUNTIME_DIR/wsbot, or /tmp/wsbot-UID; a path in
 * WSBOT_CONTROL is another folder, in place of both. Each is named after its process: "1234.sock"; that of worker 2 of
 * a pool after the pool's: "1234.2.sock". */
#ifndef APP_CONTROL_FOLDER_H
#define APP_CONTROL_FOLDER_H

#include "base/err.h"
#include <lua.h>
#include <stddef.h>
#include <sys/types.h>

enum { FOLDER_PATH = 4096, FOLDER_SOCKET = FOLDER_PATH + 32 }; /* bytes of paths, their NUL included */

/* The folders to look into: first the one that a program takes, then those that a program with another environment
 * would take. Returns the path of folder `i`, or NULL where there are no more. */
const char *folder_path(unsigned i, char path[FOLDER_PATH]);

/* Is it one that nobody but this user can have made or written to: no link, its own, mode 0700? Else ERR_SYSTEM with
 * `fault`; `fault` may be NULL. */
int folder_check(const char *path, struct fault *fault);

/* Makes the first one where it is missing, and removes sockets of programs that are gone. 0, or ERR_SYSTEM with
 * `fault`. */
int folder_open(char path[FOLDER_PATH], struct fault *fault);

/* The path of a process's socket; `worker`: of that worker of its pool, else 0. */
void folder_socket(char path[FOLDER_SOCKET], const char *folder, pid_t pid, unsigned worker);

/* Reads the name of a socket: true with the process, and the worker (0: the program itself). */
bool folder_read_name(const char *name, pid_t *pid, unsigned *worker);

/* Removes the socket of that name where nobody listens on it any more. True: it did. */
bool folder_remove_stale(const char *folder, const char *name);

/* The module wsbot.control.folder, for tools: its function sockets() gives { { pid =, worker =, path = }, ... } of all
 * folders that pass folder_check; sockets on which nobody listens any more are removed. May raise. */
int luaopen_control_folder(lua_State *L);

#endif
