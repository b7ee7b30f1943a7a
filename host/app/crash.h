/* crash: what is left behind where a fault of the program itself, or of a C module, ends it: the signal, where the
 * program was, and the last lines of the log. The process still ends by that signal, in a few seconds at most. */
#ifndef APP_CRASH_H
#define APP_CRASH_H

enum { CRASH_LINES = 20 }; /* of the log */

/* From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT leave a report: in FOLDER/crash-WORKER.txt, over the last one
 * there, with a line on stderr that says so; or on stderr, where `folder` is NULL or the file cannot be made. `worker`
 * is the number in a pool, 1 without one. Does nothing with sanitizers, which report by themselves. */
void crash_open(const char *folder, unsigned worker);

#endif
