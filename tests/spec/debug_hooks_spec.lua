-- debug.sethook: what a script sets reaches all that the host runs for it, and the bots of its tests; coverage by that.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local testing = require "wsbot.testing"

-- Counts the lines of its own file; seen(...) says for each number how often that line ran. What follows begins on
-- line 2.
local counter = [[
  local counts = {}
  local function count(_, line)
    if debug.getinfo(2, "S").short_src:find "bot.lua" then counts[line] = (counts[line] or 0) + 1 end
  end
  local function seen(...)
    local words = {}
    for i, line in ipairs { ... } do words[i] = counts[line] or 0 end
    say(table.concat(words, " "))
  end
]]
counter = counter:gsub("\n%s*", " ")

local function bot_of(source, args, options)
  return program.bot(counter .. "\n" .. source, args, options)
end

describe("a hook of the main chunk", function()
  it_tells("is that of tasks, timers and callbacks, of which each has its lines counted", function()
    local p = peer.listen()
    local bot = bot_of([[debug.sethook(count, "l")
      host.spawn(function()
        local task = 4
      end):join()
      host.after(0, function()
        local timer = 7
      end)
      ws.connect { url = function()
        return arg[1] -- 10
      end, on_close = function(c)
        host.sleep(0) -- 12
        seen(4, 7, 10, 12, 15)
      end, on_error = function()
        local err = 15
      end }
    ]], { p.url })
    p:accept():close()
    bot:tells "1 1 1 1 1"
    bot:ends(0)
  end)

  it_tells("is as it is when a task begins; what that sets or takes away is its own", function()
    local bot = bot_of [[local function line_3()
        return 3
      end
      local early = host.spawn(function() host.sleep(0) line_3() end)
      host.sleep(0)
      debug.sethook(count, "l") -- early has begun
      early:join()
      seen(3)
      host.spawn(line_3):join()
      seen(3)
      host.spawn(function() debug.sethook() line_3() end):join()
      host.spawn(function() debug.sethook(error, "", 1 << 30) line_3() end):join()
      seen(3)
      for _ = 1, 3 do host.spawn(line_3):join() end
      seen(3)
      say(debug.gethook() == count)
      debug.sethook()
      host.spawn(line_3):join()
      host.spawn(function() say(debug.gethook()) debug.sethook(count, "l") line_3() end):join()
      seen(3)
      host.spawn(line_3):join()
      seen(3)
    ]]
    bot:tells("0", "1", "1", "4", "true", "nil", "5", "5")
    bot:ends(0)
  end)

  it_tells("stays that of callbacks when the main chunk has ended", function()
    local bot = bot_of [[debug.sethook(count, "l")
      host.after(0, function()
        local later = 4
        host.after(0, function()
          host.spawn(seen, 4, 6)
        end)
      end)
    ]]
    bot:tells "1 1"
    bot:ends(0)
  end)

  it_tells("hears of host.on_stop and host.on_reload, and the next generation has its own", function()
    local bot = bot_of [[host.on_stop(function()
        seen(3, 6)
      end)
      host.on_reload(function()
        seen(6) say(host.reloads)
      end)
      if host.reloads == 0 then debug.sethook(count, "l") host.after(0, host.reload) else host.after(0, host.stop) end
    ]]
    bot:tells("1", "0", "0 0")
    bot:ends(0)
  end)

  it_tells("hears of the next generation while that is loaded, and of what it waits for", function()
    local bot = reloadable.start "host.every(60, print) say 'one'"
    bot:tells "one"
    bot:takes_over(counter .. "\n" .. [[debug.sethook(count, "l")
      local n = 3
      host.sleep(0)
      n = 5
      host.spawn(seen, 3, 5)
      host.every(60, print)]])
    bot:tells "1 1"
    bot:takes_over(counter .. "\n" .. [[host.sleep(0)
      debug.sethook(count, "l")
      local n = 4
      seen(4)
      host.every(60, print)]])
    bot:tells "1"
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("is set by -l or LUA_INIT as in lua, whose script has it too", function()
    local folder = place.folder()
    place.file(folder .. "/m.lua", [[debug.sethook(function(_, line)
      if debug.getinfo(2, "S").short_src == "s.lua" then io.write(line, " ") end
    end, "l")]])
    place.file(folder .. "/s.lua", "local a = 1\nlocal b = 2\nif host then\nhost.spawn(print, 'x'):join()\nend")
    local env = { LUA_PATH = folder .. "/?.lua" }
    local stock = program.start(program.lua, { "-lm", "s.lua" }, { cwd = folder, env = env })
    assert.equal(0, (stock:wait()))
    assert.equal("1 2 3 5 ", stock.out)
    local ours = program.run({ "-lm", "s.lua" }, { cwd = folder, env = env })
    assert.equal(0, (ours:wait()))
    assert.equal("1 2 3 4 x\n5 ", ours.out)
    env.LUA_INIT = "require 'm'"
    ours = program.run({ "s.lua" }, { cwd = folder, env = env })
    assert.equal(0, (ours:wait()))
    assert.equal("1 2 3 4 x\n5 ", ours.out)
  end)

  it_tells("counts instructions through many short callbacks, as a profiler wants", function()
    local bot = bot_of [[
      local hits = 0
      debug.sethook(function() hits = hits + 1 end, "", 1000)
      for _ = 1, 1000 do host.spawn(function() local n = 0 for i = 1, 10 do n = n + i end return n end):join() end
      say(hits >= 10)
    ]]
    bot:tells "true"
    bot:ends(0)
  end)

  it_tells("may fail wherever it is called: what it interrupts fails, and nothing of the host's", function()
    local p = peer.listen()
    local bot = bot_of([[local main = coroutine.running()
      debug.sethook(function() if coroutine.running() ~= main then error "in the hook" end end, "crl", 3)
      local conn = ws.connect { url = arg[1], on_error = function() end, on_close = function() end }
      for _ = 1, 20 do
        host.after(0, function() end)
        say(host.spawn(function() end):join())
      end
      debug.sethook()
      conn:destroy()
    ]], { p.url })
    for _ = 1, 20 do bot:tells "~^nil failed .*in the hook" end
    bot:ends(0)
  end)

  it_tells("is not that of coroutines, as in lua, but of whoever sets it there", function()
    local bot = bot_of [[debug.sethook(count, "l")
      local function in_coroutine()
        return 4
      end
      host.spawn(function() coroutine.wrap(in_coroutine)() end):join()
      seen(4)
      local co = coroutine.create(in_coroutine)
      debug.sethook(co, count, "l")
      coroutine.resume(co)
      seen(4)
    ]]
    bot:tells("0", "1")
    bot:ends(0)
  end)
end)

describe("a hook of a test", function()
  -- Counts lines by file until the test ends.
  local function count_lines()
    local counts = {}
    debug.sethook(function(_, line)
      local source = debug.getinfo(2, "S").source
      counts[source] = counts[source] or {}
      counts[source][line] = (counts[source][line] or 0) + 1
    end, "l")
    finally(debug.sethook)
    return counts
  end

  it("hears of its bots, under the names of their files, and of what they run", function()
    local server = testing.server()
    local path = place.file("bot.lua", table.concat({
      "local n = 0",
      "local conn = ws.connect { url = arg[1], on_message = function(c, data)",
      "  c:send(data)",
      "end }",
      "host.after(0, function()",
      "  coroutine.wrap(function()",
      "    n = n + 1",
      "  end)()",
      "end)",
      "if n > 0 then",
      "  error 'never'",
      "end",
      "host.on_stop(function()",
      "  conn:close()",
      "end)",
    }, "\n"))
    local counts = count_lines()
    local bot = testing.bot(path, { args = { server.url } })
    local session = server:accept()
    for _ = 1, 3 do
      session:send "x"
      session:expect "x"
    end
    assert.is_true(bot:reload())
    bot:stop()
    local lines = counts["@" .. path]
    assert.equal(2, lines[1])
    assert.equal(3, lines[3])
    assert.equal(2, lines[7])
    assert.is_nil(lines[11])
    assert.equal(1, lines[14])
    for line in pairs(counts["@" .. debug.getinfo(1, "S").short_src] or {}) do assert.is_true(line > 0) end
  end)

  it("knows where a bot is, and what is called there", function()
    local calls = {}
    debug.sethook(function(event)
      local info = debug.getinfo(2, "nSlutr")
      if info.source == "=bot" then calls[#calls + 1] = { event, info.name, info.linedefined, info.nparams } end
    end, "c")
    local bot = testing.bot "local function f(a, b)\n return a\n end\n local x = f(1, 2)\n local y = f(x)"
    debug.sethook()
    bot:close()
    assert.same({ { "call", nil, 0, 0 }, { "call", "f", 1, 2 }, { "call", "f", 1, 2 } }, calls)
  end)

  it("sees no values of a bot, and nothing behind its stack", function()
    local seen
    debug.sethook(function()
      seen = seen or { debug.getinfo(2), debug.getinfo(100) or "nothing", pcall(debug.getinfo, 2, "x") }
    end, "l")
    testing.bot("local x = 1"):close()
    debug.sethook()
    local here = debug.getinfo(1, "S").source
    assert.equal(here, seen[1].source) -- the first line was one of this test
    seen = nil
    local told = {}
    debug.sethook(function()
      local info = debug.getinfo(2)
      if info.source == "=bot" then told = { info, debug.getinfo(100) or "nothing", pcall(debug.getinfo, 2, "x") } end
    end, "l")
    testing.bot("local x = 1"):close()
    debug.sethook()
    assert.equal("main", told[1].what)
    assert.equal(1, told[1].currentline)
    assert.is_nil(told[1].func)
    assert.is_nil(told[1].activelines)
    assert.equal("nothing", told[2])
    assert.is_false(told[3])
  end)

  it("fails the bot where it fails itself", function()
    debug.sethook(function(_, line)
      if debug.getinfo(2, "S").source == "=bot" and line == 2 then error "not this line" end
    end, "l")
    local ok, why = pcall(testing.bot, "print 'one'\nprint 'two'")
    debug.sethook()
    assert.is_false(ok)
    assert.matches("debug_hooks_spec.lua:%d+: not this line", why)
  end)

  it("ends no bot, neither the one it hears of nor another, by no means", function()
    local core = require "wsbot.testing.core"
    local path = place.file("bot.lua", [[
      host.every(60, print)
      setmetatable({}, { __gc = function() local x = 1 end })
      host.after(60 * (1 - host.reloads), function() local x = 1 os.exit(3) end)
    ]])
    local other, tried, bot = testing.bot "host.every(1, print)", {}, nil
    debug.sethook(function(_, line)
      if debug.getinfo(2, "S").source ~= "@" .. path then return end
      for name, try in pairs {
        close = function() other:close() end, own = function() bot:close() end, stop = function() other:stop() end,
        reload = function() other:reload() end, wait = function() host.sleep(0) end,
        yield = function() coroutine.yield() end,
      } do
        local ok, why = pcall(try)
        if not ok then tried[name] = why end
      end
      if bot then tried.running = bot.running end
      collectgarbage()
      tried[line] = true
    end, "l")
    bot = testing.bot(path)
    assert.is_true(bot:reload())
    core.bot(nil, "local x = 1", {}, {}):start() -- nobody keeps it
    assert.equal(3, bot:wait())
    debug.sethook()
    assert.matches("bot:close: not in a debug hook that hears of a bot", tried.own)
    for _, name in ipairs { "stop", "reload", "wait" } do assert.matches("cannot wait here", tried[name]) end
    assert.matches("attempt to yield", tried.yield)
    assert.is_true(tried[1] and tried[2] and tried[3])
    assert.is_true(other.running)
  end)

  it("is none of a bot that has its own", function()
    local counts = count_lines()
    local bot = testing.bot "local x = 1\nlocal n = 0\ndebug.sethook(function() n = n + 1 end, 'l')\nx = 2\nprint(n)\n"
    debug.sethook()
    assert.equal("2\n", bot.output)
    assert.equal(1, counts["=bot"][3])
    assert.is_nil(counts["=bot"][4])
  end)

  it("hears of a bot's bots", function()
    local counts = count_lines()
    local bot = testing.bot [[
      local inner = require "wsbot.testing".bot("local a = 1\n\n\n\n\n\n\nlocal b = 8")
      inner:wait()
    ]]
    bot:wait()
    debug.sethook()
    assert.equal(1, counts["=bot"][8])
  end)

  it_tells("has the limit of the test, wherever it is called", function()
    local run = program.test([[
      local testing = require "wsbot.testing"
      it("is busy", function()
        debug.sethook(function() if debug.getinfo(2, "S").source == "=bot" then while true do end end end, "l")
        testing.bot "local x = 1"
      end)
      it("is fine behind", function() debug.sethook() testing.bot "local x = 1" end)
    ]], "--test-timeout", "0.3", "-o", "TAP")
    assert.equal(1, (run:wait()))
    assert.matches("not ok 1 %- is busy.*the test took over 0.3 s.*\nok 2 %- is fine behind", run.out)
  end)
end)

describe("debug.getinfo", function()
  it_tells("gives what it gives in lua", function()
    local path = place.file("infos.lua", [[
      local function show(info)
        if type(info) ~= "table" then return tostring(info) end
        local words = {}
        for name, value in pairs(info) do
          if type(value) == "table" then
            local lines = {}
            for line in pairs(value) do lines[#lines + 1] = line end
            table.sort(lines)
            value = table.concat(lines, ",")
          end
          words[#words + 1] = name .. "=" .. (type(value) == "function" and "function" or tostring(value))
        end
        table.sort(words)
        return table.concat(words, " ")
      end
      local function here(a, ...)
        print(show(debug.getinfo(1)))
        print(show(debug.getinfo(1, "Ltr")), debug.getinfo(1, "f").func == here)
        print(show(debug.getinfo(0, "Snu")))
        return debug.getinfo(1, "t").istailcall, ...
      end
      local function tail() return here(1, 2) end
      print(tail())
      print(show(debug.getinfo(here)), show(debug.getinfo(select)), show(debug.getinfo(here, "L")))
      print(show(debug.getinfo(1000)), show(debug.getinfo(-1)))
      local co = coroutine.create(function() local x = 1 coroutine.yield(x) end)
      print(show(debug.getinfo(co, 0)), show(debug.getinfo(co, here, "S")))
      coroutine.resume(co)
      print(show(debug.getinfo(co, 1)), show(debug.getinfo(co, 0, "n")), show(debug.getinfo(co, 1, "fL")))
      for _, args in ipairs { {}, { {} }, { 1, ">S" }, { 1, "x" }, { here, "?" }, { "x" }, { 1.5 }, { co }, { co, {} },
        { 1, {} } } do
        print(pcall(debug.getinfo, table.unpack(args)))
      end
    ]])
    local stock, ours = program.start(program.lua, { path }), program.run { path }
    assert.equal(0, (stock:wait()))
    assert.equal(0, (ours:wait()))
    assert.equal(stock.out, ours.out)
  end)
end)
