-- pipe: joins two servers: what one says goes to the other, both ways, and no faster than it is taken.
--
--     wsbot scripts/pipe.lua ws://one.example/feed ws://other.example/sink
--
-- One idea: who waits until the slow side has taken what it got does not read the fast one meanwhile. So that one's
-- socket fills, its sender slows down, and only few messages are kept in memory. A side that is away keeps the other
-- waiting in the same way. No message is in the script's hands while it waits, so a reload loses none either.

local urls = { arg[1], arg[2] }
if not urls[2] then
  io.stderr:write("usage: wsbot scripts/pipe.lua URL URL\n")
  os.exit(2)
end

local most = 1024 * 1024 -- bytes that may wait for a side, and as many that have come from the other

local function open(url)
  local conn = ws.connect {
    url = url,
    ping_interval = 30,
    reconnect = true,
    queue = "always", -- what is sent while a side is away waits for it
    max_receive_buffer = most,
  }
  function conn.on_websocket_connect() print("open: " .. url) end
  function conn.on_close(_, code, reason) print(("closed: %s (%d %s)"):format(url, code, reason)) end
  function conn.on_error(_, code, message) io.stderr:write("pipe: ", url, ": ", code, ": ", message, "\n") end
  function conn.on_give_up(_, why)
    io.stderr:write("pipe: gave up ", url, ": ", why, "\n")
    host.stop(1)
  end
  return conn
end

-- Waits until there is room for more. False: the connection is closed for good.
local function has_room(conn)
  while conn.buffered_amount > most do
    if not conn:drain() and not conn:opened() then return false end
  end
  return true
end

local function pipe(from, to)
  for data, kind in from:messages() do
    if not to:send(data, kind) or not has_room(to) then break end
  end
end

local one, other = open(urls[1]), open(urls[2])
host.spawn(pipe, one, other)
host.spawn(pipe, other, one)
