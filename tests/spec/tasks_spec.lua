-- tasks: the main chunk, every callback and every host.spawn may wait; and timers, in virtual time where time matters.
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

-- A script that ends with this status, and whose stderr has these patterns.
local function it_complains(name, source, patterns, options, status)
  it_tells(name, function()
    local bot = program.bot(source, {}, options)
    assert.equal(status or 0, (bot:wait()))
    for _, pattern in ipairs(patterns) do
      assert.matches(pattern, bot.err)
    end
  end)
end

describe("host.spawn", function()
  it_prints("starts a task in the next turn, with its arguments", [[
    host.spawn(function(...) say("task", ...) end, 1, nil, "three")
    say "main"
  ]], "main", "task 1 nil three")

  it_prints("starts tasks in the order in which they were spawned", [[
    for i = 1, 3 do host.spawn(function() say("a", i) host.sleep(0) say("b", i) end) end
  ]], "a 1", "a 2", "a 3", "b 1", "b 2", "b 3")

  it_prints("makes tasks that make tasks", [[
    local function grow(n)
      say(n)
      if n < 3 then host.spawn(grow, n + 1):join() end
      say("done", n)
    end
    host.spawn(grow, 1)
  ]], "1", "2", "3", "done 3", "done 2", "done 1")

  it_complains("tells of an error in a task on stderr, with a traceback, and the others go on", [[
    host.spawn(function() host.sleep(0) error "in a task" end)
    host.spawn(function() host.sleep(0.01) say "still here" end)
  ]], { "bot%.lua:1: in a task\nstack traceback:\n.*bot%.lua:1: in function" })

  it_complains("ends the program with --strict", [[
    host.spawn(function() error "in a task" end)
    host.every(0.01, function() end)
  ]], { "in a task" }, { flags = { "--strict" } }, 1)

  it_complains("takes a function", "host.spawn(1)", { "function or something callable expected, got number" }, nil, 1)

  it_prints("costs the same for each of 100,000 tasks, and gives their memory back", [[
    local done = 0
    local function round(n)
      local tasks = {}
      for i = 1, n do tasks[i] = host.spawn(function() host.sleep(0) done = done + 1 end) end
      local before = collectgarbage "count"
      for i = 1, n do tasks[i]:join() end
      return before
    end
    local few, many = round(10000), round(100000)
    say(done, many < few * 12)
    collectgarbage() collectgarbage()
    local idle = collectgarbage "count"
    say(idle < many / 10)
  ]], "110000 true", "true")
end)

describe("task:join", function()
  it_prints("gives what the task returned", [[
    say(host.spawn(function(a, b) host.sleep(0) return b, a, nil end, 1, 2):join())
    say(host.spawn(function() end):join())
  ]], "true 2 1 nil", "true")

  it_prints("gives it again and again, to whoever asks", [[
    local task = host.spawn(function() host.sleep(0.01) return "x" end)
    for i = 1, 2 do host.spawn(function() say(i, task:join()) end) end
    say(task:join())
    say(task:join(0))
  ]], "true x", "true x", "1 true x", "2 true x")

  it_prints("waits no longer than it is told to", [[
    local clock = require "wsbot.testing".clock()
    local task = host.spawn(function() host.sleep(10) return "late" end)
    host.spawn(function() say(task:join(3)) say(task:join(100)) end)
    clock:advance(2.9) say "2.9"
    clock:advance(0.2) say "3.1"
    clock:advance(7)
    clock:close()
  ]], "2.9", "nil timeout", "3.1", "true late")

  it_complains("gives the error of a task that failed, which was told", [[
    local ok, word, err = host.spawn(function() error({ code = 7 }) end):join()
    assert(ok == nil and word == "failed" and err.code == 7)
  ]], { "error object is a table value" })

  it_complains("may have been given up by then", [[
    local clock = require "wsbot.testing".clock()
    local function fails(why) return host.spawn(function() host.sleep(10) error(why) end) end
    local early, cancelled, behind = fails "after a time-out", fails "after a cancel", fails "before a join"
    local gone = host.spawn(function() cancelled:join() end)
    host.spawn(function() early:join(1) end)
    clock:advance(2)
    gone:cancel()
    clock:advance(10)
    assert(select(2, behind:join()) == "failed")
    clock:close()
  ]], { "error %S+ after a time%-out\n", "error %S+ after a cancel\n", "error %S+ before a join\n" })

  it_prints("is told of a cancelled task", [[
    local task = host.spawn(host.sleep, 100)
    host.spawn(function() say("joined", task:join()) end)
    host.sleep(0)
    say(task:cancel())
    say(task:cancel())
  ]], "true", "false", "joined nil cancelled")

  it_complains("refuses to wait for the end of the task that calls it", [[
    local task
    task = host.spawn(function() task:join() end)
  ]], { "task:join: a task cannot wait for its own end" })
end)

