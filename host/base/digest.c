/* digest: SHA-1, SHA-256 and the reading of Base64 from wolfCrypt. */
#include "base/digest.h"

#include "base/err.h"
#include <stdlib.h>
#include <wolfssl/options.h>
#include <wolfssl/wolfcrypt/coding.h>
#include <wolfssl/wolfcrypt/sha.h>
#include <wolfssl/wolfcrypt/sha256.h>

void digest_sha1(struct slice a, struct slice b, uint8_t out[SHA1_SIZE]) {
    wc_Sha sha;
    if (wc_InitSha(&sha) != 0) abort(); /* plain C without a device: cannot fail */
    wc_ShaUpdate(&sha, a.p, (word32)a.n);
    wc_ShaUpdate(&sha, b.p, (word32)b.n);
    wc_ShaFinal(&sha, out);
    wc_ShaFree(&sha);
}

void digest_sha256(struct slice in, uint8_t out[SHA256_SIZE]) {
    wc_Sha256 sha;
    if (wc_InitSha256(&sha) != 0) abort(); /* as above */
    wc_Sha256Update(&sha, in.p, (word32)in.n);
    wc_Sha256Final(&sha, out);
    wc_Sha256Free(&sha);
}

/* Not wolfCrypt's, which takes sixty instructions for each letter: none of this is secret. */
void digest_base64_text(char *to, struct slice in) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (; in.n; in = slice_skip(in, in.n < 3 ? in.n : 3), to += 4) {
        uint32_t bits = (uint32_t)in.p[0] << 16 | (uint32_t)(in.n > 1 ? in.p[1] << 8 : 0) | (in.n > 2 ? in.p[2] : 0);
        to[0] = letters[bits >> 18];
        to[1] = letters[bits >> 12 & 63];
        to[2] = in.n > 1 ? letters[bits >> 6 & 63] : '=';
        to[3] = in.n > 2 ? letters[bits & 63] : '=';
    }
    *to = '\0';
}

int digest_base64(struct buf *out, struct slice in) {
    size_t size = DIGEST_BASE64_SIZE(in.n);
    uint8_t *to = buf_reserve(out, size);
    if (!to) return buf_fits(out, size) ? ERR_NOMEM : ERR_FULL;
    digest_base64_text((char *)to, in);
    buf_commit(out, size - 1);
    return 0;
}

int digest_base64_read(struct buf *out, struct slice text) {
    word32 n = (word32)text.n;
    if (text.n == 0) return 0;
    uint8_t *to = buf_reserve(out, text.n);
    if (!to) return buf_fits(out, text.n) ? ERR_NOMEM : ERR_FULL;
    if (Base64_Decode(text.p, (word32)text.n, to, &n) != 0) return ERR_SYNTAX;
    buf_commit(out, n);
    return 0;
}

static int value_of(uint8_t c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool digest_is_base64_of(struct slice text, size_t n) {
    size_t pad = (3 - n % 3) % 3;
    if (text.n != (n + 2) / 3 * 4) return false;
    for (size_t i = 0; i < text.n - pad; i++)
        if (value_of(text.p[i]) < 0) return false;
    for (size_t i = text.n - pad; i < text.n; i++)
        if (text.p[i] != '=') return false;
    /* the bits that no byte uses are zero: 4 of them before "==", 2 before "=" */
    int unused = pad == 2 ? 15 : pad == 1 ? 3 : 0;
    return !unused || (value_of(text.p[text.n - pad - 1]) & unused) == 0;
}
