/* test_jobs: starts jobs, waits for their ends, reads their files. */
#include "app/test_jobs.h"

#include "app/test_notes.h"
#include "base/reserve.h"
#include "script/door.h"
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EVENTS_FD = TEST_NOTES_FD + 1 }; /* in a job: the file that it writes what its tests do to */
enum { OUT, ERR, EVENTS, FILES };       /* the files of a job */

struct job {
    struct job *next;
    struct test_jobs *jobs;
    uv_process_t process;
    FILE *files[FILES];
    struct waiters ended;
    bool running;
    int64_t status;
    int signal;
};

static struct test_jobs *jobs_of(lua_State *L) { return lua_touserdata(L, lua_upvalueindex(1)); }

/* ---- its life ---- */

static void job_free(struct job *j) {
    struct job **at = &j->jobs->all;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    for (int i = 0; i < FILES; i++)
        if (j->files[i]) fclose(j->files[i]);
    free(j);
}

static void on_closed(uv_handle_t *process) {
    struct job *j = process->data;
    j->running = false;
    j->jobs->running--;
    task_wake_all(&j->ended);
    task_wake_first(&j->jobs->room);
}

static void on_end(uv_process_t *process, int64_t status, int signal) {
    struct job *j = process->data;
    j->status = status;
    j->signal = signal;
    uv_close((uv_handle_t *)process, on_closed);
}

static int open_files(struct job *j) {
    for (int i = 0; i < FILES; i++) {
        if (!(j->files[i] = tmpfile())) return uv_translate_sys_error(errno);
        fcntl(fileno(j->files[i]), F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

static int spawn(struct job *j, char **words) {
    char program[4096];
    size_t size = sizeof program;
    uv_stdio_container_t stdio[EVENTS_FD + 1];
    int fds[] = {-1, fileno(j->files[OUT]), fileno(j->files[ERR]), TEST_NOTES_FD, fileno(j->files[EVENTS])};
    int rc = uv_exepath(program, &size);
    if (rc < 0) return rc;
    if (!j->jobs->watched) fds[TEST_NOTES_FD] = -1;
    for (int i = 0; i <= EVENTS_FD; i++) {
        stdio[i].flags = fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = fds[i];
    }
    uv_process_options_t options = {
        .file = program, .args = words, .exit_cb = on_end, .stdio = stdio, .stdio_count = EVENTS_FD + 1};
    test_notes_pass_on(j->jobs->watched);
    rc = uv_spawn(&j->jobs->worker->loop, &j->process, &options);
    test_notes_pass_on(false);
    j->running = true; /* until its handle is closed */
    j->jobs->running++;
    if (rc < 0) uv_close((uv_handle_t *)&j->process, on_closed);
    return rc;
}

/* ---- in Lua ---- */

/* Pushes all of a file; it is closed. */
static void l_push_file(lua_State *L, FILE *file) {
    luaL_Buffer text;
    luaL_buffinit(L, &text);
    rewind(file);
    for (size_t n = 1; n > 0;) {
        char *room = luaL_prepbuffer(&text);
        n = fread(room, 1, LUAL_BUFFERSIZE, file);
        luaL_addsize(&text, n);
    }
    luaL_pushresult(&text);
}

static int l_did_end(lua_State *L, int status, lua_KContext ctx) {
    struct job *j = (struct job *)ctx;
    (void)status;
    for (int i = 0; i < FILES; i++) l_push_file(L, j->files[i]);
    lua_pushinteger(L, j->signal ? 128 + j->signal : j->status);
    if (j->signal)
        lua_pushfstring(L, "by signal %d (%s)", j->signal, strsignal(j->signal));
    else
        lua_pushfstring(L, "with exit status %d", (int)j->status);
    job_free(j);
    return FILES + 2;
}

/* The command line of a job; the words that are given go before the others. */
static char **words_of_job(lua_State *L, const struct test_jobs *jobs) {
    int more = lua_gettop(L) - 1;
    char **words = lua_newuserdatauv(L, ((size_t)(jobs->argc + more) + 1) * sizeof *words, 0), **at = words;
    for (int i = 0; i < jobs->first; i++) *at++ = jobs->argv[i];
    for (int i = 0; i < more; i++) *at++ = (char *)luaL_checkstring(L, i + 2);
    for (int i = jobs->first; i < jobs->argc; i++) *at++ = jobs->argv[i];
    *at = NULL;
    return words;
}

static int l_start(lua_State *L, int status, lua_KContext ctx) {
    struct test_jobs *jobs = jobs_of(L);
    (void)status;
    (void)ctx;
    if (jobs->running >= (unsigned)luaL_checkinteger(L, 1))
        return l_task_wait(L, "test.run", &jobs->room, UINT64_MAX, 0, l_start);
    if (jobs->stops) return luaL_error(L, "no more of them are run");
    char **words = words_of_job(L, jobs);
    struct job *j = reserve_take(sizeof *j);
    j->jobs = jobs;
    j->next = jobs->all;
    jobs->all = j;
    j->process.data = j;
    int rc = open_files(j);
    if (rc == 0) rc = spawn(j, words);
    if (rc < 0 && !j->running) job_free(j);
    if (rc < 0) return luaL_error(L, "a process cannot be started: %s", uv_strerror(rc));
    return l_task_wait(L, "test.run", &j->ended, UINT64_MAX, (lua_KContext)j, l_did_end);
}

/* run(most, word...) -> out, err, events, status, how: waits until fewer than `most` run, runs one with these words
 * more, and waits for its end. */
static int l_run(lua_State *L) {
    l_task_check(L, "test.run");
    return l_start(L, LUA_OK, 0);
}

static void kill_all(const struct test_jobs *jobs) {
    for (struct job *j = jobs->all; j; j = j->next)
        if (j->running && uv_is_active((uv_handle_t *)&j->process)) uv_process_kill(&j->process, SIGTERM);
}

/* hold(): starts no more jobs */
static int l_hold(lua_State *L) {
    jobs_of(L)->stops = true;
    return 0;
}

/* stop(): ends the jobs that run, and starts no more */
static int l_stop(lua_State *L) {
    kill_all(jobs_of(L));
    return l_hold(L);
}

static int close_events(lua_State *L) {
    luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
    return luaL_fileresult(L, fclose(stream->f) == 0, NULL);
}

/* events() -> the file to which a job writes what its tests do; nil: this process is no job */
static int l_events(lua_State *L) {
    struct stat s;
    bool is_ours = fstat(EVENTS_FD, &s) == 0 && S_ISREG(s.st_mode) && s.st_nlink == 0; /* of tmpfile */
    if (!is_ours || fcntl(EVENTS_FD, F_SETFD, FD_CLOEXEC) != 0) return 0;
    luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 0);
    stream->closef = NULL;
    luaL_setmetatable(L, LUA_FILEHANDLE);
    stream->f = fdopen(EVENTS_FD, "w");
    if (!stream->f) return 0;
    stream->closef = close_events;
    return 1;
}

void l_test_jobs_push(lua_State *L, struct test_jobs *jobs) {
    static const luaL_Reg functions[] = {
        {"run", l_run}, {"hold", l_hold}, {"stop", l_stop}, {"events", l_events}, {NULL, NULL}};
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, jobs);
    luaL_setfuncs(L, functions, 1);
}

void test_jobs_end(struct test_jobs *jobs) {
    jobs->stops = true;
    if (!jobs->worker->by_terminal) kill_all(jobs);
    while (jobs->running) uv_run(&jobs->worker->loop, UV_RUN_ONCE);
    while (jobs->all) job_free(jobs->all);
}
