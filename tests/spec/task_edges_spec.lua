-- tasks, inbox and coroutines, where they once went wrong.
local frame = require "support.frame"
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

-- These texts as messages, and what follows them, in one piece, so that they are there at once.
local function texts(messages, behind)
  local bytes = {}
  for i, data in ipairs(messages) do
    bytes[i] = frame.write { payload = data }
  end
  return table.concat(bytes) .. (behind or "")
end

local closing = frame.write { opcode = frame.CLOSE, payload = frame.close_payload(1000) }

describe("coroutines that wait for the host", function()
  it_prints("may wait twice, however many locals the function has that resumes them", [[
    for n = 0, 60 do
      local names = {}
      for i = 1, n do names[i] = "a" .. i end
      local source = "local function f(" .. table.concat(names, ", ") .. ") return (coroutine.resume(coroutine.create("
        .. "function() host.sleep(0) host.sleep(0) end))) end return f()"
      local ok, result = host.spawn(load(source)):join()
      if not ok or not result then say("not with", n) end
    end
    say "fine"
  ]], "fine")

  local refusal = "~^false .*cannot close a coroutine that waits for the host"

  it_prints("cannot be closed while they sleep, and sleep on", [[
    local co = coroutine.create(function() host.sleep(0.02) say "slept" return "result" end)
    host.spawn(function() say(coroutine.resume(co)) say(coroutine.status(co)) end)
    host.sleep(0)
    say(pcall(coroutine.close, co))
    collectgarbage()
  ]], refusal, "slept", "true result", "dead")

  it_prints("cannot be closed while they join a task", [[
    local go
    local task = host.spawn(function() repeat host.sleep(0) until go return "joined" end)
    local co = coroutine.create(function() return task:join() end)
    host.spawn(function() say(coroutine.resume(co)) end)
    host.sleep(0)
    say(pcall(coroutine.close, co))
    collectgarbage()
    go = true
  ]], refusal, "true true joined")

  it_tells("cannot be closed while they receive, and get their message", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1] }
      local co = coroutine.create(function() return conn:receive() end)
      host.spawn(function() say(coroutine.resume(co)) conn:close() end)
      host.sleep(0)
      say(pcall(coroutine.close, co))
      collectgarbage()
      conn:send "ready"
    ]], { p.url })
    local s = p:open()
    s:expect_text "ready"
    bot:tells(refusal)
    s:text "here"
    bot:tells "true here text"
    s:answer_close()
    bot:ends(0)
  end)

  for what, start in pairs { ["a task"] = "host.spawn(", ["a callback of a timer"] = "host.after(0, " } do
    it_prints("can be neither closed nor resumed by others where they are those of " .. what, [[
      local co, go
      ]] .. start .. [[function()
        co = coroutine.running()
        repeat host.sleep(0) until go
        say "went on"
      end)
      repeat host.sleep(0) until co
      say(pcall(coroutine.close, co))
      say(coroutine.resume(co, 1, 2))
      say(coroutine.status(co))
      for _ = 1, 3 do collectgarbage() end
      go = true
    ]], refusal, "~^false .*waits for the host", "suspended", "went on")
  end
end)

describe("coroutine.wrap", function()
  it_prints("refuses a dead coroutine as plain Lua does", [[
    local f = coroutine.wrap(function() host.sleep(0) return "once" end)
    say(f())
    say(pcall(f))
  ]], "once", "~^false .*cannot resume dead coroutine$")

  it_prints("refuses the coroutine that runs, which goes on with its values", [[
    local f
    f = coroutine.wrap(function(a)
      local kept, sum = {}, 0
      local ok, message = pcall(f)
      for i = 1, 100 do kept[i] = { i } sum = sum + #kept end
      collectgarbage()
      return sum, a, ok, message
    end)
    say(pcall(f, "arg"))
  ]], "~^true 5050 arg false .*cannot resume non%-suspended coroutine$")

  it_prints("closes nothing in the coroutine that runs, however often it is refused", [[
    local f
    f = coroutine.wrap(function()
      local _ <close> = setmetatable({}, { __close = function() say "closed" end })
      local t = {}
      for i = 1, 3 do t[i] = pcall(f) end
      say(table.unpack(t))
      coroutine.yield "first"
      say "second"
    end)
    say(pcall(f))
    say(pcall(f))
    say(pcall(f))
  ]], "false false false", "true first", "second", "closed", "true", "~^false .*cannot resume dead coroutine$")
end)

