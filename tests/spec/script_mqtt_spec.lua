-- script_mqtt: scripts/mqtt.lua with mosquitto between two bots, and with a scripted broker that cuts packets as it
-- likes, refuses and fails; and its codec by itself.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local servers = require "support.servers"

local codec = dofile "scripts/mqtt/codec.lua"

local function mqtt(url, args, env)
  return program.run({ "run", "scripts/mqtt.lua", url, table.unpack(args) }, { env = env or {} })
end

describe("scripts/mqtt/codec.lua", function()
  it("writes lengths as the standard has them", function()
    for n, bytes in pairs {
      [0] = "\x00", [127] = "\x7f", [128] = "\x80\x01", [16383] = "\xff\x7f", [16384] = "\x80\x80\x01",
      [2097151] = "\xff\xff\x7f", [2097152] = "\x80\x80\x80\x01", [268435455] = "\xff\xff\xff\x7f",
    } do
      assert.equal(bytes, codec.length(n))
    end
    assert.has_error(function() codec.length(268435456) end)
  end)

  it("writes packets", function()
    assert.equal("\x10\x0d\0\4MQTT\4\2\0\60\0\1x", codec.connect { client_id = "x", keep_alive = 60 })
    assert.equal("\x10\x13\0\4MQTT\4\xc2\0\0\0\0\0\1u\0\2pw",
      codec.connect { client_id = "", username = "u", password = "pw" })
    assert.equal("\x30\5\0\1aon", codec.publish { topic = "a", payload = "on" })
    assert.equal("\x3b\7\0\1a\x12\x34on",
      codec.publish { topic = "a", payload = "on", qos = 1, id = 0x1234, dup = true, retain = true })
    assert.equal("\x82\8\0\7\0\3a/+\1", codec.subscribe(7, "a/+", 1))
    assert.equal("\x40\2\1\2", codec.puback(0x0102))
    assert.equal("\xc0\0", codec.pingreq())
    assert.equal("\xe0\0", codec.disconnect())
  end)

  it("reads packets", function()
    local reader = codec.reader()
    reader:feed("\x20\2\1\0" .. "\x90\3\0\7\x80" .. "\x40\2\1\2" .. "\xd0\0" .. "\x3b\7\0\1a\x12\x34on")
    assert.same({ type = "connack", session_present = true, code = 0 }, reader:next())
    assert.same({ type = "suback", id = 7, code = 0x80 }, reader:next())
    assert.same({ type = "puback", id = 0x0102 }, reader:next())
    assert.same({ type = "pingresp" }, reader:next())
    assert.same({ type = "publish", topic = "a", payload = "on", qos = 1, id = 0x1234, dup = true, retain = true },
      reader:next())
    assert.is_nil(reader:next())
  end)

  for _, size in ipairs { 0, 124, 125, 16380, 16381, 70000 } do -- lengths of 3, 127, 128, 16383, 16384, 70003
    it("reads a payload of " .. size .. " bytes, whole and in pieces", function()
      local payload = ("\xff"):rep(size)
      local bytes = codec.publish { topic = "t", payload = payload }
      local pieces = { 1, 2, 3, 4, 5, 100, #bytes - 1, #bytes }
      for _, cut in ipairs(pieces) do
        local reader = codec.reader()
        reader:feed(bytes:sub(1, cut))
        if cut < #bytes then
          assert.is_nil(reader:next())
          reader:feed(bytes:sub(cut + 1))
        end
        assert.equal(payload, reader:next().payload)
        assert.is_nil(reader:next())
      end
    end)
  end

  it("reads byte by byte", function()
    local reader, seen = codec.reader(), {}
    for byte in (codec.publish { topic = "a", payload = ("x"):rep(200) } .. "\xd0\0" .. "\x40\2\1\2"):gmatch "." do
      reader:feed(byte)
      local packet = reader:next()
      if packet then seen[#seen + 1] = packet.type end
    end
    assert.same({ "publish", "pingresp", "puback" }, seen)
  end)

  for why, bytes in pairs {
    ["does not end"] = "\x30\xff\xff\xff\xff\x01",
    ["too large"] = "\x30\xff\xff\xff\x7f",
    ["a server may not send 0x10"] = codec.connect { client_id = "x" },
    ["a server may not send 0x00"] = "\0\0",
    ["a server may not send 0x42"] = "\x42\2\0\1",
    ["0x36 is malformed"] = "\x36\5\0\1aon", -- QoS 3
    ["0x30 is malformed"] = "\x30\5\0\9aon", -- a topic longer than the packet
    ["0x32 is malformed"] = "\x32\3\0\1a", -- no id
    ["0x40 is malformed"] = "\x40\1\0",
  } do
    it("says no: " .. why, function()
      local reader = codec.reader()
      reader:feed(bytes)
      local ok, message = pcall(reader.next, reader)
      assert.is_false(ok)
      assert.truthy(message:find(why, 1, true), message)
    end)
  end
end)

-------------------------------------------------------------------------------------------------------------- mosquitto

describe("scripts/mqtt.lua and mosquitto", function()
  it_tells("bring messages from one bot to another, with QoS 0 and 1", function()
    local server = servers.mosquitto {}
    local url, broker = server.url, server.program
    local p = mqtt(url, { "house/+/light" })
    p:complains "listening to house/+/light"
    mqtt(url, { "house/kitchen/light", "on" }):ends(0)
    p:tells "house/kitchen/light: on"
    mqtt(url, { "house/kitchen/door", "open" }):ends(0)
    mqtt(url, { "house/garden/light", "off", "0" }):ends(0)
    p:tells "house/garden/light: off"
    local long = ("long "):rep(20000)
    mqtt(url, { "house/cellar/light", long }):ends(0)
    p:tells("house/cellar/light: " .. long)
    broker:complains "d0, q0, r0, m0, 'house/garden/light'"
    broker:complains "d0, q1, r0, m1, 'house/cellar/light'"
    p:kill "sigint"
    p:ends(0)
    broker:complains "Received DISCONNECT from"
    assert.is_nil(broker.err:find("error", 1, true), broker.err)
  end)

  it_tells("says that the broker has gone", function()
    local server = servers.mosquitto {}
    local url, broker = server.url, server.program
    local p = mqtt(url, { "a" })
    p:complains "listening to a"
    broker:kill "sigkill"
    p:ends(1)
    assert.truthy(p.err:find("mqtt: the connection is closed", 1, true), p.err)
  end)
end)

------------------------------------------------------------------------------------------------------ a scripted broker

local agreed = { with = { "Sec-WebSocket-Protocol: mqtt" } }

-- The next connection, which has sent CONNECT. Returns the session, and the body of that packet.
local function connected(broker, options)
  local s = broker:open(options or agreed)
  assert.same({ "mqtt" }, s.request.headers["sec-websocket-protocol"])
  local payload = s:expect_binary().payload
  assert.equal("\x10", payload:sub(1, 1))
  return s, payload:sub(3)
end

describe("scripts/mqtt.lua", function()
  it_tells("takes packets that span messages or share one", function()
    local broker = peer.listen()
    local p = mqtt(broker.url, { "a/#" })
    local s, body = connected(broker)
    assert.truthy(body:find "^\0\4MQTT\4\2\0\60\0\23wsbot%-%x+$", body)
    s:binary "\x20":binary "\2\0":binary "\0"
    s:expect_binary(codec.subscribe(1, "a/#", 1))
    local big = ("x"):rep(300)
    local one = codec.publish { topic = "a/1", payload = "retained", retain = true } -- may come before the SUBACK
    local two = codec.publish { topic = "a/2", payload = big, qos = 1, id = 9 }
    local three = codec.publish { topic = "a/3", payload = "", qos = 1, id = 10 }
    local all = one .. "\x90\3\0\1\1" .. two .. three .. "\xd0\0"
    s:binary(all:sub(1, 30)):binary "":binary(all:sub(31, 40)):binary(all:sub(41))
    p:tells("a/1: retained", "a/2: " .. big, "a/3: ")
    s:expect_binary(codec.puback(9))
    s:expect_binary(codec.puback(10))
    p:kill "sigint"
    s:expect_binary(codec.disconnect())
    assert.equal(1001, (s:answer_close()))
    p:ends(0)
  end)

  it_tells("publishes once, and waits for the answer where it is to have one", function()
    local broker = peer.listen()
    local p = mqtt(broker.url, { "a", "on" }, { MQTT_USER = "me", MQTT_PASSWORD = "secret" })
    local s, body = connected(broker)
    assert.truthy(body:find "\0\2me\0\6secret$", body)
    s:binary "\x20\2\0\0"
    s:expect_binary(codec.publish { topic = "a", payload = "on", qos = 1, id = 1 })
    s:binary "\xd0\0"
    s:binary "\x40\2\0\1"
    s:expect_binary(codec.disconnect())
    assert.equal(1000, (s:answer_close()))
    p:ends(0)
    p = mqtt(broker.url, { "a", "", "0" })
    s = connected(broker)
    s:binary "\x20\2\0\0"
    s:expect_binary(codec.publish { topic = "a", payload = "" })
    s:expect_binary(codec.disconnect())
    s:answer_close()
    p:ends(0)
  end)

  it_tells("sends pings, and takes a silent broker for dead", function()
    local broker = peer.listen()
    local p = mqtt(broker.url, { "a" }, { MQTT_KEEP_ALIVE = "1" })
    local s = connected(broker)
    s:binary "\x20\2\0\0"
    s:expect_binary(codec.subscribe(1, "a", 1))
    s:binary "\x90\3\0\1\1"
    s:expect_binary(codec.pingreq())
    s:binary "\xd0\0"
    s:expect_binary(codec.pingreq())
    p:complains "mqtt: the broker is silent"
    repeat
      local f = s:read_frame() -- pings that were under way
    until f.opcode == 8
    s:close()
    p:ends(1)
  end)

  for why, play in pairs {
    ["the broker refuses: not authorized"] = function(broker)
      return connected(broker):binary "\x20\2\0\5"
    end,
    ["the server does not agree on mqtt"] = function(broker)
      return connected(broker, {}):binary "\x20\2\0\0"
    end,
    ["the broker refuses a"] = function(broker)
      local s = connected(broker):binary "\x20\2\0\0"
      s:expect_binary(codec.subscribe(1, "a", 1))
      return s:binary "\x90\3\0\1\x80"
    end,
    ["the broker sends suback and not connack"] = function(broker)
      return connected(broker):binary "\x90\3\0\1\1"
    end,
    ["the broker sends text"] = function(broker)
      return connected(broker):text " "
    end,
    ["a server may not send 0xe0"] = function(broker)
      return connected(broker):binary "\xe0\0"
    end,
  } do
    it_tells("ends with 1: " .. why, function()
      local broker = peer.listen()
      local p = mqtt(broker.url, { "a" })
      local s = play(broker)
      s:expect_binary(codec.disconnect())
      s:answer_close()
      p:ends(1)
      assert.truthy(p.err:find("mqtt: " .. why, 1, true), p.err)
    end)
  end

  it_tells("ends with 1 where nobody listens, and with 2 where it is not told enough", function()
    local p = mqtt(peer.dead_url(), { "a" })
    p:ends(1)
    assert.truthy(p.err:find("mqtt: connect: ", 1, true), p.err)
    for _, args in ipairs { {}, { "a", "on", "2" }, { "a", "on", "once" } } do
      p = mqtt("ws://127.0.0.1:1", args)
      p:ends(2)
      assert.truthy(p.err:find("usage: wsbot scripts/mqtt.lua", 1, true), p.err)
    end
  end)
end)
