/* date: the dates of HTTP and of cookies, in all their forms. */
#ifndef WIRE_DATE_H
#define WIRE_DATE_H

#include "base/slice.h"

/* Reads a date as RFC 6265 5.1.1 does, which takes the three forms of RFC 9110 5.6.7 as well. True with `*seconds`
 * since 1970 (UTC). */
bool date_read(struct slice text, int64_t *seconds);

/* Writes seconds since 1970 as HTTP has dates (RFC 9110 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". A time that such a
 * date cannot have, before 1970 or after 9999, is written as the nearest that it can. */
enum { DATE_TEXT = sizeof "Sun, 06 Nov 1994 08:49:37 GMT" };
void date_print(int64_t seconds, char text[static DATE_TEXT]);

#endif
