/* A whole conversation, from the url through two proxies to the closing handshake, with one allocation refused: the
 * first, the second, and so on until none is. Each time somebody is told, all memory is given back, and nothing
 * crashes. The linker leads malloc and its kin here (see ../CMakeLists.txt). */
#include "../unit/unit.h"
#include "base/metrics.h"
#include "wire/backlog.h"
#include "wire/compress.h"
#include "wire/handshake.h"
#include "wire/proxy.h"
#include "wire/sse.h"
#include "wire/ws.h"

/* ---- memory that can be refused ---- */

static size_t refuse_at, asked; /* which one is refused, counted from 1; 0: none */
static long live;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void __real_free(void *p);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void __wrap_free(void *p);

static bool refused(void) { return ++asked == refuse_at; }

static void *counted(void *p) {
    if (p) live++;
    return p;
}

void *__wrap_malloc(size_t n) { return refused() ? NULL : counted(__real_malloc(n)); }
void *__wrap_calloc(size_t n, size_t size) { return refused() ? NULL : counted(__real_calloc(n, size)); }
void *__wrap_realloc(void *old, size_t n) {
    if (refused()) return NULL;
    return old ? __real_realloc(old, n) : counted(__real_realloc(old, n));
}
void __wrap_free(void *p) {
    if (p) live--;
    __real_free(p);
}

/* ---- the conversation ---- */

struct side {
    struct ws ws;
    struct buf out, told;
};

struct talk {
    struct url url, gate;
    struct proxy proxy;
    struct handshake_offer offer;
    struct buf request, answer;
    struct http1_head head; /* of the request, then of the answer */
    struct deflate_params agreed[2];
    struct side client, server;
    struct backlog backlog;
    struct fault fault;
};

static uint32_t fixed_mask(void) { return 0x04030201; }

static int refused_with(const char *why, struct talk *t) {
    fault_put(&t->fault, FAULT_HANDSHAKE, "%s", why);
    return ERR_RANGE;
}

/* Gets through a proxy that gives these answers. */
static int pass(struct talk *t, const char *address, struct slice first, struct slice second) {
    struct url parsed;
    int rc = url_parse_proxy(slice_str(address), &parsed, &t->fault);
    if (rc < 0) return rc;
    rc = url_copy(&t->gate, &parsed);
    url_clear(&parsed);
    if (rc < 0) return rc;
    proxy_init(&t->proxy, &t->gate, "example.org", 443);
    enum proxy_step step = proxy_step(&t->proxy, first);
    if (step == PROXY_MORE) step = proxy_step(&t->proxy, second);
    if (step == PROXY_FAILED) refused_with(t->proxy.fault.text, t);
    proxy_clear(&t->proxy);
    url_clear(&t->gate);
    return step == PROXY_DONE ? 0 : ERR_RANGE;
}

static int pass_proxies(struct talk *t) {
    int rc = pass(t, "http://me:pw@[::1]:3128", slice_str("HTTP/1.1 200 OK\r\nVia: "), slice_str("x\r\n\r\n"));
    return rc < 0 ? rc : pass(t, "socks5://gate", slice_of("\5\0", 2), slice_of("\5\0\0\1address", 10));
}

