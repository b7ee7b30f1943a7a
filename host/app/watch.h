/* watch: files that a script was loaded from; one that is saved asks for a reload. However an editor saves: the system
 * tells that something happened in a folder, then the files themselves are looked at, and a change counts when it has
 * been quiet for a moment. What no folder tells of is found by looking once a second. */
#ifndef APP_WATCH_H
#define APP_WATCH_H

#include "app/worker.h"

struct watch;

/* Watches the files that the running generation, if there is one, has loaded, also those that it loads later, and looks
 * for new ones that match the patterns `also` (a list that ends with NULL, copied), from the folder where we are now.
 * Keeps the loop alive until it is closed. Aborts without memory. */
struct watch *watch_open(struct worker *w, const char *const *also);

/* These files (copied) were loaded by another generation. They alone are watched from now on, or, where `besides`, they
 * as well; and what has changed since counts. */
void watch_loaded(struct watch *watch, const struct engine_file *files, bool besides);

/* The mark of what is there now. A path that ends with / is a folder, which may be watched like a file: it is saved
 * when a Lua file in it is new or gone. */
struct file_mark watch_mark(const char *path);

/* The loop must turn once before it goes. */
void watch_close(struct watch *watch);

#endif
