-- durable: host.state(name, initial, { durable = true }) under `wsbot run --state DIR`.
local it_tells = require "support.it_tells"
local log = require "support.log"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"
local uv = require "luv"

-- A bot with that folder; `flags`: more of `wsbot run`.
local function keeping(folder, source, flags, args)
  return program.bot(source, args, { flags = { "--state", folder, table.unpack(flags or {}) } })
end

-- The folder of --state, which is not there yet.
local function new_folder()
  return place.folder() .. "/kept"
end

-- What the second process makes of what the first one kept.
local function it_keeps(name, first, second, ...)
  local expected = { ... }
  it_tells(name, function()
    local folder = new_folder()
    keeping(folder, first):ends(0)
    local bot = keeping(folder, second)
    bot:tells(table.unpack(expected))
    bot:ends(0)
  end)
end

-- `wsbot run` does not begin, and says this on stderr.
local function refuses(folder, text)
  local bot = keeping(folder, "say 'never'")
  bot:complains(text)
  bot:ends(2)
end

describe("durable state", function()
  it_keeps("is there in the next process", [[host.state("s", { n = 42 }, { durable = true })]],
    [[say(host.state("s", { n = 1 }, { durable = true }).n)]], "42")

  it_keeps("is what it was at the end of the program", [[
    local s = host.state("s", nil, { durable = true })
    s.main = true
    host.after(0.01, function() s.timer = true host.stop() end)
    host.on_stop(function() s.stop = true end)
  ]], [[
    local s = host.state("s", nil, { durable = true })
    say(s.main, s.timer, s.stop)
  ]], "true true true")

  it_keeps("of all plain kinds", [=[
    local json = require "wsbot.json"
    local shared = { "shared" }
    local s = host.state("s", { "one", 2, 2.0, true, false, { "deep" }, nan = 0/0, inf = 1/0, long = ("x"):rep(100000),
      zero = "a\0b", [1.5] = "float", [true] = "boolean", big = math.maxinteger, small = math.mininteger, minus = -7,
      null = json.null, array = json.array {}, one = shared, two = shared, [shared] = "a key" }, { durable = true })
    s.self = s
  ]=], [=[
    local json = require "wsbot.json"
    local s = host.state("s", nil, { durable = true })
    say(s[1], math.type(s[2]), math.type(s[3]), s[4], s[5], s[6][1], s.nan ~= s.nan, s.inf, #s.long, #s.zero, s.minus)
    say(s[1.5], s[true], s.big == math.maxinteger, s.small == math.mininteger, s.null == json.null)
    say(json.encode(s.array), s.one == s.two, s[s.one], s.self == s)
  ]=], "one integer float true false deep true inf 100000 3 -7", "float boolean true true true", "[] true a key true")

  -- Three signs that change, where they stand in two words of the packed state, were taken for no change.
  it_keeps("where only signs change", [[
    local s = host.state("s", { at = string.pack("<ffff", 1, 2, 3, 4) }, { durable = true })
    host.after(0.2, function() s.at = string.pack("<ffff", 1, -2, -3, -4) end)
  ]], [[say(string.unpack("<ffff", host.state("s", nil, { durable = true }).at))]], "1.0 -2.0 -3.0 -4.0 17")

  it_keeps("under any name", [[
    host.state("a\0\255", { "a" }, { durable = true })
    host.state("", { "" }, { durable = true })
  ]], [[say(host.state("a\0\255", nil, { durable = true })[1] .. #host.state("", nil, { durable = true }))]], "a1")

  it_keeps("is what migrate makes of it", [[
    host.state("a", { version = 1, items = { "x", "y" } }, { durable = true })
    host.state("b", { n = 1 }, { durable = true })
  ]], [[
    local a = host.state("a", nil, { durable = true, migrate = function(old) return { count = #old.items } end })
    local b = host.state("b", nil, { durable = true, migrate = function(old) old.n = old.n + 1 end })
    say(a.count, b.n)
    host.state("new", { n = 0 }, { durable = true, migrate = error })
  ]], "2 2")

  it_keeps("is not what is not durable", [[
    host.state("s", { n = 1 })
    host.state("t", { n = 1 }, { durable = false })
    host.state("later", { n = 1 })
    host.state("later", nil, { durable = true }).n = 2
  ]], [[
    say(next(host.state "s"), next(host.state("t", nil, { durable = true })))
    say(host.state("later", nil, { durable = true }).n)
  ]], "nil nil", "2")

  it_tells("is in the folder that was meant at the start, wherever the script changes to", function()
    local folder = place.folder()
    local flags = { flags = { "--state", "kept" }, cwd = folder }
    local first = program.bot([[
      require "luv".chdir "/"
      host.state("s", { n = 1 }, { durable = true })
    ]], nil, flags)
    first:ends(0)
    local second = program.bot([[say(host.state("s", {}, { durable = true }).n)]], nil, flags)
    second:tells "1"
    second:ends(0)
  end)

  it_tells("is asked for by a table of options, which is read with care", function()
    local bot = program.bot [[
      say(pcall(host.state, "s", nil, { durabel = true }))
      say(pcall(host.state, "s", nil, { durable = 1 }))
      say(pcall(host.state, "s", nil, { migrate = 1 }))
      say(pcall(host.state, "s", nil, { durable = true }))
      say(pcall(host.state, "s", nil, { durable = false, migrate = print }))
      say(pcall(host.state, "s", nil, setmetatable({}, { __call = print })))
    ]]
    bot:tells("false host.state: unknown option 'durabel' (did you mean 'durable'?)",
      "false host.state: durable is true or false", "false host.state: migrate is a function or something callable",
      "false host.state 's': durable needs a folder to keep it in: wsbot run --state DIR SCRIPT", "~true", "~true")
    bot:ends(0)
  end)

  it_tells("is written within 100 ms, while the program runs", function()
    local folder = new_folder()
    local bot = keeping(folder, [[
      local s = host.state("s", { n = 0 }, { durable = true })
      host.every(0.01, function()
        s.n = s.n + 1
        io.write(s.n, "\n")
      end)
    ]])
    story.wait("some numbers", function() return tonumber(bot.out:match "(%d+)\n$" or 0) > 100 end)
    bot:kill "sigkill"
    bot:wait()
    local said = tonumber(bot.out:match "(%d+)\n$")
    local next_one = keeping(folder, [[say(host.state("s", nil, { durable = true }).n)]])
    local kept = tonumber(next_one:line())
    assert.is_true(kept <= said + 1 and kept > 0, ("%d of %d"):format(kept, said))
    next_one:ends(0)
  end)

  it_tells("ends with os.exit, with a failure and with SIGTERM as it does in order", function()
    local ends = {
      { "os.exit(3)", 3 }, { "os.exit(4, true)", 4 }, { "error 'no'", 1 }, { "say 'ready' host.sleep(100)", 0 },
      { "host.spawn(os.exit, 5) host.sleep(100)", 5 },
    }
    for _, how in ipairs(ends) do
      local folder = new_folder()
      local bot = keeping(folder, [[local s <close> = setmetatable({}, { __close = function()
        host.state("s", nil, { durable = true }).closed = true end })
        host.state("s", { n = 7 }, { durable = true })]] .. how[1])
      if how[2] == 0 then
        bot:tells "ready"
        bot:kill "sigterm"
      end
      assert.equal(how[2], (bot:wait()))
      local after = keeping(folder, [[say(host.state("s", {}, { durable = true }).n)]])
      after:tells "7"
      after:ends(0)
    end
  end)

  describe("over a reload", function()
    it_tells("is the table that was copied", function()
      local folder = new_folder()
      local bot = reloadable.start([[
        local s = host.state("s", { n = 1 }, { durable = true })
        host.every(100, print) say "ready"
        s.n = 2
      ]], nil, { flags = { "--state", folder } })
      bot:tells "ready"
      bot:takes_over [[
        local s = host.state("s", { n = 0 }, { durable = true, migrate = function(old) old.n = old.n + 10 end })
        host.every(100, print) say(s.n)
      ]]
      bot:tells "12"
      bot:kill "sigterm"
      bot:ends(0)
      local after = keeping(folder, [[say(host.state("s", {}, { durable = true }).n)]])
      after:tells "12"
      after:ends(0)
    end)

    it_tells("that fails is what the old code makes of it", function()
      local folder = new_folder()
      local bot = reloadable.start([[
        local s = host.state("s", { n = 1 }, { durable = true })
        host.on_stop(function() s.n = s.n + 1 end)
        host.every(100, print) say "ready"
      ]], nil, { flags = { "--state", folder } })
      bot:tells "ready"
      bot:fails_to([[
        host.state("s", {}, { durable = true }).n = 100
        host.state("t", { 1 }, { durable = true })
        error "no"
      ]], "no")
      bot:kill "sigterm"
      bot:ends(0)
      local after = keeping(folder, [[
        say(host.state("s", {}, { durable = true }).n, next(host.state("t", {}, { durable = true })))
      ]])
      after:tells "2 nil"
      after:ends(0)
    end)

    it_tells("stays what it was where the new code does not ask for it", function()
      local folder = new_folder()
      local bot = reloadable.start([[
        local s = host.state("s", { n = 1 }, { durable = true })
        s.n = 2
        host.every(100, print) say "ready"
      ]], nil, { flags = { "--state", folder } })
      bot:tells "ready"
      bot:takes_over "host.every(100, print) say 'other'"
      bot:tells "other"
      bot:kill "sigterm"
      bot:ends(0)
      local after = keeping(folder, [[say(host.state("s", {}, { durable = true }).n)]])
      after:tells "2"
      after:ends(0)
    end)

    it_tells("is found by new code that asks for it first", function()
      local folder = new_folder()
      keeping(folder, [[host.state("s", { n = 5 }, { durable = true })]]):ends(0)
      local bot = reloadable.start("host.every(100, print) say 'ready'", nil, { flags = { "--state", folder } })
      bot:tells "ready"
      bot:takes_over [[say(host.state("s", {}, { durable = true }).n) host.every(100, print)]]
      bot:tells "5"
      bot:kill "sigkill"
    end)
  end)

  it_tells("is each worker's own", function()
    local folder = new_folder()
    local source = [[
      local s = host.state("s", { n = 0 }, { durable = true })
      s.n = s.n + host.worker
      say(host.worker, s.n)
    ]]
    for turn = 1, 2 do
      local bot = keeping(folder, source, { "--workers", "3" })
      local lines = { bot:line(), bot:line(), bot:line() }
      table.sort(lines)
      assert.same({ "1 " .. turn, "2 " .. 2 * turn, "3 " .. 3 * turn }, lines)
      bot:ends(0)
    end
    local alone = keeping(folder, source) -- is worker 1
    alone:tells "1 3"
    alone:ends(0)
  end)

  it_tells("of a worker that has died is there when it comes back", function()
    local folder = new_folder()
    local bot = keeping(folder, [[
      local s = host.state("s", { n = 0, mark = "kept by " .. host.worker }, { durable = true })
      s.n = s.n + 1
      say(host.worker, s.n, require "luv".os_getpid())
      host.sleep(1000)
    ]], { "--workers", "2" })
    local pids = {}
    for _ = 1, 2 do
      local worker, n, pid = bot:line():match "^(%d) (%d) (%d+)"
      assert.equal("1", n)
      pids[worker] = tonumber(pid)
    end
    story.poll("its first write", function()
      return uv.fs_stat(folder .. "/state.db-wal") and place.read(folder .. "/state.db-wal"):find("kept by 2", 1, true)
    end)
    uv.kill(pids["2"], "sigkill")
    bot:tells "~^2 2 "
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("is plain data: what is not is told once, with its path, and the rest is written", function()
    local folder = new_folder()
    local bot = keeping(folder, [[
      local s = host.state("bad", { rows = { { n = 1 } } }, { durable = true })
      local t = host.state("good", { n = 0 }, { durable = true })
      host.after(0.2, function() s.rows[1].f = print end)
      host.every(0.02, function() t.n = t.n + 1 end)
      host.after(0.6, function() s.rows[1].f = nil s.rows[1].n = 2 end)
      host.after(0.9, function() s.rows[1].f = print host.after(0.3, host.stop) end)
    ]])
    bot:ends(0)
    local told = log.untimed(bot.err)
    local line = 'error host.state "bad".rows[1].f is a function: until that is mended, --state keeps what'
    local _, count = told:gsub(line:gsub("%p", "%%%0"), "")
    assert.equal(2, count, told)
    local after = keeping(folder, [[
      say(host.state("bad", {}, { durable = true }).rows[1].n, host.state("good", {}, { durable = true }).n > 10)
    ]])
    after:tells "2 true"
    after:ends(0)
  end)

  it_tells("that is large is told of once, and holds up nothing else where it is in several names", function()
    local bot = keeping(new_folder(), [[
      local big = host.state("big", {}, { durable = true })
      for i = 1, 1000000 do big[i] = i * 1.5 end
      host.every(0.01, function() big[1] = big[1] + 1 end)
      host.after(1, host.stop)
    ]])
    bot:ends(0)
    local _, count = bot.err:gsub('host.state "big" is large: ', "")
    assert.equal(1, count, bot.err)
  end)

  it_tells("is compared only where Lua code has run", function()
    local bot = keeping(new_folder(), [[
      local s = host.state("s", {}, { durable = true })
      for i = 1, 1000 do s[i] = i end
      say "ready"
      host.every(3600, print)
    ]])
    bot:tells "ready"
    local function turns()
      return tonumber(place.read(("/proc/%d/status"):format(bot.pid)):match "voluntary_ctxt_switches:%s(%d+)")
    end
    story.pause(0.5)
    local before = turns()
    story.pause(0.5)
    assert.is_true(turns() - before <= 4)
    bot:kill "sigterm"
    bot:ends(0)
  end)

  describe("survives SIGKILL", function()
    -- A bot that counts, and says what it has counted and when; it is killed after a while that differs.
    local counts = [[
      local s = host.state("s", { n = 0 }, { durable = true })
      local rest = host.state("rest", { rows = {} }, { durable = true })
      io.stdout:setvbuf "no"
      io.write(("from %d\n"):format(s.n))
      host.every(0.002, function()
        s.n = s.n + 1
        rest.rows[s.n % 100] = ("x"):rep(s.n % 1000)
        io.write(("%d %.4f\n"):format(s.n, host.now()))
      end)
    ]]

    it_tells("at any moment, and loses at most what is younger than 100 ms", function()
      local tells = os.getenv "WSBOT_SPEC_KILLS"
      local kills = tonumber(tells or 50)
      local folder, said, late = new_folder(), {}, 0
      math.randomseed(tonumber(os.getenv "WSBOT_SPEC_SEED") or 23)
      for kill = 1, kills do
        local bot = keeping(folder, counts)
        local from = tonumber(bot:line():match "^from (%d+)$")
        if said.last then
          local lost = said.last.at - (said[from] or said.first.at)
          assert.is_true(from >= said.first.n, ("kill %d: from %d back to %d"):format(kill, said.first.n, from))
          if lost > 0.1 then late = late + 1 end
          if tells then print(("kill %d: %.1f ms lost"):format(kill, lost * 1000)) end
        end
        if kill < kills then story.pause(math.random() * 0.3) end
        bot:kill "sigkill"
        bot:wait()
        said = { first = { n = from, at = 0 } }
        for n, at in bot.out:gmatch "(%d+) ([%d.]+)\n" do
          said.last = { n = tonumber(n), at = tonumber(at) }
          said[said.last.n] = said.last.at
          if said.first.at == 0 then said.first.at = said.last.at end
        end
      end
      assert.is_true(late <= kills * 0.1, ("%d of %d lost more than 100 ms"):format(late, kills)) -- a busy machine
    end)
  end)

  describe("where it cannot be written", function()
    local function limit(bot, size)
      assert(os.execute(("prlimit --pid %d --fsize=%s:"):format(bot.pid, size)))
    end

    local function stop(bot)
      bot:kill "sigterm"
      bot:wait()
    end

    -- At each byte of its input it has more to keep.
    local source = [[
      local s = host.state("s", { n = 0 }, { durable = true })
      local rows = host.state("rows", {}, { durable = true })
      local uv = require "luv"
      local input = uv.new_pipe(false)
      input:open(0)
      say "ready"
      input:read_start(function(_, data)
        if not data then return host.stop() end
        s.n = s.n + 1
        for i = 1, 2000 do rows[i] = ("%d %d "):format(s.n, i):rep(20) end
        say(s.n)
      end)
    ]]

    it_tells("says so once, goes on, tries again, and says when it works", function()
      local folder = new_folder()
      local bot = program.bot(source, nil, { flags = { "--state", folder }, stdin = true })
      bot:tells "ready"
      limit(bot, 65536)
      bot:write "x"
      bot:tells "1"
      bot:complains(("error state: cannot write %s/state.db: "):format(folder))
      bot:write "x"
      bot:tells "2"
      story.pause(1.5) -- in which it is tried again
      limit(bot, "unlimited")
      bot:complains "is written again; nothing was lost"
      stop(bot)
      local _, count = bot.err:gsub("cannot write", "")
      assert.equal(1, count, bot.err)
      local after = keeping(folder, [[
        say(host.state("s", {}, { durable = true }).n, #host.state("rows", {}, { durable = true }))
      ]])
      after:tells "2 2000"
      after:ends(0)
    end)

    it_tells("says at the end what was lost, and what was written before is there", function()
      local folder = new_folder()
      local bot = program.bot(source, nil, { flags = { "--state", folder }, stdin = true })
      bot:tells "ready"
      story.poll("the first write", function()
        local about = uv.fs_stat(folder .. "/state.db-wal")
        return about and about.size > 0
      end)
      limit(bot, 65536)
      bot:write "x"
      bot:tells "1"
      bot:complains "cannot write"
      stop(bot)
      assert.matches("error state: 2 names could not be written to .*; what came after the last write is lost", bot.err)
      local after = keeping(folder, [[
        say(host.state("s", {}, { durable = true }).n, #host.state("rows", {}, { durable = true }))
      ]])
      after:tells "0 0"
      after:ends(0)
    end)
  end)

  describe("does not begin", function()
    it_tells("in a folder within one that is missing", function()
      refuses("/no/such/folder",
        "wsbot: --state: cannot make the folder /no/such/folder: No such file or directory (the one that it is in must")
    end)

    it_tells("in a folder that cannot be written", function()
      if uv.fs_stat "/sys/kernel" then refuses("/sys/kernel", "wsbot: --state: cannot open /sys/kernel/state.db: ") end
      refuses("/proc/self/no", "wsbot: --state: cannot make the folder /proc/self/no: ")
    end)

    it_tells("in a folder that another process has, alone or in a pool", function()
      local folder = new_folder()
      for _, flags in ipairs { {}, { "--workers", "2" } } do
        local bot = keeping(folder, "say 'ready' host.sleep(100)", flags)
        bot:tells(table.unpack(#flags > 0 and { "ready", "ready" } or { "ready" }))
        refuses(folder, ("wsbot: --state: %s is in use: each program needs a folder of its own"):format(folder))
        local pool = keeping(folder, "say 'never'", { "--workers", "2" })
        pool:complains "is in use"
        pool:ends(2)
        bot:kill "sigterm"
        bot:ends(0)
      end
    end)

    it_tells("in a folder that what it has started has not", function()
      local folder = new_folder()
      for _, flags in ipairs { {}, { "--workers", "2" } } do
        local starter = keeping(folder, "os.execute 'sleep 60 >/dev/null 2>&1 </dev/null & echo $!'", flags)
        local started = { tonumber(starter:line()), #flags > 0 and tonumber(starter:line()) or nil }
        starter:wait()
        local bot = keeping(folder, "say 'it is free'")
        bot:tells "it is free"
        bot:ends(0)
        for _, pid in ipairs(started) do assert(uv.kill(pid, "sigkill")) end
      end
    end)

    it_tells("with a file that is damaged, another's, or newer; and leaves it as it is", function()
      local function file_with(text)
        local folder = place.folder { ["state.db"] = text }
        return folder, folder .. "/state.db"
      end
      local folder, path = file_with(("no database\n"):rep(1000))
      refuses(folder, ("wsbot: --state: %s is damaged (file is not a database): it was left as it is"):format(path))
      assert.equal(("no database\n"):rep(1000), place.read(path))

      folder = new_folder()
      keeping(folder, [[host.state("s", { ("x"):rep(100000) }, { durable = true })]]):ends(0)
      local whole = place.read(folder .. "/state.db")
      for at, text in pairs { [#whole // 2] = "", [8192] = ("\x5a"):rep(4096) .. whole:sub(8192 + 4096 + 1) } do
        local other = file_with(whole:sub(1, at) .. text)
        refuses(other, "is damaged (")
        assert.equal(whole:sub(1, at) .. text, place.read(other .. "/state.db"))
      end
      local newer = whole:sub(1, 60) .. "\0\0\0\2" .. whole:sub(65)
      refuses(file_with(newer), "is of a newer wsbot (version 2, and this one knows 1): it was left as it is")
      refuses(file_with(whole:sub(1, 68) .. "\0\0\0\7" .. whole:sub(73)), "is another program's: it was left as it is")
    end)
  end)

  it_tells("that was packed in another way is an error of who asks for it, and stays", function()
    local folder = new_folder()
    keeping(folder, [[host.state("s", { "some text" }, { durable = true })]]):ends(0)
    local path = folder .. "/state.db"
    local text = place.read(path)
    local changed = text:gsub("\x01\x07\x04\x02\x06\x09some text", "\x63\x07\x04\x02\x06\x09some text")
    assert.not_equal(text, changed)
    place.file(path, changed)
    local bot = keeping(folder, [[say(pcall(host.state, "s", nil, { durable = true }))]])
    bot:tells "false host.state 's': what is kept of it cannot be read: it is of another version"
    bot:ends(0)
    assert.equal(changed, place.read(path))
  end)

  it_tells("is nothing that wsbot check keeps", function()
    local path = place.file("bot.lua", [[host.state("s", { 1 }, { durable = true })]])
    local bot = program.run { "check", path }
    bot:tells "state       s"
    bot:ends(0)
  end)
end)
