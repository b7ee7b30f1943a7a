/* metric_name: Prometheus' rules for names, and ours. */
#include "base/metric_name.h"

const char *const metric_kinds[METRIC_KINDS] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

static bool is_word(struct slice s, bool colons) {
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], letter = c | 0x20;
        bool is_digit = c >= '0' && c <= '9';
        bool is_letter = (letter >= 'a' && letter <= 'z') || c == '_' || (colons && c == ':');
        if (!is_letter && (!is_digit || i == 0)) return false;
    }
    return s.n > 0;
}

static bool begins(struct slice s, const char *with) {
    struct slice w = slice_str(with);
    return s.n >= w.n && memcmp(s.p, w.p, w.n) == 0;
}

static bool ends(struct slice s, const char *with) {
    struct slice w = slice_str(with);
    return s.n >= w.n && memcmp(s.p + s.n - w.n, w.p, w.n) == 0;
}

const char *metric_name_wrong(struct slice name) {
    if (!is_word(name, true)) return "is no name for a metric: letters, digits, _ and :, and no digit first";
    if (name.n > METRIC_NAME_MOST) return "is too long: a name has 200 characters at most";
    return begins(name, "wsbot_") ? "is kept for the host: what begins with wsbot_ is its own" : NULL;
}

const char *metric_name_label_wrong(struct slice name) {
    if (!is_word(name, false)) return "is no name for a label: letters, digits and _, and no digit first";
    if (name.n > METRIC_NAME_MOST) return "is too long: a name has 200 characters at most";
    if (begins(name, "__")) return "is kept for Prometheus: what begins with __ is its own";
    if (slice_eq(name, slice_str("le"))) return "is kept for the buckets of histograms";
    return slice_eq(name, slice_str("worker")) ? "is kept for the number of the worker" : NULL;
}

struct slice metric_name_plain(enum metric_kind kind, struct slice name) {
    static const char total[] = "_total";
    bool has = kind == METRIC_COUNTER && ends(name, total) && name.n >= sizeof total;
    return slice_of(name.p, has ? name.n - (sizeof total - 1) : name.n);
}

/* What is added to the name of a metric of each kind; OpenMetrics may add _created as well. */
static const char *const endings[METRIC_KINDS][6] = {
    [METRIC_COUNTER] = {"", "_total", "_created"},
    [METRIC_GAUGE] = {""},
    [METRIC_HISTOGRAM] = {"", "_bucket", "_sum", "_count", "_created"},
};

/* Is `a` with its ending the same as `b` with its own? */
static bool is_same(struct slice a, const char *a_ending, struct slice b, const char *b_ending) {
    if (a.n > b.n) return is_same(b, b_ending, a, a_ending);
    if (memcmp(a.p, b.p, a.n) != 0) return false;
    struct slice between = slice_skip(b, a.n);
    return strncmp(a_ending, (const char *)between.p, between.n) == 0 && strlen(a_ending) >= between.n &&
           strcmp(a_ending + between.n, b_ending) == 0;
}

bool metric_name_clashes(enum metric_kind a, struct slice a_name, enum metric_kind b, struct slice b_name) {
    for (const char *const *x = endings[a]; *x; x++)
        for (const char *const *y = endings[b]; *y; y++)
            if (is_same(a_name, *x, b_name, *y)) return true;
    return false;
}
