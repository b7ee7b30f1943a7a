/* curl: the functions of libcurl that http uses, looked up when the program runs: libcurl brings some 25 libraries
 * along, which are not loaded before a request is made. */
#ifndef NET_HTTP_CURL_H
#define NET_HTTP_CURL_H

#include "base/err.h"
#include <curl/curl.h>

#define CURL_FUNCTIONS(F)                                                                                              \
    F(global_init)                                                                                                     \
    F(global_cleanup)                                                                                                  \
    F(version_info)                                                                                                    \
    F(slist_append)                                                                                                    \
    F(slist_free_all)                                                                                                  \
    F(free)                                                                                                            \
    F(url)                                                                                                             \
    F(url_get)                                                                                                         \
    F(url_set)                                                                                                         \
    F(url_cleanup)                                                                                                     \
    F(url_strerror)                                                                                                    \
    F(easy_init)                                                                                                       \
    F(easy_cleanup)                                                                                                    \
    F(easy_setopt)                                                                                                     \
    F(easy_getinfo)                                                                                                    \
    F(easy_header)                                                                                                     \
    F(easy_nextheader)                                                                                                 \
    F(easy_pause)                                                                                                      \
    F(easy_strerror)                                                                                                   \
    F(multi_init)                                                                                                      \
    F(multi_cleanup)                                                                                                   \
    F(multi_setopt)                                                                                                    \
    F(multi_add_handle)                                                                                                \
    F(multi_remove_handle)                                                                                             \
    F(multi_perform)                                                                                                   \
    F(multi_poll)                                                                                                      \
    F(multi_wakeup)                                                                                                    \
    F(multi_info_read)

struct curl {
#define FUNCTION(name) __typeof__(curl_##name) *(name);
    CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/* Opens the library, which stays, and finds them. False with `fault` ("library"): it is missing, or too old. */
bool curl_load(struct curl *f, struct fault *fault);

#endif
