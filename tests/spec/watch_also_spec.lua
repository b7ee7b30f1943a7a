-- watch_also: files that a script depends on, and does not load as Lua: settings, templates, modules in C.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

local reads = [[
  local path = ...
  if host.watch and arg[2] then host.watch(path) end
  local file = io.open(path)
  say(file and file:read "a" or "none")
]]

local function start(flags, folder, watches)
  return reloadable.start(reads, { folder .. "/settings.json", watches }, { flags = flags, folder = folder })
end

describe("host.watch", function()
  it_tells("has the script loaded again when that file is saved, made or replaced", function()
    local folder = place.folder()
    local path = folder .. "/settings.json"
    local bot = start({ "--watch" }, folder, "yes")
    bot:tells "none"
    place.file(path, "one")
    bot:tells "one"
    assert.matches("settings.json, ", bot:reload_line())
    place.file(path, "two")
    bot:tells "two"
    bot:reload_line()
    place.file(path .. ".new", "three")
    assert(os.rename(path .. ".new", path))
    bot:tells "three"
    bot:reload_line()
    assert(os.execute("chmod 600 '" .. path .. "'"))
    story.pause(0.1)
    assert.is_nil(bot.bot.err:find "reload 4")
  end)

  it_tells("waits for the rest of half a save", function()
    local folder = place.folder()
    local path = place.file(folder .. "/settings.json", "one")
    local bot = start({ "--watch" }, folder, "yes")
    bot:tells "one"
    local file = io.open(path, "w")
    file:write("half")
    file:flush()
    story.pause(0.1)
    file:write(" and half")
    file:close()
    bot:tells "half and half"
  end)

  it_tells("does nothing without --watch, and wants a path", function()
    local folder = place.folder()
    local bot = program.bot([[
      host.watch(arg[1] .. "/any")
      for _, wrong in ipairs { 1 == 1, "", "a\0b", {} } do say((pcall(host.watch, wrong))) end
    ]], { folder })
    bot:tells("false", "false", "false", "false")
    bot:ends(0)
  end)
end)

it_tells("--watch-also does the same for all files of a pattern", function()
  local folder = place.folder()
  place.file(folder .. "/settings.json", "one")
  place.file(folder .. "/page.html", "")
  local bot = start({ "--watch", "--watch-also", folder .. "/*.json", "--watch-also", folder .. "/*.html" }, folder)
  bot:tells "one"
  for i, save in ipairs { { "settings.json", "two" }, { "page.html", "<p>" }, { "new.json", "a new one counts" },
    { "new.json", "and its next save" } } do
    place.file(folder .. "/page.txt", "no " .. i)
    place.file(folder .. "/" .. save[1], save[2])
    bot:tells "two"
    assert.matches(("reload %d: [^\n]*%s, "):format(i, save[1]), bot:reload_line())
  end
  story.pause(0.1)
  assert.is_nil(bot.bot.err:find "reload 5")
end)

it_tells("a module in C that was built anew keeps its old code, and that is told", function()
  if not os.execute "gcc -shared -fPIC -I/usr/include/lua5.4 -x c - -o /dev/null </dev/null 2>&1" then
    return pending "there is no C compiler"
  end
  local folder = place.folder()
  local function build(n)
    place.file(folder .. "/cm.c", ("#include <lua.h>\nint luaopen_cm(lua_State *L);\n"
      .. "int luaopen_cm(lua_State *L) { lua_pushinteger(L, %d); return 1; }\n"):format(n))
    assert(os.execute(("cd '%s' && gcc -shared -fPIC -I/usr/include/lua5.4 cm.c -o cm.so.new && mv cm.so.new cm.so")
      :format(folder)))
  end
  build(1)
  local bot = reloadable.start([[
    package.cpath = arg[1] .. "/?.so;" .. package.cpath
    say((require "cm"))
    host.every(10, print)
  ]], { folder }, { flags = { "--watch", "--watch-also", folder .. "/*.so" } })
  bot:tells "1"
  build(2)
  bot:tells "1"
  story.poll("that it is told", function()
    return bot.bot.err:find "warn [^\n]*/cm.so was built anew: its old code stays until the program is started again\n"
  end)
  assert.matches("cm.so, ", bot:reload_line())
end)
