-- What a program leaves behind that a fault of its own ends: a report, and its end by the signal.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local uv = require "luv"

local sanitized <const> = program.is_sanitized()

-- Ends itself by a signal.
local source <const> = [[
  host.log.info("before the end")
  host.after(0.01, function() require "luv".kill(require "luv".os_getpid(), arg[1]) end)
  host.every(3600, print)]]

describe("a program that faults", function()
  if sanitized then pending("(sanitizers report by themselves)", function() end) return end

  it_tells("says by which signal, where it was, and what it logged last, and ends by that signal", function()
    for name, number in pairs { SIGSEGV = 11, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGILL = 4 } do
      local bot = program.bot(source, { name:lower() })
      local _, signal = bot:wait()
      assert.equal(number, signal)
      assert.truthy(bot.err:find(("process %d, worker 1, was ended by signal %d (%s, sent by process %d)"):format(
        bot.pid, number, name, bot.pid), 1, true), bot.err)
      assert.truthy(bot.err:find "where it was:\n[^\n]*wsbot[^\n]*\n", bot.err)
      assert.truthy(bot.err:find 'the end of the log:\n.*"before the end"', bot.err)
    end
  end)

  it_tells("has said twenty lines of its log at most", function()
    local bot = program.bot("for i = 1, 100 do host.log.info('line', i) end" .. source, { "sigsegv" })
    bot:wait()
    local said = bot.err:match "the end of the log:\n(.*)$"
    local _, lines = said:gsub("\n", "")
    assert.equal(20, lines)
    assert.truthy(said:find '"line\\t82".*"line\\t100".*"before the end"')
  end)

  it_tells("leaves its report in the folder of --state, over the last one", function()
    local folder = place.folder()
    local path = folder .. "/crash-1.txt"
    for _, name in ipairs { "SIGSEGV", "SIGABRT" } do
      local bot = program.bot(source, { name:lower() }, { flags = { "--state", folder } })
      bot:wait()
      assert.truthy(bot.err:find(("(%s, sent by process"):format(name), 1, true), bot.err)
      assert.truthy(bot.err:find(("\nthe report is in %s\n"):format(path), 1, true), bot.err)
      assert.falsy(bot.err:find("where it was", 1, true))
      local report = place.read(path)
      assert.truthy(report:find(name, 1, true) and report:find "where it was:.*the end of the log:\n.*before the end")
    end
  end)

  it_tells("leaves it there wherever its script has changed to", function()
    local folder = place.folder()
    local bot = program.bot([[require "luv".chdir "/"]] .. source, { "sigsegv" },
      { flags = { "--state", "kept" }, cwd = folder })
    bot:wait()
    assert.truthy(place.read(folder .. "/kept/crash-1.txt"):find("SIGSEGV", 1, true))
  end)

  it_tells("says all on stderr where its file is a link, or a FIFO that nobody reads", function()
    local folder = place.folder()
    local path, other = folder .. "/crash-1.txt", folder .. "/other"
    assert(io.open(other, "w")):write("precious"):close()
    for _, command in ipairs { "ln -s other ", "mkfifo " } do
      assert(os.execute(("cd '%s' && rm -f crash-1.txt && %scrash-1.txt"):format(folder, command)))
      local bot = program.bot(source, { "sigsegv" }, { flags = { "--state", folder } })
      local _, signal = bot:wait()
      assert.equal(11, signal)
      assert.truthy(bot.err:find "SIGSEGV.*where it was:.*the end of the log:\n.*before the end")
      assert.falsy(bot.err:find(path, 1, true))
    end
    assert.equal("precious", place.read(other))
  end)

  it_tells("says what it logged last where it cannot say where it was", function()
    -- A jump to nowhere, as by a pointer that was overwritten: reading what code is there faults, too.
    local bot = program.bot([[
      host.log.info "before the end"
      package.loadlib("libc.so.6", "longjmp")(1)
    ]])
    local _, signal = bot:wait()
    assert.equal(11, signal)
    assert.truthy(bot.err:find 'SIGSEGV.*where it was:.*the end of the log:\n.*"before the end"', bot.err)
  end)

  it_tells("says so where the fault is one of the thread that writes its state", function()
    local folder = place.folder()
    local bot = program.bot([[
      local s = host.state("s", { n = 0 }, { durable = true })
      host.every(0.02, function() s.n = s.n + 1 end)
      host.after(0.2, function() say "runs" end)]], nil, { flags = { "--state", folder } })
    bot:tells "runs"
    assert(os.execute(("truncate -s 0 '%s/state.db-shm'"):format(folder))) -- it is mapped into memory
    local _, signal = bot:wait()
    assert.equal(7, signal)
    assert.truthy(place.read(folder .. "/crash-1.txt"):find "SIGBUS.*libsqlite3")
  end)

  it_tells("ends though nobody reads what it says", function()
    local folder = place.folder { ["bot.lua"] = "for i = 1, 2000 do host.log.info(('x'):rep(220), i) end" .. source }
    local rest = program.start("/bin/sh", { "-c", [[
      { "$0" run bot.lua sigsegv; echo $? > status; } 2>&1 | sleep 60]], program.wsbot }, { cwd = folder })
    story.poll("the end", function() return uv.fs_stat(folder .. "/status") end)
    assert.equal("139\n", place.read(folder .. "/status"))
    rest:kill "sigkill"
  end)

  it_tells("comes back in a pool, which says why", function()
    local bot = program.bot("say 'runs'" .. source, { "sigsegv" }, { flags = { "--workers", "2" } })
    bot:tells("runs", "runs")
    bot:complains "worker 1, was ended by signal 11 (SIGSEGV"
    bot:complains "worker 2, was ended by signal 11 (SIGSEGV"
    bot:complains "worker 1 was ended by signal 11"
    bot:tells "runs"
  end)
end)
