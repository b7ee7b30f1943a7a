/* conformance_codec: plays conversations to the codec alone, in memory: whole, cut in two, in pieces and byte by byte.
 * It judges nothing but itself: that what it tells and sends is the same however it is cut. The rest is for judge.lua.
 *
 * On standard input, for each conversation, one line and then the bytes that it announces:
 *
 *     play ROLE LIMIT ECHOES FROM OFFER PATH PROTOCOLS SAYS_SIZE INPUT_SIZE
 *
 * FROM is where cuts begin to be of interest. OFFER is six numbers: DEFLATE SERVER_FORGETS CLIENT_FORGETS SERVER_BITS
 * CLIENT_BITS THRESHOLD. PROTOCOLS is a list, or "-". What is said when the connection is open comes as lines
 *
 *     WHAT CODE SIZE
 *
 * each with its bytes and a line end behind. The answer is made of such lines too, and ends with "end AT 0": the fault
 * or the Close was told at byte AT. */
#include "wire/handshake.h"
#include "wire/ws.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Bytes that are played and come of it, for one conversation: all cuts, or MANY of them; FEW even where that is more
 * work. */
#ifdef __SANITIZE_ADDRESS__
enum { WORK = 1 << 20, FEW = 2, MANY = 20 };
#else
enum { WORK = 4 << 20, FEW = 3, MANY = 20 };
#endif

/* The nonce and the key of the RFC's own example. */
static const char key[] = "dGhlIHNhbXBsZSBub25jZQ==";

struct play {
    enum ws_role role;
    uint64_t limit;
    bool echoes;
    size_t from;
    struct handshake_offer offer;
    char path[512];
    struct slice says, in;
};

/* One playing of it. */
struct stage {
    const struct play *play;
    struct ws w;
    bool open, ended;
    struct buf head, told, sent;
    size_t scanned, taken, at;
};

static uint32_t fixed_mask(void) {
    uint32_t mask;
    memcpy(&mask, "\1\2\3\4", 4);
    return mask;
}

static void must(bool ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "conformance_codec: %s\n", what);
    exit(2);
}

static void tell(struct buf *told, const char *what, unsigned code, struct slice data) {
    buf_printf(told, "%s %u %zu\n", what, code, data.n);
    buf_append(told, data);
    buf_append(told, slice_str("\n"));
}

static void fail(struct stage *s, const char *kind) {
    tell(&s->told, "fault", 0, slice_str(kind));
    s->ended = true;
    s->at = s->taken;
}

/* What the script says as soon as it may. */
static void say_all(struct stage *s) {
    for (struct slice rest = s->play->says; rest.n;) {
        char what[16];
        unsigned code;
        size_t n;
        int used;
        must(sscanf((const char *)rest.p, "%15s %u %zu%n", what, &code, &n, &used) == 3, "what is said?");
        struct slice data = slice_head(slice_skip(rest, (size_t)used + 1), n);
        rest = slice_skip(rest, (size_t)used + n + 2);
        int rc = strcmp(what, "close") == 0  ? ws_close(&s->w, (uint16_t)code, data)
                 : strcmp(what, "ping") == 0 ? ws_ping(&s->w, data)
                                             : ws_send(&s->w, strcmp(what, "text") == 0 ? WS_TEXT : WS_BINARY, data);
        if (rc < 0) tell(&s->told, "refuses", 0, slice_str(what));
    }
}

static void open_up(struct stage *s, const struct deflate_params *deflate, struct slice protocol) {
    ws_init(&s->w, s->play->role, s->play->limit, &s->sent, fixed_mask);
    must(ws_use_deflate(&s->w, deflate, &s->play->offer.deflate) == 0, "no memory");
    s->open = true;
    tell(&s->told, "open", 0, protocol);
    say_all(s);
}

/* A whole head is in s->head. */
static void judge_answer(struct stage *s, struct http1_head *head) {
    const char *why;
    struct slice protocol;
    struct deflate_params deflate;
    struct fault fault = {0};
    if (http1_response_parse(s->head.base + s->head.start, s->head.len, head, &why) < 0) {
        fail(s, "handshake");
    } else if (head->status < 200 && head->status != 101) {
        buf_reset(&s->head, SIZE_MAX);
        s->scanned = 0;
    } else if (handshake_response_judge(head, &s->play->offer, key, &protocol, &deflate, &fault) < 0) {
        fail(s, fault_word(&fault));
    } else {
        open_up(s, &deflate, protocol);
    }
}

