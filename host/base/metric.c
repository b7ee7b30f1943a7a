/* metric: a list of series and a hash table of them, in one block. */
#include "base/metric.h"

#include "base/err.h"
#include "base/text.h"
#include <stdlib.h>

enum { FIRST_ROOM = 4 };

/* ---- keys ---- */

void metric_key_add(struct metric_key *key, struct slice value) {
    uint16_t size = (uint16_t)value.n;
    err_must(value.n <= METRIC_VALUE_MOST && key->size + sizeof size + value.n <= sizeof key->bytes);
    memcpy(key->bytes + key->size, &size, sizeof size);
    if (size) memcpy(key->bytes + key->size + sizeof size, value.p, size);
    key->size += sizeof size + size;
}

bool metric_key_next(struct slice *key, struct slice *value) {
    uint16_t size;
    if (key->n < sizeof size) return false;
    memcpy(&size, key->p, sizeof size);
    *value = slice_of(key->p + sizeof size, size);
    *key = slice_skip(*key, sizeof size + size);
    return true;
}

static uint32_t hash_of(struct slice key) {
    uint64_t hash = key.n;
    while (key.n) {
        uint64_t part = 0;
        size_t n = key.n < sizeof part ? key.n : sizeof part;
        memcpy(&part, key.p, n);
        hash = (hash ^ part) * UINT64_C(0x9E3779B97F4A7C15);
        hash ^= hash >> 32;
        key = slice_skip(key, n);
    }
    return (uint32_t)hash;
}

/* ---- series ---- */

static void link_series(struct metric *m, struct metric_series *s) {
    struct metric_series **head = &m->heads[s->hash & (m->room - 1)];
    s->next = *head;
    *head = s;
}

static size_t table_size(unsigned room) { return 2 * (size_t)room * sizeof(struct metric_series *); }

/* Doubles the table. */
static bool grow(struct metric *m) {
    unsigned room = m->room ? 2 * m->room : FIRST_ROOM;
    struct metric_series **series = calloc(1, table_size(room));
    if (!series) return false;
    if (m->count) memcpy(series, m->series, m->count * sizeof *series);
    free(m->series);
    account_add(m->account, table_size(room) - table_size(m->room));
    m->series = series;
    m->heads = series + room;
    m->room = room;
    for (unsigned i = 0; i < m->count; i++) link_series(m, series[i]);
    return true;
}

static bool insert(struct metric *m, struct metric_series *s) {
    if (m->count == METRIC_SERIES_MOST) return false;
    if (m->count == m->room && !grow(m)) return false;
    m->series[m->count++] = s;
    link_series(m, s);
    return true;
}

static struct metric_series *look(const struct metric *m, struct slice key, uint32_t hash) {
    struct metric_series *s = m->room ? m->heads[hash & (m->room - 1)] : NULL;
    while (s && (s->hash != hash || !slice_eq(metric_key_of(s), key))) s = s->next;
    return s;
}

static size_t series_size(const struct metric *m, const struct metric_series *s) {
    return sizeof *s + s->key_size + (m->kind == METRIC_HISTOGRAM ? histogram_size(&s->spread) : 0);
}

static void free_series(const struct metric *m, struct metric_series *s) {
    account_take(m->account, series_size(m, s));
    if (m->kind == METRIC_HISTOGRAM) histogram_clear(&s->spread);
    free(s);
}

/* An empty one, in the table; NULL: there is no room or no memory for it. */
static struct metric_series *add_series(struct metric *m, struct slice key, uint32_t hash) {
    size_t size = sizeof(struct metric_series) + key.n;
    struct metric_series *s = account_has_room(m->account, size) ? calloc(1, size) : NULL;
    if (!s) return NULL;
    s->hash = hash;
    s->key_size = (uint32_t)key.n;
    if (key.n) memcpy(s->key, key.p, key.n);
    account_add(m->account, size);
    if (insert(m, s)) return s;
    free_series(m, s);
    return NULL;
}

struct metric_series *metric_find(struct metric *m, const struct metric_key *key) {
    struct slice bytes = slice_of(key->bytes, key->size);
    uint32_t hash = hash_of(bytes);
    struct metric_series *s = look(m, bytes, hash);
    if (!s) s = add_series(m, bytes, hash);
    if (!s) m->dropped++;
    return s;
}

/* ---- values ---- */

/* Where it may have to grow, and no more bytes may be kept, the value is dropped. */
static void note_spread(struct account *a, struct histogram *h, double value) {
    size_t before = histogram_size(h);
    if (h->used == h->size && !account_has_room(a, before)) {
        h->dropped++;
        return;
    }
    histogram_add(h, value);
    account_add(a, histogram_size(h) - before);
}

