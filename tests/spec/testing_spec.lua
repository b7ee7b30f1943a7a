-- testing: the scripted peer of wsbot.testing, as specs under `wsbot test` use it.
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- A spec that is run by `wsbot test`, and must come out green, with nothing left open.
local function it_works(name, source)
  it(name, story.of(function()
    local path = place.file("some_spec.lua", "local testing = require 'wsbot.testing' it('x', function() " .. source
      .. " end)")
    local p = program.run { "test", "-o", "plainTerminal", "--strict-leaks", path }
    local status = p:wait()
    assert(status == 0, p.out .. p.err)
    assert.matches("1 success / 0 failures / 0 errors", p.out)
  end))
end

describe("testing.server", function()
  it_works("accepts, and has the request", [[
    local peer <close> = testing.server {
      protocols = { "v2" }, compression = true, headers = { ["X-A"] = { "1", "2" } },
    }
    local opened
    local conn = ws.connect { url = peer.url .. "/chat?a=b", protocols = { "v1", "v2" }, headers = { Token = "t" },
      on_websocket_connect = function(c, r) opened = { r.headers["x-a"], c.protocol, r.extensions } end }
    local s = peer:accept(5)
    assert.equal("/chat", s.request.path)
    assert.equal("a=b", s.request.query)
    assert.equal("t", s.request.headers.token)
    assert.equal("t", s.request.headers.TOKEN)
    while not opened do host.sleep(0) end
    assert.same({ "1, 2", "v2", "permessage-deflate" }, opened)
    s:close()
    assert.same({ nil, "closed" }, { conn:receive() })
    assert.equal("closed", s.state)
  ]])

  it_works("sends and expects, and says where an answer differs", [[
    local peer <close> = testing.server()
    local conn = ws.connect { url = peer.url, on_message = function(c, data, kind) c:send(data:upper(), kind) end }
    local s = peer:accept()
    s:send "hello"
    s:expect "HELLO"
    s:send("\xff", "binary")
    assert.same({ "\xff", "binary" }, { s:receive() })
    s:send(("x"):rep(1000))
    s:expect(function(data) assert.equal(1000, #data) end)
    s:send "abcd"
    local ok, message = pcall(s.expect, s, "ABxD")
    assert.is_false(ok)
    assert.matches('expected "ABxD"\n     got "ABCD"\n            %^ %(they part at byte 3%)', message)
    ok, message = pcall(s.expect, s, "more", 0.01)
    assert.matches('expected "more", but nothing came for 0.01 s', message)
    conn:close(4001, "bye")
    ok, message = pcall(s.expect, s, "more")
    assert.matches('expected "more", but the bot closed with 4001 bye', message)
  ]])

  it_works("refuses with any status, headers and body", [[
    local peer <close> = testing.server { refuse = { status = 503, headers = { ["Retry-After"] = 7 }, body = "no" } }
    local record
    ws.connect { url = peer.url, on_error = function() end, on_close = function(_, _, _, r) record = r end }
    assert.equal("/", peer:accept(5).request.path)
    while not record do host.sleep(0) end
    assert.equal(503, record.response.status)
    assert.equal("Service Unavailable", record.response.reason)
    assert.equal("7", record.response.headers["retry-after"])
    assert.equal("no", record.response.body)
  ]])

  it_works("stalls, comes back, sends raw bytes, and drops", [[
    local peer <close> = testing.server()
    local word
    local conn = ws.connect { url = peer.url, on_error = function(_, w) word = w end }
    local s = peer:accept()
    s:stall()
    conn:send "x"
    assert.same({ nil, "timeout" }, { s:receive(0.02) })
    s:resume()
    s:expect "x"
    s:send_raw "\x89\x01p"
    while s.pongs == 0 do host.sleep(0) end
    s:drop()
    while not word do host.sleep(0) end
    assert.equal("reset", word)
  ]])

  it_works("meets a bot that breaks its rules as any peer would", [[
    local peer <close> = testing.server()
    local word
    ws.connect { url = peer.url, on_error = function(_, w) word = w end }
    peer:accept():send_raw "\x83\x00"
    while not word do host.sleep(0) end
    assert.equal("protocol", word)
  ]])

  it_works("has several sessions, in order, and waits for the next no longer than it is told to", [[
    local peer <close> = testing.server()
    assert.same({ nil, "timeout" }, { peer:accept(0.01) })
    local conns, sessions = {}, {}
    for i = 1, 3 do
      conns[i] = ws.connect { url = peer.url .. "/" .. i }
      sessions[i] = peer:accept()
      assert.equal("/" .. i, sessions[i].request.path)
    end
    for i = 3, 1, -1 do conns[i]:send("from " .. i) end
    for i = 1, 3 do sessions[i]:expect("from " .. i) sessions[i]:drop() end
    for i = 1, 3 do while conns[i].state ~= "closed" do host.sleep(0) end end
  ]])

  it_works("plays a day in virtual time: a ping unanswered, back-off, a resubscription", [[
    local clock <close> = testing.clock()
    local peer <close> = testing.server()
    local errors = {}
    local conn = ws.connect { url = peer.url, ping_interval = 55, pong_timeout = 20, reconnect = { max = 60 },
      on_error = function(_, word) errors[#errors + 1] = word end,
      on_websocket_connect = function(c) c:send "subscribe" end }
    local s = peer:accept()
    s:expect "subscribe"
    clock:advance(56)
    assert.equal(1, s.pings)
    s:stall()
    clock:advance(55 + 20)
    assert.same({ "ping_timeout" }, errors)
    clock:advance(1)
    s = peer:accept()
    s:expect "subscribe"
    conn:destroy()
  ]])

  it_works("tells a wrong option", [[
    assert.has_error(function() testing.server { refsue = {} } end, "testing.server: unknown option 'refsue'")
  ]])
end)
