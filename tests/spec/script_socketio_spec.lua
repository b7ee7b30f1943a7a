-- script_socketio: scripts/socketio.lua against a scripted server of Socket.IO 5, and its codec by itself.
-- (tests/interop/socketio_spec.lua has npm's.)
-- Runs within the program that it tests.
local json = require "wsbot.json"
local place = require "support.place"
local testing = require "wsbot.testing"

local codec = dofile "scripts/socketio/codec.lua"

describe("scripts/socketio/codec.lua", function()
  local function written(packet)
    return (codec.write(packet))
  end

  it("writes packets", function()
    assert.equal("0", written { kind = "connect", namespace = "/" })
    assert.equal('0/chat,{"token":"x"}', written { kind = "connect", namespace = "/chat", data = { token = "x" } })
    assert.equal("1/chat,", written { kind = "disconnect", namespace = "/chat" })
    assert.equal('2["hello",1]', written { kind = "event", namespace = "/", data = { "hello", 1 } })
    assert.equal('2/chat,12["hello"]', written { kind = "event", namespace = "/chat", id = 12, data = { "hello" } })
    assert.equal("3/chat,7[]", written { kind = "ack", namespace = "/chat", id = 7, data = json.array {} })
  end)

  it("writes bytes behind the packet", function()
    local text, attachments = codec.write { kind = "event", namespace = "/chat", id = 3,
      data = { "hello", codec.bytes "\1\2", { deep = { codec.bytes "\3" } } } }
    assert.equal("52-/chat,3", text:match "^[^%[]*")
    assert.same({ "hello", { _placeholder = true, num = 0 }, { deep = { { _placeholder = true, num = 1 } } } },
      json.decode(text:match "%[.*"))
    assert.same({ "\1\2", "\3" }, attachments)
    assert.equal("61-5", (codec.write { kind = "ack", namespace = "/", id = 5, data = { codec.bytes "" } }):sub(1, 4))
  end)

  it("reads packets", function()
    local function reads(text, kind, namespace, id, data)
      local packet = codec.read(text)
      assert.same({ kind, namespace, id, data }, { packet.kind, packet.namespace, packet.id, packet.data })
      assert.equal(0, packet.missing)
    end
    reads('0{"sid":"a"}', "connect", "/", nil, { sid = "a" })
    reads('0/chat,{"sid":"a"}', "connect", "/chat", nil, { sid = "a" })
    reads("1/chat", "disconnect", "/chat", nil, nil)
    reads("1/chat,", "disconnect", "/chat", nil, nil)
    reads('2["hello","/a,1"]', "event", "/", nil, { "hello", "/a,1" })
    reads('2/chat?a=b,456["hello",-1]', "event", "/chat?a=b", 456, { "hello", -1 })
    reads("312[]", "ack", "/", 12, {})
    reads('4/chat,{"message":"no"}', "error", "/chat", nil, { message = "no" })
  end)

  it("reads packets with attachments", function()
    local packet = codec.read '52-/chat,9["hello",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}]]'
    assert.same({ "event", 9, 2 }, { packet.kind, packet.id, packet.missing })
    codec.attach(packet, "\1")
    codec.attach(packet, "\2\3")
    assert.equal(0, packet.missing)
    assert.same({ "hello", { bytes = "\2\3" }, { { bytes = "\1" } } }, packet.data)
    assert.equal('["hello","<2 bytes>",["<1 bytes>"]]', codec.show(packet.data))
  end)

  it("leaves a placeholder that stands for nothing as it is", function()
    for _, num in ipairs { "1", "-1", "0.5", '"x"', "1e300" } do
      local packet = codec.read(('51-["hello",{"_placeholder":true,"num":%s}]'):format(num))
      codec.attach(packet, "\1")
      assert.is_true(packet.data[2]._placeholder)
    end
  end)

  for text, why in pairs {
    [""] = "no packet of Socket.IO: ", ["7"] = "no packet of Socket.IO: 7", ["x[]"] = "no packet",
    ['5["hello"]'] = "too many attachments", ['5101-["hello"]'] = "too many attachments",
    ['599999999999999999999-["hello"]'] = "too many attachments", ["2[1,"] = "line 1", ["2hello"] = "line 1",
  } do
    it("says no: " .. text, function()
      local ok, message = pcall(codec.read, text)
      assert.is_false(ok)
      assert.matches(why, message)
    end)
  end
end)

describe("scripts/socketio.lua", function()
  local clock, server, bot, s

  local function start(args, token)
    bot = testing.bot("scripts/socketio.lua", { args = { server.url .. "/", table.unpack(args) },
      env = { SOCKETIO_TOKEN = token or false } })
  end

  -- The next connection, on which the bot has asked to join.
  local function opened()
    s = server:accept()
    assert.equal("/socket.io/?EIO=4&transport=websocket", s.request.target)
    s:send '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
  end

  local function join(namespace, auth)
    opened()
    local where = namespace ~= "/" and namespace .. "," or ""
    s:expect("40" .. where .. (auth or ""))
    s:send("40" .. where .. '{"sid":"b"}')
    bot:expect("joined " .. namespace)
  end

  before_each(function()
    clock, server = testing.clock(), testing.server()
  end)

  it("prints events, and answers those that it knows", function()
    start { "/" }
    join "/"
    s:send '42["hello",{"a":[]},null]'
    s:send '421["time"]'
    s:send '42/other,["not","for us"]'
    s:send '422["what?"]'
    bot:expect('["hello",{"a":[]},null]', '["time"]', '["what?"]')
    s:expect(function(data) return data:find "^431%[%d+%.?%d*%]$" end)
    s:expect "432[]"
  end)

  it("emits an event, with bytes in it, and waits for its acknowledgement", function()
    local file = place.file("picture", "\1\2\3")
    start({ "/chat", "say", '"hello"', "@" .. file }, "secret")
    join("/chat", '{"token":"secret"}')
    local id
    s:expect(function(data)
      id = data:match '^451%-/chat,(%d+)%["say","hello",{'
      return id
    end)
    local data, kind = s:receive()
    assert.same({ "\1\2\3", "binary" }, { data, kind })
    s:send '42/chat,["said","in between"]'
    s:send(("461-/chat,%s"):format(id) .. '["got",{"_placeholder":true,"num":0}]')
    s:send("\4\5", "binary")
    bot:expect('["said","in between"]', 'say: ["got","<2 bytes>"]')
  end)

  it("says that no acknowledgement came", function()
    start { "/", "say" }
    join "/"
    clock:advance(10)
    bot:expect "say: timeout"
    start { "/", "say" }
    join "/"
    s:drop()
    bot:expect("closed: 1006 ", "say: closed")
  end)

  it("answers pings, and connects again when none comes", function()
    start { "/" }
    join "/"
    clock:advance(25)
    s:send "2"
    s:expect "3"
    clock:advance(44)
    assert.equal("open", s.state)
    clock:advance(1)
    bot:expect("no ping: connecting again", "closed: 1000 ")
    join "/"
  end)

  it("comes back after a drop, in the middle of a packet, and emits nothing twice", function()
    start { "/", "say" }
    join "/"
    s:expect(function(data) return data:find "^42%d+%[\"say\"%]" end)
    s:send '451-["hello",{"_placeholder":true,"num":0}]'
    s:drop()
    clock:advance(2)
    opened()
    s:expect "40"
    s:send "40"
    s:send("stray bytes", "binary")
    s:send "2"
    s:expect "3"
    assert.same({}, bot.errors)
  end)

  it("keeps the connection over a reload, in the middle of a packet as well", function()
    start { "/" }
    join "/"
    s:send '451-["hello",[],{"_placeholder":true,"num":0}]'
    s:send "2"
    s:expect "3"
    assert.is_true(bot:reload())
    bot:expect "new code, same connection"
    s:send("\1", "binary")
    bot:expect '["hello",[],"<1 bytes>"]'
    clock:advance(45)
    bot:expect "no ping: connecting again"
  end)

  it("outlives what is no packet", function()
    start { "/" }
    join "/"
    s:send "4rubbish"
    s:send "5"
    s:send "9"
    s:send '42["hello"]'
    bot:expect '["hello"]'
    assert.matches("socketio: callback: .*no packet of Socket.IO: rubbish", bot.log)
  end)

  it("ends with 1 where it may not join, with 0 when it is sent out, with 2 where it is told too little", function()
    start { "/chat" }
    opened()
    s:expect "40/chat,"
    s:send '44/chat,{"message":"who are you?"}'
    assert.equal(1, bot:wait())
    assert.matches("socketio: /chat: who are you%?", bot.log)
    start { "/" }
    join "/"
    s:send "41"
    assert.equal(0, bot:wait())
    start {}
    assert.equal(2, bot:wait())
    assert.matches("usage: wsbot scripts/socketio.lua", bot.log)
  end)
end)
