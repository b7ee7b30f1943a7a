-- load: one idea: send as fast as the peer takes it, and no faster.
--
--     wsbot run --with-echo scripts/load.lua [URL [MESSAGES]]
--     wsbot run --workers 4 scripts/load.lua URL       so many from each of four processes
--
-- send() answers nil, "send_buffer_full" when max_send_buffer is reached; on_drain says when all of it was written.

local url = arg[1] or "ws://127.0.0.1:1234"
local total = math.tointeger(arg[2]) or 100000
local payload = ("x"):rep(64)
local sent, received, started = 0, 0, nil

local conn = ws.connect { url = url, max_send_buffer = 256 * 1024 }

local function fill()
  while sent < total and conn:send(payload) do
    sent = sent + 1
  end
end

function conn.on_websocket_connect()
  started = host.now()
  fill()
end

conn.on_drain = fill

function conn.on_message(self)
  received = received + 1
  if received == total then
    print(("%d messages there and back, %.0f in a second"):format(total, total / (host.now() - started)))
    self:close()
  end
end

function conn.on_error(_, code, message)
  io.stderr:write("load: ", code, ": ", message, "\n")
  host.stop(1)
end
