/* cli_table: the table, and the functions that check values of options. */
#include "app/cli_table.h"

#include "app/pool/pool.h"
#include "app/shard.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
static bool take_watch_every(struct cli_options *o, const char *value) { return !value || take_limit(o, value); }
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
/* HOST:PORT:ADDRESS; an IPv6 address has more colons. */
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
static bool take_shard(struct cli_options *o, const char *value) {
    struct shard s;
    o->shard = value;
    return shard_read(value, &s);
}
static bool take_jobs(struct cli_options *o, const char *value) {
    return take_number(value, JOBS_MOST, &o->jobs) && o->jobs > 0;
}
static bool take_record(struct cli_options *o, const char *value) { return (o->record = value) != NULL; }
static bool take_record_secrets(struct cli_options *o, const char *value) {
    return (void)value, o->record_secrets = true;
}
static bool take_summary(struct cli_options *o, const char *value) { return (void)value, o->summary = true; }
/* PORT, or ADDRESS:PORT; an IPv6 address is in brackets. */
static bool take_status(struct cli_options *o, const char *value) {
    static char host[64];
    const char *colon = strrchr(value, ':'), *port = colon ? colon + 1 : value;
    size_t n = colon ? (size_t)(colon - value) : 0;
    bool is_v6 = n > 2 && value[0] == '[' && value[n - 1] == ']';
    if (n >= sizeof host || (colon && n == 0) || (*value == '[' && !is_v6)) return false;
    snprintf(host, sizeof host, "%.*s", (int)(is_v6 ? n - 2 : n), value + is_v6);
    o->status_host = n ? host : "127.0.0.1";
    return take_number(port, 65535, &o->status_port);
}
static bool take_env_file(struct cli_options *o, const char *value) { return (o->env_file = value) != NULL; }
static bool take_profile(struct cli_options *o, const char *value) { return (o->profile = value) != NULL; }
static bool take_state(struct cli_options *o, const char *value) { return *(o->state = value) != '\0'; }
static bool take_name(struct cli_options *o, const char *value) {
    o->name = value;
    return *value && strlen(value) <= 64 && !strpbrk(value, " /\t\n");
}
static bool take_port(struct cli_options *o, const char *value) { return take_number(value, 65535, &o->port); }
static bool take_host(struct cli_options *o, const char *value) { return (o->host = value) != NULL; }
static bool take_tls_cert(struct cli_options *o, const char *value) { return (o->tls_cert = value) != NULL; }
static bool take_tls_key(struct cli_options *o, const char *value) { return (o->tls_key = value) != NULL; }
static bool take_with_echo(struct cli_options *o, const char *value) {
    o->with_echo = true;
    return !value || take_port(o, value);
}
static bool is_one_of(const char *const names[], const char *value) {
    while (*names && strcmp(*names, value) != 0) names++;
    return *names;
}
static bool take_man(struct cli_options *o, const char *value) {
    static const char *const pages[] = {"wsbot.1", "wsbot-connect.1", "wsbot.3lua", NULL};
    return (void)o, is_one_of(pages, value);
}
static bool take_shell(struct cli_options *o, const char *value) {
    static const char *const shells[] = {"bash", "zsh", "fish", NULL};
    return (void)o, is_one_of(shells, value);
}
static bool take_max_memory(struct cli_options *o, const char *value) {
    return take_number(value, 1u << 20, &o->max_memory) && o->max_memory > 0;
}

