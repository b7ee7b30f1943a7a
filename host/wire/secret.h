/* secret: what in a request or an answer is, or may be, a credential, and is left out where people or files get to see
 * it: of records, traces and error texts. One policy for all of them. It lists what is harmless, and takes all else for
 * a secret:
 *   headers      all but a list of those that identify nobody; a Location is treated as an address
 *   addresses    user and password, the fragment, all values of the query, and a part of it without a "="; names in the
 *                query and segments of the path stay where they look like words
 *   subprotocols of 32 bytes and more, those that do not look like words, and those that speak of credentials
 * A word, for this purpose, is made of runs of letters and digits, "graphql-transport-ws" or "v12.stomp": a run has at
 * most 20 characters, 4 digits beside letters or 8 alone, and no more changes between small letters, capitals and
 * digits than a name has ("base64url", "TradeFeed2"). Keys, UUIDs, hashes and long numbers have more. A token that is
 * as short and plain as a word is taken for one. */
#ifndef WIRE_SECRET_H
#define WIRE_SECRET_H

#include "base/buf.h"

/* How a secret is left out. Functions below that are given NULL leave nothing out. */
struct secret_style {
    const char *mark;  /* what is written in its place */
    bool keeps_scheme; /* the scheme of credentials stays: "Basic", "Bearer" */
};
extern const struct secret_style secret_in_records; /* "(left out)" */
extern const struct secret_style secret_for_people; /* "***" */

/* Does it look like a word, in the sense above? */
bool secret_is_word(struct slice s);

/* Is this subprotocol one of those that are left out? They are not offered to another origin, either. */
bool secret_is_in_protocol(struct slice name);

/* May a header that a script gave be sent to another origin than the one it named, where a redirect leads there? Only
 * User-Agent, Accept and Accept-Language may; with `all` (the script has allowed it) all but Host, cookies and
 * credentials. */
bool secret_header_may_leave(struct slice name, bool all);

/* All functions below append the text without its secrets; what does not fit is left out, as buf_append has it. */

/* The value of a header. */
void secret_put_header(struct buf *out, struct slice name, struct slice value, const struct secret_style *style);

/* A list of subprotocols, as Sec-WebSocket-Protocol has it. */
void secret_put_protocols(struct buf *out, struct slice list, const struct secret_style *style);

/* A path, and its query and fragment where it has them. */
void secret_put_target(struct buf *out, struct slice target, const struct secret_style *style);

/* A text that should be a url or a relative reference, valid or not. */
void secret_put_address(struct buf *out, struct slice text, const struct secret_style *style);

enum { SECRET_SHOWN_SIZE = 1024 };

/* Writes such a text to `shown` as error texts quote it: in the style for people, without query and fragment, escaped
 * (base/shown.h), and cut after some 200 bytes. Returns `shown`. */
const char *secret_shown(struct slice text, char shown[SECRET_SHOWN_SIZE]);

#endif
