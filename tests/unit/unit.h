/* unit: what every unit test includes: cmocka, in the order it wants. */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The same of bytes that end with a 0; newer cmockas take nothing but char for a string. */
#define assert_bytes_equal(bytes, string) assert_string_equal((const char *)(bytes), string)

#endif
