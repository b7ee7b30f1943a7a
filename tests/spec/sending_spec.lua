-- sending: what a script may rely on when it sends: while it is not open, in which order, what becomes of what waits
-- when the connection ends, and how it is paced.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

-- Starts a bot with a peer, whose url is arg[1].
local function start(source, options)
  local p = peer.listen()
  return program.bot(source, { p.url }, options), p
end

local function text(data, more)
  local f = { opcode = frame.TEXT, payload = data }
  for name, value in pairs(more or {}) do
    f[name] = value
  end
  return frame.write(f)
end

-- Reads a message of any number of frames: its opcode, its data, and the sizes of its frames.
local function read_message(s)
  local f = s:read_frame()
  local opcode, parts, sizes = f.opcode, { f.payload }, { #f.payload }
  while not f.fin do
    f = s:read_frame()
    assert.equal(frame.CONTINUATION, f.opcode)
    parts[#parts + 1], sizes[#sizes + 1] = f.payload, #f.payload
  end
  return opcode, table.concat(parts), sizes
end

describe("what is sent while it is not open", function()
  -- In each state that a connection goes through: what send answers, and what came of it.
  local states = [[
    local second = false
    local conn
    local function tries(what) say(what, conn.state, conn:send(what)) end
    conn = ws.connect { url = arg[1], queue = arg[2],
      on_connect = function() tries(second and "again" or "transport") end,
      on_close = function(c)
        tries "ended"
        if second then return end
        second = true
        c:reconnect(0.01)
        tries "between"
      end }
    tries "early"
  ]]

  local function goes_through(queue, answers, first, last)
    it_tells(('is treated as queue = "%s" says in each state'):format(queue or "connecting"), function()
      local p = peer.listen()
      local bot = program.bot(states, { p.url, queue })
      local s = p:open()
      for _, data in ipairs(first) do
        s:expect_text(data)
      end
      s:finish()
      s = p:open()
      for _, data in ipairs(last) do
        s:expect_text(data)
      end
      s:finish()
      bot:tells(table.unpack(answers))
      bot:ends(0)
    end)
  end

  goes_through(nil, { "early connecting true", "transport connecting true", "ended closed nil closed",
    "between waiting nil not_open", "again connecting true", "ended closed nil closed" }, { "early", "transport" },
    { "again" })
  goes_through("always", { "early connecting true", "transport connecting true", "ended closed nil closed",
    "between waiting true", "again connecting true", "ended closed nil closed" }, { "early", "transport" },
    { "between", "again" })
  goes_through("never", { "early connecting nil not_open", "transport connecting nil not_open",
    "ended closed nil closed", "between waiting nil not_open", "again connecting nil not_open",
    "ended closed nil closed" }, {}, {})

  it_tells('is "closed" in the closing handshake, and after the end', function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], queue = "always" }
      conn:opened()
      conn:close()
      say(conn.state, conn:send "x")
      conn:receive()
      say(conn.state, conn:send "x")
      say(conn.state, conn:send_text "x")
      say(conn.state, conn:send_binary "x")
      say(conn.state, conn:ping())
    ]]
    p:open():answer_close()
    bot:tells("closing nil closed", "closed nil closed", "closed nil closed", "closed nil closed", "closed nil closed")
    bot:ends(0)
  end)

  it_tells("is not kept for another attempt, but with \"always\"", function()
    for queue, expected in pairs { connecting = "fresh", always = "stale" } do
      local p = peer.listen()
      local bot = program.bot([[
        local tries = 0
        local conn = ws.connect { url = arg[1], queue = arg[2], reconnect = { min = 0.01, max = 0.01 },
          on_connect = function(c)
            tries = tries + 1
            if tries == 2 then c:send "fresh" end
          end,
          on_close = function(_, _, _, record) say(record.unsent_messages, record.unsent_bytes) end }
        conn:send "stale"
      ]], { p.url, queue })
      p:accept():close()
      local s = p:open()
      s:expect_text(expected)
      if queue == "always" then s:expect_text "fresh" end
      bot:tells(queue == "always" and "0 0" or "1 5")
      bot:kill "sigterm"
      s:answer_close()
      bot:tells "0 0"
      bot:ends(0)
    end
  end)

  it_tells('is told as unsent where no attempt is to come, and goes out where on_close asks for one with "always"',
    function()
      local bot, p = start [[
        local again = true
        local conn = ws.connect { url = arg[1], queue = "always", on_error = print, on_close = function(c, _, _, record)
          say(record.unsent_messages, record.unsent_bytes, c.buffered_amount > 0)
          if again then c:reconnect() end
          again = false
        end }
        conn:send "kept"
      ]]
      p:accept():close()
      bot:tells("~reset", "1 4 true")
      local s = p:open()
      s:expect_text "kept"
      s:finish()
      bot:tells "0 0 false"
      bot:ends(0)
    end)

  it_tells("is an option of three words", function()
    local bot = program.bot [[
      for _, wrong in ipairs { "sometimes", "Always", true, 1, {} } do
        print(select(2, pcall(ws.connect, { url = "ws://127.0.0.1:1/", queue = wrong })))
      end
    ]]
    for _ = 1, 5 do
      bot:tells '~queue.*"connecting", "always" or "never"'
    end
    bot:ends(0)
  end)
