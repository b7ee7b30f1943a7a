/* test_store: what is put comes back in the next process, written in groups by the store's thread; what is there and is
 * not a store of ours stays as it is. */
#include "base/store.h"
#include "base/store_file.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static int make(void **state) {
    char base[] = "/tmp/wsbot-test-store-XXXXXX";
    (void)state;
    if (!mkdtemp(base)) return -1;
    snprintf(folder, sizeof folder, "%s/kept", base);
    snprintf(path, sizeof path, "%s/state.db", folder);
    return 0;
}

static int clean(void **state) {
    static const char *const behind[] = {"", "-wal", "-shm"};
    char name[128];
    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, behind[i]);
        unlink(name);
    }
    rmdir(folder);
    *strrchr(folder, '/') = '\0';
    return rmdir(folder);
}

static struct store *open_it(unsigned worker, bool locks) {
    struct fault fault = {0};
    struct store *s = store_open(folder, worker, locks, &fault);
    assert_string_equal(fault.text, "");
    assert_non_null(s);
    return s;
}

static void put(struct store *s, const char *name, const char *text) {
    assert_int_equal(store_put(s, slice_str(name), slice_str(text)), 0);
}

/* What is under that name is this text; NULL: nothing is. */
static void has(struct store *s, const char *name, const char *text) {
    struct fault fault = {0};
    struct buf value;
    buf_init(&value, SIZE_MAX);
    assert_int_equal(store_get(s, slice_str(name), &value, &fault), text != NULL);
    assert_true(slice_eq(buf_slice(&value), slice_str(text)));
    buf_clear(&value);
}

/* It does not open, for this reason; the file, where there is one, stays as it was. */
static void refuses(const char *why) {
    struct fault fault = {0};
    struct stat before = {0}, after = {0};
    stat(path, &before);
    assert_null(store_open(folder, 1, true, &fault));
    stat(path, &after);
    if (!strstr(fault.text, why)) fail_msg("\"%s\" has no \"%s\"", fault.text, why);
    assert_int_equal(before.st_size, after.st_size);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
}

static void what_was_put_comes_back(void **state) {
    (void)state;
    struct store *s = open_it(1, true);
    has(s, "a", NULL);
    put(s, "a", "one");
    put(s, "b", "two");
    has(s, "a", "one"); /* before anything is written */
    put(s, "a", "one more");
    put(s, "", "");
    store_close(s);
    s = open_it(1, true);
    has(s, "a", "one more");
    has(s, "b", "two");
    has(s, "", "");
    has(s, "c", NULL);
    put(s, "b", "three");
    store_flush(s);
    has(s, "b", "three"); /* also while it is being written */
    store_close(s);
    s = open_it(1, true);
    has(s, "b", "three");
    store_close(s);
}

static void the_folder_and_the_file_are_its_owners_alone(void **state) {
    struct stat about;
    (void)state;
    store_close(open_it(1, true));
    assert_int_equal(stat(folder, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

static void many_names_and_a_large_value_come_back(void **state) {
    enum { NAMES = 1000, LARGE = 3000000 };
    char name[16], *large = malloc(LARGE + 1);
    (void)state;
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    struct store *s = open_it(1, true);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "%d", i);
        put(s, name, name);
        if (i % 100 == 0) store_flush(s);
    }
    put(s, "large", large);
    store_close(s);
    s = open_it(1, true);
    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "%d", i);
        has(s, name, name);
    }
    has(s, "large", large);
    store_close(s);
    free(large);
}

/* Lists that became as long as there are names held the loop up, each time that writing had failed: with so many puts
 * for longer than a test may take. */
static void many_names_are_found_fast(void **state) {
    enum { NAMES = 100000, TIMES = 100 };
    char name[16];
    (void)state;
    struct store *s = open_it(1, true);
    for (int i = 0; i < TIMES * NAMES; i++) {
        snprintf(name, sizeof name, "%d", i % NAMES);
        put(s, name, "x");
    }
    store_close(s);
}

static void workers_of_a_pool_have_rows_of_their_own(void **state) {
    (void)state;
    struct store *pool = open_it(0, true), *one = open_it(1, false), *two = open_it(2, false);
    put(one, "a", "of one");
    put(two, "a", "of two");
    store_close(one);
    store_close(two);
    store_close(pool);
    one = open_it(1, true);
    has(one, "a", "of one");
    store_close(one);
    two = open_it(2, true);
    has(two, "a", "of two");
    store_close(two);
}

static void a_folder_is_one_programs_at_a_time(void **state) {
    (void)state;
    struct store *s = open_it(1, true);
    refuses("is in use: each program needs a folder of its own");
    store_close(s);
    store_close(open_it(1, true));
}

static void the_folder_that_it_is_in_must_be_there(void **state) {
    struct fault fault = {0};
    (void)state;
    assert_null(store_open("/no/such/folder", 1, true, &fault));
    assert_string_equal(fault.text,
                        "--state: cannot make the folder /no/such/folder: No such file or directory (the one "
                        "that it is in must be there)");
    struct fault other = {0};
    assert_null(store_open("/dev/null", 1, true, &other));
    assert_string_equal(other.text, "--state: cannot open the folder /dev/null: Not a directory");
}

/* ---- files that are not as they should be ---- */

