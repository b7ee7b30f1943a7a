/* jar: the cookies of requests that share a jar. A redirect goes to another place, so they are looked for anew, and
 * each answer on the way may set some. All of it runs in the thread. */
#include "net/http/parts.h"

#include "wire/http1.h"
#include <stdlib.h>
#include <string.h>

static char *part_of(const struct curl *curl, CURLU *url, CURLUPart part) {
    char *text = NULL;
    return curl->url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

void http_jar_place(struct http_transfer *t, CURLU *url) {
    const struct curl *curl = &t->client->curl;
    char address[ADDRESS_TEXT];
    if (!t->request.cookies) return;
    free(t->place.host);
    curl->free(t->place.path);
    http_transfer_write_ipv6(curl, url, address);
    char *name = part_of(curl, url, CURLUPART_HOST);
    t->place.host = address[0] ? strdup(address) : name ? strdup(name) : NULL;
    curl->free(name);
    t->place.path = part_of(curl, url, CURLUPART_PATH);
    char *scheme = part_of(curl, url, CURLUPART_SCHEME);
    t->place.secure = scheme && strcmp(scheme, "https") == 0;
    curl->free(scheme);
}

static struct cookie_place place(const struct http_transfer *t) {
    return (struct cookie_place){
        .host = slice_str(t->place.host), .target = slice_str(t->place.path), .secure = t->place.secure};
}

void http_jar_note(struct http_transfer *t, struct slice line) {
    static const char name[] = "Set-Cookie:";
    const size_t n = sizeof name - 1;
    if (!t->request.cookies || !t->way.in_head || !slice_eq_nocase(slice_head(line, n), slice_str(name))) return;
    struct slice value = slice_skip(line, n);
    while (value.n && (value.p[value.n - 1] == '\n' || value.p[value.n - 1] == '\r')) value.n--;
    value = slice_trim(value);
    struct cookie_place from = place(t);
    if (http1_is_value(value)) cookies_take(t->request.cookies, value, &from, t->request.now);
}

/* "Cookie: a=1; b=2", with a NUL behind. */
static int write_line(struct http_transfer *t, struct slice own, struct buf *line) {
    struct cookie_place to = place(t);
    int rc = buf_append(line, slice_str("Cookie: "));
    size_t before = line->len;
    if (rc == 0) rc = buf_append(line, own);
    if (rc == 0 && own.n) rc = buf_append(line, slice_str("; "));
    size_t between = line->len;
    if (rc == 0 && t->request.cookies) rc = cookies_write(t->request.cookies, &to, t->request.now, line);
    if (rc == 0 && own.n && line->len == between) line->len -= strlen("; ");
    if (rc == 0 && line->len == before) line->len = 0;
    return rc == 0 ? buf_append(line, slice_of("", 1)) : rc;
}

char *http_jar_line(struct http_transfer *t, struct slice own) {
    struct buf line;
    buf_init(&line, SIZE_MAX);
    if (write_line(t, own, &line) < 0) {
        fault_put(&t->fault, FAULT_HTTP, "not enough memory for its cookies");
        buf_clear(&line);
        return NULL;
    }
    char *text = line.len > 1 ? strdup((const char *)buf_slice(&line).p) : NULL;
    if (!text && line.len > 1) fault_put(&t->fault, FAULT_HTTP, "not enough memory for its cookies");
    buf_clear(&line);
    return text;
}