end)

describe("what on_websocket_connect sends", function()
  it_tells("goes before all that is sent meanwhile, waits included, until it returns", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_websocket_connect = function(c)
        c:send "login 1"
        host.after(0, function() c:send "timer" end)
        host.sleep(0.02)
        c:send "login 2"
        host.spawn(function() c:send "task" end):join()
        c:send_binary("login 3")
        host.sleep(0)
        c:send "login 4"
      end }
      conn:send "queued"
      conn:opened()
      conn:send "opener"
    ]]
    local s = p:open()
    s:expect_text "login 1"
    s:expect_text "login 2"
    s:expect_binary "login 3"
    s:expect_text "login 4"
    s:expect_text "queued"
    s:expect_text "opener"
    s:expect_text "timer"
    s:expect_text "task"
    s:finish()
    bot:ends(0)
  end)

  it_tells("goes before what on_connect sends when it is open already", function()
    local bot, p = start [[
      ws.connect { url = arg[1], on_websocket_connect = function(c) c:send "login" end,
        on_connect = function(c)
          c:opened()
          c:send "late"
        end }
    ]]
    local s = p:open()
    s:expect_text "login"
    s:expect_text "late"
    s:finish()
    bot:ends(0)
  end)

  it_tells("does not keep an on_connect waiting that awaits the answer to what it sent, where there is none", function()
    local bot, p = start [[
      ws.connect { url = arg[1], on_connect = function(c)
        c:send "hello"
        say(c:receive())
      end }
    ]]
    local s = p:open()
    s:expect_text "hello"
    s:text "welcome"
    bot:tells "welcome text"
    s:finish()
    bot:ends(0)
  end)

  it_tells("goes first where it fails, too, and what waited follows", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_error = function(_, word) say(word) end,
        on_websocket_connect = function(c)
          c:send "login"
          c:receive()
          error "no"
        end }
      conn:send "queued"
    ]]
    local s = p:open()
    s:expect_text "login"
    s:text "answer"
    s:expect_text "queued"
    bot:tells "callback" -- at once, not when something else happens
    s:finish()
    bot:ends(0)
  end)

  it_tells("may be awaited by conn:drain, while others' messages wait for it", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_websocket_connect = function(c)
        c:send "login"
        say("login", c:drain())
        c:send "more"
      end }
      conn:send "queued"
      conn:opened()
      say("other", conn:drain())
    ]]
    local s = p:open()
    s:expect_text "login"
    s:expect_text "more"
    s:expect_text "queued"
    bot:tells("login true", "other true")
    s:finish()
    bot:ends(0)
  end)

  it_tells("is followed by what waited when it closes", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1],
        on_websocket_connect = function(c)
          c:send "login"
          c:close(4001, "enough")
          say(c:send "more")
        end,
        on_close = function(_, code, _, record) say(code, record.unsent_messages) end }
      conn:send "queued"
    ]]
    local s = p:open()
    s:expect_text "login"
    s:expect_text "queued"
    s:answer_close()
    bot:tells("nil closed", "4001 0")
    bot:ends(0)
  end)

  it_tells("does not reach the next connection", function()
    for queue in pairs { connecting = true, always = true } do
      local p = peer.listen()
      local bot = program.bot([[
        local first = true
        ws.connect { url = arg[1], queue = arg[2], reconnect = { min = 0.01, max = 0.01 },
          on_websocket_connect = function(c)
            if not first then return c:send "the second's" end
            first = false
            c:send "login"
            repeat host.sleep(0.005) until c.state ~= "open"
            say("send", c:send "second half")
            say("binary", c:send_binary "second half")
            say("ping", c:ping "second half")
            say("drain", c:drain())
            say("opened", (c:opened()))
            say("receive", c:receive())
          end }
      ]], { p.url, queue })
      local s = p:open()
      s:expect_text "login"
      s:close()
      s = p:open()
      s:expect_text "the second's"
      bot:tells("send nil closed", "binary nil closed", "ping nil closed", "drain nil closed", "opened nil",
        "receive nil closed")
      bot:kill "sigterm"
      s:answer_close()
      bot:ends(0)
    end
  end)

  it_tells("of a message's callback that still waits is refused as well, and on_close may send to the next", function()
    local bot, p = start [[
      local conn
      conn = ws.connect { url = arg[1], queue = "always", reconnect = { min = 0.01, max = 0.01 },
        on_message = function(c, data)
          repeat host.sleep(0.005) until conn.state ~= "open" and conn.state ~= "closing"
          say(data, c:send(data))
        end,
        on_close = function(c) say("on_close", c:send "from on_close") end }
    ]]
    local s = p:open()
    s:send(text "a" .. text "b" .. frame.write { opcode = frame.CLOSE, payload = frame.close_payload(1000) })
    s:expect_close(1000)
    s:close()
    bot:tells("a nil closed", "b nil closed", "on_close true")
    s = p:open()
    s:expect_text "from on_close"
    bot:kill "sigterm"
    s:answer_close()
    bot:tells "~^on_close"
    bot:ends(0)
  end)
