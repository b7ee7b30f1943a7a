-- The life of a connection as its script sees it: events and their order, callbacks, fields, and what a script may
-- ask of it.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

describe("the events of a connection", function()
  it_tells("come as connect, open, messages and close", function()
    local p = peer.listen()
    local bot = program.bot([[ws.connect(told { url = arg[1] })]], { p.url })
    local s = p:open()
    s:text "hello"
    s:binary "\0\1\255"
    s:ping "are you there"
    s:expect(0xA, "are you there")
    s:pong "unasked"
    s:finish(1000, "bye")
    bot:tells("connect", "open 101", 'text "hello"', [[binary "\x00\x01\xff"]], 'ping "are you there"',
      'pong "unasked"', 'close 1000 "bye"')
    bot:ends(0)
  end)

  it_tells("start on the next turn of the loop, so callbacks may be set on what ws.connect returns", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1] }
      say("returned", conn.state)
      told(conn)
      say "end of script"
    ]], { p.url })
    p:open():finish()
    bot:tells("returned connecting", "end of script", "connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("reach callbacks that were replaced, and none that were taken away", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1], on_connect = false or nil })
      conn.on_connect = nil
      conn.on_message = function(c, data)
        say("first", data)
        c.on_message = function(_, again) say("second", again) end
      end
    ]], { p.url })
    local s = p:open()
    s:send("\x81\x01a\x81\x01b\x81\x01c") -- in one segment
    bot:tells("open 101", "first a", "second b", "second c")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)

  it_tells("give the connection first, and callbacks may be read back", function()
    local p = peer.listen()
    local bot = program.bot([[
      local f = function(c, data) say(data, c == conn, rawequal(c, conn)) end
      conn = ws.connect { url = arg[1], on_message = f }
      say(conn.on_message == f, conn.on_close)
    ]], { p.url })
    local s = p:open()
    s:text "x"
    bot:tells("true nil", "x true true")
    s:finish()
    bot:ends(0)
  end)

  it_tells("are one on_error and then one on_close when nobody listens", function()
    local port = peer.dead_port()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_close = function(_, code, reason, record)
        say("close", code, show(reason), record.phase, record.error, record.message == message, record.attempt)
        host.after(0.05, function() say "later" end)
      end, on_error = function(_, code, text) message = text say("error", code, text) end })
    ]], { "ws://127.0.0.1:" .. port })
    bot:tells("~^error connect .*127%.0%.0%.1:" .. port, 'close 1006 "" connect connect true 1', "later")
    bot:ends(0)
  end)

  it_tells("name a host that is not found as a dns error", function()
    local bot = program.bot [[
      ws.connect(told { url = "ws://no-such-host.invalid/", on_close = function(_, code, _, record)
        say("close", code, record.phase, record.error)
      end })
    ]]
    bot:tells("~^error dns .*no%-such%-host%.invalid", "close 1006 dns dns")
    bot:ends(0)
  end)

  it_tells("are told of on stderr when nobody listens for errors", function()
    local bot = program.bot([[ws.connect { url = arg[1] }]], { peer.dead_url() })
    bot:ends(0)
    assert.matches("connect", bot.err)
  end)

  it_tells("tell in the record of the close how it went", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_close = function(_, code, reason, record)
        say(code, reason, record.phase, record.error, record.message, record.sent, record.attempt, record.uptime > 0)
      end }
    ]], { p.url })
    p:open():finish(3001, "enough")
    bot:tells "3001 enough open nil nil 3001 1 true"
    bot:ends(0)
  end)
end)

