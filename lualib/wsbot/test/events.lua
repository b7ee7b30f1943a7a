-- wsbot.test.events: what a job reports to the run that has started it: events as Lua literals, each behind its length.
local events = {}

local DEPTH = 5 -- tables within tables: enough for an error in a trace in an element

-- Plain data as a literal. What cannot be one (functions, what lies deeper) is left out.
local function literal(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" then return ("%q"):format(value) end
  if kind ~= "table" or depth > DEPTH then return "nil" end
  local parts = {}
  for key, field in next, value do
    if (type(key) == "string" or type(key) == "number") and key == key then
      parts[#parts + 1] = ("[%q]=%s"):format(key, literal(field, depth + 1))
    end
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- Writes an event; it is in the file even if the process ends in the next moment.
function events.write(file, event)
  file:write(string.pack("s4", literal(event, 0)))
  file:flush()
end

-- Reads the event of `text` at `at`. Returns it and where it ends; nil: there is none, or only a part.
function events.read(text, at)
  local ok, source, behind = pcall(string.unpack, "s4", text, at)
  if not ok then return end
  return load("return " .. source, "=event", "t", {})(), behind
end

return events
