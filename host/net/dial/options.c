/* options: the rows of ws.connect. They are read in this order, so that of several errors always the same one is
 * told. */
#include "net/dial/plan.h"

#include <limits.h>

static bool is_address(struct slice text) {
    union address address;
    return address_read(&address, (const char *)text.p, 0) != ADDRESS_NONE;
}

static const struct option_word queueings[] = {
    {"connecting", QUEUE_CONNECTING}, {"always", QUEUE_ALWAYS}, {"never", QUEUE_NEVER}, {.word = NULL}};
static const struct option_word families[] = {{"4", 4}, {"6", 6}, {.word = NULL}};

#define AT(field) OPTION_AT(deflate_offer, field)
static const struct option compression[] = {
    {"compression.server_no_context_takeover", OPTION_FLAG, AT(server_no_context_takeover)},
    {"compression.client_no_context_takeover", OPTION_FLAG, AT(client_no_context_takeover)},
    {"compression.server_max_window_bits", OPTION_WHOLE, AT(server_max_window_bits), .least = DEFLATE_BITS_MIN,
     .most = DEFLATE_BITS_MAX},
    {"compression.client_max_window_bits", OPTION_WHOLE, AT(client_max_window_bits), .least = DEFLATE_BITS_MIN,
     .most = DEFLATE_BITS_MAX},
    {"compression.level", OPTION_WHOLE, AT(level), .least = 0, .most = 9, .usual = 6},
    {"compression.memory_level", OPTION_WHOLE, AT(memory_level), .least = 1, .most = 9, .usual = 8},
    {"compression.threshold", OPTION_WHOLE, AT(threshold), .most = INT_MAX, .usual = DEFLATE_THRESHOLD},
    {.name = NULL},
};
#undef AT

#define AT(field) OPTION_AT(retry_policy, field)
const struct option plan_reconnect[] = {
    {"reconnect.attempts", OPTION_WHOLE, AT(attempts), .least = 1, .most = INT_MAX},
    {"reconnect.factor", OPTION_FACTOR, AT(factor), .least = 1, .usual = 2},
    {"reconnect.fatal", OPTION_CODES, AT(fatal), .least = 100, .most = 4999,
     .expected = "a list of statuses and close codes"},
    {"reconnect.max", OPTION_TIMEOUT, AT(max), .usual = 60},
    {"reconnect.min", OPTION_TIMEOUT, AT(min), .usual = 1},
    {"reconnect.stable", OPTION_SECONDS, AT(stable), .usual = 30},
    {.name = NULL},
};
#undef AT

#define AT(field) OPTION_AT(rotate_policy, field)
static const struct option rotate[] = {
    {"rotate.every", OPTION_TIMEOUT, AT(every)},
    {"rotate.overlap", OPTION_SECONDS, AT(overlap), .usual = 10},
    {.name = NULL},
};
#undef AT

enum { MIB = 1 << 20 };

#define AT(field)      OPTION_AT(plan, field)
#define SETTING(field) OPTION_AT_ONCE, OPTION_AT(plan, settings.field)
const struct option plan_options[] = {
    {"url", OPTION_URL, OPTION_MOVES, AT(url)},
    {"headers", OPTION_HEADERS, OPTION_NEXT_HANDSHAKE, AT(offer.headers)},
    {"ping_interval", OPTION_SECONDS, SETTING(ping_interval)},
    {"binary_type", OPTION_BINARY, OPTION_AT_ONCE, .size = 0},
    {"name", OPTION_NAME, OPTION_AT_ONCE, .size = 0},
    {"protocols", OPTION_PROTOCOLS, OPTION_REOPENS, AT(offer.protocols)},
    {"origin", OPTION_ORIGIN, OPTION_NEXT_HANDSHAKE, AT(offer.origin)},
    {"compression", OPTION_SWITCHED, OPTION_NEXT_HANDSHAKE, AT(offer.deflate), .usual = true, .rows = compression},
    {"connect_timeout", OPTION_TIMEOUT, SETTING(connect_timeout), .usual = 10},
    {"handshake_timeout", OPTION_TIMEOUT, SETTING(handshake_timeout), .usual = 10},
    {"close_timeout", OPTION_TIMEOUT, SETTING(close_timeout), .usual = 5},
    {"pong_timeout", OPTION_TIMEOUT, SETTING(pong_timeout), .usual = 20},
    {"max_message_size", OPTION_BYTES, SETTING(max_message_size), .usual = 16 * MIB},
    {"max_send_buffer", OPTION_BYTES, SETTING(max_send_buffer), .usual = 16 * MIB},
    {"max_receive_buffer", OPTION_BYTES, SETTING(max_receive_buffer), .usual = 16 * MIB},
    {"queue", OPTION_WORD, SETTING(queue), .words = queueings, .expected = "\"connecting\", \"always\" or \"never\""},
    {"fragment_size", OPTION_BYTES, SETTING(fragment_size)},
    {"reconnect", OPTION_SWITCHED, SETTING(retry), .rows = plan_reconnect},
    {"rotate", OPTION_ROWS, SETTING(rotate), .rows = rotate},
    {"tls", OPTION_ROWS, OPTION_REOPENS, AT(tls), .rows = tls_options},
    {"proxy", OPTION_PROXY, OPTION_REOPENS, AT(proxy)},
    {"family", OPTION_WORD, OPTION_REOPENS, AT(family), .words = families, .expected = "4 or 6"},
    {"local_address", OPTION_TEXT, OPTION_REOPENS, AT(local), .good = is_address, .expected = "an IP address"},
    {"resolve", OPTION_RESOLVE, OPTION_REOPENS, AT(resolve)},
    {"max_redirects", OPTION_WHOLE, SETTING(max_redirects), .most = 20},
    {"redirect_headers", OPTION_FLAG, SETTING(redirect_headers)},
    {"cookies", OPTION_COOKIES, SETTING(cookies), .expected = "true, false or a session of http"},
    {.name = NULL},
};