describe("messages", function()
  it_tells("that come before there is an on_message are held and then delivered in order", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn
      conn = ws.connect { url = arg[1], on_ping = function()
        say "listening"
        conn.on_message = function(_, data, kind) say(kind, data) end
      end }
    ]], { p.url })
    local s = p:open()
    s:text "one"
    s:binary "two"
    s:text "three"
    s:ping "now"
    s:expect(0xA, "now")
    s:text "four"
    bot:tells("listening", "text one", "binary two", "text three", "text four")
    s:finish()
    bot:ends(0)
  end)

  it_tells("are held up to max_receive_buffer; then the socket is not read, and nothing is lost", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], max_receive_buffer = 1000, on_close = function() say "close" end }
      local n, bytes = 0, 0
      io.stdin:setvbuf "no"
      host.after(0.1, function()
        conn.on_message = function(_, data)
          n, bytes = n + 1, bytes + #data
          if n == 4000 then say(n, bytes) end
        end
      end)
    ]], { p.url })
    local s = p:open()
    for _ = 1, 4000 do
      s:post("\x82\x7e\x04\x00" .. ("m"):rep(1024))
    end
    bot:tells "4000 4096000"
    s:finish()
    bot:tells "close"
    bot:ends(0)
  end)

  it_tells("sent before the handshake is done are queued in order, behind those of on_websocket_connect", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1], on_connect = function(c) say(c:send "second") end })
      say(conn:send "first")
      say(conn:send_binary "bin")
      conn.on_websocket_connect = function(c) say(c:send "third") end
    ]], { p.url })
    local s = p:accept()
    s:read_head()
    bot:tells("true", "true", "true")
    assert.equal("", s.input)
    s:send(s:answer())
    s:expect_text "third"
    s:expect_text "first"
    s:expect_binary "bin"
    s:expect_text "second"
    s:finish()
  end)

  it_tells("are text or binary as binary_type, or the call, says", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], binary_type = ws.ARRAYBUFFER, on_websocket_connect = function(c)
        c:send "1"
        c:send("2", "text")
        c:send_text "3"
        c:send_binary "4"
      end }
      ws.connect { url = arg[2], binary_type = "blob", on_websocket_connect = function(c)
        c:send "1"
        c:send("2", "binary")
      end }
      say(ws.BLOB, ws.ARRAYBUFFER)
    ]], { p.url, p.url .. "/blob" })
    local s, t = p:accept(), p:accept()
    s:read_head()
    t:read_head()
    if s.request.target == "/blob" then
      s, t = t, s
    end
    s:send(s:answer())
    t:send(t:answer())
    s:expect_binary "1"
    s:expect_text "2"
    s:expect_text "3"
    s:expect_binary "4"
    t:expect_text "1"
    t:expect_binary "2"
    s:finish()
    t:finish()
    bot:tells "blob arraybuffer"
    bot:ends(0)
  end)
end)

