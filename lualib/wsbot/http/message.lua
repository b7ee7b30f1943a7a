-- wsbot.http.message: a response or a request that came by HTTP, as scripts see it.
local json = require "wsbot.json"
local response = require "wsbot.response"

local methods = {}

---Decodes the body: the value, or nil and a message.
function methods:json()
  local ok, value = pcall(json.decode, self.body)
  if not ok then return nil, "the body is not JSON: " .. value:gsub("^json%.decode: ", "") end
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
