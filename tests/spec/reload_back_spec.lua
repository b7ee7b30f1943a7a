-- reload_back: the sources that ran before come again, when one asks for them, or when the new ones fail on trial.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local reloadable = require "support.reloadable"
local story = require "support.story"

-- A bot with one connection, that says its version and obeys: "back", "fail".
local obeying = [[
  say "version %s"
  local conn = ws.connect { url = arg[1], name = "feed" }
  function conn.on_message(_, data)
    if data == "back" then say(host.back()) end
    if data == "fail" then error "failed" end
    say("got", data)
  end
  %s
]]

local function version(n, more)
  return obeying:format(n, more or "")
end

local function start(flags, folder, source)
  local p = peer.listen()
  local bot = reloadable.start(source or version "1", { p.url }, { flags = flags, folder = folder })
  local s = p:open()
  bot:tells "version 1"
  return bot, s
end

-- Saves another version, which takes over.
local function save(bot, n, more)
  bot:takes_over(version(n, more))
  bot:tells("version " .. n)
end

describe("host.back", function()
  it_tells("loads the generation before, step by step, and then there is none", function()
    local bot, s = start()
    save(bot, 2)
    save(bot, 3)
    for n = 2, 1, -1 do
      s:text "back"
      bot:tells("true", "got back", "version " .. n)
      assert.matches("kept 1: feed %(host.back, ", bot:reload_line())
    end
    s:text "back"
    bot:tells("nil there is no generation before this one", "got back")
    save(bot, 4) -- what is on disk
    s:text "back"
    bot:tells("true", "got back", "version 1")
  end)

  it_tells("loads its modules as well, also those that are loaded later, or are gone", function()
    local folder = place.folder()
    local more = [[
      local early = require "early"
      function conn.on_ping() say(early, (require "late")) end
    ]]
    place.file(folder .. "/early.lua", "return 'early 1'")
    place.file(folder .. "/late.lua", "return 'late 1'")
    local bot, s = start({}, folder, version("1", more))
    s:ping "" -- so that the second is loaded
    bot:tells "early 1 late 1"
    s:expect(10, "")
    os.remove(folder .. "/early.lua")
    place.file(folder .. "/late.lua", "return 'late 2'")
    save(bot, 2, "function conn.on_ping() say((require 'late')) end")
    s:ping ""
    bot:tells "late 2"
    s:expect(10, "")
    s:text "back"
    bot:tells("true", "got back", "version 1")
    s:ping ""
    bot:tells "early 1 late 1"
  end)

  it_tells("keeps eight of them", function()
    local bot, s = start()
    for n = 2, 12 do save(bot, n) end
    for n = 11, 4, -1 do
      s:text "back"
      bot:tells("true", "got back", "version " .. n)
    end
    s:text "back"
    bot:tells("nil there is no generation before this one", "got back")
  end)

  it_tells("is no save: the watch waits for the next", function()
    local bot, s = start { "--watch" }
    bot:write_script(version(2))
    bot:tells "version 2"
    bot:reload_line()
    s:text "back"
    bot:tells("true", "got back", "version 1")
    bot:reload_line()
    story.pause(0.1)
    s:text "here"
    bot:tells "got here"
    bot:write_script(version(3))
    bot:tells "version 3"
  end)
end)

it_tells("a chmod after host.back is no save, and a save is one", function()
  local bot, s = start { "--watch" }
  save(bot, 2)
  s:text "back"
  bot:tells("true", "got back", "version 1")
  assert.matches("^info reload 2", bot:reload_line())
  assert(os.execute("chmod 600 '" .. bot.path .. "'"))
  story.pause(0.2)
  s:text "hello"
  bot:tells "got hello"
  assert.matches("^info reload 3", bot:takes_over(version(3)))
end)

describe("--trial", function()
  local trial = { "--trial", "60", "--trial-errors", "1" }

  it_tells("brings the old sources back when the new ones fail too often", function()
    local bot, s = start(trial)
    s:text "fail" -- there is no trial yet
    s:text "fail"
    s:text "fail"
    s:text "ok"
    bot:tells "got ok"
    save(bot, 2)
    s:text "fail"
    s:text "ok"
    bot:tells "got ok"
    s:text "fail"
    bot:tells "version 1"
    story.poll("why", function()
      return bot.bot.err:find "error trial: 2 errors within %d+%.%d s of the reload: the sources before it come back\n"
        and bot.bot.err:find "info reload 2: kept 1: feed %(trial, "
    end)
    s:text "fail" -- which has none itself
    s:text "fail"
    s:text "ok"
    bot:tells "got ok"
  end)

  it_tells("counts errors of timers and tasks, and those that on_error hears", function()
    for _, more in ipairs {
      "host.every(0.01, function() error 'no' end)",
      "for _ = 1, 2 do host.spawn(error, 'no') end",
      "conn.on_error = function() end function conn.on_adopt() host.after(0, error) error 'no' end",
      "host.sleep(0.01) error 'the main chunk'",
    } do
      local bot = start(more:find "main" and { "--trial", "60" } or trial)
      save(bot, 2, more)
      bot:tells "version 1"
    end
  end)

  it_tells("is over after its time", function()
    local bot, s = start { "--trial", "0.05", "--trial-errors", "0" }
    save(bot, 2)
    story.pause(0.1)
    s:text "fail"
    s:text "ok"
    bot:tells "got ok"
  end)
end)
