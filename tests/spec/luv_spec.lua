-- luv within the bot: its handles live in the host's loop, and end with the bot.
local uv = require "luv"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local process = require "support.process"
local program = require "support.program"
local story = require "support.story"

-- Runs a script that has luv as `uv`.
local function bot_with_luv(source, args, options)
  return program.bot("local uv = require 'luv' " .. source, args, options)
end

describe("require 'luv'", function()
  it_tells("gives luv, whose handles need no uv.run", function()
    local bot = bot_with_luv [[
      say(package.loaded.luv == uv, uv.version_string():match "^%d+%.%d+" ~= nil)
      local timer, n = uv.new_timer(), 0
      timer:start(1, 1, function()
        n = n + 1
        say("timer", n)
        if n == 3 then timer:close(function() say "closed" end) end
      end)
      say "script"
    ]]
    bot:tells("true true", "script", "timer 1", "timer 2", "timer 3", "closed")
    bot:ends(0)
  end)

  it_tells("says where it was looked for", function()
    local bot = program.bot [[
      package.cpath = "/no/such/?.so"
      say(pcall(require, "luv"))
    ]]
    bot:tells("~^false module 'luv' not found:")
    bot:wait()
    assert.matches("no file '/no/such/luv.so'", bot.out, 1, true)
  end)

  it_tells("tells what is wrong with a library that is no luv", function()
    local cjson = assert(package.searchpath("cjson", package.cpath))
    local folder = place.folder()
    assert(uv.fs_symlink(cjson, folder .. "/luv.so"))
    place.file(folder .. "/odd.so", "not a library")
    local bot = program.bot([[
      package.cpath = arg[1] .. "/luv.so"
      say(pcall(require, "luv"))
      package.cpath = arg[1] .. "/odd.so"
      say(pcall(require, "luv"))
    ]], { folder })
    bot:wait()
    assert.matches("error loading module 'luv' from file '[^']*/luv%.so':%s+it has no luaopen_luv", bot.out)
    assert.matches("error loading module 'luv' from file '[^']*/odd%.so':%s+%S", bot.out)
  end)

  it_tells("leaves a luv.lua of the user's alone", function()
    local folder = place.folder()
    place.file(folder .. "/luv.lua", "return 'mine'")
    local bot = program.bot([[
      package.path = arg[1] .. "/?.lua"
      say((require "luv"))
    ]], { folder })
    bot:tells "mine"
    bot:ends(0)
  end)

  it_tells("gives the same loop when the module was forgotten", function()
    local bot = bot_with_luv [[
      local kept
      uv.new_timer():start(20, 0, function() say "first" end)
      package.loaded.luv, uv = nil, nil
      collectgarbage() collectgarbage()
      uv = require "luv"
      uv.new_timer():start(1, 0, function() say "second" end)
      uv.run()
      say "end"
    ]]
    bot:tells("second", "first", "end")
    bot:ends(0)
  end)

  it_tells("costs nothing where it is not called", function()
    local bot = program.bot [[
      local maps = io.open "/proc/self/maps":read "a"
      say(maps:find "luv[%w.-]*%.so" == nil)
    ]]
    bot:tells "true"
    bot:ends(0)
  end)
end)

