/* generation: the reloads of a program. Each runs the script in a new generation beside the running one, which then
 * takes over or is thrown away (script/reload.h), and reports that in one line. */
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
    const char *also[ALSO_MOST]; /* patterns (glob) of further files to watch; then NULL */
    double grace;                /* seconds that waiting callbacks and tasks have to finish; 0: none */
    double trial;                /* seconds after a take-over in which errors count; 0: they do not */
    unsigned trial_errors;       /* errors that are tolerated; one more brings the old sources back */
};

struct generations {
    struct worker *worker;
    const struct interpreter_options *options;
    const struct reload_options *how;
    struct past past;         /* sources to go back to */
    struct trial {            /* the trial of the running generation */
        uint64_t began, ends; /* by uv_hrtime; 0: there is none */
        unsigned errors;
    } trial;
    struct watch *watch;          /* NULL: nobody watches the files */
    bool failed;                  /* the main chunk of the running generation has failed */
    int folder;                   /* a descriptor: where the program was started; -1: unknown */
    char *folder_name;            /* its path with a / behind it, its own; NULL: unknown */
    struct trace_subject subject; /* of the reload under way, for the trace */
    struct attempt {              /* the reload under way; all zero: none is */
        uint64_t began;           /* by uv_hrtime */
        uint64_t number;          /* of the reload, from 1 */
        unsigned tries;           /* how many tries have met a half saved file */
        bool told;                /* it was reported that it waits */
        bool holds;               /* waiting callbacks and tasks may finish */
        uint64_t grace_ends;      /* when their time is over, by uv_hrtime */
    } attempt;
};

/* Runs the script in a staged engine until its main chunk ends or waits, and no further. False with `*why`, to be freed
 * by the caller. */
bool generation_load(struct worker *w, struct engine *next, const struct interpreter_options *o, char **why);

/* Has the generation depend on the files that match the patterns of --watch-also now. */
void generation_watch_also(struct engine *e, const struct reload_options *how);

/* With `watch`, to be called when the main chunk has failed: reports that a save is waited for, now and after each
 * reload that fails. */
void generations_await_save(struct generations *g);

/* From now on the script can be reloaded: by worker_reload, by SIGHUP, and with `watch` whenever one of its files is
 * saved; `how` is borrowed. Does nothing where the options name no file. 0, or ERR_SYSTEM with `fault` where the files
 * cannot be watched. `g` is the caller's memory. */
int generations_open(struct generations *g, struct worker *w, const struct interpreter_options *o, bool watch,
                     const struct reload_options *how, struct fault *fault);

void generations_close(struct generations *g);

#endif