end)

describe("what was never sent", function()
  local record = [[
    local function tell(c, code, _, record)
      say(code, record.unsent_messages, record.unsent_bytes, c.buffered_amount)
    end
  ]]

  it_tells("is nothing where all was written", function()
    local bot, p = start(record .. [[
      local conn = ws.connect { url = arg[1], on_close = tell }
      conn:send "x"
    ]])
    local s = p:open()
    s:expect_text "x"
    s:finish()
    bot:tells "1000 0 0 0"
    bot:ends(0)
  end)

  it_tells("is what was queued when an attempt fails", function()
    local port = peer.dead_port()
    local bot = program.bot(record .. [[
      local conn = ws.connect { url = arg[1], on_close = tell,
        on_error = function(c) say(c.buffered_amount > 10) end }
      conn:send "12345"
      conn:send "67890"
    ]], { "ws://127.0.0.1:" .. port })
    bot:tells("true", "1006 2 10 0")
    bot:ends(0)
  end)

  it_tells("is what was queued when the script ends the attempt", function()
    for _, method in ipairs { "close", "destroy", "reconnect" } do
      local bot = start(record .. ([[
        local conn = ws.connect { url = arg[1], on_close = function(c, ...) c:cancel_reconnect() tell(c, ...) end }
        conn:send "12345"
        conn:METHOD()
      ]]):gsub("METHOD", method))
      bot:tells "1006 1 5 0"
      if method == "reconnect" then bot:kill "sigkill" else bot:ends(0) end
    end
  end)

  it_tells("is what destroy() finds unwritten", function()
    local bot, p = start(record .. [[
      local conn = ws.connect { url = arg[1], on_close = tell }
      conn:opened()
      for _ = 1, 3 do conn:send_binary "1234" end
      conn:destroy()
    ]])
    p:open()
    bot:tells "1006 3 30 0" -- the heads of their frames included
    bot:ends(0)
  end)

  it_tells("is what waits for a login when the peer closes", function()
    local bot, p = start(record .. [[
      local conn = ws.connect { url = arg[1], on_close = tell, on_websocket_connect = function(c)
        c:send "login"
        repeat host.sleep(0.005) until c.state == "closing"
        say "logged in"
      end }
      conn:send "12345"
    ]])
    local s = p:open()
    s:expect_text "login"
    s:send(frame.write { opcode = frame.CLOSE, payload = frame.close_payload(1000) })
    s:expect_close(1000)
    bot:tells "logged in"
    s:close()
    bot:tells "1000 1 5 0"
    bot:ends(0)
  end)

  -- A peer that does not read; then it ends in different ways.
  local backlog = record .. [[
    local conn = ws.connect { url = arg[1], on_close = tell, close_timeout = 0.1,
      on_error = function(c, word) say(word, c.buffered_amount > 0) end }
    conn:opened()
    for _ = 1, 12 do conn:send_binary(("x"):rep(1024 * 1024)) end
    host.sleep(0)
    say "sent"
    conn:receive()
  ]]

  local function check(bot, code)
    local line = bot:line()
    local got, messages, bytes, buffered = line:match "^(%d+) (%d+) (%d+) (%d+)$"
    assert.equal(code, got, line)
    assert.equal("0", buffered)
    messages, bytes = tonumber(messages), tonumber(bytes)
    assert.is_true(messages >= 1 and messages <= 12, line)
    assert.is_true(bytes > 0 and bytes <= 12 * (1024 * 1024 + 14) + 8, line)
    assert.is_true(math.abs(messages - bytes / (1024 * 1024)) <= 1, line)
  end

  it_tells("is the backlog at a peer's Close", function()
    local bot, p = start(backlog)
    local s = p:accept()
    s:read_head()
    s:stop_reading()
    s:send(s:answer())
    bot:tells "sent"
    s:send_close(1000)
    check(bot, "1000")
    bot:ends(0)
  end)

  it_tells("is the backlog at a reset", function()
    local bot, p = start(backlog)
    local s = p:accept()
    s:read_head()
    s:stop_reading()
    s:send(s:answer())
    bot:tells "sent"
    s:reset()
    bot:tells "reset true"
    check(bot, "1006")
    bot:ends(0)
  end)

  it_tells("is the backlog at our own close", function()
    local bot, p = start((backlog:gsub("conn:receive%(%)", "conn:close()")))
    local s = p:accept()
    s:read_head()
    s:stop_reading()
    s:send(s:answer())
    bot:tells "sent"
    check(bot, "1006")
    bot:ends(0)
  end)
end)

