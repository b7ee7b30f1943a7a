-- `wsbot test`: stock busted in the host. The specs that it is given here are written into files of their own.
local cjson = require "cjson"
local uv = require "luv"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"

-- Runs a spec file. Returns status, stdout and stderr.
local function run(source, ...)
  local p = program.test(source, "-o", "plainTerminal", ...)
  local status = p:wait()
  return status, p.out, p.err
end

describe("wsbot test", function()
  it_tells("runs specs, hooks and blocks that wait", function()
    local status, out, err = run [[
      local order = {}
      local function slowly(what) return function() host.sleep(0.001) order[#order + 1] = what end end
      describe("a block", function()
        setup(slowly "setup") teardown(slowly "teardown")
        before_each(slowly "before") after_each(slowly "after")
        it("waits", function() finally(slowly "finally") slowly "it" () end)
        it("waits again", slowly "it")
      end)
      it("has seen all of it", function()
        assert.equal("setup before it finally after before it after teardown", table.concat(order, " "))
        assert.has_error(function() host.sleep(0) error "x" end, "x")
        assert.spy(spy.new(host.sleep)).was_not_called()
      end)
    ]]
    assert.equal("", err)
    assert.matches("3 successes / 0 failures / 0 errors", out)
    assert.equal(0, status)
  end)

  it_tells("has busted's exit statuses and options", function()
    local status, out = run("it('a #tag', function() end) it('b', function() assert.is_true(false) end)")
    assert.equal(1, status)
    assert.matches("1 success / 1 failure", out)
    status, out = run("it('a #tag', function() end) it('b', function() assert.is_true(false) end)", "-t", "tag")
    assert.equal(0, status)
    assert.matches("1 success / 0 failures", out)
    status, out = run("it('a', function() end)", "-o", "TAP")
    assert.equal(0, status)
    assert.matches("^ok 1 %- a\n1%.%.1\n$", out)
  end)

  for what, source in pairs {
    timer = "host.after(0.001, function() assert.equal(1, 2) end)",
    task = "host.spawn(function() host.sleep(0.001) assert.equal(1, 2) end)",
    ["callback of a connection"] =
      "ws.connect { url = 'ws://127.0.0.1:1', on_error = function() assert.equal(1, 2) end }",
  } do
    it_tells("fails the test in which an assertion of a " .. what .. " fails, with its own line", function()
      local status, out = run(([[
        it("is fine before", function() host.sleep(0) end)
        it("fails", function()
          %s
          host.sleep(0.05)
        end)
        it("is fine behind", function() host.sleep(0) end)
      ]]):format(source))
      assert.equal(1, status)
      assert.matches("2 successes / 1 failure / 0 errors", out)
      assert.matches("some_spec.lua:3: Expected objects to be equal", out)
    end)
  end

  it_tells("tells every error of a test, the first as its own", function()
    local status, out, err = run [[
      it("has two", function()
        host.after(0, function() error "one" end)
        host.after(0, function() error "two" end)
        host.sleep(0.01)
      end)
    ]]
    assert.equal(1, status)
    assert.matches("0 successes / 0 failures / 1 error", out)
    assert.matches("some_spec.lua:2: one", out)
    assert.matches("wsbot test: and another error: .*some_spec.lua:3: two", err)
  end)

  it_tells("does not blame a test for the error of a task that it joins", function()
    local status, _, err = run "it('joins', function() assert.is_nil(host.spawn(error, 'x'):join()) end)"
    assert.equal(0, status)
    assert.equal("", err)
  end)

  it_tells("tells of what is left open in a line of its own, also where dots go to the same place", function()
    local path = place.file("some_spec.lua", [[
      it("is fine", function() end)
      it("leaks", function() host.after(9, print) end)
      it("leaks again", function() host.after(9, print) end)
      it("is fine", function() print "a line" end)
      it("leaks behind a line", function() host.after(9, print) print "another" end)
    ]])
    local args = { "-c", 'exec "$0" "$@" 2>&1', program.wsbot, "test", "-o", "plainTerminal", path }
    for _, line in ipairs {
      { "/bin/sh", args },
      { "python3", { "tests/spec/support/terminal.py", "/bin/sh", table.unpack(args) } },
    } do
      local p = program.start(line[1], line[2])
      assert.equal(0, (p:wait()))
      local out = p.out:gsub("\r", ""):gsub("\27%[[%d;]*m", "")
      assert.matches("^%++\nwsbot test: leaks left open: 1 timer\n%+*\nwsbot test: leaks again left open: 1 timer\n"
        .. "%+*a line\n%+?another\nwsbot test: leaks behind a line left open: 1 timer\n%+\n5 successes", out)
    end
  end)

  it_tells("blames it for the error of a task that it no longer joins", function()
    local status, out = run [[
      it("gives up", function()
        local clock = require "wsbot.testing".clock()
        local task = host.spawn(function() host.sleep(10) error "late" end)
        host.spawn(function() task:join(1) end)
        clock:advance(20)
      end)
    ]]
    assert.equal(1, status)
    assert.matches("some_spec.lua:3: late", out)
  end)

  it_tells("ends a test that waits too long, or does not wait at all, and says where it was", function()
    local status, out = run([[
      it("waits", function() host.sleep(100) end)
      it("is busy", function()
        while true do end
      end)
      it("catches all", function() while true do pcall(function() while true do end end) end end)
      describe("a block", function()
        before_each(function() host.spawn(host.sleep, 100):join() end)
        it("never begins", function() end)
      end)
      it("is fine behind", function() host.sleep(0.001) end)
    ]], "--test-timeout", "0.6")
    assert.equal(1, status)
    assert.matches("1 success / 0 failures / 4 errors", out)
    assert.matches("some_spec.lua:1: the test took over 0.6 s %(%-%-test%-timeout%): it waited in host.sleep", out)
    assert.matches("some_spec.lua:3: the test took over 0.6 s %(%-%-test%-timeout%): it did not wait", out)
    assert.matches("some_spec.lua:7: the test took over 0.6 s %(%-%-test%-timeout%): it waited in task:join", out)
  end)

  local leaky = [[
    local conn, ticks = nil, 0
    it("leaves open", function()
      conn = ws.connect { name = "feed", url = "ws://127.0.0.1:1" }
      host.every(0.001, function() ticks = ticks + 1 end)
      host.spawn(host.sleep, 100)
    end)
    it("finds it closed", function()
      local before = ticks
      host.sleep(0.02)
      assert.equal(before, ticks)
      assert.equal("closed", conn.state)
    end)
    describe("a block", function()
      local timer
      setup(function() timer = host.every(0.001, function() ticks = ticks + 1 end) end)
      it("has what it opened", function() local n = ticks host.sleep(0.02) assert.is_true(ticks > n) end)
      it("still", function() local n = ticks host.sleep(0.02) assert.is_true(ticks > n) end)
    end)
    it("goes with it", function() local n = ticks host.sleep(0.02) assert.equal(n, ticks) end)
  ]]

  it_tells("ends a connection that is still told something when its test ends", function()
    local status, out, err = run [[
      local peer
      setup(function() peer = require("wsbot.testing").server() end)
      it("leaves it", function()
        local task = host.spawn(host.sleep, 100)
        ws.connect { url = peer.url, on_websocket_connect = function() task:cancel() end }
        task:join() -- which wakes while the connection looks for who reads
      end)
      it("collects it", function() for _ = 1, 3 do collectgarbage() end end)
    ]]
    assert.matches("leaves it left open: connection", err)
    assert.matches("2 successes / 0 failures / 0 errors", out)
    assert.equal(0, status)
  end)

  it_tells("ends what a test or a block left open, and says so", function()
    local status, out, err = run(leaky)
    assert.equal(0, status)
    assert.matches("5 successes / 0 failures / 0 errors", out)
    assert.matches("leaves open left open: connection feed %(connecting%), 1 timer, 1 task\n", err)
    assert.matches("a block left open: 1 timer\n", err)
  end)

  it_tells("fails those with --strict-leaks", function()
    local status, out = run(leaky, "--strict-leaks")
    assert.equal(1, status)
    assert.matches("leaves open left open: connection feed", out)
  end)

  it_tells("is no success when it is broken off", function()
    local source = program.prelude .. "it('waits', function() say 'waits' host.sleep(100) end)"
    local p = program.test(source, "-o", "TAP")
    p:tells "waits"
    p:kill "sigint"
    p:ends(1)
  end)

  it_tells("says what to install where there is no busted", function()
    local p = program.run({ "test" }, { env = { LUA_PATH = "/nowhere/?.lua" } })
    assert.equal(1, (p:wait()))
    assert.matches("busted is not installed %(Debian: apt install lua%-busted%)", p.err)
  end)

  it_tells("refuses a limit that is none", function()
    local p = program.run { "test", "--test-timeout", "soon" }
    assert.equal(2, (p:wait()))
    assert.matches("^wsbot test: a wrong value for %-%-test%-timeout: 'soon' %(seconds, more than 0%)\nusage: ", p.err)
  end)

  it_tells("has help of its own, and busted's besides", function()
    local p = program.run { "test", "--help" }
    assert.equal(0, (p:wait()))
    assert.matches("%-%-strict%-leaks", p.out)
  end)

  it_tells("moves a virtual clock: hours take no time", function()
    local status, out = run [[
      it("has an hour", function()
        local clock <close> = require "wsbot.testing".clock()
        local n = 0
        host.every(60, function() n = n + 1 end)
        clock:advance(3600)
        assert.equal(60, n)
      end)
    ]]
    assert.matches("1 success", out)
    assert.equal(0, status)
  end)
end)

-- A folder with specs of all kinds and a helper.
local function folder_of_specs(more)
  local files = {
    ["helper.lua"] = "helped = table.concat({ ... }, ' ') .. table.concat(arg, ' ')",
    ["a_spec.lua"] = "it('a #tag', function() end) it('is helped: ' .. tostring(helped), function() end)",
    ["b_spec.lua"] = [[
      describe("a block #tag", function()
        it("passes", function() end)
        it("fails", function() assert.equal(1, 2) end)
        it("errs", function() error "x" end)
        it("errs with a table", function() error { 1 } end)
        pending "later"
        it("is pending", function() pending "not yet" end)
        it("prints", function() print "hello" end)
      end)
      describe("broken", function() error "a block" end)
    ]],
  }
  for name, text in pairs(more or {}) do files[name] = text end
  return place.folder(files)
end

-- What a program says, without what differs from run to run, and without the seeds, which `wsbot test` always tells.
local function said(p, name)
  local status = p:wait()
  local text = (p.out .. p.err):gsub("^" .. name .. ": ", "busted: "):gsub("\n" .. name .. ": ", "\nbusted: ")
    :gsub("%d+%.%d+ seconds", ""):gsub("%(?%d+%.%d+ ms%)?", ""):gsub("%(%d+%.%d+ ms total%)", "")
    :gsub("%a%a%a %a%a%a +%d+ %d+:%d+:%d+ %d+", ""):gsub("[# ]*Random seed: %d+\n", "")
  return text, status
end

describe("wsbot test says what busted says under lua, and ends as it does, with", function()
  for _, words in ipairs {
    "", "-v", "-o TAP", "-o gtest", "-o utfTerminal", "-o nosuch.lua", "--defer-print --suppress-pending",
    "--repeat=2 -o TAP", "--repeat=x", "--shuffle --seed=5 -o TAP", "--sort -o TAP", "--list",
    "-t tag -o TAP", "-t none -o TAP", "--exclude-tags tag -o TAP", "-t a --exclude-tags a",
    "--filter passes", "--filter-out passes", "--no-keep-going -o TAP", "--no-auto-insulate --lazy a_spec.lua",
    "--helper helper.lua -Xhelper one,two -o TAP a_spec.lua", "--helper nosuch.lua", "--coverage", "--version",
    "--nosuch", "-C / nosuch", "-e print(1) a_spec.lua", "-p nosuch .", "-f nosuch", "-r job", "a_spec.lua",
  } do
    it_tells(words == "" and "nothing" or words, function()
      local folder = folder_of_specs {
        [".busted"] = "return { default = { ROOT = { '.' } }, job = { output = 'TAP' } }",
      }
      local list = {}
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      if not words:find("-o ", 1, true) then table.move({ "-o", "plainTerminal" }, 1, 2, #list + 1, list) end
      local stock = program.start(program.lua, { "/usr/bin/busted", "--ignore-lua", table.unpack(list) },
        { cwd = folder })
      local ours = program.run({ "test", table.unpack(list) }, { cwd = folder })
      local expected, status = said(stock, "busted")
      local text, our_status = said(ours, "wsbot test")
      assert.equal(expected, text)
      assert.equal(status, our_status)
    end)
  end
end)

describe("wsbot test", function()
  it_tells("writes a report for machines: junit and json", function()
    local folder = folder_of_specs()
    local p = program.run({ "test", "-o", "junit", "-Xoutput", "report.xml", "." }, { cwd = folder })
    p:tells "hello"
    p:ends(1)
    local report = place.read(folder .. "/report.xml")
    assert.matches('tests=.9.', report)
    assert.matches('failures=.1.', report)
    assert.matches('errors=.3.', report)
    p = program.run({ "test", "-o", "json", "a_spec.lua" }, { cwd = folder })
    assert.equal(0, (p:wait()))
    local successes = cjson.decode(p.out).successes
    assert.equal("a #tag", successes[1].name)
    assert.is_nil(p.out:find "wsbot") -- nothing of ours is in busted's tables
  end)

  it_tells("is not led astray by a .busted that names an interpreter", function()
    local folder = folder_of_specs {
      [".busted"] = "return { default = { lua = 'wsbot', ROOT = { 'a_spec.lua' }, output = 'TAP' } }",
    }
    local p = program.run({ "test" }, { cwd = folder })
    p:tells("ok 1 - a #tag", "ok 2 - is helped: nil", "1..2")
    p:ends(0)
  end)

  it_tells("ends when nobody reads what it says", function()
    local folder = folder_of_specs()
    local p = program.start("/bin/sh", { "-c", ("'%s' test -o TAP . | head -n 1"):format(program.wsbot) },
      { cwd = folder })
    p:tells "ok 1 - a #tag"
    p:ends(0)
  end)
end)

describe("busted with wsbot as its interpreter", function()
  local specs = {
    ["waits_spec.lua"] = [[
      local testing = require "wsbot.testing"
      it("waits", function() host.sleep(0.001) end)
      it("has a peer", function()
        local peer <close> = testing.server()
        local conn = ws.connect { url = peer.url }
        local s = peer:accept()
        conn:send "hello"
        s:expect "hello"
        conn:close()
      end)
    ]],
    ["fails_spec.lua"] = "it('fails', function() host.sleep(0.001) assert.equal(1, 2) end)",
  }

  local function both(folder, args, env)
    args = { "busted", "-o", "TAP", table.unpack(args) }
    local last = #args + 1
    args[last] = "waits_spec.lua"
    local p = program.start("/usr/bin/env", args, { cwd = folder, env = env })
    p:tells("ok 1 - waits", "ok 2 - has a peer", "1..2")
    p:ends(0)
    assert.equal("", p.err)
    args[last] = "fails_spec.lua"
    p = program.start("/usr/bin/env", args, { cwd = folder, env = env })
    assert.equal(1, (p:wait()))
    assert.matches("^not ok 1 %- fails\n# fails_spec.lua @ 1\n.*\n1%.%.1\n$", p.out)
  end

  it_tells("which --lua says", function()
    both(folder_of_specs(specs), { "--lua=" .. program.wsbot })
  end)

  it_tells("which .busted says, by its path or found in PATH", function()
    local folder = folder_of_specs(specs)
    for _, lua in ipairs { program.wsbot, "wsbot" } do
      place.file(folder .. "/.busted", ("return { default = { lua = %q } }"):format(lua))
      local path = place.folder()
      assert(uv.fs_symlink(program.wsbot, path .. "/wsbot"))
      both(folder, {}, { PATH = path .. ":" .. os.getenv "PATH" })
    end
  end)

  it_tells("which ends when nobody reads what it says", function()
    local p = program.start("/bin/sh", { "-c", ("busted --lua='%s' -o TAP . | head -n 1"):format(program.wsbot) },
      { cwd = folder_of_specs() })
    p:tells "ok 1 - a #tag"
    p:ends(0)
  end)
end)
