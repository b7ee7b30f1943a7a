-- rotation: a connection changes its transport without a gap: the next one logs in beside the old one, takes its place,
-- and hears no less than it. And what a script learns of a gap that nobody had planned.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

-- A bot that tells which transport each event came from. What the peer says is done: "rotate", "send TEXT", "close",
-- "destroy", "look". `options` are more of ws.connect's.
local source = [[
  local function tell(name)
    return function(c, ...)
      say(name, c.rotation, ...)
    end
  end
  local login = %s
  local conn
  conn = ws.connect { url = arg[1], name = "feed", rotate = { overlap = 0.2 }, %s
    on_connect = tell "connect",
    on_websocket_connect = function(c)
      say("open", c.rotation)
      if login then login(c) end
      say("logged in", c.rotation)
    end,
    on_overlap = function(c, old)
      say("overlap", c.rotation, old.rotation)
      c:send "hello on the next"
      old:send "good bye on the old"
      kept = old
    end,
    on_message = function(c, data)
      local word, rest = data:match "^(%%a+) ?(.*)$"
      if word == "rotate" then say("rotate", c:rotate())
      elseif word == "send" then c:send(rest)
      elseif word == "close" then c:close()
      elseif word == "destroy" then c:destroy()
      elseif word == "end" then say("end", kept:close(4001, "over"), kept:send "x")
      elseif word == "look" then say("look", c.id == id, c.rotation, c.state, c.messages_in, c.messages_out)
      else say("message", c.rotation, data) end
    end,
    on_gap = function(c, seconds) say("gap", c.rotation, seconds > 0 and seconds < 60) end,
    on_error = function(c, word) say("error", c.rotation, word) end,
    on_close = function(c, code, reason, record) say("close", c.rotation, code, reason, record.attempt) end }
  id = conn.id
]]

local function start(options, login, flags)
  local p = peer.listen()
  local bot = program.bot(source:format(login or "nil", options or ""), { p.url }, { flags = flags })
  local first = p:open()
  bot:tells("connect 1", "open 1")
  if not login then bot:tells "logged in 1" end
  return bot, p, first
end

-- Both transports are there: the first, and the second, which has taken its place.
local function overlap(options)
  local bot, p, first = start(options)
  first:text "rotate"
  bot:tells "rotate true"
  local second = p:open()
  bot:tells("connect 2", "open 2", "logged in 2", "overlap 2 1")
  second:expect_text "hello on the next"
  first:expect_text "good bye on the old"
  return bot, p, first, second
end

local function refuse(p, ...)
  local s = p:accept()
  s:read_head()
  s:send(s:answer { status = "HTTP/1.1 503 Later", lines = { "Content-Length: 0", ... } })
  s:close()
end

