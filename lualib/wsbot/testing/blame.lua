-- wsbot.testing.blame: raises errors at the line of the test, and not at one within wsbot.
local getinfo = debug.getinfo

local blame = {}

-- Our own chunks are named "=wsbot.", and those of specs and scripts are not.
local function is_ours(info)
  return info.what == "C" or info.source:find "^=wsbot%." ~= nil
end

-- The level, seen from the caller, of the code that called into wsbot; 0: there is none, as in a task of our own.
function blame.level()
  local level = 2
  while true do
    local info = getinfo(level, "S")
    -- (busted itself: it was a tail call, and busted has the line of the test)
    if not info or info.source:find "[/\\]busted[/\\]core%.lua$" then return 0 end
    if not is_ours(info) then return level - 1 end
    level = level + 1
  end
end

-- Raises an error at the line of the test.
function blame.raise(text)
  error(text, blame.level())
end

local function pass(ok, ...)
  if ok then return ... end
  local why = ...
  local text = type(why) == "string" and why:match "^wsbot%.[%w_.]+:%d+: (.*)$"
  if not text then error(why, 0) end
  error(text, blame.level())
end

-- Returns a function like fn whose errors, where they name a line of ours, name that of the test instead. Only for
-- functions that run no code of the test: the traceback of its errors would be lost.
function blame.caller(fn)
  return function(...)
    return pass(pcall(fn, ...))
  end
end

-- Replaces these functions of a table by such functions.
function blame.callers(functions, ...)
  for _, name in ipairs { ... } do functions[name] = blame.caller(functions[name]) end
end

return blame
