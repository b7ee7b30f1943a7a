-- Proxies: the ways through them, who asks for them, and what a bot is told of those that refuse, fall silent or lie.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local proxies = require "support.proxies"
local reloadable = require "support.reloadable"
local story = require "support.story"
local tls = require "support.tls"

-- A bot that connects to `url` by `proxy` (nil: as the environment says) and tells of everything. options: env,
-- flags, more (options of ws.connect, as source; CA is the path of the CA's certificate).
local function start(url, proxy, options)
  options = options or {}
  return program.bot(([[
    local CA = arg[3]
    ws.connect(told { url = arg[1], proxy = arg[2] ~= "" and arg[2] or nil, %s
      on_error = function(_, code, message) say("error", code, message) end,
      on_close = function(_, code, _, record) say("close", code, record.phase, record.error) end })
  ]]):format(options.more or ""), { url, proxy or "", tls.cert "ca" }, options)
end

-- The conversation of a bot that was let through.
local function converses(bot, s)
  s:text "hello"
  bot:tells("connect", "open 101", 'text "hello"')
  s:finish(1000)
  bot:tells "close 1000 open nil"
  bot:ends(0)
end

-- Waits for the end of what a bot says when its proxy fails it: a fault of this kind, and a text with these patterns.
local function fails(bot, kind, phase, ...)
  local line = bot:line()
  assert.matches("^error " .. kind .. " ", line)
  for _, pattern in ipairs { ... } do
    assert.matches(pattern, line)
  end
  bot:tells(("close 1006 %s %s"):format(phase, kind))
  bot:ends(0)
  assert.falsy((line .. bot.err):find("secret", 1, true))
end

------------------------------------------------------------------------------------------------------------ real ones

-- What ways there are: each starts its proxy and returns its url, and more options for the bot.
local ways = {
  ["tinyproxy"] = function()
    return (proxies.tinyproxy())
  end,
  ["tinyproxy, which asks for a password"] = function()
    return (proxies.tinyproxy { login = "me:pass" })
  end,
  ["stunnel and tinyproxy"] = function()
    local _, port = proxies.tinyproxy()
    return proxies.stunnel(port), "tls = { ca_file = CA },"
  end,
  ["Dante"] = function()
    return "socks5h://" .. proxies.dante(1)
  end,
  ["Dante, with names looked up here"] = function()
    return "socks5://" .. proxies.dante(1)
  end,
  ["microsocks"] = function()
    return "socks5h://" .. proxies.microsocks()
  end,
  ["microsocks, which asks for a password"] = function()
    return "socks5://" .. proxies.microsocks "me:pass"
  end,
}

describe("a connection", function()
  for name, way in pairs(ways) do
    it_tells("goes through " .. name, function()
      local proxy, more = way()
      local p = peer.listen()
      converses(start("ws://localhost:" .. p.port, proxy, { more = more }), p:open())
    end)

    it_tells("goes through " .. name .. ", with TLS inside", function()
      local t = tls.listen()
      converses(start(t.url, (way()), { more = "tls = { ca_file = CA }," }), t:open())
    end)
  end

  -- An echo peer at `url`, far more than the buffers hold at once, and a bot that waits now and then.
  local function brings_large_messages(url, proxy)
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], proxy = arg[2], tls = { ca_file = arg[3] }, compression = false,
        max_receive_buffer = 100000 }
      local sent = {}
      for i = 1, 40 do
        sent[i] = ("%03d"):format(i):rep(100000)
        conn:send(sent[i])
      end
      for i = 1, 40 do
        assert(conn:receive(30) == sent[i], i)
        if i % 10 == 0 then host.sleep(0.01) end
      end
      conn:close()
      say "all of them"
    ]], { url, proxy, tls.cert "ca" })
    bot:tells "all of them"
    bot:ends(0)
  end

  it_tells("brings large messages through TLS with the proxy", function()
    local _, port = proxies.tinyproxy()
    brings_large_messages(program.echo().url, proxies.stunnel(port))
  end)

  it_tells("brings large messages through two layers of TLS", function()
    local _, port = proxies.tinyproxy()
    brings_large_messages(tls.echo().url, proxies.stunnel(port))
  end)

  it_tells("is given what came before the end of TLS with the proxy, at the pace of the script", function()
    local p, control = peer.listen(), peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = "ws://far.example", proxy = arg[1], tls = { ca_file = arg[2] },
        on_message = function(c, data) say(data) c:pause() end })
      ws.connect { url = arg[3], on_message = function(c) conn:resume() end, on_close = function() end }
    ]], { proxies.stunnel(p.port), tls.cert "ca", control.url })
    local c, s = control:open(), p:accept()
    s:read_head()
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    s:upgrade():text "one"
    bot:tells("connect", "open 101", "one")
    s:text("two"):text("three"):send_close(1000)
    s:half_close()
    story.pause(0.1) -- so that all of it is there at once
    for _, line in ipairs { "two", "three", 'close 1000 ""' } do
      c:text "go on"
      bot:tells(line)
    end
    c:finish()
    bot:ends(0)
  end)

  it_tells("comes back through its proxy", function()
    local proxy = proxies.tinyproxy { login = "me:pass" }
    local p = peer.listen()
    local bot = start(p.url, proxy, { more = "reconnect = { min = 0.01, attempts = 1 }," })
    p:open():reset()
    bot:tells("connect", "open 101", "~^error reset ", "close 1006 open reset")
    converses(bot, p:open())
  end)
