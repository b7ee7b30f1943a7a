/* deflate: first the parameters, then the streams. */
#include "wire/deflate.h"

#include "wire/http1.h"
#include <stdlib.h>

const struct deflate_offer deflate_default_offer = {
    .on = true, .level = 6, .memory_level = 8, .threshold = DEFLATE_THRESHOLD};

static const char extension[] = "permessage-deflate";

/* ---- parameters ---- */

/* One element of an extension list, read from left to right (RFC 6455 9.1). */
struct element {
    struct slice name, rest;
};

/* Takes the next `name; parameters` off a list, minding quoted strings. */
static bool next_element(struct slice *list, struct element *out) {
    bool quoted = false;
    size_t n = 0;
    while (n < list->n && (quoted || list->p[n] != ',')) {
        if (list->p[n] == '"') quoted = !quoted;
        n++;
    }
    if (list->n == 0) return false;
    struct slice one = slice_head(*list, n);
    *list = slice_skip(*list, n < list->n ? n + 1 : n);
    out->rest = one;
    if (!slice_split(&out->rest, ';', &out->name)) return false;
    out->name = slice_trim(out->name);
    return true;
}

/* Takes the next parameter; a quoted value loses its quotes. `value->p` is NULL where there is none. */
static bool next_parameter(struct element *e, struct slice *name, struct slice *value) {
    struct slice one;
    if (!slice_split(&e->rest, ';', &one)) return false;
    struct slice before = one;
    slice_split(&one, '=', &before);
    *name = slice_trim(before);
    *value = one.p ? slice_trim(one) : one;
    if (value->n >= 2 && value->p[0] == '"' && value->p[value->n - 1] == '"')
        *value = slice_of(value->p + 1, value->n - 2);
    return true;
}

/* The window bits that a value stands for; 0 where it is none. */
static uint8_t bits_of(struct slice value) {
    if (value.n == 1 && (value.p[0] == '8' || value.p[0] == '9')) return value.p[0] - '0';
    if (value.n == 2 && value.p[0] == '1' && value.p[1] >= '0' && value.p[1] <= '5')
        return (uint8_t)(10 + value.p[1] - '0');
    return 0;
}

enum parameter { UNKNOWN, SERVER_NO_CONTEXT, CLIENT_NO_CONTEXT, SERVER_BITS, CLIENT_BITS };

static enum parameter parameter_of(struct slice name) {
    static const char *const names[] = {
        [SERVER_NO_CONTEXT] = "server_no_context_takeover",
        [CLIENT_NO_CONTEXT] = "client_no_context_takeover",
        [SERVER_BITS] = "server_max_window_bits",
        [CLIENT_BITS] = "client_max_window_bits",
    };
    for (enum parameter p = SERVER_NO_CONTEXT; p <= CLIENT_BITS; p++)
        if (slice_eq_nocase(name, slice_str(names[p]))) return p;
    return UNKNOWN;
}

/* Reads the parameters of one element. NULL, or a literal that says what is wrong. `seen` gets a bit for each,
 * `valueless` says whether client_max_window_bits came without a value, which only an offer may do. */
static const char *read_parameters(struct element *e, struct deflate_params *out, unsigned *seen, bool *valueless) {
    struct slice name = {0}, value;
    *out = (struct deflate_params){
        .on = true, .server_max_window_bits = DEFLATE_BITS_MAX, .client_max_window_bits = DEFLATE_BITS_MAX};
    *seen = 0;
    *valueless = false;
    while (next_parameter(e, &name, &value)) {
        enum parameter p = parameter_of(name);
        bool bits = p == SERVER_BITS || p == CLIENT_BITS;
        if (p == UNKNOWN) return "a parameter that permessage-deflate does not have";
        if (*seen & 1u << p) return "a parameter of permessage-deflate that is repeated";
        if (!bits && value.p) return "a parameter of permessage-deflate with a value that it does not take";
        if (bits && value.p && !bits_of(value)) return "window bits that are not 8 to 15";
        if (p == SERVER_BITS && !value.p) return "server_max_window_bits without a value";
        *seen |= 1u << p;
        if (p == SERVER_NO_CONTEXT) out->server_no_context_takeover = true;
        if (p == CLIENT_NO_CONTEXT) out->client_no_context_takeover = true;
        if (p == SERVER_BITS) out->server_max_window_bits = bits_of(value);
        if (p == CLIENT_BITS && value.p) out->client_max_window_bits = bits_of(value);
        if (p == CLIENT_BITS && !value.p) *valueless = true;
    }
    return NULL;
}

