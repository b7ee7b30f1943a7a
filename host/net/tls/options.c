/* options: the rows of TLS. */
#include "net/option.h"
#include "net/tls/tls.h"

#include "net/address.h"
#include "wire/pin.h"

static bool has_no_zone(struct slice name) { return !*address_zone((const char *)name.p); }

static bool is_alpn(struct slice name) {
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == ',' || name.p[i] == '\r' || name.p[i] == '\n' || name.p[i] == '\0') return false;
    return name.n >= 1 && name.n <= 255;
}

static const struct option_word versions[] = {{"1.2", TLS_1_2}, {"1.3", TLS_1_3}, {.word = NULL}};

#define AT(field) OPTION_AT(tls_config, field)
const struct option tls_options[] = {
    {"tls.allow_weak", OPTION_FLAG, AT(allow_weak)},
    {"tls.alpn", OPTION_LIST, AT(alpn), .good = is_alpn,
     .expected = "the name of a protocol, 1 to 255 bytes without comma, CR, LF and NUL (\"http/1.1\")"},
    {"tls.ca_file", OPTION_TEXT, AT(ca_file)},
    {"tls.ca_path", OPTION_TEXT, AT(ca_path)},
    {"tls.cert", OPTION_TEXT, AT(cert)},
    {"tls.key", OPTION_TEXT, AT(key)},
    {"tls.key_password", OPTION_SECRET, AT(key_password)},
    {"tls.min_version", OPTION_WORD, AT(min_version), .words = versions, .expected = "\"1.2\" or \"1.3\""},
    {"tls.pin", OPTION_LIST, AT(pins), .good = pin_valid,
     .expected = "\"sha256//\" and the Base64 of a public key's SHA-256, 44 characters (as curl's --pinnedpubkey)"},
    {"tls.server_name", OPTION_TEXT, AT(server_name), .good = has_no_zone,
     .expected = "a name or an address without a zone (what stands behind '%')"},
    {"tls.stapling", OPTION_NOT, AT(no_stapling), .usual = true},
    {"tls.system_ca", OPTION_FLAG, AT(system_ca)},
    {"tls.verify", OPTION_NOT, AT(no_verify), .usual = true},
    {.name = NULL},
};

bool tls_config_equal(const struct tls_config *a, const struct tls_config *b) {
    return a->to_proxy == b->to_proxy && !options_differ(tls_options, a, b, OPTIONS_ALL);
}

void tls_config_clear(struct tls_config *c) {
    options_clear(tls_options, c);
    *c = (struct tls_config){0};
}

int tls_config_copy(struct tls_config *to, const struct tls_config *from) {
    *to = *from;
    if (options_copy(tls_options, to)) return 0;
    tls_config_clear(to);
    return ERR_NOMEM;
}
