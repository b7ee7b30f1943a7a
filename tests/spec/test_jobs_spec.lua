-- `wsbot test -j N`: spec files in processes of their own, told as those of one.
local cjson = require "cjson"
local uv = require "luv"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local terminal = require "support.terminal"

-- Runs the specs in a folder. Returns stdout, status and stderr.
local function run(folder, ...)
  local words = { "test", ... }
  words[#words + 1] = "."
  local p = program.run(words, { cwd = folder })
  local status = p:wait()
  return p.out, status, p.err
end

-- A file whose end comes after that of another: the first takes longest.
local function waits_for(path, source)
  return ([[
    while not io.open "%s" do host.sleep(0.005) end
    %s
  ]]):format(path, source)
end

local function touches(path)
  return ([[io.open("%s", "w"):close()]]):format(path)
end

-- Of all that a test can come to.
local all_kinds = {
  ["a_spec.lua"] = [[
    print "a loads"
    describe("a", function()
      it("one", function() ]] .. waits_for("c.done", "print 'in one' io.stderr:write 'error of one\\n'") .. [[ end)
      it("two", function() assert.equal(1, 2) end)
      it("three #slow", function() pending "later" end)
      pending("four")
      it("five", function() error { kind = "table" } end)
      describe("inner", function() it("deep", function() os.execute "echo of a process" end) end)
    end)
  ]],
  ["b_spec.lua"] = [[
    describe("bad", function() setup(function() error "in setup" end) it("never", function() end) end)
    describe("after", function() after_each(function() error "in after_each" end) it("b", function() end) end)
    error "at the end of the file"
  ]],
  ["c_spec.lua"] = [[it("c", function() end) it("last #slow", function() print "c is done" ]]
    .. touches "c.done" .. " end)",
}

-- What may differ: times.
local function untimed(text)
  return (text:gsub("%d+%.%d+ seconds", "S seconds"):gsub("%(%d+%.%d+ ms[^)]*%)", "(T)"))
end

describe("wsbot test -j tells what one process would", function()
  for _, output in ipairs { "TAP", "plainTerminal", "utfTerminal", "gtest" } do
    it_tells("by " .. output, function()
      local folder = place.folder(all_kinds)
      place.file(folder .. "/c.done", "")
      local one, status, errors = run(folder, "-o", output, "--seed=5")
      assert.equal(1, status)
      os.remove(folder .. "/c.done")
      local many, status_of_many, errors_of_many = run(folder, "-j", "3", "-o", output, "--seed=5")
      assert.equal(untimed(one), untimed(many))
      assert.equal(errors, errors_of_many)
      assert.equal(1, status_of_many)
    end)
  end

  it_tells("by junit, in a file, and by json", function()
    local folder = place.folder(all_kinds)
    run(folder, "-j3", "-o", "junit", "-Xoutput", "report.xml")
    local report = place.read(folder .. "/report.xml")
    assert.equal(8, select(2, report:gsub("<testcase ", "")))
    assert.matches(" tests='8'", report)
    assert.matches(" failures='1'", report)
    local out = run(folder, "--jobs=3", "-o", "json", "--filter-out=five")
    local told = cjson.decode(out:match "{.*}")
    local names = {}
    for _, test in ipairs(told.successes) do names[#names + 1] = test.name end
    assert.same({ "a one", "a inner deep", "c", "last #slow" }, names)
    assert.equal("a two", told.failures[1].name)
    assert.matches("a_spec.lua:6: Expected objects to be equal", told.failures[1].message)
  end)

  for _, line in ipairs {
    "--tags=slow", "--exclude-tags=slow", "--filter=one --filter=deep", "--list", "--shuffle --seed=3",
    "--shuffle-files --seed=7", "--sort", "--repeat=2 --seed=2", "--no-keep-going", "--suppress-pending", "-v --seed=1",
    "--helper=helper.lua -Xhelper x,y --lpath=lib/?.lua --seed=1", "--pattern=c_spec", "--no-auto-insulate --seed=1",
    "--exclude-pattern=[ab]_spec", "--filter=nothing", "--strict-leaks --seed=1", "-e print'said' --pattern=c_spec",
  } do
    it_tells("with " .. line, function()
      local folder = place.folder(all_kinds)
      place.file(folder .. "/c.done", "")
      place.file(folder .. "/helper.lua", "helped = table.concat(arg, ' ')")
      place.file(folder .. "/d_spec.lua", "it('d ' .. tostring(helped) .. ' ' .. require('part'), function() end)")
      assert(uv.fs_mkdir(folder .. "/lib", tonumber("700", 8)))
      place.file(folder .. "/lib/part.lua", "return 'part'")
      local words = { "-o", "TAP" }
      for word in line:gmatch "%S+" do words[#words + 1] = word end
      local one = { run(folder, table.unpack(words)) }
      local many = { run(folder, "-j", "2", table.unpack(words)) }
      one[1], many[1] = one[1]:gsub("Random seed: %d+", "seed"), many[1]:gsub("Random seed: %d+", "seed")
      assert.same(one, many)
    end)
  end

  it_tells("with a .busted, of which a task is run", function()
    local folder = place.folder {
      [".busted"] = "return { task = { ROOT = { 'a_spec.lua' }, output = 'TAP' } }",
      ["a_spec.lua"] = "it('a', function() end)", ["b_spec.lua"] = "it('b', function() end)",
    }
    local p = program.run({ "test", "-j4", "--run=task" }, { cwd = folder })
    p:tells("ok 1 - a", "1..1")
    p:ends(0)
  end)

  it_tells("of files that busted does not find", function()
    local out, status = run(place.folder(), "-j2", "-o", "plainTerminal")
    assert.matches("No test files found", out)
    assert.equal(1, status)
  end)
end)

describe("wsbot test -j runs", function()
  it_tells("so many files at a time, each once", function()
    local files = {}
    for i = 1, 9 do
      files[("%d_spec.lua"):format(i)] = ([[it("n%d", function()
        local mine = "runs.%d"
        io.open(mine, "w"):close()
        host.sleep(0.02)
        local list = io.popen "ls runs.* | wc -l"
        assert.is_true(tonumber(list:read "a") <= 3)
        os.remove(mine)
      end)]]):format(i, i)
    end
    local out, status = run(place.folder(files), "-j3", "-o", "TAP")
    local lines = {}
    for i = 1, 9 do lines[i] = ("ok %d - n%d\n"):format(i, i) end
    assert.equal(table.concat(lines) .. "1..9\n", out)
    assert.equal(0, status)
  end)

  it_tells("files beside each other", function()
    local out = run(place.folder {
      ["a_spec.lua"] = "it('a', function() " .. touches "a.begun" .. waits_for("b.begun", "") .. " end)",
      ["b_spec.lua"] = "it('b', function() " .. touches "b.begun" .. waits_for("a.begun", "") .. " end)",
    }, "-j2", "-o", "TAP")
    assert.equal("ok 1 - a\nok 2 - b\n1..2\n", out)
  end)

  it_tells("a process that ends early as a failure, which names its file", function()
    local folder = place.folder {
      ["a_spec.lua"] = [[describe("a", function()
        it("one", function() end)
        it("dies", function() print "before" os.execute "kill -9 $PPID" end)
        it("never", function() end)
      end)]],
      ["b_spec.lua"] = "os.exit(3)",
      ["c_spec.lua"] = "it('c', function() end)",
      ["d_spec.lua"] = "it(",
      ["e_spec.lua"] = "it('e', function() host.on_stop(function() os.exit(4) end) host.stop() host.sleep(9) end)",
    }
    local out, status = run(folder, "-j2", "-o", "TAP", "--seed=1")
    assert.equal([[
ok 1 - a one
before
not ok 2 - a dies
# ./a_spec.lua @ 3
# Random seed: 1
# Failure message: ./a_spec.lua: the process that ran it ended early, by signal 9 (Killed)
not ok 3 - ./b_spec.lua
# ./b_spec.lua @ 1
# Failure message: ./b_spec.lua: the process that ran it ended early, with exit status 3
ok 4 - c
not ok 5 - ./d_spec.lua
# ./d_spec.lua @ 1
# Failure message: ./d_spec.lua:1: unexpected symbol near <eof>
not ok 6 - e
# ./e_spec.lua @ 1
# Random seed: 1
# Failure message: ./e_spec.lua: the process that ran it ended early, with exit status 4
1..6
]], out)
    assert.equal(1, status)
    out = run(folder, "-j2", "-o", "gtest")
    assert.matches("4 tests from 4 test files ran", out) -- of which d_spec.lua is none
  end)

  it_tells("a process that ends otherwise than its tests did as a failure", function()
    local out, status = run(place.folder {
      ["a_spec.lua"] = [[it("a", function()
        keep = setmetatable({}, { __gc = function() os.execute "kill -9 $PPID" end })
        package.loaded.kept = keep
        debug.getregistry().kept = keep
      end)]],
    }, "-j2", "-o", "TAP")
    assert.matches("^ok 1 %- a\nnot ok 2 %- ./a_spec.lua\n", out)
    assert.matches("ended by signal 9 %(Killed%), after its tests", out)
    assert.equal(1, status)
  end)

  it_tells("a file with all that it prints, also where it closes its output", function()
    local out = run(place.folder {
      ["a_spec.lua"] = "it('a', function() io.write(('x'):rep(300000), '\\n') io.stdout:close() end)",
      ["b_spec.lua"] = "it('b', function() end)",
    }, "-j2", "-o", "TAP")
    assert.equal("ok 2 - b\n1..2\n", out:sub(-14))
    assert.equal(300000, select(2, out:gsub("x", "")))
  end)

  it_tells("no more files after a failure with --no-keep-going, and ends those under way", function()
    local folder = place.folder {
      ["a_spec.lua"] = "it('a', function() " .. waits_for("b.begun", "error 'no'") .. " end)",
      ["b_spec.lua"] = "it('b', function() " .. touches "b.begun" .. " host.sleep(1000) end)",
      ["c_spec.lua"] = touches "c.begun",
    }
    local out, status = run(folder, "-j2", "--no-keep-going", "--test-timeout=1000", "-o", "TAP")
    assert.matches("^not ok 1 %- a\n.*\n1%.%.1\n$", out)
    assert.equal(1, status)
    assert.is_nil(io.open(folder .. "/c.begun"))
  end)
end)

describe("wsbot test -j", function()
  local endless = {}
  for _, name in ipairs { "a", "b" } do
    endless[name .. "_spec.lua"] = ([[it("%s", function()
      host.on_stop(function() io.open("%s.stopped", "w"):close() end)
      io.open("%s.begun", "w"):close()
      host.sleep(1000)
    end)]]):format(name, name, name)
  end

  for _, signal in ipairs { "sigint", "sigterm", "sigkill" } do
    it_tells(("ends its processes when it gets %s"):format(signal), function()
      local folder = place.folder(endless)
      local p = program.run({ "test", "-j2", "--test-timeout=1000", "." }, { cwd = folder })
      local function are(what)
        story.poll("all to be " .. what, function()
          return uv.fs_stat(folder .. "/a." .. what) and uv.fs_stat(folder .. "/b." .. what)
        end)
      end
      are "begun"
      p:kill(signal)
      local status = p:wait()
      assert.equal(signal == "sigkill" and 0 or 1, status)
      are "stopped"
    end)
  end

  it_tells("ends by Ctrl-C at a terminal, and so do its processes", function()
    local folder = place.folder(endless)
    local t = terminal.run({ program.wsbot, "test", "-j2", "--test-timeout=1000", "." }, { cwd = folder })
    for _, name in ipairs { "a", "b" } do
      story.poll(name .. " to begin", function() return uv.fs_stat(folder .. "/" .. name .. ".begun") end)
    end
    t:write "\3"
    t:leaves(1)
    assert(uv.fs_stat(folder .. "/a.stopped") and uv.fs_stat(folder .. "/b.stopped"))
  end)

  it_tells("leaves nothing of itself to what the specs start", function()
    local function is_open(fd) return (os.execute("{ : >&" .. fd .. "; } 2>/dev/null")) == true end
    local before = {} -- which the one who runs these specs may have left open
    for fd = 3, 12 do before[fd] = tostring(is_open(fd)) end
    local out = run(place.folder { ["a_spec.lua"] = ([[
      it("is clean", function()
        assert.same({ "--ignore-lua", "-o", "TAP", "." }, { table.unpack(arg) })
        assert.is_nil(os.getenv "WSBOT_NOTES")
        local before = { %s }
        for fd = 3, 12 do
          assert.is_true(before[fd - 2] or not os.execute("{ : >&" .. fd .. "; } 2>/dev/null"))
        end
      end)
    ]]):format(table.concat(before, ", ", 3, 12)) }, "-j2", "-o", "TAP")
    assert.equal("ok 1 - is clean\n1..1\n", out)
  end)

  it_tells("refuses what it cannot do", function()
    for words, why in pairs {
      ["-j 0"] = "a whole number from 1 to 64", ["-j65"] = "a whole number from 1 to 64",
      ["--jobs=two"] = "a whole number from 1 to 64", ["-j"] = "missing value for %-%-jobs",
      ["-j2 --coverage"] = "%-%-jobs does not go together with %-%-coverage",
      ["--job=1"] = "is what `wsbot test %-%-jobs` starts its processes with",
    } do
      local list = { "test" }
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      local p = program.run(list, { cwd = place.folder() })
      assert.equal(2, (p:wait()), words)
      assert.matches(why, p.err)
    end
  end)

  it_tells("ends at once where busted cannot begin, and says why once", function()
    local folder = place.folder {
      ["a_spec.lua"] = "it('a', function() end)", ["b_spec.lua"] = "it('b', function() end)",
      ["helper.lua"] = "error 'no help'", ["dies.lua"] = "os.execute 'kill -9 $PPID'" }
    local one = { run(folder, "--helper=helper.lua") }
    assert.same(one, { run(folder, "-j2", "--helper=helper.lua") })
    assert.matches("no help", one[3])
    local out, status, err = run(folder, "-j2", "--helper=dies.lua")
    assert.same({ "", 128 + 9 }, { out, status })
    assert.equal("wsbot test: it was ended by signal 9 (Killed), before its first test\n", err)
  end)

  it_tells("watches too, and runs the files again that a save affects", function()
    local folder = place.folder {
      ["a_spec.lua"] = "require 'part' it('a', function() end)", ["b_spec.lua"] = "it('b', function() end)",
      ["c_spec.lua"] = "require 'part' it('c', function() end)", ["part.lua"] = "",
    }
    local p = program.run({ "test", "--watch", "-j2", "-o", "TAP", "." }, { cwd = folder })
    p:tells("ok 1 - a", "ok 2 - b", "ok 3 - c", "1..3")
    p:complains "waiting for a save"
    place.file(folder .. "/part.lua", "-- saved")
    p:tells("ok 1 - a", "ok 2 - c", "1..2")
    p:kill "sigterm"
    p:ends(0)
  end)
end)