int deflate_offer_write(struct buf *out, const struct deflate_offer *o) {
    int rc = buf_append(out, slice_str(extension));
    if (rc == 0 && o->server_no_context_takeover) rc = buf_append(out, slice_str("; server_no_context_takeover"));
    if (rc == 0 && o->client_no_context_takeover) rc = buf_append(out, slice_str("; client_no_context_takeover"));
    if (rc == 0 && o->server_max_window_bits)
        rc = buf_printf(out, "; server_max_window_bits=%u", o->server_max_window_bits);
    if (rc == 0) rc = buf_append(out, slice_str("; client_max_window_bits"));
    if (rc == 0 && o->client_max_window_bits) rc = buf_printf(out, "=%u", o->client_max_window_bits);
    return rc;
}

int deflate_answer_judge(struct slice answer, const struct deflate_offer *offer, struct deflate_params *out,
                         struct fault *fault) {
    struct element e;
    const char *why = NULL;
    *out = (struct deflate_params){0};
    while (!why && next_element(&answer, &e)) {
        unsigned seen;
        bool valueless;
        if (e.name.n == 0 && !e.rest.p) continue; /* an empty element of a list means nothing (RFC 9110 5.6.1) */
        if (!offer->on || !slice_eq_nocase(e.name, slice_str(extension))) {
            fault_put(fault, FAULT_HANDSHAKE, "the server uses an extension that was not offered: %.*s (RFC 6455 4.1)",
                      SLICE_ARGS(slice_head(e.name, 100)));
            return ERR_RANGE;
        }
        if (out->on) why = "permessage-deflate twice";
        if (!why) why = read_parameters(&e, out, &seen, &valueless);
        if (why) break;
        if (valueless) why = "client_max_window_bits without a value";
        if (offer->client_max_window_bits && out->client_max_window_bits > offer->client_max_window_bits) {
            if (seen & 1u << CLIENT_BITS)
                why = "a larger client_max_window_bits than was offered";
            else
                out->client_max_window_bits =
                    offer->client_max_window_bits; /* we keep to what we offered (RFC 7692 7.1.2.2) */
        }
        if (offer->server_max_window_bits && out->server_max_window_bits > offer->server_max_window_bits)
            why = seen & 1u << SERVER_BITS ? "a larger server_max_window_bits than was asked for"
                                           : "no server_max_window_bits, though they were asked for";
        if (offer->server_no_context_takeover && !out->server_no_context_takeover)
            why = "no server_no_context_takeover, though it was asked for";
        if (offer->client_no_context_takeover) out->client_no_context_takeover = true; /* we keep to what we offered */
    }
    if (!why) return 0;
    fault_put(fault, FAULT_HANDSHAKE, "the server answered with %s (RFC 7692 7.1)", why);
    return ERR_RANGE;
}

int deflate_request_accept(struct slice request, struct deflate_params *out, struct buf *answer) {
    struct element e;
    unsigned seen = 0;
    bool valueless;
    *out = (struct deflate_params){0};
    while (!out->on && next_element(&request, &e)) {
        if (!slice_eq_nocase(e.name, slice_str(extension))) continue;
        if (read_parameters(&e, out, &seen, &valueless))
            *out = (struct deflate_params){0}; /* declined: the next offer may do */
    }
    if (!out->on) return 0;
    int rc = buf_append(answer, slice_str(extension));
    if (rc == 0 && out->server_no_context_takeover) rc = buf_append(answer, slice_str("; server_no_context_takeover"));
    if (rc == 0 && out->client_no_context_takeover) rc = buf_append(answer, slice_str("; client_no_context_takeover"));
    if (rc == 0 && (seen & 1u << SERVER_BITS))
        rc = buf_printf(answer, "; server_max_window_bits=%u", out->server_max_window_bits);
    return rc;
}

/* ---- streams ---- */

void deflate_init(struct deflate *d, const struct deflate_params *params, const struct deflate_offer *offer,
                  bool client) {
    *d = (struct deflate){
        .keep_deflater = !(client ? params->client_no_context_takeover : params->server_no_context_takeover),
        .keep_inflater = !(client ? params->server_no_context_takeover : params->client_no_context_takeover),
        .deflate_bits = client ? params->client_max_window_bits : params->server_max_window_bits,
        .inflate_bits = client ? params->server_max_window_bits : params->client_max_window_bits,
        .level = offer->level,
        .memory_level = offer->memory_level,
    };
    /* zlib makes no raw stream for a window of 2^8, and needs none: with 2^9 it never looks back farther than 250
     * bytes, since it keeps 262 bytes of the window for what is to come. */
    if (d->deflate_bits == 8) d->deflate_bits = 9;
}

/* zlib's memory comes from where all of wire/ has its own, so that a test can refuse it. */
static voidpf allocate(voidpf arg, uInt n, uInt size) {
    (void)arg;
    return calloc(n, size);
}

static void give_back(voidpf arg, voidpf memory) {
    (void)arg;
    free(memory);
}

static const z_stream new_stream = {.zalloc = allocate, .zfree = give_back};

static void end_deflater(struct deflate *d) {
    if (d->deflating) deflateEnd(&d->deflater);
    d->deflating = false;
}