describe("large messages", function()
  local large = ([[
    local function large(n, size) return ("%d\u{e9}"):format(n):rep(size // 3) end
  ]]):gsub("^%s+", "")
  local make = assert(load(large .. " return large"))()
  local sizes = { 49152, 66000, 300000, 1200000, 99 }

  local function text_frame(text)
    local n = #text
    return "\x81" .. (n < 126 and string.char(n) or n < 65536 and "\x7e" .. (">I2"):pack(n)
      or "\x7f" .. (">I8"):pack(n)) .. text
  end

  -- Twice all sizes, one after another.
  local function send_all(s)
    for n = 1, 2 * #sizes do
      s:post(text_frame(make(n % 10, sizes[(n - 1) % #sizes + 1])))
    end
  end

  local function comes_whole(what, on_message)
    it_tells(what, function()
      local p = peer.listen()
      local bot = program.bot(large .. [[
        local sizes, n = { ]] .. table.concat(sizes, ", ") .. [[ }, 0
        local function check(data)
          n = n + 1
          local right = data == large(n % 10, sizes[(n - 1) % #sizes + 1])
          if not right then say("wrong", n, #data) end
          if n == 2 * #sizes then say "done" end
        end
        ]] .. on_message, { p.url })
      local s = p:open()
      send_all(s)
      bot:tells "done"
      s:finish()
      bot:ends(0)
    end)
  end

  comes_whole("come whole, among small ones", [[
    ws.connect { url = arg[1], on_message = function(_, data) check(data) end }]])
  comes_whole("wait for a callback that waits", [[
    ws.connect { url = arg[1], on_message = function(_, data) host.sleep(0.001) check(data) end }]])
  comes_whole("are held by a pause", [[
    ws.connect { url = arg[1], max_receive_buffer = 1000, on_message = function(c, data)
      check(data)
      c:pause()
      host.after(0.001, function() c:resume() end)
    end }]])
  comes_whole("wait to be received", [[
    local conn = ws.connect { url = arg[1] }
    host.spawn(function() for data in conn:messages() do check(data) end end)]])
  comes_whole("survive the collector, each for as long as it is used", [[
    local kept = {}
    ws.connect { url = arg[1], on_message = function(_, data)
      kept[#kept + 1] = data
      collectgarbage()
      if #kept == 2 * #sizes then for _, each in ipairs(kept) do check(each) end end
    end }]])

  it_tells("that are not UTF-8 fail as small ones do", function()
    local p = peer.listen()
    local bot = program.bot("ws.connect(told { url = arg[1] })", { p.url })
    local s = p:open()
    s:post("\x81\x7f" .. (">I8"):pack(70000) .. ("x"):rep(69999) .. "\xff")
    bot:tells("connect", "open 101", "~^error invalid_utf8 ")
    s:expect_close(1007)
    s:close()
    bot:tells "~^close 1006 "
    bot:ends(0)
  end)

  it_tells("are an error of the callback where the script has no memory for them", function()
    local p = peer.listen()
    local bot = program.bot([[
      local fill = ("x"):rep(3000000)
      ws.connect { url = arg[1], on_message = function(_, data)
          if #data > 10 then data = data .. fill end
          say(#data, data:sub(1, 5))
        end,
        on_error = function(_, code, message) say(code, message:match "not enough memory" or message) end }
    ]], { p.url }, { flags = { "--max-memory", "8" } })
    local s = p:open()
    for _ = 1, 3 do
      s:post("\x82\x7f" .. (">I8"):pack(2000000) .. ("x"):rep(2000000))
      s:text "after"
      bot:tells("callback not enough memory", "5 after")
    end
    s:finish()
    bot:ends(0)
  end)
end)

describe("the fields of a connection", function()
  it_tells("and its methods stay what they are, however often it sends", function()
    local p = peer.listen()
    local bot = program.bot([[
      local other = ws.connect { url = "ws://127.0.0.1:1/", on_error = function() end }
      local busy
      last = setmetatable({}, { __gc = function() say(pcall(busy.send, busy, "late")) end }) -- after busy's own
      busy = ws.connect { url = arg[1], name = "busy", on_websocket_connect = function(c)
        local first, text = c.send, tostring(c)
        c.mine = 1
        for n = 1, 300 do assert(c:send(tostring(n))) end
        say(c.name, c.mine, c.nothing, c.state, c.messages_out, c.send == first, c.close == other.close)
        say(tostring(c) == text, c == c, c ~= other, type(c))
        c.mine, c.on_ping = 2, function(c, data) say("ping", data, c.mine) end
        say(c.mine, type(c.on_ping), other.on_ping)
        say(pcall(function() c.url = "x" end))
        say(pcall(function() c.send = 1 end))
        say(pcall(c.send, 1, "x"))
        say(pcall(c.send, io.stdout, "x"))
        say(pcall(c.send, c, {}))
      end }
    ]], { p.url })
    local s = p:open()
    for n = 1, 300 do s:expect_text(tostring(n)) end
    bot:tells("busy 1 nil open 300 true true", "true true true userdata", "2 function nil",
      "~^false .*'url' of a connection can be read",
      "~^false .*send must be a function or something callable, or nil, not number",
      "~^false bad argument #1 .*ws.connection expected, got number",
      "~^false bad argument #1 .*ws.connection expected, got FILE",
      "~^false bad argument #2 .*string expected, got table")
    s:ping "x"
    s:expect(0xA, "x")
    bot:tells "ping x 2"
    s:finish()
    bot:tells "~^false ws.connection is gone"
    bot:ends(0)
  end)

  it_tells("tell what and where it is", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn
      conn = ws.connect { url = arg[1], name = "feed", protocols = { "v1.chat", "v2.chat" },
        on_connect = function(c) say("connect", c.state, c.remote_address, c.local_address ~= nil) end,
        on_websocket_connect = function(c, r) say("open", c.state, c.protocol, r.protocol) end,
        on_message = function(c)
          c:send "12345"
          c:close()
          say("closing", c.state, c.messages_in, c.messages_out, c.bytes_in > 0, c.bytes_out > 0)
        end,
        on_close = function(c) say("closed", c.state) end }
      say(conn.name, conn.url, math.type(conn.id), conn.state, conn.protocol, conn.bytes_in, conn.bytes_out)
      say(conn.messages_in, conn.messages_out, conn.buffered_amount)
    ]], { p.url .. "/path?x=1" })
    local s = p:open { with = { "Sec-WebSocket-Protocol: v2.chat" } }
    assert.equal("/path?x=1", s.request.target)
    s:text "go"
    s:expect_text "12345"
    s:answer_close()
    bot:tells("feed " .. p.url .. "/path?x=1 integer connecting nil 0 0", "0 0 0",
      "connect connecting " .. p.address .. " true", "open open v2.chat v2.chat", "closing closing 1 1 true true",
      "closed closed")
    bot:ends(0)
  end)

  it_tells("show a script the name of their metatable alone, however often they are used", function()
    local bot = program.bot([[
      local conn = ws.connect { url = "ws://127.0.0.1:1/", on_error = function() end }
      say(getmetatable(conn), debug.getmetatable(conn))
      for _ = 1, 200 do assert(conn.send) end
      say(getmetatable(conn), debug.getmetatable(conn))
      for _ = 1, 200 do assert(conn.state == "connecting" and conn.send_text and not conn.greet) end
      say(pcall(setmetatable, conn, nil))
      host.stop()
    ]])
    bot:tells("ws.connection ws.connection", "ws.connection ws.connection", "~^false .*table expected")
    bot:ends(0)
  end)

  it_tells("differ in id, and cannot be set", function()
    local bot = program.bot([[
      local a, b = ws.connect { url = "ws://127.0.0.1:1/" }, ws.connect { url = "ws://127.0.0.1:1/" }
      say(a.id ~= b.id)
      for _, name in ipairs { "url", "id", "state", "protocol", "bytes_in", "remote_address", "send" } do
        local ok, message = pcall(function() a[name] = "x" end)
        say(ok, message:find(name, 1, true) ~= nil)
      end
      host.stop()
    ]])
    bot:tells("true", "false true", "false true", "false true", "false true", "false true", "false true", "false true")
    bot:ends(0)
  end)

  it_tells("may be a script's own too", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1],
        on_message = function(c) c.count = c.count + 1 say(c.count, c.room.name, c[1]) end })
      conn.count, conn.room, conn[1] = 0, { name = "lobby" }, "one"
      collectgarbage()
    ]], { p.url })
    local s = p:open()
    s:text "x"
    s:text "x"
    s:finish()
    bot:tells("connect", "open 101", "1 lobby one", "2 lobby one", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("count what waits to be sent in buffered_amount", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn
      conn = ws.connect { url = arg[1], on_websocket_connect = function(c)
        c:send(("x"):rep(1000))
        say(c.buffered_amount >= 1000)
      end, on_message = function(c) say(c.buffered_amount) end }
    ]], { p.url })
    local s = p:open()
    s:expect(1)
    s:text "got it"
    bot:tells("true", "0")
    s:finish()
    bot:ends(0)
  end)

  it_tells("hold a connection's response: status, reason, headers in any case, the head as received", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_websocket_connect = function(_, r)
        say(r.status, r.reason, r.headers["x-room"], r.headers["X-Room"], r.headers["X-ROOM"], r.headers.nothing)
        say(r.protocol, r.extensions, tostring(r):match "^HTTP/1.1 101 Sure thing\r\n" ~= nil,
          tostring(r):find "X%-Room: 7" ~= nil)
      end }
    ]], { p.url })
    p:open({ status = "HTTP/1.1 101 Sure thing", with = { "X-Room: 7" } }):finish()
    bot:tells("101 Sure thing 7 7 7 nil", "nil nil true true")
    bot:ends(0)
  end)
