/* ws_parts: what the two files of a conversation share: the reader (ws.c) and the writer (ws_send.c). */
#ifndef WIRE_WS_PARTS_H
#define WIRE_WS_PARTS_H

#include "wire/ws.h"

enum { WS_RSV_COMPRESSED = 4 }; /* RSV1: this message is compressed (RFC 7692 6) */

/* May frames still be sent: was no Close sent or received, and has nothing failed? */
bool ws_may_send(const struct ws *w);

/* Answers a ping, or keeps it for later; then it replaces an earlier one that was not answered yet (RFC 6455 5.5.3). */
void ws_answer_ping(struct ws *w, struct slice data);

#endif
