-- wsbot.testing.bot: a script under test, whole and unchanged, in a generation of its own.
local blame = require "wsbot.testing.blame"
local check = require "wsbot.testing.options"
local core = require "wsbot.testing.core"
local difference = require "wsbot.testing.difference"
local instrument = require "wsbot.testing.instrument"
local plainly = require("wsbot.number").plainly

local EXPECT <const> = 5 -- seconds

local bot = {}

-- Loads the script again, or another source, beside the one that runs; it takes over, or nothing has changed. Returns
-- true, or nil and the message.
function bot:reload(source)
  return self.core:reload(source)
end

-- Has it stop as SIGTERM does: functions of host.on_stop run, connections send Close 1001 and wait for that of the
-- peer. Returns its exit status.
function bot:stop()
  self.core:stop()
  return self:wait()
end

-- Waits until it has ended by itself. Returns its exit status.
function bot:wait()
  local turns = 0
  while self.core:alive() do
    turns = turns + 1
    core.turn("bot:wait", turns)
  end
  return self.core:status()
end

-- Waits for the next line that it prints, or its end. Returns nil where there is none.
local function next_line(self)
  local turns, ends = 0, core.real() + EXPECT
  while true do
    local output, alive = self.core:output(), self.core:alive()
    local to = output:find("\n", self.at, true)
    if to then
      local line = output:sub(self.at, to - 1)
      self.at = to + 1
      return line
    end
    if not alive or core.real() > ends then return nil end
    turns = turns + 1
    core.turn("bot:expect", turns)
  end
end

-- Waits for the next lines that it prints, which must be these.
function bot:expect(...)
  for i = 1, select("#", ...) do
    local expected, line = select(i, ...), next_line(self)
    if not line then
      local why = self.running and plainly(string.format, "it printed nothing for %g s", EXPECT) or "it has ended"
      blame.raise(("expected the bot to print %s, but %s, after\n%s"):format(difference.quote(expected), why,
        self.output))
    end
    if line ~= expected then blame.raise("the bot printed another line\n" .. difference.of_texts(expected, line)) end
  end
end

-- Ends it at once. The test fails for an error of its callbacks that it did not look at.
function bot:close()
  if not instrument.remove(self) then return end
  self:blame()
  self.core:kill()
end

-- Adds the first error that the test has not looked at to the errors of the test.
function bot:blame()
  local errors = self.core:errors()
  if errors[self.seen + 1] then core.blame(errors[self.seen + 1]) end
  self.seen = #errors
end

-- Adds what waits for the clock in this bot to the list, for clock:pending.
function bot:pending_of(list)
  self.core:pending(list)
end

-- How many nanoseconds are left until the first of these is due.
function bot:first_of()
  return self.core:first()
end

blame.callers(bot, "reload", "stop", "wait", "expect", "close")

local fields = {
  output = function(self) return self.core:output() end,
  log = function(self) return self.core:log() end,
  running = function(self) return self.core:alive() end,
  status = function(self)
    if not self.core:alive() then return self.core:status() end
  end,
  errors = function(self)
    local errors = self.core:errors()
    self.seen = #errors
    return errors
  end,
}

local meta = {
  __index = function(self, name)
    return bot[name] or fields[name] and fields[name](self)
  end,
  __name = "wsbot.testing.bot",
  __close = bot.close,
}

-- Is it a path? It is where such a file exists, or where it looks like the path of a Lua file; any other text is the
-- source of a script.
local function is_path(what)
  if what:find "\n" then return false end
  local file = io.open(what, "r")
  if file then file:close() end
  return file ~= nil or what:find "^[%w%./_-]+%.lua$" ~= nil
end

local known = { args = "table", env = "table", state = "string" }

-- Runs a script, the file of that name or a source, up to its end or its first wait.
return blame.caller(function(what, options)
  options = options == nil and {} or options
  if type(what) ~= "string" then blame.raise("testing.bot: a path or a source is needed, and not " .. type(what)) end
  check("testing.bot", options, known)
  local environment = {}
  for name, value in pairs(options.env or {}) do
    environment[#environment + 1] = name
    environment[#environment + 1] = value
  end
  local path = is_path(what) and what or nil
  local made = core.bot(path, not path and what or nil, options.args or {}, environment, options.state)
  local self = setmetatable({ core = made, seen = 0, at = 1 }, meta)
  instrument.add(self)
  local ok, why = self.core:start()
  if ok then return self end
  instrument.remove(self)
  self.core:kill()
  if why:find "^[^\n]-:%d+: " then error(why, 0) end
  blame.raise(why)
end)
