-- json: JSON (RFC 8259) laid out for people: numbers, strings and the order of members stay as they were written. And
-- read into tables, for lines that the host wrote itself.
local number = require "wsbot.number"

local json = {}

local DEEPEST = 200
local WIDEST = 72 -- most characters of a value that is left on one line

-- The end of the string that begins at `at`, or nil.
local function string_end(text, at)
  local to = at + 1
  while true do
    to = text:find('["\\\0-\31]', to)
    local c = to and text:sub(to, to)
    if c == '"' then return to end
    if c ~= "\\" then return nil end
    if text:find('^["\\/bfnrt]', to + 1) then
      to = to + 2
    elseif text:find("^u%x%x%x%x", to + 1) then
      to = to + 6
    else
      return nil
    end
  end
end

local function number_end(text, at)
  local _, to = text:find("^-?0", at)
  if not to then _, to = text:find("^-?[1-9]%d*", at) end
  if not to then return nil end
  local _, fraction = text:find("^%.%d+", to + 1)
  to = fraction or to
  local _, exponent = text:find("^[eE][+-]?%d+", to + 1)
  return exponent or to
end

local function word_end(text, at)
  local word = text:match("^%l+", at)
  return (word == "true" or word == "false" or word == "null") and at + #word - 1 or nil
end

local function skip(text, at)
  return text:find("[^ \t\r\n]", at) or #text + 1
end

-- Reads the value at `at`. `make` has functions scalar(kind, text) and group(is_object, keys, values), which return
-- what a value becomes. Returns that and the place behind the value, or nil.
local function read(text, at, make, depth)
  local first = text:sub(at, at)
  local is_object = first == "{"
  if not is_object and first ~= "[" then
    local kind = first == '"' and "string" or first:find "[-%d]" and "number" or "word"
    local to = (kind == "string" and string_end or kind == "number" and number_end or word_end)(text, at)
    if not to then return nil end
    return make.scalar(kind, text:sub(at, to)), to + 1
  end
  if depth == DEEPEST then return nil end
  local close, keys, values = is_object and "}" or "]", {}, {}
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return make.group(is_object, keys, values), at + 1 end
  while true do
    if is_object then
      local to = text:sub(at, at) == '"' and string_end(text, at)
      if not to then return nil end
      keys[#keys + 1] = make.scalar("key", text:sub(at, to))
      at = skip(text, to + 1)
      if text:sub(at, at) ~= ":" then return nil end
      at = skip(text, at + 1)
    end
    local value
    value, at = read(text, at, make, depth + 1)
    if not at then return nil end
    values[#values + 1] = value
    at = skip(text, at)
    local c = text:sub(at, at)
    if c == close then return make.group(is_object, keys, values), at + 1 end
    if c ~= "," then return nil end
    at = skip(text, at + 1)
  end
end

local function read_all(text, make)
  local value, at = read(text, skip(text, 1), make, 0)
  if at and skip(text, at) > #text then return value end
end

-------------------------------------------------------------------------------------------------------------- layout

-- Writes a value, which is here { text = ..., width = its characters } where it fits on a line, and otherwise a group.
local function write(value, indent, to)
  if value.text then
    to[#to + 1] = value.text
    return
  end
  local inner = indent .. "  "
  to[#to + 1] = value.is_object and "{" or "["
  for i, item in ipairs(value.values) do
    to[#to + 1] = (i > 1 and ",\n" or "\n") .. inner
    if value.is_object then to[#to + 1] = value.keys[i].text .. ": " end
    write(item, inner, to)
  end
  to[#to + 1] = "\n" .. indent .. (value.is_object and "}" or "]")
end

-- Lays a JSON text out: a value that fits is left on one line, in others each item has its own. paint(kind, token)
-- returns what is shown of a "key", "string", "number" or "word". nil: the text is no JSON.
function json.layout(text, paint)
  local make = {}
  function make.scalar(kind, token)
    return { text = paint(kind, token), width = #token }
  end
  function make.group(is_object, keys, values)
    local width = 4
    for i, value in ipairs(values) do
      width = width + (value.width or WIDEST) + 2 + (is_object and keys[i].width + 2 or 0)
    end
    if width > WIDEST then return { is_object = is_object, keys = keys, values = values } end
    local parts = {}
    for i, value in ipairs(values) do
      parts[i] = (is_object and keys[i].text .. ": " or "") .. value.text
    end
    local list = table.concat(parts, ", ")
    if not is_object then return { text = "[" .. list .. "]", width = width } end
    return { text = list == "" and "{}" or "{ " .. list .. " }", width = width }
  end
  local value = read_all(text, make)
  if not value then return nil end
  local to = {}
  write(value, "", to)
  return table.concat(to)
end

------------------------------------------------------------------------------------------------------------- reading

local escapes = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }
local words = { ["true"] = true, ["false"] = false }

local reader = {}

function reader.scalar(kind, token)
  if kind == "number" then return number.read(token) end
  if kind == "word" then return words[token] end
  return (token:sub(2, -2):gsub("\\(.)(%x?%x?%x?%x?)", function(c, hex)
    if c == "u" then return utf8.char(tonumber(hex, 16)) end
    return (escapes[c] or c) .. hex
  end))
end

function reader.group(is_object, keys, values)
  if not is_object then return values end
  local object = {}
  for i, key in ipairs(keys) do
    object[key] = values[i]
  end
  return object
end

-- Returns the tables that a JSON text stands for; null is nil. Only for what json_string of the host has written:
-- without surrogates.
function json.read(text)
  return read_all(text, reader)
end

return json
