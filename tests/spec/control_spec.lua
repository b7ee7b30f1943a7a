-- The control socket: how a running program is found and looked into, and by whom.
local uv = require "luv"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- A bot that is found in that folder, with one connection to an echo peer; it says "open".
local function start(folder, options)
  options = options or {}
  local echo = program.echo()
  local env = { WSBOT_CONTROL = folder .. "/wsbot" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  local bot = program.bot([[
    ws.connect { url = arg[1], name = "feed", on_websocket_connect = function() say("open") end,
      on_message = function() end }
    host.state("counts", { seen = 3 })
    host.spawn(function() host.sleep(3600) end)
    host.every(3600, function() end, "hourly")
  ]], { echo.url }, { flags = options.flags, env = env })
  for _ = 1, options.workers or 1 do bot:tells "open" end
  return bot
end

-- Runs wsbot with that folder, to its end: what it has printed, and its status.
local function run(folder, ...)
  local p = program.run({ ... }, { env = { WSBOT_CONTROL = folder .. "/wsbot" }, stdin = "" })
  local status = p:wait()
  return p.out, status, p.err
end

local function attach(folder, ...)
  return run(folder, "attach", ...)
end

local function sockets(folder)
  local names = {}
  for name in uv.fs_scandir_next, uv.fs_scandir(folder .. "/wsbot") do names[#names + 1] = name end
  return names
end

local function mode_of(path)
  return ("%o"):format(uv.fs_lstat(path).mode & 4095)
end

describe("the control socket", function()
  it_tells("is this user's alone, and goes with the program", function()
    local folder = place.folder()
    local bot = start(folder)
    assert.same({ bot.pid .. ".sock" }, sockets(folder))
    assert.equal("700", mode_of(folder .. "/wsbot"))
    assert.equal("600", mode_of(("%s/wsbot/%d.sock"):format(folder, bot.pid)))
    bot:kill "sigterm"
    bot:ends(0)
    assert.same({}, sockets(folder))
  end)

  it_tells("goes also where the script ends by os.exit", function()
    local folder = place.folder()
    local bot = program.bot("host.after(0.05, function() os.exit(3) end)", {},
      { env = { WSBOT_CONTROL = folder .. "/wsbot" } })
    bot:ends(3)
    assert.same({}, sockets(folder))
  end)

  it_tells("lets no timer of the script run after its end, though somebody is connected", function()
    local folder = place.folder()
    local bot = program.bot([[
      host.on_stop(function() host.after(0, function() say "late" end) end)
      host.every(3600, print)
      say "runs"]], {}, { env = { WSBOT_CONTROL = folder .. "/wsbot" } })
    bot:tells "runs"
    local attached = program.run({ "attach" }, { env = { WSBOT_CONTROL = folder .. "/wsbot" }, stdin = true })
    attached:write "1 + 1\n"
    attached:tells "2"
    bot:kill "sigterm"
    bot:ends(0)
    assert.equal("runs\n", bot.out)
  end)

  it_tells("is not made where nobody wants one, and for a script that needs no loop", function()
    local folder = place.folder()
    start(folder, { env = { WSBOT_CONTROL = "off" } })
    local env = { WSBOT_CONTROL = folder .. "/wsbot" }
    program.bot("print(1)", {}, { env = env }):tells "1"
    program.run({ "-e", "host.sleep(0.01) print(2)" }, { env = env }):tells "2"
    local spec = place.file("some_spec.lua", "it('waits', function() host.sleep(0.01) end)")
    program.run({ "test", spec }, { env = env }):wait()
    program.start("/usr/bin/busted", { "--lua=" .. program.wsbot, spec }, { env = env }):wait()
    assert.is_nil(uv.fs_lstat(folder .. "/wsbot"))
  end)

  it_tells("is not made in a folder of others, or that is a link: the program says so, and runs", function()
    for _, make in ipairs {
      function(path) uv.fs_mkdir(path, tonumber("777", 8)) uv.fs_chmod(path, tonumber("777", 8)) end,
      function(path) uv.fs_symlink(place.folder(), path) end,
      function(path) place.file(path, "") end,
    } do
      local folder = place.folder()
      make(folder .. "/wsbot")
      local bot = start(folder)
      bot:complains "no control socket, so `wsbot ps` does not show this program: "
      bot:kill "sigterm"
      bot:ends(0)
    end
  end)

  it_tells("is not made where its path would be too long: the program says so, and runs", function()
    local folder = place.folder() .. "/" .. ("x"):rep(100)
    assert(uv.fs_mkdir(folder, tonumber("700", 8)))
    local bot = start(folder)
    bot:complains "name too long"
    bot:kill "sigterm"
    bot:ends(0)
    assert.same({}, sockets(folder))
  end)

  it_tells("of a program that was killed is removed by the next one, and by ps", function()
    local folder = place.folder()
    local first, second = start(folder), start(folder)
    first:kill "sigkill"
    first:wait()
    assert.equal(2, #sockets(folder))
    second:kill "sigkill"
    second:wait()
    local third = start(folder)
    assert.same({ third.pid .. ".sock" }, sockets(folder))
    third:kill "sigkill"
    third:wait()
    assert.equal("no programs\n", (run(folder, "ps")))
    assert.same({}, sockets(folder))
  end)

  it_tells("does not keep the program: it ends when its work is done, whoever is connected", function()
    local folder = place.folder()
    local bot = program.bot([[say "runs" host.after(1.5, function() end)]], {},
      { env = { WSBOT_CONTROL = folder .. "/wsbot" } })
    bot:tells "runs"
    story.poll("its socket", function() return uv.fs_lstat(("%s/wsbot/%d.sock"):format(folder, bot.pid)) end)
    local attached = program.run({ "attach" }, { env = { WSBOT_CONTROL = folder .. "/wsbot" }, stdin = true })
    attached:write "1 + 1\n"
    attached:tells "2"
    bot:ends(0)
    attached:complains "the program has ended"
    assert.equal(1, (attached:wait()))
  end)
end)

describe("wsbot ps", function()
  it_tells("shows each program on a line of at most 80 columns, and as JSON", function()
    local folder = place.folder()
    local bot = start(folder)
    local lines = {}
    for line in run(folder, "ps"):gmatch "[^\n]+" do
      lines[#lines + 1] = line
      assert.is_true(utf8.len(line) <= 80, line)
    end
    assert.equal(2, #lines)
    assert.truthy(lines[1]:find "^%s+PID NAME")
    assert.truthy(lines[2]:find(("^%%s*%d bot "):format(bot.pid)))
    local programs = json.decode((run(folder, "ps", "--json")))
    assert.equal(1, #programs)
    assert.equal("bot", programs[1].name)
    assert.equal(bot.pid, programs[1].pid)
    assert.same({ open = 1 }, programs[1].connections)
    assert.equal(0, programs[1].generation)
  end)

  it_tells("shows a pool as one program, by its parent", function()
    local folder = place.folder()
    local bot = start(folder, { flags = { "--workers", "2", "--name", "many" }, workers = 2 })
    local programs = json.decode((run(folder, "ps", "--json")))
    assert.equal(1, #programs)
    assert.same({ "many", 2, bot.pid }, { programs[1].name, programs[1].workers, programs[1].pid })
    assert.same({ open = 2 }, programs[1].connections)
  end)
end)

describe("wsbot attach", function()
  it_tells("runs code in the program, and prints what it gives", function()
    local folder = place.folder()
    start(folder)
    local out, status = attach(folder, "bot", "-e", "1 + 1, 'x'", "-e", "conns", "-e", "print 'hello' host.sleep(0.01)")
    assert.equal('2, "x"\n{ feed = connection 1 (feed, open) }\nhello\n', out)
    assert.equal(0, status)
  end)

  it_tells("shows tables in order, to a depth, and cycles as such", function()
    local folder = place.folder()
    start(folder)
    local out = attach(folder, "-e", "local t = { 1, 2, b = true, a = 'x\\n', [1.5] = {} } t.me = t return t",
      "-e", "{ ['not a name'] = 1, ['end'] = 2 }", "-e", "('x'):rep(5000)", "-e", "1e100, 2^53, 0.5, math.mininteger")
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal('{ 1, 2, a = "x\\n", b = true, me = { a table that this is in }, [1.5] = {} }', lines[1])
    assert.equal('{ ["end"] = 2, ["not a name"] = 1 }', lines[2])
    assert.equal(('"%s"... (5000 bytes)'):format(("x"):rep(2048)), lines[3])
    assert.equal("1e+100, 9.007199254741e+15, 0.5, -9223372036854775808", lines[4])
  end)

  it_tells("ends with status 1 where the code fails, and hurts nothing", function()
    local folder = place.folder()
    local bot = start(folder)
    local _, status, err = attach(folder, "-e", "error 'oh'")
    assert.equal(1, status)
    assert.equal("attach:1: oh\n", err)
    _, status, err = attach(folder, "-e", "x x")
    assert.equal(1, status)
    assert.truthy(err:find("syntax error", 1, true))
    assert.equal("2\n", (attach(folder, "-e", "1 + 1")))
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("ends code that keeps the loop, also where it catches errors", function()
    local runs = {} -- at the same time: each takes its seconds
    for i, code in ipairs {
      "while true do pcall(coroutine.wrap(function() while true do pcall(busy) end end)) end",
      "xpcall(busy, busy)",
      "local t <close> = setmetatable({}, { __close = busy }) busy()",
    } do
      local folder = place.folder()
      start(folder)
      runs[i] = { folder = folder, attach = program.run({ "attach", "-e",
        "local function busy() while true do end end " .. code }, { env = { WSBOT_CONTROL = folder .. "/wsbot" } }) }
    end
    for _, one in ipairs(runs) do
      one.attach:ends(1)
      local err = one.attach.err
      assert.truthy(err:find("the code ran for 5 s without a wait", 1, true), err)
      assert.equal("1\n", (attach(one.folder, "-e", "1")))
    end
  end)

  it_tells("is not held up by a long line that is to be completed", function()
    local folder = place.folder()
    local bot = start(folder)
    local p = program.run({ "connect", "-1", ("ws+unix:%s/wsbot/%d.sock"):format(folder, bot.pid) },
      { stdin = ('{"jsonrpc":"2.0","id":1,"method":"complete","params":{"line":"%s string.re"}}\n'):format(
        ("a"):rep(500000)) })
    p:tells [[{"jsonrpc":"2.0","result":"rep\nreverse","id":1}]]
  end)

  it_tells("reads lines where there is no terminal, and commands among them", function()
    local folder = place.folder()
    start(folder)
    local p = program.run({ "attach" }, { env = { WSBOT_CONTROL = folder .. "/wsbot" },
      stdin = "for i = 1, 2 do\n  print(i)\nend\n:tasks\n:timers\n:state\n:conns\n" })
    p:tells("1", "2", "~^ID +KIND", "~spawned +host.sleep +%d+m +.*bot.lua:%d+$", "~^NAME +WHEN", "~hourly +every 1h00",
      "counts = { seen = 3 }", "~^ID +NAME +STATE", "~^1 +feed +open")
    p:ends(0)
  end)

  it_tells("tells all that is known of a connection, how it ended included", function()
    local folder = place.folder()
    start(folder)
    local out = attach(folder, "-e", ":conn feed")
    assert.truthy(("\n" .. out):find "\nname +feed\n.*\nstate +open\n")
    attach(folder, "-e", "conns.feed:close(1000)")
    story.poll("its end", function()
      return attach(folder, "-e", ":conn 1"):find "\nends +1 x 1000 in order\n"
    end)
    local _, status, err = attach(folder, "-e", ":conn nobody")
    assert.equal(1, status)
    assert.truthy(err:find("there is no connection 'nobody'; :conns tells which there are", 1, true))
  end)

  it_tells("says which programs there are where it is not clear which one is meant", function()
    local folder = place.folder()
    local first, second = start(folder), start(folder)
    local _, status, err = attach(folder, "bot", "-e", "1")
    assert.equal(1, status)
    assert.truthy(err:find(("several are called 'bot': say which process: bot (%d), bot (%d)"):format(
      math.min(first.pid, second.pid), math.max(first.pid, second.pid)), 1, true))
    assert.equal("1\n", (attach(folder, tostring(second.pid), "-e", "1")))
    _, status, err = attach(folder, "other", "-e", "1")
    assert.equal(1, status)
    assert.truthy(err:find("no program is called 'other'", 1, true))
    _, _, err = attach(place.folder(), "-e", "1")
    assert.truthy(err:find("no program of yours runs", 1, true))
  end)

  it_tells("asks all workers of a pool", function()
    local folder = place.folder()
    start(folder, { flags = { "--workers", "2" }, workers = 2 })
    local out = attach(folder, "-e", "host.worker * 10")
    assert.equal("[1] 10\n[2] 20\n", out)
  end)

  it_tells("follows a connection in its own worker", function()
    local folder = place.folder()
    local echo = program.echo()
    local env = { WSBOT_CONTROL = folder .. "/wsbot" }
    local bot = program.bot([[
      local conn = ws.connect { url = arg[1], name = "w" .. host.worker, on_message = function() end,
        on_websocket_connect = function() say "open" end }
      host.every(0.01, function() conn:send("of " .. host.worker) end)]], { echo.url },
      { flags = { "--workers", "2" }, env = env })
    bot:tells("open", "open")
    local attached = program.run({ "attach" }, { env = env, stdin = true })
    attached:write ":messages w2\n"
    story.wait("messages", function() return #attached.out > 500 end)
    assert.is_nil(attached.out:find "of 1")
    assert.truthy(attached.out:find("[2] > of 2", 1, true))
  end)

  it_tells("sees a pool also where a worker does not answer, and says so", function()
    local folder = place.folder()
    local bot = start(folder, { flags = { "--workers", "2" }, workers = 2 })
    local pids = json.decode((attach(folder, "-e", "require('luv').os_getpid()"):gsub("%[2%] ", ", "):gsub("%[1%]",
      "[") .. "]"))
    uv.kill(pids[1], "sigstop")
    story.at_end(function() uv.kill(pids[1], "sigcont") end)
    local programs = json.decode((run(folder, "ps", "--json")))
    assert.same({ bot.pid, 2, 1 }, { programs[1].pid, programs[1].workers, programs[1].silent })
    local out, status, err = attach(folder, "-e", ":conns")
    assert.truthy(out:find "\n2/1 +feed")
    assert.equal(1, status)
    assert.truthy(err:find("1 of the workers do not answer", 1, true))
    uv.kill(pids[1], "sigcont")
  end)

  it_tells("tells how a reload went, of all workers", function()
    local folder = place.folder()
    start(folder, { flags = { "--workers", "2" }, workers = 2 })
    local out, status = attach(folder, "-e", ":reload")
    assert.equal(0, status)
    assert.truthy(out:find "%[1%] generation 1 took over: kept 1: feed")
    assert.truthy(out:find "%[2%] generation 1 took over: kept 1: feed")
    out, status = attach(folder, "-e", ":back")
    assert.equal(0, status)
    assert.truthy(out:find "%[2%] generation 2 took over")
    local _, failed, err = attach(folder, "-e", ":back")
    assert.equal(1, failed)
    assert.truthy(err:find("there is no generation before this one: none has gone back", 1, true))
  end)

  it_tells("has code ended by a reload told", function()
    local folder = place.folder()
    local bot = start(folder)
    local attached = program.run({ "attach", "-e", "print 'waits' host.sleep(3600)" },
      { env = { WSBOT_CONTROL = folder .. "/wsbot" } })
    attached:tells "waits"
    bot:kill "sighup"
    attached:complains "a reload has ended it"
    attached:ends(1)
    assert.equal("1\n", (attach(folder, "-e", "host.reloads")))
  end)
end)

describe("what goes on in a program", function()
  -- Attaches, with standard input to be written.
  local function follow(folder)
    return program.run({ "attach" }, { env = { WSBOT_CONTROL = folder .. "/wsbot" }, stdin = true })
  end

  it_tells("is shown live: the messages of a connection, both ways", function()
    local folder = place.folder()
    start(folder)
    local attached = follow(folder)
    attached:write ":messages feed\n"
    story.poll("messages to be shown", function()
      attach(folder, "-e", "conns.feed:send 'hello'")
      return attached.out:find "> hello\n.*< hello\n"
    end)
  end)

  it_tells("is sampled where it is much, and says so", function()
    local folder = place.folder()
    start(folder)
    local attached = follow(folder)
    attached:write ":messages feed\n"
    story.poll("the count of what is shown", function()
      attach(folder, "-e", "for i = 1, 1000 do conns.feed:send 'hello' end")
      return attached.out:find "%(%d+ of %d+ messages are shown%)"
    end)
  end)

  it_tells("is shown live: log and trace, though they are not written", function()
    local folder = place.folder()
    local bot = start(folder)
    local attached = follow(folder)
    attached:write ":log debug\nhost.log.debug 'only here'\n"
    attached:tells "~debug only here"
    attached:write ":trace conn\nconns.feed:close()\n"
    story.wait("the trace", function() return attached.out:find "trace conn feed#1.*closing %-> ended" end)
    attached:kill "sigkill"
    attached:wait()
    assert.equal("", bot.err)
  end)

  it_tells("is told of the past: the last lines of the log, and the last reloads", function()
    local folder = place.folder()
    local bot = start(folder)
    attach(folder, "-e", "host.log.warn 'look here'")
    bot:kill "sighup"
    bot:complains "reload 1:"
    local p = program.run({ "connect", "-1", ("ws+unix:%s/wsbot/%d.sock"):format(folder, bot.pid) },
      { stdin = '{"jsonrpc":"2.0","id":1,"method":"log"}\n' })
    local lines = json.decode(p:line()).result
    assert.same({ "warn", "look here" }, { lines[1].level, lines[1].message })
    assert.truthy(attach(folder, "-e", ":gens"):find "1 .* took over +SIGHUP +kept 1: feed")
  end)

  it_tells("is sampled: where the time goes, as a list and as a flame graph", function()
    local folder = place.folder()
    start(folder)
    attach(folder, "-e", [[
      function busy() local ends = host.now() + 0.05 while host.now() < ends do end end
      host.every(0.1, busy)
    ]])
    story.poll("samples of the busy function", function()
      return attach(folder, "-e", ":profile 1"):find "%% +function%(attach:1%)"
    end)
    local file = folder .. "/flame.svg"
    assert.equal(("written to %s\n"):format(file), (attach(folder, "-e", ":profile 0.5 " .. file)))
    assert.truthy(place.read(file):find("<svg", 1, true))
  end)
end)

describe("a client of the control socket", function()
  -- Connects to the socket of that bot as a peer that sends bytes.
  local function connect(folder, bot)
    local pipe, got = uv.new_pipe(false), { bytes = "" }
    local done
    pipe:connect(("%s/wsbot/%d.sock"):format(folder, bot.pid), function(why) done = why or "connected" end)
    story.wait("the socket", function() return done end)
    assert.equal("connected", done)
    pipe:read_start(function(_, data)
      if data then got.bytes = got.bytes .. data else got.ended = true end
    end)
    story.at_end(function() if not pipe:is_closing() then pipe:close() end end)
    return pipe, got
  end

  local handshake = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    .. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

  -- A text frame with a mask of zeros.
  local function frame(text)
    local n = #text
    local length = n < 126 and string.pack("B", 0x80 | n) or n < 65536 and string.pack(">BI2", 0xFE, n)
      or string.pack(">BI8", 0xFF, n)
    return "\x81" .. length .. "\0\0\0\0" .. text
  end

  local function still_answers(folder)
    assert.equal("2\n", (attach(folder, "-e", "1 + 1")))
  end

  it_tells("that speaks no WebSocket is told so, and gone", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipe, got = connect(folder, bot)
    pipe:write "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    story.wait("the end", function() return got.ended end)
    assert.truthy(got.bytes:find("HTTP/1.1 426", 1, true))
    still_answers(folder)
  end)

  it_tells("that sends nonsense gets an error, and the next request is answered", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipe, got = connect(folder, bot)
    pipe:write(handshake .. frame "nonsense" .. frame '{"jsonrpc":"2.0","id":1,"method":"nothing"}'
      .. frame '{"jsonrpc":"2.0","id":2,"method":"run"}' .. frame '{"jsonrpc":"2.0","id":3,"method":"timers"}')
    story.wait("the answers", function() return got.bytes:find('"id":3', 1, true) end)
    assert.truthy(got.bytes:find("%-32700.*%-32601.*%-32602"))
    still_answers(folder)
  end)

  it_tells("that sends a message over 1 MiB is ended", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipe, got = connect(folder, bot)
    pipe:write(handshake .. frame(("x"):rep(2 << 20)))
    story.wait("the end", function() return got.ended end)
    still_answers(folder)
    assert.equal("", bot.err)
  end)

  it_tells("that never reads costs a bounded part of memory, and keeps nothing from the others", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipe = connect(folder, bot)
    pipe:read_stop()
    local request = frame '{"jsonrpc":"2.0","id":1,"method":"run","params":{"code":"(\'x\'):rep(2000)"}}'
    pipe:write(handshake .. request:rep(20000))
    still_answers(folder)
    local memory = tonumber(place.read(("/proc/%d/status"):format(bot.pid)):match "VmRSS:%s+(%d+)")
    assert.is_true(memory < (program.is_sanitized() and 2000000 or 200000), memory)
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("finds no place where 16 are connected, until one goes", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipes = {}
    for i = 1, 16 do
      local got
      pipes[i], got = connect(folder, bot)
      pipes[i]:write(handshake)
      story.wait("the handshake", function() return got.bytes:find("101", 1, true) end)
    end
    local _, late = connect(folder, bot)
    story.wait("the end", function() return late.ended end)
    pipes[1]:close()
    story.poll("a place", function() return (attach(folder, "-e", "1 + 1")) == "2\n" end)
  end)

  it_tells("does not slow the messages of the bot, however many requests it sends", function()
    local folder = place.folder()
    local bot = start(folder)
    local pipe = connect(folder, bot)
    local request = frame '{"jsonrpc":"2.0","id":1,"method":"connections"}'
    pipe:write(handshake)
    local going = true
    local function again() if going then pipe:write(request:rep(100), again) end end
    again()
    local out = attach(folder, "-e", [[
      local seen, before = 0, conns.feed.on_message
      conns.feed.on_message = function() seen = seen + 1 end
      for i = 1, 100 do conns.feed:send "x" end
      while seen < 100 do host.sleep(0.01) end
      conns.feed.on_message = before
      return seen
    ]])
    going = false
    assert.equal("100\n", out)
  end)
end)
