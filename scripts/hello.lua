-- hello: the host's hello world. Connects, says hello, prints what comes, and comes back a second after a close.
--
--     wsbot echo                      in one terminal,
--     wsbot scripts/hello.lua [URL]   in another.

local conn = ws.connect {
  url = arg[1] or "ws://127.0.0.1:1234",
  headers = { ["Cookie"] = "PHPSESSID=abc123", ["X-Token"] = "xyz" },
  ping_interval = 55, -- seconds
  binary_type = ws.BLOB, -- send() makes text frames
}

-- The transport is up: TCP, and TLS for wss://.
function conn.on_connect(self)
  print("connected to " .. self.remote_address)
end

-- The handshake is done: from here on messages come and go.
function conn.on_websocket_connect(self, response)
  print("open: " .. response.status .. " " .. response.reason)
  self:send("hello")
end

function conn.on_message(_, data)
  print("received: " .. data)
end

function conn.on_error(_, code, message)
  print("error: " .. code .. ": " .. message)
end

function conn.on_close(self, code, reason)
  print("closed: " .. code .. " " .. reason)
  self:reconnect(1)
end