end)

describe("url and headers as functions", function()
  it_tells("are called anew for each attempt", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect {
        url = function() n = n + 1 return arg[1] .. "/" .. n end,
        headers = function() return { ["X-Token"] = "token-" .. n } end,
        on_close = function(c, _, _, record)
          say(c.url, record.attempt)
          if n < 3 then c:reconnect(0.01) end
        end,
      }
    ]], { p.url })
    for n = 1, 3 do
      local s = p:open()
      assert.equal("/" .. n, s.request.target)
      assert.same({ "token-" .. n }, s.request.headers["x-token"])
      s:finish()
      bot:tells(("%s/%d %d"):format(p.url, n, n))
    end
    bot:ends(0)
  end)

  it_tells("that fail, or return rubbish, end the attempt with an error and a close", function()
    local bot = program.bot([[
      ws.connect(told { url = function() error "no token today" end })
      ws.connect(told { url = function() return "http://example.org" end })
      ws.connect(told { url = "ws://127.0.0.1:1", headers = function() return { Upgrade = "x" } end })
    ]])
    local lines = {}
    for line in bot.line, bot do
      lines[#lines + 1] = line
      if #lines == 6 then break end
    end
    table.sort(lines)
    assert.same({ 'close 1006 ""', 'close 1006 ""', 'close 1006 ""' }, { lines[1], lines[2], lines[3] })
    local all = table.concat(lines, "\n")
    assert.matches("error callback .-bot.lua:1: no token today", all)
    assert.matches("error callback .-http://example.org", all)
    assert.matches("error callback .-Upgrade", all)
    bot:ends(0)
  end)
end)

