/* feed: see feed.h. The one idea: a compressed stream can be sent in a circle as well. Deflate looks back 32 KB at
 * most, so when a circle of messages (1 MB) is compressed twice in one stream, its second part may follow itself. */
#include "feed.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { CIRCLE = 1 << 20, HEAD_MAX = 10 };

static uint64_t seed = 88172645463325252u;

static uint64_t next_random(void) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    return seed ^= seed << 17;
}

static void *must(void *p) {
    if (!p) abort();
    return p;
}

size_t feed_head(uint8_t *out, uint8_t first, size_t length) {
    int wide = length < 126 ? 0 : length <= 0xFFFF ? 2 : 8;
    out[0] = first;
    out[1] = (uint8_t)(wide == 0 ? length : wide == 2 ? 126 : 127);
    for (int i = 0; i < wide; i++) out[2 + i] = (uint8_t)(length >> 8 * (wide - 1 - i));
    return 2 + (size_t)wide;
}

static void fill_binary(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(next_random() >> 32);
}

static void fill_text(uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++) p[i] = (uint8_t)(' ' + (next_random() >> 32) % 95);
}

static void fill_mixed(uint8_t *p, size_t n) {
    static const char *const words[] = {"price", "order", "Größe", "naïve",  "цена",        "рынок",
                                        "αγορά", "τιμή",  "価格",  "市場で", "가격은",      "行情数据",
                                        "السعر", "मूल्य",   "🚀",     "📈👍",     "{\"id\":42}", "done",
                                        "żółć",  "שלום",  "ราคา",  "Việt",   "€9.99",       "ok"};
    size_t at = 0;
    for (;;) {
        const char *word = words[(next_random() >> 32) % (sizeof words / sizeof *words)];
        size_t long_ = strlen(word);
        if (at + long_ + 1 > n) break;
        memcpy(p + at, word, long_);
        p[at + long_] = ' ';
        at += long_ + 1;
    }
    fill_text(p + at, n - at);
}

static void fill_json(uint8_t *p, size_t n) {
    static const char *const symbols[] = {"BTC-USD", "ETH-USD", "SOL-USD", "DOGE-EUR", "XRP-USD", "ADA-EUR"};
    static const char tail[] = "]}";
    char tick[200];
    uint64_t r = next_random();
    size_t at = 0;
    int long_ = snprintf(tick, sizeof tick, "{\"type\":\"trades\",\"sequence\":%u,\"data\":[", (unsigned)(r >> 40));
    while (at + (size_t)long_ + sizeof tail <= n) {
        memcpy(p + at, tick, (size_t)long_);
        at += (size_t)long_;
        r = next_random();
        long_ = snprintf(tick, sizeof tick,
                         "{\"symbol\":\"%s\",\"price\":\"%u.%02u\",\"size\":\"0.%04u\",\"side\":\"%s\",\"time\":%u},",
                         symbols[(r >> 8) % 6], 20000 + (unsigned)(r >> 20) % 4000, (unsigned)(r >> 34) % 100,
                         (unsigned)(r >> 44) % 10000, r >> 60 & 1 ? "buy" : "sell", 1700000000 + (unsigned)(r >> 50));
    }
    if (at > 0 && p[at - 1] == ',') at--;
    memset(p + at, ' ', n - at);
    if (n >= sizeof tail) memcpy(p + n - strlen(tail), tail, strlen(tail));
}

static void fill_trade(uint8_t *p, size_t n) {
    char trade[200];
    uint64_t r = next_random();
    int long_ = snprintf(trade, sizeof trade,
                         "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\",\"E\":16725157%05u,\"s\":\"BTCUSDT\","
                         "\"t\":11900000000000%05u,\"p\":\"%u.%02u\",\"q\":\"0.%05u\",\"T\":16725157%05u,"
                         "\"m\":true,\"M\":true}}",
                         10000 + (unsigned)(r >> 8) % 80000, 10000 + (unsigned)(r >> 16) % 80000,
                         16000 + (unsigned)(r >> 24) % 1000, (unsigned)(r >> 34) % 100, (unsigned)(r >> 44) % 100000,
                         10000 + (unsigned)(r >> 8) % 80000);
    memset(p, ' ', n);
    memcpy(p, trade, (size_t)long_ < n ? (size_t)long_ : n);
}

/* Compresses a message to `out`, as RFC 7692 7.2.1 says; returns its size. */
static size_t deflate_message(z_stream *z, bool alone, uint8_t *in, size_t n, uint8_t *out, size_t room) {
    if (alone) deflateReset(z);
    z->next_in = in;
    z->avail_in = (uInt)n;
    z->next_out = out;
    z->avail_out = (uInt)room;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || !z->avail_out) abort();
    return room - z->avail_out - 4; /* without 00 00 FF FF */
}

static struct feed *make(const char *kind, size_t size, void (*fill)(uint8_t *, size_t), uint8_t first) {
    bool shared = strcmp(kind, "shared") == 0, packed = shared || strcmp(kind, "alone") == 0;
    size_t circle = size == 0 || CIRCLE / size < 4 ? 4 : CIRCLE / size;
    size_t room = size + size / 100 + 64;
    struct feed *f = must(calloc(1, sizeof *f));
    snprintf(f->kind, sizeof f->kind, "%s", kind);
    f->size = size;
    f->count = shared ? 2 * circle : circle;
    f->again = shared ? circle : 0;
    f->bytes = must(malloc(f->count * (room + HEAD_MAX)));
    f->ends = must(malloc(f->count * sizeof *f->ends));
    uint8_t *plain = must(malloc(circle * size + 1)), *small = must(malloc(room));
    for (size_t i = 0; i < circle; i++) fill(plain + i * size, size);

    z_stream z = {0};
    if (packed && deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK) abort();
    uint8_t *at = f->bytes;
    for (size_t i = 0; i < f->count; i++) {
        uint8_t *message = plain + i % circle * size;
        size_t length = size;
        if (packed) {
            length = deflate_message(&z, !shared, message, size, small, room);
            message = small;
        }
        at += feed_head(at, first, length);
        memcpy(at, message, length);
        at += length;
        f->ends[i] = (size_t)(at - f->bytes);
    }
    if (packed) deflateEnd(&z);
    free(plain);
    free(small);
    return f;
}

const struct feed *feed_get(const char *kind, size_t size) {
    static struct feed *all;
    static const struct {
        const char *kind;
        void (*fill)(uint8_t *, size_t);
        uint8_t first; /* byte of the frame: FIN, RSV1 where compressed, text or binary */
    } kinds[] = {{"binary", fill_binary, 0x82}, {"text", fill_text, 0x81},   {"mixed", fill_mixed, 0x81},
                 {"json", fill_json, 0x81},     {"trade", fill_trade, 0x81}, {"shared", fill_json, 0xC1},
                 {"alone", fill_json, 0xC1}};
    for (const struct feed *f = all; f; f = f->next)
        if (f->size == size && strcmp(f->kind, kind) == 0) return f;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, kind) != 0) continue;
        struct feed *f = make(kind, size, kinds[i].fill, kinds[i].first);
        f->next = all;
        all = f;
        return f;
    }
    return NULL;
}