describe("task:cancel", function()
  it_prints("runs pending <close> variables, the last first, also those of coroutines inside", [[
    local function closing(name) return setmetatable({}, { __close = function(_, err) say("close", name, err) end }) end
    local task = host.spawn(function()
      local a <close> = closing "a"
      coroutine.wrap(function()
        local b <close> = closing "b"
        pcall(function()
          local c <close> = closing "c"
          host.sleep(100)
        end)
        say "never"
      end)()
    end)
    host.sleep(0)
    say(task:cancel())
    say(task:join())
  ]], "close c nil", "close b nil", "close a nil", "true", "nil cancelled")

  it_prints("ends a task that has not begun", [[
    local task = host.spawn(function() say "never" end)
    say(task:cancel(), task:join())
  ]], "true nil cancelled")

  it_prints("leaves nothing behind that could wake it", [[
    local clock = require "wsbot.testing".clock()
    local other = host.spawn(function() host.sleep(2) return "other" end)
    local tasks = {
      host.spawn(host.sleep, 1), host.spawn(function() other:join(1) end), host.spawn(function() other:join() end),
    }
    host.sleep(0)
    for _, task in ipairs(tasks) do task:cancel() end
    clock:advance(3)
    say(other:join())
    clock:close()
  ]], "true other")

  it_complains("tells of an error in a <close> variable", [[
    local task = host.spawn(function()
      local a <close> = setmetatable({}, { __close = function() error "while closing" end })
      host.sleep(100)
    end)
    host.sleep(0)
    task:cancel()
    print "goes on"
  ]], { "while closing" })

  it_complains("cannot be waited in: its <close> variables run at once", [[
    local task = host.spawn(function()
      local a <close> = setmetatable({}, { __close = function() host.sleep(1) end })
      host.sleep(100)
    end)
    host.sleep(0)
    task:cancel()
  ]], { "host%.sleep: cannot wait here: in a finalizer, or a <close> variable" })

  it_complains("is not for the task itself", [[
    local task
    task = host.spawn(function() task:cancel() end)
  ]], { "a task cannot cancel itself" })
end)