describe("reconnect", function()
  it_tells("in on_close makes the next attempt, after the seconds that are given", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect(told { url = arg[1], on_close = function(c, code, _, record)
        n = n + 1
        say("close", code, record.attempt, c.state)
        if n < 3 then
          c:reconnect(n == 1 and 0.05 or nil)
          say(c.state)
        end
      end })
    ]], { p.url })
    p:open():finish()
    bot:tells("connect", "open 101", "close 1000 1 closed", "waiting")
    p:open():finish(1001)
    bot:tells("connect", "open 101", "~^close 1001 2 closed", "~^[cw]")
    p:open():finish(1002)
    bot:tells("connect", "open 101", "close 1002 3 closed")
    bot:ends(0)
  end)

  it_tells("is taken back by cancel_reconnect, and then the program ends", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_close = function(c)
        c:reconnect(3600)
        say(c.state)
        host.after(0.01, function()
          c:cancel_reconnect()
          say(c.state)
        end)
      end })
    ]], { p.url })
    p:open():finish()
    bot:tells("connect", "open 101", "waiting", "closed")
    bot:ends(0)
    assert.equal(1, p.count)
  end)

  it_tells("is ended by close too, and close calls nothing more", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_close = function(c)
        say "close"
        c:reconnect(3600)
        c:close()
        say(c.state)
      end })
    ]], { p.url })
    p:open():finish()
    bot:tells("connect", "open 101", "close", "closed")
    bot:ends(0)
  end)

  it_tells("queues what is sent while it waits with queue = \"always\" alone", function()
    local p = peer.listen()
    local bot = program.bot([[
      local again = true
      ws.connect { url = arg[1], queue = "always", on_close = function(c)
        if not again then return end
        again = false
        c:reconnect(0.02)
        say(c:send "from between")
      end }
    ]], { p.url })
    p:open():finish()
    local s = p:open()
    s:expect_text "from between"
    s:finish()
    bot:tells "true"
    bot:ends(0)
  end)

  it_tells("works as well after the connection could not be made", function()
    local p = peer.listen()
    local bot = program.bot([[
      local urls = { arg[1], arg[2] }
      local n = 0
      ws.connect(told { url = function() n = n + 1 return urls[n] end, on_close = function(c, code)
        say("close", code)
        if n == 1 then c:reconnect() end
      end })
    ]], { peer.dead_url(), p.url })
    p:open():finish()
    bot:tells("~^error connect", "close 1006", "connect", "open 101", "close 1000")
    bot:ends(0)
  end)

  it_tells("on an open connection closes it first: at most one attempt at a time", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect(told { url = arg[1], on_websocket_connect = function(c)
        n = n + 1
        say("open", n)
        if n == 1 then c:reconnect() end
      end })
    ]], { p.url })
    local s = p:open()
    assert.equal(1000, s:answer_close())
    p:open():finish()
    bot:tells("connect", "open 1", 'close 1000 ""', "connect", "open 2", 'close 1000 ""')
    bot:ends(0)
  end)
