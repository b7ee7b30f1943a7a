-- opening: the peer's head of the opening handshake, as a case has it.
local opening = {}

-- The key of a client peer, and of codec.c: the one of the RFC's example.
opening.key = "dGhlIHNhbXBsZSBub25jZQ=="

local usual = {
  client = { "HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Accept: ACCEPT" },
  server = { "GET / HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket", "Connection: Upgrade",
    "Sec-WebSocket-Key: " .. opening.key, "Sec-WebSocket-Version: 13" },
}

-- What the peer sends first. accept: the right Sec-WebSocket-Accept, where it answers.
function opening.head(case, accept)
  local head = case.head
  if not head then
    local lines = { case.first or usual[case.role][1] }
    for i = 2, #usual[case.role] do
      local line = usual[case.role][i]
      if not case.without[line:match("^[^:]+"):lower()] then lines[#lines + 1] = line end
    end
    if case.extension then lines[#lines + 1] = "Sec-WebSocket-Extensions: " .. case.extension end
    table.move(case.with, 1, #case.with, #lines + 1, lines)
    head = table.concat(lines, "\r\n") .. "\r\n\r\n"
  end
  return case.before .. (head:gsub("ACCEPT", accept or ""))
end

return opening
