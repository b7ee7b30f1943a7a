-- `wsbot test --watch`: the tests run, and again after each save.
local uv = require "luv"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local watched = setmetatable({}, { __index = function(_, name)
  return function(self, ...)
    return self.program[name](self.program, ...)
  end
end })
watched.__index = watched

-- Starts it in a folder with these files, on the spec a_spec.lua where no words say otherwise.
local function start(files, ...)
  local self = setmetatable({ folder = place.folder(files), runs = 0, files = files }, watched)
  local words = { "test", "--watch", "-o", "TAP", ... }
  if select("#", ...) == 0 then words[#words + 1] = "a_spec.lua" end
  self.program = program.run(words, { cwd = self.folder })
  return self
end

function watched:save(name, text)
  return place.file(self.folder .. "/" .. name, text)
end

local WAITS = "wsbot test: waiting for a save %(Ctrl%-C ends%)\n"

-- How often it has come to wait.
function watched:count()
  return select(2, self.program.err:gsub(WAITS, ""))
end

-- The next run says these lines, and ends.
function watched:runs_and_tells(...)
  self:tells(...)
  self.runs = self.runs + 1
  story.wait("the end of the run", function()
    if self.program.open == 0 then error("it ended", 0) end
    return self:count() >= self.runs
  end)
end

-- The next run says this (plain) among other things.
function watched:runs_and_says(text)
  self:runs_and_tells()
  local said = (self.program.out .. self.program.err):sub(self.program.taken + 1)
  assert(said:find(text, 1, true), said)
  self.program.taken = #self.program.out
end

-- All runs were told of, and no other begins by itself.
function watched:rests()
  story.pause(0.1)
  assert.equal(self.runs, self:count())
  assert.equal(#self.program.out, self.program.taken)
end

function watched:stops(signal)
  self:kill(signal or "sigint")
  self:ends(0)
end

describe("wsbot test --watch runs the tests again", function()
  it_tells("when a spec is saved, however they end", function()
    local w = start { ["a_spec.lua"] = "it('one', function() end)" }
    w:runs_and_tells("ok 1 - one", "1..1")
    w:save("a_spec.lua", "it('two', function() host.sleep(0.001) error 'no' end)")
    w:runs_and_tells("not ok 1 - two", "~^# a_spec.lua", "~^# Random seed", "~^# Failure message: a_spec.lua:1: no",
      "1..1")
    w:save("a_spec.lua", "it('three', function() end) it('four', function() end)")
    w:runs_and_tells("ok 1 - three", "ok 2 - four", "1..2")
    w:rests()
    w:stops()
  end)

  it_tells("when a module, a helper, a script or .busted is saved", function()
    local files = {
      [".busted"] = "return { default = { helper = 'helper.lua' } }", ["helper.lua"] = "helped = 1",
      ["part.lua"] = "return 1", ["bot.lua"] = "bots = 1",
      ["a_spec.lua"] = [[
        dofile "bot.lua"
        local part = require "part"
        it("has " .. table.concat({ helped, part, bots, config }, " "), function() end)
      ]],
    }
    local w = start(files)
    w:runs_and_tells("ok 1 - has 1 1 1", "1..1")
    w:save("part.lua", "return 22")
    w:runs_and_tells("ok 1 - has 1 22 1", "1..1")
    w:save("helper.lua", "helped = 22")
    w:runs_and_tells("ok 1 - has 22 22 1", "1..1")
    w:save("bot.lua", "bots = 22")
    w:runs_and_tells("ok 1 - has 22 22 22", "1..1")
    w:save(".busted", "config = 4 return { default = { helper = 'helper.lua' } }")
    w:runs_and_tells("ok 1 - has 22 22 22 4", "1..1")
    w:rests()
    w:stops()
  end)

  it_tells("when a file is mended that did not load", function()
    local w = start({ ["a_spec.lua"] = "it(" }, "-o", "plainTerminal", "a_spec.lua") -- busted's TAP cannot tell of it
    w:runs_and_says "unexpected symbol near <eof>"
    w:save("a_spec.lua", "require 'part' it('a', function() end)")
    w:runs_and_says "module 'part' not found"
    w:save("part.lua", "x = = 1") -- new in a folder of specs
    w:runs_and_says "part.lua:1: unexpected symbol"
    w:save("part.lua", "dofile 'other/part.lua'")
    assert(uv.fs_mkdir(w.folder .. "/other", tonumber("700", 8)))
    w:runs_and_says "cannot open other/part.lua"
    w:save("other/part.lua", "error 'not yet'")
    w:runs_and_says "part.lua:1: not yet"
    w:save("other/part.lua", "")
    w:runs_and_says "1 success / 0 failures / 0 errors"
    w:stops()
  end)

  it_tells("when a file is mended that a failed run did not come to load", function()
    local w = start { ["a_spec.lua"] = "require 'a' require 'b' it('a', function() end)", ["a.lua"] = "",
      ["b.lua"] = "" }
    w:runs_and_tells("ok 1 - a", "1..1")
    w:save("a.lua", "assert(io.open 'b.txt')")
    w:runs_and_says "b.txt: No such file"
    w:save("b.txt", "")
    w:save("b.lua", "-- it makes b.txt, say")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:stops()
  end)

  it_tells("when one is saved while they run, after that", function()
    local source = [[
      local part = require "part"
      it("has " .. part, function()
        io.stdout:write "begins\n"
        io.stdout:flush()
        while part == "1" and not io.open "go" do host.sleep(0.005) end
      end)
    ]]
    local w = start { ["a_spec.lua"] = source, ["part.lua"] = "return '1'" }
    w:tells "begins"
    for i = 2, 22 do w:save("part.lua", ("return '%d'"):format(i)) end
    w:save("go", "")
    w:runs_and_tells("ok 1 - has 1", "1..1")
    w:runs_and_tells("begins", "ok 1 - has 22", "1..1")
    w:rests()
    w:stops()
  end)

  it_tells("when a spec is new or gone in a folder of specs", function()
    local w = start({ ["a_spec.lua"] = "it('a', function() end)" }, ".")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:save("b_spec.lua", "it('b', function() end)")
    w:runs_and_tells("ok 1 - b", "1..1")
    assert(os.rename(w.folder .. "/b_spec.lua", w.folder .. "/c_spec.lua"))
    w:runs_and_tells("ok 1 - b", "1..1")
    w:save("c_spec.lua", "it('c', function() end)")
    w:runs_and_tells("ok 1 - c", "1..1")
    os.remove(w.folder .. "/c_spec.lua")
    w:runs_and_tells("ok 1 - a", "1..1") -- all, as nothing is to be left out
    w:save("notes.txt", "x")
    w:save(".a_spec.lua", "x") -- what an editor keeps while it works
    w:rests()
    w:stops()
  end)

  it_tells("but not because they write Lua files themselves", function()
    local made = place.folder() .. "/made.lua"
    local function spec(last)
      return ([[
        local function save(text)
          local f = io.open("MADE", "w")
          f:write(text)
          f:close()
        end
        it("writes", function()
          save "return 1"
          assert.equal(1, dofile "MADE")
          save "return 'another'"
          LAST
        end)
      ]]):gsub("LAST", last):gsub("MADE", made)
    end
    local w = start { ["a_spec.lua"] = spec "" }
    w:runs_and_tells("ok 1 - writes", "1..1")
    w:rests()
    w:save("a_spec.lua", spec "os.remove 'MADE'")
    w:runs_and_tells("ok 1 - writes", "1..1")
    w:rests()
    w:save("a_spec.lua", spec "host.sleep(0)")
    w:runs_and_tells("ok 1 - writes", "1..1")
    place.file(made, "return 'by somebody else'")
    w:runs_and_tells("ok 1 - writes", "1..1")
    w:rests()
    w:stops()
  end)

  it_tells("after one that crashed", function()
    local w = start { ["a_spec.lua"] = "it('a', function() os.execute 'kill -9 $PPID' end)" }
    w:runs_and_tells()
    assert.matches("wsbot test: the run was ended by signal 9 %(Killed%)\n", w.program.err)
    w:save("a_spec.lua", "it('a', function() end)")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:stops()
  end)
end)

-- Spec files of which each prints its name when it runs.
local function spec(name, source)
  return ("%s it('%s', function() end)"):format(source or "", name)
end

describe("wsbot test --watch runs", function()
  it_tells("the spec files alone that loaded what was saved, however they did", function()
    local w = start({
      ["a_spec.lua"] = spec("a", "require 'part' require 'shared'"), ["part.lua"] = "",
      ["b_spec.lua"] = spec("b", "require 'shared' host.watch 'b.json'"), ["shared.lua"] = "", ["b.json"] = "1",
      ["c_spec.lua"] = [[it("c", function()
        local bot <close> = require("wsbot.testing").bot "bot.lua"
        assert.equal("runs\n", bot.output)
      end)]],
      ["bot.lua"] = "print 'runs' require 'inner' host.watch 'bot.json'", ["inner.lua"] = "", ["bot.json"] = "1",
    }, ".")
    local changes = 0
    local function saves(name, ...)
      changes = changes + 1
      w:save(name, (name:find "lua$" and w.files[name] or "") .. (" "):rep(changes))
      local lines = { ... }
      for i, line in ipairs(lines) do lines[i] = ("ok %d - %s"):format(i, line) end
      lines[#lines + 1] = "1.." .. #lines
      w:runs_and_tells(table.unpack(lines))
    end
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "ok 3 - c", "1..3")
    saves("a_spec.lua", "a")
    saves("part.lua", "a")
    saves("shared.lua", "a", "b")
    saves("b.json", "b")
    saves("bot.lua", "c")
    saves("inner.lua", "c")
    saves("bot.json", "c")
    saves("shared.lua", "a", "b") -- the runs in between have not forgotten it
    assert(os.execute(("chmod 600 '%s/inner.lua'"):format(w.folder)))
    w:rests()
    w:stops()
  end)

  it_tells("all for what all of them were loaded with", function()
    local w = start({
      [".busted"] = "return { default = { helper = 'helper.lua' } }", ["helper.lua"] = "require 'part'",
      ["part.lua"] = "", ["a_spec.lua"] = spec "a", ["b_spec.lua"] = spec("b", "require 'part'"), ["x.json"] = "1",
    }, "--watch-also", "*.json", ".")
    for _, name in ipairs { "helper.lua", "part.lua", ".busted", "x.json" } do
      w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
      w:save(name, w.files[name] .. " ")
    end
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
    w:save("b_spec.lua", spec "b")
    w:runs_and_tells("ok 1 - b", "1..1")
    w:rests()
    w:stops()
  end)

  it_tells("all that loaded nothing anew, where files are not insulated", function()
    local w = start({ ["a_spec.lua"] = spec("a", "require 'part'"), ["b_spec.lua"] = spec("b", "require 'part'"),
      ["part.lua"] = "" }, "--no-auto-insulate", ".")
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
    w:save("part.lua", " ")
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
    w:stops()
  end)

  it_tells("all for what one has left loaded for the others", function()
    local w = start({ ["a_spec.lua"] = "expose('for others', function() require 'part' end)" .. spec "a",
      ["b_spec.lua"] = spec("b", "require 'part'"), ["part.lua"] = "require 'inner'", ["inner.lua"] = "" }, ".")
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
    w:save("inner.lua", " ")
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "1..2")
    w:stops()
  end)

  it_tells("what several saves during a run affect, also of files that did not run", function()
    local waits = [[it("a", function()
      if require "part" then print "begins" io.stdout:flush() end
      while require "part" and not io.open "go" do host.sleep(0.005) end
    end)]]
    local w = start({ ["a_spec.lua"] = waits, ["b_spec.lua"] = spec "b", ["c_spec.lua"] = spec "c",
      ["part.lua"] = "return false" }, ".")
    w:runs_and_tells("ok 1 - a", "ok 2 - b", "ok 3 - c", "1..3")
    w:save("part.lua", "return true")
    w:tells "begins"
    w:save("a_spec.lua", spec "a again")
    w:save("c_spec.lua", spec "c again")
    w:save("go", "")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:runs_and_tells("ok 1 - a again", "ok 2 - c again", "1..2")
    w:rests()
    w:stops()
  end)

  it_tells("those that failed when a file is new beside them", function()
    local w = start({ ["a_spec.lua"] = spec("a", "require 'part'"), ["b_spec.lua"] = spec "b" }, ".")
    w:runs_and_says "module 'part' not found"
    w:save("part.lua", "")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:stops()
  end)
end)

describe("wsbot test --watch", function()
  it_tells("reads no keys where standard input is no terminal, and goes on at its end", function()
    local w = start({ ["a_spec.lua"] = spec "a" }, ".")
    w:runs_and_tells("ok 1 - a", "1..1")
    w:stops()
    for _, input in ipairs { "", "qqq\n" } do
      local p = program.run({ "test", "--watch", "-o", "TAP", "." }, { cwd = w.folder, stdin = input })
      p:tells("ok 1 - a", "1..1")
      p:complains "waiting for a save (Ctrl-C ends)"
      w:save("a_spec.lua", spec "a")
      p:tells("ok 1 - a", "1..1")
      p:kill "sigterm"
      p:ends(0)
    end
  end)

  it_tells("may be said anywhere before the paths' --", function()
    local w = start({ ["--watch_spec.lua"] = "it('a', function() print(table.concat(arg, ' ')) end)" },
      "--test-timeout", "5", "--watch", "--", "--watch_spec.lua")
    w:runs_and_tells("--ignore-lua -o TAP -- --watch_spec.lua", "ok 1 - a", "1..1")
    w:stops()
  end)

  it_tells("ends at once where no save can mend it", function()
    local w = start({}, "--test-timeout", "soon")
    w:ends(2)
    assert.equal(0, w:count())
  end)

  it_tells("has help", function()
    for _, words in ipairs { { "test", "--help" }, { "test", "--watch", "--help" } } do
      local p = program.run(words)
      assert.equal(0, (p:wait()))
      assert.matches("%-%-watch +run them again", p.out)
    end
  end)

  it_tells("leaves nothing of itself to what the specs start", function()
    local w = start { ["a_spec.lua"] = [[
      it("is clean", function()
        assert.is_nil(os.getenv "WSBOT_NOTES")
        assert.is_true(os.execute "test -z \"$WSBOT_NOTES\"")
        assert.is_nil((os.execute "{ : >&3; } 2>/dev/null"))
      end)
    ]] }
    w:runs_and_tells("ok 1 - is clean", "1..1")
    w:stops()
  end)

  local endless = { ["a_spec.lua"] = [[
    it("a", function()
      host.on_stop(function() io.stdout:write "stopped\n" end)
      io.stdout:write "begins\n"
      io.stdout:flush()
      host.sleep(1000)
    end)
  ]] }

  it_tells("ends by SIGINT and SIGTERM, and a run that is under way ends before it", function()
    for _, signal in ipairs { "sigint", "sigterm" } do
      local w = start { ["a_spec.lua"] = "it('a', function() end)" }
      w:runs_and_tells("ok 1 - a", "1..1")
      w:stops(signal)
      w = start(endless, "--test-timeout", "1000", "a_spec.lua")
      w:tells "begins"
      w:kill(signal)
      w:tells "stopped"
      w:ends(0)
      assert.equal(0, w:count())
    end
  end)

  it_tells("ends by Ctrl-C at a terminal, and so does the run", function()
    local path = place.file("a_spec.lua", endless["a_spec.lua"])
    local line = ("exec '%s' test --watch -o TAP --test-timeout 1000 '%s'"):format(program.wsbot, path)
    local p = program.start("/usr/bin/script", { "-qefc", line, "/dev/null" }, { stdin = true })
    p:tells "~begins"
    p:write "\3"
    p:tells "~stopped"
    p:ends(0)
  end)

  it_tells("leaves no run behind when it is killed", function()
    local w = start(endless, "--test-timeout", "1000", "a_spec.lua")
    w:tells "begins"
    w:kill "sigkill"
    w:tells "stopped"
    assert.same({ 0, 9 }, { w:wait() })
  end)
end)
