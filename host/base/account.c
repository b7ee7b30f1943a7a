/* account: a number that several hold. */
#include "base/account.h"

#include <stdlib.h>

struct account *account_new(void) {
    struct account *a = malloc(sizeof *a);
    if (a) *a = (struct account){.references = 1, .most = ACCOUNT_NO_LIMIT};
    return a;
}

struct account *account_hold(struct account *a) {
    a->references++;
    return a;
}

void account_release(struct account *a) {
    if (a && --a->references == 0) free(a);
}
