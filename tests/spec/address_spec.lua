-- Addresses: which ones a bot goes to, from where, and what it says of those that did not answer.
local uv = require "luv"
local packages = require "support.packages"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local it_tells = function(name, body)
  it(name, story.of(body))
end

-- Is there an IPv6 loopback? Some containers have none.
local function has_ipv6()
  local probe = uv.new_tcp()
  local bound = probe:bind("::1", 0)
  probe:close()
  uv.run "nowait"
  return bound ~= nil
end

-- The same for stories that need it.
local it_tells_ipv6 = has_ipv6() and it_tells or function(name)
  it_tells(name, function()
    story.skip "there is no ::1"
  end)
end

-- A bot that connects to arg[1] with these options (source), and tells of everything.
local function start(url, options)
  return program.bot(([[
    ws.connect(told { url = arg[1], %s, on_connect = function(c) say("connect", c.remote_address) end })
  ]]):format(options), { url })
end

-- It gets to `address` of the peer.
local function reaches(p, bot, address)
  local s = p:open()
  bot:tells("connect " .. address .. ":" .. p.port, "open 101")
  s:finish()
  bot:tells 'close 1000 ""'
  bot:ends(0)
  return s
end

-- It fails with this error (a pattern).
local function fails(bot, pattern)
  bot:tells("~^error " .. pattern, 'close 1006 ""')
  bot:ends(0)
end

describe("resolve", function()
  it_tells("has a name stand for an address, and the Host header stays the url's", function()
    local p = peer.listen()
    local bot = start("ws://example.test:" .. p.port, [[resolve = { ["example.test"] = "127.0.0.1" }]])
    local s = reaches(p, bot, "127.0.0.1")
    assert.same({ "example.test:" .. p.port }, s.request.headers.host)
  end)

  it_tells("has a name and port stand for another one than the name alone", function()
    local p = peer.listen { host = "127.0.0.3" }
    local bot = start("ws://Example.test:" .. p.port,
      ([[resolve = { ["example.test"] = "127.0.0.2", ["example.test:%d"] = "127.0.0.3", ["test:%d"] = "127.0.0.4" }]])
      :format(p.port, p.port))
    reaches(p, bot, "127.0.0.3")
  end)

  it_tells("has the certificate be the name's", function()
    local t = tls.listen { cert = "name_only", name = "localhost" }
    local bot = program.bot([[
      ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, resolve = { localhost = "127.0.0.1" } })
    ]], { t.url, tls.cert "ca" })
    t:open():finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
    t = tls.listen { cert = "wrong_name" }
    bot = program.bot([[
      ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, resolve = { ["127.0.0.1"] = "127.0.0.1" } })
    ]], { t.url, tls.cert "ca" })
    bot:tells("~^error tls .*other%.example", 'close 1006 ""')
    bot:ends(0)
  end)

  it_tells("goes on to the next address where one fails", function()
    local p = peer.listen { host = "127.0.0.3" }
    local bot = start("ws://example.test:" .. p.port,
      [[resolve = { ["example.test"] = { "127.0.0.1", "127.0.0.2", "127.0.0.3" } }]])
    reaches(p, bot, "127.0.0.3")
  end)

  it_tells("is told in the error with each address, once none is left", function()
    local port = peer.dead_port()
    local bot = start("ws://example.test:" .. port, [[resolve = { ["example.test"] = { "127.0.0.1", "127.0.0.2" } }]])
    fails(bot, ("connect .cannot connect to example%%.test:%d: connection refused at 127%%.0%%.0%%.1:%d, "
      .. "127%%.0%%.0%%.2:%d.$"):format(port, port, port))
  end)
end)

