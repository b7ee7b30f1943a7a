/* memory: the session of a connection is one block of 37 KB, with room for nine certificates of the peer and for
 * tickets. wolfSSL fills all of it with zeros, so that it takes memory, and uses a page or two. */
#include "net/tls/memory.h"

#ifdef __linux__

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_zero(const uint8_t *p, size_t n) { return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0; }

void tls_memory_drop_zeros(void *block) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    uint8_t *start = block, *end = start + malloc_usable_size(block);
    start += -(uintptr_t)start % page; /* only whole pages of the block: other blocks share its first and last page */
    while (start < end && (size_t)(end - start) >= page) {
        size_t n = 0;
        while ((size_t)(end - start) - n >= page && is_zero(start + n, page)) n += page;
        if (n) madvise(start, n, MADV_DONTNEED);
        start += n + page; /* the page behind them is not all zeros */
    }
}

#else

void tls_memory_drop_zeros(void *block) { (void)block; }

#endif

static void trim(WOLFSSL *ssl) {
#if LIBWOLFSSL_VERSION_HEX >= 0x05005000 /* the session is the connection's own block, not an entry of a cache */
    WOLFSSL_SESSION *session = wolfSSL_get1_session(ssl);
    if (!session) return;
    tls_memory_drop_zeros(session);
    wolfSSL_SESSION_free(session);
#else
    (void)ssl;
#endif
}

void tls_memory_settle(struct tls_memory *m, WOLFSSL *ssl) {
    wolfSSL_FreeArrays(ssl);
    WOLFSSL **place = &m->young[m->next++ % TLS_MEMORY_YOUNG];
    if (*place) trim(*place);
    *place = ssl;
}

void tls_memory_forget(struct tls_memory *m, const WOLFSSL *ssl) {
    for (size_t i = 0; i < TLS_MEMORY_YOUNG; i++)
        if (m->young[i] == ssl) m->young[i] = NULL;
}
