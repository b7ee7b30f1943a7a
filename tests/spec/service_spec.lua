-- What a service manager is told by sd_notify(3): a datagram socket stands in place of systemd.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local uv = require "luv"

-- A manager, whose name is for $NOTIFY_SOCKET.
local function listen(name, how)
  name = name or place.folder() .. "/notify"
  local manager = program.start("/usr/bin/python3", { "tests/spec/servers/manager.py", name, how }, { stdin = true })
  manager:tells "ready"
  manager.name = name
  return manager
end

-- Runs a script as a service of that manager.
local function serve(manager, source, options)
  options = options or {}
  local env = { NOTIFY_SOCKET = manager.name }
  for name, value in pairs(options.env or {}) do env[name] = value end
  return program.bot(source .. "\nhost.every(3600, print)", options.args, { flags = options.flags, env = env })
end

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
end

-- The next line of the manager that is no sign of life.
local function heard(manager)
  local line
  repeat line = manager:line() until line ~= "WATCHDOG=1"
  return line
end

local function hears(manager, ...)
  for _, expected in ipairs { ... } do
    local line = heard(manager)
    if expected:sub(1, 1) == "~" then
      assert.truthy(line:find(expected:sub(2)), line)
    else
      assert.equal(expected, line)
    end
  end
end

-- Runs a script that ends by itself: its manager, which has been told all.
local function manager_of_what_ends(source, flags)
  local manager = listen()
  program.bot(source, nil, { flags = flags, env = { NOTIFY_SOCKET = manager.name } }):wait()
  return manager
end

local RELOADING <const> = "~^RELOADING=1|MONOTONIC_USEC=%d+|STATUS=reloading$"