describe("luv in the host's loop", function()
  it_tells("reads and writes files", function()
    local path = place.file("text", "what is in it")
    local bot = bot_with_luv([[
      uv.fs_open(arg[1], "r", 0, function(err, fd)
        assert(not err, err)
        uv.fs_read(fd, 100, 0, function(_, data)
          say(data)
          uv.fs_close(fd, function()
            uv.fs_open(arg[1] .. ".new", "w", 384, function(_, out)
              uv.fs_write(out, data:upper(), 0, function(_, n)
                say(n)
                uv.fs_close(out)
                say(io.open(arg[1] .. ".new"):read "a")
              end)
            end)
          end)
        end)
      end)
    ]], { path })
    bot:tells("what is in it", "13", "WHAT IS IN IT")
    bot:ends(0)
  end)

  it_tells("starts processes and reads what they say", function()
    local bot = bot_with_luv [[
      local input, output = uv.new_pipe(false), uv.new_pipe(false)
      local text, over, handle = "", 0
      local function done()
        over = over + 1
        if over == 2 then say(show(text)) end
      end
      handle = uv.spawn("cat", { stdio = { input, output } }, function(status, signal)
        say("exit", status, signal)
        handle:close()
        done()
      end)
      output:read_start(function(_, data)
        if data then
          text = text .. data
        else
          output:close()
          done()
        end
      end)
      input:write("through a pipe", function() input:close() end)
    ]]
    bot:tells("exit 0 0", [["through a pipe"]])
    bot:ends(0)
  end)

  it_tells("serves sockets while a connection goes on", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      local server, client = uv.new_tcp(), uv.new_tcp()
      local last
      server:bind("127.0.0.1", 0)
      server:listen(8, function()
        local stream = uv.new_tcp()
        server:accept(stream)
        stream:read_start(function(_, data)
          if data then return stream:write(data:upper()) end
          stream:close()
          server:close()
          say "all closed"
        end)
      end)
      local conn = ws.connect { url = arg[1] }
      function conn.on_websocket_connect()
        client:connect("127.0.0.1", server:getsockname().port, function(err)
          assert(not err, err)
          conn:send "connected"
        end)
        client:read_start(function(_, data) conn:send(data) end)
      end
      function conn.on_message(_, data)
        if data == "end" then return client:close() end
        client:write(data)
      end
    ]], { p.url })
    local s = p:open()
    s:expect_text "connected"
    for _, word in ipairs { "one", "two", "three", "four" } do
      s:text(word)
      s:ping(word)
      local first = s:read_frame()
      local second = s:read_frame()
      local got = { [first.opcode] = first.payload, [second.opcode] = second.payload }
      assert.same({ [0x1] = word:upper(), [0xA] = word }, got)
    end
    s:text "end"
    bot:tells "all closed"
    s:finish()
    bot:ends(0)
  end)

  it_tells("hears what a message began, though nothing else happens", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      ws.connect { url = arg[1], on_message = function(conn, data)
        local timer = uv.new_timer()
        timer:start(1, 0, function()
          timer:close()
          uv.fs_stat("/", function(err) conn:send(data .. " " .. tostring(err)) end)
        end)
      end }
    ]], { p.url })
    local s = p:open()
    for n = 1, 20 do
      s:text(tostring(n))
      s:expect_text(n .. " nil")
    end
    s:finish()
    bot:ends(0)
  end)

  it_tells("does not sleep while an idle, prepare or check handle wants to be called", function()
    local bot = bot_with_luv [[
      local counts = {}
      for _, kind in ipairs { "idle", "prepare", "check" } do
        local handle = uv["new_" .. kind]()
        counts[kind] = 0
        handle:start(function()
          counts[kind] = counts[kind] + 1
          if counts[kind] == 100 then handle:close(function() say(kind) end) end
        end)
      end
    ]]
    local kinds = { bot:line(), bot:line(), bot:line() }
    table.sort(kinds)
    assert.same({ "check", "idle", "prepare" }, kinds)
    bot:ends(0)
  end)

  it_tells("hears signals", function()
    local bot = bot_with_luv [[
      local signal = uv.new_signal()
      signal:start("sigusr1", function(name)
        say(name)
        signal:close()
      end)
      say "ready"
    ]]
    bot:tells "ready"
    bot:kill "sigusr1"
    bot:tells "sigusr1"
    bot:ends(0)
  end)

  it_tells("works in threads, and hears of them", function()
    local bot = bot_with_luv [[
      local work = uv.new_work(function(a, b) return a + b, rawequal(ws, nil), require "luv" ~= nil end,
        function(sum, none, has) say("work", math.tointeger(sum), none, has) end)
      for n = 1, 3 do work:queue(n, n) end
      local async
      async = uv.new_async(function(text) say("async", text) async:close() end)
      local thread = uv.new_thread(function(handle)
        local loop = require "luv"
        local timer = loop.new_timer()
        timer:start(1, 0, function() timer:close() handle:send "from a thread" end)
        loop.run()
      end, async)
      thread:join()
    ]]
    local lines = {}
    for n = 1, 4 do lines[n] = bot:line() end
    table.sort(lines)
    assert.same({ "async from a thread", "work 2 true true", "work 4 true true", "work 6 true true" }, lines)
    bot:ends(0)
  end)

  it_tells("looks names up", function()
    local bot = bot_with_luv [[
      uv.getaddrinfo("127.0.0.1", "80", { socktype = "stream", numerichost = true }, function(err, list)
        say(err, list and list[1].addr, list and list[1].port)
      end)
    ]]
    bot:tells "nil 127.0.0.1 80"
    bot:ends(0)
  end)

  it_tells("serves handles without a reference as long as something else lives", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      local conn = ws.connect { url = arg[1] }
      local timer = uv.new_timer()
      timer:start(1, 1, function() if conn.state == "open" then conn:send "tick" end end)
      timer:unref()
    ]], { p.url })
    local s = p:open()
    for _ = 1, 3 do s:expect_text "tick" end
    s:send_close(1000)
    local f
    repeat f = s:read_frame() until f.opcode == 0x8
    s:close()
    bot:ends(0)
  end)

  it_tells("counts the time of a timer from when it was started", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      ws.connect { url = arg[1], on_message = function(conn)
        local from, timer = uv.hrtime(), uv.new_timer()
        timer:start(100, 0, function()
          timer:close()
          conn:send(uv.hrtime() - from >= 98e6 and "in time" or "early")
        end)
      end }
    ]], { p.url })
    local s = p:open()
    for _ = 1, 3 do
      story.pause(0.15) -- the loop sleeps, and its idea of the time with it
      s:text "go"
      s:expect_text "in time"
    end
    s:finish()
    bot:ends(0)
  end)
