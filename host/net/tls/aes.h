/* aes: AES-GCM by libgcrypt, which uses the CPU's AES instructions, for a wolfSSL that was built without them (as
 * Debian's is). wolfSSL's own AES-GCM is the portable twin: it goes on wherever this one is not. No cipher is here. */
#ifndef NET_TLS_AES_H
#define NET_TLS_AES_H

#include <stdbool.h>

struct tls_aes;

/* Makes libgcrypt a device of wolfSSL's, between wolfSSL_Init and wolfSSL_Cleanup; there is one at a time. NULL where
 * that is no gain: wolfSSL or the CPU has no use for it, or libgcrypt is missing, or in FIPS mode (where it takes no
 * nonces of others). */
struct tls_aes *tls_aes_open(void);

/* Forgets the keys. Whoever still has the device is served by wolfSSL from then on. NULL: nothing to do. */
void tls_aes_close(struct tls_aes *a);

/* What to give to wolfSSL_CTX_SetDevId: of NULL, no device. */
int tls_aes_device(const struct tls_aes *a);

/* Is AES-GCM faster than ChaCha20-Poly1305, by this device or by wolfSSL itself? */
bool tls_aes_is_fast(const struct tls_aes *a);

#endif
