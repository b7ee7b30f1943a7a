/* test_file_mark: what counts as a change of a file, and what as being written. */
#include "base/file_mark.h"
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char path[] = "/tmp/wsbot-test-mark-XXXXXX";

static int make(void **state) {
    int fd = mkstemp(path);
    (void)state;
    if (fd >= 0) close(fd);
    return fd < 0;
}

static int end(void **state) {
    (void)state;
    return unlink(path);
}

static void put(const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void set_times(time_t seconds) {
    struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* As a file is marked that was read. */
static struct file_mark read_as(const char *text) {
    struct file_mark mark = file_mark_at(path);
    mark.content = file_mark_hash(text, strlen(text));
    return mark;
}

static void what_was_written_anew_has_changed(void **state) {
    (void)state;
    put("one");
    struct file_mark mark = read_as("one");
    assert_true(file_mark_holds(&mark, path));
    put("other");
    assert_false(file_mark_holds(&mark, path));
    put("");
    assert_false(file_mark_holds(&mark, path));
}

static void another_text_is_seen_where_no_time_tells(void **state) {
    (void)state;
    put("one");
    set_times(1000);
    struct file_mark mark = read_as("one");
    put("two");
    set_times(1000);
    assert_false(file_mark_holds(&mark, path));
}

static void another_mode_is_no_change(void **state) {
    (void)state;
    put("one");
    set_times(1000);
    struct file_mark mark = read_as("one");
    chmod(path, 0400);
    assert_true(file_mark_holds(&mark, path));
    chmod(path, 0600);
    mark.content = 0; /* it was never read: then there is only its time */
    mark.changed.tv_sec--;
    assert_false(file_mark_holds(&mark, path));
}

static void another_file_of_the_same_name_has_changed(void **state) {
    char other[sizeof path + 2];
    (void)state;
    put("one");
    set_times(1000);
    struct file_mark mark = read_as("one");
    snprintf(other, sizeof other, "%s.b", path);
    assert_int_equal(link(path, other), 0); /* so that its inode is not used again */
    unlink(path);
    put("one");
    set_times(1000);
    assert_false(file_mark_holds(&mark, path));
    unlink(other);
}

static void what_is_missing_stays_missing(void **state) {
    (void)state;
    struct file_mark none = file_mark_at("/no/such/file");
    assert_true(file_mark_holds(&none, "/no/such/file"));
    assert_false(file_mark_holds(&none, path));
    assert_false(file_is_being_written("/no/such/file"));
}

static void who_has_it_open_to_write_is_seen(void **state) {
    (void)state;
    put("one");
    assert_false(file_is_being_written(path));
    int reader = open(path, O_RDONLY), writer = open(path, O_WRONLY);
#ifdef F_SETLEASE
    assert_true(file_is_being_written(path));
#endif
    close(writer);
    assert_false(file_is_being_written(path));
    close(reader);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_anew_has_changed),
        cmocka_unit_test(another_text_is_seen_where_no_time_tells),
        cmocka_unit_test(another_mode_is_no_change),
        cmocka_unit_test(another_file_of_the_same_name_has_changed),
        cmocka_unit_test(what_is_missing_stays_missing),
        cmocka_unit_test(who_has_it_open_to_write_is_seen),
    };
    return cmocka_run_group_tests(tests, make, end);
}
