/* test_vectors: plays the conversations of tests/vectors/ to the codec: whole, cut in two at every offset, and byte by
 * byte. The story that is told, and the bytes that are sent, must be the same each time.
 *
 * A file holds conversations, parted by empty lines. The first line of one is its name. Then, in any order:
 *     role client|server             whose side is played; client where it is left out
 *     limit N                        max_message_size in bytes; 1000000 where it is left out
 *     receives BYTES                 what comes; several lines are one stream
 *     tells text|binary|ping|pong BYTES,  tells close CODE BYTES,  tells fault KIND
 *     sends BYTES                    what was sent in the end, all of it
 * BYTES are hex pairs and 'text', 'text'*N for repeated text; the client's mask is always 01 02 03 04. '#' begins a
 * comment line. */
#include "unit.h"
#include "wire/ws.h"
#include <ctype.h>
#include <dirent.h>
#include <stdio.h>

struct vector {
    char name[256], where[512];
    enum ws_role role;
    uint64_t limit;
    struct buf in, told, sent;
    bool used;
};

static uint32_t fixed_mask(void) {
    uint32_t mask;
    memcpy(&mask, "\1\2\3\4", 4);
    return mask;
}

/* Appends what `text` writes. */
static void read_bytes(struct buf *out, const char *text, const struct vector *v) {
    while (*text) {
        if (isspace((unsigned char)*text)) {
            text++;
        } else if (*text == '\'') {
            const char *end = strchr(text + 1, '\'');
            char *rest = (char *)end;
            if (!end) fail_msg("%s: a ' is not closed", v->where);
            struct slice part = slice_of(text + 1, (size_t)(end - text) - 1);
            long times = end[1] == '*' ? strtol(end + 2, &rest, 10) : (rest++, 1);
            while (times-- > 0) buf_append(out, part);
            text = rest;
        } else {
            unsigned byte;
            if (sscanf(text, "%2x", &byte) != 1 || !isxdigit((unsigned char)text[1]))
                fail_msg("%s: not bytes: %s", v->where, text);
            uint8_t one = (uint8_t)byte;
            buf_append(out, slice_of(&one, 1));
            text += 2;
        }
    }
}

/* One event as a line of the story. */
static void tell(struct buf *told, const char *what, unsigned code, struct slice data) {
    buf_printf(told, "%s %u ", what, code);
    buf_append(told, data);
    buf_append(told, slice_str("\n"));
}

static void read_tells(struct vector *v, char *text) {
    char what[32];
    unsigned code = 0;
    int n = 0;
    struct buf data;
    buf_init(&data, SIZE_MAX);
    if (sscanf(text, "%31s%n", what, &n) != 1) fail_msg("%s: tells what?", v->where);
    text += n;
    if (strcmp(what, "fault") == 0) {
        char kind[32] = "";
        sscanf(text, "%31s", kind);
        buf_append(&data, slice_str(kind));
    } else {
        if (strcmp(what, "close") == 0 && sscanf(text, "%u%n", &code, &n) == 1) text += n;
        read_bytes(&data, text, v);
    }
    tell(&v->told, what, code, buf_slice(&data));
    buf_clear(&data);
}

static void play(const struct vector *v, size_t first, size_t step, struct buf *told, struct buf *sent) {
    static const char *const names[] = {
        [WS_TEXT] = "text", [WS_BINARY] = "binary", [WS_CLOSE] = "close", [WS_PING] = "ping", [WS_PONG] = "pong"};
    struct ws w;
    struct ws_event ev;
    ws_init(&w, v->role, v->limit, sent, fixed_mask);
    struct slice in = buf_slice(&v->in);
    for (size_t n = first; in.n; n = step) {
        struct slice piece = slice_head(in, n);
        in = slice_skip(in, piece.n);
        while (ws_step(&w, &piece, &ev) == WS_EVENT) tell(told, names[ev.kind], ev.code, ev.data);
        assert_int_equal(piece.n, 0);
    }
    if (ws_failed(&w)) tell(told, "fault", 0, slice_str(fault_word(w.fault)));
    ws_clear(&w);
}

