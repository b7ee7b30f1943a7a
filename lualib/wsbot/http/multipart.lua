-- wsbot.http.multipart: bodies of multipart/form-data (RFC 7578), with names as browsers write them (WHATWG HTML 4.10).
local crypto = require "wsbot.crypto"
local given = require "wsbot.http.options"

local wrong, shown = given.wrong, given.shown

local escapes = { ["\r"] = "%0D", ["\n"] = "%0A", ['"'] = "%22" }

local function quoted(text)
  return '"' .. text:gsub('[\r\n"]', escapes) .. '"'
end

-- The name of a field: whatever its line ends are, they are CRLF.
local function field(name)
  return quoted((name:gsub("\r?\n", "\r"):gsub("\r", "\r\n")))
end

local function a_text(value, name)
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  return value
end

local function a_type(value, name)
  if a_text(value, name):find "%c" or value == "" then wrong("%s '%s' is no media type", name, shown(value)) end
  return value
end

local known = { filename = a_text, type = a_type, data = a_text }

-- Adds a part to a list of strings: a text, or a file { filename =, type =, data = }.
local function add_part(parts, boundary, name, value, what)
  if type(value) == "string" then value = { data = value } end
  if type(value) ~= "table" then
    wrong("%s must be a string, { filename =, type =, data = } or a list of them, not %s", what, type(value))
  end
  local file = given.read(value, known, what .. ".")
  if not file.data then wrong("%s.data is missing", what) end
  local lines = ('--%s\r\nContent-Disposition: form-data; name=%s'):format(boundary, field(name))
  if file.filename then lines = lines .. "; filename=" .. quoted(file.filename) end
  local kind = file.type or file.filename and "application/octet-stream"
  if kind then lines = lines .. "\r\nContent-Type: " .. kind end
  table.insert(parts, lines .. "\r\n\r\n")
  table.insert(parts, file.data)
  table.insert(parts, "\r\n")
end

local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local function add_parts(parts, boundary, name, value)
  local what = "multipart." .. shown(name)
  if not is_list(value) then return add_part(parts, boundary, name, value, what) end
  for key in pairs(value) do
    if math.type(key) ~= "integer" or key < 1 or key > #value then
      wrong("%s must be a list or one part, not both: found '%s'", what, shown(tostring(key)))
    end
  end
  for i, one in ipairs(value) do
    add_part(parts, boundary, name, one, ("%s[%d]"):format(what, i))
  end
end

-- Writes the parts of a table: name = value. Returns the body, and its type.
return function(map)
  local boundary = "wsbot-" .. crypto.hex(crypto.random(16))
  local parts = {}
  for _, name in ipairs(given.names(map, "multipart")) do
    add_parts(parts, boundary, name, map[name])
  end
  table.insert(parts, ("--%s--\r\n"):format(boundary))
  return table.concat(parts), "multipart/form-data; boundary=" .. boundary
end
