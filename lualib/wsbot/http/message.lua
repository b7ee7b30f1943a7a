-- wsbot.http.message: a response or a request that came by HTTP, as scripts see it.
local number = require "wsbot.number"
local response = require "wsbot.response"

local methods = {}

-- Returns a function that decodes JSON. cjson takes over the decimal point of the locale when it is loaded, and reads
-- numbers by that: so it is called with the decimal point that it expects.
local function decoder(cjson)
  local plain = pcall(number.plainly, cjson.decode, "[0.5]")
  return plain and function(text)
    return number.plainly(cjson.decode, text)
  end or cjson.decode
end

---Decodes the body: the value, or nil and a message.
function methods:json()
  local found, cjson = pcall(require, "cjson")
  if not found then error("http: json() needs the module cjson (Debian: lua-cjson):\n" .. cjson, 2) end
  local ok, value = pcall(decoder(cjson), self.body)
  if not ok then return nil, "the body is not JSON: " .. value end
  return value
end

---The values of all header lines of that name, in order.
function methods:all(name)
  local values = {}
  for i = 1, #self.lines, 2 do
    if self.lines[i]:lower() == name:lower() then values[#values + 1] = self.lines[i + 1] end
  end
  return values
end

-- Makes a message from its parts, as the host has read them; its fields are a list: name, value, name, value ...
local function make(parts, meta)
  local lines = table.move(parts, 1, #parts, 1, {})
  local one = response(parts)
  one.lines = lines
  return setmetatable(one, meta)
end

return { methods = methods, make = make }