const struct option cli_table[] = {
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
    {RUN, "--shard", "I/N", "the share of this machine among N: host.shard, host.index (the environment may say it)",
     take_shard},
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
    {RUN, "--status", "PORT",
     "answer GET /livez, /readyz and /metrics on that port of 127.0.0.1, or on ADDRESS:PORT (0: a free one, see the "
     "log)",
     take_status},
    {RUN, "--summary", NULL,
     "print what was counted on standard output at the end: connections, rates, latencies (see host.summary)",
     take_summary},
    {RUN, "--profile", "FILE",
     "write where the time went, by sampling: folded stacks, or a flame graph where FILE ends in .svg", take_profile},
    {RUN, "--env-file", "FILE",
     "put the variables of this file, NAME=value on each line, into the environment, over what is there",
     take_env_file},
    {RUN, "--state", "DIR",
     "keep durable state there (see host.state), from one process to the next; of one program at a time", take_state},
    {RUN, "--name", "NAME", "what `wsbot ps` and `wsbot attach` call the program (its script's name)", take_name},
    {RUN, "--max-memory", "MB",
     "how much a script, and what is kept for it (messages, options), may take; past it, \"not enough memory\"",
     take_max_memory},
    {RUN, "--log-format", "text|json",
     "how lines of the log look (WSBOT_LOG: debug, info, warn, error, off; WSBOT_TRACE=all tells why)",
     take_log_format},
    {PS, "--json", NULL, "a list of objects, for programs", NULL},
    {PS, "--watch", "[SECONDS]", "show it again and again, every two seconds", take_watch_every},
    {PS, "--names", NULL, "nothing but the name and the process of each, on lines of their own, at once", NULL},
    {ATTACH, "-e, --execute", "CODE", "run this Lua code in the program, print what it gives, and end", NULL},
    {INSPECT, "--port", "P", "serve the page on this port of 127.0.0.1 (a free one)", take_port},
    {ECHO_, "--host", "H", "the address to listen on (127.0.0.1)", take_host},
    {ECHO_, "--port", "P", "the port to listen on (1234); 0: a free one", take_port},
    {ECHO_, "--tls-cert", "F", "speak wss:// with this certificate (PEM, its chain included)", take_tls_cert},
    {ECHO_, "--tls-key", "F", "the key of that certificate (PEM)", take_tls_key},
    {HELP, "--man", "wsbot.1|wsbot-connect.1|wsbot.3lua", "print this man page (roff)", take_man},
    {HELP, "--completion", "bash|zsh|fish", "print how this shell completes the command line", take_shell},
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
    {PROGRAM, "--version", NULL, "the versions of wsbot and of its libraries", NULL},
    {0},
};

/* What checked values must be, for messages. */
static const struct {
    take_fn *take;
    const char *text;
} rules[] = {
    {take_log_format, "text or json"},
    {take_workers, "a whole number from 1 to 1024"},
    {take_shard, "I/N: number I, from 1, of N shards"},
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
    {take_watch_every, "seconds, more than 0"},
    {take_redirects, "a whole number from 0 to 20"},
    {take_status, "a port, or an address and a port: 127.0.0.1:9100, [::1]:9100"},
    {take_state, "the path of a folder"},
    {take_name, "up to 64 characters, without spaces and slashes"},
    {take_man, "wsbot.1, wsbot-connect.1 or wsbot.3lua"},
    {take_shell, "bash, zsh or fish"},
    {take_header, "\"Name: value\""},
    {take_resolve, "HOST:PORT:ADDRESS"},
};

const char *cli_rule_of(take_fn *take) {
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].take == take) return rules[i].text;
    return "another one";
}

