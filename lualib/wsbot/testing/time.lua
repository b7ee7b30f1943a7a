-- wsbot.testing.time: os.time and os.date of what is under test follow the clock of the test, while that stands still.
local core = require "wsbot.testing.core"
local time, date, clock = os.time, os.date, require("host").time

local function now()
  return math.floor(clock())
end

os.time = function(at) -- luacheck: ignore
  if at == nil and core.frozen() then return now() end
  return time(at)
end

os.date = function(format, at) -- luacheck: ignore
  if at == nil and core.frozen() then at = now() end
  return date(format, at)
end

return true
