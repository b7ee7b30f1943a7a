-- Addresses: which ones a bot goes to, from where, and what it says of those that did not answer.
local uv = require "luv"
local it_tells = require "support.it_tells"
local network = require "support.network"
local packages = require "support.packages"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

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

describe("localhost", function()
  -- A thread that looks something up would wait for a writer of the pipe.
  local function start_without_look_ups(url, options)
    local folder = place.folder()
    assert(os.execute(("mkfifo %s/fifo"):format(folder)))
    return program.bot(([[
      require "luv".fs_open("%s/fifo", "r", 0, function() end)
      ws.connect(told { url = arg[1], %s on_connect = function(c) say("connect", c.remote_address) end,
        on_close = function(_, code) say("close", code) os.exit(0) end })
    ]]):format(folder, options or ""), { url }, { env = { UV_THREADPOOL_SIZE = "1" } })
  end

  it_tells("and what is below it are this machine, without a look-up", function()
    for _, name in ipairs { "localhost", "api.localhost", "LOCALHOST.", "a.b.Localhost" } do
      local p = peer.listen()
      local bot = start_without_look_ups(("ws://%s:%d"):format(name, p.port))
      local s = p:open()
      assert.same({ ("%s:%d"):format(name, p.port) }, s.request.headers.host)
      bot:tells(("connect 127.0.0.1:%d"):format(p.port), "open 101")
      s:finish()
      bot:tells "close 1000"
      bot:ends(0)
    end
  end)

  it_tells_ipv6("is ::1 as well", function()
    local p = peer.listen { host = "::1" }
    for _, options in ipairs { "", "family = 6," } do
      local bot = start_without_look_ups("ws://localhost:" .. p.port, options)
      local s = p:open()
      bot:tells(("connect [::1]:%d"):format(p.port), "open 101")
      s:finish()
      bot:tells "close 1000"
      bot:ends(0)
    end
    fails(start("ws://localhost:" .. p.port, "family = 4"),
      ("connect .cannot connect to localhost:%d: connection refused at 127%%.0%%.0%%.1:%d"):format(p.port, p.port))
  end)

  it_tells("is what `resolve` says, where it says anything", function()
    local p = peer.listen { host = "127.0.0.3" }
    reaches(p, start("ws://a.localhost:" .. p.port, [[resolve = { ["a.localhost"] = "127.0.0.3" }]]), "127.0.0.3")
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
    ]], { "ws://127.1:" .. p.port }) -- that is no address but a name, to which the system knows one
    bot:tells "all"
    bot:ends(0)
  end)

  it_tells("of a name that nobody knows are told as dns, with what to do", function()
    fails(start("ws://no-such-host.invalid/", "family = 4"), "dns .cannot find no%-such%-host%.invalid: .*%(.*%)")
  end)
end)

-- Scripts that answer for all names: names[N] has the addresses that the Nth question for IPv4 gets, and the last of
-- them those after.
local NAME_SERVER = [[
  local uv = require "luv"
  local server, asked = uv.new_udp(), 0
  assert(server:bind("127.0.0.1", 53))
  local function names(...)
    local answers = { ... }
    server:recv_start(function(_, query, from)
      if not query then return end
      local to = query:find("\0", 13, true) + 4
      local question, records, count = query:sub(13, to), "", 0
      if question:byte(-3) == 1 then
        asked = asked + 1
        for a, b, c, d in (answers[asked] or answers[#answers]):gmatch "(%d+)%.(%d+)%.(%d+)%.(%d+)" do
          records = records .. string.pack(">I2I2I2I4I2BBBB", 0xC00C, 1, 1, 60, 4, a // 1, b // 1, c // 1, d // 1)
          count = count + 1
        end
      end
      server:send(query:sub(1, 2) .. string.pack(">I2I2I2I2I2", 0x8180, 1, count, 0, 0) .. question .. records,
        from.ip, from.port)
    end)
  end
]]

local it_tells_of_names = network.it_tells

describe("a name", function()
  it_tells_of_names("whose addresses have all failed is looked up anew, and not kept for a while", function()
    local bot = network.bot(NAME_SERVER .. [[
      names("127.0.0.2", "127.0.0.2", "127.0.0.1")
      local web = uv.new_tcp()
      web:bind("127.0.0.1", 81)
      web:listen(8, function() end)
      ws.connect(told { url = "ws://feed.example.test:81", reconnect = { min = 0.001, max = 0.001 },
        on_connect = function(c) say("reached", c.remote_address, "question", asked) os.exit(0) end })
    ]])
    for _ = 1, 2 do
      bot:tells("~^error connect .*refused at 127%.0%.0%.2:81", 'close 1006 ""')
    end
    bot:tells "reached 127.0.0.1:81 question 3"
    bot:ends(0)
  end)

  it_tells_of_names("is looked up anew by wsbot.http as well", function()
    local bot = network.bot(NAME_SERVER .. [[
      names("127.0.0.2", "127.0.0.2", "127.0.0.1")
      local web = uv.new_tcp()
      web:bind("127.0.0.1", 81)
      web:listen(8, function()
        local client = uv.new_tcp()
        web:accept(client)
        client:write "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"
        client:shutdown()
        client:read_start(function() end)
      end)
      local http = require "wsbot.http"
      for i = 1, 3 do
        local res, word = http.get "http://feed.example.test:81/"
        say(i, res and res.status or word, "question", asked)
      end
      os.exit(0)
    ]])
    bot:tells("1 connect question 1", "2 connect question 2", "3 204 question 3")
    bot:ends(0)
  end)

  it_tells_of_names("of this machine is asked of nobody, with an empty /etc/hosts", function()
    local bot = network.bot(NAME_SERVER .. [[
      names "127.0.0.9"
      local http, left = require "wsbot.http", 2
      local function failed(_, _, message)
        left = left - 1
        say((message:gsub("^.*: ", "")))
        if left == 0 then say("questions", asked) os.exit(0) end
      end
      for _, name in ipairs { "localhost", "a.localhost" } do
        say(select(2, http.get(("http://%s:81"):format(name))))
      end
      for _, name in ipairs { "localhost", "a.localhost" } do
        ws.connect { url = ("ws://%s:81"):format(name), on_error = failed }
      end
    ]])
    bot:tells("~^connect Failed to connect", "~^connect Failed to connect",
      "connection refused at [::1]:81, 127.0.0.1:81", "connection refused at [::1]:81, 127.0.0.1:81",
      "questions 0")
    bot:ends(0)
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
