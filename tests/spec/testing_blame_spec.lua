-- Whose fault it is: what goes wrong in a test is told at a line of the test, once, by every output handler, and the
-- same under `wsbot test` and under `busted --lua=wsbot`.
-- Runs within the program that it tests.
local cjson = require "cjson"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- Runs a spec file. Returns stdout, stderr and the status.
local function run(source, ...)
  local p = program.test(source, ...)
  local status = p:wait()
  return p.out, p.err, status
end

-- By busted's own program, with ours as its Lua.
local function run_busted(source, ...)
  local path = place.file("some_spec.lua", source)
  local args = { "/usr/bin/busted", "--ignore-lua", ... }
  args[#args + 1] = path
  local p = program.run(args)
  local status = p:wait()
  return p.out, p.err, status
end

describe("a failure is told at the line of the test", function()
  local function is_told_here(message, fn)
    local line = debug.getinfo(fn, "S").lastlinedefined
    local ok, why = pcall(fn)
    assert.is_false(ok)
    assert.equal(("tests/spec/testing_blame_spec.lua:%d: %s"):format(line, message), why)
  end

  it("by servers and sessions", function()
    local peer = testing.server()
    is_told_here("no connection came within 0 s", function() peer:accept(0) end)
    is_told_here("bad argument #1 to 'accept' (seconds must be a number, 0 or more)", function() peer:accept(-1) end)
    local conn <close> = ws.connect { url = peer.url } -- luacheck: ignore
    local s = peer:accept()
    is_told_here("bad argument #1 to 'send' (string expected, got table)", function() s:send {} end)
    is_told_here("bad argument #1 to 'close' (a code or reason that a Close frame cannot have (use send_raw))",
      function() s:close(99999) end)
    is_told_here("session:expect: a text, a table or a function is needed, and not nil", function() s:expect() end)
    is_told_here("session:expect: a text, a table or a function is needed, and not number", function() s:expect(5) end)
    is_told_here('expected "hello", but nothing came for 0 s', function() s:expect("hello", 0) end)
    is_told_here("expected a Close, but nothing came for 0 s", function() s:expect_close(nil, 0) end)
    is_told_here("session:send: fragments: pieces have 1 byte or more", function() s:send("a", { fragments = 0 }) end)
    peer:close()
    is_told_here("no connection comes: the server is closed", function() peer:accept() end)
  end)

  it("by wrong options", function()
    is_told_here("testing.server: refuse is a table or a string, and not a number",
      function() testing.server { refuse = 5 } end)
    is_told_here("testing.server: refuse: unknown option 'code'",
      function() testing.server { refuse = { code = 5 } } end)
    is_told_here("testing.server: on_message is a function, and not a string",
      function() testing.server { on_message = "print" } end)
    is_told_here("testing.server: options are a table, and not a boolean", function() testing.server(true) end)
    is_told_here("testing.bot: args is a table, and not a string", function() testing.bot("", { args = "a" }) end)
    is_told_here("testing.bot: a path or a source is needed, and not nil", function() testing.bot() end)
    is_told_here("testing.replay: /nowhere/x.jsonl: No such file or directory",
      function() testing.replay "/nowhere/x.jsonl" end)
    is_told_here("testing.replay: the path of a record is needed, and not nil", function() testing.replay() end)
    is_told_here("testing.replay: speed is more than 0", function() testing.replay("x", { speed = 0 }) end)
  end)

  it("by bots and clocks", function()
    local bot = testing.bot "print 'other'"
    is_told_here('the bot printed another line\nexpected "line"\n     got "other"\n          ^ (they part at byte 1)',
      function() bot:expect "line" end)
    is_told_here("this has not come true within 0 s", function() testing.eventually(function() end, 0) end)
    local clock = testing.clock()
    is_told_here("clock:advance: seconds must be a number, 0 or more", function() clock:advance(-1) end)
    is_told_here("clock:advance: seconds must be a number, 0 or more", function() clock:advance(0 / 0) end)
    clock:close()
    is_told_here("clock:advance: the clock is closed", function() clock:advance(1) end)
  end)

  it_tells("where its time is over in a wait", function()
    local source = [[
      local testing = require "wsbot.testing"
      it("1", function()
        testing.server():accept()
      end)
      it("2", function()
        testing.bot("host.every(1, print)"):wait()
      end)
      it("3", function()
        local peer = testing.server()
        local c = ws.connect { url = peer.url }
        peer:accept():receive()
      end)
      it("4", function()
        testing.clock()
        host.every(1e-6, function() end)
        testing.clock():advance(1e5)
      end)
      it("5", function()
        testing.bot("while true do end")
      end)
    ]]
    local out = run(source, "--test-timeout=1", "-o", "TAP")
    for i, told in ipairs { "3: .*it waited in peer:accept\n", "6: .*it waited in bot:wait\n",
      "11: .*it waited in session:receive\n", "16: .*it .-\n", ":1: .*it did not wait" } do
      assert.matches(("not ok %d %%- %d\n#[^\n]*\n#[^\n]*\n# Failure message: [^\n]-%s"):format(i, i, told), out)
    end
  end)
end)

describe("a time that is over", function()
  local function verdicts(source)
    local out, _, status = run(source, "--test-timeout=0.2", "-o", "TAP")
    assert.equal(1, status)
    return out
  end

  it_tells("fails the test though the error was caught, waiting or busy, once or for ever", function()
    local out = verdicts [[
      local testing = require "wsbot.testing"
      it("a", function() pcall(host.sleep, 10) end)
      it("b", function() pcall(function() while true do end end) end)
      it("c", function() assert.has_error(function() host.sleep(10) end) end)
      it("d", function() repeat local ok = pcall(host.sleep, 10) until ok end)
      it("e", function() local peer = testing.server() repeat until pcall(peer.accept, peer) end)
      it("f", function() end)
    ]]
    for i, name in ipairs { "a", "b", "c", "d", "e" } do
      assert.matches(("not ok %d %%- %s\n.-some_spec.lua:%d: the test took over 0.2 s"):format(i, name, i + 1), out)
    end
    assert.matches("\nok 6 %- f\n", out)
  end)

  it_tells("ends what stands in a file, or in a block, as well", function()
    assert.matches("not ok 1 %-[^\n]*\n.-some_spec.lua:1: the test took over 0.2 s", verdicts "while true do end")
    assert.matches("not ok 1 %- a block\n.-some_spec.lua:1: the test took over 0.2 s.-\nok 2 %- b\n",
      verdicts "describe('a block', function() host.sleep(10) end) it('b', function() end)")
  end)

  it_tells("names the line that waits for an answer by HTTP", function()
    local out = verdicts [[
      local server = require "luv".new_tcp()
      server:bind("127.0.0.1", 0)
      server:listen(16, print)
      it("asks", function()
        require "wsbot.http".get("http://127.0.0.1:" .. server:getsockname().port)
      end)
    ]]
    assert.matches("some_spec.lua:5: the test took over 0.2 s %(%-%-test%-timeout%): it waited in http.request", out)
  end)
end)

describe("each test", function()
  local source = [[
    local testing = require "wsbot.testing"
    it("fails twice", function()
      host.after(0.01, function() error "timer" end)
      host.sleep(60)
    end)
    it("has a bot that fails at its end", function()
      local bot = testing.bot "host.after(0, function() error 'boom' end)"
      host.sleep(0.02)
    end)
    it("fails, and finally too", function()
      finally(function() host.after(0, function() error "in finally" end) host.sleep(0.01) end)
      error "mine"
    end)
    it("fails finally", function()
      finally(function() host.sleep(0.01) end)
      host.after(0.001, function() error "later" end)
    end)
    it("leaves a connection", function() ws.connect { url = "ws://127.0.0.1:1", reconnect = true } end)
    it("is fine", function() end)
    describe("with hooks", function()
      before_each(function() host.sleep(0) end)
      after_each(function() end)
      it("fails in a timer, and by itself", function()
        host.after(0, function() error "timer" end)
        host.sleep(0.01)
        error "mine"
      end)
    end)
  ]]

  local verdicts = { "not ok 1 - fails twice", "not ok 2 - has a bot that fails at its end",
    "not ok 3 - fails, and finally too", "not ok 4 - fails finally", "not ok 5 - leaves a connection", "ok 6 - is fine",
    "not ok 7 - with hooks fails in a timer, and by itself", "1..7" }

  local function verdicts_of(out)
    local list = {}
    for line in out:gmatch "[^\n]+" do
      if line:find "^[no1]" then list[#list + 1] = line end
    end
    return list
  end

  it_tells("is in every output once, however often it fails", function()
    assert.same(verdicts, verdicts_of((run(source, "-o", "TAP", "--test-timeout=0.3", "--strict-leaks"))))
    local report = cjson.decode((run(source, "-o", "json", "--test-timeout=0.3", "--strict-leaks")))
    assert.equal(1, #report.successes)
    assert.equal(6, #report.failures + #report.errors)
    local out, err = run(source, "-o", "plainTerminal", "--test-timeout=0.3", "--strict-leaks")
    assert.matches("1 success / 0 failures / 6 errors", out)
    assert.matches("and another error: .*: timer\n", err)
    assert.matches("and another error: .*: in finally\n", err)
  end)

  it_tells("is so where it was pending before it failed", function()
    local text = [[
      local testing = require "wsbot.testing"
      it("one", function() testing.bot "host.spawn(error, 'B')" host.sleep(0.01) pending "P" end)
      it("two", function() host.every(100, function() end) pending "P" end)
      it("three", function() pending "P" end)
    ]]
    local out = run(text, "-o", "TAP", "--strict-leaks")
    assert.matches("^not ok 1 %- one\n.*not ok 2 %- two\n.*ok 3 %- # SKIP [^\n]*P\n1%.%.3\n$", out)
    out = run(text, "-o", "junit", "--strict-leaks")
    assert.matches("tests='3' ?", out)
  end)

  it_tells("is blamed at its own line where its last call was a tail call", function()
    local out = run([[
      local testing = require "wsbot.testing"
      it("accepts", function()
        local peer = testing.server()
        return peer:accept(0)
      end)
    ]], "-o", "TAP")
    assert.matches("Failure message: [^\n]*some_spec.lua:2: no connection came within 0 s\n", out)
  end)

  it_tells("is the same under busted --lua=wsbot", function()
    local limit = ("local suite = require 'wsbot.testing.suite' suite.limit = 0.3 suite.strict_leaks = true ")
    local out, _, status = run_busted(source, "-o", "TAP", "-e", limit)
    assert.same(verdicts, verdicts_of(out))
    assert.equal(1, status)
  end)

  it_tells("tells what its random numbers came from where it fails, and only there", function()
    local out = run([[
      it("passes", function() end)
      it("is pending", function() pending "later" end)
    ]], "-o", "plainTerminal")
    assert.not_matches("seed", out)
    out = run([[
      it("fails", function() error "x" end)
      it("is pending", function() pending "later" end)
    ]], "-o", "plainTerminal")
    assert.matches("^[^\n]*\n[^\n]*1 error[^\n]*\n.-Pending.-later\n.-Error.-fails\nRandom seed: %d+\n", out)
    assert.equal(1, select(2, out:gsub("Random seed", "")))
  end)
end)

describe("busted --lua=wsbot", function()
  it_tells("ends where a connection, a timer, a task and a stopped clock were left", function()
    local out, err, status = run_busted [[
      local testing = require "wsbot.testing"
      it("leaves all of it", function()
        local clock = testing.clock()
        local peer = testing.server()
        ws.connect { url = peer.url }
        peer:accept()
        host.every(1, print)
        host.spawn(function() host.sleep(100) end)
      end)
      it("has the time of the world again", function()
        local began = host.time()
        host.sleep(0.01)
        assert.is_true(host.time() > began)
      end)
      host.every(1, print)
    ]]
    assert.equal(0, status)
    assert.matches("2 successes / 0 failures / 0 errors", out)
    assert.matches("leaves all of it left open: connection ws://[^\n]*, 1 timer, 1 task\n", err)
    assert.matches("some_spec.lua left open: 1 timer\n", err)
  end)

  it_tells("does so where a handle of luv was left", function()
    local out, _, status = run_busted "it('ends', function() require 'luv'.new_timer():start(1e6, 0, print) end)"
    assert.equal(0, status)
    assert.matches("1 success", out)
  end)
end)

describe("a test that fails", function()
  it_tells("shows what passed on its connections at last, a line each", function()
    local out = run([[
      local testing = require "wsbot.testing"
      it("is another test", function()
        local peer = testing.server()
        local conn <close> = ws.connect { url = peer.url .. "/another" }
        peer:accept()
      end)
      it("fails", function()
        local peer = testing.server()
        local bot = testing.bot("ws.connect { url = arg[1], on_message = function(c, m) c:send(#m .. ' bytes') end }",
          { args = { peer.url .. "/feed" } })
        local s = peer:accept()
        for i = 1, 6 do
          s:send(("x"):rep(i * 100))
          s:expect(i * 100 .. " bytes")
        end
        s:send "\n\27[31m"
        s:expect "6 bytes"
        s:send("\0\1\2", "binary")
        s:expect "3 bytes"
        s:close(4000, "enough")
        s:expect "more"
      end)
      it("has no connection", function() error "x" end)
      it("is pending", function() pending "later" end)
    ]], "-o", "TAP")
    assert.matches("not ok 2 %- fails\n.-\n# the last 20 of 2%d events:\n# +0%.%d%d%d  #%d  %-> request /feed\n"
      .. "# +0%.%d%d%d  #%d  <%- 101 Switching Protocols\n", out)
    assert.matches('<%- text "x+%.%.%.\n.-%-> text "100 bytes"\n.-<%- text of 600 bytes "x+%.%.%.\n', out)
    assert.matches([[<%- text "\n\u001b%[31m"
.-<%- binary AAEC
.-<%- close 4000 "enough"
.-ends: 4000
]], out)
    assert.not_matches("another", out:match "not ok 2.*")
    assert.not_matches("#1 ", out:match "not ok 2.*")
    assert.equal(1, select(2, out:gsub(" events:", "")))
    assert.not_matches("what passed", out)
  end)
end)

describe("wsbot test --trace FILE", function()
  it_tells("writes what passes on the connections of tests and bots as a record, each once", function()
    local trace = place.folder() .. "/trace.jsonl"
    run([[
      local testing = require "wsbot.testing"
      it("talks", function()
        local peer = testing.server()
        testing.bot("ws.connect { url = arg[1], on_message = function(c, m) c:send(m:upper()) end }",
          { args = { peer.url .. "/feed?room=1" } })
        local s = peer:accept()
        s:send "hello"
        s:expect "HELLO"
        s:close(4000, "enough")
        s:expect_close(4000)
      end)
    ]], "--trace", trace)
    local kinds = {}
    for line in io.lines(trace) do
      local event = cjson.decode(line)
      kinds[#kinds + 1] = event.record and "record" or event.kind or event.event
    end
    assert.same({ "record", "connect", "request", "response", "text", "text", "close", "end" }, kinds)
    local peer = testing.replay(trace)
    testing.bot("ws.connect { url = arg[1], on_message = function(c, m) c:send(m:upper()) end }",
      { args = { peer.url } })
    peer:finish()
  end)

  it_tells("says what is wrong with the file, and that one process writes it", function()
    local _, err, status = run("it('x', function() end)", "--trace=/nowhere/at/all")
    assert.equal("wsbot test: record: cannot write /nowhere/at/all: No such file or directory\n", err)
    assert.equal(1, status)
    _, err, status = run("it('x', function() end)", "--trace=x", "-j2")
    assert.matches("^wsbot test: %-%-jobs and %-%-trace exclude each other", err)
    assert.equal(2, status)
  end)
end)

it("gives the program's path to specs and bots as arg[-1]", function()
  assert.is_string(arg[-1])
  local bot = testing.bot "print(arg[-1])"
  assert.matches("/wsbot\n$", bot.output)
end)

it("ends the sessions of a server that is closed", function()
  local peer = testing.server()
  local told
  local conn = ws.connect { url = peer.url, on_error = function(_, word) told = word end }
  local s = peer:accept()
  s:stall()
  peer:close()
  assert.equal("closed", s.state)
  assert.same({ nil, "closed", 1006, "" }, { s:receive() })
  testing.eventually(function() return conn.state == "closed" end)
  assert.equal("reset", told)
end)