describe("task:cancel", function()
  it_prints("from a <close> variable that it runs, 20,000 deep, does not overflow the stack", [[
    local tasks, n, closed = {}, 20000, 0
    for i = 1, n do
      tasks[i] = host.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          closed = closed + 1
          if tasks[i + 1] then tasks[i + 1]:cancel() end
        end })
        host.sleep(1000)
      end)
    end
    host.sleep(0)
    tasks[1]:cancel()
    for i = 1, n do tasks[i]:join() end
    say("done", closed)
  ]], "done 20000")

  it_prints("answers false where it does nothing, as the task runs", [[
    local a, b
    a = host.spawn(function() host.sleep(0) b:cancel() say "a goes on" return "a" end)
    b = host.spawn(function()
      local _ <close> = setmetatable({}, { __close = function() say("cancelled:", a:cancel()) end })
      host.sleep(1000)
    end)
    say(a:join())
    say(b:join())
  ]], "cancelled: false", "a goes on", "true a", "nil cancelled")

  it_tells("of a receiver that has its message comes too late, and the next one waits on", function()
    local p = peer.listen()
    local bot = program.bot([[
      local a
      local conn = ws.connect { url = arg[1], on_ping = function() say("cancelled:", a:cancel()) end }
      a = host.spawn(function() say("a", conn:receive()) end)
      host.spawn(function() say("b", conn:receive()) end)
      host.sleep(0)
      conn:send "ready"
    ]], { p.url })
    local s = p:open()
    s:expect_text "ready"
    s:send(texts({ "message" }, frame.write { opcode = frame.PING, payload = "" })) -- at once
    bot:tells("a message text", "cancelled: false")
    s:expect(frame.PONG)
    s:finish()
    bot:tells "b nil closed"
    bot:ends(0)
  end)
end)

describe("errors", function()
  it_tells("after a task was left within an xpcall are not given to its message handler", function()
    local bot = program.bot [[
      for _, wait in ipairs { function() host.sleep(10) end, coroutine.yield } do
        local left = host.spawn(xpcall, wait, function() return "handled" end)
        host.sleep(0)
        left:cancel()
        say(host.spawn(error, "a mistake"):join())
      end
    ]]
    bot:tells("nil failed a mistake", "nil failed a mistake")
    bot:ends(0)
  end)

  it_tells("of a task that yields values outside a coroutine are given to who joins it", function()
    local bot = program.bot [[ say(host.spawn(function() coroutine.yield "v" end):join()) ]]
    bot:tells "~^nil failed .*attempt to yield from outside a coroutine"
    bot:ends(0)
  end)

  it_tells("whose __tostring gives no string are told as Lua tells them", function()
    local bot = program.bot [[
      host.after(0, function() error(setmetatable({}, { __tostring = function() return 5 end })) end)
      host.after(0, function() say "goes on" end)
    ]]
    bot:tells "goes on"
    bot:ends(0)
    assert.matches("(error object is a table value)", bot.err, 1, true)
  end)

  it_tells("in a url function, in on_buffer_full and in on_error, which waits, are all told", function()
    local bot = program.bot [[
      ws.connect { url = function(c) c:send(("x"):rep(100)) host.sleep(0.01) error "in url" end, max_send_buffer = 10,
        on_buffer_full = function() error "in on_buffer_full" end,
        on_error = function(_, code, message)
          say(code, message:match "in [%l_]+")
          host.sleep(0.01)
          error "in on_error"
        end,
        on_close = function() say "close" end }
    ]]
    bot:wait()
    assert.matches("callback in on_buffer_full\n", bot.out, 1, true)
    assert.matches("callback in url\n", bot.out, 1, true)
    assert.matches("close\n$", bot.out)
    assert.matches("in on_error.*in on_error", bot.err)
    bot.taken = #bot.out
    bot:ends(0)
  end)

  it_tells("in an on_close that waited are told, though nothing else keeps the program alive", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_close = function() host.sleep(0.02) error "must be told" end }
    ]], { p.url })
    p:open():finish()
    bot:ends(0)
    assert.matches("must be told", bot.err)
  end)

  it_tells("in an on_close that waited do not keep back on_give_up", function()
    local bot = program.bot([[
      ws.connect { url = arg[1], reconnect = { attempts = 1, min = 0.001, max = 0.001 }, on_error = function() end,
        on_close = function(_, _, _, record) host.sleep(0.02) error("in on_close " .. record.attempt) end,
        on_give_up = function() say "gave up" end }
    ]], { peer.dead_url() })
    bot:tells "gave up"
    bot:ends(0)
  end)