static void end_inflater(struct deflate *d) {
    if (d->inflating) inflateEnd(&d->inflater);
    d->inflating = false;
}

void deflate_clear(struct deflate *d) {
    end_deflater(d);
    end_inflater(d);
}

/* As zconf.h states it. */
size_t deflate_size(const struct deflate *d) {
    enum { INFLATER = 7 * 1024 };
    size_t out = d->deflating ? ((size_t)1 << (d->deflate_bits + 2)) + ((size_t)1 << (d->memory_level + 9)) : 0;
    size_t in = d->inflating ? ((size_t)1 << d->inflate_bits) + INFLATER : 0;
    return sizeof *d + out + in;
}

void deflate_forget(struct deflate *d) { end_deflater(d); }

int deflate_message(struct deflate *d, struct slice message, struct buf *out) {
    static const uint8_t empty_block = 0;
    z_stream *z = &d->deflater;
    size_t plain = message.n, before = out->len;
    if (message.n == 0) return buf_append(out, slice_of(&empty_block, 1)); /* RFC 7692 7.2.3.6 */
    if (!d->deflating) {
        *z = new_stream;
        if (deflateInit2(z, d->level, Z_DEFLATED, -d->deflate_bits, d->memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
            return ERR_NOMEM;
        d->deflating = true;
    }
    z->next_in = message.p;
    while (message.n) { /* over 4 GB in parts */
        z->avail_in = message.n < UINT32_MAX ? (uInt)message.n : UINT32_MAX;
        message = slice_skip(message, z->avail_in);
        do {
            size_t room = 64 + (z->avail_in < 65536 ? z->avail_in : 65536);
            uint8_t *to = buf_reserve(out, room);
            if (!to) {
                end_deflater(d);
                return buf_fits(out, room) ? ERR_NOMEM : ERR_FULL;
            }
            z->next_out = to;
            z->avail_out = (uInt)room;
            deflate(z, message.n ? Z_NO_FLUSH : Z_SYNC_FLUSH);
            buf_commit(out, room - z->avail_out);
        } while (z->avail_out == 0);
    }
    out->len -= 4; /* 00 00 ff ff */
    d->plain_out += plain;
    d->packed_out += out->len - before;
    if (!d->keep_deflater) end_deflater(d);
    return 0;
}

/* After a final block another DEFLATE stream begins, which may refer to the window of the last one. */
static int restart(z_stream *z) {
    Bytef window[1 << DEFLATE_BITS_MAX];
    uInt n = 0;
    if (inflateGetDictionary(z, window, &n) != Z_OK || inflateReset(z) != Z_OK) return ERR_NOMEM;
    return n == 0 || inflateSetDictionary(z, window, n) == Z_OK ? 0 : ERR_NOMEM;
}

static int run(z_stream *z, struct slice in, struct buf *out) {
    z->next_in = in.p;
    while (in.n) {
        z->avail_in = in.n < UINT32_MAX ? (uInt)in.n : UINT32_MAX;
        in = slice_skip(in, z->avail_in);
        for (bool more = true; more;) {
            uint8_t beyond; /* takes a byte past the cap of `out` */
            size_t left = out->cap > out->len ? out->cap - out->len : 0, room = left < 16384 ? left : 16384;
            if (left == 0) room = 1;
            uint8_t *to = left ? buf_reserve(out, room) : &beyond;
            if (!to) return ERR_NOMEM;
            z->next_out = to;
            z->avail_out = (uInt)room;
            int rc = inflate(z, Z_SYNC_FLUSH);
            size_t made = room - z->avail_out;
            if (left == 0 && made) return ERR_TOO_BIG;
            if (left) buf_commit(out, made);
            if (rc == Z_MEM_ERROR) return ERR_NOMEM;
            if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) return ERR_SYNTAX;
            if (rc == Z_STREAM_END && restart(z) < 0) return ERR_NOMEM;
            more = z->avail_out == 0 || (rc == Z_STREAM_END && z->avail_in > 0);
        }
        if (z->avail_in) return ERR_SYNTAX;
    }
    return 0;
}

int deflate_inflate(struct deflate *d, struct slice part, bool last, struct buf *out) {
    static const uint8_t tail[] = {0x00, 0x00, 0xFF, 0xFF};
    if (!d->inflating) {
        d->inflater = new_stream;
        if (inflateInit2(&d->inflater, -d->inflate_bits) != Z_OK) return ERR_NOMEM;
        d->inflating = true;
    }
    size_t before = out->len;
    int rc = run(&d->inflater, part, out);
    d->packed_in += part.n;
    d->plain_in += out->len - before;
    if (rc == 0 && last) rc = run(&d->inflater, slice_of(tail, sizeof tail), out);
    if (rc == 0 && last && !d->keep_inflater) end_inflater(d);
    return rc;
}
