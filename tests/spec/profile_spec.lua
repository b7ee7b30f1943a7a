-- Where the time goes: `wsbot run --profile FILE`, and the module wsbot.profile. A test waits until there are enough
-- samples, as many as it takes: each is a hundredth of a second of CPU time.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local uv = require "luv"

-- What the bots begin with, on one line: work(n) takes some time, `enough` says whether there are n samples since it
-- was made, and tell() prints all of them.
local prelude = [[
  local profile = require "wsbot.profile"
  local function work(n) local x = 0 for i = 1, n do x = x * 3 % 7 + i end return x end
  local seen = assert(profile.begin())
  local function enough(n) return seen:samples() >= n end
  local function tell() io.write(seen:folded(), "end\n") end
]]
prelude = prelude:gsub("\n%s*", " ")

-- A bot whose source begins on line 2.
local function bot_of(source, args, options)
  return program.bot(prelude .. "\n" .. source, args, options)
end

-- Reads folded text: { [stack] = samples }, without the folders of files, and the sum.
local function read_folded(text)
  local stacks, sum = {}, 0
  for line in text:gmatch "[^\n]+" do
    local stack, n = line:match "^(%S+) (%d+)$"
    assert(stack, "a line of another form: " .. line)
    stack = stack:gsub("%([^();]*/", "(")
    assert.is_nil(stacks[stack])
    stacks[stack], sum = tonumber(n), sum + tonumber(n)
  end
  return stacks, sum
end

