/* check: `wsbot check SCRIPT`: loads it as a reload would, prints what it declares, and throws it away. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "app/interpreter.h"

/* In `w`, whose engine has run nothing. Returns the exit status: 0, or 1 where it did not load, which was told. */
int check_script(struct worker *w, const struct interpreter_options *o);

#endif
