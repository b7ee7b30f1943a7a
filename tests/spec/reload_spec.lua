-- reload: the next generation of a script takes over the live connections of the last, or nothing changes at all.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local process = require "support.process"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

-- A script with one connection, told of everything; `version` goes before what it says.
local function feed(version, options, more)
  return ([[
    local conn = ws.connect { name = "feed", url = arg[1],
      on_websocket_connect = function(c) say("%s", "open", c.id) end,
      on_message = function(_, data) say("%s", data) end,
      on_adopt = function(c) say("%s", "adopt", c.id, c.state) end,
      on_error = function(_, word) say("%s", "error", word) end,
      on_close = function(_, code) say("%s", "close", code) end, %s }
  ]]):gsub("%%s", version, 5):gsub("%%s", function()
    return options or ""
  end) .. (more or "")
end

local function start(source, options)
  local p = peer.listen()
  local bot = reloadable.start(source or feed "1", { p.url }, options)
  return bot, p
end

local function open(source, options)
  local bot, p = start(source, options)
  local s = p:open()
  bot:tells "1 open 1"
  return bot, s, p
end

local function ends(bot, s)
  bot:kill "sigterm"
  s:answer_close()
end

describe("a reload", function()
  it_tells("keeps the connection: same socket, same id, new code", function()
    local bot, s, p = open()
    s:text "to the old one"
    bot:tells "1 to the old one"
    bot:takes_over(feed "2", "^info reload 1: kept 1: feed %(SIGHUP, %d+%.%d ms%)$")
    bot:tells "2 adopt 1 open"
    s:text "to the new one"
    bot:tells "2 to the new one"
    bot:takes_over(feed "3", "reload 2: kept 1: feed")
    bot:tells "3 adopt 1 open"
    ends(bot, s)
    bot:tells "3 close 1001"
    bot:ends(0)
    assert.equal(1, p.count)
  end)

  it_tells("keeps counters, protocol, addresses and latency", function()
    local bot, s = open(feed("1", [[protocols = { "v2" }, ping_interval = 0,]], "conn:ping() conn:send 'x'"))
    s:expect_text "x"
    local function fields()
      return [[
        say(conn.messages_in, conn.messages_out, conn.bytes_in, conn.bytes_out, conn.remote_address,
          conn.local_address, conn.url, conn.name)
      ]]
    end
    bot:takes_over(feed("2", [[protocols = { "v2" },]], "host.sleep(0)" .. fields()))
    bot:tells "2 adopt 1 open"
    local line = bot:line()
    assert.matches("^0 1 %d+ %d+ 127.0.0.1:%d+ 127.0.0.1:%d+ ws://127.0.0.1:%d+ feed$", line)
    bot:takes_over(feed("3", [[protocols = { "v2" },]], "host.sleep(0)" .. fields()))
    bot:tells("3 adopt 1 open", line)
    ends(bot, s)
    bot:wait()
  end)

  it_tells("is asked for by host.reload, also in a callback that goes on", function()
    local bot, s = open(feed("1", "on_message = function() host.reload() host.reload() say 'goes on' end,"))
    bot:write_script(feed "2")
    s:text "reload"
    bot:tells("goes on", "2 adopt 1 open")
    assert.matches("reload 1: kept 1", bot:reload_line())
    ends(bot, s)
    bot:wait()
  end)

  it_tells("passes the same arguments, and counts host.reloads", function()
    local bot = reloadable.start("say(host.reloads, #arg, arg[2], ...) host.every(100, print)", { "a", "b c" })
    bot:tells "0 2 b c a b c"
    bot:takes_over("say(host.reloads, #arg, arg[2], ...) host.every(100, print)", "no connections")
    bot:tells "1 2 b c a b c"
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("starts from nothing: globals, modules and metatables are fresh", function()
    local folder = place.folder()
    place.file(folder .. "/part.lua", "loads = (loads or 0) + 1 return { n = loads }")
    local source = [[
      seen = (seen or 0) + 1
      string.added = (string.added or 0) + 1
      say(seen, string.added, require "part".n)
      host.every(100, print)
    ]]
    local bot = reloadable.start(source, {}, { folder = folder })
    bot:tells "1 1 1"
    for _ = 1, 2 do
      bot:takes_over(source)
      bot:tells "1 1 1"
    end
    place.file(folder .. "/part.lua", "return { n = 'new' }")
    bot:takes_over(source)
    bot:tells "1 1 new"
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("ends the timers and tasks of the last generation", function()
    local bot, s = open(feed("1", nil, [[
      local function closing(name) return setmetatable({}, { __close = function() say(name, conn:send "no") end }) end
      local over
      host.on_reload(function() over = true end)
      local function check() if over then say "never" end end
      host.every(0.001, check)
      host.every(0.001, function() host.after(0.01, check) end)
      host.every(0.001, function() host.spawn(check) end)
      host.spawn(function() local x <close> = closing "sleeps" while true do host.sleep(0.001) check() end end)
      host.spawn(function() local x <close> = closing "receives" conn.on_message = nil conn:receive() check() end)
    ]]))
    bot:takes_over(feed("2", nil, "host.after(0.1, function() say '2 timer' end)"))
    bot:tells("sleeps nil closed", "receives nil closed", "2 adopt 1 open", "2 timer")
    ends(bot, s)
    bot:wait()
  end)

  it_tells("delivers what a waiting callback had not yet seen, and not what it had", function()
    local bot, s = open(feed("1", [[on_message = function(_, data)
      local x <close> = setmetatable({}, { __close = function() say("closed", data) end })
      say("begin", data)
      host.sleep(100)
    end,]]))
    for _, data in ipairs { "a", "b", "c" } do s:text(data) end
    bot:tells "begin a"
    story.pause(0.02)
    bot:takes_over(feed "2")
    bot:tells("closed a", "2 adopt 1 open", "2 b", "2 c")
    ends(bot, s)
    bot:wait()
  end)

  it_tells("calls the on_reload functions of the last generation; an error in one changes nothing", function()
    local bot, s = open(feed("1", nil, [[
      host.on_reload(function() say "first" conn:send "goodbye" end)
      host.on_reload(function() error "in on_reload" end)
      host.on_reload(function() say(pcall(host.sleep, 0)) end)
    ]]))
    bot:takes_over(feed "2")
    bot:tells("first", "~^false .*cannot wait here", "2 adopt 1 open")
    s:expect_text "goodbye"
    assert.matches("in on_reload", bot.bot.err)
    ends(bot, s)
    bot:wait()
  end)

  it_tells("keeps the phase of an every that has a name", function()
    local bot = reloadable.start [[
      local clock = require "wsbot.testing".clock()
      host.every(10, function() say "tick" end, "tick")
      host.every(10, function() say "other" end)
      clock:advance(7)
      say "7"
    ]]
    bot:tells "7"
    bot:takes_over [[
      local clock = require "wsbot.testing".clock()
      host.every(10, function() say "new tick" end, "tick")
      host.every(10, function() say "new other" end)
      host.sleep(0)
      clock:advance(2.9) say "2.9"
      clock:advance(0.2) say "3.1"
      clock:advance(6.8) say "9.9"
      clock:advance(0.2)
      host.stop()
    ]]
    bot:tells("2.9", "new tick", "3.1", "9.9", "new other")
    bot:ends(0)
  end)

  it_tells("is told after a second where the script takes long to load", function()
    local bot, s = open()
    local go = bot.path .. ".go"
    bot:write_script(("repeat local file = io.open %q until file\n"):format(go))
    bot:kill "sighup"
    bot:complains "warn reload: still loading after 1 s, at "
    assert.matches("bot.lua:1: nothing else runs meanwhile\n$", bot.bot.err)
    place.file(go, "")
    assert.matches("^info reload 1: ", bot:reload_line())
    assert.equal(1, select(2, bot.bot.err:gsub("still loading", "")))
    s:expect_close(1001)
    bot:wait()
  end)
end)

describe("connections", function()
  local function two(version, urls)
    local lines = {}
    for i, url in ipairs(urls) do
      lines[i] = ([[ws.connect { url = %s, on_message = function(c, data) say("%s", %d, c.id, data) end }]]):format(url,
        version, i)
    end
    return table.concat(lines, "\n")
  end

  it_tells("without a name match by url and place", function()
    local p = peer.listen()
    local bot = reloadable.start(two("1", { "arg[1]", "arg[1]", "arg[1] .. '/x'" }), { p.url })
    local sessions = {}
    for _ = 1, 3 do
      local s = p:open()
      table.insert(sessions, s)
    end
    story.pause(0.02)
    bot:takes_over(two("2", { "arg[1] .. '/x'", "arg[1]", "arg[1]" }), "kept 3: 127.0.0.1, 127.0.0.1, 127.0.0.1")
    for _, s in ipairs(sessions) do s:text "hello" end
    local heard = {}
    for i = 1, 3 do heard[i] = bot:line() end
    table.sort(heard)
    assert.same({ "2 1 3 hello", "2 2 1 hello", "2 3 2 hello" }, heard)
    assert.equal(3, p.count)
    bot:kill "sigkill"
  end)

  it_tells("that are not declared again are closed 1001, and call nothing", function()
    local bot, s = open()
    bot:takes_over("host.every(100, print)", "reload 1: closed 1: feed")
    assert.equal(1001, (s:answer_close()))
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("that are new are opened", function()
    local p = peer.listen()
    local bot = reloadable.start("host.every(100, print) say 'ready'", { p.url })
    bot:tells "ready"
    bot:takes_over(feed "2", "opened 1: feed")
    local s = p:open()
    bot:tells "2 open 1"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("whose url, tls, protocols or way there has changed are closed 1001 and opened again", function()
    for what, options in pairs {
      family = "family = 4,", resolve = "resolve = { ['example.org'] = '127.0.0.1' },",
      url = "url = arg[1] .. '/other',", protocols = "protocols = { 'v2' },", tls = "tls = { server_name = 'x' },",
      local_address = "local_address = '127.0.0.2',", proxy = "proxy = false,",
    } do
      local bot, s, p = open()
      bot:takes_over(feed("2", options), "reopened 1: feed %(" .. what .. " changed%)")
      assert.equal(1001, (s:answer_close()))
      s = p:open()
      bot:tells "2 open 2"
      ends(bot, s)
      bot:tells "2 close 1001"
      bot:wait()
    end
  end)

  it_tells("keep what has changed for the next handshake: headers, origin, compression", function()
    local bot, s, p = open()
    bot:takes_over(feed("2", "headers = { Token = 'new' }, origin = 'http://new', compression = false,"), "kept 1")
    bot:tells "2 adopt 1 open"
    bot:takes_over(feed("3", "headers = { Token = 'newer' }, origin = 'http://new', compression = false,",
      "host.sleep(0) conn:reconnect()"), "kept 1")
    bot:tells "3 adopt 1 open"
    s:answer_close()
    bot:tells "3 close 1000"
    s = p:open()
    assert.same({ "newer" }, s.request.headers.token)
    assert.same({ "http://new" }, s.request.headers.origin)
    assert.is_nil(s.request.headers["sec-websocket-extensions"])
    bot:kill "sigkill"
  end)

  it_tells("have changed pings and limits at once", function()
    local bot, s = open()
    bot:takes_over(feed("2", "ping_interval = 0.02, max_message_size = 10,"))
    bot:tells "2 adopt 1 open"
    s:expect(frame.PING)
    s:text "0123456789"
    bot:tells "2 0123456789"
    s:text "0123456789a"
    bot:tells "2 error too_big"
    bot:kill "sigkill"
  end)

  it_tells("may have lowered the limit while a large message is read to where it stays", function()
    local bot, s = open()
    s:send("\x82\x7f" .. (">I8"):pack(1000000) .. ("x"):rep(300000))
    bot:takes_over(feed("2", "max_message_size = 500000,"))
    bot:tells "2 adopt 1 open"
    s:post(("x"):rep(700000))
    bot:tells "2 error too_big"
    s:expect_close(1009)
    bot:kill "sigkill"
  end)

  it_tells("of one name twice are an error, and so the reload fails", function()
    local bot, s = open()
    bot:fails_to(feed("2", nil, feed "2b"), "there is a connection of the name 'feed' already")
    s:text "still"
    bot:tells "1 still"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("get the sends and the close of a script that is loaded", function()
    local bot, s = open()
    bot:takes_over(feed("2", nil, "say(conn.state, conn:send 'one') conn:send_binary 'two' conn:send 'three'"))
    bot:tells("connecting true", "2 adopt 1 open")
    s:expect_text "one"
    s:expect_binary "two"
    s:expect_text "three"
    bot:takes_over(feed("3", nil, "conn:send 'last' conn:close(4000, 'done') say(conn.state, conn:send 'late')"))
    bot:tells "closed nil closed"
    s:expect_text "last"
    local code, reason = s:answer_close()
    assert.equal(4000, code)
    assert.equal("done", reason)
    bot:tells("3 adopt 1 closing", "3 close 4000")
    bot:ends(0)
  end)

  it_tells("may wait in receive across the take-over", function()
    local bot, s = open()
    bot:takes_over [[
      local conn = ws.connect { name = "feed", url = arg[1] }
      for data in conn:messages() do say("received", data) end
      say "over"
    ]]
    s:text "a"
    bot:tells "received a"
    bot:takes_over [[
      local conn = ws.connect { name = "feed", url = arg[1] }
      for data in conn:messages() do say("received again", data) end
      say "over"
    ]]
    s:text "b"
    bot:tells "received again b"
    s:finish()
    bot:tells "over"
    bot:ends(0)
  end)
end)

describe("a failed reload changes nothing", function()
  local failures = {
    ["a syntax error"] = { "x = = 1", "unexpected symbol near '='" },
    ["an error"] = { "error 'at load'", "at load" },
    ["an error object"] = { "error({})", "error object is a table value" },
    ["a missing module"] = { "require 'no.such.module'", "module 'no.such.module' not found" },
    ["os.exit"] = { "os.exit(3)", "os.exit was called" },
    ["os.exit in a pcall"] = { "pcall(os.exit, 3)", "os.exit was called" },
    ["os.exit that closes"] = { "os.exit(3, true)", "os.exit was called" },
    ["a wrong option"] = { "ws.connect { url = 'ws://x', nmae = 'y' }", "unknown option 'nmae'" },
    ["a yield to nobody"] = { "coroutine.yield()", "yield" },
  }
  -- What the script does before it fails.
  local deeds = [[
    x = 1 string.rep = nil package.loaded.cjson = "broken"
    local before = ws.connect { name = "before", url = arg[1] .. "/before" }
    before:send "before"
    local conn = ws.connect { name = "feed", url = arg[1], on_message = function() say "wrong" end,
      ping_interval = 0.001, max_message_size = 1, headers = { A = "b" } }
    conn:send "held" conn:close(4000) conn:destroy() conn:pause() conn:reconnect(0)
    host.after(0, function() say "wrong" end)
    host.every(0.001, function() say "wrong" end, "tick")
    host.spawn(function() say "wrong" conn:send "wrong" end)
    host.on_stop(function() say "wrong" end)
    host.on_reload(function() say "wrong" end)
    host.stop(7) host.reload()
    host.state("s").n = -1
    setmetatable({}, { __gc = function() ws.connect { url = arg[1] .. "/gc" } conn:send "gc" end })
  ]]
  for name, failure in pairs(failures) do
    it_tells("by " .. name, function()
      local bot, s, p = open(feed("1", nil, [[
        local st = host.state("s", { n = 1 })
        host.every(0.01, function() st.n = st.n + 1 end, "tick")
        conn.on_message = function(c, data) say("1", data, c.id, c.state, st.n > 0, host.reloads) end
      ]]))
      s:text "before"
      bot:tells "~^1 before 1 open"
      for _ = 1, 3 do bot:fails_to(deeds .. failure[1], failure[2]) end
      s:text "after"
      bot:tells "~^1 after 1 open true 0"
      story.pause(0.02)
      assert.equal("", s.input)
      assert.equal(1, p.count)
      bot:takes_over(feed("2", nil, "ws.connect { url = arg[1], on_websocket_connect = function(c) say(c.id) end }"))
      bot:tells "2 adopt 1 open"
      p:open()
      bot:tells "3"
      assert.is_nil(bot.bot.out:find "wrong")
      bot:kill "sigkill"
    end)
  end

  it_tells("and shows the traceback", function()
    local bot, s = open()
    bot:fails_to("local function deep() error 'at the bottom' end\ndeep()", "bot.lua:1: at the bottom")
    bot:complains "bot.lua:2: in main chunk"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("by 10 seconds without an end or a wait, whatever it catches", function()
    local bot, s = open()
    bot:fails_to("while true do pcall(function() while true do end end) end", "ran for 10 s without an end or a wait")
    s:text "still"
    bot:tells "1 still"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("by a missing file", function()
    local bot, s = open()
    os.remove(bot.path)
    bot:fails_to(nil, "cannot open .*bot.lua")
    s:text "still"
    bot:tells "1 still"
    ends(bot, s)
    bot:wait()
  end)
end)

describe("reloads without a script", function()
  it_tells("are refused", function()
    local bot = program.run { "-e", "print(pcall(host.reload))" }
    bot:tells "~^false\thost.reload: there is no file to load again"
    bot:ends(0)
  end)
end)

describe("a reload at any moment", function()
  it_tells("of a name's look-up", function()
    local folder = place.folder()
    assert(os.execute(("mkfifo %s/fifo"):format(folder)))
    local p = peer.listen()
    local url = p.url:gsub("127%.0%.0%.1", "127.1") -- a name, as localhost is looked up by nobody
    -- the one thread that would look the name up waits for a writer of the pipe
    local bot = reloadable.start(([[
      require "luv".fs_open("%s/fifo", "r", 0, function() end)
      host.after(0.02, function() say "waits" end)
    ]]):format(folder) .. feed "1", { url }, { env = { UV_THREADPOOL_SIZE = "1" } })
    bot:tells "waits"
    bot:takes_over(feed "2", "kept 1: feed")
    bot:tells "2 adopt 1 connecting"
    assert(io.open(folder .. "/fifo", "w")):close()
    local s = p:open()
    bot:tells "2 open 1"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("of a TCP connection", function()
    local full = program.start("/usr/bin/python3", { "tests/spec/servers/full.py" }, { stdin = true })
    local url = "ws://127.0.0.1:" .. full:line()
    local bot = reloadable.start(feed "1" .. "host.after(0.02, function() say 'connecting' end)", { url })
    bot:tells "connecting"
    bot:takes_over(feed "2", "kept 1: feed")
    bot:tells "2 adopt 1 connecting"
    full:write "answer\n"
    bot:tells("2 error reset", "2 close 1006")
    bot:ends(0)
  end)

  it_tells("of the opening handshake", function()
    local bot, p = start()
    local s = p:accept()
    s:read_head()
    bot:takes_over(feed "2", "kept 1")
    bot:tells "2 adopt 1 connecting"
    s:send(s:answer())
    bot:tells "2 open 1"
    ends(bot, s)
    bot:wait()
  end)

  it_tells("of the TLS handshake", function()
    local p = peer.listen()
    local source = [[
      ws.connect { name = "feed", url = arg[1], tls = { verify = false }, connect_timeout = %s,
        on_adopt = function(c) say("adopt", c.state) end, on_error = function(_, word, text) say(word, text) end }
    ]]
    local bot = reloadable.start(source:format "10", { (p.url:gsub("^ws", "wss")) })
    local s = p:accept()
    s:read(5)
    bot:takes_over(source:format "10", "kept 1")
    bot:tells "adopt connecting"
    bot:takes_over(source:format "0.05", "kept 1")
    bot:tells("adopt connecting", "~^timeout .*0%.05 s")
    bot:ends(0)
  end)

  it_tells("of back-off: the time of the next attempt stays", function()
    local bot = reloadable.start([[
      local clock = require "wsbot.testing".clock()
      ws.connect { name = "feed", url = arg[1], reconnect = { min = 100, max = 100 }, on_error = function() end,
        on_close = function(_, _, _, r) host.state("s").at = host.now() + r.retry_in end }
      while not host.state("s").at do clock:advance(0.0001) end
      clock:advance((host.state("s").at - host.now()) / 2)
      say "waits"
    ]], { peer.dead_url() })
    bot:tells "waits"
    bot:takes_over [[
      local clock = require "wsbot.testing".clock()
      local s = host.state "s"
      local conn = ws.connect { name = "feed", url = arg[1], reconnect = { min = 100, max = 100 },
        on_adopt = function(c) say("adopt", c.state) end,
        on_error = function() say("error", math.abs(host.now() - s.at) < 0.1) end,
        on_close = function(c, _, _, r) say("close", r.attempt) c:close() end }
      host.sleep(0)
      while conn.state ~= "closed" do clock:advance(conn.state == "waiting" and 0.05 or 0) end
      clock:close()
    ]]
    bot:tells("adopt waiting", "error true", "close 2")
    bot:ends(0)
  end)

  it_tells("of a url function that waits: it is asked anew", function()
    local bot, p = start [[
      ws.connect { name = "feed", url = function() say "asked" host.sleep(1000) return "ws://never" end }
    ]]
    bot:tells "asked"
    bot:takes_over([[
      ws.connect { name = "feed", url = function() say "asked again" host.sleep(0) return arg[1] end,
        on_websocket_connect = function(c) say("open", c.id) end }
    ]], "kept 1")
    bot:tells "asked again"
    local s = p:open()
    bot:tells "open 1"
    s:finish()
    bot:ends(0)
  end)

  it_tells("of closing: what is declared again is opened anew", function()
    local bot, s, p = open(feed("1", "on_message = function(c) c:close(4000) end, close_timeout = 20,"))
    s:text "close"
    assert.equal(4000, (s:expect_close()))
    bot:takes_over(feed "2", "^info reload 1: opened 1: feed")
    local two = p:open()
    bot:tells "2 open 2"
    s:send_close(4000)
    s:close()
    ends(bot, two)
    bot:tells "2 close 1001"
    bot:ends(0)
  end)

  for name, case in pairs {
    ["of a fragmented message"] = { "\x01\x03one", "\x00\x03two\x80\x03end", "onetwoend" },
    ["inside the head of a frame"] = { "\x81\x7e\x00", "\x80" .. ("x"):rep(128), ("x"):rep(128) },
    ["inside a frame"] = { "\x81\x05he", "llo", "hello" },
    ["of a compressed message"] = { "\x41\x03\xf2\x48\xcd", "\x80\x04\xc9\xc9\x07\x00", "Hello" },
  } do
    it_tells(name, function()
      local p = peer.listen()
      local bot = reloadable.start(feed "1", { p.url })
      local s = p:open { with = name:find "compressed" and { "Sec-WebSocket-Extensions: permessage-deflate" } }
      bot:tells "1 open 1"
      s:send(case[1])
      story.pause(0.02)
      bot:takes_over(feed "2", "kept 1")
      bot:tells "2 adopt 1 open"
      s:send(case[2])
      bot:tells("2 " .. case[3])
      ends(bot, s)
      bot:wait()
    end)
  end

  it_tells("of a pause, which stays, unless the script says otherwise", function()
    local bot, s = open(feed("1", nil, [[
      while conn.state ~= "open" do host.sleep(0.001) end
      conn:pause()
      say "paused"
    ]]))
    bot:tells "paused"
    s:text "held"
    bot:takes_over(feed("2", nil, "host.sleep(0.05) say 'still'"))
    bot:tells("2 adopt 1 open", "still")
    bot:takes_over(feed("3", nil, "conn:resume()"))
    bot:tells("3 adopt 1 open", "3 held")
    ends(bot, s)
    bot:wait()
  end)

  it_tells("of a full send queue: all of it is sent, in order", function()
    local bot, s = open(feed("1", "max_send_buffer = 20000000, compression = false,", [[
      conn.on_ping = function(c)
        local n = 0
        while c:send(("%08d"):format(n):rep(10000)) do n = n + 1 end
        host.state("s").n = n
        say "full"
      end
    ]]))
    s:stop_reading()
    s:ping()
    bot:tells "full"
    bot:takes_over(feed("2", "max_send_buffer = 20000000, compression = false,",
      "say(host.state('s').n) conn.on_drain = function(c) say 'drained' c:send 'done' end"))
    local n = tonumber(bot:line())
    bot:tells "2 adopt 1 open"
    s:start_reading()
    s:expect(frame.PONG)
    for i = 0, n - 1 do s:expect_text(("%08d"):format(i):rep(10000)) end
    bot:tells "drained"
    s:expect_text "done"
    bot:kill "sigkill"
  end)

  it_tells("of a shutdown, which goes on", function()
    local bot, s = open(feed("1", nil, "host.on_stop(function() say 'stops' host.sleep(0.05) end)"))
    bot:write_script(feed "2")
    bot:kill "sigterm"
    bot:tells "stops"
    bot:kill "sighup"
    assert.equal(1001, (s:answer_close()))
    bot:tells "1 close 1001"
    bot:ends(0)
  end)

  it_tells("of a reload: one after the other", function()
    local bot, s = open()
    bot:write_script(feed("2", nil, "if host.reloads < 5 then host.reload() end"))
    bot:kill "sighup"
    for i = 1, 5 do assert.matches(("reload %d: kept 1"):format(i), bot:reload_line()) end
    for _ = 1, 5 do bot:tells "2 adopt 1 open" end
    ends(bot, s)
    bot:wait()
  end)

  it_tells("while the main chunk waits: the old one never goes on", function()
    local bot = reloadable.start "say 'waits' host.sleep(20) say 'never'"
    bot:tells "waits"
    bot:takes_over "host.sleep(0.1) say 'the new one'"
    bot:tells "the new one"
    bot:ends(0)
  end)
end)

describe("the main chunk of a later generation", function()
  it_tells("ends the program when it fails after it has waited", function()
    local bot, s = open()
    bot:takes_over(feed("2", nil, "host.sleep(0.02) error 'later'"))
    bot:tells "2 adopt 1 open"
    s:read_end()
    assert.equal(1, (bot:wait()))
    assert.matches("bot.lua:%d+: later\nstack traceback", bot.bot.err)
  end)

  it_tells("ends it so at once: tasks that wait then are no deadlock", function()
    local bot = reloadable.start "say 'waits' host.sleep(20)"
    bot:tells "waits"
    bot:takes_over "host.spawn(function() host.sleep(1000) end) host.sleep(0.02) error 'later'"
    assert.equal(1, (bot:wait()))
    assert.is_nil(bot.bot.err:find "deadlock")
  end)

  it_tells("may stop the program while it is loaded, when it has taken over", function()
    local bot, s = open()
    bot:takes_over(feed("2", nil, "host.stop(5) say 'loaded'"))
    s:answer_close()
    bot:tells("loaded", "2 adopt 1 open", "2 close 1001")
    bot:ends(5)
  end)
end)

describe("under a flood", function()
  local few = program.is_sanitized() -- times, which take ten times as long there
  -- The peer sends numbered messages, fragmented and whole, with pings between, while the script is replaced again and
  -- again. Each generation goes on where host.state says; all numbers are sent back.
  local source = [[
    local s = host.state("s", { n = 0 })
    ws.connect { name = "feed", url = arg[1],
      on_message = function(c, data)
        s.n = s.n + 1
        if tonumber(data) ~= s.n then say("wrong", data, s.n) end
        c:send(data)
        if s.n % 7 == 0 then host.sleep(0) end
      end,
      on_adopt = function(c) if c.id ~= 1 then say("wrong id", c.id) end end,
      on_close = function(_, code) say("close", code, s.n, host.reloads) end }
  ]]

  it_tells("no message is lost, repeated, reordered or split, and pings are answered", function()
    local p = peer.listen()
    local bot = reloadable.start(source, { p.url })
    local s = p:open()
    local TOTAL <const>, RELOADS <const> = few and 5000 or 20000, few and 25 or 100
    local answered, pongs, going = 0, 0, true
    story.beside(function()
      for i = 1, TOTAL do
        local text = tostring(i)
        local bytes = i % 3 > 0 and frame.write { payload = text }
          or frame.write { payload = text:sub(1, 1), fin = false } .. frame.write { opcode = frame.PING, payload = "p" }
          .. frame.write { opcode = frame.CONTINUATION, payload = text:sub(2) }
        if i % 5 == 0 then
          local cut = math.random(1, #bytes)
          s:send(bytes:sub(1, cut))
          s:send(bytes:sub(cut + 1))
        else
          s:post(bytes)
        end
      end
      while answered < TOTAL do
        local f = s:read_frame()
        if f.opcode == frame.PONG then
          pongs = pongs + 1
        else
          answered = answered + 1
          assert(f.payload == tostring(answered), f.payload .. " instead of " .. answered)
        end
      end
      going = false
    end)
    local reloads = 0
    while going and reloads < RELOADS do
      reloads = reloads + 1
      bot:takes_over(nil, ("reload %d: kept 1: feed"):format(reloads))
    end
    story.wait("all answers", function() return not going end)
    assert.equal(TOTAL // 3, pongs)
    s:send_close(1000)
    s:expect_close(1000)
    s:close()
    bot:tells(("close 1000 %d %d"):format(TOTAL, reloads))
    bot:ends(0)
  end)

  it_tells("memory and files stay flat over 1,000 reloads", function()
    local last = few and 200 or 1000
    local p = peer.listen()
    local bot = reloadable.start([[
      local s = host.state("s", { rows = {} })
      for i = 1, 100 do s.rows[i] = { i, tostring(i) } end
      local keep = {}
      for i = 1, 1000 do keep[i] = { i } end
      ws.connect { name = "a", url = arg[1], on_message = function(_, data) say(data, #keep) end }
      ws.connect { name = "b", url = arg[1], ping_interval = 100 }
      host.every(100, function() end, "tick")
      host.spawn(function() host.sleep(1000) end)
      if host.reloads < tonumber(arg[2]) then host.reload() else say "done" end
    ]], { p.url, tostring(last) })
    local pid, one, two = bot.bot.pid, p:open(), p:open()
    story.poll("100 reloads", function() return bot.bot.err:find "reload 100: " end)
    local memory, open_files = process.memory(pid), process.descriptors(pid)
    bot:tells "done"
    story.poll("the last reload", function() return bot.bot.err:find(("reload %d: "):format(last)) end)
    if not program.is_sanitized() then
      local now = process.memory(pid)
      assert(now < memory + 1, ("it grew from %.1f to %.1f MB"):format(memory, now))
    end
    assert(process.descriptors(pid) <= open_files)
    assert.equal(2, p.count)
    one:text "x"
    two:text "x"
    bot:tells "x 1000"
    bot:kill "sigkill"
  end)
end)
