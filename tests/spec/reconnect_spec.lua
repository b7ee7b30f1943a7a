-- reconnection: when a connection comes back by itself, when it does not, and what is told of each end.
-- Runs within the program that it tests.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"
local testing = require "wsbot.testing"

-- A bot that tells of everything, with these options, and its peer.
local function start(options, more, args)
  local p = peer.listen()
  local bot = program.bot(([[
    local clock = %s and require "wsbot.testing".clock()
    local function closed(c, code, _, r)
      say("close", code, r.attempt, r.retry_in and (r.retry_in <= 1 and "soon" or math.floor(r.retry_in)), c.state,
        r.gave_up)
    end
    local conn = ws.connect(told { url = arg[1], on_close = closed,
      on_give_up = function(c, why) say("gave up", why, c.state) end, %s })
  ]]):format(more and "true" or "false", options) .. (more or ""), { p.url, table.unpack(args or {}) })
  return bot, p
end

local quick = "reconnect = { min = 0.001, max = 0.001 },"

-- Refuses the next attempt.
local function refuse(p, status, ...)
  local s = p:accept()
  s:read_head()
  s:send(s:answer { status = ("HTTP/1.1 %d No"):format(status), lines = { "Content-Length: 0", ... } })
  s:close()
end

describe("automatic reconnection", function()
  it_tells("makes attempt after attempt, each told once", function()
    local bot, p = start(quick)
    p:open():finish()
    bot:tells("connect", "open 101", "close 1000 1 soon waiting nil")
    p:open():finish(1001)
    bot:tells("connect", "open 101", "close 1001 2 soon waiting nil")
    p:open():reset()
    bot:tells("connect", "open 101", "~^error reset", "close 1006 3 soon waiting nil")
    refuse(p, 503)
    bot:tells("connect", "~^error handshake", "close 1006 4 soon waiting nil")
    p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigterm"
  end)

  it_tells("is off unless it is asked for", function()
    local bot, p = start ""
    p:open():finish()
    bot:tells("connect", "open 101", "close 1000 1 nil closed nil")
    bot:ends(0)
  end)

  it_tells("ends with the script's own close, destroy or cancel_reconnect", function()
    for _, how in ipairs { "conn:close()", "conn:destroy()" } do
      local bot, p = start(quick .. "on_websocket_connect = function(conn) " .. how .. " end,")
      local s = p:open()
      if how == "conn:close()" then s:answer_close() else s:read_end() end
      bot:tells("connect", "~^close 100[06] 1 nil closed nil")
      bot:ends(0)
      assert.equal(1, p.count)
    end
    for _, how in ipairs { "close", "destroy", "cancel_reconnect" } do
      local bot, p = start([[reconnect = { min = 1000, max = 1000 }, on_close = function(c)
        say(c.state)
        host.after(0, function() say(c.state) c:]] .. how .. [[() say(c.state) end)
      end]])
      p:open():finish()
      bot:tells("connect", "open 101", "waiting", "waiting", "closed")
      bot:ends(0)
    end
  end)

  it_tells("is put off or hurried by the script's own reconnect: one attempt at a time", function()
    local bot, p = start([[reconnect = { min = 1000, max = 1000 }, on_close = function(c, _, _, r)
      say("close", r.attempt)
      for _ = 1, 5 do c:reconnect(0.001) end
    end]])
    for i = 1, 3 do
      p:open():finish()
      bot:tells("connect", "open 101", "close " .. i)
    end
    p:open()
    bot:tells("connect", "open 101")
    story.pause(0.05)
    assert.equal(4, p.count)
    bot:kill "sigkill"
  end)

  it_tells("waits longer each time, at random below a ceiling that doubles up to max", function()
    local bot = program.bot([[
      local clock = require "wsbot.testing".clock()
      local delays = {}
      local conn = ws.connect { url = arg[1], reconnect = { min = 1, max = 8, factor = 2 },
        on_error = function() end,
        on_close = function(_, _, _, r) delays[#delays + 1] = r.retry_in end }
      while #delays < 300 do clock:advance(10) end
      conn:close()
      local right, sum, least, most = true, 0, 1e9, 0
      for i, d in ipairs(delays) do
        right = right and d >= 0 and d <= math.min(8, 2 ^ (i - 1))
        if i > 4 then sum, least, most = sum + d, math.min(least, d), math.max(most, d) end
      end
      local mean = sum / (#delays - 4)
      say(right, mean > 3 and mean < 5, least < 1, most > 7)
    ]], { peer.dead_url() })
    bot:tells "true true true true"
    bot:ends(0)
  end)

  it("begins anew after a connection that was stable, and not after a brief one", function()
    local clock = testing.clock()
    local server = testing.server()
    local told, retry_in = {}, 0
    local conn = ws.connect { url = server.url, reconnect = { min = 1, max = 60, attempts = 3 },
      on_error = function() end,
      on_close = function(_, _, _, r)
        told[#told + 1] = ("%.1f %s"):format(r.uptime, r.retry_in ~= nil)
        retry_in = r.retry_in
      end }
    for _, up in ipairs { 1, 1, 29.9, 30, 1, 1, 1 } do
      clock:advance(retry_in)
      local s = server:accept(0)
      clock:advance(up)
      s:drop()
      clock:advance(0)
    end
    assert.same({ "1.0 true", "1.0 true", "29.9 true", "30.0 true", "1.0 true", "1.0 true", "1.0 false" }, told)
    assert.equal("closed", conn.state)
  end)

  it_tells("gives up after so many attempts in a row", function()
    local bot, p = start "reconnect = { min = 0.001, max = 0.001, attempts = 2 },"
    for i = 1, 2 do
      refuse(p, 500)
      bot:tells("connect", "~^error handshake", ("close 1006 %d soon waiting nil"):format(i))
    end
    refuse(p, 500)
    bot:tells("connect", "~^error handshake", "close 1006 3 nil closed 3 attempts failed",
      "gave up 3 attempts failed closed")
    bot:ends(0)
  end)

  for _, status in ipairs { 400, 401, 403, 404, 410 } do
    it_tells("gives up on status " .. status, function()
      local bot, p = start(quick)
      refuse(p, status)
      bot:tells("connect", "~^error handshake", "close 1006 1 nil closed status " .. status,
        ("gave up status %d closed"):format(status))
      bot:ends(0)
    end)
  end

  for _, code in ipairs { 1002, 1003, 1007, 1009, 1010 } do
    it_tells("gives up on close code " .. code, function()
      local bot, p = start(quick)
      p:open():finish(code)
      bot:tells("connect", "open 101", ("close %d 1 nil closed close code %d"):format(code, code),
        ("gave up close code %d closed"):format(code))
      bot:ends(0)
    end)
  end

  it_tells("gives up on what the script says is fatal", function()
    local fatal = "reconnect = { min = 0.001, max = 0.001, fatal = { 4004, 429 } },"
    local bot, p = start(fatal)
    p:open():finish(4005)
    bot:tells("connect", "open 101", "close 4005 1 soon waiting nil")
    p:open():finish(4004)
    bot:tells("connect", "open 101", "~^close 4004 2 nil closed", "gave up close code 4004 closed")
    bot:ends(0)
    bot, p = start(fatal)
    refuse(p, 429)
    bot:tells("connect", "~^error handshake", "~^close 1006 1 nil closed", "gave up status 429 closed")
    bot:ends(0)
  end)

  it_tells("may be overruled in on_close, and then has not given up", function()
    local bot, p = start(quick .. [[on_close = function(c, _, _, r)
      say(r.gave_up)
      if r.attempt == 1 then c:reconnect(0) end
    end]])
    refuse(p, 401)
    bot:tells("connect", "~^error handshake", "status 401")
    refuse(p, 404)
    bot:tells("connect", "~^error handshake", "status 404", "gave up status 404 closed")
    bot:ends(0)
  end)

  it_tells("waits as long as Retry-After says, in seconds or until a date", function()
    for _, value in ipairs { "120", os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + 121) } do
      local bot, p = start("reconnect = { min = 0.001, max = 0.001 },")
      refuse(p, 503, "Retry-After: " .. value)
      bot:tells("connect", "~^error handshake", "~^close 1006 1 1[12][019] waiting")
      bot:kill "sigkill"
    end
  end)

  it_tells("waits an hour at most, however far off Retry-After is", function()
    for _, value in ipairs { "3601", "99999999999999999999", "Fri, 31 Dec 2199 23:59:59 GMT" } do
      local bot, p = start "reconnect = { min = 0.001, max = 0.001 },"
      refuse(p, 503, "Retry-After: " .. value)
      bot:tells("connect", "~^error handshake", "~^close 1006 1 3600 waiting")
      bot:kill "sigkill"
    end
  end)

  it_tells("stops with the program", function()
    local bot, p = start "reconnect = { min = 1000, max = 1000 },"
    p:open():finish()
    bot:tells("connect", "open 101", "~^close 1000 1 %d+ waiting")
    bot:kill "sigint"
    bot:ends(0)
  end)

  it_tells("keeps what was sent meanwhile with queue = \"always\"", function()
    local bot, p = start(quick .. "queue = 'always', on_close = function(c) c:send 'from between' end")
    p:open():finish()
    p:open():expect_text "from between"
    bot:kill "sigkill"
  end)
end)

describe("url and headers functions", function()
  it_tells("are called for every attempt, may wait, and get the connection", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect(told { reconnect = { min = 0.001, max = 0.001 },
        url = function(c) n = n + 1 host.sleep(0.001) return arg[1] .. "/" .. n .. "?" .. tostring(c.state) end,
        headers = function() host.sleep(0.001) return { Token = "t" .. n } end })
    ]], { p.url })
    for i = 1, 3 do
      local s = p:open()
      assert.equal(("/%d?connecting"):format(i), s.request.target)
      assert.same({ "t" .. i }, s.request.headers.token)
      s:finish()
      bot:tells("connect", "open 101", 'close 1000 ""')
    end
    bot:kill "sigkill"
  end)

  it_tells("that fail count as a failed attempt", function()
    local bot, p = start(quick .. [[headers = function(c)
      host.sleep(0.001)
      tries = (tries or 0) + 1
      if tries < 3 then error("no token " .. tries) end
    return {} end,]])
    bot:tells("~^error callback .*no token 1", "close 1006 1 soon waiting nil")
    bot:tells("~^error callback .*no token 2", "close 1006 2 soon waiting nil")
    p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigkill"
  end)

  it_tells("that fail are told with a traceback, line by line, to on_error as to the log", function()
    local source = [[
      local function headers() error "no token" end
      ws.connect { url = "ws://127.0.0.1:1", headers = headers, on_error = arg[1] and function(_, word, message)
        io.stdout:write(word, " ", message)
      end }
    ]]
    local trace = "no token\nstack traceback:\n\t[^\n]+\n\t.-bot.lua:1: in function"
    local bot = program.bot(source, { "told" })
    bot:wait()
    assert.matches("^callback .-bot.lua:1: " .. trace, bot.out)
    bot = program.bot(source)
    bot:wait()
    assert.matches("callback: .-bot.lua:1: " .. trace, bot.err)
  end)

  it_tells("that give nonsense count as a failed attempt", function()
    local bot = start [[url = function() host.sleep(0) return "http://no" end,]]
    bot:tells("~^error callback .*url", "close 1006 1 nil closed nil")
    bot:ends(0)
    bot = start [[headers = function() return { Upgrade = "x" } end,]]
    bot:tells("~^error callback .*Upgrade", "close 1006 1 nil closed nil")
    bot:ends(0)
  end)

  it_tells("have connect_timeout, and are cancelled", function()
    local bot = start [[connect_timeout = 0.05, url = function()
      local x <close> = setmetatable({}, { __close = function() say "cancelled" end })
      host.sleep(1000)
    end,]]
    bot:tells("cancelled", "~^error timeout .*url and headers functions.*connect_timeout",
      "close 1006 1 nil closed nil")
    bot:ends(0)
  end)

  it_tells("are given up when the script closes meanwhile", function()
    local bot = start([[url = function() host.sleep(1000) end,]], [[
      host.sleep(0)
      clock:close()
      conn:close()
    ]])
    bot:tells "close 1006 1 nil closed nil"
    bot:ends(0)
  end)

  it_tells("wait until the callbacks of the last attempt have ended", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { reconnect = { min = 0.001, max = 0.001 },
        url = function() say "url" return arg[1] end,
        on_close = function() say "closing" host.sleep(0.05) say "closed" end })
    ]], { p.url })
    p:open():finish()
    bot:tells("url", "connect", "open 101", "closing", "closed", "url")
    bot:kill "sigkill"
  end)
