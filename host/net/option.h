/* option: the options of a connection, a row for each: its name, its possible values, where it is kept, and when a
 * reload applies it. What is done to all options is done by their rows: here they are compared, copied, counted and
 * freed; script/ws/options.c reads them from Lua. */
#ifndef NET_OPTION_H
#define NET_OPTION_H

#include "net/cookies.h"
#include "wire/url.h"
#include <stddef.h>

/* What a script may write, and as what it is kept. */
enum option_kind {
    OPTION_FLAG,     /* true or false; bool */
    OPTION_NOT,      /* the same, kept as its opposite, so that all zero is the default */
    OPTION_SECONDS,  /* 0 or more; uint64_t, nanoseconds */
    OPTION_TIMEOUT,  /* the same, more than 0 */
    OPTION_BYTES,    /* 1 or more; size_t */
    OPTION_WHOLE,    /* a whole number from `least` to `most`; an integer of any size */
    OPTION_FACTOR,   /* a number, `least` or more; double */
    OPTION_WORD,     /* one of `words`; an int or enum */
    OPTION_TEXT,     /* a string without CR, LF and NUL that is `good`; char *, NULL: not given */
    OPTION_SECRET,   /* the same; it may have line ends; overwritten before it is freed */
    OPTION_LIST,     /* a string or several, which all are `good`; char *, with commas between them */
    OPTION_CODES,    /* a list of whole numbers from `least` to `most`; struct retry_codes */
    OPTION_ROWS,     /* a table, with `rows` of its own; a struct */
    OPTION_SWITCHED, /* the same, or true or false; a struct that begins with a bool */
    OPTION_URL,      /* struct url */
    OPTION_PROXY,    /* a url, or false; struct option_proxy */
    OPTION_HEADERS,  /* this and the next three: lines or words, checked when they are read; struct buf */
    OPTION_PROTOCOLS,
    OPTION_ORIGIN,
    OPTION_RESOLVE,
    OPTION_COOKIES, /* true or false, or a jar that is shared; struct option_cookies */
    OPTION_NAME,    /* kept beside the connection (script/ws/conn.h), as is the next */
    OPTION_BINARY,
    OPTION_KINDS,
};

/* When a reload applies it to a connection that lives on. Bits. */
enum option_applied {
    OPTION_AT_ONCE = 1,
    OPTION_NEXT_HANDSHAKE = 2, /* the current one is done, or is judged by what it has asked for */
    OPTION_REOPENS = 4,        /* the connection is opened anew */
    OPTION_MOVES = 8,          /* the same, unless a function of the script gives it for each attempt */
};

struct option_word {
    const char *word;
    int value;
};

struct option {
    const char *name; /* "ping_interval", "tls.verify"; NULL: the end of a list, of 64 at most */
    enum option_kind kind;
    enum option_applied applied; /* of rows within a table: that of the table */
    uint16_t at, size;           /* where it is kept in its struct, bytes; size 0: not there */
    double least, most;
    double usual;                    /* the default: seconds, bytes, 1 for true, the value of a word */
    const struct option_word *words; /* NULL at the end */
    bool (*good)(struct slice text); /* NULL: any */
    const char *expected;            /* what error texts say that it must be, where the kind alone does not tell */
    const struct option *rows;
};

/* Where in struct `type` the member `field` is: for `at` and `size`. */
#define OPTION_AT(type, field) .at = offsetof(struct type, field), .size = sizeof((struct type *)0)->field

/* The proxy to use. Without a host: the one of the environment. */
struct option_proxy {
    struct url url;
    bool none; /* no proxy, whatever the environment says */
};

/* What becomes of the cookies that servers set. */
struct option_cookies {
    bool on;             /* they are sent with the next handshake */
    struct cookies *jar; /* shared, a reference of its own; NULL: the connection has one for itself */
};

/* Stores a number (a truth as 0 or 1, seconds, bytes, the value of a word) where the row says, in the struct at `base`.
 * For kinds up to OPTION_WORD. A value that is too large for the member becomes the largest one that fits. */
void option_put(const struct option *o, void *base, double value);

/* Sets all numbers of the struct at `base` to their defaults. */
void options_usual(const struct option *rows, void *base);

/* The name of the first that differs between two structs, of those applied in one of these ways (bits); NULL: none. */
const char *options_differ(const struct option *rows, const void *a, const void *b, unsigned applied);
enum { OPTIONS_ALL = OPTION_AT_ONCE | OPTION_NEXT_HANDSHAKE | OPTION_REOPENS | OPTION_MOVES };

/* `to` was copied from another struct by `=`: gives it copies of its own of all that has memory. False: there was no
 * memory, and what could not be copied is empty. */
bool options_copy(const struct option *rows, void *to);

/* Frees that memory; those options are empty then. */
void options_clear(const struct option *rows, void *base);

/* How many bytes of memory that is. */
size_t options_size(const struct option *rows, const void *base);

#endif
