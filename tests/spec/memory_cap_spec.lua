-- --max-memory: what a script makes Lua keep, and what it makes the host keep for it, have one limit. Who asks for more
-- meets an error; the bot goes on, and what was open stays open.
local capped = require "support.capped"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local reloadable = require "support.reloadable"
local sorted = require "support.sorted"

local flags, is_refused = capped.flags, capped.is_refused

describe("a script that keeps on making", function()
  local bombs = {
    ["timers with long names"] = [[for i = 1, 1000000 do host.every(1000, print, ("n"):rep(1000) .. i) end]],
    ["timers"] = [[while true do host.after(1000, print) end]],
    ["tasks"] = [[while true do host.spawn(function() host.sleep(1000) end) end]],
    ["connections with long urls"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/" .. ("u"):rep(3000) .. i, on_error = function() end }
      end]],
    ["connections with long names"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", name = ("n"):rep(3000) .. i, on_error = function() end }
      end]],
    ["connections with long headers"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", headers = { A = ("a"):rep(1000) .. i, B = { "b", ("b"):rep(2000) } },
          on_error = function() end }
      end]],
    ["connections with long lists"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", protocols = { ("p"):rep(1000) .. i },
          tls = { ca_file = ("f"):rep(3000) },
          resolve = { ["name" .. i] = { "127.0.0.1", "::1" } }, on_error = function() end }
      end]],
    ["strings"] = [[local s = "x" while true do s = s:rep(2) end]],
    ["one large string"] = [[return ("x"):rep(1 << 30)]],
    ["tables"] = [[local t = {} while true do t[#t + 1] = { t } end]],
    ["tables in a <close>"] = [[
      local t = {}
      local x <close> = setmetatable({}, { __close = function() while true do t[#t + 1] = { t } end end })]],
    ["names of files"] = [[local t = {} while true do t[#t + 1] = ("f"):rep(4000) .. #t pcall(loadfile, t[#t]) end]],
    ["bots under test"] = [[
      local testing = require "wsbot.testing"
      for i = 1, 100000 do
        testing.bot("while true do host.sleep(1000) end", { args = { ("a"):rep(10000) .. i } })
      end]],
  }
  for name, bomb in sorted(bombs) do
    it_tells(name .. " meets an error, and goes on", function()
      local bot = is_refused(bomb)
      bot:kill "sigterm"
      bot:wait()
      assert.same({ 0, 0 }, { bot.status, bot.signal })
    end)
  end

  it_tells("timers that are garbage is not refused", function()
    local bot = program.bot([[
      for i = 1, 2000 do host.every(1000, print, ("n"):rep(100000)):cancel() end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)

  it_tells("connections that are garbage is not refused", function()
    local bot = program.bot([[
      for i = 1, 2000 do
        ws.connect { url = "ws://127.0.0.1:1/", name = ("n"):rep(100000) .. i }:destroy()
        host.sleep(0)
      end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)

  it_tells("connections with the same options pays for these once", function()
    local bot = program.bot([[
      for i = 1, 2000 do
        ws.connect { url = "ws://127.0.0.1:1/", headers = { A = ("a"):rep(60000) }, on_error = function() end }
      end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)
end)

-- A bot that is told to stop while it keeps as much as it may; `more` is in its script.
local function is_stopped(more)
  local bot = program.bot(more .. [[
    kept = {}
    local small = {}
    for i = 1, 10000 do small[i] = false end
    local function keep() while true do kept = { kept } end end
    local function keep_small() for i = 1, 10000 do small[i] = "s" .. i end end -- to the last byte
    local function fill()
      pcall(keep)
      pcall(keep_small)
      io.stdout:write "full\n"
    end
    host.after(1000, print)
    host.after(0, fill)
  ]], {}, flags)
  bot:tells "full"
  bot:kill "sigterm"
  return bot
end

describe("a bot that keeps as much as it may, and is told to stop,", function()
  it_tells("stops", function()
    is_stopped(""):ends(0)
  end)

  it_tells("has memory for its functions of host.on_stop", function()
    local bot = is_stopped [[
      host.on_stop(function() say("on_stop", #("x"):rep(1000000)) end)
      host.on_stop(function() host.sleep(0.01) say "on_stop again" end)
    ]]
    bot:tells("on_stop 1000000", "on_stop again")
    bot:ends(0)
  end)

  it_tells("names those of them that there is none for", function()
    local bot = is_stopped [[
      host.on_stop(function() while true do kept = { kept } end end)
      host.on_stop(function() local t = {} end)
    ]]
    bot:ends(0)
    assert.matches("host.on_stop: not enough memory for the function at %S*bot.lua:1\n", bot.err)
  end)
end)

describe("a generation that is loaded by a reload", function()
  it_tells("has a limit of its own, and the old one goes on where it is passed", function()
    local p = peer.listen()
    local source = [[
      ws.connect { url = arg[1], name = "feed", on_message = function(_, data) say(data) end }
      host.on_reload(function() local t = {} while true do t[#t + 1] = { t } end end)
    ]]
    local bot = reloadable.start(source, { p.url }, flags)
    local s = p:open()
    assert.matches("not enough memory", bot:reload(source .. [[
      host.state("all", (function() local t = {} while true do t[#t + 1] = { t } end end)())
    ]]))
    assert.matches("not enough memory", bot:reload(source .. [[
      setmetatable({}, { __gc = function() local t = {} while true do t[#t + 1] = { t } end end })
      for n = 1, 100000 do ws.connect { url = arg[1], name = ("n"):rep(3000) .. n } end
    ]]))
    s:text "still here"
    bot:tells "still here"
    bot:takes_over(source, "kept 1")
    s:text "and here"
    bot:tells "and here"
    s:finish()
    bot:ends(0)
  end)
end)

describe("a finalizer that wants more than there is", function()
  it_tells("is a warning", function()
    is_refused [[
      warn "@on"
      setmetatable({}, { __gc = function() local t = {} while true do t[#t + 1] = { t } end end })
      collectgarbage()
      local t = {}
      while true do t[#t + 1] = { t } end]]
  end)
end)

describe("a bot under test", function()
  it_tells("has its limit in common with its test", function()
    is_refused [[
      local testing = require "wsbot.testing"
      local bot, why = testing.bot("local t = {} while true do t[#t + 1] = { t } end")
      error(why)]]
  end)

  it_tells("that prints without end meets it", function()
    is_refused [[
      local testing = require "wsbot.testing"
      testing.bot("while true do print(('x'):rep(10000)) end")]]
    is_refused [[
      local testing = require "wsbot.testing"
      testing.bot("while io.write(('x'):rep(10000)) do end error 'not enough memory'")]]
  end)
end)
