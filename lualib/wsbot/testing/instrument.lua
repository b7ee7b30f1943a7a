-- wsbot.testing.instrument: what a test works with (peers, bots, clocks) ends with the test, or the block, that made
-- it, without a word: it is not the bot's to close.
local core = require "wsbot.testing.core"

local instrument = {}

-- Has object:close() called when what runs now ends.
function instrument.add(object)
  local list = core.instruments()
  list[#list + 1] = { born = core.birth(), object = object }
end

-- It was closed. False where that had been so before.
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
