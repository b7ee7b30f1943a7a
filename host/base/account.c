/* account: a sum of bytes with counted references. */
#include "base/account.h"

#include "base/err.h"

#include <stdlib.h>

struct account *account_new(void) {
    struct account *a = malloc(sizeof *a);
    if (a) *a = (struct account){.references = 1, .most = ACCOUNT_NO_LIMIT};
    return a;
}

struct account *account_hold(struct account *a) {
    err_must(a->references > 0);
    a->references++;
    return a;
}

void account_release(struct account *a) {
    if (!a) return;
    err_must(a->references > 0);
    if (--a->references == 0) free(a);
}