describe("on_drain", function()
  it_tells("comes each time after more than 64 KB waited, also where the system takes them at once", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_drain = function(c) say("drain", c.buffered_amount) end }
      conn:opened()
      for _, size in ipairs { 1000, 64 * 1024 - 14, 64 * 1024 + 1, 200000 } do
        conn:send(("x"):rep(size))
        conn:drain()
        host.sleep(0)
        say(size)
      end
    ]]
    local s = p:open()
    for _, size in ipairs { 1000, 64 * 1024 - 14, 64 * 1024 + 1, 200000 } do
      s:expect_text(("x"):rep(size))
    end
    bot:tells("1000", "65522", "drain 0", "65537", "drain 0", "200000")
    s:finish()
    bot:ends(0)
  end)

  it_tells("comes after what was queued before the handshake", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_drain = function(c) say("drain", c.buffered_amount) end }
      conn:send(("x"):rep(100000))
    ]]
    local s = p:open()
    s:expect_text(("x"):rep(100000))
    bot:tells "drain 0"
    s:finish()
    bot:ends(0)
  end)

  it_tells("lets a script pace itself by buffered_amount", function()
    local bot, p = start [[
      local sent = 0
      local conn = ws.connect { url = arg[1] }
      local function fill(c)
        while c.buffered_amount < 100000 and sent < 100 do
          sent = sent + 1
          c:send(("x"):rep(50000))
        end
        if sent == 100 then c:close() end
      end
      conn.on_websocket_connect, conn.on_drain = fill, fill
    ]]
    local s = p:open()
    for _ = 1, 100 do
      s:expect_text(("x"):rep(50000))
    end
    s:answer_close()
    bot:ends(0)
  end)
