/* watch: watches the files that a script was loaded from, and asks for a reload when one is saved, in whatever way an
 * editor does that: the system says that something has happened in a folder; then the files themselves are looked at,
 * and a change counts when the file has been quiet for a moment. Changes without such an event are found by looking
 * once a second. */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "app/worker.h"

struct watch;

/* Watches the files that the running generation, if there is one, has loaded, also those that it loads later, and looks
 * for new ones that match the patterns `also` (a list that ends with NULL, copied), from the folder where we are now.
 * Keeps the loop alive until it is closed. Aborts without memory. */
struct watch *watch_open(struct worker *w, const char *const *also);

/* These files (copied) were loaded by another generation. From now on they are watched, either alone or, with
 * `besides`, in addition; what has changed since they were loaded counts. */
void watch_loaded(struct watch *watch, const struct engine_file *files, bool besides);

/* The mark of a file as it is now. A path that ends with / is a folder, which may be watched like a file: it counts as
 * saved when a Lua file in it is new or gone. */
struct file_mark watch_mark(const char *path);

/* Closes it; the loop must turn once before it is freed. */
void watch_close(struct watch *watch);

#endif