describe("rotation", function()
  it_tells("has both transports heard, in the order in which it comes, and closes the old one with 1000", function()
    local bot, _, first, second = overlap()
    first:text "one"
    bot:tells "message 1 one"
    second:text "two"
    bot:tells "message 2 two"
    first:text "three"
    bot:tells "message 1 three"
    first:text "send by a callback of the old"
    second:expect_text "by a callback of the old"
    first:finish()
    second:text "look"
    bot:tells "look true 2 open 6 3"
    second:text "close"
    second:finish()
    bot:tells "close 2 1000  2"
    bot:ends(0)
  end)

  it_tells("keeps what is sent on the old one until the next has logged in", function()
    local bot, p, first = start("", [[function(c)
      c:send("login " .. c.rotation)
      if c.rotation == 2 then host.future():wait(0.2) end
    end]])
    bot:tells "logged in 1"
    first:expect_text "login 1"
    first:text "rotate"
    bot:tells "rotate true"
    local second = p:accept()
    first:text "send while it connects"
    first:expect_text "while it connects"
    second:upgrade()
    bot:tells("connect 2", "open 2")
    second:expect_text "login 2"
    first:text "heard during the login"
    bot:tells "message 1 heard during the login"
    first:text "send during the login"
    first:expect_text "during the login"
    bot:tells("logged in 2", "overlap 2 1")
    second:expect_text "hello on the next"
    bot:kill "sigterm"
  end)

  it_tells("lets a login receive from the next one, while a reader has what comes from the old one", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], on_websocket_connect = function(c)
        c:send "who?"
        say("login", c.rotation, c:receive())
      end }
      conn:opened()
      for data in conn:messages() do
        if data == "rotate" then conn:rotate() end
        say(data, conn.rotation)
      end
      say "over"
    ]], { p.url })
    local first = p:open():text "you are one"
    bot:tells "login 1 you are one text"
    first:text "rotate"
    bot:tells "rotate 1"
    local second = p:open()
    second:expect_text "who?"
    first:text "old"
    bot:tells "old 1"
    second:text "you are two"
    bot:tells "login 2 you are two text"
    first:text "old again"
    bot:tells "old again 2"
    second:text "new"
    bot:tells "new 2"
    second:finish()
    bot:tells "over"
    first:close()
    bot:ends(0)
  end)

  it_tells("that fails is an on_error alone: the old one stays, and another try comes", function()
    local bot, p, first = start "reconnect = { min = 0.001, max = 0.001 },"
    first:text "rotate"
    bot:tells "rotate true"
    refuse(p)
    bot:tells("connect 2", "error 2 handshake")
    local second = p:accept()
    bot:tells "connect 2"
    first:text "look"
    bot:tells "look true 1 open 2 0"
    second:upgrade()
    bot:tells("open 2", "logged in 2", "overlap 2 1")
    bot:kill "sigterm"
  end)

  it_tells("that fails in its login has failed, too", function()
    local bot, p, first = start("reconnect = { min = 0.001, max = 0.001 },", [[function(c)
      if c.rotation == 2 and not twice then twice = true; say("drained", c:drain(), host.future():wait(0.05)) end
    end]])
    bot:tells "logged in 1"
    first:text "rotate"
    bot:tells "rotate true"
    p:open():reset()
    bot:tells("connect 2", "open 2", "drained true nil timeout", "logged in 2", "error 2 reset")
    p:open()
    bot:tells("connect 2", "open 2", "logged in 2", "overlap 2 1")
    bot:kill "sigterm"
  end)

  it_tells("calls nothing when the old one ends in the overlap", function()
    for _, how in ipairs { "reset", "close" } do
      local bot, _, first, second = overlap()
      first[how](first)
      second:text "after it"
      bot:tells "message 2 after it"
      second:text "close"
      second:finish()
      bot:tells "close 2 1000  2"
      bot:ends(0)
    end
  end)

  -- The server has ended the old transport while the next one logs in. `go` ends the login.
  local function end_during_login(code, reason, options)
    local path = place.folder() .. "/go"
    local bot, p, first = start(options or "reconnect = { min = 100, max = 100 },", ([[function(c)
      if c.rotation == 1 then return end
      host.spawn(function()
        while c.state == "open" or c.state == "closing" do host.sleep(0.005) end
        if not is_gone then is_gone = true; say "gone" end
      end)
      while not io.open(%q) do host.sleep(0.005) end
    end]]):format(path))
    bot:tells "logged in 1"
    first:text "rotate"
    bot:tells "rotate true"
    local second = p:open()
    bot:tells("connect 2", "open 2")
    first:finish(code, reason)
    bot:tells "gone"
    return bot, second, function() place.file(path, "") end, p
  end

  it_tells("goes on where the server ends the old one while the next one logs in", function()
    local bot, second, go = end_during_login(4000)
    go()
    bot:tells "logged in 2"
    second:text "look"
    bot:tells "~^look true 2 open"
    bot:kill "sigterm"
  end)

  it_tells("tells how the old one ended where the next one fails then", function()
    local bot, second, go = end_during_login(4000, "kicked")
    second:reset()
    bot:tells "close 1 4000 kicked 1"
    go()
    bot:tells("logged in 2", "error 2 reset")
    bot:kill "sigterm"
  end)

  it_tells("waits for that login, however soon the connection would be opened again", function()
    local bot, second, go = end_during_login(4000, "kicked", "reconnect = { min = 0.001, max = 0.001 },")
    go()
    bot:tells "logged in 2"
    second:text "look"
    bot:tells "~^look true 2 open"
    bot:kill "sigterm"
    local p
    bot, second, go, p = end_during_login(4000, "kicked", "reconnect = { min = 0.001, max = 0.001 },")
    second:reset()
    bot:tells "close 1 4000 kicked 1"
    p:open()
    bot:tells("connect 2", "open 2")
    go()
    local seen = {}
    repeat seen[bot:line()] = true until seen["gap 2 true"] and seen["error 2 reset"]
    bot:kill "sigterm"
  end)

  it_tells("has an on_error of the next one speak to the one in place", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], rotate = {},
        on_error = function(c) say("error", c.rotation, c.state, c:send "still here") end,
        on_message = function(c) c:rotate() end }
    ]], { p.url })
    local first = p:open():text "rotate"
    refuse(p)
    first:expect_text "still here"
    bot:tells "error 2 open true"
    bot:kill "sigterm"
  end)

  it_tells("ends both with 1000 by close, and drops one that is under way", function()
    local bot, _, first, second = overlap "close_timeout = 20,"
    second:text "close"
    first:expect_close(1000)
    second:expect_close(1000)
    first:close()
    second:close()
    bot:tells "close 2 1006  2"
    bot:ends(0)
    local p
    bot, p, first = start()
    first:text "rotate"
    bot:tells "rotate true"
    second = p:accept()
    second:read_head()
    bot:tells "connect 2"
    first:text "close"
    first:finish()
    second:expect_end()
    bot:tells "close 1 1000  1"
    bot:ends(0)
  end)

  it_tells("ends early by the handle of the old one, which then sends nothing", function()
    local bot, _, first, second = overlap "rotate = { overlap = 1000 },"
    second:text "end"
    bot:tells "end true nil closed"
    first:expect_close(4001)
    first:close()
    second:text "close"
    second:finish()
    bot:tells "close 2 1000  2"
    bot:ends(0)
  end)

  it_tells("comes by itself, again and again, after `every` seconds", function()
    local bot, p = start "rotate = { every = 0.05, overlap = 0 }, close_timeout = 0.01,"
    local last
    for number = 2, 5 do
      last = p:open()
      bot:tells("connect " .. number, "open " .. number, "logged in " .. number, "overlap " .. number .. " "
        .. number - 1)
      last:expect_text "hello on the next"
    end
    bot:kill "sigterm"
  end)

  it_tells("is refused where nothing is open", function()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], on_error = function() end }
      say(conn:rotate())
      conn:destroy()
      say(conn:rotate())
      for _, wrong in ipairs { { every = 0 }, { every = "a day" }, { overlap = -1 }, { evry = 1 }, true } do
        say((select(2, pcall(ws.connect, { url = arg[1], rotate = wrong })):gsub("^.-: ", "")))
      end
    ]], { "ws://127.0.0.1:" .. peer.dead_port() })
    bot:tells("nil not_open", "nil closed", "~rotate.every", "~rotate.every", "~rotate.overlap",
      "~'rotate.every'", "~rotate")
    bot:ends(0)
  end)

  it_tells("tells of all that is written, also on the old one; what that never sends is in the record", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], max_send_buffer = 1000000, rotate = { overlap = 0 }, close_timeout = 0.1,
        on_overlap = function(c) say("overlap", c.buffered_amount > 500000) end,
        on_close = function(_, code, _, record) say("close", code, record.unsent_bytes > 500000) end,
        on_drain = function(c) if c.rotation == 2 then say "drain" end end,
        on_message = function(c)
          repeat -- until the system takes no more
            while c:send(("x"):rep(100000)) do end
            local before = c.buffered_amount
            host.sleep(0.1)
          until c.buffered_amount == before
          say("full", c:rotate())
          host.spawn(function() say("drained", c:drain()) end)
        end }
    ]], { p.url })
    p:open():text("fill"):stop_reading()
    bot:tells "full true"
    local second = p:open()
    bot:tells("overlap true", "drain", "drained true")
    second:finish()
    bot:tells "close 1000 true"
    bot:ends(0)
  end)

  it_tells("that is dropped calls nothing more, whatever its callback waits for", function()
    for _, how in ipairs { "close", "destroy" } do
      local p = peer.listen()
      local bot = program.bot(([[
        local conn = ws.connect { url = arg[1],
          on_connect = function(c) if c.rotation == 2 then host.spawn(c.%s, c) host.sleep(0.05) say "connected" end end,
          on_websocket_connect = function(c) say("open", c.rotation) if c.rotation == 1 then c:rotate() end end,
          on_message = function(c, data) say(c.rotation, data) end,
          on_close = function(c, code) say("close", code) end }
        conn:opened()
        say(conn:rotate())
      ]]):format(how), { p.url })
      local first = p:open()
      bot:tells("open 1", "true")
      p:accept():upgrade():post "\x81\x03two"
      if how == "close" then first:finish() end
      bot:tells("~^close 100", "connected")
      bot:ends(0)
    end
  end)

  it_tells("that is destroyed while its login waits lets go of that", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1],
        on_websocket_connect = function(c) if c.rotation == 2 then say("login", c:receive()) end end,
        on_close = function(c, code) say("close", code) end }
      conn:opened()
      conn:rotate()
      conn:receive()
      conn:destroy()
    ]], { p.url })
    local first = p:open()
    p:open()
    first:text "now"
    bot:tells("close 1006", "login nil closed")
    bot:ends(0)
  end)

  it_tells("that is closed with a Close in its login has failed, and says so", function()
    local bot, p, first = start("reconnect = { min = 0.001, max = 0.001 },",
      "function(c) if c.rotation == 2 then c:drain() host.future():wait(0.05) end end")
    bot:tells "logged in 1"
    first:text "rotate"
    bot:tells "rotate true"
    p:open():finish(4001, "who?")
    bot:tells("connect 2", "open 2", "logged in 2", "error 2 handshake")
    bot:kill "sigterm"
  end)

  it_tells("leaves nothing behind that was queued for the old one, or had come on it", function()
    local bot, second, go = end_during_login(4000, "kicked", [[reconnect = { min = 100, max = 100 }, queue = "always",
      headers = host.every(0.005, function()
        if is_gone and not sent then sent = true; say("sent", conn:send "queued") end
      end) and nil,]])
    bot:tells "sent true"
    second:text "held until the login is over"
    go()
    bot:tells "logged in 2"
    bot:tells "~^message 2 held until"
    second:expect_text "queued"
    bot:kill "sigterm"
    local p, first
    bot, p, first = start "rotate = { overlap = 1000 },"
    first:text "rotate"
    bot:tells "rotate true"
    second = p:open()
    bot:tells("connect 2", "open 2", "logged in 2", "overlap 2 1")
    first:text "one":text "two"
    second:text "rotate"
    local seen = { bot:line(), bot:line(), bot:line() }
    table.sort(seen) -- whichever of the two is read first
    assert.same({ "message 1 one", "message 1 two", "rotate true" }, seen)
    first:expect_text "good bye on the old"
    first:expect_close(1000)
    first:close()
    p:open()
    bot:tells("connect 3", "open 3", "logged in 3", "overlap 3 2")
    bot:kill "sigterm"
  end)
