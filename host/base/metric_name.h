/* metric_name: what a metric and its labels may be called, and under which names Prometheus sees it. A histogram
 * 'took' is seen as took_bucket, took_sum and took_count, a counter 'orders' as orders_total: so two metrics may be in
 * each other's way though their names differ. */
#ifndef BASE_METRIC_NAME_H
#define BASE_METRIC_NAME_H

#include "base/slice.h"

enum metric_kind { METRIC_COUNTER, METRIC_GAUGE, METRIC_HISTOGRAM, METRIC_KINDS };
extern const char *const metric_kinds[METRIC_KINDS]; /* "counter" */

enum { METRIC_NAME_MOST = 200, METRIC_HELP_MOST = 1000, METRIC_LABELS_MOST = 16, METRIC_VALUE_MOST = 256 };

/* Why a metric cannot have this name, in words that go on after it: "is ..."; NULL: it can. */
const char *metric_name_wrong(struct slice name);

/* The same of the name of a label. */
const char *metric_name_label_wrong(struct slice name);

/* The name of a metric without what is added to it anyway: the _total of a counter. */
struct slice metric_name_plain(enum metric_kind kind, struct slice name);

/* Would both be seen under the same name somewhere? The names are plain ones. */
bool metric_name_clashes(enum metric_kind a, struct slice a_name, enum metric_kind b, struct slice b_name);

#endif