end)

describe("a proxy that says no", function()
  it_tells("is told with its status: tinyproxy and a port that it bars", function()
    local proxy = proxies.tinyproxy { ports = { 443 } }
    fails(start("ws://localhost:81", proxy), "proxy", "proxy",
      "the proxy 127%.0%.0%.1:%d+ does not connect to localhost:81: 403 ")
  end)

  it_tells("is told with its reply: Dante and a port that it bars", function()
    fails(start("ws://127.0.0.1:81", "socks5://" .. proxies.dante(81)), "proxy", "proxy",
      "does not connect to 127%.0%.0%.1:81: not allowed by its rules %(SOCKS reply 2%)")
  end)

  it_tells("is told with its reply: microsocks and a server that is not there", function()
    fails(start(peer.dead_url(), "socks5h://" .. proxies.microsocks()), "proxy", "proxy",
      "does not connect to 127%.0%.0%.1:%d+: connection refused")
  end)

  it_tells("wants a password: tinyproxy", function()
    local _, port = proxies.tinyproxy { login = "me:secret" }
    fails(start("ws://localhost:81", "http://127.0.0.1:" .. port), "proxy", "proxy",
      "wants a user and password", "407 .*it offers Basic realm=")
    fails(start("ws://localhost:81", "http://me:secret2@127.0.0.1:" .. port), "proxy", "proxy",
      "the proxy 127%.0%.0%.1:" .. port .. " does not accept the user and password")
  end)

  it_tells("wants a password: microsocks", function()
    local place_of = proxies.microsocks("me:secret"):match "@(.*)"
    fails(start("ws://localhost:81", "socks5h://" .. place_of), "proxy", "proxy", "accepts nobody without a log%-in")
    fails(start("ws://localhost:81", "socks5h://me:secret2@" .. place_of), "proxy", "proxy",
      "does not accept the user and password")
  end)

  it_tells("may be one that is not believed: stunnel with a certificate of a stranger", function()
    local proxy = proxies.stunnel(peer.dead_port(), "stranger")
    fails(start("ws://localhost:81", proxy, { more = "tls = { ca_file = CA }," }), "proxy", "proxy",
      "TLS with the proxy 127%.0%.0%.1:%d+: .*not trusted")
  end)

  for how, words in pairs {
    stranger = "not trusted: Another Root.*; trust it with tls%.ca_file %[",
    wrong_name = "is for another name: other%.example, www%.other%.example %[",
    under_server = "is signed by localhost, who is no authority %(CA%); trust it with tls%.ca_file %[",
    under_old = "the certificate of Spec Old Intermediate, which vouches for 127%.0%.0%.1, expired",
    expired = "expired on .*the server needs a new one",
  } do
    it_tells("is not to be met with options that are for the server alone: " .. how, function()
      local proxy = tls.listen { cert = how }
      fails(start("ws://localhost:81", (proxy.url:gsub("^wss", "https")), { more = "tls = { ca_file = CA }," }),
        "proxy", "proxy", words)
    end)
  end

  it_tells("may want a certificate of ours, which is for the server alone", function()
    for _, version in ipairs { "-tls1_2", "-tls1_3" } do
      local proxy = tls.listen { args = { version, "-Verify", "1" } }
      fails(start("ws://localhost:81", (proxy.url:gsub("^wss", "https")), { more = "tls = { ca_file = CA }," }),
        "proxy", "proxy", "a client certificate, and a proxy is shown none")
    end
  end)
end)

