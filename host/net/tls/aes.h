/* aes: AES-GCM by libgcrypt, which uses the CPU's AES instructions, for a wolfSSL that was built without them (as
 * Debian's is). Wherever that is not possible, wolfSSL's own AES-GCM is used. No cipher is implemented here. */
#ifndef NET_TLS_AES_H
#define NET_TLS_AES_H

#include <stdbool.h>

struct tls_aes;

/* Registers libgcrypt as a crypto device of wolfSSL, between wolfSSL_Init and wolfSSL_Cleanup; there is one at a time.
 * NULL where nothing is gained: wolfSSL uses AES instructions itself, the CPU has none, or libgcrypt is missing or in
 * FIPS mode (where it takes no nonce from its caller). */
struct tls_aes *tls_aes_open(void);

/* Forgets the keys. Connections that still have the device are served by wolfSSL from then on. `a` may be NULL. */
void tls_aes_close(struct tls_aes *a);

/* The ID for wolfSSL_CTX_SetDevId; of NULL, that of no device. */
int tls_aes_device(const struct tls_aes *a);

/* Is AES-GCM faster than ChaCha20-Poly1305, by this device or by wolfSSL itself? */
bool tls_aes_is_fast(const struct tls_aes *a);

#endif
