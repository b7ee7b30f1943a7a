/* memory: gives back memory that wolfSSL keeps after a handshake and does not use: of the 75 KB of a connection, 32. */
#ifndef NET_TLS_MEMORY_H
#define NET_TLS_MEMORY_H

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum { TLS_MEMORY_YOUNG = 8 };

/* The latest connections, which may soon end. To give pages back, and to take them again for the next connection, costs
 * a tenth of a handshake: so it is done for a connection once TLS_MEMORY_YOUNG others have come after it. All zero:
 * none. */
struct tls_memory {
    WOLFSSL *young[TLS_MEMORY_YOUNG];
    unsigned next; /* the place of the oldest */
};

/* The handshake of `ssl` is done. */
void tls_memory_settle(struct tls_memory *m, WOLFSSL *ssl);

/* It ends, settled or not. */
void tls_memory_forget(struct tls_memory *m, const WOLFSSL *ssl);

/* Gives those pages of a block from malloc that are all zeros back to the system, which maps new pages of zeros when
 * they are next used: the content stays the same. */
void tls_memory_drop_zeros(void *block);

#endif
