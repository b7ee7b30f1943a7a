/* metrics: a list of metrics, and what they must not be called. */
#include "base/metrics.h"

#include "base/buf.h"
#include <stdlib.h>

struct metrics *metrics_new(struct account *account, const struct metrics *below) {
    struct metrics *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->references = 1;
    m->account = account_hold(account);
    m->below = below;
    account_add(account, sizeof *m);
    return m;
}

struct metrics *metrics_hold(struct metrics *m) {
    if (m) m->references++;
    return m;
}

void metrics_release(struct metrics *m) {
    if (!m || --m->references) return;
    while (m->count) metric_free(m->list[--m->count]);
    account_take(m->account, sizeof *m);
    account_release(m->account);
    free(m);
}

/* ---- what is wrong with a declaration ---- */

static int compare(const void *a, const void *b) {
    struct slice x = *(const struct slice *)a, y = *(const struct slice *)b;
    int order = memcmp(x.p, y.p, x.n < y.n ? x.n : y.n);
    return order ? order : (x.n > y.n) - (x.n < y.n);
}

/* Brings the labels in order. */
static bool sort_labels(struct metric_want *w, struct fault *why) {
    qsort(w->labels, w->label_count, sizeof *w->labels, compare);
    for (unsigned i = 1; i < w->label_count; i++)
        if (slice_eq(w->labels[i], w->labels[i - 1]))
            fault_put(why, FAULT_SCRIPT, "the label '%.*s' is there twice", SLICE_ARGS(w->labels[i]));
    return !fault_set(why);
}

static void put_wrong(struct fault *why, struct slice name, const char *wrong) {
    enum { SHOWN_MOST = 100 };
    if (wrong) fault_put(why, FAULT_SCRIPT, "'%.*s' %s", SLICE_ARGS(slice_head(name, SHOWN_MOST)), wrong);
}

static bool check_names(struct metric_want *w, struct fault *why) {
    put_wrong(why, w->name, metric_name_wrong(w->name));
    w->name = metric_name_plain(w->kind, w->name);
    for (unsigned i = 0; i < w->label_count; i++) put_wrong(why, w->labels[i], metric_name_label_wrong(w->labels[i]));
    return !fault_set(why) && sort_labels(w, why);
}

/* "no labels", or "the labels a, b" */
static void put_labels(struct buf *out, const struct slice *labels, unsigned n) {
    buf_printf(out, n == 0 ? "no labels" : n == 1 ? "the label " : "the labels ");
    for (unsigned i = 0; i < n; i++) buf_printf(out, "%s%.*s", i ? ", " : "", SLICE_ARGS(labels[i]));
}

static void refuse_labels(const struct metric *m, const struct metric_want *w, struct fault *why) {
    struct buf text;
    struct slice labels[METRIC_LABELS_MOST];
    for (unsigned i = 0; i < m->label_count; i++) labels[i] = slice_str(m->labels[i]);
    buf_init(&text, SIZE_MAX);
    put_labels(&text, labels, m->label_count);
    buf_printf(&text, ", and is now with ");
    put_labels(&text, w->labels, w->label_count);
    fault_put(why, FAULT_SCRIPT, "the %s '%s' was declared with %.*s", metric_kinds[m->kind], m->name,
              SLICE_ARGS(buf_slice(&text)));
    buf_clear(&text);
}

static void refuse(const struct metric *m, const struct metric_want *w, struct fault *why) {
    const char *kind = metric_kinds[w->kind], *other = metric_kinds[m->kind];
    if (!slice_eq(slice_str(m->name), w->name))
        fault_put(why, FAULT_SCRIPT, "the %s '%.*s' would be seen under a name that the %s '%s' has", kind,
                  SLICE_ARGS(w->name), other, m->name);
    else if (m->kind != w->kind)
        fault_put(why, FAULT_SCRIPT, "'%s' is a %s, and cannot be a %s too", m->name, other, kind);
    else
        refuse_labels(m, w, why);
}

/* The metric in the way of what is wanted: of the same name, or seen under it. NULL: there is none. */
static const struct metric *find_clash(const struct metrics *m, const struct metric_want *w) {
    for (unsigned i = 0; m && i < m->count; i++)
        if (!metric_is(m->list[i], w) &&
            metric_name_clashes(m->list[i]->kind, slice_str(m->list[i]->name), w->kind, w->name))
            return m->list[i];
    return NULL;
}

static bool is_free(const struct metrics *m, const struct metric_want *w, struct fault *why) {
    const struct metric *clash = find_clash(m, w);
    if (!clash) clash = find_clash(m->below, w);
    if (clash) refuse(clash, w, why);
    return !clash;
}

/* ---- declaring ---- */

/* The place of the one that was declared in the same way; m->count: there is none. */
static unsigned place_of(const struct metrics *m, const struct metric_want *w) {
    unsigned place = 0;
    while (place < m->count && !metric_is(m->list[place], w)) place++;
    return place;
}

static bool add(struct metrics *m, const struct metric_want *w, struct fault *why) {
    if (m->count == METRICS_MOST) {
        fault_put(why, FAULT_SCRIPT, "there are %d metrics already, and no room for '%.*s'", METRICS_MOST,
                  SLICE_ARGS(w->name));
        return false;
    }
    struct metric *metric = account_has_room(m->account, sizeof *metric) ? metric_new(m->account, w) : NULL;
    if (metric)
        m->list[m->count++] = metric;
    else
        fault_put(why, FAULT_SCRIPT, "not enough memory");
    return metric != NULL;
}

bool metrics_declare(struct metrics *m, struct metric_want *want, unsigned *place, struct fault *why) {
    if (!check_names(want, why)) return false;
    *place = place_of(m, want);
    if (*place == m->count) return is_free(m, want, why) && add(m, want, why);
    if (want->help.p) metric_set_help(m->list[*place], want->help);
    return true;
}

/* ---- a reload ---- */

static struct metric_want want_of(const struct metric *m) {
    struct metric_want w = {.kind = m->kind, .name = slice_str(m->name), .label_count = m->label_count};
    for (unsigned i = 0; i < m->label_count; i++) w.labels[i] = slice_str(m->labels[i]);
    return w;
}

/* Where the last generation has declared one since, in host.on_reload, it may be in the way of one of ours. */
static void take(struct metrics *m, struct metric *metric) {
    struct metric_want w = want_of(metric);
    unsigned place = place_of(m, &w);
    if (place < m->count) {
        metric_go_on(m->list[place], metric);
    } else if (m->count == METRICS_MOST || find_clash(m, &w)) {
        metric_free(metric);
    } else {
        metric_move(metric, m->account);
        m->list[m->count++] = metric;
    }
}

void metrics_take_over(struct metrics *m, struct metrics *last) {
    unsigned count = last->count;
    m->below = NULL;
    last->count = 0;
    for (unsigned i = 0; i < count; i++) take(m, last->list[i]);
}
