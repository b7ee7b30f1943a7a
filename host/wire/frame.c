/* frame: heads read and written byte by byte. */
#include "wire/frame.h"

#include <inttypes.h>
#include <stdio.h>

const char *frame_opcode_name(unsigned opcode) {
    static const char *const names[16] = {[FRAME_CONTINUATION] = "continuation",
                                          [FRAME_TEXT] = "text",
                                          [FRAME_BINARY] = "binary",
                                          [FRAME_CLOSE] = "Close",
                                          [FRAME_PING] = "ping",
                                          [FRAME_PONG] = "pong"};
    return names[opcode & 0xF];
}

static bool known(uint8_t opcode) { return opcode <= 0x2 || (opcode >= 0x8 && opcode <= 0xA); }

/* How many bytes the extended length has. */
static size_t wide_of(uint8_t second) {
    uint8_t form = second & 0x7F;
    return form == 126 ? 2 : form == 127 ? 8 : 0;
}

static uint64_t length_of(struct slice in, size_t wide) {
    uint64_t length = wide ? 0 : in.p[1] & 0x7F;
    for (size_t i = 0; i < wide; i++) length = length << 8 | in.p[2 + i];
    return length;
}

static int check_first(uint8_t byte, const struct frame_rules *rules) {
    uint8_t rsv = byte >> 4 & 7;
    if (rsv & ~rules->rsv_allowed) return FRAME_BAD_RSV;
    if (rsv && ((byte & 0x8) || (byte & 0xF) == FRAME_CONTINUATION)) return FRAME_BAD_RSV; /* RFC 7692 6 */
    if (!known(byte & 0xF)) return FRAME_BAD_OPCODE;
    if ((byte & 0x8) && !(byte & 0x80)) return FRAME_BAD_CONTROL;
    return 0;
}

static int check_second(uint8_t first, uint8_t byte, const struct frame_rules *rules) {
    bool masked = byte & 0x80;
    if (masked && !rules->masked) return FRAME_BAD_MASK;
    if (!masked && rules->masked) return FRAME_MISSING_MASK;
    if ((first & 0x8) && (byte & 0x7F) > FRAME_CONTROL_MAX) return FRAME_BAD_CONTROL;
    return 0;
}

int frame_head_read(struct slice in, const struct frame_rules *rules, struct frame_head *out) {
    if (in.n == 0) return 0;
    int error = check_first(in.p[0], rules);
    if (!error && in.n >= 2) error = check_second(in.p[0], in.p[1], rules);
    if (error || in.n < 2) return error;

    size_t wide = wide_of(in.p[1]);
    if (wide == 8 && in.n > 2 && (in.p[2] & 0x80)) return FRAME_LENGTH_TOO_LARGE;
    if (in.n < 2 + wide) return 0;
    uint64_t length = length_of(in, wide);
    if ((wide == 2 && length < 126) || (wide == 8 && length <= 0xFFFF)) return FRAME_LENGTH_NOT_LEAST;

    bool masked = in.p[1] & 0x80;
    size_t size = 2 + wide + (masked ? 4 : 0);
    if (in.n < size) return 0;
    *out = (struct frame_head){
        .fin = in.p[0] & 0x80,
        .rsv = in.p[0] >> 4 & 7,
        .opcode = (enum frame_opcode)(in.p[0] & 0xF),
        .masked = masked,
        .length = length,
    };
    if (masked) memcpy(out->mask, in.p + 2 + wide, 4);
    return (int)size;
}

size_t frame_head_write(uint8_t out[FRAME_HEAD_MAX], const struct frame_head *head) {
    uint8_t *p = out;
    *p++ = (uint8_t)((head->fin ? 0x80 : 0) | head->rsv << 4 | (int)head->opcode);
    uint8_t mask_bit = head->masked ? 0x80 : 0;
    int wide = head->length < 126 ? 0 : head->length <= 0xFFFF ? 2 : 8;
    *p++ = (uint8_t)(mask_bit | (wide == 0 ? head->length : wide == 2 ? 126 : 127));
    for (int i = wide - 1; i >= 0; i--) *p++ = (uint8_t)(head->length >> (8 * i));
    if (head->masked) {
        memcpy(p, head->mask, 4);
        p += 4;
    }
    return (size_t)(p - out);
}

size_t frame_size(size_t length, bool masked) {
    return length + 2 + (length < 126 ? 0 : length <= 0xFFFF ? 2 : 8) + (masked ? 4 : 0);
}

/* "RSV1", "RSV1 and RSV3", ... */
static const char *rsv_names(uint8_t rsv) {
    static const char *const names[] = {"no RSV", "RSV3",          "RSV2",          "RSV2 and RSV3",
                                        "RSV1",   "RSV1 and RSV3", "RSV1 and RSV2", "RSV1, RSV2 and RSV3"};
    return names[rsv & 7];
}

static void tell_rsv(const char *frame, uint8_t rsv, const struct frame_rules *rules, char text[FRAME_ERROR_SIZE]) {
    uint8_t meaningless = rsv & (uint8_t)~rules->rsv_allowed;
    if (meaningless)
        snprintf(text, FRAME_ERROR_SIZE, "%s with %s set, which no agreed extension uses (RFC 6455 5.2)", frame,
                 rsv_names(meaningless));
    else
        snprintf(text, FRAME_ERROR_SIZE, "%s with %s set, which is for the first frame of a message (RFC 7692 6)",
                 frame, rsv_names(rsv));
}

void frame_error_tell(int error, struct slice in, const struct frame_rules *rules, char text[FRAME_ERROR_SIZE]) {
    char frame[32];
    uint8_t first = in.p[0];
    const char *name = frame_opcode_name(first & 0xF), *what = "wrong";
    if (name)
        snprintf(frame, sizeof frame, "a %s frame", name);
    else
        snprintf(frame, sizeof frame, "a frame of opcode 0x%X", first & 0xFu);
    switch (error) {
    case FRAME_BAD_RSV: tell_rsv(frame, first >> 4 & 7, rules, text); return;
    case FRAME_LENGTH_NOT_LEAST:
        snprintf(text, FRAME_ERROR_SIZE,
                 "%s with a length of %" PRIu64 " in %zu bytes, not in its shortest form (RFC 6455 5.2)", frame,
                 length_of(in, wide_of(in.p[1])), wide_of(in.p[1]));
        return;
    case FRAME_BAD_OPCODE: what = ", which is reserved (RFC 6455 5.2)"; break;
    case FRAME_BAD_CONTROL:
        what = first & 0x80 ? " of more than 125 bytes (RFC 6455 5.5)" : " that is fragmented (RFC 6455 5.5)";
        break;
    case FRAME_BAD_MASK: what = " from a server is masked (RFC 6455 5.1)"; break;
    case FRAME_MISSING_MASK: what = " from a client is not masked (RFC 6455 5.1)"; break;
    case FRAME_LENGTH_TOO_LARGE: what = " with a length of 2^63 or more (RFC 6455 5.2)"; break;
    }
    snprintf(text, FRAME_ERROR_SIZE, "%s%s", frame, what);
}
