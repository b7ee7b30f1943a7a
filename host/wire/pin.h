/* pin: what a server's public key is known by: the SHA-256 of its SubjectPublicKeyInfo (RFC 7469 2.4), written as curl
 * does: "sha256//" and Base64. It stays the same when a certificate is renewed for the same key. */
#ifndef WIRE_PIN_H
#define WIRE_PIN_H

#include "base/digest.h"
#include "base/slice.h"

enum { PIN_SIZE = 8 + (SHA256_SIZE + 2) / 3 * 4 }; /* characters of a pin */

/* True when `text` is a pin. */
bool pin_valid(struct slice text);

/* Writes the pin of a certificate (DER, RFC 5280 4.1) as a string. 0, or ERR_SYNTAX where it is no certificate, and
 * then `to` is empty. */
int pin_of_certificate(struct slice der, char to[PIN_SIZE + 1]);

/* True when `pin` is in the list `pins`, which has commas between them. `pins` NULL: an empty list. */
bool pin_is_among(const char *pins, const char *pin);

#endif
