/* words: puts the names that options have on the command line of `wsbot connect` in the place of those of ws.connect,
 * which its users do not know. */
#ifndef APP_WORDS_H
#define APP_WORDS_H

#include "base/buf.h"

/* Appends a message of the host with these names: "--insecure" for "tls.verify = false". */
void words_append(struct buf *out, struct slice message);

#endif
