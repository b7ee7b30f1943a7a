/* cli: the table, and its reader. */
#include "app/cli.h"

#include "app/pool.h"
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

/* Takes the value of an option; false when it is wrong. */
typedef bool take_fn(struct cli_options *o, const char *value);

struct option {
    int commands;      /* 1 << CLI_RUN, ... */
    const char *name;  /* with its dashes; a short one may go before it: "-n, --no-input"; NULL: `help` is a heading */
    const char *value; /* what to call its value; NULL: it has none; in brackets: it may be left out */
    const char *help;
    take_fn *take; /* NULL: any value will do */
};

enum { JOBS_MOST = 64 };

static bool take_number(const char *text, unsigned most, unsigned *out) {
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || n > most) return false;
    *out = (unsigned)n;
    return true;
}

static bool take_seconds(struct cli_options *o, const char *value) {
    char *end;
    double n = strtod(value, &end);
    (void)o;
    return end > value && !*end && n >= 0 && n <= 1e9;
}
static bool take_grace(struct cli_options *o, const char *value) {
    o->reload.grace = take_seconds(o, value) ? strtod(value, NULL) : 0;
    return take_seconds(o, value);
}
static bool take_also(struct cli_options *o, const char *value) {
    for (int i = 0; i < ALSO_MOST; i++) {
        if (o->reload.also[i]) continue;
        o->reload.also[i] = value;
        return true;
    }
    return false;
}
static bool take_trial(struct cli_options *o, const char *value) {
    o->reload.trial = take_seconds(o, value) ? strtod(value, NULL) : 0;
    return take_seconds(o, value);
}
static bool take_trial_errors(struct cli_options *o, const char *value) {
    return take_number(value, 1000000, &o->reload.trial_errors);
}
static bool take_limit(struct cli_options *o, const char *value) {
    return take_seconds(o, value) && strtod(value, NULL) > 0;
}
static bool take_redirects(struct cli_options *o, const char *value) {
    unsigned n;
    (void)o;
    return !value || take_number(value, 20, &n);
}
static bool take_header(struct cli_options *o, const char *value) {
    const char *colon = strchr(value, ':');
    (void)o;
    return colon && colon > value;
}
/* HOST:PORT:ADDRESS, of which an IPv6 address has more colons. */
static bool take_resolve(struct cli_options *o, const char *value) {
    (void)o;
    while ((value = strchr(value, ':'))) {
        size_t digits = strspn(++value, "0123456789");
        if (digits && value[digits] == ':' && value[digits + 1]) return true;
    }
    return false;
}
static bool take_strict(struct cli_options *o, const char *value) { return (void)value, o->strict = true; }
static bool take_log_format(struct cli_options *o, const char *value) {
    o->log_json = strcmp(value, "json") == 0;
    return o->log_json || strcmp(value, "text") == 0;
}
static bool take_watch(struct cli_options *o, const char *value) { return (void)value, o->watch = true; }
static bool take_workers(struct cli_options *o, const char *value) {
    return take_number(value, POOL_MOST, &o->workers) && o->workers > 0;
}
static bool take_jobs(struct cli_options *o, const char *value) {
    return take_number(value, JOBS_MOST, &o->jobs) && o->jobs > 0;
}
static bool take_record(struct cli_options *o, const char *value) { return (o->record = value) != NULL; }
static bool take_record_secrets(struct cli_options *o, const char *value) {
    return (void)value, o->record_secrets = true;
}
static bool take_port(struct cli_options *o, const char *value) { return take_number(value, 65535, &o->port); }
static bool take_host(struct cli_options *o, const char *value) { return (o->host = value) != NULL; }
static bool take_tls_cert(struct cli_options *o, const char *value) { return (o->tls_cert = value) != NULL; }
static bool take_tls_key(struct cli_options *o, const char *value) { return (o->tls_key = value) != NULL; }
static bool take_with_echo(struct cli_options *o, const char *value) {
    o->with_echo = true;
    return !value || take_port(o, value);
}
static bool take_max_memory(struct cli_options *o, const char *value) {
    return take_number(value, 1u << 20, &o->max_memory) && o->max_memory > 0;
}

