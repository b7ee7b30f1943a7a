/* cli_table: the options of the command line, what their values must be, the commands with their help, and what they
 * read from the environment. Only cli.c, which reads the command line by it, and help_core.c, which tells Lua of it,
 * include this. */
#ifndef APP_CLI_TABLE_H
#define APP_CLI_TABLE_H

#include "app/cli.h"

/* Takes the value of an option; false when it is wrong. */
typedef bool take_fn(struct cli_options *o, const char *value);

struct option {
    int commands;      /* 1 << CLI_RUN, ... */
    const char *name;  /* with its dashes; a short one may go before it: "-n, --no-input"; NULL: `help` is a heading */
    const char *value; /* what to call its value; NULL: it has none; in brackets: it may be left out */
    const char *help;
    take_fn *take; /* NULL: any value will do */
};

/* The commands that an option goes with. */
enum {
    RUN = 1 << CLI_RUN,
    CHECK = 1 << CLI_CHECK,
    CONNECT = 1 << CLI_CONNECT,
    PS = 1 << CLI_PS,
    ATTACH = 1 << CLI_ATTACH,
    INSPECT = 1 << CLI_INSPECT,
    ECHO_ = 1 << CLI_ECHO,
    HELP = 1 << CLI_HELP,
    TEST = 1 << CLI_TEST,
    PROGRAM = 1 << (CLI_TEST + 1), /* without a command */
    ANY = ~0
};

/* All options, in the order of the help; the last entry belongs to no command. */
extern const struct option cli_table[];

/* For messages: what a value must be that `take` has refused. */
const char *cli_rule_of(take_fn *take);

struct command {
    const char *name, *usage;
    const char *summary; /* of the command, for lists */
    const char *help;
};

/* By enum cli_command; at COMMANDS that of the program without a command, which has no name. */
extern const struct command cli_commands[];
enum { COMMANDS = CLI_TEST + 1 };

/* Variables of the environment, by their names (several with commas between). */
struct variable {
    int commands; /* that read them: RUN, ... */
    const char *name, *help;
};

/* All of them, in the order of the help; the last entry belongs to no command. */
extern const struct variable cli_variables[];

#endif