static void same(const struct vector *v, const char *what, size_t cut, struct slice expected, struct slice got) {
    if (slice_eq(expected, got)) return;
    print_error("%s: %s\n  cut at %zu, %s expected:\n", v->where, v->name, cut, what);
    for (size_t i = 0; i < expected.n && i < 200; i++) print_error(" %02x", expected.p[i]);
    print_error("\n  and got:\n");
    for (size_t i = 0; i < got.n && i < 200; i++) print_error(" %02x", got.p[i]);
    fail_msg("%s", v->name);
}

static void check(const struct vector *v, size_t first, size_t step) {
    struct buf told, sent;
    buf_init(&told, SIZE_MAX);
    buf_init(&sent, SIZE_MAX);
    play(v, first, step, &told, &sent);
    same(v, "told,", first, buf_slice(&v->told), buf_slice(&told));
    same(v, "sent,", first, buf_slice(&v->sent), buf_slice(&sent));
    buf_clear(&told);
    buf_clear(&sent);
}

/* A conversation is read: play it, and start anew. */
static int finish(struct vector *v) {
    int played = v->used;
    if (v->used) {
        if (v->in.len > 4096) { /* long ones at a few places */
            for (size_t cut = 1; cut < 20; cut++) check(v, cut, SIZE_MAX);
            check(v, SIZE_MAX, SIZE_MAX);
            check(v, 1000, 1000);
        } else {
            for (size_t cut = 1; cut <= v->in.len; cut++) check(v, cut, SIZE_MAX);
        }
        check(v, 1, 1);
    }
    buf_clear(&v->in);
    buf_clear(&v->told);
    buf_clear(&v->sent);
    v->used = false;
    v->name[0] = '\0';
    v->role = WS_CLIENT;
    v->limit = 1000000;
    return played;
}

static int play_file(const char *path) {
    char line[4096];
    struct vector v = {0};
    int played = 0, number = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    buf_init(&v.in, SIZE_MAX);
    buf_init(&v.told, SIZE_MAX);
    buf_init(&v.sent, SIZE_MAX);
    finish(&v);
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        snprintf(v.where, sizeof v.where, "%.400s:%d", path, ++number);
        char *text = line + strspn(line, " ");
        if (*text == '#') continue;
        if (*text == '\0') {
            played += finish(&v);
        } else if (!v.name[0]) {
            snprintf(v.name, sizeof v.name, "%.250s", text);
        } else if (strncmp(text, "role ", 5) == 0) {
            v.role = strstr(text, "server") ? WS_SERVER : WS_CLIENT;
        } else if (strncmp(text, "limit ", 6) == 0) {
            v.limit = strtoul(text + 6, NULL, 10);
        } else if (strncmp(text, "receives ", 9) == 0) {
            read_bytes(&v.in, text + 9, &v);
            v.used = true;
        } else if (strncmp(text, "tells ", 6) == 0) {
            read_tells(&v, text + 6);
        } else if (strncmp(text, "sends ", 6) == 0) {
            read_bytes(&v.sent, text + 6, &v);
        } else {
            fail_msg("%s: what is this? %s", v.where, text);
        }
    }
    fclose(file);
    return played + finish(&v);
}

static void every_conversation_is_the_same_story_however_it_is_cut(void **state) {
    (void)state;
    int played = 0;
    DIR *folder = opendir(VECTORS);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        if (!strstr(entry->d_name, ".txt")) continue;
        snprintf(path, sizeof path, "%s/%s", VECTORS, entry->d_name);
        played += play_file(path);
    }
    closedir(folder);
    print_message("%d conversations\n", played);
    assert_true(played >= 40);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_conversation_is_the_same_story_however_it_is_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