static int shake_hands(struct talk *t) {
    static const char address[] = "wss://user:pass@example.org:4443/r\xC3\xA9sum\xC3\xA9?q=1";
    char key[HANDSHAKE_KEY_SIZE + 1];
    const char *why;
    struct slice protocol;
    size_t scanned = 0;
    int rc = url_parse(slice_str(address), &t->url, &t->fault);
    if (rc < 0) return rc;
    t->offer.deflate = deflate_default_offer;
    if (handshake_offer_header(&t->offer, slice_str("Cookie"), slice_str("a=1"), &why) < 0 ||
        handshake_offer_protocol(&t->offer, slice_str("v2.chat"), &why) < 0 ||
        handshake_offer_origin(&t->offer, slice_str("https://example.org"), &why) < 0)
        return refused_with(why, t);
    handshake_key((const uint8_t *)"0123456789abcdef", key);
    if ((rc = handshake_request_write(&t->request, &t->url, &t->offer, NULL, key)) < 0) return rc;
    assert_int_equal(http1_head_size(buf_slice(&t->request), &scanned), t->request.len);
    if (http1_request_parse(t->request.base, t->request.len, &t->head, &why) < 0 ||
        handshake_request_judge(&t->head, &why) != 101)
        return refused_with(why, t);
    if ((rc = handshake_response_write(&t->answer, &t->head, slice_str("v2.chat"), &t->agreed[WS_SERVER])) < 0)
        return rc;
    if (http1_response_parse(t->answer.base, t->answer.len, &t->head, &why) < 0) return refused_with(why, t);
    return handshake_response_judge(&t->head, &t->offer, key, &protocol, &t->agreed[WS_CLIENT], &t->fault);
}

/* Gives one side what the other wrote. What it is told goes on its list; of the server, texts come back. */
static int bring(struct side *from, struct side *to) {
    struct ws_event ev;
    enum ws_step step = WS_MORE;
    int rc = 0;
    while (from->out.len && rc == 0) { /* in pieces, so that some of it has to be kept */
        struct slice piece = slice_head(buf_slice(&from->out), 1000);
        size_t size = piece.n;
        while (rc == 0 && (step = ws_step(&to->ws, &piece, &ev)) == WS_EVENT) {
            rc = buf_printf(&to->told, "%x:%zu ", (unsigned)ev.kind, ev.data.n);
            if (rc == 0 && ev.kind == WS_TEXT && to->ws.role == WS_SERVER) rc = ws_send(&to->ws, ev.kind, ev.data);
        }
        buf_consume(&from->out, size);
        ws_catch_up(&from->ws);
    }
    return rc < 0 ? rc : step == WS_FAILED ? ERR_NOMEM : 0;
}

static int converse(struct talk *t) {
    static uint8_t noise[40000]; /* not to be compressed, and longer than a first allocation */
    struct ws_event ev;
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)(33 + i * i * 31 / 7 % 90);
    struct slice long_text = slice_of(noise, sizeof noise), short_text = slice_str("hello");
    int rc = pass_proxies(t);
    if (rc == 0) rc = shake_hands(t);
    if (rc == 0) rc = ws_use_deflate(&t->client.ws, &t->agreed[WS_CLIENT], &t->offer.deflate);
    if (rc == 0) rc = ws_use_deflate(&t->server.ws, &t->agreed[WS_SERVER], &t->offer.deflate);
    if (rc == 0) rc = backlog_put(&t->backlog, WS_TEXT, 0, short_text);
    if (rc == 0) rc = backlog_put(&t->backlog, WS_TEXT, 0, long_text);
    for (; rc == 0 && backlog_first(&t->backlog, &ev); backlog_drop(&t->backlog))
        rc = ws_send(&t->client.ws, ev.kind, ev.data);
    if (rc == 0) rc = ws_ping(&t->client.ws, short_text);
    if (rc == 0) rc = bring(&t->client, &t->server);
    if (rc == 0) rc = bring(&t->server, &t->client);
    t->client.ws.threshold = SIZE_MAX; /* from here on plain, too */
    if (rc == 0) rc = ws_send(&t->client.ws, WS_BINARY, long_text);
    if (rc == 0) rc = ws_close(&t->client.ws, WS_CLOSE_NORMAL, short_text);
    if (rc == 0) rc = bring(&t->client, &t->server);
    if (rc == 0) rc = bring(&t->server, &t->client);
    return rc;
}

