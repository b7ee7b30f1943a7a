/* text: C strings on the heap; NULL stands for one that is missing. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include "base/slice.h"
#include <stdlib.h>

/* The same, or both missing. */
static inline bool text_is_same(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* A new C string of these bytes. NULL: there is no memory. */
static inline char *text_of(struct slice s) {
    char *text = malloc(s.n + 1);
    if (!text) return NULL;
    if (s.n) memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return text;
}

/* Puts a copy in `*to`, whose old value is not freed; of NULL it is NULL. False: there is no memory. */
static inline bool text_copy(char **to, const char *from) {
    *to = from ? text_of(slice_str(from)) : NULL;
    return !from || *to;
}

#endif
