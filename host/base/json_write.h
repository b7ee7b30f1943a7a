/* json_write: values that are no table or list, as JSON (RFC 8259). Each appends and returns 0, ERR_FULL or ERR_NOMEM.
 */
#ifndef BASE_JSON_WRITE_H
#define BASE_JSON_WRITE_H

#include "base/buf.h"

/* A string, quotes included. Its bytes go as they are, but for '"', '\\' and control characters: whether they are UTF-8
 * is for the caller to check. */
int json_put_string(struct buf *out, struct slice text);

/* The same for lines that people look at, too: what may not be shown (base/shown.h) is escaped, and bytes that are not
 * UTF-8 become U+FFFD. What does not fit is left out: use a buffer without a cap. */
void json_put_shown(struct buf *out, struct slice text);

int json_put_integer(struct buf *out, int64_t n);

/* The fewest digits that read back as the same double, which is finite, whatever the locale. */
int json_put_real(struct buf *out, double value);

#endif