end)

describe("a callback of luv", function()
  it_tells("may wait, and receive from a connection", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      local conn = ws.connect { url = arg[1] }
      uv.new_timer():start(1, 0, function()
        host.sleep(0.001)
        say("received", conn:receive())
        uv.run()
        say "run"
        conn:close()
      end)
      uv.new_timer():start(2, 0, function() say "another" end)
    ]], { p.url })
    local s = p:open()
    bot:tells "another"
    s:text "for you"
    bot:tells("received for you text", "run")
    s:answer_close()
    bot:ends(0)
  end)

  it_tells("that fails is reported with its traceback, and the bot lives on", function()
    local bot = bot_with_luv [[
      local function fail() error "a mistake" end
      uv.new_timer():start(1, 0, function() fail() end)
      uv.new_timer():start(1, 0, function() error { } end)
      uv.new_timer():start(2, 0, function() host.sleep(0.001) error "after a wait" end)
      uv.new_work(function() end, function() error "after work" end):queue()
      host.after(0.05, function() say "alive" end)
      uv.run()
      say "all told"
    ]]
    local lines = { bot:line(), bot:line() }
    table.sort(lines)
    assert.same({ "alive", "all told" }, lines)
    bot:ends(0)
    for _, text in ipairs { "bot.lua:1: a mistake", "after a wait", "after work", "error object is a table value" } do
      assert.matches(text, bot.err, 1, true)
    end
    assert.matches("a mistake\nstack traceback:.-in upvalue 'fail'", bot.err)
    assert.not_matches("Uncaught", bot.err)
  end)

  it_tells("that fails ends the program in --strict", function()
    local bot = bot_with_luv([[
      uv.new_timer():start(1, 1, function() error "a mistake" end)
    ]], {}, { flags = { "--strict" } })
    bot:ends(1)
    assert.matches("a mistake", bot.err)
  end)

  it_tells("that wants more memory than there may be fails like any other", function()
    local bot = bot_with_luv([[
      local kept, timer = {}, uv.new_timer()
      timer:start(1, 1, function()
        while kept do kept[#kept + 1] = ("x"):rep(2^20) .. #kept end
      end)
      host.after(0.2, function()
        kept = nil
        timer:close()
      end)
    ]], {}, { flags = { "--max-memory", "16" } })
    bot:ends(0)
    assert.matches("not enough memory", bot.err)
  end)

  it_tells("that never ends is interrupted by SIGINT", function()
    local bot = bot_with_luv [[
      uv.new_timer():start(1, 0, function() say "busy" while true do end end)
      local again = uv.new_timer()
      again:start(1, 1, function() say "on" again:close() end)
    ]]
    bot:tells "busy"
    bot:kill "sigint"
    bot:complains "interrupted!"
    bot:tells "on"
    bot:ends(0)
  end)
end)

