/* test_tls_memory: pages that are given back are missed by nobody. */
#include "net/tls/memory.h"
#include "unit.h"
#include <sys/mman.h>
#include <unistd.h>

enum { BLOCK = 300 * 1000 };

/* How many whole pages of the block are in memory. */
static size_t resident(const uint8_t *block) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 0;
    const uint8_t *end = block + BLOCK;
    for (const uint8_t *p = block + -(uintptr_t)block % page; p + page <= end; p += page) {
        unsigned char in_memory = 0;
        assert_int_equal(mincore((void *)(uintptr_t)p, page, &in_memory), 0);
        n += in_memory & 1;
    }
    return n;
}

static void what_a_block_holds_stays(void **state) {
    (void)state;
    uint8_t *block = malloc(BLOCK), *copy = malloc(BLOCK);
    for (int turn = 0; turn < 300; turn++) {
        memset(block, 0, BLOCK);
        for (int i = turn % 40; i > 0; i--) block[rand() % BLOCK] = (uint8_t)rand();
        if (turn % 3 == 0) block[0] = block[BLOCK - 1] = 1;
        memcpy(copy, block, BLOCK);
        tls_memory_drop_zeros(block);
        assert_memory_equal(block, copy, BLOCK);
        memset(block, 0x5A, BLOCK); /* it can be written as before, between neighbours that were left alone */
        memset(copy, 0x5A, BLOCK);
        assert_memory_equal(block, copy, BLOCK);
    }
    free(copy);
    free(block);
}

static void neighbours_are_left_alone(void **state) {
    (void)state;
    uint8_t *blocks[64], *copies[64];
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = malloc(100 + i * 700);
        memset(blocks[i], i % 2 ? 0 : 0xA5, 100 + i * 700);
        copies[i] = malloc(100 + i * 700);
        memcpy(copies[i], blocks[i], 100 + i * 700);
    }
    for (size_t i = 1; i < 64; i += 2) tls_memory_drop_zeros(blocks[i]);
    for (size_t i = 0; i < 64; i++) {
        assert_memory_equal(blocks[i], copies[i], 100 + i * 700);
        free(copies[i]);
        free(blocks[i]);
    }
}

static void pages_of_zeros_are_given_back(void **state) {
    (void)state;
    uint8_t *block = malloc(BLOCK);
    explicit_bzero(block, BLOCK); /* memset would make a calloc of it, whose pages are not there yet */
    block[BLOCK / 2] = 1;
    size_t before = resident(block);
    tls_memory_drop_zeros(block);
    size_t after = resident(block);
#ifdef __linux__
    assert_true(before > 50);
    assert_true(after <= 1);
#else
    assert_true(after <= before);
#endif
    free(block);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_block_holds_stays),
        cmocka_unit_test(neighbours_are_left_alone),
        cmocka_unit_test(pages_of_zeros_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
