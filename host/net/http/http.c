/* http: libcurl's multi interface in a thread of its own, since some calls take long: GnuTLS reads all CAs for each new
 * connection. Two queues lie between the threads. A transfer goes to the thread by one of them, and always comes back
 * by the other, ended or cancelled; between the two it is the thread's, but for what is atomic. Only then the loop
 * reads what came, and frees it. Nothing of a script ever runs in the thread. What it does there is in transfer.c. */
#include "net/http/parts.h"

#include "base/log.h"
#include "base/thread_signals.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum {
    KEPT_CONNECTIONS = 16, /* idle ones, for the next requests */
    NAP = 60 * 1000,       /* milliseconds that the thread sleeps at most */
    END_LIMIT = 250,       /* milliseconds: in which the thread is expected to end */
};

static void put(struct queue *q, struct http_transfer *t) {
    t->next = NULL;
    *(q->last ? &q->last->next : &q->first) = t;
    q->last = t;
}

static struct http_transfer *take(struct queue *q) {
    struct http_transfer *t = q->first;
    if (t && !(q->first = t->next)) q->last = NULL;
    return t;
}

static struct queue take_all(struct queue *q) {
    struct queue all = *q;
    *q = (struct queue){0};
    return all;
}

/* ---- the thread ---- */

/* Begins new transfers. False: the thread is to end. */
static bool receive(struct http_client *c) {
    struct http_transfer *t;
    uv_mutex_lock(&c->lock);
    struct queue fresh = take_all(&c->fresh);
    bool ending = c->ending;
    uv_mutex_unlock(&c->lock);
    while ((t = take(&fresh))) {
        put(&c->active, t);
        http_transfer_begin(t);
    }
    return !ending;
}

/* Gives those that are over or cancelled back to the loop. */
static void give_back(struct http_client *c) {
    struct http_transfer *t;
    struct queue all = take_all(&c->active);
    while ((t = take(&all))) {
        if (!t->over && !t->cancelled) {
            http_stream_go_on(t);
            put(&c->active, t);
            continue;
        }
        c->curl.multi_remove_handle(c->multi, t->easy); /* does nothing to one that was never added */
        uv_mutex_lock(&c->lock);
        put(&c->back, t);
        if (!c->ending) uv_async_send(&c->arrived);
        uv_mutex_unlock(&c->lock);
    }
}

