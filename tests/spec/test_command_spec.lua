-- `wsbot test`: stock busted in the host. The specs that it is given here are written into files of their own.
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- Runs a spec file. Returns status, stdout and stderr.
local function run(source, ...)
  local path = place.file("some_spec.lua", source)
  local args = { "test", "-o", "plainTerminal", ... }
  args[#args + 1] = path
  local p = program.run(args)
  local status = p:wait()
  return status, p.out, p.err
end

local function it_tells(name, body)
  it(name, story.of(body))
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

  it_tells("does not blame a test for the error of a task that it joins", function()
    local status = run "it('joins', function() assert.is_nil(host.spawn(error, 'x'):join()) end)"
    assert.equal(0, status)
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
    local p = program.run { "test", "-o", "TAP", place.file("some_spec.lua", source) }
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
    assert.matches("%-%-test%-timeout takes seconds, not 'soon'", p.err)
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
