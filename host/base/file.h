/* file: what is done to an open file in more than one place. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/slice.h"

/* Writes all of `bytes` to the blocking descriptor `fd`, in as many pieces as it takes. 0, or the errno of what has
 * failed: then some of it may be written. */
int file_write(int fd, struct slice bytes);

#endif
