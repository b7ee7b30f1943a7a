/* env_file: the file of --env-file: variables for the environment, a line each, as `NAME=value`.
 *
 *     # a comment
 *     export API_KEY=abc          what an unquoted value has around it is left out, and a comment behind a space
 *     NAME="with \"quotes\""      \" and \\ are escapes
 *     RAW='\n and # stay'         nothing is an escape
 *
 * `$` means nothing. */
#ifndef APP_ENV_FILE_H
#define APP_ENV_FILE_H

#include "base/err.h"
#include "base/slice.h"

enum { ENV_FILE_MOST = 1 << 20 }; /* bytes of a file */

/* One variable; both are NUL-terminated in `text` of env_file_read. */
struct env_variable {
    char *name, *value;
};

/* Reads the next variable from `*rest`, a part of a text that may be written to and has a NUL behind it. 1: there is
 * one; 0: there is none left; ERR_SYNTAX with `*why`, a literal. `*line` counts the lines that were read. */
int env_file_next(char **rest, struct env_variable *out, unsigned *line, const char **why);

/* Puts all variables of a file into the environment of this process, over what is there. 0, or ERR_SYSTEM with `fault`,
 * which names the line; then none was put there. */
int env_file_load(const char *path, struct fault *fault);

#endif
