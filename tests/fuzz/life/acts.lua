-- acts: what the script does with a connection.
local check = require "check"

local acts = {}

local sizes = { 0, 1, 2, 100, 125, 126, 126, 500, 1000, 1000, 4096, 20000, 65535, 65536, 200000 }

-- The life that the script leads (bot.lua): plan, conns, tasks, timers, over, staged.
local life
function acts.start(of)
  life = of
end

local sends = false -- a numbered message is on its way out

-- A message that must come back whole and in order. What is sent in on_websocket_connect goes before what waits.
local function send_next(r, conn, where)
  local record = check.record(conn)
  local stream = where == "on_websocket_connect" and "w" or "q"
  local send = r:chance(50) and conn.send_text or conn.send_binary
  local number = (record.sent[stream] or 0) + 1
  if send(conn, check.message(record.id, stream, number, r:one(sizes))) then record.sent[stream] = number end
end

-- A finalizer that comes between would send the same number, or the next one before it. While a connection logs in,
-- a finalizer, a coroutine or a variable that is closed may belong to on_websocket_connect, and goes before what waits.
local function send_numbered(r, conn, where)
  local logs_in = where ~= "on_websocket_connect" and check.busy[conn.id] == "on_websocket_connect"
  if life.staged or life.leaves or sends or logs_in then return conn:send "not numbered" end
  sends = true
  local ok, failure = pcall(send_next, r, conn, where)
  sends = false
  if not ok then error(failure, 0) end
end

acts.list = {
  { 40, "send_numbered" }, { 4, "send_any" }, { 2, "send_much" }, { 2, "close" }, { 1, "destroy" }, { 4, "pause" },
  { 8, "resume" }, { 6, "receive" }, { 4, "messages" }, { 6, "ping" }, { 2, "reconnect" },
  { 2, "rotate" }, { 1, "cancel_reconnect" },
  { 6, "look" }, { 3, "set_field" }, { 2, "set_callback" }, { 2, "misuse" }, { 2, "send_at_once" },
}

acts.send_numbered = send_numbered

function acts.send_any(r, conn)
  local kind = r:one { "text", "binary", "blob", "arraybuffer", "neither" }
  pcall(conn.send, conn, r:bytes(r:one(sizes)), kind)
  conn:send_text(r:bytes(r:number(0, 200)))
end

-- More than max_send_buffer, in one or in many.
function acts.send_much(r, conn)
  if r:chance(30) then conn:send(("m"):rep(r:number(1, 3) << 20)) end
  for _ = 1, r:number(1, 200) do
    if not conn:send(("much"):rep(r:number(0, 4000))) then break end
  end
end

-- Many small ones in one turn.
function acts.send_at_once(r, conn, where)
  for _ = 1, r:number(1, 100) do
    send_numbered(r, conn, where)
    if conn.buffered_amount > 1 << 18 then break end
  end
end

function acts.close(r, conn)
  if r:chance(50) then return conn:close() end
  local code = r:one { 1000, 1001, 1003, 1011, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 5000, -1, 65536 }
  pcall(conn.close, conn, code, r:one { "", "bye", ("r"):rep(123), ("r"):rep(124), "\xff" })
end

function acts.destroy(_, conn)
  conn:destroy()
end

function acts.pause(_, conn)
  if life.staged or life.leaves then return end
  check.record(conn).loose = true
  conn:pause()
end

function acts.resume(_, conn)
  conn:resume()
end

-- What receive gave is as on_message would have it.
local function take(conn, data)
  if data and not life.over then check.echo(conn, data) end
  return data
end

function acts.receive(r, conn)
  for _ = 1, r:number(1, 5) do
    local ok, data, kind = pcall(conn.receive, conn, r:seconds(0.1))
    if not ok or kind ~= "text" and kind ~= "binary" then break end
    take(conn, data)
  end
end

-- Waits without a limit: in a task, which somebody ends.
function acts.messages(r, conn)
  local most = r:number(1, 20)
  life.spawn(function()
    for data in conn:messages() do
      take(conn, data)
      most = most - 1
      if most == 0 then break end
    end
  end)
end

function acts.ping(r, conn)
  pcall(conn.ping, conn, r:bytes(r:one { 0, 1, 60, 125, 126 }))
end

function acts.reconnect(r, conn)
  pcall(conn.reconnect, conn, r:one { 0, 0.001, 0.02, 0.1, 5, -1, 1e300, 0 / 0 })
end

function acts.rotate(_, conn)
  if life.staged or life.leaves then return end
  check.record(conn).turns = true
  conn:rotate()
end

function acts.cancel_reconnect(_, conn)
  conn:cancel_reconnect()
end

local names = { "url", "name", "id", "state", "protocol", "remote_address", "local_address", "tls", "latency",
  "binary_type", "on_message", "on_close", "rotation", "nothing" }

function acts.look(r, conn)
  if not life.staged then check.fields(conn) end
  for _ = 1, r:number(1, 6) do
    local value = conn[r:one(names)]
    if type(value) == "table" then
      for _, inner in pairs(value) do tostring(inner) end
    end
  end
  return tostring(conn)
end

function acts.set_field(r, conn)
  local value = r:one { 1, "text", {}, true, print }
  pcall(function() conn[r:one { "mine", "url", "state", "send", "on_mesage", "binary_type", 7, 0 / 0 }] = value end)
  conn.binary_type = r:one { ws.BLOB, ws.ARRAYBUFFER }
  conn.other = r:chance(50) and conn or nil
end

-- on_close stays, so that every end is heard.
function acts.set_callback(r, conn)
  local name = r:one { "on_message", "on_message", "on_message", "on_ping", "on_pong", "on_drain", "on_buffer_full",
    "on_connect", "on_websocket_connect", "on_error", "on_give_up", "on_adopt" }
  if name == "on_message" and not life.staged then check.record(conn).loose = true end
  local matters = name == "on_connect" or name == "on_websocket_connect" or name == "on_error"
  if matters then
    if life.staged then return end
    check.record(conn).deaf = true
  end
  if r:chance(50) then
    conn[name] = nil
  else
    conn[name] = life.callback(name)
  end
end

-- Calls that are errors, and leave everything as it was.
function acts.misuse(r, conn)
  local method = r:one { "send", "ping", "close", "receive", "reconnect", "pause", "messages" }
  local self = r:one { false, 1, "conn", {}, io.stdout, print }
  pcall(conn[method], self)
  pcall(conn[method], conn, r:one { {}, true, print, coroutine.running() })
  pcall(getmetatable(conn) and conn[method])
  pcall(ws.connect, r:one { false, {}, { url = 5 }, { url = "ws://" }, { url = "ws://a", unknown = 1 },
    { url = "ws://127.0.0.1:1", headers = { ["A\r\nB"] = "c" } }, { url = "ws://127.0.0.1:1", on_mesage = print } })
end

return acts