end)

describe("conn:receive in a callback of its connection", function()
  it_tells("on_websocket_connect is told closed, and on_close follows", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1],
        on_websocket_connect = function(c)
          local data, kind
          repeat
            data, kind = c:receive()
            say(data, kind)
          until not data
        end,
        on_close = function(_, code) say("close", code) end }
    ]], { p.url })
    local s = p:open()
    s:text "one"
    s:text "two"
    s:finish()
    bot:tells("one text", "two text", "nil closed", "close 1000")
    bot:ends(0)
  end)

  it_tells("on_error is told closed, and on_close follows", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1],
        on_error = function(c, code) say("error", code) say(c:receive()) end,
        on_close = function(_, code) say("close", code) end }
    ]], { p.url })
    local s = p:open()
    s:send "\x83"
    s:expect_close(1002)
    s:close()
    bot:tells("error protocol", "nil closed", "close 1006")
    bot:ends(0)
  end)

  it_tells("on_close is told closed, and on_give_up follows", function()
    local bot = program.bot([[
      ws.connect { url = arg[1], reconnect = { attempts = 1, min = 0.001, max = 0.001 }, on_error = function() end,
        on_close = function(c, _, _, record) if record.attempt > 1 then say(c:receive()) end end,
        on_give_up = function() say "gave up" end }
    ]], { peer.dead_url() })
    bot:tells("nil closed", "gave up")
    bot:ends(0)
  end)
end)