end)

describe("close and destroy", function()
  it_tells("while connecting end the attempt with one on_close and no error", function()
    local p = peer.listen()
    local bot = program.bot([[
      local a = ws.connect(told { url = arg[1] .. "/a" })
      a:close()
      say(a.state)
      local b = ws.connect(told { url = arg[1] .. "/b",
        on_connect = function(c) say "b connect" c:close(1001, "no") end })
    ]], { p.url })
    local s = p:accept()
    s:read_end()
    bot:tells("closed", 'close 1006 ""', "b connect", 'close 1006 ""')
    bot:ends(0)
  end)

  it_tells("while the answer to the handshake is awaited end it too", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect(told { url = arg[1] })
      host.on_stop(function() say "stop" end)
      c.on_connect = function() host.after(0.02, function() c:destroy() say(c.state, c:send "x") end) end
    ]], { p.url })
    local s = p:accept()
    s:read_head()
    s:read_end()
    bot:tells("closed nil closed", 'close 1006 ""')
    bot:ends(0)
  end)

  it_tells("differ: destroy sends no Close frame", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function(c)
        c:destroy()
        say(c.state)
        c:destroy()
        say(c:send "x")
      end, on_close = function(_, code, _, record) say("close", code, record.sent, record.error) end })
    ]], { p.url })
    local s = p:open()
    s:text "go"
    s:text "and more"
    local _, rest = s:read_end()
    assert.equal("", rest)
    bot:tells("connect", "open 101", "closed", "nil closed", "close 1006 nil nil")
    bot:ends(0)
  end)

  it_tells("may be called twice", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_websocket_connect = function(c)
        say(c:close(4000, "first"))
        say(c.state)
        c:close(4001, "second")
        say(c:send "late")
      end })
    ]], { p.url })
    local s = p:open()
    assert.same({ 4000, "first" }, { s:answer_close() })
    bot:tells("connect", "true", "closing", "nil closed", 'close 4000 "first"')
    bot:ends(0)
  end)
end)