end)

describe("the record of a close", function()
  -- What the bot tells of these fields of the record, as patterns.
  local function tells_of(name, options, act, fields, patterns)
    it_tells(name, function()
      local p = peer.listen()
      local bot = program.bot(([[
        ws.connect { url = arg[1], on_error = function() end, %s,
          on_close = function(_, code, _, r)
            say(code)
            for field in ("%s"):gmatch "%%S+" do
              local value = r[field]
              say(field, math.type(value) == "float" and ("%%.2f"):format(value) or value)
            end
          end }
      ]]):format(options, fields), { p.url })
      act(p, bot)
      for _, pattern in ipairs(patterns) do bot:tells(pattern) end
      bot:ends(0)
    end)
  end

  tells_of("says where a connection broke, and with what error of the system", "close_timeout = 1", function(p)
    local s = p:open()
    s:text "x"
    s:reset()
  end, "phase error system attempt sent since_in since_out since_ping retry_in", {
    "1006", "phase open", "error reset", "system ECONNRESET", "attempt 1", "sent nil", "~since_in %d+%.%d%d",
    "~since_out %d+%.%d%d", "since_ping nil", "retry_in nil",
  })

  tells_of("says that nothing was ever heard", "handshake_timeout = 0.05", function(p)
    p:accept():read_head()
  end, "phase error system since_in since_out uptime", {
    "1006", "phase handshake", "error timeout", "system nil", "since_in nil", "~since_out %d+%.%d%d", "uptime 0.00",
  })

  tells_of("says how long a ping has been waiting", "ping_interval = 0.05, pong_timeout = 0.1", function(p)
    p:open()
  end, "phase error since_ping", { "1006", "phase open", "error ping_timeout", "~since_ping %d+%.%d%d" })

  tells_of("says for how long our own loop did not turn", [[on_message = function(c)
    local t = host.now()
    while host.now() - t < 0.15 do end
  end]], function(p)
    local s = p:open()
    s:text "work"
    s:finish()
  end, "phase lag", { "1000", "phase open", "~lag %d*%.[1-9]" })

  for when, options in pairs {
    ["when it has nothing else to do"] = "pong_timeout = 60",
    ["beside its pings"] = "ping_interval = 0.1, pong_timeout = 60",
    ["when a timer is far away"] = "pong_timeout = (host.after(0.1, function() end) and 60)",
  } do
    tells_of("says for how long the program was stopped by a signal, " .. when, options, function(p, bot)
      local s = p:open()
      s:text "x"
      story.pause(0.1)
      bot:kill "sigstop"
      story.pause(1.5)
      s:send_close(1000) -- which wakes it before any timer
      bot:kill "sigcont"
      repeat
        local f = s:read_frame()
      until f.opcode == frame.CLOSE
      s:close()
    end, "phase lag", { "1000", "phase open", "~lag [1-9]" })
  end

  it_tells("says who did not answer a connect", function()
    for url, expected in pairs {
      [peer.dead_url()] = "1006 connect connect ECONNREFUSED",
      ["ws://no-such-host.invalid"] = "~^1006 dns dns E",
    } do
      local bot = program.bot([[
        ws.connect { url = arg[1], on_error = function() end,
          on_close = function(_, code, _, r) say(code, r.phase, r.error, r.system) end }
      ]], { url })
      bot:tells(expected)
      bot:ends(0)
    end
  end)
end)

