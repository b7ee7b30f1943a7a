/* secret: an address is cut at its delimiters from left to right; the parts are judged by how they look. */
#include "wire/secret.h"

#include "base/shown.h"

const struct secret_style secret_in_records = {"(left out)", false};
const struct secret_style secret_for_people = {"***", true};

static void put_mark(struct buf *out, const struct secret_style *style) { buf_append(out, slice_str(style->mark)); }

/* ---- words ---- */

enum class { OTHER, SMALL, CAPITAL, DIGIT };

static enum class class_of(uint8_t c) {
    return c >= 'a' && c <= 'z'   ? SMALL
           : c >= 'A' && c <= 'Z' ? CAPITAL
           : c >= '0' && c <= '9' ? DIGIT
                                  : OTHER;
}

static int hex(uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes a character off the front, %XX as what it stands for. */
static uint8_t take(struct slice *s) {
    uint8_t c = s->p[0];
    int high = c == '%' && s->n > 2 ? hex(s->p[1]) : -1, low = high < 0 ? -1 : hex(s->p[2]);
    *s = slice_skip(*s, low < 0 ? 1 : 3);
    return (uint8_t)(low < 0 ? c : high << 4 | low);
}

/* Letters and digits in a row. */
struct run {
    size_t size, digits, changes, capitals; /* capitals: those directly before the next character */
    enum class last;
};

static void add(struct run *r, enum class class) {
    bool begins = r->size == 0, is_title = class == SMALL && r->capitals == 1; /* "Feed" */
    if (!begins && class != r->last && !is_title) r->changes++;
    r->size++;
    r->digits += class == DIGIT;
    r->capitals = class == CAPITAL ? r->capitals + 1 : 0;
    r->last = class;
}

static bool is_plain(const struct run *r) {
    enum { SIZE = 20, CHANGES = 3, DIGITS_BESIDE = 4, DIGITS_ALONE = 8 };
    size_t digits = r->digits == r->size ? DIGITS_ALONE : DIGITS_BESIDE;
    return r->size <= SIZE && r->changes <= CHANGES && r->digits <= digits;
}

bool secret_is_word(struct slice s) {
    enum { SIZE = 64, RUNS = 10 };
    struct run run = {0};
    size_t size = 0, runs = 0;
    while (s.n) {
        uint8_t c = take(&s);
        enum class class = class_of(c);
        if (++size > SIZE || c == '=') return false; /* "=" stands before a value, or ends Base64 */
        if (class != OTHER) {
            runs += run.size == 0;
            add(&run, class);
        } else if (is_plain(&run)) {
            run = (struct run){0};
        } else {
            return false;
        }
    }
    return is_plain(&run) && runs <= RUNS;
}

static void put_word(struct buf *out, struct slice s, const struct secret_style *style) {
    if (secret_is_word(s))
        buf_append(out, s);
    else
        put_mark(out, style);
}

/* ---- addresses ---- */

/* How much of `s` is before the first of these letters. */
static size_t before(struct slice s, const char *letters) {
    size_t n = 0;
    while (n < s.n && (s.p[n] == '\0' || !strchr(letters, s.p[n]))) n++;
    return n;
}

static void put_path(struct buf *out, struct slice path, const struct secret_style *style) {
    struct slice segment;
    for (bool first = true; slice_split(&path, '/', &segment); first = false) {
        if (!first) buf_append(out, slice_str("/"));
        put_word(out, segment, style);
    }
}

static void put_query(struct buf *out, struct slice query, const struct secret_style *style) {
    struct slice one, name;
    for (bool first = true; slice_split(&query, '&', &one); first = false) {
        bool has_value = before(one, "=") < one.n;
        if (!first) buf_append(out, slice_str("&"));
        slice_split(&one, '=', &name);
        if (name.n && has_value) put_word(out, name, style);
        if (has_value) buf_append(out, slice_str("="));
        if (name.n || has_value) put_mark(out, style); /* a name alone may be a token */
    }
}

void secret_put_target(struct buf *out, struct slice target, const struct secret_style *style) {
    if (!style) {
        buf_append(out, target);
        return;
    }
    struct slice whole = slice_head(target, before(target, "#"));
    size_t path = before(whole, "?");
    put_path(out, slice_head(whole, path), style);
    if (path < whole.n) buf_append(out, slice_str("?"));
    if (path + 1 < whole.n) put_query(out, slice_skip(whole, path + 1), style);
    if (whole.n == target.n) return;
    buf_append(out, slice_str("#"));
    if (whole.n + 1 < target.n) put_mark(out, style);
}

/* How much of it is "scheme://", "//" or, for a Unix domain socket, the scheme and its path. */
static size_t front_size(struct slice s) {
    static const char unix_scheme[] = "ws+unix:";
    size_t n = before(s, ":/?#@");
    if (slice_eq_nocase(slice_head(s, sizeof unix_scheme - 1), slice_str(unix_scheme)))
        return sizeof unix_scheme - 1 + before(slice_skip(s, sizeof unix_scheme - 1), ":?#");
    if (n < s.n && s.p[n] == ':') n++;
    struct slice slashes = slice_head(slice_skip(s, n), 2);
    return slice_eq(slashes, slice_str("//")) ? n + 2 : 0;
}

/* Is there something at the place of the port that is no port? Then it may be a password. */
static bool has_strange_port(struct slice place) {
    size_t end = before(place, "]"), at = end < place.n ? end : 0;
    struct slice port = slice_skip(place, at + before(slice_skip(place, at), ":"));
    for (size_t i = 1; i < port.n; i++)
        if (class_of(port.p[i]) != DIGIT) return true;
    return false;
}

/* How much of `s` goes up to its last "@", which is included. */
static size_t up_to_at(struct slice s) {
    while (s.n && s.p[s.n - 1] != '@') s.n--;
    return s.n;
}

/* How much of what is behind the scheme may be a user and password, their "@" included; all of it where an "@" comes
 * only behind a "?" or "#" that may be part of the password. */
static size_t login_size(struct slice s, bool has_scheme) {
    struct slice place = slice_head(s, before(s, "/"));
    size_t n = up_to_at(place);
    if (!has_scheme || has_strange_port(slice_skip(place, n))) n = up_to_at(s);
    return n > before(s, "?#") ? s.n : n;
}

void secret_put_address(struct buf *out, struct slice text, const struct secret_style *style) {
    size_t front = style ? front_size(text) : 0, login;
    bool is_path = text.n && (text.p[0] == '/' || text.p[0] == '?') && !front;
    struct slice rest = slice_skip(text, front);
    if (!style || is_path || (front && text.p[front - 1] != '/')) {
        buf_append(out, slice_head(text, front));
        secret_put_target(out, rest, style);
        return;
    }
    buf_append(out, slice_head(text, front));
    if ((login = login_size(rest, front > 0))) put_mark(out, style);
    if (login && login < rest.n) buf_append(out, slice_str("@"));
    rest = slice_skip(rest, login);
    size_t place = front ? before(rest, "/?#") : 0;
    buf_append(out, slice_head(rest, place));
    secret_put_target(out, slice_skip(rest, place), style);
}

const char *secret_shown(struct slice text, char shown[SECRET_SHOWN_SIZE]) {
    enum { MOST = 200 };
    struct buf whole;
    buf_init(&whole, SIZE_MAX);
    secret_put_address(&whole, text, &secret_for_people);
    struct slice all = slice_head(buf_slice(&whole), before(buf_slice(&whole), "?#")), part = slice_head(all, MOST);
    while (part.n < all.n && part.n && (part.p[part.n] & 0xC0) == 0x80) part.n--; /* not within a character */
    shown_copy(shown, SECRET_SHOWN_SIZE, part, 0);
    if (part.n < all.n) strcat(shown, "..."); /* an escape takes four bytes for one at most */
    buf_clear(&whole);
    return shown;
}

/* ---- headers ---- */

static bool is_one_of(struct slice name, const char *const *names) {
    while (*names && !slice_eq_nocase(name, slice_str(*names))) names++;
    return *names != NULL;
}

bool secret_header_may_leave(struct slice name, bool all) {
    static const char *const for_all[] = {"User-Agent", "Accept", "Accept-Language", NULL};
    static const char *const personal[] = {"Host", "Authorization", "Proxy-Authorization", "Cookie", NULL};
    return all ? !is_one_of(name, personal) : is_one_of(name, for_all);
}

/* Headers that identify nobody. */
static bool is_harmless(struct slice name) {
    static const char *const names[] = {"Accept",
                                        "Accept-Encoding",
                                        "Accept-Language",
                                        "Allow",
                                        "Connection",
                                        "Content-Length",
                                        "Content-Type",
                                        "Date",
                                        "Host",
                                        "Keep-Alive",
                                        "Retry-After",
                                        "Sec-WebSocket-Accept",
                                        "Origin",
                                        "Server",
                                        "Transfer-Encoding",
                                        "Sec-WebSocket-Extensions",
                                        "Upgrade",
                                        "User-Agent",
                                        "Sec-WebSocket-Key",
                                        "Sec-WebSocket-Version",
                                        "Vary",
                                        "Via",
                                        "X-Content-Type-Options",
                                        NULL};
    return is_one_of(name, names);
}

/* The scheme of credentials (RFC 9110 11.4), "Basic " say; empty where it is none that is known. */
static struct slice scheme_of(struct slice name, struct slice value) {
    static const char *const schemes[] = {"Basic ", "Bearer ", "Digest ", "Negotiate "};
    if (slice_eq_nocase(name, slice_str("Authorization")) || slice_eq_nocase(name, slice_str("Proxy-Authorization")))
        for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
            struct slice scheme = slice_head(value, strlen(schemes[i]));
            if (slice_eq_nocase(scheme, slice_str(schemes[i]))) return scheme;
        }
    return slice_of(NULL, 0);
}