static void judge_request(struct stage *s, struct http1_head *head) {
    const char *why;
    unsigned status = 400;
    struct deflate_params deflate = {0};
    struct buf answer;
    buf_init(&answer, SIZE_MAX);
    if (http1_request_parse(s->head.base + s->head.start, s->head.len, head, &why) == 0)
        status = handshake_request_judge(head, &why);
    if (status == 101) {
        struct slice offered = http1_field_get(head, "Sec-WebSocket-Protocol"), first = {0};
        slice_split(&offered, ',', &first);
        handshake_response_write(&answer, head, slice_trim(first), &deflate);
        open_up(s, &deflate, slice_trim(first));
    } else {
        handshake_refusal_write(&answer, status, why);
        s->ended = true;
    }
    tell(&s->told, "answer", status, buf_slice(&answer));
    buf_clear(&answer);
}

/* Takes the head off the front of `in`; before its end, takes all. */
static void take_head(struct stage *s, struct slice *in) {
    struct http1_head *head = calloc(1, sizeof *head);
    size_t had = s->head.len;
    must(head && buf_append(&s->head, *in) == 0, "no memory");
    size_t size = http1_head_size(buf_slice(&s->head), &s->scanned);
    *in = slice_skip(*in, size ? size - had : in->n);
    if (size) {
        s->head.len = size;
        if (s->play->role == WS_CLIENT)
            judge_answer(s, head);
        else
            judge_request(s, head);
    }
    free(head);
}

static void take(struct stage *s, struct slice piece) {
    static const char *const names[] = {
        [WS_TEXT] = "text", [WS_BINARY] = "binary", [WS_CLOSE] = "close", [WS_PING] = "ping", [WS_PONG] = "pong"};
    struct ws_event ev;
    enum ws_step step;
    s->taken += piece.n;
    while (!s->open && !s->ended && piece.n) take_head(s, &piece);
    if (!s->open) return;
    while ((step = ws_step(&s->w, &piece, &ev)) == WS_EVENT) {
        tell(&s->told, names[ev.kind], ev.code, ev.data);
        if (s->play->echoes && (ev.kind == WS_TEXT || ev.kind == WS_BINARY))
            must(ws_send(&s->w, ev.kind, ev.data) == 0, "an echo is refused");
        if (ev.kind == WS_CLOSE && !s->ended) {
            s->ended = true;
            s->at = s->taken;
        }
    }
    must(piece.n == 0, "input is left over");
    if (step == WS_FAILED && !s->ended) fail(s, fault_word(s->w.fault));
}

/* Plays it with a first piece of `first` bytes, then pieces of `step`. */
static void perform(struct stage *s, const struct play *p, size_t first, size_t step) {
    *s = (struct stage){.play = p};
    buf_init(&s->head, SIZE_MAX);
    buf_init(&s->told, SIZE_MAX);
    buf_init(&s->sent, SIZE_MAX);
    struct slice in = p->in;
    for (size_t n = first; in.n; n = step) {
        take(s, slice_head(in, n));
        in = slice_skip(in, slice_head(in, n).n);
    }
    if (s->open) ws_clear(&s->w);
}

static void clear(struct stage *s) {
    buf_clear(&s->head);
    buf_clear(&s->told);
    buf_clear(&s->sent);
}

/* Plays it again in other pieces, and tells where the story is another. Returns the byte at which it ended. */
static size_t again(const struct stage *whole, size_t first, size_t step) {
    struct stage s;
    perform(&s, whole->play, first, step);
    if (!slice_eq(buf_slice(&s.told), buf_slice(&whole->told)) ||
        !slice_eq(buf_slice(&s.sent), buf_slice(&whole->sent))) {
        struct buf out;
        buf_init(&out, SIZE_MAX);
        tell(&out, "differs", (unsigned)first, buf_slice(&s.told));
        fwrite(buf_slice(&out).p, 1, out.len, stdout);
        buf_clear(&out);
    }
    clear(&s);
    return s.at;
}