const struct command cli_commands[] = {
    [CLI_RUN] =
        {"run", "wsbot run [OPTIONS] SCRIPT [ARG...]", "run a bot",
         "Runs a Lua script, then its connections and timers until none is left.\n"
         "SIGINT and SIGTERM stop it gracefully; a second one at once. SIGHUP reloads it.\n"
         "\n"
         "Lines of the log go to stderr, with time and level; where that is the journal of systemd, as <4>message.\n"
         "With --workers each worker has --record and --profile files of its own: FILE.1, FILE.2 and so on.\n"
         "Of what a slow disk or reader has not taken up to 16 MiB wait; beyond, lines are dropped and counted.\n"
         "\n"
         "exit status:\n"
         "  0  done, or stopped by a signal\n"
         "  1  an error of the script, with --strict of a callback, too; what host.stop and os.exit say may be "
         "another\n"
         "  2  wrong options"},
    [CLI_CHECK] =
        {"check", "wsbot check SCRIPT [ARG...]", "load it as a reload would, and tell what it declares",
         "Loads a script as a reload would: until its main chunk ends or first waits; nothing that it asks for "
         "begins.\n"
         "Prints the connections, timers and states that it declares.\n"
         "\n"
         "exit status:\n"
         "  0  it loads\n"
         "  1  it does not\n"
         "  2  wrong options"},
    [CLI_CONNECT] =
        {"connect", "wsbot connect [OPTIONS] URL", "talk to a server by hand, from a terminal or a pipe",
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
         "  4  it took too long: --timeout, connecting, or a server that takes nothing"},
    [CLI_PS] = {"ps", "wsbot ps [OPTIONS]", "this user's running programs",
                "Shows this user's running programs, a line each: process, name, workers, how long it runs, reloads,\n"
                "open connections and all, messages a second, CPU, memory, how long its loop was held up at most, and\n"
                "script. The rates are those of a second.\n"
                "\n"
                "exit status:\n"
                "  0  done, also where there are none\n"
                "  2  wrong options"},
    [CLI_ATTACH] =
        {"attach", "wsbot attach [-e CODE] [NAME|PID]", "a prompt inside a running program",
         "A prompt inside a running program. Lua that is typed there runs in it, as a task, and may wait;\n"
         "what it gives is printed. `:help` tells of the commands. Where one program runs, it needs no name.\n"
         "\n"
         "exit status:\n"
         "  0  done\n"
         "  1  the code of -e has failed, or there is no such program\n"
         "  2  wrong options"},
    [CLI_INSPECT] =
        {"inspect", "wsbot inspect [--port P] [NAME|PID|FILE]",
         "a running program, or a --record file, as a page in the browser",
         "Prints the address of a page that shows what goes on inside a running program, or what a file of\n"
         "--record has. The page is on 127.0.0.1, for whoever knows its address, and goes with Ctrl-C.\n"
         "\n"
         "exit status:\n"
         "  0  done\n"
         "  1  there is no such program or file\n"
         "  2  wrong options"},
    [CLI_INIT] =
        {"init", "wsbot init DIR", "a project to begin with: a bot, its spec, a service",
         "Writes a project to begin with into a folder, which is new or this one (`.`): a bot, its spec, settings for\n"
         "busted, luacheck and editors, and a service of systemd. No file is written over.\n"
         "\n"
         "exit status:\n"
         "  0  done\n"
         "  1  one of the files is there already, or the folder cannot be written to: nothing was written\n"
         "  2  wrong options"},
    [CLI_ECHO] = {"echo", "wsbot echo [OPTIONS]", "an echo peer to try bots against",
                  "A WebSocket peer that sends back what it gets, to try a bot against. Ctrl-C ends it.\n"
                  "\n"
                  "exit status:\n"
                  "  0  stopped by a signal\n"
                  "  1  it cannot listen there, or its certificate cannot be used\n"
                  "  2  wrong options"},
    [CLI_HELP] =
        {"help", "wsbot help [TOPIC]", "the manual, on the terminal",
         "Shows a topic: a chapter of the manual, a command, an option, a module, or a name of the API. Without\n"
         "one it lists them. On a terminal it goes through the pager.\n"
         "\n"
         "exit status:\n"
         "  0  done\n"
         "  1  there is no such topic, or what was to be printed could not be written\n"
         "  2  wrong options"},
    [CLI_TEST] =
        {"test", "wsbot test [OPTIONS] [PATH...]", "run busted specs inside the host",
         "Runs busted specs (*_spec.lua) inside the host: tests and hooks may wait, and what runs over its limit\n"
         "(10 seconds), fails in a callback, or is left open, is told with its test. All other options are\n"
         "busted's: see busted --help.\n"
         "\n"
         "exit status:\n"
         "  0  all went well\n"
         "  1  a test has failed, or a file does not load\n"
         "  2  wrong options"},
    [COMMANDS] = {NULL, "wsbot SCRIPT [ARG...]",
                  "the same; any option of `lua` works as well (-e, -l, -i, -v, -E, -W, --, -)",
                  "wsbot runs Lua 5.4 scripts that are WebSocket clients."},
};
