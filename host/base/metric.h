/* metric: one thing that a script counts: a counter, a gauge or a histogram, with its values for each set of labels. */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/account.h"
#include "base/histogram.h"
#include "base/metric_name.h"

enum { METRIC_SERIES_MOST = 1000 }; /* sets of labels */

/* The values for one set of labels. */
struct metric_series {
    struct metric_series *next; /* with the same place in the hash table */
    union {
        struct {
            double value;
            bool is_set; /* of a gauge: it has a value */
        };
        struct histogram spread; /* of a histogram */
    };
    uint32_t hash, key_size;
    uint8_t key[]; /* see metric_key */
};

struct metric {
    struct account *account; /* where its bytes are counted: that of its registry, borrowed */
    enum metric_kind kind;
    char *name; /* a counter's is without _total */
    char *help; /* NULL: none was given */
    char *labels[METRIC_LABELS_MOST];
    unsigned label_count;         /* of `labels`, which are sorted */
    struct metric_series **heads; /* the hash table, of `room` places; in the same block of memory as `series` */
    struct metric_series **series;
    unsigned count, room; /* of `series`; without labels there is one from the beginning */
    uint64_t dropped;     /* values for sets of labels that there was no room for */
};

/* What is declared. `help` with NULL: none is given, and one that is known already stays. */
struct metric_want {
    enum metric_kind kind;
    struct slice name, help, labels[METRIC_LABELS_MOST]; /* labels in order; see metrics_declare */
    unsigned label_count;
};

/* The values of labels, in the order of their names: for each the size, in two bytes, and the text. */
struct metric_key {
    size_t size;
    uint8_t bytes[METRIC_LABELS_MOST * (2 + METRIC_VALUE_MOST)];
};

/* A new one. NULL: there is no memory for it. */
struct metric *metric_new(struct account *account, const struct metric_want *want);
void metric_free(struct metric *m);

/* Was it declared in this way: the same name, kind and labels? */
bool metric_is(const struct metric *m, const struct metric_want *want);

/* Replaces its help. Without memory the old one stays. */
void metric_set_help(struct metric *m, struct slice help);

/* Adds the value of the next label to a key, which begins with a size of 0; it has at most METRIC_VALUE_MOST bytes. */
void metric_key_add(struct metric_key *key, struct slice value);

/* Takes the value of the next label off the front of a series' key. False: there is none left. */
bool metric_key_next(struct slice *key, struct slice *value);
static inline struct slice metric_key_of(const struct metric_series *s) { return slice_of(s->key, s->key_size); }

/* The series of these labels; makes it where there is none. NULL, and that is counted: there is no room for it. */
struct metric_series *metric_find(struct metric *m, const struct metric_key *key);

/* Counts a finite number: a counter grows by it (it is not negative), a gauge has it, a histogram gets it. */
void metric_note(const struct metric *m, struct metric_series *s, double value);

/* Has `m` go on from where `before` was, which was declared in the same way, and frees that: counters are added up,
 * histograms merged, and a gauge that `m` has not set keeps its value. Sets of labels that are one too many are those
 * of `m`, and counted as dropped. */
void metric_go_on(struct metric *m, struct metric *before);

/* Counts its bytes in another account from now on. */
void metric_move(struct metric *m, struct account *account);

#endif
