-- testing.server: the scripted peer, against bots of the test's own generation.
-- Runs within the program that it tests.
local testing = require "wsbot.testing"

-- Connects, and notes all that is told of it.
local function connect(options)
  local told = {}
  local function note(...)
    told[#told + 1] = table.concat({ ... }, " ")
  end
  options.on_error = options.on_error or function(_, word, message) note("error", word, message) end
  options.on_close = function(_, code) note("close", code) end
  return ws.connect(options), told
end

local function await(look)
  while not look() do host.sleep(0) end
end

describe("testing.server", function()
  it("may be closed by its own callback, which ends there", function()
    local on, log = {}, {}
    local peer = testing.server { on_message = function(_, data) on[data]() end }
    function on.close()
      local _ <close> = setmetatable({}, { __close = function() log[#log + 1] = "ended" end })
      peer:close()
      log[#log + 1] = "closed"
      host.sleep(60)
    end
    local bot = ws.connect { url = peer.url }
    bot:send "close"
    testing.eventually(function() return log[2] end)
    assert.same({ "closed", "ended" }, log)
    bot:destroy()
  end)

  it("sends an empty message in pieces of any size", function()
    local peer <close> = testing.server()
    local bot = ws.connect { url = peer.url }
    peer:accept():send("", { fragments = 2 })
    assert.equal("", bot:receive(5))
    bot:destroy()
  end)

  for _, tls in ipairs { false, true } do
    it("may end without a word, and that is no sign of life" .. (tls and ", nor is TLS's own" or ""), function()
      local clock, peer = testing.clock(), testing.server { tls = tls or nil }
      local record
      ws.connect { url = peer.url, tls = { ca_file = peer.ca_file }, on_error = function() end,
        on_close = function(_, _, _, r) record = r end }
      clock:advance(0)
      local session = peer:accept()
      clock:advance(60)
      session:half_close()
      clock:advance(0)
      assert.same({ "reset", 60, 60 }, { record.error, record.since_in, record.since_out })
    end)
  end

  it("keeps of what was taken no more than fits", function()
    local server = testing.server()
    local bot = ws.connect { url = server.url }
    local session = server:accept()
    local megabyte = ("x"):rep(1024 * 1024)
    for i = 1, 70 do
      bot:send(megabyte)
      assert.equal(#megabyte, #session:receive())
      if i == 60 then assert.equal(60, #session.received) end
    end
    assert.equal(64, #session.received)
    bot:close()
  end)

  describe("whose session stalls", function()
    local session
    it("ends with its test, and so does that", function()
      local peer = testing.server()
      testing.bot("ws.connect { url = arg[1] }", { args = { peer.url } })
      session = peer:accept()
      session:stall()
    end)
    teardown(function() testing.eventually(function() return session.state == "closed" end) end)
  end)

  it("reads slowly, at any rate, in no time", function()
    local clock, peer = testing.clock(), testing.server()
    local bot = ws.connect { url = peer.url }
    clock:advance(0)
    local session = peer:accept()
    local began = os.clock()
    for _, rate in ipairs { 1000, 10000, 100000, 1000000 } do
      session:read_slowly(rate)
      bot:send(("x"):rep(rate * 5))
      clock:advance(3)
      assert.is_nil((session:receive(0)))
      clock:advance(3)
      assert.equal(rate * 5, #session:receive(0))
    end
    assert.is_true(os.clock() - began < 3)
    bot:destroy()
  end)

  describe("of a block", function()
    local peer, done
    setup(function() peer = testing.server() end)
    it("has what runs beside it for longer than the test that began that", function()
      peer:beside(function() host.sleep(0) done = true end)
    end)
    teardown(function() testing.eventually(function() return done end) end)
  end)

  it("has no session of who leaves before the request is whole", function()
    local uv = require "luv"
    local peer <close> = testing.server()
    for _, part in ipairs { "", "GET / HT", "hello\r\n\r\n" } do
      local c = uv.new_tcp()
      c:connect("127.0.0.1", tonumber(peer.url:match "%d+$"), function() c:write(part, function() c:close() end) end)
      testing.eventually(function() return c:is_closing() end)
    end
    assert.is_nil(peer:try_accept(0.05))
    local bot = ws.connect { url = peer.url .. "/whole" }
    assert.equal("/whole", peer:accept().request.path)
    bot:destroy()
  end)

  it("accepts, and has the request", function()
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
    assert.equal("v2", s.protocol)
    await(function() return opened end)
    assert.same({ "1, 2", "v2", "permessage-deflate" }, opened)
    s:close()
    assert.same({ nil, "closed" }, { conn:receive() })
    assert.equal("closed", s.state)
  end)

  it("sends and expects, and says where an answer differs", function()
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
    assert.matches('expected "ABxD"\n     got "ABCD"\n            ^ (they part at byte 3)', message, 1, true)
    ok, message = pcall(s.expect, s, "more", 0.01)
    assert.is_false(ok)
    assert.matches('expected "more", but nothing came for 0.01 s', message)
    conn:close(4001, "bye")
    ok, message = pcall(s.expect, s, "more")
    assert.is_false(ok)
    assert.matches('expected "more", but the bot closed with 4001 bye', message)
    assert.same({ 4001, "bye" }, { s:expect_close(4001) })
  end)

  it("shows of long texts the place where they part", function()
    local difference = require "wsbot.testing.difference"
    local long = ("a"):rep(500) .. "ä%s" .. ("b"):rep(500)
    local message = difference.of_texts(long:format "x", long:format "\n")
    local around = ("a"):rep(58) .. "ä"
    assert.equal('expected ...' .. around .. "x" .. ("b"):rep(60) .. "...\n     got ..." .. around .. "\\n"
      .. ("b"):rep(60) .. "...\n" .. (" "):rep(9 + 3 + 59) .. "^ (they part at byte 503)", message)
  end)

  it("compares JSON as values, and says where those differ", function()
    local peer <close> = testing.server()
    local conn = ws.connect { url = peer.url }
    local s = peer:accept()
    conn:send '{ "op": "subscribe", "args": [1, 2] }'
    s:expect { args = { 1, 2 }, op = "subscribe" }
    conn:send '{"op":"unsubscribe","args":[1,3],"id":7}'
    local ok, message = pcall(s.expect, s, { op = "subscribe", args = { 1, 2 } })
    assert.is_false(ok)
    assert.matches("at .args[2]: expected 2, got 3", message, 1, true)
    assert.matches("at .id: expected nil, got 7", message, 1, true)
    assert.matches('at .op: expected "subscribe", got "unsubscribe"', message, 1, true)
    conn:send "no JSON"
    ok, message = pcall(s.expect, s, {})
    assert.is_false(ok)
    assert.matches('JSON was expected, and not "no JSON"', message)
    conn:close()
  end)

  it("refuses with any status, headers and body", function()
    local peer <close> = testing.server { refuse = { status = 503, headers = { ["Retry-After"] = 7 }, body = "no" } }
    local record
    ws.connect { url = peer.url, on_error = function() end, on_close = function(_, _, _, r) record = r end }
    assert.equal("/", peer:accept(5).request.path)
    await(function() return record end)
    assert.equal(503, record.response.status)
    assert.equal("Service Unavailable", record.response.reason)
    assert.equal("7", record.response.headers["retry-after"])
    assert.equal("no", record.response.body)
  end)

  it("answers each request as a function has it, or as it is told from now on", function()
    local peer <close> = testing.server {
      answer = function(request)
        if request.headers.authorization ~= "let me in" then return { refuse = { status = 401 } } end
        return { protocols = { "b" } }
      end,
    }
    local _, told = connect { url = peer.url }
    await(function() return #told == 2 end)
    assert.matches("401", told[1])
    local conn = connect { url = peer.url, headers = { Authorization = "let me in" }, protocols = { "a", "b" } }
    peer:accept()
    local s = peer:accept()
    assert.equal("b", s.protocol)
    conn:close()
    local other <close> = testing.server()
    other:answer { refuse = "HTTP/1.1 418 I'm a teapot\r\n\r\n" }
    _, told = connect { url = other.url }
    await(function() return #told == 2 end)
    assert.matches("418", told[1])
  end)

  it("never answers a request", function()
    local clock = testing.clock()
    local peer <close> = testing.server { silent = true }
    local _, told = connect { url = peer.url, handshake_timeout = 10 }
    clock:advance(9.9)
    assert.same({}, told)
    clock:advance(0.2)
    assert.matches("error timeout no answer to the opening handshake within 10 s", told[1])
  end)

  it("stalls, comes back, sends raw bytes, and drops", function()
    local peer <close> = testing.server()
    local conn, told = connect { url = peer.url }
    local s = peer:accept()
    s:stall()
    conn:send "x"
    assert.same({ nil, "timeout" }, { s:receive(0.02) })
    s:resume()
    s:expect "x"
    s:send_raw "\x89\x01p"
    await(function() return s.pongs == 1 end)
    s:drop()
    await(function() return #told == 2 end)
    assert.matches("error reset", told[1])
  end)

  it("sends in fragments and cuts that the test chooses", function()
    local peer <close> = testing.server()
    local got = {}
    local conn = ws.connect { url = peer.url,
      on_message = function(_, data, kind) got[#got + 1] = kind .. " " .. data end }
    local s = peer:accept()
    s:send("hello world", { fragments = { 2, 5 }, cuts = 1 })
    s:send("\xff\xfe", "binary", { fragments = 1 })
    s:send_raw("\x81\3abc", { 1, 3 })
    await(function() return #got == 3 end)
    assert.same({ "text hello world", "binary \xff\xfe", "text abc" }, got)
    assert.has_error(function() s:send("x", { cut = 1 }) end, "session:send: unknown option 'cut'")
    conn:close()
  end)

  it("half-closes: it says that it sends no more, and still reads", function()
    local peer <close> = testing.server()
    local _, told = connect { url = peer.url }
    peer:accept():half_close()
    await(function() return #told == 2 end)
    assert.same({ "error reset the server ended the connection without a Close frame", "close 1006" }, told)
  end)

  it("reads slowly, so that a bot meets backpressure", function()
    local clock = testing.clock()
    local peer <close> = testing.server()
    local told = {}
    local conn = ws.connect { url = peer.url, max_send_buffer = 8e6,
      on_buffer_full = function() told[#told + 1] = "full" end, on_drain = function() told[#told + 1] = "drain" end }
    local s = peer:accept()
    s:read_slowly(1e6)
    for _ = 1, 8 do assert.is_true(conn:send(("x"):rep(999900))) end
    assert.same({ nil, "send_buffer_full" }, { conn:send(("x"):rep(1e6)) })
    clock:advance(1)
    assert.is_true(#s.received <= 2)
    assert.is_true(conn.buffered_amount > 0)
    clock:advance(60)
    assert.equal(8, #s.received)
    assert.same({ "full", "drain" }, told)
    conn:destroy()
  end)

  it("keeps a record of all that came", function()
    local clock = testing.clock()
    local peer <close> = testing.server()
    local conn = ws.connect { url = peer.url }
    local s = peer:accept()
    local began = host.now()
    conn:send "one"
    clock:advance(1)
    conn:ping "p"
    clock:advance(1)
    conn:send("\0", "binary")
    conn:close(4000, "bye")
    clock:advance(1)
    local came = {}
    for _, event in ipairs(s.received) do
      came[#came + 1] = ("%g %s %q %s"):format(event.time - began, event.kind, event.data, event.code)
    end
    assert.same({ '0 text "one" nil', '1 ping "p" nil', '2 binary "\\0" nil', '2 close "bye" 4000' }, came)
    s:expect "one" -- taken or not, it is all there
    s:expect "\0"
    assert.equal(4, #s.received)
  end)

  it("is played by callbacks as well", function()
    local told = {}
    local peer <close> = testing.server {
      on_session = function(s) told[#told + 1] = s.request.path s:send "hi" end,
      on_message = function(s, data) told[#told + 1] = data if data == "bye" then s:close(4001) end end,
      on_close = function(_, code) told[#told + 1] = code end,
    }
    ws.connect { url = peer.url .. "/x", on_message = function(c, data) c:send(data:upper()) c:send "bye" end }
    await(function() return #told == 4 end)
    assert.same({ "/x", "HI", "bye", 4001 }, told)
  end)

  it("meets a bot that breaks its rules as any peer would", function()
    local peer <close> = testing.server()
    local _, told = connect { url = peer.url }
    peer:accept():send_raw "\x83\x00"
    await(function() return #told == 2 end)
    assert.matches("error protocol", told[1])
  end)

  it("has several sessions, in order, and waits for the next no longer than it is told to", function()
    local peer <close> = testing.server()
    assert.same({ nil, "timeout" }, { peer:try_accept(0.01) })
    local conns, sessions = {}, {}
    for i = 1, 3 do
      conns[i] = connect { url = peer.url .. "/" .. i }
      sessions[i] = peer:accept()
      assert.equal("/" .. i, sessions[i].request.path)
    end
    for i = 3, 1, -1 do conns[i]:send("from " .. i) end
    for i = 1, 3 do
      sessions[i]:expect("from " .. i)
      sessions[i]:drop()
    end
    await(function() return conns[1].state .. conns[2].state .. conns[3].state == ("closed"):rep(3) end)
    peer:close()
    assert.same({ nil, "closed" }, { peer:try_accept() })
  end)

  it("tells a wrong option", function()
    assert.has_error(function() testing.server { refsue = {} } end, "testing.server: unknown option 'refsue'")
  end)

  local verdicts = {
    right = "open", expired = "expired on", not_yet_valid = "not valid before", other_name = "for another name",
    unknown_issuer = "an issuer that is not trusted", self_signed = "self%-signed",
  }
  for certificate, verdict in pairs(verdicts) do
    it("speaks TLS with a certificate of its own: " .. certificate, function()
      local peer <close> = testing.server { tls = certificate }
      assert.matches("^wss://", peer.url)
      local opened
      local conn, told = connect { url = peer.url, tls = { ca_file = peer.ca_file },
        on_websocket_connect = function() opened = "open" end }
      await(function() return opened or #told == 2 end)
      assert.matches(verdict, opened or told[1])
      conn:close()
    end)
  end

  it("takes its certificate's files away", function()
    local peer = testing.server { tls = true }
    assert.is_not_nil(io.open(peer.ca_file))
    peer:close()
    assert.is_nil(io.open(peer.ca_file))
  end)
end)