enum {
    RUN = 1 << CLI_RUN,
    CONNECT = 1 << CLI_CONNECT,
    ECHO_ = 1 << CLI_ECHO,
    TEST = 1 << CLI_TEST,
    PROGRAM = 1 << (CLI_TEST + 1),
    ANY = ~0
};

static const struct option options[] = {
    {RUN, "--watch", NULL, "reload the script when it, or a file it loaded, is saved; connections stay (see SIGHUP)",
     take_watch},
    {RUN, "--watch-also", "GLOB",
     "with --watch: reload when one of these files is saved, too, as \"*.json\"; may be given again (see host.watch)",
     take_also},
    {RUN, "--reload-grace", "SECONDS",
     "before a reload, let callbacks and tasks that wait finish, up to so long (0); messages are held meanwhile",
     take_grace},
    {RUN, "--trial", "SECONDS",
     "so long after a reload, errors of the new code bring the old sources back (see --trial-errors)", take_trial},
    {RUN, "--trial-errors", "N", "how many errors of callbacks, tasks and timers a trial takes (3)", take_trial_errors},
    {RUN, "--workers", "N", "run the script in N processes (see host.worker); one that dies is started again",
     take_workers},
    {RUN, "--strict", NULL, "an error in a callback ends the program with status 1", take_strict},
    {RUN, "--with-echo", "[PORT]", "run the echo peer beside the script (127.0.0.1, port 1234)", take_with_echo},
    {CONNECT, "-H, --header", "LINE", "send this header line, \"Name: value\"; may be given again", take_header},
    {CONNECT, "--origin", "ORIGIN", "send this Origin, as a page of that site would: https://example.org", NULL},
    {CONNECT, "--subprotocol", "NAMES", "offer these subprotocols, the preferred first: \"v2, v1\"", NULL},
    {CONNECT, "--no-compression", NULL, "do not offer permessage-deflate", NULL},
    {CONNECT, "-L, --max-redirects", "[N]", "follow redirects, N at most (10), with the cookies set on the way",
     take_redirects},
    {CONNECT, "--redirect-headers", NULL, "header lines go to other origins, too (never Authorization and Cookie)",
     NULL},
    {CONNECT, NULL, NULL, "messages", NULL},
    {CONNECT, "--binary", NULL, "send binary messages, not text; of the end of a line, CR LF, only LF is left out then",
     NULL},
    {CONNECT, "--base64", NULL, "show binary messages in Base64; with --binary, lines to send are Base64 as well",
     NULL},
    {CONNECT, "--json", NULL, "lay out messages that are JSON; in colours on a terminal", NULL},
    {CONNECT, "-n, --no-input", NULL, "only receive: standard input is left alone", NULL},
    {CONNECT, "-1, --one", NULL, "end after the first message that comes, and not at the end of the input", NULL},
    {CONNECT, NULL, NULL, "time", NULL},
    {CONNECT, "--wait", "SECONDS", "when the input has ended, receive for so long before closing (0)", take_seconds},
    {CONNECT, "--timeout", "SECONDS", "the connection must be open by then, and with --one the message be there",
     take_seconds},
    {CONNECT, "--ping", "SECONDS", "send a ping that often; end where nothing comes for 20 seconds after one",
     take_seconds},
    {CONNECT, NULL, NULL, "the way there", NULL},
    {CONNECT, "-4, --ipv4", NULL, "only by IPv4", NULL},
    {CONNECT, "-6, --ipv6", NULL, "only by IPv6", NULL},
    {CONNECT, "--resolve", "H:P:ADDRS", "host H at port P has these addresses (a,b); may be given again", take_resolve},
    {CONNECT, "--local-address", "IP", "connect from this address", NULL},
    {CONNECT, "-x, --proxy", "URL", "connect through this proxy, or \"none\"; else as HTTPS_PROXY and its kin say",
     NULL},
    {CONNECT, NULL, NULL, "TLS", NULL},
    {CONNECT, "--ca", "FILE", "trust the certificate authorities in this file (PEM), not the system's", NULL},
    {CONNECT, "--system-ca", NULL, "trust the system's as well as those", NULL},
    {CONNECT, "--cert", "FILE", "show this certificate to the server (PEM, its chain included)", NULL},
    {CONNECT, "--key", "FILE", "the key of that certificate (PEM)", NULL},
    {CONNECT, "--pin", "PIN", "the server's key must be this one, \"sha256//...=\"; may be given again", NULL},
    {CONNECT, "--server-name", "NAME", "send and check this name, not the URL's", NULL},
    {CONNECT, "--alpn", "NAME", "offer this protocol, \"http/1.1\"; may be given again", NULL},
    {CONNECT, "--allow-weak", NULL, "accept keys and hashes that can be forged: RSA under 2,048 bits, MD5, SHA-1",
     NULL},
    {CONNECT, "--no-stapling", NULL, "do not ask for an OCSP response beside the certificate", NULL},
    {CONNECT, "-k, --insecure", NULL, "do not check the server's certificate (--pin is checked): anyone may listen",
     NULL},
    {CONNECT, NULL, NULL, "to look closer", NULL},
    {CONNECT, "-v, --verbose", NULL,
     "tell of the handshake, TLS and each frame on stderr; what lets others in is masked", NULL},
    {RUN | CONNECT, "--record", "FILE", "write what passes on connections as JSON lines (see wsbot.testing.replay)",
     take_record},
    {RUN | CONNECT, "--record-secrets", NULL,
     "with --record: headers and queries whole, not without what may be a secret", take_record_secrets},
    {RUN, "--max-memory", "MB",
     "how much a script, and what is kept for it (messages, options), may take; past it, \"not enough memory\"",
     take_max_memory},
    {RUN, "--log-format", "FORMAT",
     "how lines of the log look: text or json (WSBOT_LOG: debug, info, warn, error, off)", take_log_format},
    {ECHO_, "--host", "H", "the address to listen on (127.0.0.1)", take_host},
    {ECHO_, "--port", "P", "the port to listen on (1234); 0: a free one", take_port},
    {ECHO_, "--tls-cert", "F", "speak wss:// with this certificate (PEM, its chain included)", take_tls_cert},
    {ECHO_, "--tls-key", "F", "the key of that certificate (PEM)", take_tls_key},
    {TEST, "--watch", NULL,
     "run them again until Ctrl-C: at each save the spec files that loaded what was saved, and new ones", take_watch},
    {TEST, "--watch-also", "GLOB",
     "with --watch: run all when one of these files is saved, too, as \"*.json\"; may be given again (see host.watch)",
     take_also},
    {TEST, "-j, --jobs", "N", "run the spec files in N processes at a time; what is told, and in which order, stays",
     take_jobs},
    {TEST, "--trace", "FILE",
     "write what passes on all connections of the tests, as --record does (see wsbot.testing.replay)", take_record},
    {TEST, "--test-timeout", "SECONDS", "how long a test, or a hook, may take (10)", take_limit},
    {TEST, "--strict-leaks", NULL, "what a test leaves open is a failure of it", NULL},
    {ANY, "--help", NULL, "this text", NULL},
    {PROGRAM, "--version", NULL, NULL, NULL}, /* without a command */
};
enum { OPTIONS = sizeof options / sizeof *options };

