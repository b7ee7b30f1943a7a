-- watch: `wsbot run --watch` reloads however an editor saves.
local uv = require "luv"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

local function says(what)
  return ("say '%s'\n"):format(what)
end

-- A watched bot that said "one".
local function start(options)
  options = options or {}
  local bot = reloadable.start(options.source or says "one", options.args, { flags = { "--watch" },
    folder = options.folder })
  bot:tells "one"
  story.pause(0.05) -- the files are listened to in the first turns of the loop
  return bot
end

local function ends(bot)
  bot:kill "sigint"
  bot:ends(0)
end

describe("--watch reloads a script", function()
  it_tells("that is written in place, again and again", function()
    local bot = start()
    for i = 1, 5 do
      bot:write_script(says(i))
      bot:tells(tostring(i))
      assert.matches(("reload %d: "):format(i), bot:reload_line())
    end
    ends(bot)
  end)

  it_tells("that another file is renamed over", function()
    local bot = start()
    for i = 1, 5 do
      local new = place.file(bot.path .. ".new", program.prelude .. says(i))
      assert(os.rename(new, bot.path))
      bot:tells(tostring(i))
    end
    ends(bot)
  end)

  it_tells("that is moved away and written anew, as some editors do", function()
    local bot = start()
    for i = 1, 3 do
      assert(os.rename(bot.path, bot.path .. "~"))
      story.pause(0.03)
      bot:write_script(says(i))
      bot:tells(tostring(i))
    end
    ends(bot)
  end)

  it_tells("that is deleted, and created later", function()
    local bot = start()
    os.remove(bot.path)
    story.pause(0.1)
    bot:write_script(says "two")
    bot:tells "two"
    assert.is_nil(bot.bot.err:find "failed")
    ends(bot)
  end)

  it_tells("that is written in two halves", function()
    local bot = start()
    for i = 1, 3 do
      local text = program.prelude .. says(i) .. ("-- %s\n"):format(("x"):rep(5000))
      local file = assert(io.open(bot.path, "wb"))
      file:write(text:sub(1, #program.prelude // 2))
      file:flush()
      story.pause(0.005)
      file:write(text:sub(#program.prelude // 2 + 1))
      file:close()
      bot:tells(tostring(i))
    end
    ends(bot)
  end)

  it_tells("that is emptied before it is written: nothing is lost by that", function()
    local p = peer.listen()
    local source = [[ws.connect { name = "feed", url = arg[1], on_message = function(_, data) say("%s", data) end }
      say "%s"]]
    local bot = start { source = source:format("one", "one"), args = { p.url } }
    local s = p:open()
    local file = assert(io.open(bot.path, "wb"))
    story.pause(0.2)
    file:write(program.prelude .. source:format("two", "two"))
    file:close()
    bot:tells "two"
    s:text "hello"
    bot:tells "two hello"
    assert.equal(1, p.count)
    bot:kill "sigkill"
  end)

  it_tells("that is a link to another file from now on", function()
    local folder = place.folder()
    for i = 1, 3 do place.file(("%s/%d.lua"):format(folder, i), program.prelude .. says(i == 1 and "one" or i)) end
    local path = folder .. "/bot.lua"
    assert(uv.fs_symlink("1.lua", path))
    local bot = setmetatable({ path = path, bot = program.run { "run", "--watch", path }, seen = 0 },
      getmetatable(start()))
    bot:tells "one"
    story.pause(0.05)
    for i = 2, 3 do
      assert(uv.fs_symlink(i .. ".lua", path .. ".new"))
      assert(os.rename(path .. ".new", path))
      bot:tells(tostring(i))
    end
    place.file(folder .. "/3.lua", program.prelude .. says "behind the link")
    bot:tells "behind the link"
    ends(bot)
  end)

  it_tells("in a folder that is a link to another folder from now on", function()
    local folder = place.folder()
    for i = 1, 3 do
      assert(uv.fs_mkdir(folder .. "/v" .. i, tonumber("700", 8)))
      place.file(("%s/v%d/bot.lua"):format(folder, i), program.prelude .. 'say((require "part"))')
      place.file(("%s/v%d/part.lua"):format(folder, i), ("return '%s'"):format(i == 1 and "one" or i))
    end
    assert(uv.fs_symlink("v1", folder .. "/current"))
    local bot = program.run { "run", "--watch", folder .. "/current/bot.lua" }
    bot:tells "one"
    story.pause(0.05)
    for i = 2, 3 do
      assert(uv.fs_symlink("v" .. i, folder .. "/new"))
      assert(os.rename(folder .. "/new", folder .. "/current"))
      bot:tells(tostring(i))
    end
    place.file(folder .. "/v3/part.lua", "return 'changed behind the link'")
    bot:tells "changed behind the link"
    ends(bot)
  end)

  it_tells("once for a burst of saves, with the last of them", function()
    local bot = start()
    for i = 1, 50 do bot:write_script(says(i)) end
    repeat until bot:line() == "50"
    story.pause(0.1)
    local _, reloads = bot.bot.err:gsub("info reload %d", "")
    assert(reloads <= 25, reloads .. " reloads")
    ends(bot)
  end)

  it_tells("when a module is saved that it has loaded, by require, dofile or loadfile, at any time", function()
    local folder = place.folder()
    place.file(folder .. "/a.lua", "return 'a1'")
    place.file(folder .. "/b.lua", "return 'b1'")
    place.file(folder .. "/c.lua", "return 'c1'")
    place.file(folder .. "/later.lua", "return 'later1'")
    local bot = start { folder = folder, source = ([[
      say "one"
      say((require "a"), dofile "%s/b.lua", loadfile "%s/c.lua" ())
      host.after(0.05, function() say((require "later")) end)
    ]]):format(folder, folder) }
    bot:tells("a1 b1 c1", "later1")
    story.pause(1.1) -- what is loaded later is listened to within a second
    local expected = { a = "a1", b = "b1", c = "c1" }
    for _, name in ipairs { "a", "b", "c" } do
      expected[name] = name .. "2"
      place.file(("%s/%s.lua"):format(folder, name), ("return '%s2'"):format(name))
      bot:tells("one", ("%s %s %s"):format(expected.a, expected.b, expected.c), "later1")
    end
    place.file(folder .. "/later.lua", "return 'later2'")
    bot:tells("one", "a2 b2 c2", "later2")
    ends(bot)
  end)

  it_tells("when a module is mended that had failed to load", function()
    local folder = place.folder()
    place.file(folder .. "/part.lua", "return 'fine'")
    local bot = start { folder = folder, source = "say 'one' say((require 'part'))" }
    bot:tells "fine"
    place.file(folder .. "/part.lua", "return = ")
    bot:tells "one"
    assert.matches("reload failed.*part.lua", bot:reload_line() .. bot.bot.err)
    place.file(folder .. "/part.lua", "return 'mended'")
    bot:tells("one", "mended")
    ends(bot)
  end)

  it_tells("but not when another file in its folder is saved", function()
    local bot = start()
    for i = 1, 20 do place.file(bot.path .. ".txt", tostring(i)) end
    story.pause(0.1)
    assert.equal("", bot.bot.err)
    ends(bot)
  end)

  it_tells("by a path relative to where it was started", function()
    local folder = place.folder()
    local path = place.file(folder .. "/bot.lua", program.prelude .. says "one")
    local bot = program.run({ "run", "--watch", "bot.lua" }, { cwd = folder })
    bot:tells "one"
    story.pause(0.05)
    place.file(path, program.prelude .. says "two")
    bot:tells "two"
    ends(bot)
  end)
end)

describe("--watch waits for the next save", function()
  it_tells("when the first run has failed", function()
    for _, wrong in ipairs { "x = = 1", "error 'at once'", "host.sleep(0.01) error 'later'" } do
      local bot = reloadable.start(wrong, {}, { flags = { "--watch" } })
      story.wait("the error", function() return bot.bot.err ~= "" end)
      story.pause(0.05)
      bot:write_script(says "mended")
      bot:tells "mended"
      ends(bot)
    end
  end)

  it_tells("and says of which file, whenever none runs", function()
    local bot = reloadable.start("x = = 1", {}, { flags = { "--watch" } })
    local name = bot.path:gsub("%p", "%%%0")
    local function waits(more)
      bot:complains("info waiting for a save of " .. bot.path .. more .. "\n")
      bot.bot.err = ""
    end
    waits ""
    bot:write_script "x = = 2"
    assert.matches("bot.lua:1: unexpected symbol", bot:complains "reload failed")
    waits ""
    place.file(bot.path:gsub("bot.lua$", "part.lua"), "return 1")
    bot:write_script "require 'part' say 'up' host.sleep(0.01) error 'later'"
    bot:tells "up"
    waits ", or of another file that it loaded"
    bot:write_script "say 'mended'"
    bot:tells "mended"
    ends(bot)
    assert.not_matches("waiting for a save of " .. name, bot.bot.err)
  end)

  it_tells("when there is nothing left to do", function()
    local bot = start()
    story.pause(0.1)
    assert.is_nil(bot.bot.status)
    bot:write_script(says "two")
    bot:tells "two"
    ends(bot)
  end)

  it_tells("when the main chunk fails later; the connections stay", function()
    local p = peer.listen()
    local source = [[
      ws.connect { name = "feed", url = arg[1], on_message = function(_, data) say(data) end }
      say "one"
      host.sleep(0.05)
    ]]
    local bot = start { source = source .. "error 'too late'", args = { p.url } }
    local s = p:open()
    bot:complains "too late"
    s:text "still here"
    bot:tells "still here"
    bot:write_script(source .. "say 'mended'")
    bot:tells("one", "mended")
    bot:write_script(source .. "error 'again'")
    bot:tells "one"
    bot:complains "again"
    s:text "and now?"
    bot:tells "and now?"
    assert.equal(1, p.count)
    bot:kill "sigkill"
  end)

  it_tells("and needs a script that is a file", function()
    local bot = program.run({ "run", "--watch", "-" }, { stdin = "print(1)" })
    assert.equal(2, (bot:wait()))
    assert.matches("%-%-watch needs a script that is a file", bot.err)
  end)
end)
