/* check: `wsbot check SCRIPT`: loads it as a reload would, prints what it declares, and throws it away. */
#ifndef APP_CHECK_H
#define APP_CHECK_H

#include "app/interpreter.h"

/* Checks the script in `w`, whose engine must not have run anything. Returns the exit status: 0, or 1 where the script
 * did not load, which was reported. */
int check_script(struct worker *w, const struct interpreter_options *o);

#endif
