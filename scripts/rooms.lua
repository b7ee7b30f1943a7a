-- rooms: one idea: many connections in one script, each with fields of its own.
--
--     wsbot run --with-echo scripts/rooms.lua [URL]
--
-- Each room is a connection that remembers what it has heard. When all have heard everything, the script ends.

local url = arg[1] or "ws://127.0.0.1:1234"
local lines = { "good morning", "how are you?", "see you tomorrow" }
local open_rooms = 0

local function enter(name)
  open_rooms = open_rooms + 1
  local room = ws.connect { url = url, name = name }
  room.heard = 0 -- a field of our own

  function room:on_websocket_connect()
    for _, line in ipairs(lines) do
      self:send(name .. ": " .. line)
    end
  end

  function room:on_message(data)
    self.heard = self.heard + 1
    print(data)
    if self.heard == #lines then self:close(1000, "good night") end
  end

  function room.on_close(_, code, reason, record)
    open_rooms = open_rooms - 1
    if record.error then print(name .. ": " .. record.message) end
    print(("%s closed (%d %s), %d still open"):format(name, code, reason, open_rooms))
  end
end

enter("kitchen")
enter("garden")
enter("cellar")
