-- mqtt: MQTT 3.1.1 over WebSocket: listens to a topic, or publishes to one.
--
--     wsbot scripts/mqtt.lua ws://127.0.0.1:9001 'house/+/light'              prints what comes, until Ctrl-C
--     wsbot scripts/mqtt.lua ws://127.0.0.1:9001 house/kitchen/light on [0|1]  publishes (QoS 1), and ends
--
-- One idea: another protocol inside WebSocket is a codec that knows no connection (mqtt/codec.lua, which lies beside
-- this script) and a few lines that wait. Its packets are a stream: they may span messages, or share one.

local codec = require "mqtt.codec"

local url, topic, message, qos = arg[1], arg[2], arg[3], tonumber(arg[4] or 1)
if not topic or (qos ~= 0 and qos ~= 1) then
  io.stderr:write("usage: wsbot scripts/mqtt.lua URL TOPIC [MESSAGE [0|1]]\n")
  os.exit(2)
end

-- The broker must hear from us in so many seconds, and we from it: twice in that time we send a ping, which it answers.
local keep_alive = tonumber(os.getenv "MQTT_KEEP_ALIVE") or 60

local conn = ws.connect {
  url = url,
  protocols = { "mqtt" },
  binary_type = ws.ARRAYBUFFER, -- packets go in binary messages
}

function conn.on_error(_, code, text)
  io.stderr:write("mqtt: ", code, ": ", text, "\n")
end

---------------------------------------------------------------------------------------------------------------- packets

local reader = codec.reader()

-- Waits for the next packet. Where none comes it raises an error, as do all below.
local function receive()
  while true do
    local packet = reader:next()
    if packet then return packet end
    local data, kind = conn:receive(keep_alive)
    if not data then error(kind == "timeout" and "the broker is silent" or "the connection is closed", 0) end
    if kind ~= "binary" then error("the broker sends text", 0) end
    reader:feed(data)
  end
end

local function hear(packet)
  print(packet.topic .. ": " .. packet.payload)
  if packet.qos == 1 then conn:send(codec.puback(packet.id)) end -- from here on the broker need not repeat it
end

-- Waits for a packet of this type; what is published may come before it.
local function expect(kind)
  while true do
    local packet = receive()
    if packet.type == kind then
      return packet
    elseif packet.type == "publish" then
      hear(packet)
    elseif packet.type ~= "pingresp" then
      error(("the broker sends %s and not %s"):format(packet.type, kind), 0)
    end
  end
end

---------------------------------------------------------------------------------------------------------- conversations

local refusals = { "wrong version", "client id refused", "not available", "wrong user or password", "not authorized" }

local function log_in()
  conn:send(codec.connect {
    -- No two may have the same: the broker would end the older connection.
    client_id = ("wsbot-%x%04x"):format(math.floor(host.time() * 1e6), math.random(0, 0xffff)),
    keep_alive = keep_alive,
    username = os.getenv "MQTT_USER",
    password = os.getenv "MQTT_PASSWORD",
  })
  local answer = expect "connack"
  if conn.protocol ~= "mqtt" then error("the server does not agree on mqtt", 0) end
  if answer.code ~= 0 then error("the broker refuses: " .. (refusals[answer.code] or answer.code), 0) end
end

local function publish()
  conn:send(codec.publish { topic = topic, payload = message, qos = qos, id = 1 })
  if qos == 1 then expect "puback" end
end

local function listen()
  conn:send(codec.subscribe(1, topic, 1))
  if expect("suback").code == 0x80 then error("the broker refuses " .. topic, 0) end
  io.stderr:write("mqtt: listening to ", topic, "\n")
  while true do
    hear(expect "publish")
  end
end

local stopping = false

host.on_stop(function() -- Ctrl-C, or host.stop below
  stopping = true
  conn:send(codec.disconnect())
end)

local pings = host.every(keep_alive / 2, function()
  conn:send(codec.pingreq())
end)

local ok, why = pcall(function()
  log_in()
  if message then publish() else listen() end
end)

pings:cancel()
if ok then
  conn:send(codec.disconnect())
  conn:close()
elseif not stopping then
  io.stderr:write("mqtt: ", why, "\n")
  host.stop(1)
end
