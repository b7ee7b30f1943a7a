/* generation: the reloads of a program. Each runs the script in a new generation beside the running one, which then
 * takes over or is thrown away (script/reload.h), and tells people in one line. */
#ifndef APP_GENERATION_H
#define APP_GENERATION_H

#include "app/interpreter.h"
#include "app/past.h"
#include "base/err.h"
#include "base/trace.h"

struct watch;

enum { ALSO_MOST = 32 }; /* patterns of --watch-also */

/* How reloads go. */
struct reload_options {
    const char *also[ALSO_MOST]; /* patterns (glob) of files that are watched as those that are loaded; then NULL */
    double grace;                /* seconds that those who wait have to finish; 0: none */
    double trial;                /* seconds after a take-over in which errors count; 0: they do not */
    unsigned trial_errors;       /* so many are taken; one more brings the old sources back */
};

struct generations {
    struct worker *worker;
    const struct interpreter_options *options;
    const struct reload_options *how;
    struct past past;         /* sources to go back to */
    struct trial {            /* of the generation that runs */
        uint64_t began, ends; /* by uv_hrtime; 0: there is none */
        unsigned errors;
    } trial;
    struct watch *watch;          /* NULL: nobody watches the files */
    bool failed;                  /* the main chunk of the generation that runs */
    int folder;                   /* a descriptor: where the program was started; -1: unknown */
    char *folder_name;            /* its path with a / behind it, its own; NULL: unknown */
    struct trace_subject subject; /* of the reload that is under way, in the trace */
    struct attempt {              /* the same; all zero: none is */
        uint64_t began;           /* by uv_hrtime */
        uint64_t number;          /* of the reload, from 1 */
        unsigned tries;           /* that met half a save */
        bool told;                /* one knows that it waits */
        bool holds;               /* those that wait are let finish, */
        uint64_t grace_ends;      /* until then */
    } attempt;
};

/* Runs the script in a staged engine until its main chunk ends or waits; then that is over. False with `*why`, the
 * caller's. */
bool generation_load(struct worker *w, struct engine *next, const struct interpreter_options *o, char **why);

/* Has the generation depend on the files that --watch-also names, as they are now. */
void generation_watch_also(struct engine *e, const struct reload_options *how);

/* With `watch`: the main chunk has failed. Tells which save may mend it, now and whenever a reload fails as well. */
void generations_await_save(struct generations *g);

/* From now on the script can be reloaded: by worker_reload, by SIGHUP, and with `watch` whenever one of its files is
 * saved; `how` is borrowed. Where the options name no file, nothing is prepared; 0, or
 * ERR_SYSTEM with `fault` where that cannot be watched. `g` is the caller's memory. */
int generations_open(struct generations *g, struct worker *w, const struct interpreter_options *o, bool watch,
                     const struct reload_options *how, struct fault *fault);

void generations_close(struct generations *g);

#endif
