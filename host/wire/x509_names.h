/* x509_names: whom a certificate is for, and whom its issuer may speak for. Names of hosts match as RFC 9525 has it;
 * common names, URIs and addresses of mail name no host. */
#ifndef WIRE_X509_NAMES_H
#define WIRE_X509_NAMES_H

#include "wire/x509.h"

/* Is it for this host? `address`: its 4 or 16 bytes where the host is an address, which only an iPAddress matches;
 * empty: it is `name`, without a dot at its end, which only a dNSName matches: the same, or with "*" for its first
 * label, above at least two others. */
bool x509_is_for(const struct x509 *x, struct slice name, struct slice address);

/* Do the name constraints of `ca` (RFC 5280 4.2.1.10) allow the names of `x`? For names of DNS, a wildcard stands for
 * each that it may match; constraints of a kind that is not known here allow no name of that kind, and what cannot be
 * read allows nothing. */
bool x509_allows(const struct x509 *ca, const struct x509 *x);

#endif
