/* flame: the lines are sorted, so that those which begin with the same names stand together: each box is a run of
 * lines.
 */
#include "base/flame.h"

#include "base/number.h"
#include "base/shown.h"
#include <stdarg.h>
#include <stdlib.h>

enum {
    WIDTH = 1200,
    MARGIN = 10,
    ROW = 18,   /* the height of a box */
    ABOVE = 40, /* of the title */
    TINTS = 8,
};
#define LETTER       7.3              /* the width of one, of 12 pixels */
#define SAMPLES_MOST 1000000000000000 /* of all lines */

struct line {
    struct slice names; /* those that are not drawn yet */
    uint64_t count;
};

struct flame {
    struct line *lines;
    size_t count;
    uint64_t all; /* samples */
    int height;   /* boxes above each other */
    struct buf boxes;
    int rc; /* the first failure */
};

/* ---- reading ---- */

static bool read_line(struct slice text, struct line *line) {
    size_t end = text.n;
    uint64_t count = 0;
    while (end > 0 && text.p[end - 1] != ' ') end--;
    if (end < 2 || end == text.n || text.n - end > 15) return false;
    for (size_t i = end; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        count = count * 10 + text.p[i] - '0';
    }
    *line = (struct line){slice_head(text, end - 1), count};
    return count > 0;
}

/* As memcmp, but that ';' is before any other byte: names in front decide first. */
static int by_names(const void *a, const void *b) {
    struct slice x = ((const struct line *)a)->names, y = ((const struct line *)b)->names;
    for (size_t i = 0; i < x.n && i < y.n; i++) {
        if (x.p[i] == y.p[i]) continue;
        if (x.p[i] == ';' || y.p[i] == ';') return x.p[i] == ';' ? -1 : 1;
        return x.p[i] < y.p[i] ? -1 : 1;
    }
    return x.n == y.n ? 0 : x.n < y.n ? -1 : 1;
}

static int read_lines(struct flame *f, struct slice folded) {
    struct slice text, rest = folded;
    size_t most = 0;
    while (slice_split(&rest, '\n', &text)) most++;
    f->lines = malloc((most + 1) * sizeof *f->lines);
    if (!f->lines) return ERR_NOMEM;
    while (slice_split(&folded, '\n', &text)) {
        struct line *line = &f->lines[f->count];
        if (!read_line(text, line) || f->all + line->count > SAMPLES_MOST) continue;
        f->all += line->count;
        f->count++;
    }
    qsort(f->lines, f->count, sizeof *f->lines, by_names);
    return 0;
}

/* ---- drawing ---- */

static void add(struct flame *f, struct slice text) {
    int rc = buf_append(&f->boxes, text);
    if (f->rc == 0) f->rc = rc;
}

