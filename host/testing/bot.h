/* bot: what the three files of testing.bot share: a bot's life (bot.c), what its Lua state has that others have not
 * (bot_state.c), and the userdata that the test has (handle.c). */
#ifndef TESTING_BOT_H
#define TESTING_BOT_H

#include "script/box.h"
#include "script/engine.h"

/* A text that grows, as a file of C. */
struct output {
    FILE *file;
    struct buf text;
    struct account *account; /* where its bytes are counted: the bot's */
};

/* A list of strings, its own. */
struct strings {
    char **items;
    size_t count;
};

/* The object that the test's userdata refers to. References are counted, as a generation whose threads have not ended
 * yet outlives the userdata. */
struct bot {
    struct box box;
    unsigned references;            /* the userdata's, and one of each generation */
    struct engine *tester, *engine; /* `tester`: NULL when the userdata has ended; `engine`: NULL while none runs */
    char *path, *source;            /* one of them */
    struct strings arguments;       /* what the script gets as `arg` */
    struct strings environment;     /* name, value, name, value ... */
    char *folder;                   /* where its durable state is kept, its own; NULL: nowhere, it ends with the bot */
    struct store *store;            /* open in that folder; NULL: it is not */
    struct strings errors;          /* errors that nobody handled, in order */
    struct output out, err;
    struct account *account; /* its tester's account; a reference is held */
    size_t kept;             /* bytes of its strings that are counted in the account */
    struct deadline step;    /* does what the test has asked for, in the next turn of the loop */
    struct deadline own;     /* does what the script has asked for, in the same way */
    struct deadline late;    /* until when its functions of host.on_stop may wait */
    struct waiters waiting;  /* the test, until its step is done */
    bool busy;               /* a step was asked for, and is not done yet */
    bool starts;             /* a main chunk runs for the first time, up to its end or its first wait */
    bool stopped;            /* its functions of host.on_stop have ended */
    bool stops;              /* its stop was asked for: no reload begins any more */
    bool has_exited;         /* by os.exit, or since its main chunk failed */
    char *failure;           /* why the step failed, or NULL */
    int status;
};

/* Opens the file of `o`; writing to it fails where no more bytes may be kept. False where there is no memory. */
bool bot_open_output(struct bot *b, struct output *o);

/* bot_copy makes a copy of a text on the heap; bot_put_string appends such a copy to a list, which owns it from then
 * on. Both abort without memory. */
char *bot_copy(const char *text, size_t n);
void bot_put_string(struct strings *list, char *mine);

/* Releases one reference; the bot is freed at zero. */
void bot_release(struct bot *b);

/* Gives a new generation what a bot has: its output, arguments, variables and seed. False with b->failure. */
bool bot_dress(struct bot *b, struct engine *e);

/* Has the bot something left to do? A script that has nothing left has ended, as a program would. One that is to stop
 * has ended when its connections have, and the callbacks and tasks that were told of that. */
bool bot_is_alive(const struct bot *b);

/* Closes its generation; connections send a Close and do not wait for that of the peer. */
void bot_end(struct bot *b);

/* The steps that the test asks for, as deadlines of b->step. */
void bot_on_start(struct deadline *step);
void bot_on_stop(struct deadline *step);
void bot_on_reload(struct deadline *step);

/* To be called when a step is done: the test, which waits for it, goes on. */
void bot_done(struct bot *b);

#endif
