/* wsbot: argv in, exit code out. */
#include "app/check.h"
#include "app/cli.h"
#include "app/control/control.h"
#include "app/control/summary.h"
#include "app/crash.h"
#include "app/echo.h"
#include "app/env_file.h"
#include "app/generation.h"
#include "app/init.h"
#include "app/pool/pool.h"
#include "app/profile_file.h"
#include "app/service.h"
#include "app/shard.h"
#include "app/state_folder.h"
#include "app/test.h"
#include "app/test_watch.h"
#include "app/tool.h"
#include "app/worker.h"
#include "base/log.h"
#include "base/trace.h"
#include "net/conn/record.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int fail(const struct fault *fault) {
    fprintf(stderr, "wsbot: %s\n", fault->text);
    return 1;
}

/* Hints at what to do where another program has the port. */
static int fail_to_listen(const struct fault *fault, const char *hint) {
    int status = fail(fault);
    if (fault->system && strcmp(fault->system, "EADDRINUSE") == 0) fprintf(stderr, "%s\n", hint);
    return status;
}

static int echo(const struct cli_options *options) {
    struct worker w;
    struct echo e;
    struct fault fault = {0};
    char url[160];
    worker_open(&w, false, false);
    if (echo_open(&e, &w, options, true, &fault) < 0) {
        w.status = fail_to_listen(&fault, "--port P takes another, --port 0 any that is free");
    } else {
        echo_url(&e, url, sizeof url);
        printf("wsbot echo: listening on %s\n", url);
        fflush(stdout);
        worker_run(&w);
        echo_close(&e);
    }
    worker_close(&w);
    return w.status;
}

static int check(const struct interpreter_options *script) {
    struct worker w;
    worker_open(&w, true, script->no_environment);
    int status = check_script(&w, script);
    worker_close(&w);
    return status;
}

/* Opens the echo peer of --with-echo. */
static int open_echo(struct echo *e, struct worker *w, const struct cli_options *options) {
    struct fault fault = {0};
    char url[160];
    if (echo_open(e, w, options, false, &fault) < 0) {
        w->status =
            fail_to_listen(&fault, "--with-echo=PORT takes another, --with-echo=0 any that is free; without it the "
                                   "script may use the peer that is there");
        return ERR_SYSTEM;
    }
    echo_url(e, url, sizeof url);
    log_line(LOG_INFO, "echo peer on %s", url);
    return 0;
}

/* What the program is called where it has no --name: its script's file name, without ".lua". */
static char *name_of(const char *path) {
    const char *slash = strrchr(path, '/'), *file = slash ? slash + 1 : path;
    size_t n = strlen(file);
    if (n > 4 && strcmp(file + n - 4, ".lua") == 0) n -= 4;
    return strndup(file, n);
}

/* The control socket of the process that runs this script, or of worker `number` of its pool, and what --status shows.
 * Without a script, which may be NULL, there is neither. 0, or ERR_SYSTEM with `fault`. */
static int open_control(struct control *c, struct worker *w, const struct cli_options *options, const char *script,
                        unsigned number, struct fault *fault) {
    control_init(c, w, script, number);
    if (!script) return 0;
    c->name = options->name ? strdup(options->name) : name_of(script);
    bool shows_status = options->status_host && !number; /* else the parent of the pool shows it */
    c->status_host = shows_status ? options->status_host : NULL;
    c->status_port = (uint16_t)options->status_port;
    control_open(c);
    return shows_status ? control_open_status(c, fault) : 0;
}

static int pool(const struct cli_options *options, const struct interpreter_options *script) {
    struct worker w;
    struct echo e;
    struct control c = {0};
    struct summary s;
    struct service service;
    const char *path = interpreter_script(script);
    if (!path) {
        fputs("wsbot: --workers needs a script that is a file\n", stderr);
        return 2;
    }
    if (!options->watch && access(path, R_OK) != 0) { /* every worker would fail at that */
        struct fault fault = {0};
        fault_put(&fault, FAULT_SCRIPT, "cannot open %s: %s", path, strerror(errno));
        return fail(&fault);
    }
    worker_open(&w, false, false);
    service_open(&service, &w);
    w.wants_summary = options->summary;
    struct fault fault = {0};
    if (options->state && state_folder_open(&w, options->state, false, &fault) < 0) {
        fail(&fault);
        w.status = 2;
    } else if (open_control(&c, &w, options, path, 0, &fault) < 0) {
        w.status = fail(&fault);
    } else if (!options->with_echo || open_echo(&e, &w, options) == 0) {
        summary_open(&s, &c, true);
        w.status = pool_run(&w, options->workers, script->argv);
        if (options->with_echo) echo_close(&e);
    }
    control_close(&c);
    service_close(&service);
    worker_close(&w);
    return w.status;
}

/* The name of a file of which each worker of a pool has its own. False: it is too long. */
static bool name_file(char path[PATH_MAX], const char *file, unsigned worker) {
    int n = worker ? snprintf(path, PATH_MAX, "%s.%u", file, worker) : snprintf(path, PATH_MAX, "%s", file);
    return n < PATH_MAX;
}

/* Opens the file of --record. */
static int open_record(struct worker *w, const struct cli_options *options, unsigned worker, struct fault *fault) {
    char path[PATH_MAX];
    if (name_file(path, options->record, worker)) return record_open(&w->net, path, options->record_secrets, fault);
    fault_put(fault, FAULT_RECORD, "--record: the name is too long");
    return ERR_SYSTEM;
}

