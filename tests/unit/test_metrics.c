/* test_metrics: what is counted by name and labels, and how one registry goes on from where another was. */
#include "base/metrics.h"

#include "unit.h"
#include <stdio.h>

/* A registry and its account, which has to be empty at the end. */
struct kept {
    struct account *account;
    struct metrics *m;
};

static struct kept begin(const struct metrics *below) {
    struct kept k = {.account = account_new()};
    assert_non_null(k.account);
    assert_non_null(k.m = metrics_new(k.account, below));
    return k;
}

static void end(struct kept *k) {
    metrics_release(k->m);
    assert_int_equal(k->account->bytes, 0);
    account_release(k->account);
}

static struct metric_want want(enum metric_kind kind, const char *name, const char *label) {
    struct metric_want w = {.kind = kind, .name = slice_str(name), .labels = {slice_str(label)}};
    w.label_count = label != NULL;
    return w;
}

static struct metric *declare(struct kept *k, enum metric_kind kind, const char *name, const char *label) {
    struct metric_want w = want(kind, name, label);
    struct fault why = {0};
    unsigned place;
    if (!metrics_declare(k->m, &w, &place, &why)) fail_msg("%s", why.text);
    return k->m->list[place];
}

static void refuses(struct kept *k, struct metric_want w, const char *words) {
    struct fault why = {0};
    unsigned place;
    assert_false(metrics_declare(k->m, &w, &place, &why));
    if (!strstr(why.text, words)) fail_msg("%s", why.text);
}

static struct metric_series *find(struct metric *m, const char *label) {
    struct metric_key key = {.size = 0};
    if (label) metric_key_add(&key, slice_str(label));
    return metric_find(m, &key);
}

static void note(struct metric *m, const char *label, double value) {
    struct metric_series *s = find(m, label);
    assert_non_null(s);
    metric_note(m, s, value);
}

static void values_are_kept_by_their_labels(void **state) {
    (void)state;
    struct kept k = begin(NULL);
    struct metric *orders = declare(&k, METRIC_COUNTER, "orders", "venue");
    for (int i = 0; i < 300; i++) {
        char venue[16];
        snprintf(venue, sizeof venue, "venue %d", i % 100);
        note(orders, venue, i);
    }
    assert_int_equal(orders->count, 100);
    assert_true(find(orders, "venue 7")->value == 7 + 107 + 207);
    end(&k);
}

static void a_name_means_one_thing(void **state) {
    (void)state;
    struct kept k = begin(NULL);
    struct metric *orders = declare(&k, METRIC_COUNTER, "orders_total", "venue");
    assert_string_equal(orders->name, "orders");
    assert_ptr_equal(declare(&k, METRIC_COUNTER, "orders", "venue"), orders);
    refuses(&k, want(METRIC_GAUGE, "orders", "venue"), "'orders' is a counter, and cannot be a gauge too");
    refuses(&k, want(METRIC_COUNTER, "orders", NULL), "was declared with the label venue, and is now with no labels");
    refuses(&k, want(METRIC_GAUGE, "orders_total", NULL), "the counter 'orders' has");
    declare(&k, METRIC_HISTOGRAM, "took", NULL);
    refuses(&k, want(METRIC_GAUGE, "took_count", NULL), "the histogram 'took' has");
    refuses(&k, want(METRIC_HISTOGRAM, "orders", NULL), "'orders' is a counter");
    declare(&k, METRIC_GAUGE, "tooks", NULL);
    declare(&k, METRIC_GAUGE, "too", NULL);
    end(&k);
}

static void names_are_those_that_prometheus_knows(void **state) {
    (void)state;
    static const char *const wrong[] = {"", "9x", "a-b", "a b", "wsbot_x", "\xc3\xa9"};
    static const char *const wrong_labels[] = {"", "9x", "a:b", "__a", "le", "worker"};
    struct kept k = begin(NULL);
    for (size_t i = 0; i < 6; i++) refuses(&k, want(METRIC_GAUGE, wrong[i], NULL), "'");
    for (size_t i = 0; i < 6; i++) refuses(&k, want(METRIC_GAUGE, "x", wrong_labels[i]), "'");
    declare(&k, METRIC_GAUGE, "a:B_9", "_le");
    end(&k);
}