static void talk_init(struct talk *t) {
    *t = (struct talk){0};
    handshake_offer_init(&t->offer);
    buf_init(&t->request, 1 << 16);
    buf_init(&t->answer, 1 << 16);
    backlog_init(&t->backlog);
    struct side *sides[] = {&t->client, &t->server};
    for (int i = 0; i < 2; i++) {
        buf_init(&sides[i]->out, 1 << 20);
        buf_init(&sides[i]->told, 1 << 16);
        ws_init(&sides[i]->ws, i ? WS_SERVER : WS_CLIENT, 1 << 20, &sides[i]->out, fixed_mask);
    }
}

static void talk_clear(struct talk *t) {
    url_clear(&t->url);
    handshake_offer_clear(&t->offer);
    buf_clear(&t->request);
    buf_clear(&t->answer);
    backlog_clear(&t->backlog);
    struct side *sides[] = {&t->client, &t->server};
    for (int i = 0; i < 2; i++) {
        ws_clear(&sides[i]->ws);
        buf_clear(&sides[i]->out);
        buf_clear(&sides[i]->told);
    }
}

/* Was the whole story told on both sides? */
static bool went_well(const struct talk *t) {
    return slice_eq(buf_slice(&t->server.told), slice_str("1:5 1:40000 9:5 2:40000 8:5 ")) &&
           slice_eq(buf_slice(&t->client.told), slice_str("1:5 1:40000 a:5 8:0 "));
}

static void every_refusal_is_told_and_leaks_nothing(void **state) {
    (void)state;
    size_t errors = 0;
    for (refuse_at = 1;; refuse_at++) {
        static struct talk t;
        long before = live;
        talk_init(&t);
        asked = 0;
        int rc = converse(&t);
        bool was_refused = asked >= refuse_at, well = rc == 0 && went_well(&t);
        talk_clear(&t);
        assert_int_equal(live, before);
        if (rc < 0) errors++;
        if (rc == ERR_RANGE) assert_true(fault_set(&t.fault));
        if (rc == 0 && !well) fail_msg("refusal %zu was told to nobody", refuse_at);
        if (!was_refused) {
            assert_true(well);
            break;
        }
    }
    refuse_at = 0;
    assert_true(errors > 30);
}

/* Compresses into `packed` and has it back in `out`; in pieces, so that both grow. */
static int there_and_back(enum compress_format format, struct slice data, struct buf *packed, struct buf *out) {
    struct compress c;
    int rc = compress_begin_deflating(&c, format, 1);
    for (struct slice left = data, part; rc == 0 && left.n; left = slice_skip(left, part.n)) {
        part = slice_head(left, 5000);
        rc = compress_deflate(&c, part, true, part.n == left.n, packed);
    }
    compress_end(&c);
    if (rc < 0) return rc;
    rc = compress_begin_inflating(&c, format);
    for (struct slice left = buf_slice(packed), part; rc == 0 && left.n; left = slice_skip(left, part.n)) {
        part = slice_head(left, 3000);
        rc = compress_inflate(&c, part, out);
    }
    if (rc == 0 && !compress_is_whole(&c)) rc = ERR_SYNTAX;
    compress_end(&c);
    return rc;
}

/* zlib and zstd have memory of their own; ours are the buffers. */
static void a_stream_is_whole_or_has_no_memory(void **state) {
    (void)state;
    static uint8_t noise[60000];
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (uint8_t)(i * i * 31 / 7);
    size_t errors = 0;
    for (enum compress_format format = COMPRESS_ZLIB; format < COMPRESS_FORMATS; format++) {
        refuse_at = 0;
        bool was_refused = true;
        while (was_refused) {
            struct buf packed, out;
            long before = live;
            buf_init(&packed, 1 << 20);
            buf_init(&out, 1 << 20);
            refuse_at++;
            asked = 0;
            int rc = there_and_back(format, slice_of(noise, sizeof noise), &packed, &out);
            was_refused = asked >= refuse_at;
            if (rc == 0) assert_true(slice_eq(buf_slice(&out), slice_of(noise, sizeof noise)));
            if (rc < 0) assert_true(rc == ERR_NOMEM || (rc == ERR_SYSTEM && format == COMPRESS_ZSTD));
            if (rc < 0) errors++;
            buf_clear(&packed);
            buf_clear(&out);
            if (format != COMPRESS_ZSTD) assert_int_equal(live, before); /* its library stays */
        }
    }
    refuse_at = 0;
    assert_true(errors >= 12);
}