end)

describe("conn:drain", function()
  it_tells("waits until all is written", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1] }
      conn:opened()
      say(conn:drain())
      for _ = 1, 12 do conn:send_binary(("x"):rep(1024 * 1024)) end
      say(conn:drain(0.01))
      say(conn:drain(0))
      say(conn:drain(), conn.buffered_amount)
    ]]
    local s = p:accept()
    s:read_head()
    s:stop_reading()
    s:send(s:answer())
    bot:tells("true", "nil timeout", "nil timeout")
    s:start_reading()
    s:read(12 * (1024 * 1024 + 14))
    bot:tells "true 0"
    s:finish()
    bot:ends(0)
  end)

  it_tells("has a word where it is not open", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_close = function(c) c:reconnect(60) end }
      say(conn.state, conn:drain())
      conn:send "x"
      say(conn.state, conn:drain())
      conn:opened()
      conn:send "y"
      say(conn.state, conn:drain())
      conn:messages()
      while conn.state ~= "waiting" do host.sleep(0.005) end
      say(conn.state, conn:drain())
      conn:cancel_reconnect()
      say(conn.state, conn:drain())
      say(pcall(conn.drain, conn, -1))
    ]]
    local s = p:open()
    s:expect_text "x"
    s:expect_text "y"
    s:finish()
    bot:tells("connecting true", "connecting nil not_open", "open true", "waiting true", "closed true",
      "~false.*seconds must be a number, 0 or more")
    bot:ends(0)
  end)

  it_tells("is \"closed\" when the connection ends first, whatever becomes of it", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], reconnect = { min = 0.01, max = 0.01 }, on_error = function() end }
      conn:opened()
      for _ = 1, 12 do conn:send_binary(("x"):rep(1024 * 1024)) end
      host.sleep(0)
      say "sent"
      say(conn:drain())
      conn:destroy()
    ]]
    local s = p:accept()
    s:read_head()
    s:stop_reading()
    s:send(s:answer())
    bot:tells "sent"
    s:reset()
    bot:tells "nil closed"
    bot:ends(0)
  end)
end)

describe("conn:opened", function()
  it_tells("waits until it is open", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1] }
      say(conn:opened())
      say(conn.state, conn:opened())
      conn:send "hello"
    ]]
    local s = p:open()
    s:expect_text "hello"
    s:finish()
    bot:tells("true", "open true")
    bot:ends(0)
  end)

  it_tells("tells why it does not open, and then nobody else needs to", function()
    local bot, p = start([[
      local conn = ws.connect { url = arg[1] }
      say(conn:opened())
      say(conn:opened(1))
    ]], { flags = { "--strict" } })
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
    bot:tells("~^nil handshake .*403", "~^nil handshake .*403")
    bot:ends(0)
    assert.equal("", bot.err)
  end)

  it_tells("waits on through reconnections, and ends with its timeout or the connection", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], reconnect = { min = 0.01, max = 0.01 }, on_error = function() end }
      say(conn:opened(0))
      say(conn:opened())
      conn:close()
      say(conn:opened())
    ]]
    p:accept():close()
    p:accept():close()
    p:open():answer_close()
    bot:tells("nil timeout the connection is not open yet", "true", "nil closed the connection is closed")
    bot:ends(0)
  end)

  it_tells("has who waited reading when a message comes with the answer", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1] }
      conn:opened()
      for data in conn:messages() do say(data, conn:send(data)) end
    ]]
    local s = p:accept()
    s:read_head()
    s:send(s:answer { behind = text "a" .. text "b" .. frame.write { opcode = 0xB } })
    s:expect_text "a"
    s:expect_text "b"
    s:expect_close(1002)
    bot:tells("a true", "b true")
    s:close()
    bot:ends(0)
  end)

  it_tells("in on_close tells of the attempt that ended, not of the one that is to come", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_error = function() end, on_close = function(c)
        c:reconnect(60)
        say(c:opened())
        c:cancel_reconnect()
      end }
    ]]
    p:accept():close()
    bot:tells "~^nil reset "
    bot:ends(0)
  end)
end)

