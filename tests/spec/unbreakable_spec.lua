-- Whatever a script does, by the debug library as well, the host stays whole: it may break itself, never memory.
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"

-- One userdata of each type of the host's, by name.
local objects = [[
  local core = require "wsbot.testing.core"
  local objects = {}
  objects.peer = core.serve {}
  objects.conn = ws.connect { url = "ws://" .. objects.peer:address(), name = "one", on_error = function() end }
  objects.timer = host.every(1000, function() end)
  objects.task = host.spawn(function() host.sleep(1000) end)
  objects.ended = host.spawn(function() return "result" end)
  objects.session = objects.peer:accept()
  objects.bot = core.bot(nil, "host.after(1000, function() end)", {}, {})
  objects.bot:start()
  objects.file = io.stderr
  objects.ended:join()
]]
local the_end = [[
  objects.timer:cancel() objects.task:cancel() objects.bot:kill() objects.conn:destroy() objects.peer:close()
]]

describe("a script with the debug library", function()
  it_prints("gets the name of a metatable alone, so that no finalizer is called early or goes missing",
    objects .. [[
    for _, name in ipairs { "conn", "timer", "task", "ended", "peer", "session", "bot" } do
      local object = objects[name]
      local of_debug, of_lua = debug.getmetatable(object), getmetatable(object)
      say(name, of_debug == of_lua and of_lua, pcall(debug.setmetatable, object, nil))
    end
    collectgarbage()
  ]] .. the_end,
    "~^conn ws.connection false .*keeps its metatable", "~^timer wsbot.timer false", "~^task wsbot.task false",
    "~^ended wsbot.task false", "~^peer wsbot.testing.server core false", "~^session wsbot.testing.session core false",
    "~^bot wsbot.testing.bot core false")

  it_prints("cannot pass one userdata off as another, or a pointer off as a file", [[
    local file = getmetatable(io.stdout)
    say(pcall(debug.setmetatable, ws.connect { url = "ws://127.0.0.1:1/" }, file))
    local pointer = debug.upvalueid(function() return file end, 1)
    say(pcall(debug.setmetatable, pointer, file))
    local mine = {}
    say(debug.setmetatable(pointer, mine) == pointer, debug.getmetatable(pointer) == mine)
    host.stop()
  ]], "~^false .*keeps its metatable", "~^false .*that of a type of userdata", "true true")

  it_prints("finds no user values of the host's, and changes none", objects .. [[
    local names = {}
    for name in pairs(objects) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
      for n = 1, 3 do
        assert(not debug.getuservalue(objects[name], n), name)
        pcall(debug.setuservalue, objects[name], 42, n)
      end
    end
    say(objects.ended:join())
    say(objects.conn.on_error ~= nil, pcall(debug.setuservalue, objects.conn, {}))
    say(debug.setuservalue(io.stdout, 1))
  ]] .. the_end, "true result", "~^true false .*for the C code that made it", "nil")

  it_prints("has a registry without what C keeps in it", objects .. [[
    local registry = debug.getregistry()
    say(registry == debug.getregistry(), registry._LOADED == package.loaded, registry._PRELOAD == package.preload)
    for key in pairs(registry) do registry[key] = nil end
    registry["ws.connection"], registry["wsbot.timer"], registry["FILE*"] = {}, {}, {}
    objects.timer:cancel()
    say(objects.conn.name, io.type(io.stdout))
  ]] .. the_end, "true true true", "one file")

  it_prints("looks at the upvalues of C functions by name alone", [[
    local next_match = ("a b"):gmatch "%a"
    say(debug.getupvalue(next_match, 3))
    say(pcall(debug.setupvalue, next_match, 3, io.stdout))
    say(next_match(), next_match())
    say(debug.getupvalue(debug.getmetatable, 1))
    local function mine() return next_match end
    say(debug.getupvalue(mine, 1), debug.setupvalue(mine, 1, "set"), mine())
  ]], "", "~^false .*upvalues of a C function", "a b", "", "~^next_match next_match set$")

  it_prints("cannot free the buffer of a function of C that is at work, or change what that has on its stack", [[
    local found, set = 0, 0
    say((("x"):rep(3000):gsub("x", function()
      for level = 1, 3 do
        for n = 1, 12 do
          local name, value = debug.getlocal(level, n)
          if name == "(C temporary)" and value ~= nil then found = found + 1 end
          if name == "(C temporary)" and pcall(debug.setlocal, level + 1, n, io.stdout) then set = set + 1 end
        end
      end
      return "yy"
    end):gsub("y", "")), found, set)
  ]], " 0 0")

  it_prints("sets the variables of Lua functions, and not what the instructions of Lua go on with", [[
    local function set(level, wanted, value)
      for n = 1, 50 do
        local name = debug.getlocal(level + 1, n)
        if not name then return end
        if name == wanted then return pcall(debug.setlocal, level + 2, n, value) end
      end
    end
    local last
    for i = 1, 3 do last = set(1, "(for state)", {}) or i end
    say(last)
    say(#{ 1, 2, (set(1, "(temporary)", 42)) })
    local function vary(...) debug.setlocal(1, -1, "varied") return ... end
    local variable = "old"
    say((set(1, "variable", "new")), vary "given")
    say(variable)
  ]], "3", "3", "true varied", "new")
end)

describe("a function of the host's own", function()
  it_prints("that the debug library finds at work is for the host alone to call", [[
    local function call_all(where)
      local called = 0
      for level = 1, 20 do
        local frame = debug.getinfo(level, "Sf")
        if not frame then break end
        if frame.what == "C" and frame.func ~= pcall then
          local ok, why = pcall(frame.func)
          called = called + 1
          if ok or not why:find "for the host alone to call" then say(where, ok, why) end
        end
      end
      say(where, called)
    end
    call_all "main"
    local peer = require "wsbot.testing".server()
    local conn = ws.connect { url = peer.url, on_websocket_connect = function(c) call_all "callback" c:close() end }
    host.on_stop(function() call_all "on_stop" end)
    peer:accept()
    host.sleep(0)
    host.after(0, function() call_all "timer" host.stop() end)
  ]], "main 1", "callback 1", "timer 1", "on_stop 1")

  -- Every function that a script can get hold of, with every value of the host's.
  it_prints("takes no value for what it is not", objects .. [[
    local values = { 0, -1, 2^53, 0/0, "send", "text", {}, type, coroutine.create(type), coroutine.running(),
      debug.upvalueid(type, 1) or false, false }
    local functions, seen = {}, {}
    local apart = { [core.freeze] = 1, [core.thaw] = 1, [core.end_since] = 1, [core.collect] = 1, [core.turn] = 1,
      [core.blame] = 1,
      [debug.debug] = 1, [debug.sethook] = 1, [io.read] = 1, [io.input] = 1, [io.output] = 1, [io.close] = 1,
      [getmetatable(io.stdout).__index.close] = 1, [getmetatable(io.stdout).__gc] = 1,
      [getmetatable(io.stdout).__close] = 1, [getmetatable(io.stdout).__index.read] = 1,
      [getmetatable(io.stdout).__index.write] = 1 }
    local function add(list)
      for _, fn in pairs(list) do
        if type(fn) == "function" and not seen[fn] and not apart[fn] then
          seen[fn] = true
          functions[#functions + 1] = fn
        end
      end
    end
    for _, list in ipairs { core, require "wsbot.http.core", debug, coroutine, getmetatable(io.stdout),
      getmetatable(io.stdout).__index } do add(list) end
    local methods = { "send", "send_text", "send_binary", "ping", "close", "destroy", "reconnect", "cancel_reconnect",
      "pause", "resume", "receive", "messages", "cancel", "join", "accept", "address", "answer", "ca_file", "send_raw",
      "stall", "drop", "half_close", "read_slowly", "state", "protocol", "counts", "head", "record", "start", "stop",
      "reload", "alive", "kill", "output", "log", "errors", "status" }
    for _, object in pairs(objects) do
      values[#values + 1] = object
      for _, name in ipairs(methods) do
        local ok, method = pcall(function() return object[name] end)
        if ok then add { method } end
      end
    end
    table.sort({ 1, 2 }, function() -- where nothing can wait
      for _, fn in ipairs(functions) do
        for _, first in ipairs(values) do
          pcall(fn, first)
          for _, second in ipairs(values) do
            if fn ~= debug.setmetatable or type(first) == "userdata" then pcall(fn, first, second, 1, second) end
          end
        end
      end
      return false
    end)
    collectgarbage()
    say(#functions > 60)
    os.exit(0, true)
  ]], "true")
end)

describe("the stack of C", function()
  -- Calls fn 180 calls of C deep, which Lua lets pass.
  local down = [[
    local function down(k, fn)
      if k == 0 then return fn() end
      return (("x"):gsub("x", function() down(k - 1, fn) end))
    end
  ]]

  local cancels = down .. [[
    local tasks, closed = {}, 0
    for i = 1, 100 do
      tasks[i] = host.spawn(function()
        local _ <close> = setmetatable({}, { __close = function()
          down(180, function()
            closed = closed + 1
            if tasks[i + 1] then tasks[i + 1]:cancel() end
          end)
        end })
        host.sleep(1000)
      end)
    end
    host.sleep(0)
    tasks[1]:cancel()
    for i = 1, #tasks do tasks[i]:join() end
    say("closed", closed)
  ]]

  it_prints("is not overflown by cancels within cancels, each of them deep", cancels, "closed 100")

  it_tells("is not overflown where there is little of it", function()
    local path = place.file("bot.lua", program.prelude .. cancels)
    for _, kilobytes in ipairs { 1024, 2048, "unlimited" } do
      local line = ("ulimit -S -s %s && exec '%s' run '%s'"):format(kilobytes, program.wsbot, path)
      local bot = program.start("/bin/sh", { "-c", line })
      bot:tells "closed 100"
      bot:ends(0)
      assert.equal("", bot.err)
    end
  end)

  local function closes(n, depth)
    return down .. ([[
      local co, closed, failed = nil, 0, 0
      for _ = 1, %d do
        local inner = co
        co = coroutine.create(function()
          local _ <close> = setmetatable({}, { __close = function()
            closed = closed + 1
            down(%d, function()
              if not inner then return end
              local ok, why, error_within = pcall(coroutine.close, inner)
              if ok and not why then ok, why = false, tostring(error_within) end -- Lua's own limit (5.4.6)
              if not ok then failed = failed + (why:find "C stack overflow" and 1 or 100) end
            end)
          end })
          coroutine.yield()
        end)
        coroutine.resume(co)
      end
      say(coroutine.close(co), failed, closed > 1)
    ]]):format(n, depth)
  end

  it_prints("is not overflown by coroutines that close each other", closes(100000, 0), "true 1 true")
  it_prints("is not overflown by coroutines that close each other, each of them deep", closes(100, 150),
    "true 1 true")

  -- Lua drops a finalizer that it has no stack to call: what it was to give back must not be lost with it.
  it_prints("may be used up when a finalizer is to run", down .. [[
    local core = require "wsbot.testing.core"
    local function leave()
      local peer = core.serve {}
      local conn = ws.connect { url = "ws://" .. peer:address(), name = "the one", on_error = function() end }
      peer:accept():drop()
      while conn.state ~= "closed" do host.sleep(0) end
      host.every(1000, function() end):cancel()
      core.bot(nil, "ws.connect { url = 'ws://127.0.0.1:1', on_error = print }", {}, {}):start()
      peer:close()
    end
    for depth = 185, 199 do
      host.spawn(leave):join()
      pcall(down, depth, collectgarbage)
    end
    host.spawn(leave):join()
    collectgarbage()
    say "whole"
  ]], "whole")

  it_tells("is not overflown by bots under test that end each other, each of them deep", function()
    local path = place.file("bot.lua", program.prelude .. ([[
      local bot = %q .. [=[
        local core = require "wsbot.testing.core"
        if tonumber(arg[2]) == 0 then return end
        local inner = core.bot(nil, arg[1], { arg[1], arg[2] - 1 }, {})
        inner:start()
        host.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() down(150, function() inner:kill() end) end })
          host.sleep(1000)
        end)
      ]=]
      local outer = require "wsbot.testing.core".bot(nil, bot, { bot, 20 }, {})
      outer:start()
      for _ = 1, 500 do host.sleep(0) end
      outer:kill()
      say(outer:alive())
    ]]):format(down))
    local line = ("ulimit -S -s 2048 && exec '%s' '%s'"):format(program.wsbot, path)
    local bot = program.start("/bin/sh", { "-c", line })
    bot:tells "false"
    bot:ends(0)
  end)
end)

describe("wsbot.testing", function()
  it_prints("keeps its sessions whole for finalizers that run after theirs", [[
    local testing = require "wsbot.testing"
    local session
    local late = setmetatable({}, { __gc = function() say(pcall(function() return session.state end)) end })
    local peer = testing.server()
    ws.connect { url = peer.url }
    session = peer:accept()
    host.stop()
  ]], "~^false .*session core is gone")

  it_prints("gives copies of what a session has received", [[
    local testing = require "wsbot.testing"
    local peer = testing.server()
    local conn = ws.connect { url = peer.url }
    local session = peer:accept()
    conn:send "one"
    testing.eventually(function() return #session.received == 1 end)
    for key in pairs(session.received[1]) do session.received[1][key] = nil end
    local record = session.core:record()[1]
    record.kind, record.data = nil, 42
    say(session:receive())
    conn:close()
    peer:close()
  ]], "one text")

  it_prints("keeps the texts of an answer that a script forgets", [[
    local core = require "wsbot.testing.core"
    local answer = { protocols = { 11, "proto" .. 2 }, headers = "X-One: " .. ("1"):rep(100) .. "\r\n" }
    local peer = core.serve(answer)
    answer.headers, answer.protocols = nil, nil
    collectgarbage()
    local conn
    conn = ws.connect { url = "ws://" .. peer:address(), protocols = { "proto2" },
      on_websocket_connect = function(c, r) say(r.protocol, #r.headers["X-One"]) c:close() peer:close() end }
  ]], "proto2 100")

  it_prints("forgets the limit of a coroutine that was left within it", [[
    local core = require "wsbot.testing.core"
    local left = {}
    for i = 1, 3 do
      left[i] = coroutine.wrap(function() core.guard(0.001, coroutine.yield) end)
      local task = host.spawn(function() left[i]() host.sleep(1000) end)
      host.sleep(0)
      task:cancel()
    end
    host.sleep(0.3)
    say(pcall(core.guard, 10, function()
      left = nil
      collectgarbage()
      collectgarbage()
      host.sleep(0.01)
      return "in time"
    end))
  ]], "true in time")

  it_prints("has variables without a name for a bot that looks for one", [[
    local core = require "wsbot.testing.core"
    local bot = core.bot(nil, "print(os.getenv 'NOTHING_OF_THE_KIND')", {}, { false, "value" })
    bot:start()
    say((bot:output():gsub("%s", "")))
    bot:kill()
  ]], "nil")
end)

describe("wsbot.http", function()
  it_prints("keeps what it was asked for, whatever becomes of the table", [[
    local core = require "wsbot.http.core"
    local function options(more)
      return setmetatable(more, { __index = function(_, name)
        collectgarbage()
        if name == "lines" then return { "A: " .. ("a"):rep(100), 42 } end
        if name:find "_timeout" or name == "timeout" or name:find "max_" then return 0/0 end
        return name == "url" and "http://127.0.0.1:1/" .. ("u"):rep(100) or nil
      end })
    end
    say(pcall(core.perform, options {}))
    say(core.perform(options { method = "GET" }))
    say(core.perform(options { method = 42 }))
    say(core.perform(options { method = "GET", cookies = { cookies = io.stdout } }))
  ]], "~^false url and method are missing", "~^nil ", "~^nil ", "~^nil ")

  it_prints("has streams that stand any use of them", [[
    local core = require "wsbot.http.core"
    local server = require "wsbot.http".serve { handler = function() return { body = "data: 1\n\ndata: 2\n\n" } end }
    local function start()
      return core.stream(setmetatable({ method = "GET", url = server.url, lines = {} },
        { __index = function(_, name) return name:find "timeout" and 5 or name:find "max_" and 9 or nil end }))
    end
    local s = start()
    local m = core.methods
    for _, misuse in ipairs { function() s:head() end, function() s:head(0/0, 1) end, function() m.read(s, -1) end,
      function() m.read(s, "x") end, function() m.read() end, function() m.read { core = io.stdout } end,
      function() m.events(5) end } do
      say((pcall(misuse)))
    end
    say(#m.read { core = s })
    say(m.events(s)())
    m.close(s)
    say(s:head(1, 1))
    server:close()
  ]], "false", "false", "false", "false", "false", "false", "false", "18", "nil",
    "nil closed the stream was closed by the script")
end)

describe("a record", function()
  it_tells("of a connection whose url function failed has no url, and is whole", function()
    local path = place.file("record", "")
    local bot = program.bot([[
      ws.connect { url = function() error "no url today" end, name = "lost",
        on_error = function(c, kind) say(kind, c.url, c, c.remote_address) end }
    ]], {}, { flags = { "--record", path } })
    bot:tells("~^callback nil ws.connection 1 %(lost%): %a+ nil")
    bot:ends(0)
    assert.equal("", bot.err)
    local lines = place.read(path)
    assert.matches('"event":"connect","attempt":1}\n', lines)
    assert.matches('"event":"end","code":1006,"error":"callback"', lines)
  end)
end)

describe("SIGHUP", function()
  -- A script that says so while it stops, and when it is closed, and waits each time for a line of its input.
  local stops = [[
    late = setmetatable({}, { __gc = function() say "closes" io.read() say "closed" end })
    host.on_stop(function() say "stops" io.read() host.sleep(0) say "stopped" end)
    host.after(1000, function() end)
    say "runs"
  ]]

  local function survives(bot, tell, go_on)
    bot:tells "runs"
    tell()
    bot:tells "stops"
    bot:kill "sighup"
    go_on()
    bot:tells("stopped", "closes")
    bot:kill "sighup"
    go_on()
    bot:tells "closed"
    bot:ends(0)
    assert.equal("", bot.err)
  end

  for _, signal in ipairs { "sigterm", "sigint" } do
    it_tells("does not end a program that stops by " .. signal, function()
      local bot = program.bot(stops, {}, { stdin = true })
      survives(bot, function() bot:kill(signal) end, function() bot:write "on\n" end)
    end)
  end

  it_tells("does not end a program that stops by itself", function()
    local bot = program.bot(stops .. "host.stop()", {}, { stdin = true })
    survives(bot, function() end, function() bot:write "on\n" end)
  end)

  it_tells("does not end a script from standard input, which cannot be loaded again, as it stops", function()
    local path = place.file("prelude.lua", program.prelude .. stops)
    local bot = program.run({ "-e", ("dofile %q"):format(path) }, { stdin = true })
    survives(bot, function() bot:kill "sigterm" end, function() bot:write "on\n" end)
  end)
end)

describe("debug.sethook", function()
  it_tells("takes no test away from its limit", function()
    local path = place.file("busy_spec.lua", [[
      it("a", function() debug.sethook() while true do end end)
      it("b", function() debug.sethook(function() end, "", 2^30) while true do end end)
      it("c", function() debug.sethook(function() end, "l") while true do end end)
    ]])
    local run = program.run({ "test", "--test-timeout", "0.2", path })
    assert.equal(1, (run:wait()))
    local _, told = run.out:gsub("%-%-test%-timeout%): it did not wait", "")
    assert.equal(3, told)
  end)

  it_prints("hears nothing of the calls by the host, and so cannot take what is given with them and keep it", [[
    local stops, thief
    local function listen_in()
      debug.sethook(function()
        local callee = debug.getinfo(2, "fS")
        if not stops or thief or callee.what ~= "C" or debug.getinfo(3) then return end
        thief = coroutine.create(callee.func)
        coroutine.resume(thief)
      end, "c")
    end
    late = setmetatable({}, { __gc = function() say(thief and coroutine.resume(thief) or "nothing") end })
    for _ = 1, 8 do host.spawn(function() listen_in() host.sleep(0) end) end -- more tasks than will be used again
    listen_in()
    host.on_stop(function()
      if coroutine.running() == thief then coroutine.yield() end
      say "stopped"
    end)
    host.sleep(0.01)
    stops = true
    host.stop()
  ]], "stopped", "nothing")
end)
