/* certificate: certificates made on the spot, for the TLS peer of tests: a right one, and one for each thing that a
 * client should find wrong. */
#ifndef TESTING_CERTIFICATE_H
#define TESTING_CERTIFICATE_H

#include "base/err.h"

/* Which fault a client that trusts only ca.pem finds in the server's certificate. */
enum certificate_kind {
    CERTIFICATE_RIGHT,          /* nothing wrong, as localhost, 127.0.0.1 or ::1 */
    CERTIFICATE_EXPIRED,        /* right until two days ago */
    CERTIFICATE_NOT_YET_VALID,  /* right from the day after tomorrow on */
    CERTIFICATE_OTHER_NAME,     /* it is for other.example only */
    CERTIFICATE_UNKNOWN_ISSUER, /* another CA signed it */
    CERTIFICATE_SELF_SIGNED,    /* no CA signed it */
};

/* Makes a CA, and a server's certificate of this kind, and writes ca.pem, cert.pem and key.pem into `folder`, in place
 * of files of these names. 0, or ERR_SYSTEM with `fault`; files written before that stay. */
int certificate_make(const char *folder, enum certificate_kind kind, struct fault *fault);

#endif
