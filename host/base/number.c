/* number: switches to the locale "C" for a moment, where the current one has no decimal point. */
#include "base/number.h"

#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void number_enter(struct number_scope *s) {
    *s = (struct number_scope){0};
    if (strcmp(nl_langinfo(RADIXCHAR), ".") == 0) return;
    s->plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* it exists already: no memory is needed */
    if (s->plain) s->before = uselocale(s->plain);
}

void number_leave(const struct number_scope *s) {
    if (!s->plain) return;
    uselocale(s->before);
    freelocale(s->plain);
}

int number_vprint(char *text, size_t size, const char *format, va_list args) {
    struct number_scope scope;
    number_enter(&scope);
    int n = vsnprintf(text, size, format, args);
    number_leave(&scope);
    return n;
}

int number_print(char *text, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = number_vprint(text, size, format, args);
    va_end(args);
    return n;
}

static const char *skip_digits(const char *p) { return p + strspn(p, "0123456789"); }

/* strtod would also take spaces, hexadecimal digits, "inf" and "nan". */
static bool is_decimal(const char *text) {
    const char *from = text + (*text == '-' || *text == '+'), *p = skip_digits(from);
    size_t digits = (size_t)(p - from);
    if (*p == '.') {
        from = p + 1;
        p = skip_digits(from);
        digits += (size_t)(p - from);
    }
    if (digits && (*p == 'e' || *p == 'E')) {
        from = p + 1 + (p[1] == '-' || p[1] == '+');
        p = skip_digits(from);
        if (p == from) return false;
    }
    return digits && *p == '\0';
}

bool number_read(const char *text, double *out) {
    struct number_scope scope;
    if (!is_decimal(text)) return false;
    number_enter(&scope);
    *out = strtod(text, NULL);
    number_leave(&scope);
    return true;
}
