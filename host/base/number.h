/* number: numbers with a fraction, as text that machines read. printf and strtod heed the locale, which a script may
 * have changed (os.setlocale) to one with a decimal comma; here a point is a point. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* snprintf and vsnprintf, in which the locale has no say. What else prints by a format (buf_printf, fault_put,
 * log_line) does it by these. */
int number_print(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int number_vprint(char *text, size_t size, const char *format, va_list args);

/* Reads a text that is a decimal number and nothing else: "1", "-0.5", ".5", "1e+3". False: it is none. One that no
 * double can hold becomes infinity, or 0. */
bool number_read(const char *text, double *out);

/* For what others print and read: from enter to leave it is as above, in this thread alone. */
struct number_scope {
    locale_t plain, before;
};
void number_enter(struct number_scope *s);
void number_leave(const struct number_scope *s);

#endif