describe("conn.closed", function()
  it_tells("is nil, then how the last attempt ended", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], on_close = function(c) say("in on_close", c.closed.code) end }
      say(conn.closed)
      conn:opened()
      say(conn.closed)
      while conn:receive() do end
      local closed = conn.closed
      say(closed.code, closed.reason, closed.record.phase, closed.record.unsent_messages)
      say(pcall(function() conn.closed = 1 end))
    ]]
    p:open():finish(4000, "bye")
    bot:tells("nil", "nil", "in on_close 4000", "4000 bye open 0", "~^false.*closed")
    bot:ends(0)
  end)

  it_tells("stays while the next attempt is under way", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], reconnect = { min = 0.01, max = 0.01 } }
      say(conn:receive())
      say(conn.closed.code)
      conn:close()
    ]]
    p:open():finish(4000)
    local s = p:open()
    s:text "second"
    s:answer_close()
    bot:tells("second text", "4000")
    bot:ends(0)
  end)
end)

describe("local conn <close>", function()
  it_tells("closes when it goes out of scope", function()
    local bot, p = start [[
      do
        local conn <close> = ws.connect { url = arg[1], on_close = function(_, code) say("closed", code) end }
        conn:opened()
        conn:send "last words"
      end
      say "behind"
    ]]
    local s = p:open()
    s:expect_text "last words"
    assert.same({ 1000, "" }, { s:answer_close() })
    bot:tells("behind", "closed 1000")
    bot:ends(0)
  end)

  it_tells("closes when an error leaves it, and does not mind one that is closed", function()
    local bot, p = start [[
      say(pcall(function()
        local conn <close> = ws.connect { url = arg[1] }
        conn:opened()
        error("oops", 0)
      end))
      local conn <close> = ws.connect { url = arg[1] }
      conn:opened()
      conn:destroy()
    ]]
    p:open():answer_close()
    p:open()
    bot:tells "false oops"
    bot:ends(0)
  end)
end)

describe("conn:reconnect", function()
  it_tells("closes with its code and reason first", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1] }
      conn:opened()
      conn:reconnect(0.01, 4002, "moving")
      say(conn.state)
      conn:receive(0.01)
      say(conn:opened())
      conn:reconnect()
    ]]
    local s = p:open()
    assert.same({ 4002, "moving" }, { s:answer_close() })
    bot:tells "closing"
    s = p:open()
    assert.same({ 1000, "" }, { s:answer_close() })
    p:open()
    bot:kill "sigkill"
    bot:wait()
  end)

  it_tells("refuses what may not be sent in a Close", function()
    local bot = program.bot [[
      local conn = ws.connect { url = "ws://127.0.0.1:1/", on_error = function() end }
      say(pcall(conn.reconnect, conn, 1, 1005))
      say(pcall(conn.reconnect, conn, 1, 4000, ("x"):rep(124)))
      say(pcall(conn.reconnect, conn, 1, 4000, "\xff"))
      say(pcall(conn.reconnect, conn, -1))
      conn:destroy()
    ]]
    bot:tells("~^false.*close code", "~^false.*123 bytes", "~^false.*UTF%-8", "~^false.*0 or more")
    bot:ends(0)
  end)
end)

