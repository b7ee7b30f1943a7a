-- wsbot.testing: what tests of bots need beside busted.
local core = require "wsbot.testing.core"

local testing = {}

local clock = {}
clock.__index = clock

-- Stops the clock of the program: from now on only clock:advance moves it, until clock:close.
---@return wsbot.testing.clock
function testing.clock()
  core.freeze()
  return setmetatable({}, clock)
end

-- Moves the clock by so many seconds. What is due on the way happens at its time and in its order, and after each step
-- the loop turns once.
---@param seconds number
function clock.advance(_, seconds)
  if math.type(seconds) == nil or seconds < 0 then error("clock:advance: seconds must be a number, 0 or more", 2) end
  local left = core.nanoseconds(seconds)
  core.turn()
  while true do
    local due = core.due()
    if not due or due > left then break end
    core.move(due)
    left = left - due
    core.turn()
  end
  core.move(left)
  core.turn()
end

-- The clock is the real one again, and goes on from where it stands.
function clock.close()
  core.thaw()
end
clock.__close = clock.close

return testing
