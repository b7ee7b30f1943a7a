/* test_option: every option of ws.connect has a row, and by it is compared, copied, counted and freed. */
#include "net/dial/plan.h"
#include "unit.h"

/* Gives the option at `at` another value than is usual. */
static void change(const struct option *o, void *at) {
    switch (o->kind) {
    case OPTION_TEXT:
    case OPTION_SECRET:
    case OPTION_LIST: *(char **)at = strdup("value"); break;
    case OPTION_CODES: *(struct retry_codes *)at = (struct retry_codes){calloc(1, sizeof(uint16_t)), 1}; break;
    case OPTION_URL: assert_int_equal(url_parse(slice_str("ws://host/"), at, &(struct fault){0}), 0); break;
    case OPTION_PROXY: assert_int_equal(url_parse_proxy(slice_str("http://host"), at, &(struct fault){0}), 0); break;
    case OPTION_HEADERS:
    case OPTION_PROTOCOLS:
    case OPTION_ORIGIN:
    case OPTION_RESOLVE: assert_int_equal(buf_append(at, slice_str("value")), 0); break;
    default: *(uint8_t *)at ^= 1;
    }
}

/* Changes one option of a plan: no other is compared, copied, counted and freed in its place. */
static void is_kept(const struct option *o, size_t at, const char *called) {
    struct plan *usual = plan_new(), *changed = plan_new(), copy;
    change(o, (char *)changed + at);
    const char *differs = options_differ(plan_options, usual, changed, OPTIONS_ALL);
    if (!differs || strcmp(differs, called) != 0)
        fail_msg("%s: what differs is %s", o->name, differs ? differs : "none");
    copy = *changed;
    assert_true(options_copy(plan_options, &copy));
    assert_null(options_differ(plan_options, &copy, changed, OPTIONS_ALL));
    assert_int_equal(options_size(plan_options, &copy), options_size(plan_options, changed));
    options_clear(plan_options, &copy);
    options_clear(plan_options, changed);
    assert_int_equal(options_size(plan_options, changed), options_size(plan_options, usual));
    plan_release(NULL, usual);
    plan_release(NULL, changed);
}

static void each_is_compared_copied_counted_and_freed(void **state) {
    (void)state;
    for (const struct option *o = plan_options; o->name; o++) {
        if (o->size && !o->rows) is_kept(o, o->at, o->name);
        if (o->kind == OPTION_SWITCHED) is_kept(&(struct option){o->name, OPTION_FLAG, .size = 1}, o->at, o->name);
        for (const struct option *inner = o->rows; inner && inner->name; inner++)
            is_kept(inner, (size_t)o->at + inner->at, o->name);
    }
}

static void a_proxy_that_is_none_is_another_one(void **state) {
    (void)state;
    struct plan *a = plan_new(), *b = plan_new();
    b->proxy.none = true;
    assert_string_equal(options_differ(plan_options, a, b, OPTION_REOPENS), "proxy");
    assert_null(options_differ(plan_options, a, b, OPTION_AT_ONCE));
    plan_release(NULL, a);
    plan_release(NULL, b);
}

static void compression_is_usually_as_a_codec_has_it(void **state) {
    (void)state;
    struct plan *p = plan_new();
    struct deflate_offer *mine = &p->offer.deflate, its = deflate_default_offer;
    assert_true(mine->on && its.on);
    assert_int_equal(mine->level, its.level);
    assert_int_equal(mine->memory_level, its.memory_level);
    assert_int_equal(mine->threshold, its.threshold);
    plan_release(NULL, p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_compared_copied_counted_and_freed),
        cmocka_unit_test(a_proxy_that_is_none_is_another_one),
        cmocka_unit_test(compression_is_usually_as_a_codec_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