--------------------------------------------------------------------------------------------------------- scripted ones

describe("what a proxy hears", function()
  it_tells("is CONNECT, with the user and password of its url, and nothing of the server's", function()
    local p = peer.listen()
    local bot = start("ws://you:secret@far.example:81/path?q", "http://me:p%40ss@" .. p.address)
    local s = p:accept()
    local head = s:read_head()
    assert.equal("CONNECT far.example:81 HTTP/1.1", head.line)
    assert.same({ "Host", "User-Agent", "Proxy-Authorization" }, head.names)
    assert.same({ "Basic bWU6cEBzcw==" }, head.headers["proxy-authorization"])
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    s:upgrade() -- the proxy plays the server, too
    assert.equal("GET /path?q HTTP/1.1", s.request.line)
    assert.equal(nil, s.request.headers["proxy-authorization"])
    converses(bot, s)
  end)

  it_tells("is not a name that was looked up here, with socks5://", function()
    local p = peer.listen()
    local bot = start("ws://localhost:81", "socks5://" .. p.address)
    local s = p:accept()
    assert.equal("\5\1\0", s:read(3))
    s:send "\5\0"
    local head = s:read(4)
    if head == "\5\1\0\4" then -- ::1 came first, and this proxy knows no IPv6: it is asked for the other one
      s:read(18)
      s:send "\5\8\0\1\0\0\0\0\0\0"
      s = p:accept()
      s:read(3)
      s:send "\5\0"
      head = s:read(4)
    end
    assert.equal("\5\1\0\1\127\0\0\1\0\81", head .. s:read(6))
    s:send "\5\0\0\1\0\0\0\0\0\0"
    converses(bot, s:upgrade())
  end)

  it_tells("gets the address of the family that was asked for", function()
    local p = peer.listen()
    for _, host in ipairs { "localhost", "a.test" } do
      local bot = start(("ws://%s:81"):format(host), "socks5://" .. p.address,
        { more = "family = 4, resolve = { ['a.test'] = { '::1', '127.0.0.1' } }," })
      local s = p:accept()
      s:read(3)
      s:send "\5\0"
      assert.equal("\5\1\0\1\127\0\0\1\0\81", s:read(10))
      s:send "\5\0\0\1\0\0\0\0\0\0"
      converses(bot, s:upgrade())
    end
    fails(start("ws://a.test:81", "socks5://" .. p.address,
      { more = "family = 4, resolve = { ['a.test'] = '::1' }," }), "dns", "dns", "cannot find a%.test: ")
  end)

  it_tells("is understood byte by byte, as its answer is", function()
    local p = peer.listen()
    local bot = start("ws://far.example", "http://" .. p.address)
    local s = p:accept()
    s:read_head()
    s:send_bytewise "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200 Connection established\r\nProxy-Agent: x\r\n\r\n"
    converses(bot, s:upgrade())
    bot = start("ws://far.example", "socks5h://me:pw@" .. p.address)
    s = p:accept()
    assert.equal("\5\2\0\2", s:read(4))
    s:send_bytewise "\5\2"
    assert.equal("\1\2me\2pw", s:read(7))
    s:send_bytewise "\1\0"
    assert.equal("\5\1\0\3\11far.example\0\80", s:read(18))
    s:send_bytewise "\5\0\0\3\5proxy\0\1"
    converses(bot, s:upgrade())
  end)

  it_tells("is nothing of a socket of the file system", function()
    local p, gate = peer.listen { socket = true }, peer.listen()
    converses(start(p.url, gate.url:gsub("^ws", "http"), { env = { ALL_PROXY = "http://" .. gate.address } }), p:open())
    assert.equal(0, gate.count)
  end)

  it_tells("is the next attempt as well, with the url and headers of that one", function()
    local p = peer.listen()
    local bot = program.bot([[
      local attempt = 0
      ws.connect(told { proxy = arg[1], reconnect = { min = 0.01, attempts = 1 },
        url = function() attempt = attempt + 1 return "ws://far.example/" .. attempt end })
    ]], { "http://" .. p.address })
    p:accept():send "HTTP/1.1 503 Busy\r\n\r\n"
    bot:tells("~^error proxy .*far%.example:80: 503 Busy", 'close 1006 ""')
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    s:upgrade()
    assert.equal("GET /2 HTTP/1.1", s.request.line)
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)
end)

