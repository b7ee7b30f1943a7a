/* der: elements of DER (X.690), as certificates are made of. What is read is borrowed from the input. */
#ifndef WIRE_DER_H
#define WIRE_DER_H

#include "base/slice.h"

/* Identifier octets (X.690 8.1.2). */
enum der_tag {
    DER_BOOLEAN = 0x01,
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
};

/* The context-specific tag [n]: primitive (a value), or constructed (of elements). */
#define DER_CONTEXT(n)    (0x80 | (n))
#define DER_CONTEXT_OF(n) (0xA0 | (n))

struct der {
    uint8_t tag;
    struct slice whole; /* with its head */
    struct slice body;
};

/* Takes one element off the front of `*in`, which may be out->body: then `out` replaces it. False, and `*in` stays,
 * where there is no whole element, or its head is not DER: an indefinite length or one not in its shortest form (X.690
 * 10.1), a tag of more than one byte. */
bool der_take(struct slice *in, struct der *out);

/* The same for one that must have this tag. */
bool der_take_tag(struct slice *in, uint8_t tag, struct der *out);

/* True with `*n` when the body of an INTEGER is from 0 to INT32_MAX, in its shortest form. */
bool der_small_integer(struct slice body, int *n);

/* True with `*yes` when the body of a BOOLEAN is valid (X.690 11.1). */
bool der_boolean(struct slice body, bool *yes);

/* The bits of a BIT STRING as bytes, first bit highest; unused bits at the end are 0. False where the body is not
 * valid. */
bool der_bits(struct slice body, struct slice *bits);

#endif
