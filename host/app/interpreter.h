/* interpreter: the command line of `lua`: options, the script and its arguments, and the prompt. */
#ifndef APP_INTERPRETER_H
#define APP_INTERPRETER_H

#include "app/chunk.h"

/* A command line as `lua` reads it. */
struct interpreter_options {
    char **argv;
    int argc;
    int first;  /* index of the first option */
    int script; /* index of the script; argc: there is none */
    bool interactive, version, executes, warnings, no_environment;
};

/* Reads argv from `first` on. True, or false with `*bad` the index of an option that is wrong. Changes nothing else. */
bool interpreter_options_read(int argc, char **argv, int first, struct interpreter_options *out, int *bad);

/* Prints on stderr what is wrong with the option, and which options there are. */
void interpreter_usage(const char *program, const char *bad);

/* The file that is the script; NULL: there is none, or it is standard input. */
const char *interpreter_script(const struct interpreter_options *o);

/* Runs what comes before the script in `r->engine`, and prepares the script's chunk. False where something failed,
 * which was reported. */
bool interpreter_prepare(struct run *r, const struct interpreter_options *o, struct chunk *script);

/* Does what the options say, up to the end of the main chunk. True, or false where it failed, which was reported on
 * stderr. */
bool interpreter_run(struct worker *w, const struct interpreter_options *o);

#endif