void metric_note(const struct metric *m, struct metric_series *s, double value) {
    switch (m->kind) {
    case METRIC_COUNTER: s->value = histogram_sum(s->value, value); break;
    case METRIC_GAUGE:
        s->value = value;
        s->is_set = true;
        break;
    case METRIC_HISTOGRAM: note_spread(m->account, &s->spread, value); break;
    case METRIC_KINDS: break;
    }
}

/* Adds what `later` has counted to `s`. */
static void merge(const struct metric *m, struct metric_series *s, const struct metric_series *later) {
    if (m->kind == METRIC_HISTOGRAM) {
        size_t before = histogram_size(&s->spread);
        histogram_merge(&s->spread, &later->spread);
        account_add(m->account, histogram_size(&s->spread) - before);
    } else if (m->kind == METRIC_COUNTER || later->is_set) {
        metric_note(m, s, later->value);
    }
}

/* ---- its life ---- */

static size_t text_size(const char *text) { return text ? strlen(text) + 1 : 0; }

/* Its bytes, all series included. */
static size_t size_of(const struct metric *m) {
    size_t bytes = sizeof *m + table_size(m->room) + text_size(m->name) + text_size(m->help);
    for (unsigned i = 0; i < m->label_count; i++) bytes += text_size(m->labels[i]);
    for (unsigned i = 0; i < m->count; i++) bytes += series_size(m, m->series[i]);
    return bytes;
}

static bool copy_texts(struct metric *m, const struct metric_want *want) {
    bool ok = (m->name = text_of(want->name)) != NULL;
    if (ok && want->help.p) ok = (m->help = text_of(want->help)) != NULL;
    for (unsigned i = 0; ok && i < want->label_count; i++)
        if ((ok = (m->labels[i] = text_of(want->labels[i])) != NULL)) m->label_count++;
    return ok;
}

struct metric *metric_new(struct account *account, const struct metric_want *want) {
    struct metric *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->account = account;
    m->kind = want->kind;
    bool ok = copy_texts(m, want);
    account_add(account, size_of(m));
    if (ok && want->label_count == 0) ok = add_series(m, slice_of(NULL, 0), hash_of(slice_of(NULL, 0))) != NULL;
    if (ok) return m;
    metric_free(m);
    return NULL;
}

void metric_free(struct metric *m) {
    account_take(m->account, size_of(m));
    for (unsigned i = 0; i < m->count; i++) {
        if (m->kind == METRIC_HISTOGRAM) histogram_clear(&m->series[i]->spread);
        free(m->series[i]);
    }
    for (unsigned i = 0; i < m->label_count; i++) free(m->labels[i]);
    free(m->series);
    free(m->name);
    free(m->help);
    free(m);
}

bool metric_is(const struct metric *m, const struct metric_want *want) {
    bool same =
        m->kind == want->kind && m->label_count == want->label_count && slice_eq(slice_str(m->name), want->name);
    for (unsigned i = 0; same && i < want->label_count; i++) same = slice_eq(slice_str(m->labels[i]), want->labels[i]);
    return same;
}

void metric_set_help(struct metric *m, struct slice help) {
    char *mine = text_of(help);
    if (!mine) return;
    account_take(m->account, text_size(m->help));
    account_add(m->account, text_size(mine));
    free(m->help);
    m->help = mine;
}

void metric_move(struct metric *m, struct account *account) {
    account_take(m->account, size_of(m));
    account_add(account, size_of(m));
    m->account = account;
}

/* ---- one goes on for another ---- */

static void swap_series(struct metric *a, struct metric *b) {
    struct metric held = *a;
    a->series = b->series, a->heads = b->heads, a->count = b->count, a->room = b->room;
    b->series = held.series, b->heads = held.heads, b->count = held.count, b->room = held.room;
}

/* Takes the last series of `from` into `m`, which may have one of the same labels. */
static void take_series(struct metric *m, struct metric *from) {
    struct metric_series *s = from->series[--from->count], *mine = look(m, metric_key_of(s), s->hash);
    if (mine)
        merge(m, mine, s);
    else if (insert(m, s))
        return;
    else
        m->dropped++;
    free_series(m, s);
}

void metric_go_on(struct metric *m, struct metric *before) {
    metric_move(before, m->account);
    swap_series(m, before); /* so that it is those of before for which there is room */
    while (before->count) take_series(m, before);
    m->dropped += before->dropped;
    if (!m->help && before->help) metric_set_help(m, slice_str(before->help));
    metric_free(before);
}
