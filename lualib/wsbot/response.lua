-- wsbot.response: the answer to an opening handshake, as scripts see it.

local by_any_case = {
  __index = function(headers, name)
    return type(name) == "string" and rawget(headers, name:lower()) or nil
  end,
}

local lines_of = setmetatable({}, { __mode = "k" }) -- response -> its headers: name in lower case -> list of values

local methods = {}

---Every line of that name, in the order received.
---@param name string in any case
---@return string[] values
function methods:all(name)
  if type(name) ~= "string" then error("response:all: expected the name of a header, not " .. type(name), 2) end
  local lines = lines_of[self]
  if not lines then error("response:all: call it with ':', on a response", 2) end
  return { table.unpack(lines[name:lower()] or {}) }
end

local as_received = {
  __name = "ws.response",
  __index = methods,
  __tostring = function(response) return response.text end,
}

---Makes a response from its parts, as the host has read them.
---@param parts table status, reason, text, body, and its fields as a list: name, value, name, value, ...
---@return ws.response
return function(parts)
  local headers, lines = setmetatable({}, by_any_case), {}
  for i = 1, #parts, 2 do
    local name, value = parts[i]:lower(), parts[i + 1]
    local before = rawget(headers, name)
    headers[name] = before and before .. ", " .. value or value
    lines[name] = lines[name] or {}
    table.insert(lines[name], value)
    parts[i], parts[i + 1] = nil, nil
  end
  parts.headers = headers
  parts.protocol = headers["sec-websocket-protocol"]
  parts.extensions = headers["sec-websocket-extensions"]
  lines_of[parts] = lines
  return setmetatable(parts, as_received)
end
