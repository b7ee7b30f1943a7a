-- wsbot.limits.pool: limiters that the workers of a pool share; in a program without a pool, and in a bot under test,
-- those of one name share, over reloads. (host/app/claims.c has the core, which a bot under test has not.)
local host = require "host"

local has_core, core = pcall(require, "wsbot.limits.core")

local pool = {}

local limiter = { __name = "limits.pool" }
limiter.__index = limiter

function limiter:__tostring()
  return ("limits.pool: %s (%d in %g s)"):format(self.name, self.n, self.per)
end

---Waits for room, in the order in which all workers came: true; nil and "timeout"; or nil and "refused" where the pool
---has no room for another name, or for another who waits.
function limiter:take(count, timeout)
  count = count == nil and 1 or math.tointeger(count)
  if not count or count < 1 or count > self.n then
    error("limiter:take: count must be from 1 to as many as the limiter lets through at once", 2)
  end
  local claim <close> = core.claim(self.name, self.n, self.per, count)
  return claim:wait(timeout)
end

local in_test = {} -- by name: the limiters of a bot under test

---`options` = { name =, n =, per = }, which were checked.
function pool.new(options)
  if has_core then
    return setmetatable({ name = options.name, n = options.n, per = options.per }, limiter)
  end
  in_test[options.name] = in_test[options.name] or host.limiter(options.n, options.per)
  return in_test[options.name]
end

return pool