static bool has_word(struct slice s, const char *word) {
    size_t n = strlen(word);
    for (; s.n >= n; s = slice_skip(s, 1))
        if (slice_eq_nocase(slice_head(s, n), slice_str(word))) return true;
    return false;
}

bool secret_is_in_protocol(struct slice name) {
    static const char *const words[] = {"auth", "bearer", "key", "passw", "secret", "token"};
    enum { SIZE = 31 };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (has_word(name, words[i])) return true;
    return name.n > SIZE || !secret_is_word(name);
}

void secret_put_protocols(struct buf *out, struct slice list, const struct secret_style *style) {
    struct slice one;
    for (bool first = true; slice_split(&list, ',', &one); first = false) {
        if (!first) buf_append(out, slice_str(", "));
        one = slice_trim(one);
        buf_append(out, secret_is_in_protocol(one) ? slice_str(style->mark) : one);
    }
}

void secret_put_header(struct buf *out, struct slice name, struct slice value, const struct secret_style *style) {
    if (!style || is_harmless(name)) {
        buf_append(out, value);
    } else if (slice_eq_nocase(name, slice_str("Sec-WebSocket-Protocol"))) {
        secret_put_protocols(out, value, style);
    } else if (slice_eq_nocase(name, slice_str("Location"))) {
        secret_put_address(out, value, style);
    } else {
        if (style->keeps_scheme) buf_append(out, scheme_of(name, value));
        put_mark(out, style);
    }
}
