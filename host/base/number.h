/* number: numbers with a fraction, as text that machines read. printf and strtod heed the locale, which a script may
 * have changed (os.setlocale) to one with a decimal comma; here a point is a point. */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

#include <float.h>
#include <locale.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Is a product or quotient of two doubles rounded once? Not where the x87 (of i386) calculates, with more digits. */
enum { NUMBER_ROUNDS_ONCE = FLT_EVAL_METHOD == 0 || FLT_EVAL_METHOD == 1 };

/* snprintf and vsnprintf that ignore the locale. All that prints by a format here (buf_printf, fault_put, log_line)
 * uses them. */
int number_print(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int number_vprint(char *text, size_t size, const char *format, va_list args);

/* Reads a text that is a decimal number and nothing else: "1", "-0.5", ".5", "1e+3". False: it is not. A number out of
 * the range of a double becomes infinity, or 0. */
bool number_read(const char *text, double *out);

/* For numbers that other libraries print and read: from number_enter to number_leave the locale is ignored, too, in
 * this thread alone. */
struct number_scope {
    locale_t plain, before;
};
void number_enter(struct number_scope *s);
void number_leave(const struct number_scope *s);

#endif