/* Reads a stream of events that is cut in the middle of everything. */
static int read_events(size_t *count) {
    static const char stream[] = "id: 1\nevent: add\ndata: one\ndata: two\n\n: comment\nid: 2\ndata: three\n\n";
    struct sse s;
    struct sse_event event;
    int rc = 0;
    sse_init(&s, 64);
    for (size_t i = 0; i + 1 < sizeof stream && rc >= 0; i += 3) {
        struct slice in = slice_head(slice_of(stream + i, sizeof stream - 1 - i), 3);
        while ((rc = sse_step(&s, &in, &event)) == 1) ++*count;
    }
    sse_clear(&s);
    return rc;
}

static void no_event_is_lost_in_silence(void **state) {
    (void)state;
    bool was_refused = true;
    for (refuse_at = 1; was_refused; refuse_at++) {
        long before = live;
        size_t count = 0;
        asked = 0;
        int rc = read_events(&count);
        was_refused = asked >= refuse_at;
        assert_int_equal(live, before);
        assert_int_equal(rc, was_refused ? ERR_NOMEM : 0);
        if (!was_refused) assert_int_equal(count, 2);
    }
    assert_true(refuse_at > 4);
    refuse_at = 0;
}

/* Counts things in a generation and in the next one, which takes over. False: something could not be declared. */
static bool count_things(struct metrics *last, struct metrics *next, uint64_t *dropped) {
    struct metrics *both[] = {last, next};
    bool ok = true;
    for (int g = 0; g < 2; g++) {
        struct metric_want want = {.kind = METRIC_HISTOGRAM, .name = slice_str("took"), .help = slice_str("Times.")};
        struct fault why = {0};
        unsigned place;
        want.labels[want.label_count++] = slice_str("venue");
        if (!(ok = metrics_declare(both[g], &want, &place, &why) && ok)) continue;
        for (int i = 1; i < 40; i++) {
            struct metric_key key = {.size = 0};
            metric_key_add(&key, slice_of("abcdefg", (size_t)(g + i % 6)));
            struct metric_series *s = metric_find(both[g]->list[place], &key);
            if (s) metric_note(both[g]->list[place], s, i);
        }
    }
    metrics_take_over(next, last);
    for (unsigned i = 0; ok && i < next->list[0]->count; i++) *dropped += next->list[0]->series[i]->spread.dropped;
    if (ok) *dropped += next->list[0]->dropped;
    return ok;
}

static void what_is_not_counted_is_counted_as_dropped(void **state) {
    (void)state;
    bool was_refused = true;
    for (refuse_at = 1; was_refused; refuse_at++) {
        long before = live;
        uint64_t dropped = 0;
        asked = 0;
        struct account *a = account_new(), *b = account_new();
        struct metrics *last = a && b ? metrics_new(a, NULL) : NULL, *next = last ? metrics_new(b, last) : NULL;
        bool ok = next && count_things(last, next, &dropped);
        was_refused = asked >= refuse_at;
        assert_int_equal(!ok || dropped > 0, was_refused);
        metrics_release(last);
        metrics_release(next);
        if (a && b) assert_int_equal(a->bytes + b->bytes, 0);
        account_release(a);
        account_release(b);
        assert_int_equal(live, before);
    }
    assert_true(refuse_at > 30);
    refuse_at = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_refusal_is_told_and_leaks_nothing),
        cmocka_unit_test(no_event_is_lost_in_silence),
        cmocka_unit_test(a_stream_is_whole_or_has_no_memory),
        cmocka_unit_test(what_is_not_counted_is_counted_as_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
