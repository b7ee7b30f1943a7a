/* cli: reads the command line by the table. */
#include "app/cli.h"

#include "app/cli_table.h"
#include "base/meant.h"
#include "base/reserve.h"
#include "base/shown.h"
#include <lua.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>
#include <wolfssl/options.h>
#include <wolfssl/version.h>
#include <zlib.h>

static void print_usage(const struct command *c) { printf("  %-41s %s\n", c->usage, c->summary); }

static void print_help(void) {
    printf("%s\n\nusage:\n", cli_commands[COMMANDS].help);
    for (int i = 0; i < COMMANDS; i++) {
        print_usage(&cli_commands[i]);
        if (i == CLI_RUN) print_usage(&cli_commands[COMMANDS]);
    }
    puts("  wsbot --help, --version\n\n"
         "`wsbot COMMAND --help` tells the options of a command, `wsbot help` has the manual.");
}

/* An option or a variable, and what is to be said of it: below it where it is long. */
static void print_entry(const char *left, const char *help) {
    if (strlen(left) > 24)
        printf("  %s\n  %-24s %s\n", left, "", help);
    else
        printf("  %-24s %s\n", left, help);
}

static void print_variables(enum cli_command command) {
    bool is_first = true;
    for (const struct variable *v = cli_variables; v->commands; v++) {
        if (!(v->commands & 1 << command)) continue;
        if (is_first) puts("\nenvironment:");
        is_first = false;
        print_entry(v->name, v->help);
    }
}

static void print_command_help(enum cli_command command) {
    printf("usage: %s\n\n%s\n\noptions:\n", cli_commands[command].usage, cli_commands[command].help);
    for (const struct option *o = cli_table; o->commands; o++) {
        char left[64];
        if (!(o->commands & 1 << command)) continue;
        if (!o->name) {
            printf("\n%s:\n", o->help);
            continue;
        }
        bool optional = o->value && o->value[0] == '[';
        snprintf(left, sizeof left, "%s%s%s%s", o->name, o->value ? (optional ? "[=" : " ") : "",
                 o->value ? o->value + optional : "", "");
        print_entry(left, o->help);
    }
    print_variables(command);
}

static void print_version(void) {
    printf("wsbot %s (%s, libuv %s, wolfSSL %s, zlib %s)\n", WSBOT_VERSION, LUA_RELEASE, uv_version_string(),
           LIBWOLFSSL_VERSION_STRING, zlibVersion());
}

