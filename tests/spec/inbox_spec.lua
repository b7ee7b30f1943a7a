-- inbox: messages that wait for their script: conn:receive, conn:messages, max_receive_buffer, pause and resume.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

-- A bot that runs `source` with `conn`, and the session of its peer.
local function start(source, options)
  local p = peer.listen()
  local bot = program.bot(("local conn = ws.connect { url = arg[1], %s }\n"):format(options or "") .. source, { p.url })
  return bot, p:open(), p
end

describe("conn:receive", function()
  it_tells("waits for the connection, and gives message after message with their kinds", function()
    local bot, s = start [[
      say(conn.state)
      for _ = 1, 3 do say(conn:receive()) end
      conn:close()
    ]]
    bot:tells "connecting"
    s:text "a"
    bot:tells "a text"
    s:binary "b"
    s:text ""
    bot:tells("b binary", " text")
    s:answer_close()
    bot:ends(0)
  end)

  it_tells("has what came before it was called", function()
    local bot, s = start [[
      repeat host.sleep(0.001) until conn.messages_in == 2
      for data in conn:messages() do say(data) end
    ]]
    s:send(frame.write { payload = "one" } .. frame.write { payload = "two" })
    bot:tells("one", "two")
    s:finish()
    bot:ends(0)
  end)

  it_tells("gives up after its timeout, and gets what comes later", function()
    local bot, s = start [[
      say(conn:receive(0))
      say(conn:receive(0.01))
      conn:send "ready"
      say(conn:receive(100))
      conn:close()
    ]]
    bot:tells("nil timeout", "nil timeout")
    s:expect_text "ready"
    s:text "here"
    bot:tells "here text"
    s:answer_close()
    bot:ends(0)
  end)

  it_tells("gives what is left after the connection has closed, then closed, again and again", function()
    local bot, s = start [[
      repeat host.sleep(0.001) until conn.state == "closed"
      for _ = 1, 4 do say(conn:receive()) end
    ]]
    s:text "one"
    s:text "two"
    s:finish()
    bot:tells("one text", "two text", "nil closed", "nil closed")
    bot:ends(0)
  end)

  it_tells("is told closed where the connection cannot be made", function()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], on_error = function() end }
      say(conn:receive())
    ]], { peer.dead_url() })
    bot:tells "nil closed"
    bot:ends(0)
  end)

  it_tells("is told closed when the script itself closes or destroys", function()
    for _, how in ipairs { "close", "destroy" } do
      local bot, s = start(([[
        host.spawn(function() say(conn:receive()) end)
        host.spawn(function() say(conn:receive(100)) end)
        while conn.state ~= "open" do host.sleep(0) end
        conn:%s()
      ]]):format(how))
      if how == "close" then s:answer_close() else s:read_end() end
      bot:tells("nil closed", "nil closed")
      bot:ends(0)
    end
  end)

  it_tells("gives each message to one of those who wait, the first to come first", function()
    local bot, s = start [[
      for i = 1, 3 do host.spawn(function() for data in conn:messages() do say(i, data) end end) end
      host.sleep(0)
      say "all wait"
    ]]
    bot:tells "all wait"
    for i, data in ipairs { "a", "b", "c", "d" } do
      s:text(data)
      bot:tells(("%d %s"):format((i - 1) % 3 + 1, data))
    end
    s:finish()
    bot:ends(0)
  end)

  it_tells("works in callbacks of the same connection: a login in on_websocket_connect", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1],
        on_websocket_connect = function(c)
          c:send "login"
          say("answer", c:receive(5))
          c:send "subscribe"
          c.on_message = function(_, data) say("message", data) end
          host.sleep(0.02)
          say "done"
        end,
        on_close = function(c) c.on_message = nil say("closed", c:receive()) end }
    ]], { p.url })
    local s = p:open()
    s:expect_text "login"
    s:text "welcome"
    s:text "early"
    bot:tells "answer welcome text"
    s:expect_text "subscribe"
    s:text "later"
    bot:tells("done", "message early", "message later")
    s:send_close(1000)
    s:expect_close(1000)
    s:close()
    bot:tells "closed nil closed"
    bot:ends(0)
  end)

  it_tells("is an error where there is an on_message, also for those who wait when it is set", function()
    local bot, s = start [[
      host.spawn(function() say(pcall(conn.receive, conn)) end)
      host.sleep(0.01)
      conn.on_message = function(_, data) say("on_message", data) end
      say(pcall(conn.receive, conn))
    ]]
    bot:tells("~^false .*conn:receive: the connection has an on_message", "~^false .*has an on_message")
    s:text "x"
    bot:tells "on_message x"
    s:finish()
    bot:ends(0)
  end)

  it_tells("waits on through reconnection, and no message between is lost", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], reconnect = { min = 0.001, max = 0.001 } }
      for data in conn:messages() do
        host.sleep(0.01)
        say(data)
        if data == "end" then conn:close() end
      end
      say "over"
    ]], { p.url })
    local s = p:open()
    for i = 1, 5 do s:text("first " .. i) end
    s:finish()
    s = p:open()
    s:text "second"
    s:text "end"
    for i = 1, 5 do bot:tells("first " .. i) end
    bot:tells("second", "end")
    s:answer_close()
    bot:tells "over"
    bot:ends(0)
  end)

  it_tells("loses and doubles none where a finalizer receives as well: that cannot wait, and may not", function()
    local bot, s = start [[
      local got, refused = {}
      local function leave_garbage()
        setmetatable({}, { __gc = function()
          local ok, data = pcall(conn.receive, conn, 0)
          if ok then got[#got + 1] = data else refused = data end
          leave_garbage()
        end })
      end
      repeat host.sleep(0.001) until conn.messages_in == 200
      leave_garbage()
      for data in conn:messages() do
        got[#got + 1] = data
        leave_garbage()
      end
      local seen, count = {}, 0
      for i = 1, #got do
        local number = got[i]:sub(1, 3)
        if not seen[number] then count = count + 1 end
        seen[number] = true
      end
      say(#got, count)
      say(refused)
    ]]
    for i = 101, 300 do s:text(i .. ("x"):rep(10000)) end
    s:finish()
    bot:tells("200 200", "~conn:receive: cannot wait here")
    bot:ends(0)
  end)

  it_tells("takes seconds", function()
    local bot = program.bot [[
      local conn = ws.connect { url = "ws://127.0.0.1:1" }
      say(pcall(conn.receive, conn, -1))
      say(pcall(conn.receive, conn, "soon"))
      conn:close()
    ]]
    bot:tells("~seconds must be a number, 0 or more", "~number expected, got string")
    bot:ends(0)
  end)
end)

describe("what is held", function()
  it_tells("goes to a later on_message, in order", function()
    local bot, s = start [[
      repeat host.sleep(0.001) until conn.messages_in == 5
      conn:ping()
      function conn.on_pong() conn.on_message = function(_, data) say(data) end end
    ]]
    for i = 1, 5 do s:text(tostring(i)) end
    s:expect(frame.PING)
    s:pong()
    bot:tells("1", "2", "3", "4", "5")
    s:finish()
    bot:ends(0)
  end)

  it_tells("does not keep back other events", function()
    local bot, s = start([[ say "main" ]], [[
      on_ping = function(_, data) say("ping", data) end,
      on_close = function(_, code) say("close", code) end,
    ]])
    s:text "nobody takes this"
    s:ping "p"
    s:text "nor this"
    s:expect(frame.PONG, "p")
    s:finish()
    bot:tells("main", "ping p", "close 1000")
    bot:ends(0)
  end)

  it_tells("has no gap where the script closes while it is full, and makes room then", function()
    local bot, s = start([[
      repeat host.sleep(0.001) until conn.messages_in == 1
      conn:close()
      repeat host.sleep(0.001) until conn.messages_in == 2
      say(conn:receive())
      say(conn:receive())
    ]], "max_receive_buffer = 1")
    s:text "one"
    s:expect(frame.CLOSE)
    s:text "two, which nobody has room for"
    bot:tells "one text"
    s:text "three, behind it"
    s:send_close(1000)
    bot:tells "nil closed"
    s:close()
    bot:ends(0)
  end)

  it_tells("is no more than max_receive_buffer: then the socket is not read, until there is room", function()
    local p, control = peer.listen(), peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], max_receive_buffer = 100000 }
      local control = ws.connect { url = arg[2] }
      control:receive()
      say(conn.bytes_in < 1 << 20)
      local n = 0
      for data in conn:messages() do n = n + 1 end
      say(n)
      control:close()
    ]], { p.url, control.url })
    local s, orders = p:open(), control:open()
    local message, sent = frame.write { payload = ("x"):rep(1000) }, 0
    story.beside(function()
      for _ = 1, 50 do
        s:send(message:rep(1000))
        sent = sent + 1
      end
      s:send_close(1000)
    end)
    local last
    story.poll("the peer to be held up", function()
      local same = last == sent
      last = sent
      if same then story.pause(0.3) end
      return same and last == sent
    end)
    assert.is_true(sent < 40)
    orders:text "go on"
    bot:tells("true", "50000")
    s:expect_close(1000)
    s:close()
    orders:answer_close()
    bot:ends(0)
  end)

  it_tells("counts what comes while a callback waits, and all of it is told", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n, slow = 0, true
      ws.connect { url = arg[1], max_receive_buffer = 50000, on_message = function()
        n = n + 1
        if slow then slow = false host.sleep(0.1) end
      end, on_close = function(_, code) say(n, code) end }
    ]], { p.url })
    local s = p:open()
    for _ = 1, 100 do s:send(frame.write { payload = ("x"):rep(1000) }:rep(100)) end
    s:finish()
    bot:tells "10000 1000"
    bot:ends(0)
  end)

  it_tells("is told by turns, with those of others in between, in order, and also as the bot stops", function()
    local bot, s = start([[
      local luv = require "luv"
      local turns, n, before = 0, 0
      local each = luv.new_prepare()
      each:start(function() turns = turns + 1 end)
      each:unref()
      function conn.on_message(_, data)
        n = n + 1
        assert(data == tostring(n))
        if n == 1 then
          conn:send "behind"
          repeat host.sleep(0.001) until conn.messages_in == 1000
          before = turns
          host.stop()
        end
        local over = luv.hrtime() + 1000000
        repeat until luv.hrtime() > over
        if n == 1000 then say(turns - before >= 4 and "4 turns at least" or turns - before) end
      end
      function conn.on_close() say "closed" end
    ]], "close_timeout = 0.01")
    s:text "1"
    s:expect_text "behind"
    for n = 2, 1000 do
      s:text(tostring(n))
    end
    bot:tells("4 turns at least", "closed")
    bot:ends(0)
  end)
