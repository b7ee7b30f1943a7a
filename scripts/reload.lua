-- reload: one idea: edit this file while it runs, and the new code has the live connection.
--
--     wsbot run --watch --with-echo scripts/reload.lua [URL]
--
-- Change `greeting` and save: the same connection (same id, no new handshake) says it from then on. Make a mistake: it
-- is shown, and the old code goes on. What has to outlive a reload is in host.state; a connection is known again by
-- its name, a timer by its own.

local greeting = "hello"

local count = host.state("count", { said = 0 })

local conn = ws.connect { name = "echo", url = arg[1] or "ws://127.0.0.1:1234", reconnect = true }

function conn.on_websocket_connect(self) print("connected: id " .. self.id) end
function conn.on_adopt(self)             print("new code, same connection: id " .. self.id) end
function conn.on_message(_, data)        print(data) end

host.every(1, function()
  count.said = count.said + 1
  conn:send(("%s, for the %dth time"):format(greeting, count.said))
end, "greet")
