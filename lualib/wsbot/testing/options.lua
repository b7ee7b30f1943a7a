-- wsbot.testing.options: checks the options of servers, bots and replays.
local blame = require "wsbot.testing.blame"
local core = require "wsbot.testing.core"

-- Is the value of one of these kinds, as "string|table"? "function" is anything that can be called.
local function is_of(value, kinds)
  for kind in kinds:gmatch "[^|]+" do
    if type(value) == kind or kind == "function" and core.callable(value) then return true end
  end
  return false
end

-- Raises an error, at the line of the test, that begins with `what` where there is an option that is not known, or is
-- of another kind than known[name] says.
return function(what, options, known)
  if type(options) ~= "table" then
    blame.raise(("%s: options are a table, and not a %s"):format(what, type(options)))
  end
  for name, value in pairs(options) do
    local kinds = known[name]
    if not kinds then blame.raise(("%s: unknown option '%s'"):format(what, tostring(name))) end
    if not is_of(value, kinds) then
      blame.raise(("%s: %s is a %s, and not a %s"):format(what, name, kinds:gsub("|", " or a "), type(value)))
    end
  end
end