describe("liveness is honest", function()
  local function answer_pings(s)
    story.beside(function()
      while story.wait("a ping, or the end", function() return s.ended and "ended" or #s.input >= 6 and "ping" end) ==
        "ping" do
        s:expect(frame.PING)
        s:pong()
      end
    end)
  end

  it_tells("a handler that keeps the loop busy longer than pong_timeout does not end the connection", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 1, on_pong = function() end,
        on_message = function()
          local t = host.now()
          while host.now() - t < 1.3 do end
          say "awake"
        end })
    ]], { p.url })
    local s = p:open()
    s:expect(frame.PING)
    s:text "work"
    s:pong()
    answer_pings(s)
    bot:tells("connect", "open 101", "awake")
    s:text "work"
    bot:tells "awake"
    s:text "work"
    bot:tells "awake"
    bot:kill "sigkill"
  end)

  it_tells("messages that wait for their turns longer than pong_timeout do not end the connection", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 0.3, on_pong = function() end,
        on_message = function()
          n = n + 1
          local t = host.now()
          while host.now() - t < 0.001 do end
          if n == 1000 then say "all" end
        end })
    ]], { p.url })
    local s = p:open()
    s:expect(frame.PING)
    s:post(frame.write({ payload = "work" }):rep(1000))
    s:pong()
    answer_pings(s)
    bot:tells("connect", "open 101", "all")
    bot:kill "sigkill"
  end)

  it_tells("a program that was stopped for a while does not blame its peer", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], ping_interval = 0.05, pong_timeout = 1, on_pong = function() end })
    ]], { p.url })
    local s = p:open()
    bot:tells("connect", "open 101")
    answer_pings(s)
    for _ = 1, 2 do
      bot:kill "sigstop"
      story.pause(1.3)
      bot:kill "sigcont"
      story.pause(0.1)
    end
    s:text "still there?"
    bot:tells 'text "still there?"'
    bot:kill "sigkill"
  end)

  it_tells("an answer to the handshake that came while the loop was busy counts", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], handshake_timeout = 1, on_connect = function()
        say "connect"
        host.sleep(0.02)
        say "busy"
        local t = host.now()
        while host.now() - t < 1.3 do end
      end })
    ]], { p.url })
    local s = p:accept()
    s:read_head()
    bot:tells("connect", "busy")
    s:send(s:answer())
    bot:tells "open 101"
    bot:kill "sigkill"
  end)
end)
