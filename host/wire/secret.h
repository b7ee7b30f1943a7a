/* secret: what of a request or an answer lets others in, and is left out where people or files get to see it: of
 * records, traces and error texts. One policy for all of them. It lists what is harmless, so that what it does not know
 * is a secret:
 *   headers      but for a list of those that say nothing of who someone is; a Location is an address
 *   addresses    user and password, the fragment, all values of the query, and a part of it without a "="; names in the
 *                query and segments of the path stay where they look like words
 *   subprotocols of 32 bytes and more, those that do not look like words, and those that speak of credentials
 * A word, for this purpose, is made of runs of letters and digits, "graphql-transport-ws" or "v12.stomp": a run has at
 * most 20 characters, 4 digits beside letters or 8 alone, and no more changes between small letters, capitals and
 * digits than a name has ("base64url", "TradeFeed2"). Keys, UUIDs, hashes and long numbers have more. A token that is
 * as short and plain as a word is not told from one. */
#ifndef WIRE_SECRET_H
#define WIRE_SECRET_H

#include "base/buf.h"

/* How it is left out. Where a function below is given NULL, nothing is. */
struct secret_style {
    const char *mark;  /* stands in its place */
    bool keeps_scheme; /* of credentials: "Basic", "Bearer" */
};
extern const struct secret_style secret_in_records; /* "(left out)" */
extern const struct secret_style secret_for_people; /* "***" */

/* Does it look like a word? */
bool secret_is_word(struct slice s);

/* Does it look like a key, or like something that announces one? Such subprotocols go to no other origin, either. */
bool secret_is_in_protocol(struct slice name);

/* May a script's line of that header go to another origin than the one it was meant for, where a redirect leads there?
 * Only User-Agent, Accept and Accept-Language do; `all`: the script says that its headers are for all, and still Host,
 * cookies and credentials are not. */
bool secret_header_may_leave(struct slice name, bool all);

/* All below append what may be seen; what does not fit is left out, as buf_append has it. */

/* The value of a header. */
void secret_put_header(struct buf *out, struct slice name, struct slice value, const struct secret_style *style);

/* A list of subprotocols, as Sec-WebSocket-Protocol has it. */
void secret_put_protocols(struct buf *out, struct slice list, const struct secret_style *style);

/* A path, and its query and fragment where it has them. */
void secret_put_target(struct buf *out, struct slice target, const struct secret_style *style);

/* A text that is to be an address, or a reference to one, whatever may be wrong with it. */
void secret_put_address(struct buf *out, struct slice text, const struct secret_style *style);

enum { SECRET_SHOWN_SIZE = 1024 };

/* Writes such a text to `shown` as an error has it: for people, without query and fragment, escaped (base/shown.h), of
 * some 200 bytes at most. Returns `shown`. */
const char *secret_shown(struct slice text, char shown[SECRET_SHOWN_SIZE]);

#endif
