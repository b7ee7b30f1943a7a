/* cli_variables: the variables of the environment that the program and its Lua modules read, for the help. A spec
 * (tests/spec/help_spec.lua) looks for those that are read and not here. */
#include "app/cli_table.h"

enum { BOTS = RUN | CHECK | TEST | PROGRAM, PROMPTS = CONNECT | ATTACH };

const struct variable cli_variables[] = {
    {BOTS | CONNECT, "WSBOT_LOG",
     "from which level on lines are logged: debug, info (where it is not set), warn, error, off"},
    {BOTS | CONNECT, "WSBOT_TRACE",
     "conn, tls, dial, reload, task (with commas between), or all: a line on stderr for each phase, decision and "
     "retry"},
    {RUN | PROGRAM | PS | ATTACH | INSPECT, "WSBOT_CONTROL",
     "the folder of the sockets by which `wsbot ps`, `attach` and `inspect` find programs; off: this one has none"},
    {RUN | PROGRAM | PS | ATTACH | INSPECT, "XDG_RUNTIME_DIR",
     "where that folder is without WSBOT_CONTROL: in it as wsbot; else it is /tmp/wsbot-UID"},
    {PROMPTS, "WSBOT_HISTORY",
     "file of the lines typed; empty: none is kept (~/.local/state/wsbot/history). A line that begins with a space is "
     "not kept"},
    {PROMPTS, "XDG_STATE_HOME, HOME", "where the folder wsbot of that file is, in place of ~/.local/state; where ~ is"},
    {CONNECT, "WSBOT_KEY_PASSWORD", "opens the file of --key"},
    {PROMPTS | HELP, "NO_COLOR", "no colours"},
    {PROMPTS | HELP, "TERM", "dumb: no colours, and lines that cannot be edited"},
    {HELP, "PAGER", "what shows a text that is longer than the terminal; empty: nothing does (less -FRX)"},
    {BOTS | CONNECT, "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
     "the proxy for wss: and https:, for ws: and http:, for both; and what needs none. Names in lower case come first"},
    {BOTS | CONNECT, "SSL_CERT_FILE, SSL_CERT_DIR",
     "a file and folders (with colons between) of certificate authorities to trust in place of the system's"},
    {BOTS | CONNECT, "UV_THREADPOOL_SIZE", "how many look-ups of names and works of luv run at a time (4)"},
    {BOTS, "LUA_INIT, LUA_PATH, LUA_CPATH",
     "code to run first, and where modules are looked for, as with `lua`; those with _5_4 behind them come first"},
    {RUN | PROGRAM, "WSBOT_SHARD, WSBOT_SHARDS",
     "I/N: which of many machines this is, as --shard says; N alone, where another source gives I"},
    {RUN | PROGRAM, "JOB_COMPLETION_INDEX", "of an Indexed Job of Kubernetes, from 0: the same"},
    {RUN | PROGRAM, "SLURM_ARRAY_TASK_ID, SLURM_ARRAY_TASK_MIN, SLURM_ARRAY_TASK_STEP, SLURM_ARRAY_TASK_COUNT",
     "of an array of Slurm: the same"},
    {RUN | PROGRAM, "SLURM_PROCID, SLURM_NTASKS", "of srun of Slurm: the same"},
    {RUN | PROGRAM, "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID",
     "set by systemd: where it is told that the program is ready, reloads, stops and lives (sd_notify(3))"},
    {RUN | PROGRAM, "JOURNAL_STREAM",
     "set by systemd: stderr is the journal, whose lines begin with their level, as <4>"},
    {RUN | PROGRAM, "LC_ALL, LC_CTYPE, LANG", "where they say UTF-8, --summary draws with it"},
    {0},
};
