-- socketio: joins a namespace of a Socket.IO server (protocol 5), prints its events, and may emit one itself.
--
--     wsbot scripts/socketio.lua ws://127.0.0.1:3000 /
--     wsbot scripts/socketio.lua ws://127.0.0.1:3000 /chat say '"hello"' '{"loud":true}' @picture.png
--
-- Arguments of the event are JSON; @FILE is what is in that file, as bytes. The acknowledgement is waited for, and
-- printed. SOCKETIO_TOKEN is presented as { token = ... } when it joins.
--
-- One idea: a layer is a table of what to do with each kind of packet: one for Engine.IO, which keeps the link alive,
-- and one for Socket.IO, whose packets are in socketio/codec.lua, beside this script.
-- The protocols: https://socket.io/docs/v4/engine-io-protocol and https://socket.io/docs/v4/socket-io-protocol

local calls = require "wsbot.calls"
local codec = require "socketio.codec"
local json = require "wsbot.json"

local url, namespace, event = arg[1], arg[2], arg[3]
if not namespace then
  io.stderr:write("usage: wsbot scripts/socketio.lua URL NAMESPACE [EVENT [ARGUMENT...]]\n")
  os.exit(2)
end
local token = os.getenv "SOCKETIO_TOKEN"

-- patience: seconds in which a ping must come; emitted: our event was; begun: a packet whose attachments are to come.
local state = host.state "socketio"
local pending = calls.new { timeout = 10 }

local conn = ws.connect {
  name = "socketio",
  url = url:gsub("/*$", "") .. "/socket.io/?EIO=4&transport=websocket",
  reconnect = { max = 30 },
}

local function send(packet) -- in our namespace
  packet.namespace = namespace
  local text, attachments = codec.write(packet)
  conn:send_text("4" .. text)
  for _, attachment in ipairs(attachments) do conn:send_binary(attachment) end
end

-- Emits an event, the name and its arguments. What it returns can be waited for: the arguments of the acknowledgement.
local function emit(data)
  local id, answer = pending:open()
  send { kind = "event", id = id, data = data }
  return answer
end

local function argument(text)
  if text:sub(1, 1) ~= "@" then return json.decode(text) end
  local file <close> = assert(io.open(text:sub(2), "rb"))
  return codec.bytes(file:read "a")
end

local ours = { event }
for i = 4, #arg do ours[i - 2] = argument(arg[i]) end

-------------------------------------------------------------------------------------------------------------- Socket.IO

-- What the server asks for by an event of this name: what it returns is the acknowledgement. Others are only printed.
local on = {}

function on.time() return host.time() end

local packet_is, message_is = {}, {} -- what to do with a packet of that kind; with a message of that number

function packet_is.connect()
  print("joined " .. namespace)
  if not event or state.emitted then return end
  state.emitted = true
  local answer = emit(ours)
  host.spawn(function() -- a task, as the acknowledgement comes behind what this is called with
    local ok, data, why = answer:wait()
    print(("%s: %s"):format(event, ok and codec.show(data) or why or data))
  end)
end

function packet_is.error(packet)
  io.stderr:write("socketio: ", namespace, ": ", packet.data.message, "\n")
  host.stop(1)
end

function packet_is.disconnect() conn:close() end -- the server sends us out

function packet_is.event(packet)
  local handler = on[packet.data[1]]
  local answer = handler and handler(table.unpack(packet.data, 2))
  if packet.id then send { kind = "ack", id = packet.id, data = json.array { answer } } end
  print(codec.show(packet.data))
end

function packet_is.ack(packet) pending:answer(packet.id, packet.data) end

local function take(packet)
  state.begun = packet.missing > 0 and packet or nil
  if not state.begun and packet.namespace == namespace then packet_is[packet.kind](packet) end
end

-------------------------------------------------------------------------------------------------------------- Engine.IO

local watch -- a timer
local function expect_ping()
  if watch then watch:cancel() end
  watch = host.after(state.patience, function()
    print "no ping: connecting again"
    conn:reconnect()
  end)
end

message_is["0"] = function(text) -- the link is open
  local open = json.decode(text)
  state.patience = (open.pingInterval + open.pingTimeout) / 1000
  expect_ping()
  send { kind = "connect", data = token and { token = token } }
end

message_is["2"] = function(text) -- ping
  conn:send_text("3" .. text)
  expect_ping()
end

message_is["1"] = function() conn:reconnect(1) end -- it is to close
message_is["4"] = function(text) take(codec.read(text)) end

function conn.on_message(_, data, kind)
  if kind == "text" then
    local handler = message_is[data:sub(1, 1)]
    if handler then handler(data:sub(2)) end
  elseif state.begun then
    codec.attach(state.begun, data)
    take(state.begun)
  end
end

function conn.on_adopt()
  print "new code, same connection"
  if state.patience then expect_ping() end
end

function conn.on_error(_, code, message) io.stderr:write("socketio: ", code, ": ", message, "\n") end
function conn.on_give_up() host.stop(1) end

function conn.on_close(_, code, reason)
  if watch then watch:cancel() end
  state.begun = nil
  pending:fail_all "closed"
  print(("closed: %d %s"):format(code, reason))
end