static void print(struct flame *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void print(struct flame *f, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    number_vprint(text, sizeof text, format, args);
    va_end(args);
    add(f, slice_str(text));
}

/* What stands in XML for a character that cannot stand for itself there, or NULL. */
static const char *escape(uint32_t code) {
    switch (code) {
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '&': return "&amp;";
    case 0xFFFE:
    case 0xFFFF: return "?";
    default: return NULL;
    }
}

/* Adds a text; of one that has more characters than `most`, the first ones and two dots. */
static void add_text(struct flame *f, struct slice text, size_t most) {
    struct buf shown;
    uint32_t code;
    size_t size;
    buf_init(&shown, SIZE_MAX);
    shown_append(&shown, slice_head(text, FLAME_NAME), 0);
    struct slice rest = buf_slice(&shown);
    for (; rest.n && (size = shown_character(rest, &code)) > 0; rest = slice_skip(rest, size)) {
        if (most-- == 2 && rest.n > size + 1) {
            add(f, slice_str(".."));
            break;
        }
        add(f, escape(code) ? slice_str(escape(code)) : slice_head(rest, size));
    }
    buf_clear(&shown);
}

static unsigned tint_of(struct slice name) {
    unsigned hash = 5381;
    for (size_t i = 0; i < name.n; i++) hash = hash * 33 + name.p[i];
    return hash / 7 % TINTS;
}

/* Draws a box; `below` is how many are below it. */
static void draw_box(struct flame *f, struct slice name, uint64_t from, uint64_t count, int below) {
    double unit = (double)(WIDTH - 2 * MARGIN) / (double)f->all;
    double x = MARGIN + (double)from * unit, width = (double)count * unit;
    unsigned tint = name.n && name.p[0] == '(' ? TINTS : tint_of(name);
    int y = -(below + 1) * ROW;
    add(f, slice_str("<g><title>"));
    add_text(f, name, SIZE_MAX);
    print(f, ": %llu samples, %.1f %%</title>", (unsigned long long)count, 100.0 * (double)count / (double)f->all);
    print(f, "<rect class=\"c%u\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>", tint, x, y, width, ROW - 1);
    if (width > 4 * LETTER) {
        print(f, "<text x=\"%.1f\" y=\"%d\">", x + 3, y + ROW - 5);
        add_text(f, name, (size_t)(width / LETTER) - 1);
        add(f, slice_str("</text>"));
    }
    add(f, slice_str("</g>\n"));
    if (below >= f->height) f->height = below + 1;
}

/* Takes the first name off a line; false: there is none. */
static bool take_name(struct line *line, struct slice *name) { return slice_split(&line->names, ';', name); }

/* Draws the boxes above the one that stands for the lines from `first` up to `end`. */
static void draw_above(struct flame *f, size_t first, size_t end, uint64_t from, int below) {
    struct slice name, next;
    while (first < end && !take_name(&f->lines[first], &name)) first++; /* those were sampled in that box itself */
    while (first < end && f->rc == 0) {
        size_t last = first + 1;
        uint64_t count = f->lines[first].count;
        bool more = false;
        while (last < end && (more = take_name(&f->lines[last], &next)) && slice_eq(name, next)) {
            count += f->lines[last++].count;
            more = false;
        }
        if (count >= f->all / FLAME_SHARES + (f->all % FLAME_SHARES > 0)) {
            draw_box(f, name, from, count, below);
            if (below < FLAME_DEPTH) draw_above(f, first, last, from, below + 1);
        }
        from += count;
        first = last;
        if (more) name = next;
    }
}

static void draw_all(struct flame *f) {
    draw_box(f, slice_str("all"), 0, f->all, 0); /* all stand on it */
    draw_above(f, 0, f->count, 0, 1);
}

static const char style[] =
    "<style>\n"
    "svg { background: #fff; font: 12px ui-monospace, Menlo, Consolas, monospace }\n"
    "text { fill: #111; pointer-events: none } rect { stroke: #fff; stroke-width: .5 } g:hover rect { opacity: .75 }\n"
    ".c0 { fill: #f4a261 } .c1 { fill: #f2b880 } .c2 { fill: #f6bd60 } .c3 { fill: #ef9a7a }\n"
    ".c4 { fill: #f7c59f } .c5 { fill: #eeb462 } .c6 { fill: #f3a683 } .c7 { fill: #f0c27b } .c8 { fill: #c3c9d2 }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #16181d } text { fill: #f3f3f3 } rect { stroke: #16181d }\n"
    ".c0 { fill: #8a4b17 } .c1 { fill: #7d4a22 } .c2 { fill: #7c5a12 } .c3 { fill: #8b4029 }\n"
    ".c4 { fill: #73492b } .c5 { fill: #7a5416 } .c6 { fill: #85452c } .c7 { fill: #74551f } .c8 { fill: #454c58 }\n"
    "}\n"
    "</style>\n";

/* The picture around the boxes, whose height is known now. */
static void put_picture(struct flame *f, struct buf *out, struct slice title) {
    struct buf boxes;
    int height = ABOVE + f->height * ROW + MARGIN;
    buf_init(&boxes, SIZE_MAX);
    buf_swap(&boxes, &f->boxes);
    print(f, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", WIDTH,
          height, WIDTH, height);
    add(f, slice_str(style));
    print(f, "<text x=\"%d\" y=\"24\">", MARGIN);
    add_text(f, title, SIZE_MAX);
    print(f, "</text>\n<g transform=\"translate(0,%d)\">\n", height - MARGIN);
    add(f, buf_slice(&boxes));
    add(f, slice_str("</g>\n</svg>\n"));
    buf_clear(&boxes);
    if (f->rc == 0) f->rc = buf_append(out, buf_slice(&f->boxes));
}

int flame_draw(struct buf *out, struct slice folded, struct slice title) {
    struct flame f = {0};
    buf_init(&f.boxes, SIZE_MAX);
    f.rc = read_lines(&f, folded);
    if (f.rc == 0 && f.all > 0) draw_all(&f);
    if (f.rc == 0) put_picture(&f, out, title);
    buf_clear(&f.boxes);
    free(f.lines);
    return f.rc;
}