describe("fragment_size", function()
  it_tells("has longer messages leave in fragments of that size", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], fragment_size = 4 }
      conn:send "1234"
      conn:send "12345678"
      conn:send_binary "123456789"
      conn:send "äöüß€" -- cut within its characters
      conn:send ""
      conn:opened()
      say(conn:send "ok but \xff not")
      conn:ping "longer than that"
      conn:send "12345"
    ]]
    local s = p:open()
    local function expect(opcode, data, ...)
      local got, all, sizes = read_message(s)
      assert.same({ opcode, data, { ... } }, { got, all, sizes })
    end
    expect(frame.TEXT, "1234", 4)
    expect(frame.TEXT, "12345678", 4, 4)
    expect(frame.BINARY, "123456789", 4, 4, 1)
    expect(frame.TEXT, "äöüß€", 4, 4, 3)
    expect(frame.TEXT, "", 0)
    expect(frame.PING, "longer than that", 16)
    expect(frame.TEXT, "12345", 4, 1)
    bot:tells "nil invalid_utf8"
    s:finish()
    bot:ends(0)
  end)

  it_tells("cuts what is compressed, with the bit on its first frame alone", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], fragment_size = 5, compression = { threshold = 1 } }
      conn:send "HelloHello, hello: and other things beside it"
      conn:send "Hello"
    ]]
    local s = p:open { with = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    local function fragments()
      local sizes, rsv = {}, {}
      repeat
        local f
        story.wait("a frame", function()
          local size
          f, size = frame.read(s.input)
          if f then s.input = s.input:sub(size + 1) end
          return f
        end)
        sizes[#sizes + 1], rsv[#rsv + 1] = #f.payload, f.rsv
      until f.fin
      return sizes, rsv
    end
    local sizes, rsv = fragments()
    assert.is_true(#sizes > 2)
    for i = 1, #sizes do
      assert.equal(i == 1 and 4 or 0, rsv[i])
      if i < #sizes then assert.equal(5, sizes[i]) end
    end
    fragments()
    s:finish()
    bot:ends(0)
  end)

  it_tells("leaves room for the heads of many small ones, and loses nothing that was queued", function()
    local bot, p = start [[
      local conn = ws.connect { url = arg[1], fragment_size = 1, max_send_buffer = 600000 }
      say(conn:send_binary(("x"):rep(400000)))
      conn:opened()
      say(conn:drain())
      say(conn:send_binary(("y"):rep(600000)))
    ]]
    local s = p:open()
    local function skip(size)
      local all = s:read(size * 7)
      assert.equal(0x80, all:byte(-7))
    end
    skip(400000)
    skip(600000)
    bot:tells("true", "true", "true")
    s:finish()
    bot:ends(0)
  end)

  it_tells("is a number of bytes", function()
    local bot = program.bot [[
      for _, wrong in ipairs { 0, -1, "x", true } do
        print(select(2, pcall(ws.connect, { url = "ws://127.0.0.1:1/", fragment_size = wrong })))
      end
    ]]
    for _ = 1, 4 do
      bot:tells "~fragment_size"
    end
    bot:ends(0)
  end)
end)

describe("a reload", function()
  local function version(name, options, more)
    local source = [[
      conn = ws.connect { name = "feed", url = arg[1], OPTIONS
        on_adopt = function(c) say("NAME adopts", c.state) end,
        on_close = function(_, code, _, record) say("NAME closed", code, record.unsent_messages) end }
      MORE
    ]]
    return (source:gsub("%u%u%u%u+", { NAME = name, OPTIONS = options or "", MORE = more or "" }))
  end

  local function ends(bot, s)
    bot:kill "sigterm"
    s:answer_close()
  end

  it_tells("takes over a queue, and what the next one sends goes behind it", function()
    local p = peer.listen()
    local bot = reloadable.start(version("1", nil, 'conn:send "old"'), { p.url })
    local s = p:accept()
    s:read_head()
    bot:takes_over(version("2", nil, 'conn:send "new"'))
    bot:tells "2 adopts connecting"
    s:send(s:answer())
    s:expect_text "old"
    s:expect_text "new"
    ends(bot, s)
    bot:tells "2 closed 1001 0"
    bot:ends(0)
  end)

  it_tells("cuts a login off: what waited for it goes out", function()
    local p = peer.listen()
    local login = "on_websocket_connect = function(c) c:send 'login' host.sleep(60) c:send 'more' end,"
    local bot = reloadable.start(version("1", login, 'conn:send "old"'), { p.url })
    local s = p:open()
    s:expect_text "login"
    bot:takes_over(version("2", login, 'conn:send "new"'))
    bot:tells "2 adopts open"
    s:expect_text "old"
    s:expect_text "new"
    ends(bot, s)
    bot:tells "2 closed 1001 0"
    bot:ends(0)
  end)

  it_tells("applies another fragment_size and queue", function()
    local p = peer.listen()
    local bot = reloadable.start(version "1", { p.url })
    local s = p:open()
    bot:takes_over(version("2", "fragment_size = 3, queue = 'never',", 'say(conn:send "staged")'))
    bot:tells("nil not_open", "2 adopts open")
    bot:takes_over(version("3", "fragment_size = 3,", 'say(conn:send "staged")'))
    bot:tells("true", "3 adopts open")
    local opcode, data, sizes = read_message(s)
    assert.same({ frame.TEXT, "staged", { 3, 3 } }, { opcode, data, sizes })
    ends(bot, s)
    bot:tells "3 closed 1001 0"
    bot:ends(0)
  end)

  it_tells("that asks for a reconnection closes with its code", function()
    local p = peer.listen()
    local bot = reloadable.start(version "1", { p.url })
    local s = p:open()
    bot:takes_over(version("2", nil, 'conn:reconnect(0.01, 4003, "anew")'))
    assert.same({ 4003, "anew" }, { s:answer_close() })
    bot:tells("2 adopts closing", "2 closed 4003 0")
    s = p:open()
    ends(bot, s)
    bot:tells "2 closed 1001 0"
    bot:ends(0)
  end)

  it_tells("keeps conn.closed, and has who drains go on", function()
    local p = peer.listen()
    local bot = reloadable.start(version("1", "reconnect = { min = 0.01, max = 0.01 },"), { p.url })
    p:open():finish(4000)
    bot:tells "1 closed 4000 0"
    local s = p:open()
    bot:takes_over(version("2", "reconnect = { min = 0.01, max = 0.01 },",
      "host.spawn(function() host.sleep(0) say(conn.closed.code, conn:drain(), conn:opened()) end)"))
    bot:tells "~."
    bot:tells "~."
    ends(bot, s)
    bot:tells "2 closed 1001 0"
    bot:ends(0)
  end)
end)

describe("--strict", function()
  local strict = { flags = { "--strict" } }

  it_tells("ends with status 1 for a failure that nobody heard", function()
    local bot = program.bot("ws.connect { url = '" .. peer.dead_url() .. "' }", {}, strict)
    bot:complains "connect"
    bot:ends(1)
  end)

  it_tells("ends with 0 where on_error heard it, or another attempt went well", function()
    local dead = "'" .. peer.dead_url() .. "'"
    local bot = program.bot("ws.connect { url = " .. dead .. ", on_error = function() end }", {}, strict)
    bot:ends(0)
    local p
    bot, p = start("ws.connect { url = arg[1], reconnect = { min = 0.01, max = 0.01 } }", strict)
    p:accept():close()
    local s = p:open()
    bot:kill "sigterm"
    s:answer_close()
    bot:ends(0)
    bot, p = start([[
      local first = true
      ws.connect { url = arg[1], on_close = function(c)
        if first then c:reconnect() end
        first = false
      end }
    ]], strict)
    p:accept():close()
    p:open():finish()
    bot:ends(0)
  end)

  it_tells("does not mind ends that are no failure", function()
    local bot, p = start("ws.connect { url = arg[1] }", strict)
    p:open():finish(1000)
    bot:ends(0)
    bot, p = start("ws.connect { url = arg[1] }:close()", strict)
    bot:ends(0)
    assert.equal(0, p.count)
  end)
end)

describe("response:all", function()
  it_tells("is a list of every line of that name, in any case", function()
    local bot, p = start [[
      ws.connect { url = arg[1], on_websocket_connect = function(_, r)
        say(table.concat(r:all "Set-Cookie", "|"))
        say(table.concat(r:all "SET-cookie", "|"))
        say(#r:all "X-None", #r:all "upgrade")
        r:all("set-cookie")[1] = "changed"
        say(r:all("set-cookie")[1], r.headers["set-cookie"])
        for name in pairs(r) do if name == "all" then say "seen" end end
        say(pcall(r.all, r))
        say(pcall(r.all, "set-cookie"))
      end }
    ]]
    local s = p:open { with = { "Set-Cookie: a=1", "X-One: x", "set-cookie: b=2, c" } }
    s:finish()
    bot:tells("a=1|b=2, c", "a=1|b=2, c", "0 1", "a=1 a=1, b=2, c", "~false.*name of a header, not nil", "~^false")
    bot:ends(0)
  end)
end)