describe("what is held", function()
  it_tells("reads on after an inbox that was full of pings", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect { url = arg[1], max_receive_buffer = 4096, max_message_size = 4096,
        on_ping = function() n = n + 1 if n == 1 then say "waits" host.sleep(0.1) end end,
        on_message = function(_, data) say(data) end,
        on_close = function(_, code) say("close", code, n) end }
    ]], { p.url })
    local s = p:open()
    s:ping "first"
    bot:tells "waits"
    s:send(frame.write({ opcode = frame.PING, payload = "p" }):rep(100))
    s:text "after"
    bot:tells "after"
    s:send_close(1000)
    bot:tells "close 1000 101"
    s:close()
    bot:ends(0)
  end)

  it_tells("when the connection has closed goes to an on_message that is set later", function()
    local p = peer.listen()
    local bot = program.bot([[
      local closed
      local conn = ws.connect { url = arg[1], on_close = function() say "close" closed = true end }
      repeat host.sleep(0.001) until closed
      conn.on_message = function(_, data) say("got", data) end
    ]], { p.url })
    local s = p:open()
    s:send(texts({ "1", "2", "3" }, closing))
    s:expect_close(1000)
    s:close()
    bot:tells("close", "got 1", "got 2", "got 3")
    bot:ends(0)
  end)

  it_tells("when the connection has closed goes to an on_message that is set in the turn of that", function()
    local p = peer.listen()
    local bot = program.bot([[
      local open = host.spawn(host.sleep, 100)
      local conn = ws.connect { url = arg[1], on_close = function() say "close" open:cancel() end }
      open:join()
      conn.on_message = function(_, data) say("got", data) end
    ]], { p.url })
    local s = p:open()
    s:send(texts({ "1", "2", "3" }, closing))
    s:expect_close(1000)
    s:close()
    bot:tells("close", "got 1", "got 2", "got 3")
    bot:ends(0)
  end)

  it_tells("when conn:destroy is called does not come after on_close, which is the last", function()
    local p = peer.listen()
    local bot = program.bot([[
      local resumed
      ws.connect { url = arg[1],
        on_message = function(c, data)
          say(data)
          if data ~= "2" then return end
          repeat host.sleep(0.001) until c.messages_in == 5
          c:pause()
          c:destroy()
          host.after(0.02, function() say("resume", c.state) c:resume() resumed = true end)
        end,
        on_close = function() say "close" repeat host.sleep(0.001) until resumed say "end" end }
    ]], { p.url })
    local s = p:open()
    s:send(texts { "1", "2", "3", "4", "5" })
    bot:tells("1", "2", "close", "resume closed", "end")
    bot:ends(0)
  end)

  it_tells("has on_buffer_full and on_drain once each, however often they came while a callback waited", function()
    local p = peer.listen()
    local bot = program.bot([[
      local sent, refused, full, drained = false, 0, 0, 0
      local conn = ws.connect { url = arg[1], max_send_buffer = 100,
        on_websocket_connect = function() repeat host.sleep(0.001) until sent end,
        on_buffer_full = function() full = full + 1 end,
        on_drain = function() drained = drained + 1 end,
        on_close = function() say(full, drained) end }
      repeat host.sleep(0.001) until conn.state == "open"
      for _ = 1, 200 do
        if not conn:send(("x"):rep(200)) then refused = refused + 1 end
        host.sleep(0)
      end
      say(refused)
      sent = true
    ]], { p.url })
    local s = p:open()
    bot:tells "200"
    s:finish()
    bot:tells "1 1"
    bot:ends(0)
  end)
end)

