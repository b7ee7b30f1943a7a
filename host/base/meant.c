/* meant: the Levenshtein distance. */
#include "base/meant.h"

#include <stdint.h>
#include <string.h>

enum { MOST = 40 }; /* letters of the longest name that is compared */

/* How many letters must be added, removed or changed to make `b` of `a`. */
static size_t distance(const char *a, const char *b) {
    size_t row[MOST + 1], n = strlen(b);
    if (n > MOST) return SIZE_MAX;
    for (size_t j = 0; j <= n; j++) row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = corner + (a[i - 1] != b[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            corner = row[j];
            row[j] = best;
        }
    }
    return row[n];
}

void meant_begin(struct meant *m, const char *name) {
    size_t n = strlen(name);
    *m = (struct meant){.name = name, .least = n <= MOST ? n / 3 + 2 : 0};
}

void meant_consider(struct meant *m, const char *candidate) {
    size_t d = m->least ? distance(m->name, candidate) : SIZE_MAX;
    if (d >= m->least) return;
    m->least = d;
    m->best = candidate;
}