describe("family", function()
  it_tells_ipv6("4 or 6 chooses among the addresses of a name", function()
    for family, host in pairs { [4] = "127.0.0.1", [6] = "::1" } do
      local p = peer.listen { host = host }
      local bot = start("ws://example.test:" .. p.port,
        ([[family = %d, resolve = { ["example.test"] = { "::1", "127.0.0.1" } }]]):format(family))
      reaches(p, bot, family == 6 and "[::1]" or host)
    end
  end)

  it_tells("4 finds localhost", function()
    local p = peer.listen()
    reaches(p, start("ws://localhost:" .. p.port, "family = 4"), "127.0.0.1")
  end)

  it_tells("is told where there is no address of it", function()
    fails(start("ws://127.0.0.1:1", "family = 6"),
      "connect .cannot connect to 127%.0%.0%.1:1: it is no IPv6 address %(family = 6%)")
    fails(start("ws://[::1]:1", "local_address = '127.0.0.1'"),
      "connect .cannot connect to %[::1%]:1: it is no IPv4 address %(local_address is one%)")
    fails(start("ws://example.test:1", [[family = 6, resolve = { ["example.test"] = "127.0.0.1" }]]),
      "connect .cannot connect to example%.test:1: it has no IPv6 address %(family = 6%)")
  end)

  it_tells("is chosen by local_address as well", function()
    local p = peer.listen()
    local bot = start("ws://example.test:" .. p.port,
      [[local_address = "127.0.0.2", resolve = { ["example.test"] = { "::1", "127.0.0.1" } }]])
    local s = p:accept()
    assert.equal("127.0.0.2", s.stream:getpeername().ip)
    s:upgrade()
    bot:tells("connect 127.0.0.1:" .. p.port, "open 101")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)
end)

describe("addresses", function()
  it_tells_ipv6("of both families are tried", function()
    local p = peer.listen { host = "::1" }
    local bot = start("ws://example.test:" .. p.port, [[resolve = { ["example.test"] = { "127.0.0.1", "::1" } }]])
    reaches(p, bot, "[::1]")
  end)

  it_tells("that did not answer in time come last the next time", function()
    local p = peer.listen()
    local silent = program.start("/usr/bin/python3", { "tests/spec/servers/full.py", "127.0.0.2", tostring(p.port) },
      { stdin = true })
    silent:line()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1], connect_timeout = 0.2, -- before the next address has its turn
        resolve = { ["example.test"] = { "127.0.0.2", "127.0.0.1" } },
        on_connect = function(c) say("connect", c.remote_address) end })
      function conn.on_close(c, code)
        say("close", code)
        if code == 1006 then c:reconnect() end
      end
    ]], { "ws://example.test:" .. p.port })
    bot:tells(("~^error timeout .no answer from 127%%.0%%.0%%.2:%d within 0%%.2 s"):format(p.port), "close 1006")
    local s = p:open()
    bot:tells(("connect 127.0.0.1:%d"):format(p.port), "open 101")
    s:finish()
    bot:tells "close 1000"
    bot:ends(0)
  end)

  it_tells("of a name are shared by many connections that ask at the same time", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      for i = 1, 300 do
        ws.connect { url = arg[1], name = tostring(i), family = 4, on_connect = function(c)
          n = n + 1
          c:destroy()
          if n == 300 then say "all" end
        end }
      end
    ]], { "ws://localhost:" .. p.port })
    bot:tells "all"
    bot:ends(0)
  end)

  it_tells("of a name that nobody knows are told as dns, with what to do", function()
    fails(start("ws://no-such-host.invalid/", "family = 4"), "dns .cannot find no%-such%-host%.invalid: .*%(.*%)")
  end)
end)

describe("an abstract socket", function()
  it_tells("is spoken to by its name", function()
    packages.need "python3-websockets"
    local name = "wsbot-spec-" .. uv.os_getpid()
    local server = program.start("/usr/bin/python3", { "tests/spec/servers/abstract.py", name })
    server:tells "up"
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1], on_connect = function(c) say("connect", c.remote_address) end })
      conn:send "hello"
      conn.on_message = function(c, data) say(data) c:close() end
    ]], { "ws+unix://@" .. name .. ":/chat" })
    bot:tells("connect @" .. name, "open 101", "hello", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("that nobody listens at is told", function()
    local bot = program.bot [[ws.connect(told { url = "ws+unix://@wsbot-spec-nobody:/" })]]
    fails(bot, "connect .cannot connect to @wsbot%-spec%-nobody: connection refused")
  end)
end)
