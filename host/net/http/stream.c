/* stream: an answer that is taken in pieces, while it comes. The thread puts bytes into `ahead`, and has libcurl pause
 * when that is full, so that the server has to wait for a reader that is slow; the loop takes all that is there, once
 * in a turn, and has the transfer go on. The head is copied, since the transfer stays the thread's. */
#include "net/http/parts.h"

enum { HEAD_MOST = 1 << 20 }; /* bytes of a head as it is kept; libcurl's own limit is lower */

/* ---- the thread ---- */

/* Puts it on the list of those that the loop hears of. The caller has the lock. */
static void stir(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->stream.stirred) return;
    t->stream.stirred = true;
    t->stream.next_stirred = c->stirred;
    c->stirred = t;
    if (!c->ending) uv_async_send(&c->arrived);
}

static int add_text(struct buf *head, const char *text) {
    return buf_append(head, slice_of(text ? text : "", text ? strlen(text) + 1 : 1));
}

/* Copies the head: reason, url, and name and value of each line, a NUL behind each. */
static int copy_head(struct http_transfer *t, struct buf *head) {
    const struct curl *curl = &t->client->curl;
    const char *url = NULL;
    curl->easy_getinfo(t->easy, CURLINFO_EFFECTIVE_URL, &url);
    int rc = add_text(head, t->reason);
    if (rc == 0) rc = add_text(head, url);
    for (struct curl_header *h = NULL; rc == 0 && (h = curl->easy_nextheader(t->easy, CURLH_HEADER, -1, h));) {
        rc = add_text(head, h->name);
        if (rc == 0) rc = add_text(head, h->value);
    }
    return rc;
}

bool http_stream_head(struct http_transfer *t) {
    struct http_stream *s = &t->stream;
    struct buf head;
    buf_init(&head, HEAD_MOST);
    if (copy_head(t, &head) < 0) {
        buf_clear(&head);
        fault_put(&t->fault, FAULT_HTTP, "no memory for the head of the answer");
        return false;
    }
    uv_mutex_lock(&t->client->lock);
    s->head = head;
    s->status = t->way.status;
    s->headed = true;
    stir(t);
    uv_mutex_unlock(&t->client->lock);
    return true;
}

size_t http_stream_body(struct http_transfer *t, struct slice data) {
    struct http_stream *s = &t->stream;
    uv_mutex_lock(&t->client->lock);
    s->paused = s->ahead.len >= HTTP_STREAM_AHEAD;
    int rc = s->paused ? 0 : buf_append(&s->ahead, data);
    if (rc == 0 && !s->paused) stir(t);
    bool paused = s->paused;
    uv_mutex_unlock(&t->client->lock);
    if (rc < 0) fault_put(&t->fault, FAULT_TOO_BIG, "no memory for %zu bytes of the body", data.n);
    return paused ? CURL_WRITEFUNC_PAUSE : rc < 0 ? 0 : data.n;
}

void http_stream_go_on(struct http_transfer *t) {
    struct http_stream *s = &t->stream;
    if (!t->request.stream) return;
    uv_mutex_lock(&t->client->lock);
    bool goes_on = s->paused && s->ahead.len < HTTP_STREAM_AHEAD;
    if (goes_on) s->paused = false;
    uv_mutex_unlock(&t->client->lock);
    if (goes_on) t->client->curl.easy_pause(t->easy, CURLPAUSE_CONT);
}

/* ---- the loop's side ---- */

void http_stream_take(struct http_transfer *t, struct buf *to) {
    struct http_client *c = t->client;
    struct http_stream *s = &t->stream;
    if (!s->news && !t->is_done) return;
    s->news = false;
    uv_mutex_lock(&c->lock);
    buf_swap(&s->ahead, to);
    if (s->paused && c->multi) c->curl.multi_wakeup(c->multi);
    uv_mutex_unlock(&c->lock);
}

bool http_stream_has_head(const struct http_transfer *t) { return t->stream.is_headed; }

struct http_answer http_stream_answer(const struct http_transfer *t) {
    const char *reason = (const char *)buf_slice(&t->stream.head).p;
    return (struct http_answer){.status = t->stream.status, .reason = reason, .url = reason + strlen(reason) + 1};
}

bool http_stream_header_next(const struct http_transfer *t, void **at, const char **name, const char **value) {
    struct slice head = buf_slice(&t->stream.head);
    const char *last = *at ? *at : http_stream_answer(t).url;
    *name = last + strlen(last) + 1;
    if (*name == (const char *)head.p + head.n) return false;
    *value = *name + strlen(*name) + 1;
    *at = (void *)(uintptr_t)*value;
    return true;
}