describe("a service manager", function()
  it_tells("is told when the script has loaded and host.ready says true, and what that waits for", function()
    local manager = listen()
    local bot = serve(manager, [[
      host.ready(function() return false end)
      say "loaded"]])
    bot:tells "loaded"
    hears(manager, "~^STATUS=not ready: .*bot.lua:%d+$")
    bot:kill "sigterm"
    hears(manager, "STOPPING=1|STATUS=stopping")
  end)

  it_tells("is told that the script is ready once it is", function()
    local manager = listen()
    serve(manager, [[
      local ready = false
      host.ready(function() return ready end)
      host.after(0.01, function() ready = true end)]])
    local line
    repeat line = heard(manager) until not line:find "not ready"
    assert.equal("READY=1|STATUS=running", line)
  end)

  it_tells("is told of reloads, with their time, and that they are over: those that fail, too", function()
    local manager, before = listen(), uv.hrtime() // 1000
    local bot = serve(manager, "")
    hears(manager, "READY=1|STATUS=running")
    bot:kill "sighup"
    local micros = math.tointeger(heard(manager):match "^RELOADING=1|MONOTONIC_USEC=(%d+)|")
    assert.is_true(before <= micros and micros <= uv.hrtime() // 1000)
    hears(manager, "READY=1|STATUS=running, after 1 reload")
    write(bot.args[2], "nonsense")
    bot:kill "sighup"
    bot:complains "reload failed"
    hears(manager, RELOADING, "READY=1|STATUS=running, after 1 reload")
  end)

  it_tells("is told that the program stops, in whatever way it ends", function()
    for _, how in ipairs { "host.stop()", "os.exit(0)", "host.spawn(function() error 'on purpose' end) host.stop()" } do
      local manager = listen()
      serve(manager, ("host.after(0.2, function() %s end)"):format(how)):wait()
      hears(manager, "READY=1|STATUS=running", "STOPPING=1|STATUS=stopping")
    end
  end)

  it_tells("hears that what has ended well at once was ready, and of no other end", function()
    for _, source in ipairs { "print 'done'", "host.stop()", "host.ready(function() return true end)" } do
      hears(manager_of_what_ends(source), "READY=1|STATUS=running", "STOPPING=1|STATUS=stopping")
    end
    hears(manager_of_what_ends "host.ready(function() return false end)",
      "~^STATUS=not ready: ", "STOPPING=1|STATUS=stopping")
    for _, source in ipairs { "host.stop(7)", "error 'on purpose'" } do
      hears(manager_of_what_ends(source), "STOPPING=1|STATUS=stopping")
    end
  end)

  it_tells("gets signs of life while the loop turns, and none while Lua code holds it up", function()
    local manager = listen()
    local gate = place.folder() .. "/gate"
    local bot = serve(manager, [[
      host.after(0.3, function()
        say "busy"
        repeat local file = io.open(arg[1]) until file
        say "free"
      end)]], { args = { gate }, env = { WATCHDOG_USEC = "80000" } }) -- one each 20 ms
    hears(manager, "READY=1|STATUS=running")
    manager:tells("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
    bot:tells "busy"
    local seen
    repeat -- what was on its way has come when twenty of them could have
      seen = #manager.out
      story.pause(0.4)
    until #manager.out == seen
    write(gate, "")
    bot:tells "free"
    story.wait("another sign of life", function() return #manager.out > seen end)
  end)

  it_tells("gets signs of life of the process alone that it means", function()
    local manager = listen()
    local bot = serve(manager, "host.after(0.3, function() say 'later' end)",
      { env = { WATCHDOG_USEC = "40000", WATCHDOG_PID = "1" } })
    bot:tells "later"
    assert.falsy(manager.out:find "WATCHDOG")
  end)

  it_tells("is not known to the script, nor to what it starts", function()
    local manager = listen()
    local bot = serve(manager, [[
      say(os.getenv "NOTIFY_SOCKET", os.getenv "WATCHDOG_USEC", os.getenv "WATCHDOG_PID")
      say(io.popen "echo $NOTIFY_SOCKET $WATCHDOG_USEC $WATCHDOG_PID":read "a")]],
      { env = { WATCHDOG_USEC = "1000000", WATCHDOG_PID = false } })
    bot:tells("nil nil nil", "")
  end)

  it_tells("may have an abstract socket", function()
    local manager = listen("@wsbot-spec-" .. uv.os_getpid())
    serve(manager, "")
    hears(manager, "READY=1|STATUS=running")
  end)

  it_tells("that does not read holds the loop up once, and hears that the program is ready when it reads", function()
    for watchdog, most in pairs { ["80000"] = "20 ms", [false] = "never" } do
      local manager = listen(nil, "full")
      local bot = serve(manager, [[
        local turns = 0
        host.every(0.01, function() turns = turns + 1 end)
        host.after(1, function() say(turns > 30 and "turns" or "hangs") end)]], { env = { WATCHDOG_USEC = watchdog } })
      bot:complains "the service manager does not hear: Resource temporarily unavailable"
      bot:tells "turns"
      manager:write "read\n"
      assert.equal("READY=1|STATUS=running", heard(manager), "signs of life: " .. most)
      local _, times = bot.err:gsub("service manager", "")
      assert.equal(1, times)
    end
  end)

  it_tells("that is not there is told of once, and the program runs", function()
    for name, why in pairs {
      ["/nowhere/notify"] = "the service manager does not hear: No such file or directory",
      ["nowhere"] = "is told nothing: $NOTIFY_SOCKET is nowhere: neither a path nor an abstract name of a socket",
      [("/"):rep(200)] = "is told nothing: $NOTIFY_SOCKET is //",
    } do
      local bot = serve({ name = name }, "host.after(0.3, function() say 'runs' host.stop() end)",
        { env = { WATCHDOG_USEC = "20000" } })
      bot:tells "runs"
      bot:wait()
      local _, times = bot.err:gsub("service manager", "")
      assert.equal(1, times)
      assert.truthy(bot.err:find(why, 1, true), bot.err)
    end
  end)
end)

describe("a service manager of a pool", function()
  -- The process ids of its workers, by their numbers, as they say them.
  local function pids_of(bot, count)
    local pids = {}
    for _ = 1, count do
      local worker, pid = bot:line():match "^worker (%d+) (%d+)"
      pids[tonumber(worker)] = tonumber(pid)
    end
    return pids
  end
  local pool <const> = { flags = { "--workers", "2" } }

  it_tells("is told by the parent, when all workers are ready", function()
    local manager = listen()
    local gate = place.folder() .. "/gate"
    local bot = serve(manager, [[
      host.ready(function() return host.worker == 1 or io.open(arg[1]) ~= nil end)
      say "runs"]], { flags = pool.flags, args = { gate } })
    bot:tells("runs", "runs")
    story.pause(0.3)
    assert.equal("ready\n", manager.out)
    write(gate, "")
    hears(manager, "READY=1|STATUS=running")
    bot:kill "sigterm"
    hears(manager, "STOPPING=1|STATUS=stopping")
    bot:wait()
  end)

  it_tells("is told so where its watchdog waits for years", function()
    for _, micros in ipairs { "17179869180000", "18446744073709551615" } do
      local manager = listen()
      serve(manager, "", { flags = pool.flags, env = { WATCHDOG_USEC = micros } })
      hears(manager, "READY=1|STATUS=running")
    end
  end)

  it_tells("is told of one reload when all of them reload", function()
    local manager = listen()
    local bot = serve(manager, "say 'runs'", pool)
    bot:tells("runs", "runs")
    hears(manager, "READY=1|STATUS=running")
    bot:kill "sighup"
    bot:tells("runs", "runs")
    hears(manager, RELOADING, "READY=1|STATUS=running")
    bot:kill "sigterm"
    hears(manager, "STOPPING=1|STATUS=stopping")
    bot:wait()
  end)

  it_tells("hears that a pool was ready whose workers have ended well at once", function()
    hears(manager_of_what_ends("print 'done'", pool.flags), "READY=1|STATUS=running", "STOPPING=1|STATUS=stopping")
    hears(manager_of_what_ends("host.stop(7)", pool.flags), "STOPPING=1|STATUS=stopping")
  end)

  it_tells("gets no sign of life while the loop of one worker does not turn", function()
    local manager = listen()
    local bot = serve(manager, "say('worker', host.worker, require 'luv'.os_getpid())",
      { flags = pool.flags, env = { WATCHDOG_USEC = "400000" } })
    local pids = pids_of(bot, 2)
    hears(manager, "READY=1|STATUS=running")
    manager:tells("WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1")
    uv.kill(pids[2], "sigstop")
    local seen
    repeat
      seen = #manager.out
      story.pause(1)
    until #manager.out == seen
    uv.kill(pids[2], "sigcont")
    story.wait("another sign of life", function() return #manager.out > seen end)
  end)
end)
