/* curl: the library is opened, its functions are found, its version is looked at. */
#include "net/http/curl.h"

#include "base/library.h"
#include <dlfcn.h>

/* The flavour without OpenSSL, whose libssl shares symbols with wolfSSL. */
#define LIBRARY "libcurl-gnutls.so.4"

enum { LEAST_VERSION = 0x075700 }; /* 7.87.0, which has CURLOPT_QUICK_EXIT */

bool curl_load(struct curl *f, struct fault *fault) {
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* stays: what it brings along cannot be unloaded */
    if (!library) {
        fault_put(fault, FAULT_LIBRARY, "libcurl is missing: install libcurl3-gnutls (%s)", dlerror());
        return false;
    }
    const struct library_function wanted[] = {
#define FUNCTION(name) {"curl_" #name, (void **)&f->name},
        CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
    };
    const char *missing = library_find(library, wanted, sizeof wanted / sizeof *wanted);
    if (missing) {
        fault_put(fault, FAULT_LIBRARY, "%s is too old: it has no %s", LIBRARY, missing);
        return false;
    }
    const curl_version_info_data *info = f->version_info(CURLVERSION_NOW);
    if (info->version_num >= LEAST_VERSION) return true;
    fault_put(fault, FAULT_LIBRARY, "%s is version %s: 7.87.0 is needed", LIBRARY, info->version);
    return false;
}