-- What the bot tells next by tell().
local function told_by(bot)
  local lines = {}
  for line in bot.line, bot do
    if line == "end" then return read_folded(table.concat(lines, "\n")) end
    lines[#lines + 1] = line
  end
end

-- The samples of all stacks in which the pattern is found.
local function count(stacks, pattern)
  local sum = 0
  for stack, n in pairs(stacks) do
    if stack:find(pattern) then sum = sum + n end
  end
  return sum
end

-- So many of all samples, at least, are in stacks like that. (Samples are a matter of chance: with few of them a share
-- is far from what it should be.)
local function has_share(least, stacks, pattern)
  local all, found = count(stacks, ""), count(stacks, pattern)
  if found >= least * all then return end
  local list = {}
  for stack, n in pairs(stacks) do list[#list + 1] = stack .. " " .. n end
  table.sort(list)
  error(("%d of %d samples have %s:\n%s"):format(found, all, pattern, table.concat(list, "\n")), 2)
end

describe("a profile", function()
  it_tells("has the busy function with its name, file and line, and the most samples", function()
    local bot = bot_of [[
      local function busy() -- 2
        local x = 0
        for i = 1, 100000 do x = x * 3 % 7 + i end
        return x
      end
      local function idle() return 1 end
      repeat busy() idle() until enough(30)
      tell()
    ]]
    local stacks = told_by(bot)
    has_share(0.4, stacks, "^main_chunk;chunk%(bot.lua%);busy%(bot.lua:2%)$")
    bot:ends(0)
  end)

  it_tells("gives the time in a function in C to that function, under the name that scripts know", function()
    local bot = bot_of [[
      local text = ("x"):rep(1000000)
      repeat local t = text:gsub("x", "yy") until enough(30)
      tell()
      seen = profile.begin()
      local json = require "wsbot.json"
      local list = "[" .. ("[1,2,3],"):rep(100000) .. "0]"
      repeat json.decode(list) until enough(30)
      tell()
    ]]
    has_share(0.4, told_by(bot), "^main_chunk;chunk%(bot.lua%);string.gsub$")
    has_share(0.4, told_by(bot), "^main_chunk;chunk%(bot.lua%);wsbot.json.decode$")
    bot:ends(0)
  end)

  it_tells("counts all that passes in one call of a function in C", function()
    local bot = bot_of [[
      local function long() return (("x"):rep(100000, ","):rep(20):gsub("%w", { x = "y" })) end
      long()
      tell()
    ]]
    local stacks = told_by(bot)
    assert.is_true(count(stacks, "long%(bot.lua:2%);string.gsub$") >= 3)
    bot:ends(0)
  end)

  it_tells("names callbacks by their connection, and timers and tasks by their function", function()
    local p = peer.listen()
    local bot = bot_of([[
      local function until_enough() repeat work(10000) until enough(20) end
      ws.connect { url = arg[1], name = "the feed;1", on_message = function(c)
        seen = profile.begin()
        until_enough()
        tell()
        c:close()
      end }
      ws.connect { url = arg[1] .. "/other", on_websocket_connect = function(c)
        seen = profile.begin()
        until_enough()
        tell()
        host.after(0, function() -- 13
          seen = profile.begin()
          until_enough()
          tell()
          host.spawn(function() -- 17
            seen = profile.begin()
            until_enough()
            tell()
            c:close()
          end)
        end)
      end }
    ]], { p.url })
    local sessions = {}
    for _ = 1, 2 do
      local s = p:open()
      sessions[s.request.target] = s
    end
    has_share(0.4, told_by(bot), "^on_websocket_connect%(#%d%);function%(bot.lua:9%);until_enough%(bot.lua:2%);work%(")
    has_share(0.4, told_by(bot), "^timer%(bot.lua:13%);function%(bot.lua:13%);until_enough")
    has_share(0.4, told_by(bot), "^host.spawn%(bot.lua:17%);function%(bot.lua:17%);until_enough")
    sessions["/other"]:answer_close()
    sessions["/"]:text "x"
    has_share(0.4, told_by(bot), "^on_message%(the_feed,1%);function%(bot.lua:3%);until_enough")
    sessions["/"]:answer_close()
    bot:ends(0)
  end)

  it_tells("passes through coroutines of the script", function()
    local bot = bot_of [[
      local function inner() repeat work(10000) coroutine.yield() until false end
      local outer = coroutine.create(function() -- 3
        local next_one = coroutine.wrap(inner)
        while true do next_one() coroutine.yield() end
      end)
      repeat coroutine.resume(outer) until enough(30)
      tell()
    ]]
    has_share(0.4, told_by(bot), "^main_chunk;chunk%(bot.lua%);coroutine.resume;function%(bot.lua:3%);next_one;" ..
      "function%(bot.lua:2%);work%(bot.lua:1%)$")
    bot:ends(0)
  end)

  it_tells("has the innermost functions of a deep stack", function()
    local bot = bot_of [[
      local function deep(n) if n == 0 then return work(100000) end return 1 + deep(n - 1) end
      repeat deep(1000) until enough(20)
      tell()
    ]]
    local stacks = told_by(bot)
    has_share(0.4, stacks, "^main_chunk;%(deeper%);")
    for stack in pairs(stacks) do assert.is_true(select(2, stack:gsub(";", "")) <= 65) end
    bot:ends(0)
  end)

  it_tells("counts what is not Lua as the host's", function()
    local bot = bot_of [[
      local task = host.spawn(function() while not enough(20) do host.sleep(0) end end)
      task:join()
      tell()
    ]]
    local stacks = told_by(bot)
    assert.is_true((stacks["(host)"] or 0) > 0)
    bot:ends(0)
  end)

  it_tells("is one's own for each who looks, from its begin to its stop", function()
    local bot = bot_of [[
      local function first() work(10000) end
      local function second() work(10000) end
      repeat first() until enough(20)
      local other = profile.begin()
      repeat second() until enough(40)
      io.write(other:folded(), "end\n")
      other:stop()
      tell()
      say(pcall(other.folded, other))
      other:stop()
      local many, why = {}
      repeat many[#many + 1], why = profile.begin() until why
      say(#many, why)
    ]]
    local other = told_by(bot)
    assert.equal(0, count(other, "first"))
    has_share(0.4, other, "second")
    local all = told_by(bot)
    assert.is_true(count(all, "first") > 10 and count(all, "second") > 10)
    bot:tells("false wsbot.profile: it was stopped", "31 profile: 32 look already")
    bot:ends(0)
  end)
end)

describe("what goes on beside a profile", function()
  it_tells("is that hooks of the script are called as they are without one", function()
    local bot = bot_of [[
      local events
      local function run()
        local t = {}
        for i = 1, 500 do t[i] = tostring(i):rep(2) end
        table.sort(t, function(a, b) return a < b end)
        return #t
      end
      local function counted(mask, count)
        events = { call = 0, ["return"] = 0, line = 0, ["tail call"] = 0, count = 0 }
        debug.sethook(function(event) events[event] = events[event] + 1 end, mask, count)
        run()
        debug.sethook()
        return events.call .. " " .. events["return"] .. " " .. events.line .. " " .. events["tail call"], events.count
      end
      seen:stop()
      local expected, _, counts = counted "crl", counted("", 1000)
      local rounds, sum = 0, 0
      seen = profile.begin()
      repeat
        local got = counted "crl"
        if got ~= expected then say(got, "not", expected) break end
        local _, more = counted("", 1000)
        rounds, sum = rounds + 1, sum + more
      until enough(30)
      say(sum > 0.8 * rounds * counts and sum <= rounds * counts)
    ]]
    bot:tells "true"
    bot:ends(0)
  end)

  it_tells("is that a count hook is called though its counts are further apart than samples", function()
    local bot = bot_of [[
      local called = 0
      repeat work(10000) until enough(3)
      debug.sethook(function() called = called + 1 end, "", 20000000)
      repeat work(10000) until called == 2 and enough(20)
      say(called)
    ]]
    bot:tells "2"
    bot:ends(0)
  end)

  it_tells("is that a hook which the script has set, or taken away, while a sample was due is as it says", function()
    local bot = bot_of [[
      local lines, hooked = 0, 0
      local function hook() lines = lines + 1 end
      repeat
        debug.sethook(hook, "l")
        work(10)
        debug.sethook()
        hooked = hooked + 1
        local before = lines
        work(10)
        assert(lines == before and not debug.gethook())
      until hooked % 1000 == 0 and enough(30)
      say(lines % hooked)
    ]]
    bot:tells "0"
    bot:ends(0)
  end)

  it_tells("is that a test has its limit of time, also where it catches the error of that", function()
    local p = program.test([[
      local profile = require "wsbot.profile"
      it("is busy", function()
        local seen <close> = profile.begin()
        while true do end
      end)
      it("catches", function()
        local seen <close> = profile.begin()
        while true do pcall(function() while true do end end) end
      end)
    ]], "--test-timeout", "0.3")
    assert.equal(1, p:wait())
    assert.matches("0 successes / 0 failures / 2 errors", p.out, 1, true)
    assert.equal(2, select(2, p.out:gsub("the test took over 0.3 s", "")))
  end)

  it_tells("is that signals interrupt code that is busy, and the profile of that is written", function()
    local file = place.folder() .. "/profile"
    local bot = bot_of([[
      say "busy"
      while true do work(1000) end
    ]], {}, { flags = { "--profile", file } })
    bot:tells "busy"
    bot:kill "sigterm"
    bot:complains "interrupted!"
    bot:wait()
    has_share(0.4, read_folded(place.read(file)), "^main_chunk;chunk%(bot.lua%);work%(bot.lua:1%)$")
  end)

  it_tells("is that programs which it starts run as ever, also where they take more than a sample's time", function()
    local bot = bot_of [[
      local busy = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done"
      repeat
        local ok, how, status = os.execute(busy)
        assert(ok and how == "exit" and status == 0, status)
        local pipe = io.popen(busy .. "; echo done")
        assert(pipe:read "a" == "done\n" and pipe:close())
        work(1000000)
      until enough(10)
      say "ended"
    ]]
    bot:tells "ended"
    bot:ends(0)
  end)

  it_tells("is a bot whose memory is limited", function()
    local bot = bot_of([[
      local function fill()
        local t = {}
        for i = 1, 1e7 do t[i] = { i } end
      end
      repeat local ok, why = pcall(fill) until enough(30) and not ok
      tell()
    ]], {}, { flags = { "--max-memory", "8" } })
    has_share(0.4, told_by(bot), "^main_chunk;chunk%(bot.lua%);pcall;function%(bot.lua:2%)")
    bot:ends(0)
  end)
end)

describe("--profile", function()
  local burn = "local function burn() work(100000) end repeat burn() until enough(20) "

  it_tells("writes folded text when the script has ended, and says so", function()
    local file = place.folder() .. "/profile"
    local bot = bot_of(burn, {}, { flags = { "--profile", file } })
    bot:ends(0)
    local stacks, sum = read_folded(place.read(file))
    has_share(0.4, stacks, "^main_chunk;chunk%(bot.lua%);burn%(bot.lua:2%);work%(bot.lua:1%)$")
    assert.matches(("info profile: %d samples are in %s\n"):format(sum, file), bot.err, 1, true)
  end)

  it_tells("writes a flame graph where the name ends in .svg", function()
    local file = place.folder() .. "/profile.svg"
    bot_of(burn, {}, { flags = { "--profile", file } }):ends(0)
    local check = program.start("/usr/bin/env", { "python3", "-c", [[
import sys, xml.etree.ElementTree as tree
names = "{http://www.w3.org/2000/svg}"
for title in tree.parse(sys.argv[1]).iter(names + "title"): print(title.text.split(":")[0].split("(")[0])
]], file })
    check:wait()
    assert.equal(0, check.status)
    for _, name in ipairs { "all", "main_chunk", "chunk", "burn", "work" } do
      assert.matches("\n" .. name .. "\n", "\n" .. check.out)
    end
    assert.is_nil(place.read(file):find "<script")
  end)

  it_tells("writes it whatever way the program ends", function()
    for source, status in pairs { ["os.exit(3)"] = 3, ["os.exit(4, true)"] = 4, ["error 'x'"] = 1,
      ["host.stop(5)"] = 5, ["host.after(0, function() os.exit(6) end)"] = 6, ["coroutine.wrap(os.exit)(7)"] = 7 } do
      local file = place.folder() .. "/profile"
      local bot = bot_of(burn .. source, {}, { flags = { "--profile", file } })
      assert.equal(status, bot:wait())
      has_share(0.4, read_folded(place.read(file)), ";burn%(bot.lua:2%)")
    end
  end)

  it_tells("goes on over a reload", function()
    local file = place.folder() .. "/profile"
    local bot = reloadable.start(prelude .. [[
      local function before() work(10000) end
      repeat before() until enough(20)
      say "enough"
      host.every(1000, function() end)
    ]], {}, { flags = { "--profile", file } })
    bot:tells "enough"
    bot:takes_over(prelude .. [[
      local function after() work(10000) end
      host.after(0, function()
        repeat after() until enough(20)
        host.stop()
      end)
    ]])
    bot.bot:ends(0)
    local stacks = read_folded(place.read(file))
    assert.is_true(count(stacks, "^main_chunk;.*;before%(") >= 10)
    assert.is_true(count(stacks, "^timer%(.*;after%(") >= 10)
  end)

  it_tells("has a file for each worker", function()
    local file = place.folder() .. "/profile"
    local bot = bot_of(burn, {}, { flags = { "--profile", file, "--workers", "2" } })
    bot:ends(0)
    for worker = 1, 2 do has_share(0.4, read_folded(place.read(file .. "." .. worker)), ";burn%(bot.lua:2%)") end
    assert.is_nil(uv.fs_stat(file))
  end)

  it_tells("is written over one that was there, and over nothing else", function()
    local folder = place.folder { ["old"] = "main_chunk;f(bot.lua:1) 3\n", ["old.svg"] = "<svg xmlns='x'>",
      ["script.lua"] = "local x = 1\n", ["return"] = "return 1, 2\n" }
    for _, name in ipairs { "old", "old.svg" } do
      bot_of("", {}, { flags = { "--profile", folder .. "/" .. name } }):ends(0)
      assert.is_nil(place.read(folder .. "/" .. name):find("main_chunk;f(bot.lua:1) 3", 1, true))
    end
    local is_other = "it is a file that is no profile"
    for name, why in pairs { ["script.lua"] = is_other, ["return"] = is_other,
      ["missing/file"] = "No such file or directory", ["."] = "Is a directory" } do
      local bot = bot_of("say 'never'", {}, { flags = { "--profile", folder .. "/" .. name } })
      bot:ends(2)
      assert.equal(("wsbot: --profile: cannot write %s/%s: %s\n"):format(folder, name, why), bot.err)
    end
    assert.equal("local x = 1\n", place.read(folder .. "/script.lua"))
  end)

  it_tells("says so where SIGPROF is somebody else's", function()
    local bot = program.bot [[
      local uv = require "luv"
      local signal = uv.new_signal()
      signal:start("sigprof", function() end)
      say(require "wsbot.profile".begin())
      signal:close()
    ]]
    bot:tells "nil profile: a module handles SIGPROF, which the profile needs"
    bot:ends(0)
  end)
end)
