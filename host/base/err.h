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

/* Why something ended, told once. `kind` is one of the error words of on_error ("dns", "tls", ...), a string literal;
 * empty: no fault yet. `text` may be shown (base/shown.h), whoever said what is quoted in it; it is cut at its end
 * where it would not fit. */
struct fault {
    const char *kind;
    const char *system; /* the system's name of it, "ECONNRESET", where it comes from there; else NULL */
    int alert;          /* the TLS alert that the peer sent (RFC 8446 6); 0: none */
    char text[512];
};

static inline bool fault_set(const struct fault *f) { return f->kind != 0; }

/* What only a bug of ours can break, in every build: says where on stderr, and aborts. Never for what a peer, a script
 * or the system does. */
#define err_must(condition) ((condition) ? (void)0 : err_bug(#condition, __FILE__, __LINE__))
_Noreturn void err_bug(const char *condition, const char *file, int line) __attribute__((cold));

/* Beside code that names each member of a struct, which copies, compares or tells it: does not compile where another
 * one has made it larger, and says where to look. What fits into a gap between members goes unseen. Sizes are those of
 * 64 bits. */
#define err_lists_all(type, size)                                                                                      \
    _Static_assert(sizeof(void *) != 8 || sizeof(type) == (size),                                                      \
                   #type " has another size: does the code beside this name all of its members?")

/* Keeps the first fault: a later one changes nothing. `kind` must be a string literal. */
void fault_put(struct fault *f, const char *kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