/* Reports a mistake in the command line, and quotes what was given as it was given. */
static int refuse(enum cli_command command, int *status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(enum cli_command command, int *status, const char *format, ...) {
    char text[1024], shown[sizeof text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    shown_copy(shown, sizeof shown, slice_str(text), 0);
    fprintf(stderr, "wsbot %s: %s\nusage: %s\n", cli_commands[command].name, shown, cli_commands[command].usage);
    *status = 2;
    return CLI_DONE;
}

/* The name with two dashes. */
static const char *long_name(const struct option *o) { return strstr(o->name, "--"); }

static bool is_called(const struct option *o, const char *text, size_t n) {
    const char *name = long_name(o);
    return (strlen(name) == n && memcmp(name, text, n) == 0) ||
           (name > o->name && n == 2 && memcmp(o->name, text, n) == 0);
}

static const struct option *find(enum cli_command command, const char *text, size_t n) {
    for (const struct option *o = cli_table; o->commands; o++)
        if ((o->commands & 1 << command) && o->name && is_called(o, text, n)) return o;
    return NULL;
}

/* The option of these commands that comes nearest to `text`, of which a value is left out; NULL: none comes near. */
static const struct option *nearest(int of, const char *text) {
    char name[64];
    struct meant meant;
    const struct option *best = NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    meant_begin(&meant, name);
    for (const struct option *o = cli_table; o->commands && strncmp(text, "--", 2) == 0; o++) {
        if (!o->name || !(o->commands & of)) continue;
        size_t least = meant.least;
        meant_consider(&meant, long_name(o));
        if (meant.least < least) best = o;
    }
    return best;
}

/* Names the option that was probably meant, where one comes near. */
static int refuse_unknown(enum cli_command command, const char *text, int *status) {
    const struct option *meant = nearest(1 << command, text);
    if (!meant) return refuse(command, status, "unknown option '%s'", text);
    return refuse(command, status, "unknown option '%s' (did you mean %s?)", text, long_name(meant));
}

static void keep(struct cli_options *out, const struct option *o, const char *value) {
    out->given[out->given_count++] = (struct cli_given){.name = long_name(o) + 2, .value = value};
}

/* Takes an option with its value (NULL: it has none). 0 or CLI_DONE. */
static int take(struct cli_options *out, const struct option *o, const char *value, int *status) {
    if (o->take && !o->take(out, value))
        return refuse(out->command, status, "a wrong value for %s: '%s' (%s)", long_name(o), value,
                      cli_rule_of(o->take));
    if (out->given) keep(out, o, value);
    return 0;
}

/* Reads the options from argv[i] on; returns the index behind the last, or CLI_DONE. */
static int read_options(int argc, char **argv, int i, struct cli_options *out, int *status) {
    for (; i < argc && argv[i][0] == '-' && argv[i][1]; i++) {
        const char *text = argv[i], *equals = strchr(text, '=');
        if (strcmp(text, "--") == 0) return out->command == CLI_RUN ? i : i + 1;
        if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0) {
            print_command_help(out->command);
            *status = 0;
            return CLI_DONE;
        }
        const struct option *o = find(out->command, text, equals ? (size_t)(equals - text) : strlen(text));
        bool is_word = !o && text[1] != '-' && (o = find(out->command, text, 2)); /* "-n1" is "-n -1", as for getopt */
        if (!o) return refuse_unknown(out->command, text, status);
        bool optional = o->value && o->value[0] == '[';
        const char *value = equals ? equals + 1 : NULL;
        if (is_word && o->value && !optional) {
            value = text + 2;
        } else if (is_word) {
            value = NULL;
            *++argv[i--] = '-'; /* the rest is the next word */
        }
        if (!o->value && value)
            return refuse(out->command, status, "option %s takes no value: '%s'", long_name(o), text);
        if (o->value && !value && !optional) {
            if (i + 1 == argc) return refuse(out->command, status, "missing value for %s (%s)", long_name(o), o->value);
            value = argv[++i];
        }
        if (take(out, o, value, status) < 0) return CLI_DONE;
    }
    return i;
}

/* Checks two options of which neither means anything without the other. 0 or CLI_DONE. */
static int need_both(const struct cli_options *out, bool first, bool second, const char *names, int *status) {
    return first == second ? 0 : refuse(out->command, status, "%s go together", names);
}

static bool is_given(const struct cli_options *o, const char *name) {
    for (size_t i = 0; i < o->given_count; i++)
        if (strcmp(o->given[i].name, name) == 0) return true;
    return false;
}

/* Reads the options of a tool, before and behind its operand. */
static int read_tool(int argc, char **argv, struct cli_options *out, int *status) {
    out->given = reserve_take((size_t)argc * sizeof *out->given);
    for (int i = 2; i < argc;) {
        if ((i = read_options(argc, argv, i, out, status)) == CLI_DONE) return CLI_DONE;
        bool is_too_much = i < argc && (out->operand || out->command == CLI_PS);
        if (is_too_much) return refuse(out->command, status, "unexpected argument '%s'", argv[i]);
        if (i < argc) out->operand = argv[i++];
    }
    return 0;
}

static int read_connect(int argc, char **argv, struct cli_options *out, int *status) {
    if (read_tool(argc, argv, out, status) == CLI_DONE) return CLI_DONE;
    if (!out->operand) return refuse(CLI_CONNECT, status, "missing URL");
    if (is_given(out, "ipv4") && is_given(out, "ipv6"))
        return refuse(CLI_CONNECT, status, "--ipv4 and --ipv6 exclude each other");
    return need_both(out, is_given(out, "cert"), is_given(out, "key"), "--cert and --key", status);
}

static int read_init(int argc, char **argv, struct cli_options *out, int *status) {
    if (read_tool(argc, argv, out, status) == CLI_DONE) return CLI_DONE;
    return out->operand ? 0 : refuse(CLI_INIT, status, "missing DIR (`.` is this folder)");
}

static int read_echo(int argc, char **argv, struct cli_options *out, int *status) {
    int i = read_options(argc, argv, 2, out, status);
    if (i == CLI_DONE) return CLI_DONE;
    if (i < argc) return refuse(CLI_ECHO, status, "unexpected argument '%s' (the port is told by --port)", argv[i]);
    return need_both(out, out->tls_cert, out->tls_key, "--tls-cert and --tls-key", status);
}

/* Reads the options before the script. */
static int read_run(int argc, char **argv, struct cli_options *out, int *status) {
    int i = read_options(argc, argv, 2, out, status);
    if (i == CLI_DONE) return CLI_DONE;
    out->first = i;
    bool is_last = i < argc && i + 1 == argc && strcmp(argv[i], "--") == 0;
    return i == argc || is_last ? refuse(CLI_RUN, status, "missing SCRIPT") : 0;
}

static int read_check(int argc, char **argv, struct cli_options *out, int *status) {
    int i = read_options(argc, argv, 2, out, status);
    if (i == CLI_DONE) return CLI_DONE;
    out->first = i;
    return i == argc ? refuse(CLI_CHECK, status, "missing SCRIPT") : 0;
}

/* Finds the option of the command at argv[i], where it has that; `*count` is how many words it has. NULL: it is
 * busted's, or a path, or a topic. */
static const struct option *find_ours(enum cli_command command, int argc, char **argv, int i, int *count) {
    const char *text = argv[i], *equals = strchr(text, '=');
    bool is_short = text[0] == '-' && text[1] && text[1] != '-';
    const struct option *o = find(command, text, is_short ? 2 : equals ? (size_t)(equals - text) : strlen(text));
    bool has_value = equals || (is_short && text[2]);
    *count = o && o->value && !has_value && i + 1 < argc ? 2 : 1;
    return o;
}

/* Reads our options, which stand among those of busted. busted reads the others: lualib/wsbot/test.lua takes ours
 * out. */
static int read_test(int argc, char **argv, struct cli_options *out, int *status) {
    bool only_ours = true;
    out->first = 2;
    for (int i = 2, count; i < argc && strcmp(argv[i], "--") != 0; i += count) {
        const struct option *o = find_ours(CLI_TEST, argc, argv, i, &count);
        bool is_help = only_ours && strcmp(argv[i], "--help") == 0;
        if ((o || is_help) && read_options(i + count, argv, i, out, status) == CLI_DONE) return CLI_DONE;
        if (strncmp(argv[i], "--job=", 6) == 0) out->is_job = true;
        only_ours = only_ours && o;
    }
    if (out->jobs && out->record)
        return refuse(CLI_TEST, status, "--jobs and --trace exclude each other: one process writes the file");
    return 0;
}

/* Reads our options. All else are the words of a topic, which may be an option: `wsbot help --workers`. */
static int read_help(int argc, char **argv, struct cli_options *out, int *status) {
    static const struct option topic = {.name = "--topic"};
    bool is_topic = false;
    out->given = reserve_take((size_t)argc * sizeof *out->given);
    for (int i = 2, count = 1; i < argc; i += count) {
        bool is_help = strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0;
        bool is_end = strcmp(argv[i], "--") == 0 && !is_topic;
        const struct option *o = is_topic ? NULL : find_ours(CLI_HELP, argc, argv, i, &count);
        if ((o || (is_help && !is_topic)) && read_options(i + count, argv, i, out, status) == CLI_DONE) return CLI_DONE;
        is_topic = is_topic || !o;
        if (!o && !is_end) keep(out, &topic, argv[i]);
    }
    if (out->given_count > 1 && (is_given(out, "man") || is_given(out, "completion")))
        return refuse(CLI_HELP, status, "--man and --completion go with nothing else");
    return 0;
}

/* ---- hints ---- */

void cli_hint_at_option(const char *text) {
    if (strncmp(text, "--", 2) != 0) return; /* one of those of `lua`, used wrongly */
    for (int i = 0; i < COMMANDS; i++) {
        if (!find((enum cli_command)i, text, strcspn(text, "="))) continue;
        fprintf(stderr, "That is an option of `wsbot %s`: write `%s`\n", cli_commands[i].name, cli_commands[i].usage);
        return;
    }
    const struct option *meant = nearest(RUN | PROGRAM, text);
    if (meant)
        fprintf(stderr, "Did you mean `wsbot %s%s`?\n", meant->commands & PROGRAM ? "" : "run ", long_name(meant));
    else
        fputs("`wsbot --help` tells of wsbot's own options\n", stderr);
}

void cli_hint_at_command(const char *word) {
    struct meant meant;
    meant_begin(&meant, word);
    for (int i = 0; i < COMMANDS && !strpbrk(word, "./"); i++) meant_consider(&meant, cli_commands[i].name);
    if (meant.best) fprintf(stderr, "Did you mean `wsbot %s`?\n", meant.best);
}

int cli_read(int argc, char **argv, struct cli_options *out, int *status) {
    static int (*const readers[])(int argc, char **argv, struct cli_options *out, int *status) = {
        [CLI_RUN] = read_run,     [CLI_CHECK] = read_check,  [CLI_CONNECT] = read_connect, [CLI_PS] = read_tool,
        [CLI_ATTACH] = read_tool, [CLI_INSPECT] = read_tool, [CLI_INIT] = read_init,       [CLI_ECHO] = read_echo,
        [CLI_HELP] = read_help,   [CLI_TEST] = read_test};
    *out = (struct cli_options){.command = CLI_RUN,
                                .first = 1,
                                .as_lua = true,
                                .workers = 1,
                                .host = "127.0.0.1",
                                .port = 1234,
                                .reload.trial_errors = 3};
    if (argc < 2) return 0;
    *status = 0;
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_help(), CLI_DONE;
    if (strcmp(argv[1], "--version") == 0) return print_version(), CLI_DONE;
    for (int command = 0; command < COMMANDS; command++) {
        if (strcmp(argv[1], cli_commands[command].name) != 0) continue;
        out->command = (enum cli_command)command;
        out->as_lua = false;
        return readers[command](argc, argv, out, status);
    }
    return 0;
}
