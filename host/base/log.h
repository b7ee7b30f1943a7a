/* log: lines for the person who runs the program, on stderr, each whole and with its level. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Writes "wsbot: text\n" to stderr in one piece; LOG_DEBUG only when WSBOT_LOG=debug is in the environment. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
