/* folder: found by the environment, checked before it is used: whoever can write to it could put a socket of his own in
 * place of a program's. */
#include "app/control/folder.h"

#include "base/descriptor.h"
#include "script/l_push.h"
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- where ---- */

/* Puts the folder within the one for things that live while a user is logged in. False: there is none. */
static bool put_runtime(char path[FOLDER_PATH], const char *runtime) {
    return runtime && runtime[0] == '/' && snprintf(path, FOLDER_PATH, "%s/wsbot", runtime) < FOLDER_PATH;
}

/* Without slashes at the end, behind which a link would be followed. */
static bool put_given(char path[FOLDER_PATH], const char *given) {
    int n = snprintf(path, FOLDER_PATH, "%s", given);
    for (int i = n; i < FOLDER_PATH && i > 1 && path[i - 1] == '/'; i--) path[i - 1] = '\0';
    return n < FOLDER_PATH;
}

static void put_other(char path[FOLDER_PATH]) { snprintf(path, FOLDER_PATH, "/tmp/wsbot-%u", (unsigned)geteuid()); }

const char *folder_path(unsigned i, char path[FOLDER_PATH]) {
    char usual[64];
    const char *given = getenv("WSBOT_CONTROL");
    if (given && *given == '/') return i == 0 && put_given(path, given) ? path : NULL;
    bool is_set = put_runtime(path, getenv("XDG_RUNTIME_DIR"));
    if (i == 0 && !is_set) put_other(path);
    if (i == 0) return path;
    snprintf(usual, sizeof usual, "/run/user/%u", (unsigned)geteuid());
    if (i == 1 && is_set)
        put_other(path);
    else if (i == 1 || (i == 2 && is_set && strcmp(getenv("XDG_RUNTIME_DIR"), usual) != 0))
        put_runtime(path, usual);
    else
        return NULL;
    return path;
}

int folder_check(const char *path, struct fault *fault) {
    struct stat s;
    struct fault unread = {0};
    if (!fault) fault = &unread;
    if (lstat(path, &s) != 0)
        fault_put(fault, FAULT_LISTEN, "%s: %s", path, strerror(errno));
    else if (!S_ISDIR(s.st_mode))
        fault_put(fault, FAULT_LISTEN, "%s is %s", path, S_ISLNK(s.st_mode) ? "a link" : "no folder");
    else if (s.st_uid != geteuid())
        fault_put(fault, FAULT_LISTEN, "%s belongs to another user", path);
    else if ((s.st_mode & 07777) != S_IRWXU)
        fault_put(fault, FAULT_LISTEN, "%s has mode %04o: it must be 0700", path, (unsigned)s.st_mode & 07777);
    return fault_set(fault) ? ERR_SYSTEM : 0;
}

/* ---- sockets that are left over ---- */

void folder_socket(char path[FOLDER_SOCKET], const char *folder, pid_t pid, unsigned worker) {
    if (worker)
        snprintf(path, FOLDER_SOCKET, "%s/%ld.%u.sock", folder, (long)pid, worker);
    else
        snprintf(path, FOLDER_SOCKET, "%s/%ld.sock", folder, (long)pid);
}

bool folder_read_name(const char *name, pid_t *pid, unsigned *worker) {
    long number;
    int end = 0;
    *worker = 0;
    if (*name < '1' || *name > '9') return false;
    if (sscanf(name, "%9ld.%4u.sock%n", &number, worker, &end) != 2 || name[end])
        if (*worker = 0, sscanf(name, "%9ld.sock%n", &number, &end) != 1 || end == 0 || name[end]) return false;
    *pid = (pid_t)number;
    return true;
}

static bool nobody_listens(const char *path) {
    struct stat s;
    if (lstat(path, &s) != 0 || !S_ISSOCK(s.st_mode)) return false;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = strlen(path) < sizeof to.sun_path ? descriptor_socket(AF_UNIX, SOCK_STREAM) : -1;
    if (fd < 0) return false;
    memcpy(to.sun_path, path, strlen(path));
    bool refused = connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

bool folder_remove_stale(const char *folder, const char *name) {
    char path[FOLDER_PATH + 64];
    pid_t pid;
    unsigned worker;
    if (!folder_read_name(name, &pid, &worker)) return false;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return nobody_listens(path) && unlink(path) == 0;
}

/* Only those whose process is gone: to ask the others would wake them. */
static void sweep(const char *folder) {
    DIR *all = opendir(folder);
    if (!all) return;
    for (struct dirent *one; (one = readdir(all));) {
        pid_t pid;
        unsigned worker;
        bool is_gone = folder_read_name(one->d_name, &pid, &worker) && kill(pid, 0) != 0 && errno == ESRCH;
        if (is_gone) folder_remove_stale(folder, one->d_name);
    }
    closedir(all);
}

int folder_open(char path[FOLDER_PATH], struct fault *fault) {
    folder_path(0, path);
    if (mkdir(path, S_IRWXU) != 0 && errno != EEXIST) {
        fault_put(fault, FAULT_LISTEN, "%s: %s", path, strerror(errno));
        return ERR_SYSTEM;
    }
    if (folder_check(path, fault) < 0) return ERR_SYSTEM;
    sweep(path);
    return 0;
}

/* ---- for tools ---- */

/* Adds a socket to the list on the top. */
static void add_socket(lua_State *L, const char *folder, const char *name) {
    pid_t pid;
    unsigned worker;
    if (!folder_read_name(name, &pid, &worker) || folder_remove_stale(folder, name)) return;
    lua_createtable(L, 0, 3);
    l_set_integer(L, "pid", pid);
    l_set_integer(L, "worker", worker);
    lua_pushfstring(L, "%s/%s", folder, name);
    lua_setfield(L, -2, "path");
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

static int l_sockets(lua_State *L) {
    char folder[FOLDER_PATH];
    lua_newtable(L);
    for (unsigned i = 0; folder_path(i, folder); i++) {
        DIR *all = folder_check(folder, NULL) == 0 ? opendir(folder) : NULL;
        for (struct dirent *one; all && (one = readdir(all));) add_socket(L, folder, one->d_name);
        if (all) closedir(all);
    }
    return 1;
}

int luaopen_control_folder(lua_State *L) {
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, l_sockets);
    lua_setfield(L, -2, "sockets");
    return 1;
}