describe("uv.run", function()
  it_tells("waits until all is closed, as the last line of a script", function()
    local bot = bot_with_luv [[
      local timer = uv.new_timer()
      timer:start(1, 0, function() say "timer" timer:close() end)
      say(uv.run())
      say(uv.loop_alive(), uv.loop_close())
      say(uv.run "default")
    ]]
    bot:tells("timer", "false", "false 0", "false")
    bot:ends(0)
  end)

  it_tells("'nowait' and 'once' let the loop turn", function()
    local bot = bot_with_luv [[
      local timer, fired = uv.new_timer(), 0
      timer:start(2, 0, function() fired = fired + 1 end)
      while fired == 0 do assert(uv.run "nowait" == uv.loop_alive()) end
      say("fired", fired)
      timer:start(2, 0, function() fired = fired + 1 end)
      while uv.run "once" do end
      say("fired", fired)
      say(uv.run "nowait", uv.run "once", pcall(uv.run, "never"))
    ]]
    bot:tells("fired 1", "fired 2")
    bot:tells "~^false false false bad argument #1 to '.-' %(invalid option 'never'%)"
    bot:ends(0)
  end)

  it_tells("returns at uv.stop, after which nothing of luv keeps the program alive", function()
    local bot = bot_with_luv [[
      local n = 0
      uv.new_timer():start(1, 1, function()
        n = n + 1
        if n == 3 then uv.stop() end
      end)
      say(uv.run())
      say "and again"
      uv.stop()
      say(uv.run())
      host.after(0.01, function() uv.stop() end)
      say(uv.run())
    ]]
    bot:tells("true", "and again", "true", "true")
    bot:ends(0)
  end)

  it_tells("says so where nobody can wait", function()
    local bot = bot_with_luv [[
      uv.new_timer():start(1, 0, function() end)
      say(pcall(table.sort, { 1, 2 }, function() uv.run() end))
      uv.walk(function() say(pcall(uv.run)) end)
    ]]
    bot:tells("~^false .*uv.run: cannot wait here", "~^false .*uv.run: cannot wait here")
    bot:ends(0)
  end)
end)

describe("what luv can reach", function()
  it_tells("is its own: uv.walk, uv.stop and uv.loop_close do no harm to connections", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      local conn = ws.connect { url = arg[1] }
      uv.new_timer():start(3600000, 0, function() end)
      uv.new_tcp():bind("127.0.0.1", 0)
      function conn.on_message(_, data)
        local n = 0
        uv.walk(function(handle) n = n + 1 if not handle:is_closing() then handle:close() end end)
        say(n, select(3, uv.loop_close()))
        uv.stop()
        host.after(0.001, function()
          say(uv.loop_close())
          conn:send(data)
        end)
      end
    ]], { p.url })
    local s = p:open()
    s:text "first"
    s:expect_text "first"
    bot:tells("2 EBUSY", "0")
    s:text "second"
    s:expect_text "second"
    bot:tells("0", "0")
    s:finish()
    bot:ends(0)
  end)
end)

