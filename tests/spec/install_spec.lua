-- `cmake --install`: what it lays down is whole, and runs from there.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- Installs what was built to a folder of its own, below which prefix is, and returns that.
local function install()
  local build = program.wsbot:match "(.*)/"
  if not os.execute(("test -e %s/CMakeCache.txt"):format(build)) then
    story.skip "the program is not where it was built"
  end
  local root = place.folder()
  assert.is_truthy(os.execute(("DESTDIR=%s cmake --install %s >%s/log"):format(root, build, root)))
  return root .. place.read(build .. "/CMakeCache.txt"):match "\nCMAKE_INSTALL_PREFIX:PATH=([^\n]*)"
end

describe("cmake --install", function()
  it_tells("lays down a program, its manual, types, scripts and unit, which work from there", function()
    local prefix = install()
    local bot = program.start(prefix .. "/bin/wsbot", { "-e", "print(require 'wsbot.json'.encode { 1 })" })
    bot:tells "[1]"
    bot:ends(0)
    for _, file in ipairs { "manual/reload.md", "meta/ws.lua", "scripts/hello.lua", "scripts/deploy/Containerfile" } do
      local name = file:gsub("^manual", "lualib/manual"):gsub("^meta", "lualib/meta")
      assert.equals(place.read(name), place.read(prefix .. "/share/wsbot/" .. file))
    end
  end)

  it_tells("has the unit start the program where that is", function()
    local prefix = install()
    local unit = place.read(prefix .. "/lib/systemd/system/wsbot@.service")
    local path = unit:match "\nExecStart=(%S+)"
    assert.equals(place.read(program.wsbot), place.read(prefix:sub(1, #prefix - #path:match "(.*)/bin/") .. path))
  end)
end)