static void a_thousand_sets_of_labels_and_no_more(void **state) {
    (void)state;
    struct kept k = begin(NULL);
    struct metric *m = declare(&k, METRIC_GAUGE, "depth", "book");
    char name[16];
    for (int i = 0; i < METRIC_SERIES_MOST; i++) {
        snprintf(name, sizeof name, "%d", i);
        note(m, name, i);
    }
    assert_null(find(m, "one more"));
    assert_null(find(m, "another"));
    assert_int_equal(m->dropped, 2);
    note(m, "999", 5);
    assert_true(find(m, "999")->value == 5);
    end(&k);
}

static void a_thousand_names_and_no_more(void **state) {
    (void)state;
    struct kept k = begin(NULL);
    char name[16];
    for (int i = 0; i < METRICS_MOST; i++) {
        snprintf(name, sizeof name, "m%d", i);
        declare(&k, METRIC_GAUGE, name, NULL);
    }
    refuses(&k, want(METRIC_GAUGE, "one_more", NULL), "there are 1000 metrics already");
    declare(&k, METRIC_GAUGE, "m7", NULL);
    end(&k);
}

static void no_more_bytes_than_the_account_has_room_for(void **state) {
    (void)state;
    struct kept k = begin(NULL);
    struct metric *took = declare(&k, METRIC_HISTOGRAM, "took", NULL);
    struct metric *orders = declare(&k, METRIC_COUNTER, "orders", "venue");
    note(took, NULL, 1);
    k.account->most = k.account->bytes;
    assert_null(find(orders, "x"));
    for (int i = 2; i < 100; i++) note(took, NULL, i);
    assert_int_equal(took->series[0]->spread.count + took->series[0]->spread.dropped, 99);
    assert_true(took->series[0]->spread.dropped > 50);
    assert_int_equal(k.account->bytes, k.account->most);
    refuses(&k, want(METRIC_GAUGE, "depth", NULL), "not enough memory");
    end(&k);
}

static void the_next_generation_goes_on(void **state) {
    (void)state;
    struct kept last = begin(NULL);
    note(declare(&last, METRIC_COUNTER, "orders", "venue"), "x", 5);
    note(declare(&last, METRIC_COUNTER, "orders", "venue"), "y", 7);
    note(declare(&last, METRIC_GAUGE, "depth", NULL), NULL, 3);
    note(declare(&last, METRIC_GAUGE, "price", NULL), NULL, 4);
    note(declare(&last, METRIC_HISTOGRAM, "took", NULL), NULL, 1);
    note(declare(&last, METRIC_HISTOGRAM, "old", NULL), NULL, 2);

    struct kept next = begin(last.m);
    struct metric *orders = declare(&next, METRIC_COUNTER, "orders", "venue");
    struct metric *depth = declare(&next, METRIC_GAUGE, "depth", NULL);
    struct metric *price = declare(&next, METRIC_GAUGE, "price", NULL);
    struct metric *took = declare(&next, METRIC_HISTOGRAM, "took", NULL);
    refuses(&next, want(METRIC_COUNTER, "old", NULL), "'old' is a histogram, and cannot be a counter too");
    note(orders, "x", 1);
    note(orders, "z", 2);
    note(price, NULL, 9);
    note(took, NULL, 8);
    metrics_take_over(next.m, last.m);

    assert_true(find(orders, "x")->value == 6 && find(orders, "y")->value == 7 && find(orders, "z")->value == 2);
    assert_true(depth->series[0]->is_set && depth->series[0]->value == 3);
    assert_true(price->series[0]->value == 9);
    assert_int_equal(took->series[0]->spread.count, 2);
    assert_true(took->series[0]->spread.least == 1 && took->series[0]->spread.most == 8);
    assert_string_equal(next.m->list[4]->name, "old");
    assert_int_equal(next.m->list[4]->series[0]->spread.count, 1);
    assert_int_equal(last.m->count, 0);
    end(&last);
    end(&next);
}

