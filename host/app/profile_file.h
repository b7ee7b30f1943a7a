/* profile_file: the file of --profile: what was sampled from its begin to the end of the program. */
#ifndef APP_PROFILE_FILE_H
#define APP_PROFILE_FILE_H

#include "net/net.h"

/* Begins to sample, and makes the file `path`, into which the profile is written when the program ends, in whatever way
 * (net_end): as a flame graph where `svg`, else as folded text. One a process. 0, or ERR_SYSTEM with `fault` where
 * there can be no profile, or where the file cannot be written or is something else: a script, say. */
int profile_file_open(struct net *net, const char *path, bool svg, struct fault *fault);

#endif
