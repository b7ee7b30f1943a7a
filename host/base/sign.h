/* sign: signatures by keys in PEM (RFC 7468), as JSON Web Signatures have them (RFC 7518 3, RFC 8037 3.1): "ES256"
 * (ECDSA on P-256 with SHA-256, 64 bytes), "RS256" (RSASSA-PKCS1-v1_5 with SHA-256) and "EdDSA" (Ed25519, 64 bytes). */
#ifndef BASE_SIGN_H
#define BASE_SIGN_H

#include "base/buf.h"

enum { SIGN_SIZE_MOST = 1024 }; /* bytes of a signature: RSA of 8,192 bits */

enum sign_algorithm { SIGN_ES256, SIGN_RS256, SIGN_EDDSA, SIGN_ALGORITHMS };
extern const char *const sign_names[]; /* of the algorithms, up to NULL */

/* Appends the signature of `data` by a private key: PKCS #8 ("PRIVATE KEY"), "EC PRIVATE KEY" or "RSA PRIVATE KEY",
 * not encrypted. 0, or a negative enum err and `*why`, a literal, which has nothing of the key in it. */
int sign_make(struct buf *out, enum sign_algorithm algorithm, struct slice pem, struct slice data, const char **why);

/* Is it the signature of `data` by the private half of this public key ("PUBLIC KEY", or "RSA PUBLIC KEY")? 1: it is;
 * 0: it is not; or a negative enum err and `*why`: the key cannot be used. */
int sign_check(enum sign_algorithm algorithm, struct slice pem, struct slice data, struct slice signature,
               const char **why);

#endif