describe("waiting", function()
  it_prints("passes through pcall, xpcall, metamethods, iterators, coroutines and dofile", ([[
    say(pcall(function() host.sleep(0) return "pcall" end))
    say(xpcall(function() host.sleep(0) error "x" end, function(m) return "handled " .. m:match "x$" end))
    local t = setmetatable({}, { __index = function(_, k) host.sleep(0) return k end, __add = function() host.sleep(0)
      return "sum" end, __call = function() host.sleep(0) return "called" end })
    say(t.index, t + 1, t())
    for i in function(_, i) host.sleep(0) return i < 2 and i + 1 or nil end, nil, 0 do say(i) end
    local co = coroutine.wrap(function(a)
      host.sleep(0)
      local b = coroutine.yield(a + 1)
      host.sleep(0)
      return b + 1
    end)
    say(co(1), co(10))
    local name = os.tmpname()
    local f <close> = io.open(name, "w")
    f:write "host.sleep(0) return 'file'" f:flush()
    say(dofile(name))
    os.remove(name)
  ]]):gsub("\n%s*", " "), "true pcall", "false handled x", "index sum called", "1", "2", "2 11", "file")

  it_prints("goes on where a coroutine is resumed again and again", [[
    local function numbers(n)
      return coroutine.wrap(function() for i = 1, n do host.sleep(0) coroutine.yield(i) end end)
    end
    local sum = 0
    for i in numbers(1000) do sum = sum + i end
    say(sum)
  ]], "500500")

  it_prints("keeps a coroutine from being resumed by another meanwhile", [[
    local co = coroutine.create(function() host.sleep(0.01) return "mine" end)
    host.spawn(function() say("first", coroutine.resume(co)) end)
    host.sleep(0)
    say("second", coroutine.resume(co))
  ]], "second false cannot resume a coroutine that waits for the host", "first true mine")

  local nowhere = "host%.sleep: cannot wait here: within a function that Lua calls from C"
  for where, source in pairs {
    ["a sort comparator"] = "table.sort({ 3, 2, 1 }, function(a, b) host.sleep(0) return a < b end)",
    ["a gsub callback"] = "string.gsub('abc', '.', function() host.sleep(0) end)",
    ["the body of a required module"] = "package.preload.m = function() host.sleep(0) end require 'm'",
    ["a coroutine inside a gsub callback"] =
      "string.gsub('abc', '.', function() coroutine.wrap(function() host.sleep(0) end)() end)",
  } do
    it_complains("raises an error in " .. where, source, { nowhere }, nil, 1)
  end

  it_complains("raises an error in a finalizer", [[
    setmetatable({}, { __gc = function() host.sleep(0) end })
    warn "@on"
    collectgarbage()
    setmetatable({}, { __gc = function() host.sleep(1) end })
  ]], { "Lua warning: .*host%.sleep: cannot wait here: within .*Lua warning: .*cannot wait here: in a finalizer" })

  it_complains("does not take nan for seconds", "host.sleep(0 / 0)", { "seconds must be a number, 0 or more" }, nil, 1)
  it_complains("takes seconds", "host.sleep(-1)", { "seconds must be a number, 0 or more" }, nil, 1)

  it_prints("for 0 seconds lets the loop turn once", [[
    local order = {}
    host.spawn(function() order[#order + 1] = "other" end)
    host.sleep(0)
    say(table.concat(order))
  ]], "other")

  it_prints("is in the order of time", [[
    local clock = require "wsbot.testing".clock()
    for _, s in ipairs { 3, 1, 2, 1 } do host.spawn(function() host.sleep(s) say(s) end) end
    clock:advance(5)
    clock:close()
  ]], "1", "1", "2", "3")
end)

describe("a deadlock", function()
  it_complains("of the main chunk ends the program with an error that says in what", [[
    local a, b
    a = host.spawn(function() b:join() end)
    b = host.spawn(function() a:join() end)
    a:join()
  ]], { "task:join: deadlock: it waits for something that nothing alive can bring", "bot%.lua:4: in main chunk" },
    nil, 1)

  it_complains("of a coroutine that yields to nobody is an error of its task", [[
    host.spawn(function() coroutine.yield() end)
  ]], { "attempt to yield from outside a coroutine" })

  it_complains("of tasks is told for each of them", [[
    local a, b
    a = host.spawn(function() b:join() end)
    b = host.spawn(function() a:join() end)
  ]], { "deadlock.*deadlock" })

  it_prints("is none while something is alive", [[
    local task
    host.after(0.01, function() task:cancel() end)
    task = host.spawn(host.sleep, 100)
    say(task:join())
  ]], "nil cancelled")
end)

describe("callbacks that wait", function()
  it_tells("hold what follows, in order, while pings are answered", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1],
        on_message = function(c, data)
          say("begin", data)
          host.sleep(0.05)
          say("end", data)
        end,
        on_ping = function(_, data) say("ping", data) end,
        on_close = function(_, code) say("close", code) end })
    ]], { p.url })
    local s = p:open()
    s:text "a"
    bot:tells("connect", "open 101", "begin a")
    s:text "b"
    s:ping "p"
    s:text "c"
    s:expect(10, "p")
    s:send_close(1000)
    s:expect_close(1000)
    s:close()
    bot:tells("end a", "begin b", "end b", "ping p", "begin c", "end c", "close 1000")
    bot:ends(0)
  end)

  it_tells("are told one connection at a time: those of another are not held", function()
    local p = peer.listen()
    local bot = program.bot([[
      for i = 1, 2 do
        ws.connect { url = arg[1] .. "/" .. i, on_message = function(c, data)
          say(i, data)
          if data == "wait" then host.sleep(100) end
        end }
      end
    ]], { p.url })
    local one, two = p:open(), p:open()
    if one.request.target == "/2" then one, two = two, one end
    one:text "wait"
    bot:tells "1 wait"
    one:text "held"
    two:text "heard"
    bot:tells "2 heard"
    bot:kill "sigint"
    one:answer_close()
    two:answer_close()
    bot:wait()
  end)

  it_tells("may be any of them", function()
    local p = peer.listen()
    local bot = program.bot([[
      local function slowly(name) return function(_, ...) host.sleep(0.005) say(name, (...)) end end
      local o = { url = arg[1] }
      for _, name in ipairs { "on_connect", "on_message", "on_ping", "on_pong", "on_error", "on_close" } do
        o[name] = slowly(name)
      end
      function o.on_websocket_connect(_, r) host.sleep(0.005) say("on_websocket_connect", r.status) end
      ws.connect(o)
    ]], { p.url })
    local s = p:open()
    s:text "m"
    s:ping "i"
    s:pong "o"
    s:send "\x83"
    s:expect(10, "i")
    s:expect_close(1002)
    s:close()
    bot:tells("on_connect nil", "on_websocket_connect 101", "on_message m")
    bot:tells("on_ping i", "on_pong o", "on_error protocol", "on_close 1006")
    bot:ends(0)
  end)

  it_tells("that fail after waiting are told to on_error, and the next one runs", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function(_, data)
        host.sleep(0.01)
        if data == "bad" then error "as it is bad" end
        say("got", data)
      end })
    ]], { p.url })
    local s = p:open()
    s:text "bad"
    s:text "good"
    bot:tells("connect", "open 101", "~^error callback .*as it is bad.*stack traceback", "got good")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)

  it_tells("of timers run beside each other, and a round that finds the last one waiting is left out", function()
    local bot = program.bot [[
      local clock = require "wsbot.testing".clock()
      local n = 0
      local timer = host.every(1, function() n = n + 1 say("begin", n) host.sleep(2.5) say("end", n) end)
      host.every(1.2, function() say "other" end):cancel()
      clock:advance(5.1)
      timer:cancel()
      clock:advance(10)
      clock:close()
    ]]
    bot:tells("begin 1", "end 1", "begin 2", "end 2")
    bot:ends(0)
  end)
