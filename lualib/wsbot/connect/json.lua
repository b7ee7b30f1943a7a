-- json: JSON (RFC 8259) laid out for people: numbers, strings and the order of members stay as they were written.
local json = require "wsbot.json"
local parts = require "wsbot.json.parts"

local DEEPEST = 200
local WIDEST = 72 -- most characters of a value that is left on one line

local kinds = { ['"'] = "string", t = "word", f = "word", n = "word" }

-- What is to be written of a value: { text = ..., width = its characters } where it fits on a line, and otherwise a
-- group. `value` is a view, or the text of what has no other values within it.
local function measure(value, paint, depth)
  if type(value) == "string" then
    return { text = paint(kinds[value:sub(1, 1)] or "number", value), width = #value }
  end
  if depth == DEEPEST then error "nested too deeply" end
  local is_object, names, values = parts(value)
  local width = 4
  for i, item in ipairs(values) do
    local name = is_object and { text = paint("key", names[i]), width = #names[i] } or nil
    item = measure(item, paint, depth + 1)
    width = width + (item.width or WIDEST) + 2 + (name and name.width + 2 or 0)
    names[i], values[i] = name, item
  end
  if width > WIDEST then return { is_object = is_object, names = names, values = values } end
  local texts = {}
  for i, item in ipairs(values) do
    texts[i] = (is_object and names[i].text .. ": " or "") .. item.text
  end
  local list = table.concat(texts, ", ")
  if not is_object then return { text = "[" .. list .. "]", width = width } end
  return { text = list == "" and "{}" or "{ " .. list .. " }", width = width }
end

local function write(value, indent, to)
  if value.text then
    to[#to + 1] = value.text
    return
  end
  local inner = indent .. "  "
  to[#to + 1] = value.is_object and "{" or "["
  for i, item in ipairs(value.values) do
    to[#to + 1] = (i > 1 and ",\n" or "\n") .. inner
    if value.is_object then to[#to + 1] = value.names[i].text .. ": " end
    write(item, inner, to)
  end
  to[#to + 1] = "\n" .. indent .. (value.is_object and "}" or "]")
end

-- Lays a JSON text out: a value that fits is left on one line, in others each item has its own. paint(kind, token)
-- returns what is shown of a "key", "string", "number" or "word". nil: the text is no JSON, or nested very deeply.
local function layout(text, paint)
  local ok, value = pcall(json.view, text)
  if not ok then return nil end
  ok, value = pcall(measure, parts(value) == nil and text:match "^%s*(.-)%s*$" or value, paint, 0)
  if not ok then return nil end
  local to = {}
  write(value, "", to)
  return table.concat(to)
end

return { layout = layout }
