/* err: how things fail. A fallible function returns 0 or a negative `enum err`; what a person should read is kept in a
 * `struct fault`, whose words reach Lua, the log and the tests unchanged. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>

enum err {
    ERR_NOMEM = -1,        /* the allocator said no */
    ERR_FULL = -2,         /* a cap was reached */
    ERR_CLOSED = -3,       /* there is no connection (any more) */
    ERR_SYNTAX = -4,       /* the bytes are not what the grammar says */
    ERR_RANGE = -5,        /* well formed, but outside what is allowed */
    ERR_INVALID_UTF8 = -6, /* text that is not UTF-8 */
    ERR_TOO_BIG = -7,      /* larger than the limit set for it */
    ERR_SYSTEM = -8,       /* the system refused; the fault says how */
    ERR_NOT_OPEN = -9,     /* the connection is not open yet, and what is sent does not wait for that */
};

/* The word scripts see for what a method refused: "closed", "not_open", "send_buffer_full", "invalid_utf8", ... Never
 * NULL. */
const char *err_word(int err);

/* What kind of failure it is; fault_words has the words. */
enum fault_kind {
    FAULT_NONE,

    /* what on_error tells (ws.error in lualib/meta/ws.lua) */
    FAULT_DNS,
    FAULT_CONNECT,
    FAULT_PROXY,
    FAULT_TLS,
    FAULT_HANDSHAKE,
    FAULT_TIMEOUT,
    FAULT_PROTOCOL,
    FAULT_INVALID_UTF8,
    FAULT_TOO_BIG,
    FAULT_PING_TIMEOUT,
    FAULT_RESET,
    FAULT_CALLBACK,

    FAULT_HTTP, /* of the http module alone (http.error in lualib/meta/http.lua) */

    /* what the program tells before a script runs */
    FAULT_CLOSED,
    FAULT_LIBRARY,
    FAULT_LISTEN,
    FAULT_PROFILE,
    FAULT_RECORD,
    FAULT_SCRIPT,
    FAULT_STATE,
    FAULT_TRACE,
    FAULT_URL,
    FAULT_WATCH,
    FAULT_KINDS,
};
extern const char *const fault_words[FAULT_KINDS]; /* "dns"; of FAULT_NONE: NULL */

/* Why something ended, set once (fault_put). `text` is escaped, so it may be shown (base/shown.h) even where it quotes
 * a peer; a longer one is cut at its end. That of FAULT_CALLBACK has the lines of a traceback. */
struct fault {
    enum fault_kind kind; /* FAULT_NONE: no fault yet */
    const char *system;   /* the system's name of the error, "ECONNRESET", where it is one of the system's; else NULL */
    int alert;            /* the TLS alert that the peer sent (RFC 8446 6); 0: none */
    char text[512];
};

static inline bool fault_set(const struct fault *f) { return f->kind != FAULT_NONE; }
static inline const char *fault_word(const struct fault *f) { return fault_words[f->kind]; }

/* Asserts, in every build, what only a bug of ours can break: says on stderr where, and aborts. Never for what a peer,
 * a script or the system does. */
#define err_must(condition) ((condition) ? (void)0 : err_bug(#condition, __FILE__, __LINE__))
_Noreturn void err_bug(const char *condition, const char *file, int line) __attribute__((cold));

/* Stands beside code that must name each member of a struct, to copy, compare or describe it: fails to compile once a
 * new member has made the struct larger, and says where to look. A member that fits into padding goes unnoticed. `size`
 * is that of 64-bit systems. */
#define err_lists_all(type, size)                                                                                      \
    _Static_assert(sizeof(void *) != 8 || sizeof(type) == (size),                                                      \
                   #type " has another size: does the code beside this name all of its members?")

/* Keeps the first fault: a later one changes nothing. */
void fault_put(struct fault *f, enum fault_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
