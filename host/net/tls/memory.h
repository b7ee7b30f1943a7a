/* memory: gives back what wolfSSL holds between handshakes and does not use: of the 75 KB of a connection, 32. */
#ifndef NET_TLS_MEMORY_H
#define NET_TLS_MEMORY_H

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

enum { TLS_MEMORY_YOUNG = 8 };

/* The connections that may soon end. To give pages back, and to ask for them again for the next connection, costs a
 * tenth of a handshake: so it is done for a connection when so many more have come after it. All zero: none. */
struct tls_memory {
    WOLFSSL *young[TLS_MEMORY_YOUNG];
    unsigned next; /* the place of the oldest */
};

/* The handshake of `ssl` is done. */
void tls_memory_settle(struct tls_memory *m, WOLFSSL *ssl);

/* It ends, settled or not. */
void tls_memory_forget(struct tls_memory *m, const WOLFSSL *ssl);

/* The pages of a block from malloc that hold nothing but zeros go back to the system, which makes new ones, as empty,
 * when they are next written: nobody can tell, but by the memory there is. */
void tls_memory_drop_zeros(void *block);

#endif
