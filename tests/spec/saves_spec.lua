-- saves: what is loaded is what was saved. Half a save is no new generation, whoever asks for it, and however it is
-- written; and the line of a reload says what it did, and to whom.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

local watched = { flags = { "--watch" } }

-- A bot with one connection, that says which version it is.
local function feed(version, more)
  return ([[say "version %s" ws.connect { url = arg[1], name = "feed" } %s]]):format(version, more or "")
end

-- It runs and is connected. Returns it, and the session.
local function start(options, source)
  local p = peer.listen()
  local bot = reloadable.start(source or feed "1", { p.url }, options)
  local s = p:open()
  bot:tells "version 1"
  return bot, s
end

local function write(path, mode, text)
  local file = assert(io.open(path, mode))
  assert(file:write(text))
  file:flush()
  return file
end

-- It was asked by SIGHUP whether it would reload in this state, and after a while has not.
local function asked_in_vain(bot)
  bot:kill "sighup"
  story.pause(0.2)
  assert.is_nil(bot.bot.err:find("reload", bot.seen + 1, true))
end

describe("half a save", function()
  for name, options in pairs { SIGHUP = {}, ["--watch"] = watched } do
    it_tells("is an empty main script: " .. name, function()
      local bot, s = start(options)
      write(bot.path, "w", ""):close()
      asked_in_vain(bot)
      bot:write_script(feed "2")
      bot:tells "version 2"
      assert.matches("info reload 1: kept 1: feed", bot:reload_line())
      s:text "still here"
    end)

    it_tells("is a main script that somebody still writes: " .. name, function()
      local bot = start(options)
      local file = write(bot.path, "w", program.prelude .. "say 'half'\n")
      asked_in_vain(bot)
      file:write(feed "2")
      file:close()
      bot:tells("half", "version 2")
      assert.matches("kept 1: feed", bot:reload_line())
    end)
  end

  it_tells("is a module that somebody still writes", function()
    local folder = place.folder()
    place.file(folder .. "/part.lua", "return '1'")
    local bot, s = start({ folder = folder }, [[
      say("version " .. require "part") ws.connect { url = arg[1], name = "feed" }]])
    local file = write(folder .. "/part.lua", "w", "return '2' +")
    asked_in_vain(bot)
    file:write(" 1")
    file:close()
    bot:tells "version 3"
    assert.matches("kept 1: feed", bot:reload_line())
    s:text "still here"
  end)

  it_tells("is told where it lasts", function()
    local bot = start()
    local file = write(bot.path, "w", "")
    bot:kill "sighup"
    story.poll("what it waits for", function()
      return bot.bot.err:find "warn reload: it waits for [^\n]*bot.lua, which is empty\n"
    end)
    file:write(program.prelude .. feed "2")
    file:close()
    bot:tells "version 2"
    bot:reload_line()
  end)

  it_tells("is what changes while it is loaded", function()
    local folder = place.folder()
    place.file(folder .. "/part.lua", "return '1'")
    local bot = start({ folder = folder }, feed("1"))
    local wanted = folder .. "/again"
    bot:reload(([[
      local part = require "part"
      local once = io.open(%q)
      if once then
        once:close()
        io.open(%q, "w"):write("return '3'"):close()
        os.remove(%q)
      end
      say("version " .. part)
      ws.connect { url = arg[1], name = "feed" }]]):format(place.file(wanted, ""), folder .. "/part.lua", wanted))
    bot:tells("version 1", "version 3") -- the first was loaded in vain
    assert.equal(0, select(2, bot.bot.err:gsub("reload %d", "%0")) - 1)
  end)

  it_tells("is no FIFO in place of a module, which would stop the running code", function()
    local folder = place.folder()
    local part = place.file(folder .. "/part.lua", "return '1'")
    local bot, s = start({ folder = folder }, [[
      say("version " .. require "part")
      ws.connect { url = arg[1], name = "feed", on_message = function(_, data) say(data) end }
    ]])
    assert(os.remove(part))
    assert(os.execute("mkfifo '" .. part .. "'"))
    bot:kill "sighup"
    assert.matches("^error reload failed", bot:reload_line())
    assert.matches("part.lua: it is a FIFO", bot.bot.err)
    s:text "still here"
    bot:tells "still here"
  end)

  it_tells("is a file that is missing for a moment", function()
    local bot = start()
    assert(os.rename(bot.path, bot.path .. ".old"))
    asked_in_vain(bot)
    bot:write_script(feed "2")
    bot:tells "version 2"
    assert.matches("kept 1: feed", bot:reload_line())
  end)

  it_tells("comes to nothing, however many there are", function()
    local bot, s = start(watched)
    local whole = program.prelude .. feed("more", ("-- %s\n"):format(("x"):rep(20000)))
    for i = 1, 60 do
      local file = write(bot.path, "w", "")
      story.pause(0.002)
      file:write(whole:sub(1, #whole // 2))
      file:flush()
      story.pause(0.002)
      file:write(whole:sub(#whole // 2 + 1))
      file:close()
      if i % 10 == 0 then bot:kill "sighup" end
      s:text "data"
      story.pause(0.008)
    end
    story.poll("the last to take over", function() return bot.bot.out:find "version more" end)
    s:text "still here"
    story.pause(0.1)
    assert.is_nil(bot.bot.err:find("closed", 1, true))
    assert.is_nil(bot.bot.err:find("error", 1, true))
  end)
end)

it_tells("chmod alone reloads nothing", function()
  local bot = start(watched)
  assert(os.execute("chmod 600 '" .. bot.path .. "'"))
  story.pause(0.2)
  assert.equal("", bot.bot.err)
  bot:write_script(feed "2") -- the watch goes on
  bot:tells "version 2"
end)

describe("the line of a reload", function()
  it_tells("names the file that caused it", function()
    local folder = place.folder()
    place.file(folder .. "/part.lua", "return 1")
    local bot = start({ flags = { "--watch" }, folder = folder, cwd = folder }, feed("1", "require 'part'"))
    place.file(folder .. "/part.lua", "return 2")
    assert.matches("^info reload 1: kept 1: feed %(part.lua, %d+%.%d ms%)$", bot:reload_line())
    bot:write_script(feed("1", "host.every(10, host.reload)"))
    assert.matches("^info reload 2: kept 1: feed %(bot.lua, ", bot:reload_line())
  end)

  it_tells("says who asked, where it was no file", function()
    local bot = start({}, feed("1", "if host.reloads == 0 then host.after(0, host.reload) end"))
    assert.matches("%(host.reload, ", bot:reload_line())
    assert.matches("%(SIGHUP, ", bot:takes_over())
  end)

  it_tells("counts what is cut off", function()
    local bot, s = start({ env = { WSBOT_LOG = "debug" } }, [[
      say "version 1"
      local conn = ws.connect { url = arg[1], name = "feed", on_message = function() say "got" host.sleep(100) end }
      for i = 1, 2 do host.spawn(function() host.sleep(100 + i) end) end
    ]])
    s:text "a"
    bot:tells "got"
    assert.matches("reload 1: kept 1: feed; cut 1 callback, 2 tasks %(", bot:reload(feed "2"))
    assert.matches("debug cut a callback that waited\nstack traceback:\n[^\n]*host.sleep'\n%s+[^\n]*bot.lua:",
      bot.bot.err)
    assert.equal(2, select(2, bot.bot.err:gsub("debug cut a task that waited", "")))
    assert.is_nil(bot:reload(feed "3"):find "cut")
  end)

  it_tells("names five of each kind, and counts the rest", function()
    local source = [[for i = 1, 12 do ws.connect { url = arg[1], name = "conn" .. i } end say "version 1"]]
    local bot = start({}, source)
    assert.matches("kept 12: conn1, conn2, conn3, conn4, conn5 and 7 more %(", bot:reload())
    bot:tells "version 1"
    assert.matches("kept 3: conn1, conn2, conn3; closed 9: conn4, conn5, conn6, conn7, conn8 and 4 more %(",
      bot:reload((source:gsub("12", "3"))))
  end)

  it_tells("says what changes at the next handshake", function()
    local bot = start()
    local source = [[ws.connect { url = arg[1], name = "feed", %s } say "more"]]
    local changes = {
      { "headers = { A = 'b' }", "headers" },
      { "headers = { A = 'b' }, origin = 'http://x'", "origin" },
      { "headers = { A = 'b' }, origin = 'http://x', compression = false", "compression" },
    }
    for _, change in ipairs(changes) do
      local line = bot:reload(source:format(change[1]))
      assert.matches("kept 1: feed %(" .. change[2] .. " at the next handshake%)", line)
    end
    assert.is_nil(bot:reload():find "handshake")
  end)

  it_tells("names the worker, and one more those where it failed", function()
    local bot = reloadable.start("say 'here' host.every(10, print)", {}, { flags = { "--workers=3" } })
    bot:tells("here", "here", "here")
    bot:reload("if host.worker == 2 then error 'not here' end host.every(10, print)")
    local function told(pattern)
      story.poll(pattern, function() return bot.bot.err:find(pattern) end)
    end
    told "error reload failed in worker 2, the old code goes on: [^\n]*not here"
    told "info reload 1: no connections %(SIGHUP, worker 1, "
    told "info reload 1: no connections %(SIGHUP, worker 3, "
    told "error reload failed in worker 2; workers 1 and 3 took over\n"
    bot:kill "sigterm"
    bot:wait()
  end)
end)