static void see_finished(struct http_client *c) {
    int left;
    for (CURLMsg *m; (m = c->curl.multi_info_read(c->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        struct http_transfer *t = NULL;
        c->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        http_transfer_finish(t, m->data.result);
    }
}

static void work(struct http_client *c) {
    int left;
    while (receive(c)) {
        give_back(c); /* cancelled ones go no further */
        c->curl.multi_perform(c->multi, &left);
        see_finished(c);
        give_back(c);
        c->curl.multi_poll(c->multi, NULL, 0, NAP, NULL);
    }
}

static void refuse(struct http_client *c) {
    for (struct http_transfer *t; (t = take(&c->fresh));) {
        t->fault = c->fault;
        put(&c->back, t);
    }
    if (!c->ending) uv_async_send(&c->arrived);
}

static void run(void *arg) {
    struct http_client *c = arg;
    struct fault fault = {0};
    CURLM *multi = NULL;
    if (curl_load(&c->curl, &fault)) {
        if (c->curl.global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) multi = c->curl.multi_init();
        if (multi)
            c->curl.multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
        else
            fault_put(&fault, FAULT_HTTP, "libcurl cannot start: not enough memory");
    }
    uv_mutex_lock(&c->lock);
    c->multi = multi;
    c->fault = fault;
    if (!multi) refuse(c);
    uv_mutex_unlock(&c->lock);
    if (multi) work(c);
    uv_mutex_lock(&c->lock);
    c->ended = true;
    uv_cond_signal(&c->has_ended);
    uv_mutex_unlock(&c->lock);
}

/* The caller has the lock. */
static void wake(struct http_client *c) {
    if (c->multi) c->curl.multi_wakeup(c->multi);
}

/* Has the thread end, before the program does. False where it does not within a quarter of a second, busy with
 * something that cannot be broken off: then no library may clean up, so the program is to be left by net_leave. */
static bool end_client(struct http_client *c) {
    uint64_t now, until = uv_hrtime() + END_LIMIT * CLOCK_MS;
    uv_mutex_lock(&c->lock);
    c->ending = true;
    wake(c);
    while (!c->ended && (now = uv_hrtime()) < until) uv_cond_timedwait(&c->has_ended, &c->lock, until - now);
    bool ended = c->ended;
    uv_mutex_unlock(&c->lock);
    if (ended && !c->joined) c->joined = uv_thread_join(&c->thread) == 0;
    return ended;
}

/* ---- the loop's side ---- */

static void free_transfer(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->easy) c->curl.easy_cleanup(t->easy);
    if (t->headers) c->curl.slist_free_all(t->headers);
    for (struct kept *k = t->kept, *next; k; k = next) {
        next = k->next;
        free(k);
    }
    buf_clear(&t->body);
    buf_clear(&t->stream.ahead);
    buf_clear(&t->stream.head);
    free(t->place.host);
    if (t->place.path) c->curl.free(t->place.path);
    cookies_release(t->request.cookies);
    free(t);
}

/* The loop is kept alive while an answer is awaited, or more of one. */
static void keep_alive(struct http_client *c) {
    if (c->awaited + c->listening > 0)
        uv_ref((uv_handle_t *)&c->arrived);
    else
        uv_unref((uv_handle_t *)&c->arrived);
}

/* Is an answer awaited, or the head of a stream? */
static void await(struct http_transfer *t, bool is_awaited) {
    if (t->is_awaited == is_awaited) return;
    t->is_awaited = is_awaited;
    t->client->awaited += is_awaited ? 1 : -1;
    keep_alive(t->client);
}

void http_listen(struct net *net, int more) {
    net->http->listening += (unsigned)more;
    keep_alive(net->http);
}

/* Tells of a stream that has something new; it may be that of one that was cancelled. */
static void tell_news(struct http_transfer *t, bool headed) {
    if (t->cancelled) return;
    t->stream.news = true;
    t->stream.is_headed = headed;
    if (headed) await(t, false);
    t->done(t->arg);
}

/* Tells of all streams with something new. It is the last that is heard of those that are back by now. */
static void tell_stirred(struct http_client *c) {
    uv_mutex_lock(&c->lock);
    while (c->stirred) {
        struct http_transfer *t = c->stirred;
        c->stirred = t->stream.next_stirred;
        t->stream.stirred = false;
        bool headed = t->stream.headed;
        uv_mutex_unlock(&c->lock);
        tell_news(t, headed);
        uv_mutex_lock(&c->lock);
    }
    uv_mutex_unlock(&c->lock);
}

static void on_arrived(uv_async_t *async) {
    struct http_client *c = async->data;
    uv_mutex_lock(&c->lock);
    struct queue back = take_all(&c->back);
    uv_mutex_unlock(&c->lock);
    tell_stirred(c);
    for (struct http_transfer *t; (t = take(&back));) {
        c->held -= t->body.len;
        if (t->cancelled) {
            free_transfer(t);
            continue;
        }
        t->is_done = true;
        await(t, false);
        t->done(t->arg);
    }
}

static void destroy(struct http_client *c) {
    uv_cond_destroy(&c->has_ended);
    uv_mutex_destroy(&c->lock);
    free(c);
}

static void on_closed(uv_handle_t *handle) { destroy(handle->data); }

/* A client whose thread is not started yet. */
static struct http_client *new_client(struct net *net, struct fault *fault) {
    struct http_client *c = calloc(1, sizeof *c);
    int rc = c ? uv_mutex_init(&c->lock) : UV_ENOMEM;
    if (rc != 0) goto no_lock;
    if ((rc = uv_cond_init(&c->has_ended)) != 0) goto no_condition;
    if ((rc = uv_async_init(net->loop, &c->arrived, on_arrived)) != 0) goto no_async;
    c->arrived.data = c;
    return c;
no_async:
    uv_cond_destroy(&c->has_ended);
no_condition:
    uv_mutex_destroy(&c->lock);
no_lock:
    free(c);
    fault_put(fault, FAULT_HTTP, "cannot start: %s", uv_strerror(rc));
    return NULL;
}

/* They leave the multi handle first: libcurl does not free what it holds of one that is paused otherwise. */
static void free_active(struct http_client *c) {
    for (struct http_transfer *t; (t = take(&c->active)); free_transfer(t))
        if (t->easy) c->curl.multi_remove_handle(c->multi, t->easy);
}

static void free_client(struct net *net) {
    struct http_client *c = net->http;
    if (!end_client(c)) return; /* a thread that does not end keeps it: the program is about to end */
    free_active(c);
    for (struct http_transfer *t; (t = take(&c->fresh)) || (t = take(&c->back));) free_transfer(t);
    if (c->multi) {
        c->curl.multi_cleanup(c->multi);
        c->curl.global_cleanup();
    }
    uv_close((uv_handle_t *)&c->arrived, on_closed);
}

static bool end_threads(struct net *net) { return end_client(net->http); }
static const struct net_room room = {.end_threads = end_threads, .close = free_client};

static struct http_client *client_of(struct net *net, struct fault *fault) {
    if (net->http) return net->http;
    struct http_client *c = new_client(net, fault);
    if (!c) return NULL;
    sigset_t blocked = thread_signals(), before;
    pthread_sigmask(SIG_SETMASK, &blocked, &before); /* the thread inherits that */
    int rc = uv_thread_create(&c->thread, run, c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        fault_put(fault, FAULT_HTTP, "cannot start a thread: %s", uv_strerror(rc));
        uv_close((uv_handle_t *)&c->arrived, on_closed);
        return NULL;
    }
    keep_alive(c);
    net->http = c;
    net_join(net, &room);
    return c;
}

/* A copy that is freed with the transfer. NULL: there is no memory for it, and the transfer fails for that. */
static void *keep(struct http_transfer *t, const void *data, size_t size) {
    struct kept *k = malloc(sizeof *k + size);
    if (!k) {
        fault_put(&t->fault, FAULT_HTTP, "not enough memory");
        return NULL;
    }
    k->next = t->kept;
    t->kept = k;
    t->kept_size += size;
    return memcpy(k->data, data, size);
}

static void keep_request(struct http_transfer *t) {
    struct http_request *r = &t->request;
    const char **texts[] = {
        &r->url,         &r->method,      &r->user,     &r->password, &r->proxy,           &r->local_address,
        &r->tls.ca_file, &r->tls.ca_path, &r->tls.cert, &r->tls.key,  &r->tls.key_password};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (*texts[i]) *texts[i] = keep(t, *texts[i], strlen(*texts[i]) + 1);
    if (r->body.p) r->body.p = keep(t, r->body.p, r->body.n);
    if (!r->headers) return;
    size_t n = 0;
    while (r->headers[n]) n++;
    const char **lines = keep(t, r->headers, (n + 1) * sizeof *lines);
    if (!lines) return;
    for (size_t i = 0; i < n; i++) lines[i] = keep(t, lines[i], strlen(lines[i]) + 1);
    r->headers = lines;
}

static void warn(struct http_client *c) {
    if (c->warned) return;
    c->warned = true;
    log_line(LOG_WARN, "tls.verify = false: certificates are NOT checked, anyone between here and the server can "
                       "read and change what is sent");
}

struct http_transfer *http_start(struct net *net, const struct http_request *r, void (*done)(void *arg), void *arg,
                                 struct fault *fault) {
    struct http_client *c = client_of(net, fault);
    if (!c) return NULL;
    struct http_transfer *t = calloc(1, sizeof *t);
    if (!t) {
        fault_put(fault, FAULT_HTTP, "not enough memory");
        return NULL;
    }
    t->client = c;
    t->done = done;
    t->arg = arg;
    t->request = *r;
    if (r->cookies) cookies_hold(r->cookies);
    keep_request(t);
    buf_init(&t->body, r->max_size);
    buf_init(&t->stream.ahead, (size_t)2 * HTTP_STREAM_AHEAD);
    if (r->tls.no_verify) warn(c);
    uv_mutex_lock(&c->lock);
    *fault = fault_set(&t->fault) ? t->fault : c->fault;
    if (!fault_set(fault)) put(&c->fresh, t);
    wake(c);
    uv_mutex_unlock(&c->lock);
    if (fault_set(fault)) {
        free_transfer(t);
        return NULL;
    }
    uint64_t until = uv_hrtime() + r->timeout;
    if (c->awaited == 0 || c->patience < until) c->patience = until;
    await(t, true);
    return t;
}

bool http_is_under_way(const struct net *net) {
    const struct http_client *c = net->http;
    return c && c->awaited > net->http_serving && uv_hrtime() < c->patience;
}

bool http_is_done(const struct http_transfer *t) { return t->is_done; }

size_t http_size(const struct http_transfer *t) {
    size_t size = sizeof *t + t->kept_size;
    if (t->request.stream) size += HTTP_STREAM_AHEAD;
    if (t->stream.is_headed) size += t->stream.head.size;
    return size + (t->is_done ? t->body.len + t->head_size : 0);
}

void http_free(struct http_transfer *t) {
    struct http_client *c = t->client;
    if (t->is_done) {
        free_transfer(t);
        return;
    }
    await(t, false);
    t->cancelled = true; /* it comes back soon, and on_arrived frees it */
    uv_mutex_lock(&c->lock);
    wake(c);
    uv_mutex_unlock(&c->lock);
}
