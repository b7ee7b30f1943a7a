-- WSBOT_TRACE: what happened to a connection, a reload or a task, told line by line, and nothing that lets others in.
local cjson = require "cjson"
local log = require "support.log"
local peer = require "support.peer"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"
local tls = require "support.tls"

local function it_tells(name, body)
  it(name, story.of(body))
end

-- The lines of the trace so far, with T for times that differ from run to run.
local function traced(text)
  local lines = {}
  for line in log.untimed(text):gmatch "[^\n]+" do
    lines[#lines + 1] = line:match "^trace (.*)" and line:sub(7):gsub("%+%d+%.%d+ s", "+T"):gsub("%d+%.%d+ s", "T")
  end
  return lines
end

-- Among the lines are these, in this order; in them ... stands for anything, and N for a number.
local function has(text, ...)
  local lines, at = traced(text), 0
  for _, expected in ipairs { ... } do
    local pattern = "^" .. expected:gsub("%p", "%%%0"):gsub("%%%.%%%.%%%.", ".*"):gsub("%f[%w]N%f[%W]", "%%d+") .. "$"
    repeat
      at = at + 1
      if at > #lines then
        error(("there is no line\n%s\nat its place in\n%s"):format(expected, table.concat(lines, "\n")), 2)
      end
    until lines[at]:find(pattern)
  end
end

local function lacks(text, ...)
  for _, word in ipairs { ... } do
    assert.is_nil(text:find(word, 1, true), ("%q is on stderr:\n%s"):format(word, text))
  end
end

local function start(source, args, areas, more)
  return program.bot(source, args, { env = { WSBOT_TRACE = areas, WSBOT_LOG = "off", table.unpack(more or {}) } })
end

describe("the trace of a connection", function()
  it_tells("tells of two attempts that fail, why each is followed by another, and of the one that connects", function()
    local p = peer.listen()
    local bot = start([[
      ws.connect(told { name = "feed", url = arg[1], reconnect = { min = 0.001, max = 0.001 } })
    ]], { p.url }, "conn")
    local s = p:accept()
    s:read_head()
    s:reset()
    bot:tells("connect", "~^error reset", "~^close 1006")
    s = p:accept()
    s:read_head()
    s:send(s:answer { status = "HTTP/1.1 503 No", lines = { "Content-Length: 0", "Retry-After: 0" } })
    s:close()
    bot:tells("connect", "~^error handshake", "~^close 1006")
    p:open():finish(4001)
    bot:tells("connect", "open 101", "~^close 4001")
    p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigterm"
    bot:complains "attempt 4, +"
    has(bot.err,
      "conn feed#1: closed -> waiting",
      "conn feed#1, attempt 1, +T: starting -> dialling",
      "conn feed#1, attempt 1, +T: dialling -> handshake",
      "conn feed#1, attempt 1, +T: failed (reset): the connection broke before the opening handshake was done: ...",
      "conn feed#1, attempt 1, +T: handshake -> ended",
      "conn feed#1, attempt 1, +T: retry 1 in T, after close code 1006",
      "conn feed#1, attempt 1, +T: closed -> waiting",
      "conn feed#1, attempt 2, +T: the server answers 503",
      "conn feed#1, attempt 2, +T: handshake -> refused",
      "conn feed#1, attempt 2, +T: failed (handshake): the server answered 503 ...",
      "conn feed#1, attempt 2, +T: retry 2 in T, after status 503",
      "conn feed#1, attempt 3, +T: the server answers 101",
      "conn feed#1, attempt 3, +T: handshake -> open",
      "conn feed#1, attempt 3, +T: a Close came: 4001",
      "conn feed#1, attempt 3, +T: open -> closing",
      "conn feed#1, attempt 3, +T: retry 3 in T, after close code 4001",
      "conn feed#1, attempt 4, +T: handshake -> open")
    lacks(bot.err, "trace dial", "trace task")
  end)

  it_tells("tells why there is no other attempt", function()
    for options, why in pairs {
      [""] = "no retry: reconnect is off",
      ["reconnect = { fatal = { 4001 } },"] = "no retry: gave up, close code 4001",
      ["reconnect = true,"] = "retry 1 in T, after close code 4001",
    } do
      local p = peer.listen()
      local bot = start(("ws.connect(told { url = arg[1], %s })"):format(options), { p.url }, "conn")
      p:open():finish(4001)
      bot:tells("connect", "open 101", "~^close 4001")
      bot:kill "sigterm"
      bot:wait()
      has(bot.err, "conn 127.0.0.1#1, attempt 1, +T: " .. why)
    end
  end)

  it_tells("tells where a message stays that was sent: behind a login, or with a peer who does not read", function()
    local p = peer.listen()
    local bot = start([[
      local c = ws.connect(told { url = arg[1], name = "c" })
      function c.on_websocket_connect()
        host.spawn(c.send, c, ("x"):rep(12 << 20))
        host.sleep(0.01)
      end
    ]], { p.url }, "conn")
    local s = p:open()
    s:stop_reading()
    bot:complains "the system takes no more"
    s:start_reading()
    bot:complains "the system has taken what waited"
    bot:kill "sigterm"
    s:close()
    bot:wait()
    has(bot.err,
      "conn c#1, attempt 1, +T: handshake -> open",
      "conn c#1, attempt 1, +T: queues what is sent until on_websocket_connect has returned",
      "conn c#1, attempt 1, +T: on_websocket_connect has returned: the queue goes out",
      "conn c#1, attempt 1, +T: the system takes no more: N bytes wait for the peer to read",
      "conn c#1, attempt 1, +T: the system has taken what waited")
  end)

  it_tells("tells of pings, pauses, and who closes", function()
    local p = peer.listen()
    local bot = start([[
      local c = ws.connect(told { url = arg[1], name = "c" })
      function c.on_websocket_connect() c:pause() c:resume() c:ping "p" end
      function c.on_pong() c:close() end
    ]], { p.url }, "conn")
    local s = p:open()
    s:expect(9, "p")
    s:pong "p"
    s:answer_close()
    bot:wait()
    has(bot.err,
      "conn c#1, attempt 1, +T: paused by the script",
      "conn c#1, attempt 1, +T: no longer paused by the script",
      "conn c#1, attempt 1, +T: a ping went out",
      "conn c#1, attempt 1, +T: its pong came after T",
      "conn c#1, attempt 1, +T: closed on this side: 1000",
      "conn c#1, attempt 1, +T: no retry: reconnect is off")
  end)

  it_tells("tells which addresses are tried, in which order, and which one answers", function()
    local p = peer.listen()
    local port = p.url:match ":(%d+)"
    local bot = start(([[
      ws.connect(told { name = "n", url = "ws://n.test:%s", resolve = { ["n.test"] = { "127.0.0.2", "127.0.0.1" } },
        family = 4 })
    ]]):format(port), {}, "dial")
    p:open():finish()
    bot:wait()
    has(bot.err,
      "dial n#1, attempt 1, +T: to n.test:N straight (no proxy is set)",
      "dial n#1, attempt 1, +T: 127.0.0.2:N is tried",
      "dial n#1, attempt 1, +T: 127.0.0.2:N failed: connection refused",
      "dial n#1, attempt 1, +T: 127.0.0.1:N is tried",
      "dial n#1, attempt 1, +T: 127.0.0.1:N is connected")
  end)

  it_tells("tells what was looked up", function()
    local bot = start("ws.connect(told { url = 'ws://nowhere.invalid' })", {}, "dial")
    bot:wait()
    has(bot.err,
      "dial nowhere.invalid#1, attempt 1, +T: asks for the addresses of nowhere.invalid",
      "dial nowhere.invalid#1, attempt 1, +T: IPv... of nowhere.invalid: ...")
  end)

  it_tells("tells which proxy is taken, and why, without its password", function()
    local proxy = "me:hidden@127.0.0.1:" .. peer.dead_port()
    for _, case in ipairs {
      { env = { http_proxy = proxy }, "through the proxy 127.0.0.1:N (http_proxy)" },
      { env = { ALL_PROXY = proxy }, "through the proxy 127.0.0.1:N (ALL_PROXY)" },
      { env = { http_proxy = proxy, no_proxy = "n.test" }, "straight (no_proxy)" },
      { env = { http_proxy = proxy }, option = "proxy = false", "straight (proxy = false)" },
      { env = {}, option = ("proxy = %q"):format("http://" .. proxy),
        "through the proxy 127.0.0.1:N (the option proxy)" },
    } do
      case.env.WSBOT_TRACE = "all"
      local bot = program.bot(([[
        ws.connect(told { url = "ws://n.test:1", resolve = { ["n.test"] = "127.0.0.1" }, %s })
      ]]):format(case.option or ""), {}, { env = case.env })
      bot:wait()
      has(bot.err, "dial n.test#1, attempt 1, +T: to n.test:1 " .. case[1])
      lacks(bot.err, "hidden")
    end
  end)

  it_tells("tells where a redirect leads, without what its query may hide", function()
    local p, q = peer.listen(), peer.listen()
    local bot = start("ws.connect(told { name = 'r', url = arg[1], max_redirects = 3 })", { p.url }, "all")
    local s = p:accept()
    s:read_head()
    s:send(s:answer { status = "HTTP/1.1 302 Found",
      lines = { "Content-Length: 0", "Location: " .. q.url .. "/there?token=hidden" } })
    q:open():finish()
    bot:wait()
    has(bot.err,
      "conn r#1, attempt 1, +T: the server answers 302",
      "conn r#1, attempt 1, +T: redirect 1 of at most 3, to ws://127.0.0.1:N/there..., another origin",
      "conn r#1, attempt 1, +T: handshake -> dialling",
      "conn r#1, attempt 1, +T: handshake -> open")
    lacks(bot.err, "hidden")
  end)
end)

describe("the trace of TLS", function()
  it_tells("tells why a server is refused", function()
    local t = tls.listen { cert = "self_signed" }
    local bot = tls.bot(t.url, "", "name = 'safe',", { env = { WSBOT_TRACE = "tls,conn" } })
    bot:tells("~^error tls", "~^close 1006")
    bot:wait()
    has(bot.err,
      "conn safe#1, attempt 1, +T: dialling -> tls",
      "tls safe#1, attempt 1, +T: a new context; has no session of 127.0.0.1:N",
      "tls safe#1, attempt 1, +T: refused: the certificate of 127.0.0.1 is self-signed and not trusted...",
      "conn safe#1, attempt 1, +T: failed (tls): the certificate of 127.0.0.1 is self-signed and not trusted...",
      "conn safe#1, attempt 1, +T: tls -> ended")
  end)

  it_tells("tells what was agreed on, and that a session is resumed", function()
    local t = tls.listen { args = { "-tls1_2" } }
    local bot = start([[
      local left = 2
      ws.connect(told { name = "safe", url = arg[1], tls = { ca_file = arg[2] }, close_timeout = 0.1,
        on_close = function(c) left = left - 1 if left > 0 then c:reconnect() end end })
    ]], { t.url, tls.cert "ca" }, "tls")
    for _ = 1, 2 do
      local s = t:open()
      s:send_close(1000)
      s:expect_close(1000)
      bot:tells("connect", "open 101")
    end
    bot:ends(0)
    has(bot.err,
      "tls safe#1, attempt 1, +T: a new context; has no session of 127.0.0.1:N",
      "tls safe#1, attempt 1, +T: TLS 1.2, TLS_ECDHE_..., a full handshake",
      "tls safe#1, attempt 2, +T: the context of 1 more; offers the session that it has of 127.0.0.1:N",
      "tls safe#1, attempt 2, +T: TLS 1.2, TLS_ECDHE_..., resumed")
  end)
end)

describe("the trace of a reload", function()
  it_tells("tells who asked, each step, and what becomes of each connection", function()
    local p = peer.listen()
    local script = [[
      ws.connect(told { name = "kept", url = arg[1] .. "/kept" })
      ws.connect(told { name = "moved", url = arg[1] .. "/%s" })
      ws.connect(told { name = "%s", url = arg[1] .. "/third" })
    ]]
    local bot = reloadable.start(script:format("here", "gone"), { p.url }, { env = { WSBOT_TRACE = "reload" } })
    for _ = 1, 3 do p:open() end
    for _ = 1, 6 do bot:line() end
    bot:write_script(script:format("there", "new"))
    bot:kill "sighup"
    bot:complains "info reload 1: kept 1: kept; reopened 1: moved"
    has(bot.bot.err,
      "reload 1, +T: asked for by SIGHUP",
      "reload 1, +T: the next generation is made, with what host.state has",
      "reload 1, +T: the script has run in it",
      "reload kept#1, attempt 1, +T: kept",
      "reload moved#2, attempt 1, +T: closed and opened anew, for another url",
      "reload new#N, attempt 1, +T: opened",
      "reload gone#3, attempt 1, +T: closed: it is not declared any more",
      "reload 1, +T: it has taken over, and the last generation is closed")
    bot:kill "sigterm"
  end)

  it_tells("tells that it failed", function()
    local bot = reloadable.start("say 'one' host.every(100, print)", {}, { env = { WSBOT_TRACE = "reload" } })
    bot:tells "one"
    bot:write_script "error 'not this'"
    bot:kill "sighup"
    bot:complains "error reload failed"
    has(bot.bot.err,
      "reload 1, +T: the script failed in it",
      "reload 1, +T: the next generation is thrown away",
      "reload 1, +T: failed: ...bot.lua:1: not this")
    bot:kill "sigterm"
  end)
end)

describe("the trace of tasks", function()
  it_tells("tells what they wait for, where, and how they end", function()
    local bot = start([[
      local slow = host.spawn(function()
        host.sleep(1000)
      end)
      local bad = host.spawn(function() error "oops" end)
      host.spawn(function() bad:join() slow:join(0.001) slow:cancel() end)
    ]], {}, "task")
    bot:wait()
    has(bot.err,
      "task main chunk 1, +T: begins",
      "task spawned 2, +T: calls the function at ...bot.lua:1",
      "task main chunk 1, +T: done",
      "task spawned 2, +T: begins",
      "task spawned 2, +T: waits in host.sleep at ...bot.lua:2, for 1000 s at most",
      "task spawned 3, +T: begins",
      "task spawned 3, +T: failed: ...bot.lua:4: oops",
      "task spawned 4, +T: waits in task:join at ...bot.lua:5, for T at most",
      "task spawned 4, +T: ready: its time is over",
      "task spawned 4, +T: goes on",
      "task spawned 2, +T: cancelled",
      "task spawned 4, +T: done")
  end)

  it_tells("tells which callback is called", function()
    local p = peer.listen()
    local bot = start([[
      local c = ws.connect { url = arg[1] }
      function c.on_message() host.sleep(0) end
      function c.on_close() end
    ]], { p.url }, "task")
    local s = p:open()
    s:text "hello"
    s:finish()
    bot:wait()
    has(bot.err,
      "task callback N, +T: begins",
      "task callback N, +T: calls on_message at ...bot.lua:2",
      "task callback N, +T: waits in host.sleep at ...bot.lua:2, for 0 s at most",
      "task callback N, +T: ready: its time is over",
      "task callback N, +T: calls on_close at ...bot.lua:3",
      "task callback N, +T: done")
  end)
end)

describe("WSBOT_TRACE", function()
  it_tells("lets no control byte out, and nothing of the url that lets others in", function()
    local p = peer.listen()
    local bot = start([[
      ws.connect(told { name = "a\27[31mb\8", url = arg[1], headers = { ["X-Key"] = "hidden", Cookie = "hidden" },
        protocols = "hidden0123456789abcdefABCDEF0123456789" })
    ]], { (p.url:gsub("//", "//somebody:hidden@")) .. "/feed?key=hidden" }, "all")
    p:open { with = { "Sec-WebSocket-Protocol: hidden0123456789abcdefABCDEF0123456789" } }:finish(4000, "hidden")
    bot:wait()
    assert.matches("handshake %-> open\n", bot.err)
    for line in bot.err:gmatch "trace conn ([^\n]*)" do assert.matches([[^a\x1b%[31mb\x08#1[:,] ]], line) end
    lacks(bot.err, "hidden", "\27", "\8", "somebody")
  end)

  it_tells("is nothing where it is not set, or empty", function()
    for _, value in ipairs { false, "" } do
      local bot = program.bot([[
        host.spawn(function() host.sleep(0) end)
        ws.connect { url = arg[1], on_error = print }
      ]], { "ws://127.0.0.1:" .. peer.dead_port() }, { env = { WSBOT_TRACE = value } })
      bot:wait()
      assert.equal("", bot.err)
    end
  end)

  it_tells("takes several words, with spaces, whatever WSBOT_LOG says, and as JSON", function()
    local bot = program.bot("host.spawn(print)", {},
      { flags = { "--log-format", "json" }, env = { WSBOT_TRACE = " conn , task", WSBOT_LOG = "error" } })
    bot:wait()
    local first = cjson.decode(bot.err:match "[^\n]+")
    assert.equal("trace", first.level)
    assert.matches("^task main chunk 1, %+0%.%d+ s: begins$", first.message)
  end)

  it_tells("refuses a word that it does not know, and lists those that it does", function()
    for _, line in ipairs { { "-e", "print 'never'" }, { "test", "nowhere" }, { "check", "x.lua" } } do
      local bot = program.run(line, { env = { WSBOT_TRACE = "conn,di\27al" } })
      bot:ends(2)
      assert.equal("wsbot: WSBOT_TRACE: 'di\\x1bal' is not known; it takes conn, tls, dial, reload, task, parted by "
        .. "commas, or all\n", bot.err)
    end
  end)
end)
