-- wsbot.testing.difference: says how a message that came differs from the expected one, so that a person sees it at
-- once.
local plainly = require("wsbot.number").plainly
local shown = require "wsbot.shown"

local difference = {}

local AROUND <const> = 60 -- bytes shown on either side of the first difference of two texts

-- Any bytes on one line: what may not be shown is written as in Lua; quotes stay, as JSON has many.
local escape = shown.line

-- A text in quotes; one that is long is cut.
function difference.quote(text)
  if #text > 200 then return ('"%s"... (%d bytes)'):format(escape(text:sub(1, 200)), #text) end
  return '"' .. escape(text) .. '"'
end

local function window(text, from, to)
  return (from > 1 and "..." or '"') .. escape(text:sub(from, to)) .. (to < #text and "..." or '"')
end

-- Says where two texts differ first.
function difference.of_texts(expected, got)
  local at = 1
  while at <= #expected and expected:byte(at) == got:byte(at) do at = at + 1 end
  local from, to = math.max(1, at - AROUND), at + AROUND
  if from < 5 then from = 1 end
  local before = escape(got:sub(from, at - 1))
  local column = (from > 1 and 3 or 1) + (utf8.len(before) or #before)
  return ("expected %s\n     got %s\n         %s^ (they part at byte %d)"):format(window(expected, from, to),
    window(got, from, to), (" "):rep(column), at)
end

local function show(value)
  if type(value) == "string" then return difference.quote(value) end
  if type(value) == "number" then return plainly(string.format, "%.14g", value) end
  if type(value) == "userdata" and debug.getmetatable(value) == nil then return "null" end -- json.null
  return type(value) == "table" and "a table" or tostring(value)
end

local function compare(expected, got, path, lines)
  if type(expected) ~= "table" or type(got) ~= "table" then
    if expected ~= got and #lines < 20 then
      lines[#lines + 1] = ("at %s: expected %s, got %s"):format(path == "" and "its top" or path, show(expected),
        show(got))
    end
    return
  end
  local keys, seen = {}, {}
  for _, t in ipairs { expected, got } do
    for key in pairs(t) do
      if not seen[key] then keys[#keys + 1] = key end
      seen[key] = true
    end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for _, key in ipairs(keys) do
    compare(expected[key], got[key], ("%s%s"):format(path, type(key) == "number" and ("[%d]"):format(key)
      or "." .. tostring(key)), lines)
  end
end

-- Says where two tables differ, field by field; nil: nowhere.
function difference.of_tables(expected, got)
  local lines = {}
  compare(expected, got, "", lines)
  return #lines > 0 and table.concat(lines, "\n") or nil
end

return difference