describe("pause", function()
  it_tells("holds messages, and the socket is not read, until resume", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1] })
      conn.on_message = function(c, data)
        say(data)
        if data == "stop" then
          c:pause()
          host.after(0.05, function() say "resume" c:resume() end)
        end
      end
    ]], { p.url })
    local s = p:open()
    s:send "\x81\x01a\x81\x04stop\x81\x01b\x81\x01c"
    s:text "d"
    s:finish(1000)
    bot:tells("connect", "open 101", "a", "stop", "resume", "b", "c", "d", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("does not keep the script from closing", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function(c, data)
        say(data)
        c:pause()
        host.after(0.02, function() c:close(4000, "enough") end)
      end })
    ]], { p.url })
    local s = p:open()
    s:send "\x81\x03one\x81\x03two"
    s:expect_close(4000, "enough")
    s:text "three"
    s:send_close(4001, "all right")
    s:close()
    bot:tells("connect", "open 101", "one", 'close 4001 "all right"')
    bot:ends(0)
  end)

  it_tells("makes the peer wait", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect { url = arg[1], on_websocket_connect = function(c)
        c:pause()
        conn = c
        say "paused"
      end, on_message = function(_, data) n = n + #data if n == 32 << 20 then say "all" end end }
      for line in io.lines() do end
      host.after(0, function() end)
    ]], { p.url }, { stdin = "" })
    local s = p:open()
    local written = 0
    local chunk = "\x82\x7f" .. (">I8"):pack(1 << 20) .. ("z"):rep(1 << 20)
    for _ = 1, 32 do
      s.transport.write(chunk, function()
        written = written + 1
      end)
    end
    bot:tells "paused"
    story.pause(0.3)
    assert.is_true(written < 32, "a paused bot has taken 32 MB")
    bot:kill "sigkill"
    bot:wait()
  end)
end)

describe("pings", function()
  it_tells("are sent by ping, and their pong comes with the seconds it took", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_websocket_connect = function(c) say(c.latency, c:ping "mark", c:ping()) end,
        on_pong = function(c, data, seconds)
          say("pong", show(data), seconds and seconds >= 0 and seconds < 60, c.latency and c.latency >= 0)
        end })
    ]], { p.url })
    local s = p:open()
    s:expect(0x9, "mark")
    s:expect(0x9, "")
    s:pong "mark"
    s:pong ""
    s:finish()
    bot:tells("connect", "nil true true", '~^pong "mark"', '~^pong "" true true', 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("go out every ping_interval seconds", function()
    local p = peer.listen()
    local bot = program.bot([[ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 30 })]], { p.url })
    local s = p:open()
    for _ = 1, 4 do
      local f = s:expect(0x9)
      s:pong(f.payload)
    end
    s:send_close(1000)
    local f
    repeat
      f = s:read_frame()
    until f.opcode ~= 0x9
    assert.equal(0x8, f.opcode)
    s:close()
    bot:tells("connect", "open 101", "~^pong", "~^pong", "~^pong", "~^pong", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("that are never answered end the connection as ping_timeout", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 0.2 })
    ]], { p.url })
    local s = p:open()
    s:expect(0x9)
    bot:tells("connect", "open 101", "~^error ping_timeout", 'close 1006 ""')
    bot:ends(0)
    s:close()
  end)

  it_tells("count anything received as a pong", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 5, on_message = function(c)
        n = n + 1
        if n == 6 then c:close() end
      end })
    ]], { p.url })
    local s = p:open()
    for _ = 1, 6 do
      s:expect(0x9)
      s:text "alive"
    end
    local f
    repeat
      f = s:read_frame()
    until f.opcode == 0x8
    s:send_close(1000)
    s:close()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("of the peer are answered by the host itself, with the same bytes", function()
    local p = peer.listen()
    local bot = program.bot([[ws.connect { url = arg[1] }]], { p.url })
    local s = p:open()
    for _, data in ipairs { "", "x", ("y"):rep(125), "\0\255" } do
      s:ping(data)
      s:expect(0xA, data)
    end
    s:finish()
    bot:ends(0)
  end)
end)