/* What the values of options must be, where not any will do. */
static const struct {
    take_fn *take;
    const char *text;
} rules[] = {
    {take_log_format, "text or json"},
    {take_workers, "a whole number from 1 to 1024"},
    {take_jobs, "a whole number from 1 to 64"},
    {take_port, "a whole number from 0 to 65535"},
    {take_with_echo, "a port: a whole number from 0 to 65535"},
    {take_max_memory, "MB: a whole number from 1 to 1048576"},
    {take_seconds, "seconds, 0 or more"},
    {take_also, "at most 32 of them"},
    {take_grace, "seconds, 0 or more"},
    {take_trial, "seconds, 0 or more"},
    {take_trial_errors, "a whole number from 0 to 1000000"},
    {take_limit, "seconds, more than 0"},
    {take_redirects, "a whole number from 0 to 20"},
    {take_header, "\"Name: value\""},
    {take_resolve, "HOST:PORT:ADDRESS"},
};

static const char *rule_of(take_fn *take) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].take == take) return rules[i].text;
    return "another one";
}

static const struct {
    const char *name, *usage, *help;
} commands[] = {
    [CLI_RUN] =
        {"run", "wsbot run [OPTIONS] SCRIPT [ARG...]",
         "Runs a Lua script, then its connections and timers until none is left.\n"
         "SIGINT and SIGTERM stop it gracefully; a second one at once. SIGHUP reloads it.\n"
         "\n"
         "Lines of the log go to stderr, with time and level; where that is the journal of systemd, as <4>message.\n"
         "With --workers each worker has a --record file of its own: FILE.1, FILE.2 and so on.\n"
         "Of what a slow disk or reader has not taken up to 16 MiB wait; beyond, lines are dropped and counted.\n"
         "\n"
         "exit status:\n"
         "  0  done, or stopped by a signal\n"
         "  1  an error of the script, with --strict of a callback, too; what host.stop and os.exit say may be "
         "another\n"
         "  2  wrong options"},
    [CLI_CHECK] =
        {"check", "wsbot check SCRIPT [ARG...]",
         "Loads a script as a reload would: until its main chunk ends or first waits; nothing that it asks for "
         "begins.\n"
         "Prints the connections, timers and states that it declares. Exit status 0, or 1 where it does not load."},
    [CLI_CONNECT] =
        {"connect", "wsbot connect [OPTIONS] URL",
         "Talks to a server by hand: ws://, wss://, or ws+unix:/path/of/socket:/uri. Each line typed, or read from\n"
         "standard input, is sent as a message; each message that comes is printed as a line. All else goes to\n"
         "stderr. At the end of the input (Ctrl-D) the connection is closed: what was sent before is written first\n"
         "(but not to a server that takes nothing for 60 s, or --timeout), and what still comes is printed.\n"
         "\n"
         "On a terminal the line can be edited (keys as in a shell; arrows: history; a pasted text stays one\n"
         "message), and bytes that would control the terminal are shown as escapes. Ctrl-C closes, a second one\n"
         "ends at once.\n"
         "\n"
         "exit status:\n"
         "  0  done: the connection was closed in order (1000, 1001, or without a code)\n"
         "  1  no connection: name, network, TLS, or the server's answer\n"
         "  2  wrong options, input that cannot be sent (not UTF-8, not Base64, too long), or a file\n"
         "  3  the connection ended in another way: a close code that tells of a fault, or none at all; or\n"
         "     messages came faster than they were read, and are lost\n"
         "  4  it took too long: --timeout, connecting, or a server that takes nothing\n"
         "\n"
         "environment:\n"
         "  WSBOT_HISTORY       file of the lines typed; empty: none is kept (~/.local/state/wsbot/history). A line "
         "that\n"
         "                      begins with a space is not kept\n"
         "  WSBOT_KEY_PASSWORD  opens the file of --key\n"
         "  NO_COLOR            no colours"},
    [CLI_ECHO] = {"echo", "wsbot echo [OPTIONS]",
                  "A WebSocket peer that sends back what it gets, to try a bot against."},
    [CLI_TEST] =
        {"test", "wsbot test [--watch] [-j N] [--test-timeout SECONDS] [--strict-leaks] [BUSTED OPTIONS] [PATH...]",
         "Runs busted specs (*_spec.lua) inside the host: tests and hooks may wait, and what runs over its limit\n"
         "(10 seconds), fails in a callback, or is left open, is told with its test. All other options are\n"
         "busted's: see busted --help."},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_help(void) {
    puts("wsbot runs Lua 5.4 scripts that are WebSocket clients.\n\n"
         "usage:\n"
         "  wsbot run [OPTIONS] SCRIPT [ARG...]   run a bot\n"
         "  wsbot SCRIPT [ARG...]                 the same; any option of `lua` works as well (-e, -l, -i, -v, -E, -W, "
         "--, -)\n"
         "  wsbot check SCRIPT [ARG...]          load it as a reload would, and tell what it declares\n"
         "  wsbot test [OPTIONS] [PATH...]        run busted specs inside the host\n"
         "  wsbot connect [OPTIONS] URL           talk to a server by hand, from a terminal or a pipe\n"
         "  wsbot echo [OPTIONS]                  an echo peer to try bots against\n"
         "  wsbot --help, --version\n\n"
         "`wsbot COMMAND --help` tells the options of a command.");
}

static void print_command_help(enum cli_command command) {
    printf("usage: %s\n\n%s\n\noptions:\n", commands[command].usage, commands[command].help);
    for (int i = 0; i < OPTIONS; i++) {
        const struct option *o = &options[i];
        char left[64];
        if (!(o->commands & 1 << command)) continue;
        if (!o->name) {
            printf("\n%s:\n", o->help);
            continue;
        }
        bool optional = o->value && o->value[0] == '[';
        snprintf(left, sizeof left, "%s%s%s%s", o->name, o->value ? (optional ? "[=" : " ") : "",
                 o->value ? o->value + optional : "", "");
        printf("  %-24s %s\n", left, o->help);
    }
}

static void print_version(void) {
    printf("wsbot %s (%s, libuv %s, wolfSSL %s, zlib %s)\n", WSBOT_VERSION, LUA_RELEASE, uv_version_string(),
           LIBWOLFSSL_VERSION_STRING, zlibVersion());
}

/* Tells what is wrong with the command line: what it says is quoted there as it was given. */
static int refuse(enum cli_command command, int *status, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int refuse(enum cli_command command, int *status, const char *format, ...) {
    char text[1024], shown[sizeof text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    shown_copy(shown, sizeof shown, slice_str(text));
    fprintf(stderr, "wsbot %s: %s\nusage: %s\n", commands[command].name, shown, commands[command].usage);
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
    for (int i = 0; i < OPTIONS; i++)
        if ((options[i].commands & 1 << command) && options[i].name && is_called(&options[i], text, n))
            return &options[i];
    return NULL;
}

/* The option of these commands that comes nearest to `text`, of which a value is left out; NULL: none comes near. */
static const struct option *nearest(int of, const char *text) {
    char name[64];
    struct meant meant;
    const struct option *best = NULL;
    snprintf(name, sizeof name, "%.*s", (int)strcspn(text, "="), text);
    meant_begin(&meant, name);
    for (int i = 0; i < OPTIONS && strncmp(text, "--", 2) == 0; i++) {
        if (!options[i].name || !(options[i].commands & of)) continue;
        size_t least = meant.least;
        meant_consider(&meant, long_name(&options[i]));
        if (meant.least < least) best = &options[i];
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

/* Gives an option its value (NULL: none is there). 0 or CLI_DONE. */
static int take(struct cli_options *out, const struct option *o, const char *value, int *status) {
    if (o->take && !o->take(out, value))
        return refuse(out->command, status, "a wrong value for %s: '%s' (%s)", long_name(o), value, rule_of(o->take));
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

/* Two options of which one means nothing without the other. 0 or CLI_DONE. */
static int need_both(const struct cli_options *out, bool first, bool second, const char *names, int *status) {
    return first == second ? 0 : refuse(out->command, status, "%s go together", names);
}

static bool is_given(const struct cli_options *o, const char *name) {
    for (size_t i = 0; i < o->given_count; i++)
        if (strcmp(o->given[i].name, name) == 0) return true;
    return false;
}

/* Those of `wsbot connect`, before and behind its URL. */
static int read_connect(int argc, char **argv, struct cli_options *out, int *status) {
    out->given = reserve_take((size_t)argc * sizeof *out->given);
    for (int i = 2; i < argc;) {
        if ((i = read_options(argc, argv, i, out, status)) == CLI_DONE) return CLI_DONE;
        if (i < argc && out->url) return refuse(CLI_CONNECT, status, "unexpected argument '%s'", argv[i]);
        if (i < argc) out->url = argv[i++];
    }
    if (!out->url) return refuse(CLI_CONNECT, status, "missing URL");
    if (is_given(out, "ipv4") && is_given(out, "ipv6"))
        return refuse(CLI_CONNECT, status, "--ipv4 and --ipv6 exclude each other");
    return need_both(out, is_given(out, "cert"), is_given(out, "key"), "--cert and --key", status);
}

static int read_echo(int argc, char **argv, struct cli_options *out, int *status) {
    int i = read_options(argc, argv, 2, out, status);
    if (i == CLI_DONE) return CLI_DONE;
    if (i < argc) return refuse(CLI_ECHO, status, "unexpected argument '%s'", argv[i]);
    return need_both(out, out->tls_cert, out->tls_key, "--tls-cert and --tls-key", status);
}

/* What stands before the script. */
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

/* An option of `wsbot test` that is ours; how many words it has goes to *count. NULL: it is busted's, or a path. */
static const struct option *find_ours(int argc, char **argv, int i, int *count) {
    const char *text = argv[i], *equals = strchr(text, '=');
    bool is_short = text[0] == '-' && text[1] && text[1] != '-';
    const struct option *o = find(CLI_TEST, text, is_short ? 2 : equals ? (size_t)(equals - text) : strlen(text));
    bool has_value = equals || (is_short && text[2]);
    *count = o && o->value && !has_value && i + 1 < argc ? 2 : 1;
    return o;
}

/* Ours stand among those of busted, who reads the rest: lualib/wsbot/test.lua takes them out. */
static int read_test(int argc, char **argv, struct cli_options *out, int *status) {
    bool only_ours = true;
    out->first = 2;
    for (int i = 2, count; i < argc && strcmp(argv[i], "--") != 0; i += count) {
        const struct option *o = find_ours(argc, argv, i, &count);
        bool is_help = only_ours && strcmp(argv[i], "--help") == 0;
        if ((o || is_help) && read_options(i + count, argv, i, out, status) == CLI_DONE) return CLI_DONE;
        if (strncmp(argv[i], "--job=", 6) == 0) out->is_job = true;
        only_ours = only_ours && o;
    }
    if (out->jobs && out->record)
        return refuse(CLI_TEST, status, "--jobs and --trace exclude each other: one process writes the file");
    return 0;
}

/* ---- hints ---- */

void cli_hint_at_option(const char *text) {
    if (strncmp(text, "--", 2) != 0) return; /* one of those of `lua`, used wrongly */
    for (int i = 0; i < COMMANDS; i++) {
        if (!find((enum cli_command)i, text, strcspn(text, "="))) continue;
        fprintf(stderr, "That is an option of `wsbot %s`: write `%s`\n", commands[i].name, commands[i].usage);
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
    for (int i = 0; i < COMMANDS && !strpbrk(word, "./"); i++) meant_consider(&meant, commands[i].name);
    if (meant.best) fprintf(stderr, "Did you mean `wsbot %s`?\n", meant.best);
}

int cli_read(int argc, char **argv, struct cli_options *out, int *status) {
    static int (*const readers[])(int argc, char **argv, struct cli_options *out,
                                  int *status) = {[CLI_RUN] = read_run,
                                                  [CLI_CHECK] = read_check,
                                                  [CLI_CONNECT] = read_connect,
                                                  [CLI_ECHO] = read_echo,
                                                  [CLI_TEST] = read_test};
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
        if (strcmp(argv[1], commands[command].name) != 0) continue;
        out->command = (enum cli_command)command;
        out->as_lua = false;
        return readers[command](argc, argv, out, status);
    }
    return 0;
}
