-- init: `wsbot init DIR` writes a project that is right from the first moment, and never writes over anything.
local uv = require "luv"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local FILES <const> = { ".busted", ".gitignore", ".luacheckrc", ".luarc.json", "README.md", "bot.lua", "feed.service",
  "spec/bot_spec.lua" }

local function files_of(folder)
  local list = {}
  local pipe <close> = assert(io.popen(("cd '%s' && find . -type f | sed 's|^./||'"):format(folder)))
  for path in pipe:lines() do list[#list + 1] = path end
  table.sort(list)
  return list
end

local function init(dir, cwd, path)
  local p = program.start(path or program.wsbot, { "init", dir }, { cwd = cwd })
  return p:wait(), p.out, p.err
end

-- Is this program there? Else the story is skipped.
local function need(name)
  local pipe <close> = assert(io.popen("command -v " .. name))
  return pipe:read "l" or story.skip(name .. " is not installed")
end

describe("wsbot init", function()
  it_tells("makes a folder with a project, whose tests are green, and says what to do next", function()
    local above = place.folder()
    local status, out, err = init("feed/", above)
    assert.equal("", err)
    assert.equal(0, status)
    assert.matches("\n    cd feed\n    wsbot test .-\n    wsbot run %-%-watch %-%-with%-echo bot.lua", out)
    assert.same(FILES, files_of(above .. "/feed"))
    local test = program.run({ "test" }, { cwd = above .. "/feed" })
    assert(test:wait() == 0, test.out)
    assert.matches("^%++\n5 successes / 0 failures / 0 errors / 0 pending", test.out)
  end)

  it_tells("uses the folder that it is in", function()
    local above = place.folder()
    local folder = above .. "/feed"
    assert(uv.fs_mkdir(folder, tonumber("755", 8)))
    place.file(folder .. "/notes.txt", "mine")
    local status, out = init(".", folder)
    assert.equal(0, status)
    assert.is_nil(out:find("cd ", 1, true))
    assert.equal(#FILES + 1, #files_of(folder))
    assert.equal("mine", place.read(folder .. "/notes.txt"))
  end)

  it_tells("makes a bot that loads, runs with the echo peer, and has nothing that luacheck would find", function()
    local above = place.folder()
    init("feed", above)
    local check = program.run({ "check", "bot.lua" }, { cwd = above .. "/feed" })
    check:wait()
    assert.matches("connection  server  ws://127.0.0.1:1234", check.out)
    assert.equal(0, check.status)
    local bot = program.run({ "run", "bot.lua", program.echo().url }, { cwd = above .. "/feed" })
    bot:tells "1\thello"
    bot:kill "sigterm"
    bot:ends(0)
    local lint = program.start(need "luacheck", { "--no-color", ".", ".busted" }, { cwd = above .. "/feed" })
    assert(lint:wait() == 0, lint.out)
  end)

  it_tells("makes a service that systemd takes, and that may do little", function()
    local above = place.folder()
    init("feed", above)
    local unit = place.read(above .. "/feed/feed.service")
    for _, line in ipairs { "Type=notify", "NotifyAccess=main", "WatchdogSec=30",
      "WatchdogSignal=SIGTERM", "RestartPreventExitStatus=2 78", "ExecReload=kill -HUP $MAINPID",
      "WorkingDirectory=/opt/feed", "ExecStart=wsbot run --name feed bot.lua", "#LoadCredential=api-key:" } do
      assert(unit:find("\n" .. line, 1, true), line)
    end
    local analyze = program.start(need "systemd-analyze",
      { "security", "--offline=true", "--threshold=30", "--no-pager", above .. "/feed/feed.service" })
    assert(analyze:wait() == 0, analyze.out .. analyze.err)
  end)

  it_tells("tells the editor where the types are: those beside the program, or in its source tree", function()
    local above = place.folder()
    local root = place.folder()
    assert(os.execute(("mkdir -p '%s/bin' '%s/share/wsbot/meta' && cp '%s' '%s/bin/wsbot'"):format(root, root,
      program.wsbot, root)))
    local function library(name, path)
      local status, out = init(name, above, path)
      assert.equal(0, status)
      local settings = json.decode(place.read(above .. "/" .. name .. "/.luarc.json"))
      assert.equal("Lua 5.4", settings["runtime.version"])
      assert.same({ "ws", "host" }, settings["diagnostics.globals"])
      return settings["workspace.library"][3], out
    end
    local meta, out = library("none", root .. "/bin/wsbot")
    assert.is_nil(meta)
    assert.matches("types of wsbot %(share/wsbot/meta%) were not found", out)
    place.file(root .. "/share/wsbot/meta/ws.lua", "")
    meta, out = library("installed", root .. "/bin/wsbot")
    assert.equal(uv.fs_realpath(root) .. "/share/wsbot/meta", meta)
    assert.is_nil(out:find("not found", 1, true))
    assert(os.execute(("rm -r '%s/share' && mkdir -p '%s/lualib/meta'"):format(root, root)))
    place.file(root .. "/lualib/meta/ws.lua", "")
    assert.equal(uv.fs_realpath(root) .. "/lualib/meta", (library("built", root .. "/bin/wsbot")))
  end)

  it_tells("writes over nothing: one file that is there, and nothing is written", function()
    for _, name in ipairs(FILES) do
      local above = place.folder()
      assert(os.execute(("mkdir -p '%s/feed/spec'"):format(above)))
      place.file(above .. "/feed/" .. name, "mine")
      local status, out, err = init("feed", above)
      assert.equal(1, status)
      assert.equal("", out)
      assert.equal("wsbot init: feed/" .. name
        .. " is there already: nothing was written. Move it away, or choose another folder\n", err)
      assert.same({ name }, files_of(above .. "/feed"))
      assert.equal("mine", place.read(above .. "/feed/" .. name))
    end
  end)

  it_tells("does not follow a link that leads nowhere, and takes a link to a folder for that folder", function()
    local above = place.folder()
    assert(uv.fs_mkdir(above .. "/real", tonumber("755", 8)))
    assert(uv.fs_symlink("real", above .. "/link"))
    assert(uv.fs_symlink(above .. "/elsewhere", above .. "/real/bot.lua"))
    local status, _, err = init("link", above)
    assert.equal(1, status)
    assert.matches("link/bot.lua is there already", err)
    assert.is_nil(uv.fs_stat(above .. "/elsewhere"))
    assert(uv.fs_unlink(above .. "/real/bot.lua"))
    assert.equal(0, (init("link", above)))
    assert.matches("\nDescription=real,", place.read(above .. "/real/real.service"))
  end)

  it_tells("says which folder cannot be used, and why", function()
    local above = place.folder { file = "" }
    for dir, message in pairs {
      ["file"] = "cannot use the folder file: Not a directory",
      ["no/such"] = "cannot use the folder no/such: No such file or directory (the folder above it has to be there)",
      [""] = "cannot use the folder : No such file or directory (the folder above it has to be there)",
    } do
      local status, out, err = init(dir, above)
      assert.equal("wsbot init: " .. message .. "\n", err)
      assert.equal("", out)
      assert.equal(1, status)
    end
    assert.same({ "file" }, files_of(above))
  end)

  it_tells("takes away what it has written where the rest cannot be", function()
    local above = place.folder()
    assert(uv.fs_mkdir(above .. "/feed", tonumber("755", 8)))
    place.file(above .. "/feed/spec", "no folder")
    local status, _, err = init("feed", above)
    assert.equal(1, status)
    assert.equal("wsbot init: cannot make feed/spec: Not a directory; nothing was written\n", err)
    assert.same({ "spec" }, files_of(above .. "/feed"))
  end)

  it_tells("makes a name for the service of any folder's, and quotes the folder for a shell", function()
    local above = place.folder()
    local status, out = init("my bot's", above)
    assert.equal(0, status)
    assert(out:find([[cd 'my bot'\''s']], 1, true), out)
    assert.matches("ExecStart=wsbot run %-%-name my%-bot%-s bot.lua wss:",
      place.read(above .. "/my bot's/my-bot-s.service"))
    local bot = program.run({ "test" }, { cwd = above .. "/my bot's" })
    assert(bot:wait() == 0, bot.out)
    assert.equal(0, (init("..feed%s", above)))
    assert.matches("WorkingDirectory=/opt/feed%-s\n", place.read(above .. "/..feed%s/feed-s.service"))
  end)

  it_tells("wants one folder", function()
    for line, message in pairs { [{ "init" }] = "missing DIR", [{ "init", "a", "b" }] = "unexpected argument 'b'",
      [{ "init", "--force", "a" }] = "unknown option '%-%-force'" } do
      local p = program.run(line, { cwd = place.folder() })
      assert.equal(2, (p:wait()))
      assert.matches("^wsbot init: " .. message, p.err)
    end
  end)
end)
