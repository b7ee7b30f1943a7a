-- wsbot.testing: what tests of bots need beside busted. What is made here is closed at the end of the test that has
-- made it.
local blame = require "wsbot.testing.blame"
local core = require "wsbot.testing.core"
local doubles = require "wsbot.testing.doubles"
local instrument = require "wsbot.testing.instrument"
local plainly = require("wsbot.number").plainly

require "wsbot.testing.time"
doubles.arrange() -- where specs run in another busted than that of `wsbot test`

local testing = {
  server = require "wsbot.testing.server",
  bot = require "wsbot.testing.bot",
  http = require "wsbot.testing.http",
  replay = require "wsbot.testing.replay",
}

local turn = blame.caller(core.turn)

-- Waits, the loop turning, until look() gives something true, which is returned; no longer than `timeout` seconds (5)
-- of real time.
function testing.eventually(look, timeout)
  local ends, turns = core.real() + (timeout or 5), 0
  while true do
    local result = look()
    if result then return result end
    if core.real() > ends then
      blame.raise(plainly(string.format, "this has not come true within %g s", timeout or 5))
    end
    turns = turns + 1
    turn("testing.eventually", turns)
  end
end

local clock = { __name = "wsbot.testing.clock" }
clock.__index = clock
local open = 0 -- how many clocks are open: a block may have one, and a test in it another

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
  if self.closed then blame.raise "clock:advance: the clock is closed" end
  if math.type(seconds) == nil or seconds < 0 or seconds ~= seconds or seconds == math.huge then
    blame.raise "clock:advance: seconds must be a number, 0 or more"
  end
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

-- What waits for the clock, in the test and in its bots, the next first: tables of `left` (seconds), `what`, `file` and
-- `line`.
function clock.pending()
  local list = {}
  core.pending(list)
  for _, entry in ipairs(core.instruments()) do
    local of_bot = entry.object.pending_of
    if of_bot then of_bot(entry.object, list) end
  end
  table.sort(list, function(a, b) return a.left < b.left end)
  return list
end

-- Moves the clock to the next thing that is due. Returns how many seconds that was; nil where nothing is.
function clock:next()
  self:advance(0)
  local first = core.first()
  for _, entry in ipairs(core.instruments()) do
    local of_bot = entry.object.first_of and entry.object:first_of()
    if of_bot and not (first and first <= of_bot) then first = of_bot end
  end
  if not first then return nil end
  self:advance(first / 1e9)
  return first / 1e9
end

-- Has the program's clock go on from where it stands, as the real one does; unless another clock is open.
function clock:close()
  if not instrument.remove(self) then return end
  self.closed = true
  open = open - 1
  if open == 0 then core.thaw() end
end

blame.callers(clock, "advance", "pending", "next", "close")
clock.__close = clock.close

return testing
