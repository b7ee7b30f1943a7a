-- reload_grace: who waits when a reload comes may finish first; what comes meanwhile is kept, for whoever goes on.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

-- Each message takes its time, and says which code has done it.
local slow = [[
  local conn = ws.connect { url = arg[1], name = "feed" }
  function conn.on_message(_, data)
    say("begin", data, host.reloads)
    host.sleep(%s)
    say("done", data, host.reloads)
  end
]]

local function start(grace, source)
  local p = peer.listen()
  local bot = reloadable.start(source or slow:format "0.3", { p.url }, { flags = { "--reload-grace", grace } })
  return bot, p:open()
end

describe("--reload-grace", function()
  it_tells("lets a callback finish; what comes meanwhile goes to the new code, in order", function()
    local bot, s = start "30"
    s:text "a"
    bot:tells "begin a 0"
    bot:kill "sighup"
    s:text "b"
    s:text "c"
    bot:tells("done a 0", "begin b 1", "done b 1", "begin c 1", "done c 1")
    assert.matches("^info reload 1: kept 1: feed %(SIGHUP, ", bot:reload_line())
  end)

  it_tells("ends, and then what still waits is cut off", function()
    local bot, s = start("0.2", slow:format "100")
    s:text "a"
    bot:tells "begin a 0"
    s:text "b"
    assert.matches("kept 1: feed; cut 1 callback, 0 tasks %(", bot:reload())
    bot:tells "begin b 1"
  end)

  it_tells("gives what came meanwhile to the old code where the reload fails", function()
    local bot, s = start "30"
    s:text "a"
    bot:tells "begin a 0"
    bot:write_script "this is no Lua"
    bot:kill "sighup"
    s:text "b"
    bot:tells("done a 0", "begin b 0", "done b 0")
    assert.matches("^error reload failed", bot:reload_line())
  end)

  it_tells("is for tasks as well, but not for those that wait for messages, which have to wait", function()
    local bot, s = start("30", [[
      local conn = ws.connect { url = arg[1], name = "feed" }
      host.spawn(function() say "task begins" host.sleep(0.3) say("task done", host.reloads) end)
      for data in conn:messages() do
        say(data, host.reloads)
        if data == "a" then
          host.reload()
          host.sleep(0.01) -- which is over after that has begun
          say "asked"
        end
      end
    ]])
    bot:tells "task begins"
    s:text "a"
    bot:tells("a 0", "asked")
    s:text "b"
    bot:tells "task done 0"
    assert.matches("kept 1: feed; cut 0 callbacks, 1 task %(", bot:reload_line())
    bot:tells("task begins", "b 1")
  end)

  it_tells("ends with the program, which closes in order", function()
    local bot, s = start("30", [[
      local conn = ws.connect { url = arg[1], name = "feed", on_close = function(_, code) say("close", code) end }
      function conn.on_message() say "begin" host.sleep(100) end
      host.on_stop(function() say "stop" end)
    ]])
    s:text "a"
    bot:tells "begin"
    bot:kill "sighup"
    story.pause(0.1)
    bot:kill "sigterm"
    bot:tells "stop"
    s:answer_close()
    bot:wait()
    assert.equal(0, bot.bot.status)
  end)

  it_tells("is a number of seconds", function()
    local bot = program.run { "run", "--reload-grace", "soon", "bot.lua" }
    bot:wait()
    assert.equal(2, bot.status)
    assert.matches("reload%-grace", bot.err)
  end)
end)