end)

describe("timers", function()
  it_prints("come in the order of time, equal ones in the order in which they were set", [[
    local clock = require "wsbot.testing".clock()
    for i, s in ipairs { 2, 1, 2, 0, 1 } do host.after(s, function() say(i) end) end
    clock:advance(2)
    clock:close()
  ]], "4", "2", "5", "1", "3")

  it_prints("every so often do not drift", [[
    local clock = require "wsbot.testing".clock()
    local start, times = host.now(), {}
    local timer = host.every(0.1, function() times[#times + 1] = ("%.1f"):format(host.now() - start) end)
    for _ = 1, 7 do clock:advance(0.13) end
    timer:cancel()
    say(table.concat(times, " "))
    clock:close()
  ]], "0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9")

  it_prints("that are late do not pile up, and keep their phase", [[
    local core, clock = require "wsbot.testing.core", require "wsbot.testing".clock()
    local start, times = host.now(), {}
    local timer = host.every(1, function() times[#times + 1] = host.now() - start end)
    clock:advance(1)
    core.move(core.nanoseconds(4.5)) -- as if our own code had taken so long
    clock:advance(2)
    timer:cancel()
    say(table.concat(times, " "))
    clock:close()
  ]], "1.0 5.5 6.0 7.0")

  it_prints("may cancel themselves and each other, again and again", [[
    local a, b
    a = host.every(0.001, function() say "a" a:cancel() a:cancel() b:cancel() end)
    b = host.every(0.002, function() say "never" end)
    host.after(0.01, function() say "end" b:cancel() end)
  ]], "a", "end")

  it_complains("go on after an error", [[
    local n, timer = 0
    timer = host.every(0.001, function() n = n + 1 if n == 3 then timer:cancel() end error("round " .. n) end)
  ]], { "round 1\nstack traceback", "round 2", "round 3" })

  it_prints("are cheap: 100,000 of them, most of them cancelled", [[
    local clock = require "wsbot.testing".clock()
    local fired, timers = 0, {}
    for i = 1, 100000 do timers[i] = host.after(i % 1000 + 1, function() fired = fired + 1 end) end
    for i = 1, 100000 do if i % 10 ~= 0 then timers[i]:cancel() end end
    clock:advance(2000)
    say(fired)
    clock:close()
  ]], "10000")

  it_tells("that are always due leave the sockets their turn", function()
    local p = peer.listen()
    local bot = program.bot([[
      local going = true
      local function again() if going then host.after(0, again) end end
      again()
      host.spawn(function() while going do host.sleep(0) end end)
      ws.connect(told { url = arg[1], on_close = function() going = false say "over" end })
    ]], { p.url })
    local s = p:open()
    s:text "x"
    s:finish()
    bot:tells("connect", "open 101", 'text "x"', "over")
    bot:ends(0)
  end)

  it_complains("are refused what makes no sense", [[
    assert(not pcall(host.after, -1, print))
    assert(not pcall(host.every, 0, print))
    assert(not pcall(host.every, 1, print, 1.5))
    host.every(1, "x")
  ]], { "function or something callable expected, got string" }, nil, 1)
end)

describe("host", function()
  it_prints("tells the script, the worker, and the time", [[
    local clock = require "wsbot.testing".clock()
    local now, time = host.now(), host.time()
    say(host.script:match "[^/]+$", host.worker, host.workers, math.abs(time - os.time()) < 5)
    clock:advance(1.5)
    say(host.now() - now, host.time() - time)
    clock:close()
    say(host.now() >= now + 1.5)
  ]], "bot.lua 1 1 true", "1.5 1.5", "true")

  it_tells("lets on_stop functions wait, in order, before connections are closed", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect(told { url = arg[1] })
      host.on_stop(function() host.sleep(0.02) say("first", conn.state) conn:send "last words" end)
      host.on_stop(function() say "second" error "in on_stop" end)
      host.on_stop(function() host.sleep(0) say "third" end)
    ]], { p.url })
    local s = p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigterm"
    s:expect_text "last words"
    assert.equal(1001, (s:answer_close()))
    bot:tells("first open", "second", "third", 'close 1001 ""')
    bot:ends(0)
    assert.matches("in on_stop", bot.err)
  end)

  it_tells("lets who waits for a connection go on when it ends with the program", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1] }
      conn:send "ready"
      say(conn:receive())
      host.spawn(function() say("task", conn:receive()) end)
      host.sleep(0)
      say(conn:receive())
      say "end"
    ]], { p.url })
    local s = p:open()
    s:expect_text "ready"
    s:text "go"
    bot:tells "go text"
    bot:kill "sigint"
    s:answer_close()
    bot:tells("task nil closed", "nil closed", "end")
    bot:ends(0)
  end)

  it_tells("ends well where a signal meets a main chunk that waits", function()
    for _, source in ipairs { "say 'waits' host.sleep(100)", "say 'waits' host.spawn(host.sleep, 100):join()" } do
      local bot = program.bot(source)
      bot:tells "waits"
      bot:kill "sigterm"
      bot:ends(0)
    end
  end)

  it_tells("does not go on for ever when it stops", function()
    local bot = program.bot [[
      local function again() host.spawn(again) end
      host.spawn(again)
      host.stop()
    ]]
    bot:ends(0)
  end)

  it_tells("does not wait for ever for an on_stop function", function()
    local bot = program.bot [[
      local clock = require "wsbot.testing".clock()
      host.on_stop(function() say "waits" host.spawn(function() clock:advance(11) end) host.sleep(1e6) end)
      host.every(1000, function() end)
      host.stop(3)
    ]]
    bot:tells "waits"
    bot:ends(3)
    assert.matches("host%.on_stop: its functions were not done within 10 s", bot.err)
  end)
end)
