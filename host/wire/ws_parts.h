/* ws_parts: what the two files of a conversation share: the reader (ws.c) and the writer (ws_send.c). */
#ifndef WIRE_WS_PARTS_H
#define WIRE_WS_PARTS_H

#include "wire/ws.h"

enum { WS_RSV_COMPRESSED = 4 }; /* RSV1: this message is compressed (RFC 7692 6) */

/* Is the conversation one in which we may still say something? */
bool ws_may_send(const struct ws *w);

/* Answers a ping, or keeps it: a later one takes the place of one not yet answered (RFC 6455 5.5.3). */
void ws_answer_ping(struct ws *w, struct slice data);

#endif
