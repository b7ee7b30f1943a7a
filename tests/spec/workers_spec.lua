-- `wsbot run --workers N`: one script in several processes.
local uv = require "luv"
local it_tells = require "support.it_tells"
local log = require "support.log"
local peer = require "support.peer"
local place = require "support.place"
local process = require "support.process"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

-- A pool of so many workers that run the source.
local function start(workers, source, args, options)
  options = options or {}
  local flags = { "--workers", tostring(workers), table.unpack(options.flags or {}) }
  return program.bot(source, args, { flags = flags, env = options.env, stdin = options.stdin })
end

-- The next lines are these, in any order.
local function tells_in_any_order(bot, ...)
  local expected, lines = { ... }, {}
  for i = 1, #expected do
    lines[i] = bot:line()
  end
  table.sort(expected)
  table.sort(lines)
  assert.same(expected, lines)
end

-- Each of so many workers says its index and its process: the processes, by index.
local function processes(bot, workers)
  local pids = {}
  for _ = 1, workers do
    local index, pid = bot:line():match "^worker (%d+) is (%d+)$"
    pids[tonumber(index)] = tonumber(pid)
  end
  assert.equal(workers, #pids)
  return pids
end

local says_process = [[say(("worker %d is %d"):format(host.worker, require "luv".os_getpid()))]]

-- The next connections of so many workers, by index.
local function sessions(p, workers)
  local all = {}
  for _ = 1, workers do
    local s = p:open()
    all[tonumber(s.request.target:match "%d+")] = s
  end
  assert.equal(workers, #all)
  return all
end

-- A bot with one connection, that shows how it stops.
local connected = [[
  ws.connect { url = arg[1] .. "/" .. host.worker, name = "feed", close_timeout = 3600,
    on_websocket_connect = function() say(host.worker, "open") end,
    on_message = function(c, data) c:send(data:upper()) end,
    on_close = function(_, code) say(host.worker, "close", code) end }
  host.on_stop(function() say(host.worker, "stops") end)
]]

local function is_there(pid)
  return uv.kill(pid, 0) == 0
end

local function count(text, what)
  return select(2, text:gsub(what, ""))
end

describe("--workers", function()
  it_tells("runs a script in so many processes, and each knows its index", function()
    local bot = start(3, [[
      say(host.worker, host.workers, arg[1], (...), os.getenv "WSBOT_WORKER")
      for i = 1, 6 do
        if i % host.workers == host.worker - 1 then say("item", i) end
      end
    ]], { "argument" })
    tells_in_any_order(bot, "1 3 argument argument nil", "2 3 argument argument nil", "3 3 argument argument nil",
      "item 1", "item 2", "item 3", "item 4", "item 5", "item 6")
    bot:ends(0)
    assert.equal("", bot.err)
  end)

  it_tells("1 is as none", function()
    local record = place.folder() .. "/record"
    local bot = start(1, [[say(host.worker, host.workers) error "x"]], {}, { flags = { "--record", record } })
    bot:tells "1 1"
    bot:ends(1)
    assert.is_truthy(uv.fs_stat(record))
  end)

  it_tells("leaves nothing of the pool to what the script starts", function()
    local source = [[
      say(io.popen("echo /proc/self/fd/*"):read(), (os.execute 'test -z "$WSBOT_WORKER"'))
    ]]
    local alone = program.bot(source)
    local mine = {}
    for word in alone:line():gmatch "%S+" do mine[word] = true end
    alone:ends(0)
    local bot = start(2, source)
    for _ = 1, 2 do
      for word in bot:line():gmatch "%S+" do assert(mine[word], word) end
    end
    bot:ends(0)
  end)

  it_tells("says what is wrong with the words", function()
    local script = place.file("script.lua", "")
    for _, case in ipairs {
      { 2, "a wrong value for --workers: '0' (a whole number from 1 to 1024)", "--workers", "0", script },
      { 2, "a wrong value for --workers: 'x'", "--workers=x", script },
      { 2, "a wrong value for --workers: '-1'", "--workers", "-1", script },
      { 2, "a wrong value for --workers: '2.5'", "--workers", "2.5", script },
      { 2, "a wrong value for --workers: '1025'", "--workers", "1025", script },
      { 2, "missing value for --workers (N)", "--workers" },
      { 2, "missing SCRIPT", "--workers", "2" },
      { 2, "--workers needs a script that is a file", "--workers", "2", "-" },
      { 1, "cannot open /no/such/file.lua: No such file", "--workers", "2", "/no/such/file.lua" },
    } do
      local bot = program.run { "run", table.unpack(case, 3) }
      bot:ends(case[1])
      assert.matches(case[2], bot.err, 1, true)
      assert.equal(1, count(bot.err, "wsbot[ :]") - count(bot.err, "usage: wsbot"))
    end
  end)

  it_tells("gives each a record of its own", function()
    local p = peer.listen()
    local record = place.folder() .. "/record"
    local bot = start(2, connected, { p.url }, { flags = { "--record", record } })
    local all = sessions(p, 2)
    tells_in_any_order(bot, "1 open", "2 open")
    for index, s in ipairs(all) do
      s:finish(1000)
      bot:tells(index .. " close 1000")
    end
    bot:ends(0)
    for index = 1, 2 do
      assert.matches("/" .. index, place.read(record .. "." .. index), 1, true)
    end
    assert.is_nil(uv.fs_stat(record))
  end)

  it_tells("has one echo peer for all", function()
    local port = tostring(peer.dead_port())
    local bot = start(3, [[
      local conn = ws.connect { url = "ws://127.0.0.1:" .. arg[1] }
      conn:send("from " .. host.worker)
      say(conn:receive())
      conn:close()
    ]], { port }, { flags = { "--with-echo=" .. port } })
    tells_in_any_order(bot, "from 1 text", "from 2 text", "from 3 text")
    bot:ends(0)
    assert.equal(("info echo peer on ws://127.0.0.1:%s\n"):format(port), log.untimed(bot.err))
  end)
end)

describe("a pool ends", function()
  it_tells("when all have, with the highest status; each that stops or exits ends alone", function()
    local p = peer.listen()
    local bot = start(4, connected .. [[
      if host.worker == 2 then host.stop(5) end
      if host.worker == 3 then os.exit(3) end
      if host.worker == 4 then return host.stop() end
    ]], { p.url })
    bot:complains "info worker 2 ended with status 5\n"
    bot:complains "info worker 3 ended with status 3\n"
    local s -- others may have come as far, or have connected and no more
    repeat s = p:accept() until pcall(s.read_head, s) and s.request.target == "/1"
    s:send(s:answer())
    s:text "still there"
    s:expect_text "STILL THERE"
    s:finish(1000)
    bot:wait()
    assert.same({ 5, 2 }, { bot.status, count(bot.err, "\n") })
  end)

  it_tells("at once where it is used wrongly", function()
    local bot = start(2, "say 'never'", {}, { flags = { "--record", "/no/such/folder/file" } })
    bot:ends(2)
    assert.matches("/no/such/folder/file%.1", bot.err)
    assert.matches("/no/such/folder/file%.2", bot.err)
    assert.is_nil(bot.err:find "comes back")
  end)
end)

describe("a worker that died", function()
  it_tells("comes back with its index, and the others go on", function()
    local bot = start(3, says_process .. [[ host.every(3600, print)]])
    local pids = processes(bot, 3)
    local before = process.descriptors(bot.pid)
    uv.kill(pids[2], "sigkill")
    bot:complains "warn worker 2 was ended by signal 9 (Killed), and comes back in 1 s\n"
    local index, pid = bot:line():match "^worker (%d+) is (%d+)$"
    assert.equal("2", index)
    assert.is_false(is_there(pids[2])) -- nor is it a zombie
    story.poll("the pool to have as many descriptors as before", function()
      return process.descriptors(bot.pid) == before
    end)
    bot:kill "sigterm"
    bot:ends(0)
    for _, one in ipairs { pids[1], pids[3], tonumber(pid) } do
      assert.is_false(is_there(one))
    end
    assert.equal(1, count(bot.err, "\n"))
  end)

  it_tells("by an error of the script is told of, and comes back later each time", function()
    local bot = start(2, [[
      if host.worker == 1 then error "at once" end
      say "up"
      host.every(3600, print)
    ]])
    bot:tells "up"
    bot:complains "warn worker 1 failed (status 1), and comes back in 1 s\n"
    bot:complains "warn worker 1 failed (status 1), and comes back in 2 s\n"
    assert.equal(2, count(bot.err, "bot%.lua:1: at once\nstack traceback:\n"))
    bot:kill "sigterm" -- nobody waits for one that would come back
    bot:ends(0)
  end)

  it_tells("by an error in a callback does, with --strict", function()
    local bot = start(2, [[host.after(0, function() error "strictly" end)]], {}, { flags = { "--strict" } })
    bot:complains "worker 1 failed (status 1), and comes back in 1 s\n"
    bot:complains "worker 2 failed (status 1), and comes back in 1 s\n"
    bot:kill "sigint"
    bot:ends(0)
  end)
end)

describe("a signal to a pool", function()
  for _, signal in ipairs { "sigterm", "sigint" } do
    it_tells(signal .. " stops each worker gracefully", function()
      local p = peer.listen()
      local bot = start(3, connected, { p.url })
      local all = sessions(p, 3)
      tells_in_any_order(bot, "1 open", "2 open", "3 open")
      bot:kill(signal)
      tells_in_any_order(bot, "1 stops", "2 stops", "3 stops")
      for index, s in ipairs(all) do
        assert.equal(1001, s:answer_close())
        bot:tells(index .. " close 1001")
      end
      bot:ends(0)
      assert.equal("", bot.err)
    end)
  end

  it_tells("that goes to the whole group is one for each of them, in whatever order it comes", function()
    for _, workers_first in ipairs { true, false } do
      local p = peer.listen()
      local bot = start(2, says_process .. connected, { p.url })
      local pids = processes(bot, 2)
      local all = sessions(p, 2)
      tells_in_any_order(bot, "1 open", "2 open")
      local function signal_workers()
        for _, pid in ipairs(pids) do uv.kill(pid, "sigterm") end
      end
      if workers_first then signal_workers() end
      if not workers_first then bot:kill "sigterm" end
      for _, s in ipairs(all) do s:expect_close(1001) end
      if workers_first then bot:kill "sigterm" end
      if not workers_first then signal_workers() end
      tells_in_any_order(bot, "1 stops", "2 stops")
      for _, s in ipairs(all) do
        s:send_close(1001)
        s:close()
      end
      tells_in_any_order(bot, "1 close 1001", "2 close 1001")
      bot:ends(0)
    end
  end)

  it_tells("by Ctrl-C at a terminal comes to each once", function()
    local path = place.file("ctrl_c.lua", program.prelude .. [[
      local signal, n = require "luv".new_signal(), 0
      signal:start("sigint", function()
        n = n + 1
        if n == 1 then host.after(0.2, function() say("worker " .. host.worker .. " got " .. n) os.exit(0) end) end
      end)
      say "ready"
    ]])
    local line = ("exec '%s' run --workers 2 '%s'"):format(program.wsbot, path)
    local p = program.start("/usr/bin/script", { "-qefc", line, "/dev/null" }, { stdin = true })
    p:tells("~ready", "~ready")
    p:write "\3"
    local lines = { p:line():match "worker.*%d", p:line():match "worker.*%d" }
    table.sort(lines)
    assert.same({ "worker 1 got 1", "worker 2 got 1" }, lines)
    p:ends(0)
  end)

  it_tells("by Ctrl-C stops gracefully, and by another ends at once", function()
    local p = peer.listen()
    local path = place.file("ctrl_c.lua", program.prelude .. connected)
    local line = ("exec '%s' run --workers 2 '%s' %s"):format(program.wsbot, path, p.url)
    local bot = program.start("/usr/bin/script", { "-qefc", line, "/dev/null" }, { stdin = true })
    local all = sessions(p, 2)
    bot:tells("~open", "~open")
    bot:write "\3"
    bot:tells("~stops", "~stops")
    for _, s in ipairs(all) do s:expect_close(1001) end
    story.poll("the end", function() -- signals that are not taken yet are one, so it is sent again and again
      if not bot.status then bot:write "\3" end
      return all[1].ended and all[2].ended
    end)
    assert.equal(128 + 2, (bot:wait()))
  end)

  it_tells("that is a second one ends all at once", function()
    local p = peer.listen()
    local bot = start(2, says_process .. connected, { p.url })
    local pids = processes(bot, 2)
    local all = sessions(p, 2)
    tells_in_any_order(bot, "1 open", "2 open")
    bot:kill "sigterm"
    for _, s in ipairs(all) do s:expect_close(1001) end
    bot:kill "sigterm"
    for _, s in ipairs(all) do s:read_end() end
    local _, number = bot:wait()
    assert.equal(15, number)
    for _, pid in ipairs(pids) do assert.is_false(is_there(pid)) end
  end)

  it_tells("that is a second one ends even a script that never lets the loop turn", function()
    local bot = start(2, [[
      say "busy"
      while true do end
    ]])
    bot:tells("busy", "busy")
    story.poll("its end", function() -- signals that are not taken yet are one, so it is sent again and again
      bot:kill "sigterm"
      return bot.status
    end)
    assert.equal(15, select(2, bot:wait()))
  end)

  it_tells("SIGHUP reloads each, and connections stay", function()
    local p = peer.listen()
    local bot = reloadable.start(connected, { p.url }, { flags = { "--workers", "2" } })
    local all = sessions(p, 2)
    tells_in_any_order(bot.bot, "1 open", "2 open")
    bot:write_script(connected:gsub("upper", "reverse"))
    bot:kill "sighup"
    for _ = 1, 2 do assert.matches("reload 1: kept 1: feed", bot:reload_line()) end
    for _, s in ipairs(all) do
      s:text "abc"
      s:expect_text "cba"
    end
    bot:kill "sigterm"
    for _, s in ipairs(all) do s:answer_close() end
    bot:wait()
    assert.equal(0, bot.bot.status)
    assert.equal(2, p.count)
  end)

  it_tells("SIGHUP may come while workers begin", function()
    local workers = 4
    local bot = start(workers, [[
      say("worker", host.worker)
      host.every(3600, print)
    ]])
    local seen, n = {}, 0
    while n < workers do
      local index = bot:line():match "%d+"
      if not seen[index] then
        n = n + 1
        bot:kill "sighup" -- others are being born
      end
      seen[index] = true
    end
    bot:kill "sigterm"
    bot:wait()
    assert.equal(0, bot.status)
    assert.is_nil(bot.err:find "comes back")
  end)

  it_tells("to one worker is for that one", function()
    local bot = start(2, says_process .. [[
      host.on_stop(function() say(host.worker, "stops") end)
      host.every(3600, print)
    ]])
    local pids = processes(bot, 2)
    uv.kill(pids[2], "sigterm")
    bot:tells "2 stops"
    story.poll("its end", function()
      return not is_there(pids[2])
    end)
    bot:kill "sigterm"
    bot:tells "1 stops"
    bot:ends(0)
    assert.equal("", bot.err)
  end)
end)

describe("workers", function()
  it_tells("stop when the pool is killed", function()
    local p = peer.listen()
    local bot = start(2, says_process .. connected, { p.url })
    local pids = processes(bot, 2)
    local all = sessions(p, 2)
    tells_in_any_order(bot, "1 open", "2 open")
    bot:kill "sigkill"
    tells_in_any_order(bot, "1 stops", "2 stops")
    for _, s in ipairs(all) do
      assert.equal(1001, s:answer_close())
    end
    tells_in_any_order(bot, "1 close 1001", "2 close 1001")
    for _, pid in ipairs(pids) do
      story.poll("the end of a worker", function()
        return not is_there(pid)
      end)
    end
    assert.same({ 0, 9 }, { bot:wait() })
  end)

  it_tells("watch the script, each by itself", function()
    local bot = reloadable.start("say(host.worker, host.workers, 'one')", {}, { flags = { "--workers=2", "--watch" } })
    tells_in_any_order(bot.bot, "1 2 one", "2 2 one")
    story.pause(0.05) -- the files are listened to in the first turns of the loop
    bot:write_script "say(host.worker, host.workers, 'two')"
    tells_in_any_order(bot.bot, "1 2 two", "2 2 two")
    bot:kill "sigint"
    bot:ends(0)
  end)
end)
