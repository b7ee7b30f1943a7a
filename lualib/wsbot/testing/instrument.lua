-- wsbot.testing.instrument: the objects by which a test works (peers, bots, clocks). They are closed with the test, or
-- the block, that has made them, and not reported as left open: it is not for the bot to close them.
local core = require "wsbot.testing.core"

local instrument = {}

-- Has object:close() called when the test or block that runs now ends.
function instrument.add(object)
  local list = core.instruments()
  list[#list + 1] = { born = core.birth(), object = object }
end

-- To be called when an object is closed. False where it was closed before.
function instrument.remove(object)
  local list = core.instruments()
  for i, entry in ipairs(list) do
    if entry.object == object then
      table.remove(list, i)
      return true
    end
  end
  return false
end

-- Closes those that were made since `mark`, the last one first.
function instrument.close_since(mark)
  local list = core.instruments()
  for i = #list, 1, -1 do
    local entry = list[i]
    if entry and entry.born > mark then entry.object:close() end
  end
end

return instrument
