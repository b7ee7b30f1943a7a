/* x509_names: which hosts a certificate is for, and for which names a CA may issue certificates. Host names match by
 * RFC 9525; common names, URIs and e-mail addresses name no host. */
#ifndef WIRE_X509_NAMES_H
#define WIRE_X509_NAMES_H

#include "wire/x509.h"

/* Is it for this host? `address`: the 4 or 16 bytes of a host that is an IP address, which only an iPAddress matches.
 * Empty: the host is `name`, without a dot at its end, which only a dNSName matches: the same name, or one with "*" as
 * its first label and at least two labels behind it. */
bool x509_is_for(const struct x509 *x, struct slice name, struct slice address);

/* Do the name constraints of `ca` (RFC 5280 4.2.1.10) allow the names of `x`? A wildcard in a dNSName stands for each
 * name that it may match; constraints of a kind that is not known here allow no name of that kind, and what cannot be
 * read allows nothing. */
bool x509_allows(const struct x509 *ca, const struct x509 *x);

#endif