end)

describe("conn:pause", function()
  it_tells("holds messages until conn:resume, and receive has what was there", function()
    local bot, s = start([[
      conn:receive()
      conn:pause()
      conn:send "paused"
      host.sleep(0.05)
      say(conn.messages_in)
      conn:resume()
      say(conn:receive())
    ]])
    s:text "first"
    s:expect_text "paused"
    s:text "second"
    bot:tells("1", "second text")
    s:finish()
    bot:ends(0)
  end)

  it_tells("inside a waiting callback holds what follows it too", function()
    local bot, s = start([[
      host.on_stop(function() end)
    ]], [[
      on_message = function(c, data)
        say(data)
        if data == "pause" then
          c:pause()
          host.sleep(0.01)
          host.after(0.05, function() say "resume" c:resume() end)
        end
      end,
    ]])
    s:send(frame.write { payload = "pause" } .. frame.write { payload = "a" } .. frame.write { payload = "b" })
    bot:tells("pause", "resume", "a", "b")
    s:finish()
    bot:ends(0)
  end)

  it_tells("keeps what came before the peer was gone, though nothing can be sent any more", function()
    local bot, s = start("", [[
      on_error = function(_, word) say(word) end,
      on_message = function(c, data)
        if data ~= "go" then return say(data) end
        c:pause()
        c:send "paused"
        for _ = 1, 40 do
          c:send "to nobody"
          host.sleep(0.005)
        end
        c:resume()
      end,
    ]])
    s:text "go"
    s:expect_text "paused"
    s:send(frame.write { payload = "one" } .. frame.write { payload = "two" })
    s:reset()
    bot:tells("one", "two", "reset")
    bot:ends(0)
  end)
end)
