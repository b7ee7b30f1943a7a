/* json: strings of JSON (RFC 8259 7), for lines that programs read. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

/* Appends `text` as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD, and what may not be shown
 * (base/shown.h) is escaped, since people look at such lines, too. What does not fit is left out, as buf_append has it:
 * use a buffer without a cap. */
void json_string(struct buf *out, struct slice text);

#endif
