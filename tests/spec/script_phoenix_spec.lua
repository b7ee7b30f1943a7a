-- script_phoenix: scripts/phoenix.lua against a scripted server of Phoenix channels (V2 of its serializer).
-- Runs within the program that it tests.
local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/phoenix.lua", function()
  local clock, server, bot, s, joined

  local function tell(...)
    s:send(json.encode { ... })
  end

  local function reply(join_ref, ref, topic, status, response)
    tell(join_ref, ref, topic, "phx_reply", { status = status, response = response or {} })
  end

  -- The next message is this push. Returns its join_ref and ref. Heartbeats that it is not about are answered.
  local function pushes(topic, event, payload)
    local message
    repeat
      s:expect(function(data) message = json.decode(data) end)
      local is_beside = message[3] == "phoenix" and topic ~= "phoenix"
      if is_beside then reply(json.null, message[2], "phoenix", "ok") end
    until not is_beside
    assert.equal("string", type(message[2]))
    assert.same({ topic, event, payload }, { message[3], message[4], message[5] })
    return message[1], message[2]
  end

  -- The bot joins the room; its ref is `joined` then.
  local function joins(status, response)
    local join_ref, ref = pushes("room:1", "phx_join", {})
    assert.equal(join_ref, ref)
    joined = ref
    reply(ref, ref, "room:1", status or "ok", response)
  end

  local function start(more, env)
    bot = testing.bot("scripts/phoenix.lua", { args = { server.url .. "/socket/websocket", "room:1",
      table.unpack(more or {}) }, env = env or { PHOENIX_TOKEN = false } })
    s = server:accept()
  end

  local function start_and_join(...)
    start(...)
    joins()
    bot:expect "joined room:1"
  end

  before_each(function()
    clock, server = testing.clock(), testing.server()
  end)

  it("joins, and prints what is said", function()
    start_and_join(nil, { PHOENIX_TOKEN = "a b/c" })
    assert.equal("/socket/websocket", s.request.path)
    assert.equal("vsn=2.0.0&token=a%20b%2Fc", s.request.query)
    tell(json.null, json.null, "room:1", "new_msg", { body = "to all" })
    tell(joined, json.null, "room:1", "presence_state", {})
    tell("0", json.null, "room:1", "new_msg", { body = "to who had joined before us" })
    tell(json.null, json.null, "room:2", "new_msg", { body = "elsewhere" })
    tell(json.null, json.null, "room:1", "new_msg", { body = "again" })
    bot:expect('new_msg {"body":"to all"}', "presence_state {}", 'new_msg {"body":"again"}')
    assert.equal(0, bot:stop())
    s:expect_close(1001)
  end)

  it("pushes once, and has the reply to that", function()
    start_and_join { "new_msg", '{"body":"hello"}' }
    local join_ref, ref = pushes("room:1", "new_msg", { body = "hello" })
    assert.equal(joined, join_ref)
    reply(joined, "99", "room:1", "ok", { to = "nobody" })
    tell(json.null, json.null, "room:1", "new_msg", { body = "in between" })
    reply(joined, ref, "room:1", "ok", { id = 7 })
    bot:expect('new_msg {"body":"in between"}', 'new_msg: {"id":7}')
    s:drop()
    bot:expect "closed: 1006 "
    clock:advance(2)
    s = server:accept()
    joins()
    bot:expect "joined room:1"
    clock:advance(30) -- the next that it sends is a heartbeat
    pushes("phoenix", "heartbeat", {})
  end)

  it("says what is wrong with a push, and that no reply came", function()
    start_and_join { "new_msg" }
    local _, ref = pushes("room:1", "new_msg", {})
    reply(joined, ref, "room:1", "error", { reason = "empty" })
    bot:expect 'new_msg: {"reason":"empty"}'
    start_and_join { "new_msg" }
    clock:advance(10)
    bot:expect "new_msg: timeout"
  end)

  it("sends heartbeats, and connects again when one is not answered", function()
    start_and_join()
    clock:advance(30)
    local join_ref, ref = pushes("phoenix", "heartbeat", {})
    assert.equal(json.null, join_ref)
    reply(json.null, ref, "phoenix", "ok")
    clock:advance(30)
    pushes("phoenix", "heartbeat", {})
    clock:advance(10)
    bot:expect("no heartbeat: connecting again", "closed: 1000 ")
    s = server:accept()
    joins()
    bot:expect "joined room:1"
  end)

  it("joins again when the channel has crashed, and does not hear what the old one says", function()
    start_and_join()
    local before = joined
    tell(joined, joined, "room:1", "phx_error", {})
    bot:expect "room:1 has crashed: joining again"
    clock:advance(1)
    joins()
    bot:expect "joined room:1"
    tell(before, json.null, "room:1", "phx_error", {})
    tell(joined, json.null, "room:1", "new_msg", { body = "well again" })
    bot:expect 'new_msg {"body":"well again"}'
  end)

  it("tries again, less and less often, when nobody answers that it joins", function()
    start()
    for _, seconds in ipairs { 1, 2, 5, 10 } do
      pushes("room:1", "phx_join", {})
      clock:advance(10 + seconds)
    end
    joins()
    bot:expect "joined room:1"
  end)

  it("keeps channel and connection over a reload, and refs go on", function()
    start_and_join()
    assert.is_true(bot:reload())
    bot:expect "new code, same connection"
    tell(joined, json.null, "room:1", "new_msg", { body = "hello" })
    bot:expect 'new_msg {"body":"hello"}'
    clock:advance(30)
    local _, ref = pushes("phoenix", "heartbeat", {})
    assert.is_true(tonumber(ref) > tonumber(joined))
  end)

  it("joins anew where a reload came too early for the reply", function()
    start()
    local old = pushes("room:1", "phx_join", {})
    assert.is_true(bot:reload())
    joins()
    reply(old, old, "room:1", "ok")
    tell(old, old, "room:1", "phx_close", {}) -- the same topic joined twice: the older one goes
    bot:expect("new code, same connection", "joined room:1")
    tell(joined, json.null, "room:1", "new_msg", { body = "hello" })
    bot:expect 'new_msg {"body":"hello"}'
  end)

  it("ends when the channel is closed", function()
    start_and_join()
    tell(joined, joined, "room:1", "phx_close", {})
    assert.equal(0, bot:wait())
    bot:expect("room:1 is closed", "closed: 1001 ")
  end)

  it("ends with 1 where it may not join, or not even connect", function()
    start()
    joins("error", { reason = "unauthorized" })
    assert.equal(1, bot:wait())
    assert.matches('phoenix: room:1: {"reason":"unauthorized"}', bot.log)
    server:answer { refuse = { status = 403 } }
    start()
    assert.equal(1, bot:wait())
    assert.matches("phoenix: gave up: status 403", bot.log)
  end)

  it("says what it needs", function()
    bot = testing.bot("scripts/phoenix.lua", { args = { server.url } })
    assert.equal(2, bot:wait())
    assert.matches("usage: wsbot scripts/phoenix.lua URL TOPIC", bot.log)
  end)
end)
