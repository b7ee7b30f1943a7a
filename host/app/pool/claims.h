/* claims: what `host.limiter { scope = "pool" }` stands on: the claims of a script on the quotas of its pool, or of its
 * program where there is no pool. They are kept by the pool's process, which hears of them as reports (reports.h). */
#ifndef APP_POOL_CLAIMS_H
#define APP_POOL_CLAIMS_H

#include "app/worker.h"

/* Opens the module wsbot.limits.core: claim(name, n, seconds, count) gives a claim, whose wait([timeout]) gives true,
 * or nil and "timeout" or "refused" (there are too many names or claims, or no memory). What is closed or collected
 * before is dropped. */
int luaopen_claims(lua_State *L);

#endif