describe("a connection goes", function()
  it_tells("over IPv6", function()
    local p = peer.listen { host = "::1" }
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_connect = function(c) say(c.remote_address) end })
    ]], { p.url })
    local s = p:open()
    assert.same({ p.address }, s.request.headers.host)
    s:finish()
    bot:tells(p.address, "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("over a Unix socket", function()
    local p = peer.listen { socket = true }
    local bot = program.bot([[ws.connect(told { url = arg[1] })]], { p.url .. ":/chat?room=1" })
    local s = p:open()
    assert.equal("/chat?room=1", s.request.target)
    assert.same({ "localhost" }, s.request.headers.host)
    s:text "hello"
    s:finish()
    bot:tells("connect", "open 101", 'text "hello"', 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("over a Unix socket whose path is all there is", function()
    local p = peer.listen { socket = true }
    local bot = program.bot([[ws.connect(told { url = arg[1] })]], { p.url })
    local s = p:open()
    assert.equal("/", s.request.target)
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("nowhere when the Unix socket is not there", function()
    local bot = program.bot([[ws.connect(told { url = "ws+unix:///nowhere/at/all.sock:/" })]])
    bot:tells("~^error connect .*/nowhere/at/all%.sock", 'close 1006 ""')
    bot:ends(0)
  end)

  it_tells("from local_address", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], local_address = "127.0.0.2", on_connect = function(c) say(c.local_address) end })
    ]], { p.url })
    local s = p:open()
    local from = s.stream:getpeername()
    assert.equal("127.0.0.2", from.ip)
    s:finish()
    bot:tells("127.0.0.2:" .. from.port, "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("to the address of a name that answers", function()
    local p = peer.listen() -- on IPv4 only, while localhost may be ::1 first
    local bot = program.bot([[ws.connect(told { url = arg[1] })]], { "ws://localhost:" .. p.port })
    local s = p:open()
    assert.same({ "localhost:" .. p.port }, s.request.headers.host)
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)
end)

describe("connections", function()
  it_tells("that a script drops keep living, with their callbacks", function()
    local p = peer.listen()
    local bot = program.bot([[
      do ws.connect(told { url = arg[1], on_message = function(_, data) collectgarbage() say(data) end }) end
      collectgarbage()
      collectgarbage()
    ]], { p.url })
    local s = p:open()
    s:text "still here"
    bot:tells("connect", "open 101", "still here")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)

  it_tells("do not wait for each other", function()
    local p = peer.listen()
    local bot = program.bot([[
      for n = 1, 20 do
        ws.connect { url = arg[1] .. "/" .. n, on_message = function(_, data) say(n, data) end }
      end
    ]], { p.url })
    local sessions = {}
    for n = 1, 20 do
      sessions[n] = p:open()
    end
    for n = 20, 1, -1 do
      local s = sessions[n]
      s:text "hi"
      bot:tells(s.request.target:sub(2) .. " hi")
    end
    for n = 1, 20 do
      sessions[n]:finish()
    end
    bot:ends(0)
  end)
end)

describe("timers", function()
  it_tells("run after and every so many seconds, until they are cancelled", function()
    local bot = program.bot([[
      local n, every = 0
      every = host.every(0.01, function()
        n = n + 1
        say("every", n)
        if n < 3 then return end
        every:cancel()
        local never = host.after(3600, function() say "never" end)
        host.after(0.1, function() say "after" never:cancel() end)
      end)
      host.after(0, function() say "at once" end)
      say "script"
    ]])
    bot:tells("script", "at once", "every 1", "every 2", "every 3", "after")
    bot:ends(0)
  end)

  it_tells("run in the order of their time, and host.now goes on with it", function()
    local bot = program.bot([[
      local from = host.now()
      host.after(0.06, function() say("third", host.now() - from >= 0.06) end)
      host.after(0.04, function() say("second", host.now() - from >= 0.04) end)
      host.after(0.02, function() say("first", host.now() - from >= 0.02) end)
      say(math.abs(host.time() - os.time()) < 2, math.type(host.time()), math.type(host.now()))
    ]])
    bot:tells("true float float", "first true", "second true", "third true")
    bot:ends(0)
  end)

  it_tells("refuse what is no time or no function", function()
    local bot = program.bot([[
      for _, f in ipairs { function() host.after(-1, print) end, function() host.after("soon", print) end,
        function() host.after(1) end, function() host.every(0, print) end } do
        local ok, message = pcall(f)
        say(ok, message:match "^.-bot%.lua:%d+:" ~= nil)
      end
    ]])
    bot:tells("false true", "false true", "false true", "false true")
    bot:ends(0)
  end)
end)
