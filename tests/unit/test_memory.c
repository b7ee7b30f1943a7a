/* test_memory: blocks of all sizes, taken, resized and given back in any order, keep what was written into them, and
 * lie apart. */
#include "script/memory.h"
#include "unit.h"

enum { BLOCKS = 4000, SIZE_MAX_HERE = MEMORY_SMALL + 100 };

struct block {
    uint8_t *at;
    size_t size;
};

static uint32_t next(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u, *seed >> 8; }

static uint8_t mark(size_t i) { return (uint8_t)(i * 7 + i / 256); }

static void check(const struct block *b, size_t i, size_t n) {
    for (size_t k = 0; k < n; k++) assert_int_equal(b->at[k], mark(i));
}

static void blocks_keep_what_they_hold(void **state) {
    (void)state;
    static struct block blocks[BLOCKS];
    struct memory m = {0};
    uint32_t seed = 1;
    for (size_t turn = 0; turn < 200000; turn++) {
        size_t i = next(&seed) % BLOCKS;
        struct block *b = &blocks[i];
        if (b->at) check(b, i, b->size);
        size_t size = next(&seed) % 3 ? 1 + next(&seed) % SIZE_MAX_HERE : 0;
        if (size == 0) {
            memory_free(&m, b->at, b->size);
            *b = (struct block){0};
            continue;
        }
        b->at = memory_resize(&m, b->at, b->size, size);
        assert_non_null(b->at);
        assert_int_equal((uintptr_t)b->at % _Alignof(max_align_t), 0);
        check(b, i, size < b->size ? size : b->size);
        b->size = size;
        memset(b->at, mark(i), size);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (blocks[i].at) check(&blocks[i], i, blocks[i].size);
        memory_free(&m, blocks[i].at, blocks[i].size);
    }
    memory_clear(&m);
}

static void what_is_offered_is_taken_once(void **state) {
    (void)state;
    struct memory m = {0};
    uint8_t *offered = malloc(1000);
    assert_non_null(offered);
    memset(offered, 'x', 1000);
    memory_offer(&m, offered, 1000);
    uint8_t *other = memory_resize(&m, NULL, 0, 999), *taken = memory_resize(&m, NULL, 0, 1000);
    assert_ptr_not_equal(other, offered);
    assert_ptr_equal(taken, offered);
    assert_int_equal(taken[999], 'x');
    uint8_t *next = memory_resize(&m, NULL, 0, 1000);
    assert_ptr_not_equal(next, offered);
    memory_free(&m, other, 999);
    memory_free(&m, taken, 1000);
    memory_free(&m, next, 1000);
    memory_offer(&m, malloc(2000), 2000); /* one that nobody takes is given back */
    memory_offer(&m, malloc(3000), 3000);
    memory_clear(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_offered_is_taken_once),
        cmocka_unit_test(blocks_keep_what_they_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