static void overwrite(long at, const char *bytes, size_t n) {
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_int_equal(pwrite(fd, bytes, n, at), n);
    close(fd);
}

static void fill(void) {
    char name[16], value[2000];
    struct store *s = open_it(1, true);
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "%d", i);
        put(s, name, value);
    }
    store_close(s);
}

static void garbage_is_left_as_it_is(void **state) {
    (void)state;
    mkdir(folder, 0700);
    overwrite(0, "these are somebody's notes, and no database", 43);
    refuses("is damaged (file is not a database): it was left as it is; move it away");
}

static void a_file_that_was_cut_is_left_as_it_is(void **state) {
    (void)state;
    fill();
    assert_int_equal(truncate(path, 20000), 0);
    refuses("is damaged (");
}

static void a_file_with_a_page_of_garbage_is_left_as_it_is(void **state) {
    static char garbage[4096];
    (void)state;
    fill();
    memset(garbage, 0x5a, sizeof garbage);
    overwrite(8192, garbage, sizeof garbage);
    refuses("is damaged (");
}

static void an_empty_file_beside_its_log_is_left_as_it_is(void **state) {
    char log[128];
    (void)state;
    mkdir(folder, 0700);
    overwrite(0, "", 0);
    snprintf(log, sizeof log, "%s-wal", path);
    FILE *f = fopen(log, "w");
    fputs("what was written", f);
    fclose(f);
    refuses("is damaged (it is empty, and ");
    assert_int_equal(access(log, F_OK), 0);
}

static void change(const char *sql) {
    struct fault fault = {0};
    const struct sqlite *s = sqlite_load(&fault);
    sqlite3 *db;
    assert_non_null(s);
    assert_int_equal(s->open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
    assert_int_equal(s->exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    s->close(db);
}

static void a_file_of_a_newer_version_is_left_as_it_is(void **state) {
    (void)state;
    fill();
    change("PRAGMA user_version = 2");
    refuses("is of a newer wsbot (version 2, and this one knows 1): it was left as it is");
}

static void a_file_of_another_program_is_left_as_it_is(void **state) {
    (void)state;
    mkdir(folder, 0700);
    change("CREATE TABLE t(x); INSERT INTO t VALUES(1)");
    refuses("is another program's: it was left as it is");
    change("PRAGMA application_id = 7; PRAGMA user_version = 1");
    refuses("is another program's: it was left as it is");
}

static void a_file_without_its_table_is_left_as_it_is(void **state) {
    (void)state;
    fill();
    change("DROP TABLE state");
    refuses("is damaged (its table is not the one that wsbot makes)");
}

/* Each of these would let the store open, and lose what is written, or hang. */
static void a_file_with_another_table_is_left_as_it_is(void **state) {
    static const char endless_view[] =
        "DROP TABLE state; CREATE VIEW state AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
        " SELECT x AS worker, x AS name, x AS value FROM c";
    static const char *const crafted[] = {
        "CREATE TRIGGER t BEFORE INSERT ON state BEGIN SELECT RAISE(IGNORE); END",
        "CREATE TRIGGER t AFTER INSERT ON state BEGIN DELETE FROM state; END",
        "CREATE UNIQUE INDEX i ON state(name)",
        "DROP TABLE state; CREATE TABLE state(worker, name, value)",
        endless_view,
    };
    (void)state;
    for (size_t i = 0; i < sizeof crafted / sizeof *crafted; i++) {
        fill();
        change(crafted[i]);
        refuses("is damaged (its table is not the one that wsbot makes)");
        unlink(path);
    }
}

static void a_file_with_tables_beside_its_own_is_ours(void **state) {
    (void)state;
    fill();
    change("CREATE TABLE others(x); CREATE VIEW shown AS SELECT name FROM state");
    store_close(open_it(1, true));
}

static void what_is_no_file_is_left_as_it_is(void **state) {
    struct fault fault = {0};
    (void)state;
    mkdir(folder, 0700);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_null(store_open(folder, 1, true, &fault));
    assert_non_null(strstr(fault.text, "is no regular file"));
}

int main(void) {
#define STORY(name) cmocka_unit_test_setup_teardown(name, make, clean)
    const struct CMUnitTest tests[] = {
        STORY(what_was_put_comes_back),
        STORY(the_folder_and_the_file_are_its_owners_alone),
        STORY(many_names_and_a_large_value_come_back),
        STORY(many_names_are_found_fast),
        STORY(workers_of_a_pool_have_rows_of_their_own),
        STORY(a_folder_is_one_programs_at_a_time),
        STORY(the_folder_that_it_is_in_must_be_there),
        STORY(garbage_is_left_as_it_is),
        STORY(a_file_that_was_cut_is_left_as_it_is),
        STORY(a_file_with_a_page_of_garbage_is_left_as_it_is),
        STORY(an_empty_file_beside_its_log_is_left_as_it_is),
        STORY(a_file_of_a_newer_version_is_left_as_it_is),
        STORY(a_file_of_another_program_is_left_as_it_is),
        STORY(a_file_without_its_table_is_left_as_it_is),
        STORY(a_file_with_another_table_is_left_as_it_is),
        STORY(a_file_with_tables_beside_its_own_is_ours),
        STORY(what_is_no_file_is_left_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
