/* date: the dates of HTTP and of cookies, in all their forms. */
#ifndef WIRE_DATE_H
#define WIRE_DATE_H

#include "base/slice.h"

/* Reads a date as RFC 6265 5.1.1 does, which takes the three forms of RFC 9110 5.6.7 as well. True with `*seconds`
 * since 1970 (UTC). */
bool date_read(struct slice text, int64_t *seconds);

#endif
