-- Signals as on any Unix program: who is told to stop stops, whatever its script does; who reads what it prints may
-- go; a terminal may be closed; and process 1 is a program like any other.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local sorted = require "support.sorted"

-- Runs a line of the shell with a script: $W is the program, $S the script.
local function shell(line, source)
  local path = place.file("bot.lua", program.prelude .. source)
  return program.start("/bin/sh", { "-c", ("W=%q; S=%q; %s"):format(program.wsbot, path, line) })
end

describe("SIGTERM", function()
  -- Where Lua code may be when it does not come to an end.
  local busy = {
    ["a main chunk"] = "say 'busy' while true do end",
    ["a coroutine"] = "coroutine.wrap(function() say 'busy' while true do end end)()",
    ["a coroutine in a coroutine"] = [[
      local inner = coroutine.create(function() say "busy" while true do end end)
      coroutine.wrap(function() coroutine.resume(inner) while true do end end)()]],
    ["a coroutine that is closed"] = [[
      local co = coroutine.create(function()
        local _ <close> = setmetatable({}, { __close = function() say "busy" while true do end end })
        coroutine.yield()
      end)
      coroutine.resume(co)
      assert(coroutine.close(co))]],
    ["code with a hook of the script's own"] = [[
      debug.sethook(function() end, "", 1000)
      say "busy" while true do end]],
    ["a timer"] = "host.after(0, function() say 'busy' while true do end end)",
    ["a task"] = "host.spawn(function() say 'busy' while true do end end)",
    ["a task that was cancelled"] = [[
      local task = host.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() say "busy" while true do end end })
        host.sleep(1000)
      end)
      host.after(0.01, function() task:cancel() end)]],
  }
  for name, source in sorted(busy) do
    it_tells("ends " .. name, function()
      local bot = program.bot(source .. " host.after(1000, print)")
      bot:tells "busy"
      bot:kill "sigterm"
      bot:wait()
      assert.equal(0, bot.signal)
      assert.matches("interrupted!", bot.err)
    end)
  end

  it_tells("ends code that catches every error, in the end", function()
    local bots = {}
    for i, source in ipairs { "while true do pcall(function() while true do end end) end",
      "setmetatable({}, { __gc = function() while true do end end }) collectgarbage()" } do
      bots[i] = program.bot("say 'busy' " .. source)
      bots[i]:tells "busy"
      bots[i]:kill "sigterm"
    end
    for _, bot in ipairs(bots) do
      bot:wait()
      assert.equal(15, bot.signal)
      assert.matches("told to stop, and kept on running", bot.err)
    end
  end)
end)

describe("a take-over", function()
  it_tells("is not held up for ever by a function of host.on_reload, or by on_adopt", function()
    local peer = require("support.peer").listen()
    local sources = {
      "host.on_reload(function() say 'busy' while true do end end) ws.connect { url = arg[1], close_timeout = 0.1 }",
      "ws.connect { url = arg[1], close_timeout = 0.1, on_adopt = function() say 'busy' while true do end end }",
    }
    local bots = {}
    for i, source in ipairs(sources) do -- at the same time: it takes ten seconds
      bots[i] = reloadable.start(source .. " say 'runs'", { peer.url })
      bots[i]:tells "runs"
      peer:open()
    end
    for _, bot in ipairs(bots) do
      bot:write_script [[
        ws.connect { url = arg[1], close_timeout = 0.1, on_adopt = function() say 'adopted' end }
        say 'next']]
    end
    bots[2]:write_script(sources[2] .. " say 'next'")
    for _, bot in ipairs(bots) do
      bot:kill "sighup"
    end
    bots[1]:tells("next", "busy", "adopted")
    bots[2]:tells("next", "busy")
    bots[1]:complains "a function of host.on_reload ran for 10 s without a wait"
    bots[2]:complains "on_adopt ran for 10 s without a wait"
    for _, bot in ipairs(bots) do
      assert.matches("reload 1: kept 1", bot:reload_line())
      bot:kill "sigterm"
      bot:wait()
    end
  end)
end)