describe("a connection", function()
  -- The first attempt is open; its on_close waits until `go`.
  local slow_close = [[
    local n, go, closing = 0, false, false
    local conn
    conn = ws.connect { url = function() n = n + 1 say("url", n) %s return arg[1] .. "/" .. n end,
      on_websocket_connect = function(c) say "open" end,
      on_error = function() end,
      on_close = function(_, _, _, record)
        say("close", record.attempt)
        if record.attempt == 1 then closing = true repeat host.sleep(0.001) until go end
      end }
    repeat host.sleep(0.001) until conn.state == "open"
    conn:destroy()
    repeat host.sleep(0.001) until closing
  ]]

  it_tells("does not call the url function of an attempt that ended before its turn came", function()
    local p = peer.listen()
    local bot = program.bot(slow_close:format "" .. [[
      conn:reconnect()
      host.sleep(0.01)
      conn:destroy()
      go = true
    ]], { p.url })
    p:open()
    bot:tells("url 1", "open", "close 1", "close 2")
    bot:ends(0)
    assert.equal(1, p.count)
  end)

  it_tells("calls it once for the attempt that follows one that ended before its turn came", function()
    local p = peer.listen()
    local bot = program.bot(slow_close:format "host.sleep(0.001)" .. [[
      conn:reconnect()
      host.sleep(0.01)
      conn:destroy()
      conn:reconnect()
      go = true
    ]], { p.url })
    p:open()
    bot:tells("url 1", "open", "close 1", "close 2", "url 2")
    local s = p:open()
    assert.equal("/2", s.request.target)
    bot:tells "open"
    s:finish()
    bot:tells "close 3"
    bot:ends(0)
    assert.equal(2, p.count)
  end)

  it_tells("does not use what the url function gives for an attempt that has ended", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n, go = 0, false
      local conn = ws.connect { on_websocket_connect = function() say "open" end, on_error = function() end,
        on_close = function(_, _, _, record) say("close", record.attempt) end,
        url = function()
          n = n + 1
          local mine = n
          say("url", mine)
          if mine == 1 then repeat host.sleep(0.001) until go end
          return arg[1] .. "/" .. mine
        end }
      repeat host.sleep(0.001) until n == 1
      conn:destroy()
      conn:reconnect()
      go = true
    ]], { p.url })
    bot:tells("url 1", "close 1", "url 2")
    local s = p:open()
    assert.equal("/2", s.request.target)
    bot:tells "open"
    s:finish()
    bot:tells "close 2"
    bot:ends(0)
    assert.equal(1, p.count)
  end)

  for how, wait in pairs { ["at once"] = "", ["after it waited"] = "host.sleep(0)" } do
    it_tells("does not use what a url function gives that " .. how .. " ends its attempt and begins another", function()
      local p = peer.listen()
      local bot = program.bot([[
        local n = 0
        ws.connect { on_websocket_connect = function() say "open" end, on_error = function() end,
          on_close = function(_, _, _, record) say("close", record.attempt) end,
          url = function(c)
            n = n + 1
            local mine = n
            say("url", mine)
            if mine == 1 then ]] .. wait .. [[ c:destroy() c:reconnect() end
            return arg[1] .. "/" .. mine
          end }
      ]], { p.url })
      bot:tells("url 1", "close 1", "url 2")
      local s = p:open()
      assert.equal("/2", s.request.target)
      bot:tells "open"
      s:finish()
      bot:tells "close 2"
      bot:ends(0)
      assert.equal(1, p.count)
    end)
  end

  it_tells("that waits to reconnect tells its receivers closed when the program stops", function()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], reconnect = { min = 1000, max = 1000 }, on_error = function() end }
      host.spawn(function() say(conn:receive()) end)
      repeat host.sleep(0.001) until conn.state == "waiting"
      host.stop()
    ]], { peer.dead_url() })
    bot:tells "nil closed"
    bot:ends(0)
  end)

  it_tells("that has ended and is resumed may be collected before its turn comes", function()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], on_error = function() end }
      conn:pause()
      while conn.state ~= "closed" do host.sleep(0.001) end
      host.sleep(0.001)
      conn:resume()
      conn = nil
      host.spawn(function()
        collectgarbage()
        say "collected"
      end)
    ]], { peer.dead_url() })
    bot:tells "collected"
    bot:ends(0)
    assert.equal("", bot.err)
  end)

  it_tells("that a finalizer revives does not keep the program alive", function()
    local p = peer.listen()
    local bot = program.bot([[
      local done
      do
        local conn = ws.connect { url = arg[1] }
        repeat host.sleep(0.001) until conn.state == "open"
        conn.on_close = function() done = true end
        conn:destroy()
        setmetatable({ conn }, { __gc = function(o) pcall(o[1].reconnect, o[1]) say "revived" end })
      end
      repeat host.sleep(0.001) until done
      host.sleep(0)
      for _ = 1, 4 do collectgarbage() end
      say "the chunk ends"
    ]], { p.url })
    p:open()
    bot:tells("revived", "the chunk ends")
    bot:ends(0)
  end)
end)

describe("host.on_stop", function()
  it_tells("goes on behind 20,000 functions that fail", function()
    local bot = program.bot [[
      for _ = 1, 20000 do host.on_stop(function() error() end) end
      host.on_stop(function() host.sleep(0) say "the last one" end)
      host.stop()
    ]]
    bot:tells "the last one"
    bot:ends(0)
  end)
end)