static void one_that_does_not_take_over_changes_nothing(void **state) {
    (void)state;
    struct kept last = begin(NULL);
    struct metric *orders = declare(&last, METRIC_COUNTER, "orders", NULL);
    note(orders, NULL, 5);
    struct kept next = begin(last.m);
    note(declare(&next, METRIC_COUNTER, "orders", NULL), NULL, 1);
    declare(&next, METRIC_GAUGE, "depth", NULL);
    end(&next);
    assert_int_equal(last.m->count, 1);
    assert_true(orders->series[0]->value == 5);
    end(&last);
}

/* In host.on_reload, say, when the next generation has been loaded. */
static void what_was_declared_too_late_gives_way(void **state) {
    (void)state;
    struct kept last = begin(NULL);
    struct kept next = begin(last.m);
    struct metric *orders = declare(&next, METRIC_COUNTER, "orders", NULL);
    note(declare(&last, METRIC_GAUGE, "orders", NULL), NULL, 3);
    declare(&last, METRIC_GAUGE, "depth", NULL);
    metrics_take_over(next.m, last.m);
    assert_int_equal(next.m->count, 2);
    assert_true(orders->series[0]->value == 0);
    end(&last);
    end(&next);
}

static void sets_of_labels_that_are_known_keep_their_room(void **state) {
    (void)state;
    struct kept last = begin(NULL);
    struct metric *before = declare(&last, METRIC_COUNTER, "orders", "venue");
    char name[16];
    for (int i = 0; i < METRIC_SERIES_MOST - 1; i++) {
        snprintf(name, sizeof name, "%d", i);
        note(before, name, 1);
    }
    struct kept next = begin(last.m);
    struct metric *orders = declare(&next, METRIC_COUNTER, "orders", "venue");
    note(orders, "5", 1);
    note(orders, "new", 1);
    note(orders, "newer", 1);
    metrics_take_over(next.m, last.m);
    assert_int_equal(orders->count, METRIC_SERIES_MOST);
    assert_int_equal(orders->dropped, 1);
    assert_true(find(orders, "5")->value == 2 && find(orders, "998")->value == 1);
    end(&last);
    end(&next);
}

static void a_new_help_replaces_the_old(void **state) {
    (void)state;
    struct kept last = begin(NULL);
    struct metric_want w = want(METRIC_GAUGE, "depth", NULL);
    struct fault why = {0};
    unsigned place;
    w.help = slice_str("old");
    assert_true(metrics_declare(last.m, &w, &place, &why));
    struct kept next = begin(last.m);
    struct metric *depth = declare(&next, METRIC_GAUGE, "depth", NULL);
    metrics_take_over(next.m, last.m);
    assert_string_equal(depth->help, "old");
    w.help = slice_str("and new");
    assert_true(metrics_declare(next.m, &w, &place, &why));
    assert_string_equal(depth->help, "and new");
    end(&last);
    end(&next);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_kept_by_their_labels),
        cmocka_unit_test(a_name_means_one_thing),
        cmocka_unit_test(names_are_those_that_prometheus_knows),
        cmocka_unit_test(a_thousand_sets_of_labels_and_no_more),
        cmocka_unit_test(a_thousand_names_and_no_more),
        cmocka_unit_test(no_more_bytes_than_the_account_has_room_for),
        cmocka_unit_test(the_next_generation_goes_on),
        cmocka_unit_test(one_that_does_not_take_over_changes_nothing),
        cmocka_unit_test(what_was_declared_too_late_gives_way),
        cmocka_unit_test(sets_of_labels_that_are_known_keep_their_room),
        cmocka_unit_test(a_new_help_replaces_the_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
