/* cli: the program's command line. One table says which options there are; the usage text is printed from the same
 * table. */
#ifndef APP_CLI_H
#define APP_CLI_H

#include "app/generation.h"
#include <stdbool.h>
#include <stddef.h>

enum cli_command {
    CLI_RUN,
    CLI_CHECK,
    CLI_CONNECT,
    CLI_PS,
    CLI_ATTACH,
    CLI_INSPECT,
    CLI_INIT,
    CLI_ECHO,
    CLI_HELP,
    CLI_TEST
};

enum { CLI_DONE = -1 }; /* of cli_read: all was printed, and the program is to end with *status */

/* An option of a tool (tool.h), as it was given: its long name without dashes, and its value (NULL: it has none). */
struct cli_given {
    const char *name, *value;
};

struct cli_options {
    enum cli_command command;
    int first;   /* index in argv behind our own options: where `lua`'s, or busted's, begin */
    bool as_lua; /* CLI_RUN: without the word `run`, as `lua` itself is called */
    bool strict;
    bool watch;
    struct reload_options reload;
    unsigned workers;  /* processes that run the script */
    const char *shard; /* --shard; NULL: it was not given */
    bool with_echo;
    bool log_json;
    unsigned max_memory; /* MB for Lua; 0: no cap */
    const char *host;
    unsigned port;
    const char *tls_cert, *tls_key;
    const char *record; /* the file of --record, or of --trace; or NULL */
    bool record_secrets;
    bool summary;            /* --summary: one is printed at the end */
    const char *profile;     /* the file of --profile; or NULL */
    unsigned jobs;           /* CLI_TEST: processes at a time that run spec files; 0: this one runs them */
    bool is_job;             /* this process is one of those */
    const char *env_file;    /* --env-file; or NULL */
    const char *status_host; /* --status; NULL: no status */
    unsigned status_port;
    const char *state;       /* the folder of --state; or NULL */
    const char *name;        /* --name: what ps and attach call the program; NULL: as its script */
    const char *operand;     /* of a tool: its URL, folder, or the program to look into; NULL: none was given */
    struct cli_given *given; /* for the Lua module of a tool, which judges the values; the caller's, to be freed */
    size_t given_count;
};

/* Reads argv. 0, or CLI_DONE with the exit status: help was printed (0), or a mistake was reported on stderr (2). */
int cli_read(int argc, char **argv, struct cli_options *out, int *status);

/* Print a hint on stderr, where the first word is no command: for an option that `lua` does not have, and for a script
 * that does not exist. */
void cli_hint_at_option(const char *text);
void cli_hint_at_command(const char *word);

#endif
