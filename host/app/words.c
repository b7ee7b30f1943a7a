/* words: a list that is searched at each place in a message where a name may begin. */
#include "app/words.h"

/* Where a name begins with another, the longer one is first. */
static const struct {
    const char *of_lua, *here;
} words[] = {
    {"tls.pin = ", "--pin "},
    {"tls.pin", "--pin"},
    {"tls.verify = false", "--insecure"},
    {"verify = false", "--insecure"},
    {"tls.stapling = false", "--no-stapling"},
    {"tls.allow_weak = true", "--allow-weak"},
    {"tls.alpn", "--alpn"},
    {"tls.ca_file", "--ca"},
    {"tls.cert", "--cert"},
    {"tls.key", "--key"},
    {"tls.key_password", "WSBOT_KEY_PASSWORD"},
    {"tls.server_name", "--server-name"},
    {"family = ", "--ipv"},
    {"connect_timeout", "--timeout"},
    {"handshake_timeout", "--timeout"},
    {"local_address", "--local-address"},
    {"max_redirects", "--max-redirects"},
    {"redirect_headers", "--redirect-headers"},
    {"ping_interval", "--ping"},
    {"pong_timeout", "--ping"},
    {"max_message_size", "the limit"},
};

static bool is_in_name(uint8_t c) { return (c >= 'a' && c <= 'z') || c == '_'; }

/* Does `message` begin with that name, or what is written with it, and not with a longer name? */
static bool begins(struct slice message, const char *name) {
    struct slice s = slice_str(name);
    if (!slice_eq(slice_head(message, s.n), s)) return false;
    return message.n == s.n || !is_in_name(s.p[s.n - 1]) || !is_in_name(message.p[s.n]);
}

void words_append(struct buf *out, struct slice message) {
    uint8_t last = 0;
    while (message.n) {
        size_t i = 0, n = sizeof words / sizeof *words;
        while (i < n && (is_in_name(last) || last == '.' || !begins(message, words[i].of_lua))) i++;
        struct slice said = i < n ? slice_str(words[i].of_lua) : slice_head(message, 1);
        buf_append(out, i < n ? slice_str(words[i].here) : said);
        last = said.p[said.n - 1];
        message = slice_skip(message, said.n);
    }
}