describe("standard output that nobody reads any more", function()
  it_tells("ends the program, as it ends lua", function()
    local run = shell("{ $W $S; echo $? >&2; } | head -n 1", "while true do print 'y' end")
    run:tells "y"
    run:ends(0)
    assert.matches("^141\n$", run.err)
  end)

  it_tells("ends a bot that is idle as soon as it prints", function()
    local run = shell("{ $W $S; echo $? >&2; } | head -n 1", [[
      say "one" host.every(0.01, function() say "more" end)]])
    run:tells "one"
    run:ends(0)
    assert.matches("^141\n$", run.err)
  end)

  it_tells("ends a pool, and no worker is started again", function()
    local run = shell("{ $W run --workers 2 $S; echo $? >&2; } | head -n 1", "host.every(0.01, function() say 'y' end)")
    run:tells "y"
    run:ends(0)
    assert.matches("141\n$", run.err)
    assert.is_nil(run.err:find("comes back", 1, true))
  end)

  it_tells("is an end for programs that the script starts, too", function()
    local run = shell("$W $S", "say(os.execute('yes | head -n 1'))")
    run:tells("y", "true exit 0")
    run:ends(0)
    assert.equal("", run.err)
  end)
end)

describe("SIGHUP", function()
  it_tells("is ignored where it was when the program started, as by nohup", function()
    local bot = shell("trap '' HUP; exec $W $S", "say('runs', host.reloads) host.after(1000, print)")
    bot:tells "runs 0"
    bot:kill "sighup"
    bot:kill "sigterm"
    bot:ends(0) -- and no second "runs"
  end)

  -- The program is the first of a terminal's session, which is closed when each of `count` workers has said "runs".
  -- Returns what waitpid does.
  local function close_terminal(source, args, flags, count)
    local line = { "-c", [[
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[2], sys.argv[2:])
said = b""
while said.count(b"runs") < int(sys.argv[1]): said += os.read(terminal, 300)
os.close(terminal)
print(os.waitpid(pid, 0)[1])]], tostring(count or 1), program.wsbot, "run" }
    table.move(flags or {}, 1, #(flags or {}), #line + 1, line)
    line[#line + 1] = place.file("bot.lua", source)
    table.move(args or {}, 1, #(args or {}), #line + 1, line)
    local terminal = program.start("/usr/bin/python3", line)
    local status = terminal:line()
    terminal:ends(0)
    return status
  end

  local stops = [[
    host.on_stop(function() assert(io.open(arg[1], "a")):write("stopped "):close() end)
    host.after(1000, print)
    host.after(0.1, function() print "runs" end)
  ]]

  it_tells("stops the program gracefully when its terminal is closed", function()
    local told = place.folder() .. "/told"
    assert.equal("0", close_terminal(stops, { told }))
    assert.equal("stopped ", place.read(told))
  end)

  it_tells("stops a pool as well, all of it", function()
    local told = place.folder() .. "/told"
    assert.equal("0", close_terminal(stops, { told }, { "--workers", "2" }, 2))
    assert.equal("stopped stopped ", place.read(told))
  end)

  it_tells("of a closed terminal ends code that catches whatever interrupts it", function()
    assert.equal("15", close_terminal [[
      print "runs" io.stdout:flush()
      while true do pcall(function() while true do end end) end
    ]])
  end)
end)

describe("process 1", function()
  local function it_tells_as_root(name, body)
    local probe = io.popen "unshare --fork --pid --mount-proc true 2>/dev/null && echo yes"
    local can = probe and probe:read "l"
    if probe then probe:close() end
    if can then return it_tells(name, body) end
    pending(name .. " (there is no unshare, or no right to use it)", function() end)
  end

  local line = "unshare --fork --pid --mount-proc $W $S & u=$!; while ! p=$(pgrep -P $u); do :; done; echo $p; wait $u;"
    .. " echo $?"

  it_tells_as_root("ends by a second signal", function()
    local run = shell(line, [[
      host.on_stop(function() say "stops" host.sleep(1000) end) say "runs" host.after(1000, print)]])
    local pid, lines = nil, {}
    for _ = 1, 2 do
      lines[#lines + 1] = run:line()
      pid = pid or tonumber(lines[#lines])
    end
    require("luv").kill(pid, "sigterm")
    run:tells "stops"
    require("luv").kill(pid, "sigterm")
    run:tells "143"
    run:ends(0)
  end)

  it_tells_as_root("reaps orphans, and the script keeps the statuses of what it starts", function()
    local run = shell("unshare --fork --pid --mount-proc $W $S", [[
      for _ = 1, 20 do os.execute "(true &) ; true" end
      local pipe = io.popen "(sleep 0.01 &) ; exit 3"
      say(pipe:close())
      say(os.execute "exit 4")
      repeat
        local list = io.popen "ps -e -o stat= | grep -c ^Z"
        local zombies = list:read "n"
        list:close()
      until zombies == 0
      say "none is left"
    ]])
    run:tells("nil exit 3", "nil exit 4", "none is left")
    run:ends(0)
  end)
end)