/* How often this may be played, by the bytes that it takes and makes. */
static size_t times_for(const struct stage *s) {
    size_t inflated = s->open ? (size_t)(INT64_MAX - s->w.inflate_left) : 0;
    return WORK / (s->play->in.n + inflated + s->told.len + s->sent.len + 1);
}

static void play(struct play *p) {
    struct stage whole;
    size_t n = p->in.n, from = p->from;
    perform(&whole, p, n, n);
    size_t times = times_for(&whole);
    if (times >= n - from) {
        for (size_t cut = from + 1; cut < n; cut++) again(&whole, cut, n);
    } else {
        times = times < FEW ? FEW : times > MANY ? MANY : times;
        for (size_t i = 1; i <= times && i < n - from; i++) again(&whole, n - i, n);
        for (size_t i = 1; i <= times; i++) again(&whole, from + i * ((n - from) / (times + 1)), n);
        again(&whole, 1000, n / 1000 < 20000 ? 1000 : n / 20000);
    }
    /* byte by byte, of a long one only the end */
    size_t at = again(&whole, n - from > 4096 ? n - 2000 : from ? from : 1, 1);
    tell(&whole.told, "sent", 0, buf_slice(&whole.sent));
    tell(&whole.told, "end", (unsigned)at, slice_of(NULL, 0));
    fwrite(buf_slice(&whole.told).p, 1, whole.told.len, stdout);
    fflush(stdout);
    clear(&whole);
}

static void tell_request(const struct play *p) {
    struct buf request, out;
    struct url url;
    struct fault fault = {0};
    buf_init(&request, SIZE_MAX);
    buf_init(&out, SIZE_MAX);
    must(url_parse(slice_str(p->path), &url, &fault) == 0, "a wrong url");
    must(handshake_request_write(&request, &url, &p->offer, NULL, key) == 0, "no memory");
    tell(&out, "request", 0, buf_slice(&request));
    fwrite(buf_slice(&out).p, 1, out.len, stdout);
    url_clear(&url);
    buf_clear(&request);
    buf_clear(&out);
}

static struct slice read_bytes(size_t n) {
    char *bytes = calloc(1, n + 1);
    must(bytes && fread(bytes, 1, n, stdin) == n, "the input ends early");
    return slice_of(bytes, n);
}

int main(void) {
    char role[16], path[400], protocols[400];
    int echoes, on, server_forgets, client_forgets, server_bits, client_bits;
    size_t threshold, says, in;
    struct play p;
    while (p = (struct play){0}, scanf("play %15s %" SCNu64 " %d %zu %d %d %d %d %d %zu %399s %399s %zu %zu", role,
                                       &p.limit, &echoes, &p.from, &on, &server_forgets, &client_forgets, &server_bits,
                                       &client_bits, &threshold, path, protocols, &says, &in) == 14) {
        const char *why;
        getchar(); /* the line end */
        p.role = strcmp(role, "server") == 0 ? WS_SERVER : WS_CLIENT;
        p.echoes = echoes;
        snprintf(p.path, sizeof p.path, "ws://127.0.0.1:1234%s", path);
        handshake_offer_init(&p.offer);
        p.offer.deflate = deflate_default_offer;
        p.offer.deflate.on = on;
        p.offer.deflate.server_no_context_takeover = server_forgets;
        p.offer.deflate.client_no_context_takeover = client_forgets;
        p.offer.deflate.server_max_window_bits = (uint8_t)server_bits;
        p.offer.deflate.client_max_window_bits = (uint8_t)client_bits;
        p.offer.deflate.threshold = threshold;
        struct slice list = slice_str(protocols), one;
        while (protocols[0] != '-' && slice_split(&list, ',', &one))
            must(handshake_offer_protocol(&p.offer, one, &why) == 0, "a wrong protocol");
        p.says = read_bytes(says);
        p.in = read_bytes(in);
        if (p.role == WS_CLIENT) tell_request(&p);
        play(&p);
        free((void *)(uintptr_t)p.says.p);
        free((void *)(uintptr_t)p.in.p);
        handshake_offer_clear(&p.offer);
    }
    return 0;
}
