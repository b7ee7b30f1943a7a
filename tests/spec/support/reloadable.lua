-- reloadable: a bot whose script is replaced while it runs.
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local reloadable = {}

local methods = setmetatable({}, { __index = function(_, name)
  return function(self, ...)
    return self.bot[name](self.bot, ...)
  end
end })
methods.__index = methods

-- Starts it. options: flags of `wsbot run`, env, stdin, folder.
function reloadable.start(source, args, options)
  options = options or {}
  local path = (options.folder or place.folder()) .. "/bot.lua"
  place.file(path, program.prelude .. source)
  return setmetatable({ path = path, bot = program.script(path, args, options), seen = 0 }, methods)
end

-- Writes the script, without telling the bot.
function methods:write_script(source)
  place.file(self.path, program.prelude .. source)
end

-- Waits for the next line about a reload on stderr, and returns it without its time.
function methods:reload_line()
  local _, line = story.wait("a line about a reload", function()
    local from, to = self.bot.err:find("%f[%l]%l+ reload [%df][^\n]*\n", self.seen + 1)
    if not from and self.bot.status then error("the program has ended", 0) end
    if from then
      self.seen = to
      return true, self.bot.err:sub(from, to - 1)
    end
  end)
  return line
end

-- Replaces the script (or loads the same again) by SIGHUP. Returns the line about it.
function methods:reload(source)
  if source then self:write_script(source) end
  self.bot:kill "sighup"
  return self:reload_line()
end

-- The same; it must take over, and tell this of it (a pattern).
function methods:takes_over(source, pattern)
  local line = self:reload(source)
  if not line:find "^info reload %d+: " then
    error("the reload failed: " .. self.bot.err:sub(self.seen - #line), 2)
  end
  if pattern and not line:find(pattern) then error(("%s\ndoes not match\n%s"):format(line, pattern), 2) end
  return line
end

-- The same; it must fail, and say this of it (a pattern).
function methods:fails_to(source, pattern)
  local line = self:reload(source)
  if not line:find "^error reload failed" then error("the reload did not fail: " .. line, 2) end
  if not line:find(pattern) then error(("%s\ndoes not match\n%s"):format(line, pattern), 2) end
end

return reloadable