-- A proxy that answers, after what it has read, with these bytes; the bot fails with these patterns.
local function it_refuses(name, scheme, script, ...)
  local patterns = { ... }
  it_tells("is refused when " .. name, function()
    local p = peer.listen()
    local bot = start("ws://far.example", scheme .. "://me:secret@" .. p.address)
    local s = p:accept()
    script(s)
    fails(bot, "proxy", "proxy", "the proxy 127%.0%.0%.1:" .. p.port, table.unpack(patterns))
    s:read_end()
  end)
end

local function says(bytes)
  return function(s)
    s:read(3)
    s:post(bytes)
  end
end

describe("a proxy", function()
  it_refuses("it does not speak HTTP", "http", says "220 mail.example ESMTP\r\n", "does not speak HTTP/1%.x")
  it_refuses("it speaks HTTP for SOCKS", "socks5h", says "HTTP/1.1 400 Bad\r\n\r\n", "write http:// for socks5://")
  it_refuses("it speaks TLS", "http", says "\x15\3\1\0\2\2\x46", "does not speak HTTP/1%.x %(.*https:// for http://%)")
  it_refuses("it ends without a word", "http", function(s)
    s:read_head()
    s:close()
  end, "ended the connection before its answer was whole %(.*https:// for http://%)")
  it_refuses("its head has no end", "http", says("HTTP/1.1 200 OK\r\n" .. ("X: y\r\n"):rep(10000)), "over 32 KB")
  it_refuses("its head is malformed", "http", says "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "without a colon")
  it_refuses("it says more than its answer", "http", says "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101", "more than its answer")
  it_refuses("it says more than its answer", "socks5h", says "\5\0\5\0\0\1\0\0\0\0\0\0", "more than its answer")
  it_refuses("its words are noise", "socks5h", says(("\xff"):rep(100000)), "does not speak SOCKS5")
  it_refuses("it ends in the middle", "http", function(s)
    s:read_head()
    s:send "HTTP/1.1 200 O"
    s:half_close()
  end, "ended the connection before its answer was whole")
  it_refuses("it resets", "socks5h", function(s)
    s:read(4)
    s:reset()
  end, "broke before its answer was whole: connection reset")
  it_refuses("it does not speak TLS", "https", says "HTTP/1.1 400 Bad\r\n\r\n", "TLS .*an http:// proxy")
  it_refuses("it ends within TLS", "https", function(s)
    s:read(5)
    s:close()
  end, "ended the connection in the TLS handshake")
end)

describe("connect_timeout", function()
  local function it_limits(name, scheme, script, pattern)
    it_tells("limits " .. name, function()
      local p = peer.listen()
      local bot = start("ws://far.example", scheme .. "://" .. p.address, { more = "connect_timeout = 0.2," })
      local s = p:accept()
      script(s)
      fails(bot, "timeout", "proxy", pattern, "127%.0%.0%.1:" .. p.port, "within 0%.2 s %(connect_timeout%)")
      s:read_end()
    end)
  end
  local function nothing() end
  it_limits("a proxy that is silent", "http", nothing, "no whole answer from the proxy")
  it_limits("a proxy of SOCKS that is silent", "socks5h", nothing, "no whole answer from the proxy")
  it_limits("a proxy that is silent within TLS", "https", nothing, "the TLS handshake with the proxy")
  it_limits("a proxy that falls silent", "socks5h", says "\5", "no whole answer from the proxy")
  it_limits("a proxy that never comes to its end", "http", function(s)
    s:read_head()
    s:send "HTTP/1.1 200 OK\r\n"
    story.beside(function()
      while not s.ended do
        s:post "X: y\r\n"
        story.pause(0.01)
      end
    end)
  end, "no whole answer from the proxy")

  it_tells("limits TLS inside a proxy too, in what is left of the time", function()
    local p = peer.listen()
    local bot = start("wss://far.example", "http://" .. p.address, { more = "connect_timeout = 1," })
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    fails(bot, "timeout", "tls", "the TLS handshake was not done within 1 s")
  end)
end)

describe("a bot that closes", function()
  it_tells("while its proxy has not answered is told of that end alone", function()
    local gate, control = peer.listen(), peer.listen()
    for _, scheme in ipairs { "http", "https", "socks5h" } do
      local bot = program.bot([[
        local conn = ws.connect(told { url = "ws://far.example", proxy = arg[1] })
        ws.connect { url = arg[2], on_message = function(c) conn:close() c:destroy() end }
      ]], { scheme .. "://" .. gate.address, control.url })
      local s = gate:accept()
      s:read(3)
      control:open():text "close"
      s:read_end()
      bot:tells 'close 1006 ""'
      bot:ends(0)
    end
  end)
end)

describe("a proxy that cannot be reached", function()
  it_tells("is told as such", function()
    local port = peer.dead_port()
    for _, scheme in ipairs { "http", "https", "socks5", "socks5h" } do
      fails(start("ws://127.0.0.1:81", scheme .. "://me:secret@127.0.0.1:" .. port), "proxy", "proxy",
        "cannot connect to the proxy 127%.0%.0%.1:" .. port .. ": connection refused")
    end
  end)

  it_tells("may have no address", function()
    fails(start("ws://127.0.0.1:81", "http://no-such-name.invalid:3128"), "proxy", "proxy",
      "cannot find the proxy no%-such%-name%.invalid: ")
  end)

  it_tells("is not asked where the server has no address, with socks5://", function()
    fails(start("ws://no-such-name.invalid", "socks5://127.0.0.1:" .. peer.dead_port()), "dns", "dns",
      "cannot find no%-such%-name%.invalid: ")
  end)
end)

------------------------------------------------------------------------------------------------------ the environment

describe("the environment", function()
  -- The bot with this environment asks `gate` for far.example.
  local function asks(env, url)
    local gate = peer.listen()
    for name, value in pairs(env) do
      env[name] = value:gsub("GATE", gate.address)
    end
    local bot = start(url or "ws://far.example", nil, { env = env })
    local s = gate:accept()
    assert.matches("^CONNECT far%.example:%d+ ", s:read_head().line)
    s:send "HTTP/1.1 404 Enough\r\n\r\n"
    fails(bot, "proxy", "proxy", "404 Enough")
  end

  it_tells("names a proxy", function()
    asks { HTTP_PROXY = "http://GATE" }
    asks { http_proxy = "http://GATE", HTTP_PROXY = "http://127.0.0.1:1" }
    asks { ALL_PROXY = "GATE", HTTPS_PROXY = "http://127.0.0.1:1" }
    asks({ HTTPS_PROXY = "http://GATE", HTTP_PROXY = "http://127.0.0.1:1" }, "wss://far.example")
    asks({ all_proxy = "http://GATE", NO_PROXY = "far.example:80, near.example" }, "wss://far.example")
  end)

  it_tells("names the servers that need none", function()
    local p, gate = peer.listen(), peer.listen()
    local env = { HTTP_PROXY = "http://" .. gate.address }
    for _, list in ipairs { "*", "localhost", ".localhost:" .. p.port, "x, localhost" } do
      env.NO_PROXY = list
      converses(start("ws://localhost:" .. p.port, nil, { env = env }), p:open())
    end
    env.NO_PROXY = "127.0.0.0/8,::1"
    converses(start(p.url, nil, { env = env }), p:open())
    assert.equal(0, gate.count)
  end)

  it_tells("names by *.NAME what .NAME does", function()
    local p, gate = peer.listen(), peer.listen()
    for _, list in ipairs { "*.corp.test", "a.test,*.Corp.test:" .. p.port } do
      local env = { HTTP_PROXY = "http://" .. gate.address, NO_PROXY = list }
      converses(start("ws://feed.corp.test:" .. p.port, nil,
        { env = env, more = "resolve = { ['feed.corp.test'] = '127.0.0.1' }," }), p:open())
    end
    assert.equal(0, gate.count)
  end)

  it_tells("does not count where the option is given", function()
    local p = peer.listen()
    local env = { ALL_PROXY = "http://127.0.0.1:1", NO_PROXY = "*" }
    local bot = start("ws://far.example", "http://" .. p.address, { env = env })
    p:accept():send "HTTP/1.1 404 Enough\r\n\r\n"
    fails(bot, "proxy", "proxy", "404 Enough")
    env.NO_PROXY = nil
    converses(start(p.url, nil, { env = env, more = "proxy = false," }), p:open())
  end)

  it_tells("may be wrong, which is told", function()
    fails(start("ws://far.example", nil, { env = { HTTP_PROXY = "ftp://me:secret@proxy" } }), "proxy", "proxy",
      "HTTP_PROXY of the environment: it must begin with http://")
  end)

  it_tells("does not lead to the peers of one's own process", function()
    local port = peer.dead_port()
    local bot = program.run({ "run", "--with-echo=" .. port, "scripts/hello.lua", "ws://127.0.0.1:" .. port },
      { env = { ALL_PROXY = "http://127.0.0.1:1" } })
    bot:tells("~^connected to 127", "open: 101 Switching Protocols", "received: hello")
    bot:kill "sigint"
    bot:tells "~^closed: 1001"
    bot:ends(0)
    local how = { env = { ALL_PROXY = "http://127.0.0.1:1" }, flags = { "--with-echo=" .. port } }
    bot = program.bot([[
      local conn = ws.connect(told { url = arg[1], resolve = { ["far.example"] = "127.0.0.1" } })
      conn:send "hello"
      conn.on_message = function(c, data) say(data) c:close() end
    ]], { "ws://far.example:" .. port }, how)
    bot:tells("connect", "open 101", "hello", 'close 1000 ""')
    bot:ends(0)
  end)
end)

--------------------------------------------------------------------------------------------------------- and the rest

describe("a proxy's address", function()
  it_tells("that has changed closes the connection (1001) and opens another; one that has not keeps it", function()
    local old, new = peer.listen(), peer.listen()
    local function source(proxy)
      return ([[ws.connect(told { name = "feed", url = "ws://far.example", proxy = %s })]]):format(proxy)
    end
    local function lets_through(p)
      local s = p:accept()
      s:read_head()
      s:send "HTTP/1.1 200 OK\r\n\r\n"
      return s:upgrade()
    end
    local before = ("%q"):format("http://me:secret@" .. old.address)
    local bot = reloadable.start(source(before))
    local s = lets_through(old)
    bot:tells("connect", "open 101")
    bot:takes_over(source(before), "kept 1")
    s:text "still here"
    bot:tells 'text "still here"'
    bot:write_script(source(("%q"):format("http://" .. new.address)))
    bot:kill "sighup"
    s:expect_close(1001)
    s:send_close(1001)
    s:close()
    assert.matches("proxy", bot:reload_line())
    s = lets_through(new)
    bot:tells("connect", "open 101")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)

  it_tells("that has not changed keeps an attempt that is under way", function()
    local p = peer.listen()
    local source = ([[ws.connect(told { url = "ws://far.example", proxy = "http://%s" })]]):format(p.address)
    local bot = reloadable.start(source)
    local s = p:accept()
    s:read_head()
    bot:takes_over(source, "kept 1")
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    s:upgrade():finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("keeps its password out of a record", function()
    local p = peer.listen()
    local path = place.folder() .. "/record.jsonl"
    local bot = start("ws://far.example", "http://me:secret@" .. p.address, { flags = { "--record", path } })
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 200 OK\r\n\r\n"
    converses(bot, s:upgrade())
    local record = place.read(path)
    assert.matches('"event":"response"', record)
    assert.falsy(record:find("secret", 1, true) or record:find("Proxy-Auth", 1, true))
  end)

  it_tells("is what remote_address says", function()
    local p = peer.listen()
    local bot = program.bot([[ws.connect { url = "ws://far.example", proxy = arg[1],
      on_connect = function(c) say(c.remote_address) c:destroy() end }]], { "http://" .. p.address })
    p:accept():send "HTTP/1.1 200 OK\r\n\r\n"
    bot:tells(p.address)
    bot:ends(0)
  end)
end)