describe("a program with open luv handles", function()
  local open = [[
    local function nothing() end
    uv.new_timer():start(3600000, 0, nothing)
    uv.new_signal():start("sigusr2", nothing)
    uv.new_async(nothing)
    local server = uv.new_tcp() server:bind("127.0.0.1", 0) server:listen(1, nothing)
    local closing = uv.new_timer() closing:close(function() say "closed" end)
    local stat = uv.new_fs_poll() stat:start("/", 1000, nothing)
  ]]

  it_tells("ends with host.stop", function()
    local bot = bot_with_luv(open .. "host.stop(3)")
    bot:wait()
    bot.taken = #bot.out
    bot:ends(3)
  end)

  it_tells("ends with SIGINT and SIGTERM, and runs what host.on_stop was given", function()
    for _, signal in ipairs { "sigint", "sigterm" } do
      local bot = bot_with_luv(open .. "host.on_stop(function() say 'stopping' end) host.after(0.01, say, 'x')"
        .. " closing = nil host.after(0.01, function() say 'ready' end)")
      repeat until bot:line() == "ready"
      bot:kill(signal)
      bot:tells "stopping"
      bot:ends(0)
    end
  end)

  it_tells("ends with os.exit, wherever that is called", function()
    for n, call in ipairs {
      "os.exit(%d)",
      "os.exit(%d, true)",
      "uv.new_timer():start(1, 0, function() os.exit(%d) end)",
      "uv.new_timer():start(1, 0, function() os.exit(%d, true) end)",
      "uv.new_timer():start(1, 0, function() host.sleep(0.001) os.exit(%d, true) end)",
      "for _ = 1, 3 do uv.new_timer():close(function() os.exit(%d, true) end) end",
      "uv.new_timer():start(1, 0, function() table.sort({ 1, 2 }, function() os.exit(%d, true) end) end)",
      "uv.walk(function() os.exit(%d, true) end)",
      "setmetatable({}, { __gc = function() uv.walk(say) uv.run() uv.stop() uv.loop_close() end }) os.exit(%d, true)",
    } do
      local bot = bot_with_luv(open:gsub("say 'closed'", "") .. call:format(n))
      local status = bot:wait()
      assert(status == n, call .. " ends with " .. status)
    end
  end)

  it_tells("does not wait for threads that are busy", function()
    local source = [[
      uv.new_work(function() require "luv".sleep(3600000) end, print):queue()
      uv.new_work(function() end, function() %s end):queue()
    ]]
    for _, call in ipairs { "host.stop(5)", "os.exit(5)", "os.exit(5, true)" } do
      local bot = bot_with_luv(source:format(call))
      bot:ends(5)
    end
  end)

  it_tells("closes what is open when it ends, without a leak", function()
    local bot = bot_with_luv [[
      for _ = 1, 50 do
        uv.new_timer():start(3600000, 0, print)
        uv.new_pipe(false)
        uv.new_tcp():bind("127.0.0.1", 0)
        uv.new_udp():bind("127.0.0.1", 0)
        uv.new_idle()
        uv.new_fs_event():start("/", {}, print)
      end
      host.stop()
    ]]
    bot:ends(0)
    assert.equal("", bot.err)
  end)
end)

describe("many luv handles", function()
  it_tells("leave descriptors as they were", function()
    local p = peer.listen()
    local bot = bot_with_luv([[
      local server, closed = uv.new_tcp()
      server:bind("127.0.0.1", 0)
      server:listen(128, function()
        local stream = uv.new_tcp()
        server:accept(stream)
        stream:read_start(function(_, data) if data then stream:write(data) else stream:close(closed) end end)
      end)
      local port = server:getsockname().port
      local function round(done)
        local left = 100
        function closed()
          left = left - 1
          if left == 0 then done() end
        end
        for _ = 1, 50 do
          local client = uv.new_tcp()
          client:connect("127.0.0.1", port, function()
            client:write "hello"
            client:read_start(function() client:close(closed) end)
          end)
        end
      end
      ws.connect { url = arg[1], on_message = function(conn, data)
        local rounds = tonumber(data)
        local function go()
          if rounds == 0 then return conn:send "done" end
          rounds = rounds - 1
          round(go)
        end
        go()
      end, on_close = function() server:close() end }
    ]], { p.url })
    local s = p:open()
    local function measure(rounds)
      s:text(tostring(rounds))
      s:expect_text "done"
      return process.descriptors(bot.pid)
    end
    local before = measure(1)
    assert.equal(before, measure(20))
    s:finish()
    bot:ends(0)
  end)
end)

describe("require 'cjson'", function()
  it_tells("works as in lua", function()
    local bot = program.bot [[
      local cjson = require "cjson"
      local value = cjson.decode '{"a":[1,2,{"b":null}],"c":"\\u00e9"}'
      say(value.a[2], value.a[3].b == cjson.null, value.c)
      say(cjson.encode { 1, 2, 3 })
    ]]
    bot:tells("2.0 true é", "[1,2,3]")
    bot:ends(0)
  end)
end)
