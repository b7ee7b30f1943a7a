/* bot: what the three files of testing.bot share: its life (bot.c), what its state has that others have not
 * (bot_state.c), and what the test has of it (handle.c). */
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

/* What the userdata of the test refers to. A generation whose threads have not ended yet outlives that. */
struct bot {
    struct box box;
    unsigned references;            /* the userdata's, and one of each generation */
    struct engine *tester, *engine; /* `tester`: NULL: it has let go; `engine`: the running generation; NULL: none yet,
                                       or it has ended */
    char *path, *source;            /* one of them */
    struct strings arguments;       /* what the script gets as `arg` */
    struct strings environment;     /* name, value, name, value ... */
    struct strings errors;          /* that nobody handled, in order */
    struct output out, err;
    struct account *account; /* its tester's: its own reference */
    size_t kept;             /* bytes of strings that are counted there */
    struct deadline step;    /* what the test has asked for is done in the next turn of the loop */
    struct deadline own;     /* and what the script has */
    struct deadline late;    /* until then its functions of host.on_stop may wait */
    struct waiters waiting;  /* the test, until that is done */
    bool busy;               /* it was not, yet */
    bool starts;             /* a main chunk runs for the first time, up to its end or its first wait */
    bool stopped;            /* its functions of host.on_stop are through */
    bool stops;              /* its end was asked for: no reload goes before that */
    bool has_exited;         /* by os.exit, or since its main chunk failed */
    char *failure;           /* why the step failed, or NULL */
    int status;
};

/* Opens the file; what is written is refused where no more may be kept. False where there is no memory. */
bool bot_open_output(struct bot *b, struct output *o);

/* A copy of its own, and a list that has it. Abort without memory. */
char *bot_copy(const char *text, size_t n);
void bot_put_string(struct strings *list, char *mine);

/* Lets go of it; it is freed at zero. */
void bot_release(struct bot *b);

/* Makes a new generation one of the bot: its output, arguments, variables and seed. False with b->failure. */
bool bot_dress(struct bot *b, struct engine *e);

/* Has it something left to do? A script without has ended, as a program does. One that is to stop has ended when its
 * connections have, and those who were told of that are through. */
bool bot_is_alive(const struct bot *b);

/* Closes its generation; connections say goodbye, and nobody waits for the answer. */
void bot_end(struct bot *b);

/* The steps that the test asks for, as deadlines of b->step. */
void bot_on_start(struct deadline *step);
void bot_on_stop(struct deadline *step);
void bot_on_reload(struct deadline *step);

/* A step is done: who waits for it goes on. */
void bot_done(struct bot *b);

#endif
