-- wsbot.response: the answer to an opening handshake, as scripts see it.

local by_any_case = {
  __index = function(headers, name)
    return type(name) == "string" and rawget(headers, name:lower()) or nil
  end,
}

local as_received = {
  __name = "ws.response",
  __tostring = function(response) return response.text end,
}

---Makes a response of the parts that the host cut it into.
---@param parts table status, reason, text, body, and its fields as a list: name, value, name, value, ...
---@return ws.response
return function(parts)
  local headers = setmetatable({}, by_any_case)
  for i = 1, #parts, 2 do
    local name, value = parts[i]:lower(), parts[i + 1]
    local before = rawget(headers, name)
    headers[name] = before and before .. ", " .. value or value
    parts[i], parts[i + 1] = nil, nil
  end
  parts.headers = headers
  parts.protocol = headers["sec-websocket-protocol"]
  parts.extensions = headers["sec-websocket-extensions"]
  return setmetatable(parts, as_received)
end