/* Opens that of --profile. */
static int open_profile(struct worker *w, const struct cli_options *options, unsigned worker, struct fault *fault) {
    char path[PATH_MAX];
    size_t size = strlen(options->profile);
    bool svg = size > 4 && strcmp(options->profile + size - 4, ".svg") == 0;
    if (name_file(path, options->profile, worker)) return profile_file_open(&w->net, path, svg, fault);
    fault_put(fault, FAULT_PROFILE, "--profile: the name is too long");
    return ERR_SYSTEM;
}

/* Opens what the program writes beside its output. */
static int open_files(struct worker *w, const struct cli_options *options, unsigned worker, struct fault *fault) {
    int rc = options->record ? open_record(w, options, worker, fault) : 0;
    if (rc == 0 && options->profile) rc = open_profile(w, options, worker, fault);
    if (rc == 0 && options->state) rc = state_folder_open(w, options->state, worker > 0, fault);
    return rc;
}

static int run_tool(const struct cli_options *options) {
    struct worker w;
    struct fault fault = {0};
    worker_open(&w, true, true);
    if (options->record && open_record(&w, options, 0, &fault) < 0) {
        fail(&fault);
        w.status = 2;
    } else {
        tool_run(&w, options);
    }
    worker_close(&w);
    return w.status;
}

/* A worker of a pool tells that, any other program its service manager. */
static void open_service(struct service *s, struct worker *w, struct pool_place place) {
    if (place.pool)
        service_open_member(s, w, place.beat);
    else
        service_open(s, w);
}

static int run(const struct cli_options *options, const struct interpreter_options *script, struct pool_place place,
               struct shard shard) {
    struct worker w;
    struct echo e;
    struct generations g;
    struct control c = {0};
    struct summary s;
    struct service service;
    struct fault fault = {0};
    bool with_echo = options->with_echo && !place.index;
    worker_open(&w, true, script->no_environment);
    w.pool = place.pool;
    w.pool_reports = place.reports;
    w.engine->place = (struct engine_place){place.index ? place.index : 1, options->workers, shard.number, shard.count};
    w.engine->strict = options->strict;
    w.wants_summary = options->summary;
    if (options->max_memory) engine_limit_memory(w.engine, (size_t)options->max_memory << 20);
    if (open_files(&w, options, place.index, &fault) < 0) {
        fail(&fault);
        worker_close(&w);
        return 2;
    }
    open_service(&service, &w, place);
    crash_open(options->state, w.engine->place.worker);
    const char *path = script->interactive ? NULL : interpreter_script(script);
    if (generations_open(&g, &w, script, options->watch, &options->reload, &fault) < 0) {
        w.status = fail(&fault);
        w.status = 2;
    } else if (open_control(&c, &w, options, path, place.index, &fault) < 0) {
        w.status = fail(&fault);
    } else if (!with_echo || open_echo(&e, &w, options) == 0) {
        summary_open(&s, &c, false);
        bool ok = interpreter_run(&w, script);
        if (!ok && !options->watch && w.net.turns == 0) summary_cancel(&s); /* it has failed to start */
        if (!ok && options->watch) generations_await_save(&g);
        if (ok || options->watch)
            worker_run(&w);
        else
            w.status = 1;
        if (with_echo) echo_close(&e);
    }
    generations_close(&g);
    control_close(&c);
    service_close(&service);
    worker_close(&w);
    return w.status;
}

/* Opens /dev/null in place of the standard streams that are closed, before another file gets their number. */
static void fill_gaps(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) continue;
    if (fd >= 0) close(fd);
}

/* Allows as many open files as the system does: each connection is one. */
static void raise_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files); /* where that is refused, the limit is what it was */
}

int main(int argc, char **argv) {
    struct cli_options options;
    struct interpreter_options script;
    int status, bad;
    init_begin();
    fill_gaps();
    raise_limit();
    if (cli_read(argc, argv, &options, &status) == CLI_DONE) {
        free(options.given);
        return status;
    }
    struct fault fault = {0};
    struct pool_place place = pool_join();
    const char *env_file = place.index ? NULL : options.env_file; /* a worker has the environment of its pool */
    if ((env_file && env_file_load(env_file, &fault) < 0) || trace_begin(&fault) < 0) {
        free(options.given);
        fail(&fault);
        return 2;
    }
    if (options.log_json) log_set_format(LOG_JSON);
    if (options.command == CLI_ECHO) return echo(&options);
    if (options.given) {
        status = run_tool(&options);
        free(options.given);
        return status;
    }
    if (options.command == CLI_TEST)
        return options.watch ? test_watch(argc, argv, &options) : test_run(argc, argv, &options);
    if (!interpreter_options_read(argc, argv, options.first, &script, &bad)) {
        interpreter_usage(argv[0] && argv[0][0] ? argv[0] : "wsbot", argv[bad]);
        if (options.as_lua) cli_hint_at_option(argv[bad]);
        return options.as_lua ? 1 : 2;
    }
    if (options.command == CLI_CHECK) return check(&script);
    struct shard shard = {1, 1};
    if (interpreter_script(&script) && shard_find(options.shard, &shard, &fault) < 0) {
        fail(&fault);
        return 2;
    }
    status = options.workers > 1 && !place.index ? pool(&options, &script) : run(&options, &script, place, shard);
    const char *path = interpreter_script(&script);
    if (status && options.as_lua && path && access(path, F_OK) != 0) cli_hint_at_command(path);
    return status;
}
