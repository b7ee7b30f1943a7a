-- wsbot.testing: what tests of bots need beside busted. Everything in here ends with the test that made it.
local core = require "wsbot.testing.core"
local doubles = require "wsbot.testing.doubles"
local instrument = require "wsbot.testing.instrument"
local plainly = require("wsbot.number").plainly

doubles.arrange() -- where specs run in another busted than that of `wsbot test`

local testing = {
  server = require "wsbot.testing.server",
  bot = require "wsbot.testing.bot",
  http = require "wsbot.testing.http",
  replay = require "wsbot.testing.replay",
}

-- Waits, the loop turning, until look() gives something true, which is returned; no longer than `timeout` seconds (5)
-- of real time.
function testing.eventually(look, timeout)
  local ends, turns = core.real() + (timeout or 5), 0
  while true do
    local result = look()
    if result then return result end
    if core.real() > ends then error(plainly(string.format, "this has not come true within %g s", timeout or 5), 2) end
    turns = turns + 1
    core.turn(turns)
  end
end

local clock = { __name = "wsbot.testing.clock" }
clock.__index = clock
local open = 0 -- clocks: a block's, and a test's within it

-- Stops the clock of the program: from now on only clock:advance moves it, until clock:close.
---@return wsbot.testing.clock
function testing.clock()
  core.freeze()
  open = open + 1
  local self = setmetatable({}, clock)
  instrument.add(self)
  return self
end

-- Moves the clock by so many seconds. What is due on the way happens at its time and in its order, and whatever that
-- makes connections of this process send arrives before the clock moves on.
---@param seconds number
function clock:advance(seconds)
  if self.closed then error("clock:advance: the clock is closed", 2) end
  if math.type(seconds) == nil or seconds < 0 then error("clock:advance: seconds must be a number, 0 or more", 2) end
  local left = core.nanoseconds(seconds)
  core.settle()
  while true do
    local due = core.due()
    if not due or due > left then break end
    core.move(due)
    left = left - due
    core.settle()
  end
  core.move(left)
  core.settle()
end

-- The clock is the real one again, and goes on from where it stands; unless another one is open.
function clock:close()
  if not instrument.remove(self) then return end
  self.closed = true
  open = open - 1
  if open == 0 then core.thaw() end
end
clock.__close = clock.close

return testing
