-- The keys of `wsbot test --watch` at a terminal, and how it leaves that.
local uv = require "luv"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local terminal = require "support.terminal"

local function spec(name, source)
  return ("%s it('%s', function() end)"):format(source or "", name)
end

-- The files of a folder, and a terminal on which it is watched.
local function start(files)
  local folder = place.folder(files)
  local t = terminal.run({ program.wsbot, "test", "--watch", "-o", "TAP", "." }, { cwd = folder })
  t.folder = folder
  -- The next run says these lines, and nothing else.
  function t.runs(self, ...)
    local from = self.taken
    self:shows "(a: all, f: failed, Enter: the same, q: end)"
    local said = self.out:sub(from + 1, self.taken):gsub("wsbot test: waiting.*", ""):gsub("\r", "")
    local lines = {}
    for line in said:gmatch "[^\n]+" do
      if not line:find "^#" then lines[#lines + 1] = line end
    end
    assert.same({ ... }, lines)
    self.taken = self.taken + 2 -- the end of the line
  end
  function t.save(self, name, text)
    place.file(self.folder .. "/" .. name, text)
  end
  return t
end

local two = { ["a_spec.lua"] = spec "a", ["b_spec.lua"] = "it('b', function() assert.is_nil(io.open 'bad') end)" }

describe("the keys of wsbot test --watch", function()
  it_tells("run all, those that failed, and the same again", function()
    local t = start(two)
    t:runs("ok 1 - a", "ok 2 - b", "1..2")
    t:write "f"
    t:shows "no spec file failed when it last ran\r\n"
    t:save("bad", "")
    t:write "a"
    t:runs("ok 1 - a", "not ok 2 - b", "1..2")
    t:write "f"
    t:runs("not ok 1 - b", "1..1")
    t:write "\r"
    t:runs("not ok 1 - b", "1..1")
    t:save("a_spec.lua", spec "a again")
    t:runs("ok 1 - a again", "1..1")
    t:write "f" -- it has not run meanwhile, and so has failed
    t:runs("not ok 1 - b", "1..1")
    os.remove(t.folder .. "/bad")
    t:write "\n"
    t:runs("ok 1 - b", "1..1")
    t:write "xyz f"
    t:shows "no spec file failed when it last ran\r\n"
    t:write "q"
    t:leaves(0)
  end)

  it_tells("run a file that did not load, or crashed, as one that failed", function()
    local t = start { ["a_spec.lua"] = spec "a", ["b_spec.lua"] = "it('b', function() os.execute 'kill -9 $PPID' end)",
      ["c_spec.lua"] = spec "c" }
    t:runs("ok 1 - a", "wsbot test: the run was ended by signal 9 (Killed)")
    t:save("b_spec.lua", spec "b")
    t:runs("ok 1 - b", "1..1")
    t:write "f" -- it never came to that one
    t:runs("ok 1 - c", "1..1")
    t:write "q"
    t:leaves(0)
  end)

  it_tells("do not hold it up, however many are typed at once", function()
    local t = start(two)
    t:runs("ok 1 - a", "ok 2 - b", "1..2")
    t:write(("x"):rep(64))
    story.pause(0.05)
    t:save("a_spec.lua", spec "a again")
    t:runs("ok 1 - a again", "1..1")
    t:write "q"
    t:leaves(0)
  end)

  it_tells("are not read while the tests run: they have the terminal as it is", function()
    local t = start { ["a_spec.lua"] = [[it("a", function()
      os.execute "stty -a | grep -o -e ' icanon' -e ' echo '"
      assert.equal("typed", io.read())
    end)]] }
    t:shows " icanon\r\n echo"
    t:write "typed\r"
    t:shows "ok 1 - a"
    t:shows "q: end)"
    t:write "a"
    t:shows " icanon\r\n echo"
    t:write "typed\r"
    t:shows "ok 1 - a"
    t:shows "q: end)"
    t:write "\4"
    t:leaves(0)
  end)

  for name, number in pairs { sigint = 2, sigterm = 15, sighup = 1, sigquit = 3 } do
    it_tells(("leave the terminal as it was when %s ends it"):format(name), function()
      local t = start { ["a_spec.lua"] = spec "a" }
      t:runs("ok 1 - a", "1..1")
      uv.kill(t:child(), name)
      t:leaves((name == "sigint" or name == "sigterm") and 0 or 128 + number)
    end)
  end

  it_tells("end by Ctrl-C and Ctrl-\\ as ever", function()
    for key, status in pairs { ["\3"] = 0, ["\28"] = 128 + 3 } do
      local t = start { ["a_spec.lua"] = spec "a" }
      t:runs("ok 1 - a", "1..1")
      t:write(key)
      t:leaves(status)
    end
  end)

  it_tells("work behind Ctrl-Z and fg, and the shell has its terminal in between", function()
    local folder = place.folder { ["a_spec.lua"] = spec "a" }
    local t = terminal.run({ "/bin/bash", "--norc", "--noediting", "-i" }, { cwd = folder, env = { PS1 = "$ " } })
    t:write(("%s test --watch -o TAP .\r"):format(program.wsbot))
    t:shows "ok 1 - a"
    t:shows "q: end)"
    t:write "\26"
    t:shows "Stopped"
    t:write "stty -a | grep -o -e ' icanon' -e ' echo '\r"
    t:shows " icanon\r\n echo"
    t:write "fg\r"
    t:shows "test --watch"
    t:write "a"
    t:shows "ok 1 - a"
    t:shows "q: end)"
    t:write "q"
    t:shows "$ "
    t:write "exit\r"
    t:wait()
    assert.matches("%[cooked%]\n$", t.out)
  end)
end)
