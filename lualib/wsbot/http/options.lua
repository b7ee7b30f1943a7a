-- wsbot.http.options: what requests and servers have in common: how options are read, the errors for wrong ones, header
-- lines, and JSON.
local json = require "wsbot.json"
local number = require "wsbot.number"
local fit = require "wsbot.shown"
local nearest = require("wsbot.meant").nearest

local given = {}

---------------------------------------------------------------------------------------------------------- what is wrong

-- The metatable of errors for wrong options. given.try returns their message, and its caller says whose option it is.
local mistake = {}

local function wrong(format, ...)
  error(setmetatable({ message = format:format(...) }, mistake), 0)
end
given.wrong = wrong

-- Calls fn(...). Returns true and what fn returns, or false and the message where an option is wrong.
function given.try(fn, ...)
  local ok, result = pcall(fn, ...)
  if ok then return true, result end
  if getmetatable(result) ~= mistake then error(result, 0) end
  return false, result.message
end

-- A text as an error may show it: cut and escaped.
local function shown(text)
  return fit.line(text:sub(1, 200))
end
given.shown = shown

local function sorted_keys(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return keys
end

local function check_names(options, known, prefix)
  for name in pairs(options) do
    if type(name) ~= "string" then wrong("options have names; found a value at [%s]", tostring(name)) end
    if not known[name] then
      local best = nearest(name, sorted_keys(known))
      local meant = best and (" (did you mean '%s%s'?)"):format(prefix, best) or ""
      wrong("unknown option '%s%s'%s", prefix, shown(name), meant)
    end
  end
end

----------------------------------------------------------------------------------------------------- readers of options

function given.a_secret(value, name)
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  if value:find("\0", 1, true) then wrong("%s has a NUL in it", name) end
  return value
end

function given.a_string(value, name)
  if given.a_secret(value, name):find "[\r\n]" then wrong("%s has a CR or LF in it", name) end
  return value
end

function given.seconds(value, name)
  if type(value) ~= "number" then wrong("%s must be a number, not %s", name, type(value)) end
  if value <= 0 or value ~= value then wrong("%s must be more than 0 seconds", name) end
  return value
end

function given.whole(least, most)
  return function(value, name)
    local n = type(value) == "number" and math.tointeger(value)
    if not n or n < least or n > most then
      wrong("%s must be a whole number from %d to %d, not %s", name, least, most, tostring(value))
    end
    return n
  end
end

-- RFC 9110 5.6.2
local function is_token(text)
  return text:find "^[%w!#$%%&'*+.^_`|~-]+$"
end
given.is_token = is_token

function given.a_flag(value, name)
  if type(value) ~= "boolean" then wrong("%s must be true or false, not %s", name, type(value)) end
  return value
end

function given.a_table(value, name)
  if type(value) ~= "table" then wrong("%s must be a table, not %s", name, type(value)) end
  return value
end

function given.a_function(value, name)
  local meta = getmetatable(value)
  if type(value) ~= "function" and not (type(meta) == "table" and meta.__call) then
    wrong("%s must be a function, not %s", name, type(value))
  end
  return value
end

-- What programs have in common by its name: a lease, a limit.
function given.a_name(value, name)
  if given.a_string(value, name) == "" or #value > 255 then wrong("%s must have 1 to 255 bytes", name) end
  return value
end

function given.anything(value)
  return value
end

function given.a_body(value, name)
  if type(value) == "table" then
    wrong("%s must be a string, not a table (as options, the last argument, json = or form = write one out)", name)
  end
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  return value
end

-- Reads all options, each by the function of its name in `known`.
function given.read(options, known, prefix)
  check_names(options, known, prefix)
  local values = {}
  for _, name in ipairs(sorted_keys(options)) do -- so that the first error is always the same
    values[name] = known[name](options[name], prefix .. name)
  end
  return values
end

----------------------------------------------------------------------------------------------------- header lines, JSON

local function sorted_names(map, what)
  local names = {}
  for name in pairs(map) do
    if type(name) ~= "string" then wrong("%s must map names to values; found a %s as a name", what, type(name)) end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end
given.names = sorted_names

-- Calls add(name, value) for all entries, ordered by name; a list has an entry for each of its values.
function given.each(map, what, add)
  for _, name in ipairs(sorted_names(map, what)) do
    local values = map[name]
    if type(values) ~= "table" then
      add(name, values)
    elseif next(values) ~= nil and #values == 0 then
      wrong("%s '%s' must be a value or a list of them, not a table with names", what, shown(name))
    else
      for _, value in ipairs(values) do
        add(name, value)
      end
    end
  end
end

local owned = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true, upgrade = true }

-- Calls add(name, value, name in lower case) for each line of `headers`, in order.
function given.each_header(headers, add)
  given.each(headers, "headers", function(name, value)
    if type(value) ~= "string" and type(value) ~= "number" then
      wrong("header '%s' must be a string or a list of strings, not %s", shown(name), type(value))
    end
    value = number.text(value):match "^[ \t]*(.-)[ \t]*$"
    if not is_token(name) then wrong("header '%s': its name is not a header name", shown(name)) end
    if value:gsub("\t", ""):find "%c" then
      wrong("header '%s': its value has a control character (CR, LF, NUL, ...)", shown(name))
    end
    local key = name:lower()
    if owned[key] then wrong("header '%s': it is the host's to send", name) end
    add(name, value, key)
  end)
end

function given.to_json(value)
  local ok, text = pcall(json.encode, value)
  if not ok then wrong("json: %s", (text:gsub("^json%.encode: value", ""):gsub("^: ", ""))) end
  return text
end

return given