end)

describe("a reload", function()
  -- `again`: what the next generation is.
  local function saved(options, again)
    local folder = place.folder()
    local path = folder .. "/bot.lua"
    local text = program.prelude .. source:format("nil", options or "")
    place.file(path, text)
    local p = peer.listen()
    local bot = program.script(path, { p.url }, { flags = { "--watch" } })
    local first = p:open()
    bot:tells("connect 1", "open 1", "logged in 1")
    first:text "rotate"
    bot:tells "rotate true"
    return bot, p, first, function() place.file(path, text .. (again or 'say "again"')) end
  end

  it_tells("drops a next one that connects", function()
    local bot, p, first, save = saved()
    local second = p:accept()
    second:read_head()
    bot:tells "connect 2"
    save()
    bot:tells "again"
    second:expect_end()
    first:text "rotate"
    bot:tells "rotate true"
    p:open()
    bot:tells("connect 2", "open 2", "logged in 2", "overlap 2 1")
    bot:kill "sigterm"
  end)

  it_tells("takes over both, and the old one is closed in time", function()
    local bot, p, first, save = saved("rotate = { overlap = 0.5 },")
    local second = p:open()
    bot:tells("connect 2", "open 2", "logged in 2", "overlap 2 1")
    first:expect_text "good bye on the old"
    save()
    bot:tells "again"
    first:text "from the old"
    bot:tells "message 1 from the old"
    second:text "from the next"
    bot:tells "message 2 from the next"
    first:finish()
    bot:kill "sigterm"
  end)
end)

describe("on_gap", function()
  it_tells("tells how long the connection was gone, once it is back, and not of ends that were planned", function()
    local bot, p, first = start "reconnect = { min = 0.001, max = 0.001 },"
    first:reset()
    bot:tells("error 1 reset", "close 1 1006  1")
    refuse(p)
    bot:tells("connect 2", "error 2 handshake", "close 2 1006  2")
    local second = p:open()
    bot:tells("connect 2", "open 2", "logged in 2", "gap 2 true")
    second:text "rotate"
    bot:tells "rotate true"
    local third = p:open()
    bot:tells("connect 3", "open 3", "logged in 3", "overlap 3 2")
    third:expect_text "hello on the next"
    third:text "close"
    third:finish()
    bot:tells "close 3 1000  4"
    second:close()
    bot:ends(0)
  end)
end)
