-- mqtt: mosquitto, whose packets (scripts/mqtt/codec.lua) go in binary messages of the subprotocol "mqtt". It has no
-- compression, and takes 4 KB ten times a second: a large message needs its time.
local battery = require "support.battery"
local client = require "support.client"
local ledger = require "support.ledger"
local servers = require "support.servers"

local codec = dofile "scripts/mqtt/codec.lua"

------------------------------------------------------------------------------------------------------------ MQTT itself

local mqtt = {}
mqtt.__index = mqtt

-- A connection to the broker, logged in.
local function open(server, id)
  local c = client.open(server, { protocols = { "mqtt" }, binary_type = ws.ARRAYBUFFER })
  local self = setmetatable({ client = c, reader = codec.reader() }, mqtt)
  self:send(codec.connect { client_id = id, keep_alive = 60 })
  assert.same({ type = "connack", session_present = false, code = 0 }, self:receive())
  return self
end

function mqtt:send(packet)
  self.client:send(packet, "binary")
end

-- The next packet.
function mqtt:receive()
  while true do
    local packet = self.reader:next()
    if packet then return packet end
    local data, kind = self.client:receive()
    assert.equal("binary", kind)
    self.reader:feed(data)
  end
end

function mqtt:subscribe(topic, qos)
  self:send(codec.subscribe(1, topic, qos))
  assert.same({ type = "suback", id = 1, code = qos }, self:receive())
end

---------------------------------------------------------------------------------------------------------------- stories

ledger.describe("mosquitto", "mosquitto", function(row)
  for _, way in ipairs { { name = "plain", over = "ws" }, { name = "over TLS", over = "wss", secure = true } } do
    describe(way.name, function()
      local function trial(name, kind, tell)
        it(name, row:story(kind, function()
          row:tell("over", way.over)
          tell(servers.mosquitto(way))
        end))
      end

      trial("agrees on mqtt, and tells its version", "subprotocol", function(server)
        local one = open(server, "one")
        assert.equal("mqtt", one.client.conn.protocol)
        one:subscribe("$SYS/broker/version", 0)
        row:tell("version", one:receive().payload:match "%d%S+")
      end)

      trial("brings messages of all sizes from one bot to another", "messages", function(server)
        local one, other = open(server, "one"), open(server, "other")
        other:subscribe("sizes", 1)
        for i, n in ipairs(battery.sizes) do
          one:send(codec.publish { topic = "sizes", payload = battery.bytes(n), qos = 1, id = i })
          assert.same({ type = "puback", id = i }, one:receive())
          local packet = other:receive()
          assert.is_true(packet.payload == battery.bytes(n), "another payload of " .. #packet.payload .. " bytes")
          other:send(codec.puback(packet.id))
        end
      end)

      trial("brings a thousand messages, in order", "messages", function(server)
        local one, other = open(server, "one"), open(server, "other")
        other:subscribe("row", 0)
        for i = 1, 1000 do
          one:send(codec.publish { topic = "row", payload = "message " .. i })
        end
        for i = 1, 1000 do
          assert.equal("message " .. i, other:receive().payload)
        end
      end)

      trial("answers pings", "ping", function(server)
        local one = open(server, "one")
        one.client:ping "are you there?"
        one:send(codec.pingreq())
        assert.same({ type = "pingresp" }, one:receive())
      end)

      trial("answers our close code, and ends after DISCONNECT without one", "close", function(server)
        open(server, "one").client:close(4000, "enough")
        local other = open(server, "other")
        other:send(codec.disconnect())
        local code, _, record = other.client:ends()
        assert.same({ 1006, "reset" }, { code, record.error })
      end)
    end)
  end
end)
