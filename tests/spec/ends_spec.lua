-- The chapter "How it ends": each line of its table of statuses is tried, with every command.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- The lines of the table: { command, status, word, when }.
local rows = {}
for command, status, word, when in place.read("lualib/manual/status.md"):gmatch
  "\n| `(%l+)` | ([^|]+) | %*%*([^*]+)%*%*: ([^\n]+) |%f[\n]" do
  rows[#rows + 1] = { command = command, status = status, word = word, when = when }
end

-- The status of a program that has ended, or ends by itself, as a shell shows it.
local function status_of(p)
  local status, signal = p:wait()
  return signal ~= 0 and 128 + signal or status
end

local function run(...) return status_of(program.run { ... }) end
local function script(source) return place.file("bot.lua", source) end

-- Starts a script that runs until it is stopped, and waits until it runs.
local function start(source, ...)
  local line = { "run", ... }
  line[#line + 1] = script(source .. " host.every(1, function() end) print 'up' io.flush()")
  local p = program.run(line)
  p:tells "up"
  return p
end

local function stop(p, signal)
  p:kill(signal)
  return status_of(p)
end

local stories = {}

stories["run done"] = function() return run("run", script "host.after(0.01, function() end)") end

stories["run stopped"] = function()
  assert.equal(0, run("run", script "host.every(1, print) host.stop()"))
  assert.equal(0, stop(start "", "sigint"))
  return stop(start "", "sigterm")
end

stories["run told"] = function()
  assert.equal(255, run("run", script "host.every(1, print) host.stop(255)"))
  assert.equal(1, run("run", script "os.exit(false)"))
  return run("run", script "os.exit(7)"), 7
end

stories["run error"] = function()
  for _, source in ipairs { "error 'no'", "host.sleep(0) error 'no'", "x = = 1",
    "local t = {} while true do t[#t + 1] = ('x'):rep(1 << 20) .. #t end" } do
    assert.equal(1, run("run", "--max-memory", "16", script(source)))
  end
  return run("run", "/no/such/script.lua")
end

stories["run strict"] = function()
  assert.equal(0, run("run", script "host.after(0, error)"))
  assert.equal(1, run("run", "--strict", script "host.after(0, error)"))
  local refusing = testing.server { refuse = { status = 403 } }
  local source = ("ws.connect { url = %q }"):format(refusing.url)
  assert.equal(0, run("run", script(source)))
  return run("run", "--strict", script(source))
end

stories["run taken"] = function()
  local port = testing.server().url:match ":(%d+)"
  assert.equal(1, run("run", "--with-echo=" .. port, script ""))
  return run("run", "--status", port, script "")
end

stories["run misused"] = function()
  assert.equal(2, run "run")
  assert.equal(2, run("run", "--record", "/no/such/file", script ""))
  assert.equal(2, run("run", "--profile", "/no/such/file", script ""))
  assert.equal(2, run("run", "--state", "/no/such/folder", script ""))
  assert.equal(2, status_of(program.run({ "run", script "" }, { env = { WSBOT_TRACE = "x" } })))
  assert.equal(1, run "--nonsense") -- as `lua`
  return run("run", "--nonsense", script "")
end

stories["run at once"] = function()
  for signal, status in pairs { sigint = 130, sigterm = 143 } do
    local p = start "host.on_stop(function() print 'stopping' io.flush() host.sleep(9) end)"
    p:kill(signal)
    p:tells "stopping"
    assert.equal(status, stop(p, signal))
  end
  return 130
end

stories["run unread"] = function()
  local p = program.start("/bin/sh", { "-c", [[{ "$0" run "$1"; echo "status $?" >&2; } | head -n 1]], program.wsbot,
    script "while true do print(('x'):rep(1000)) end" })
  p:wait()
  return math.tointeger(tonumber(p.err:match "status (%d+)"))
end

stories["check loads"] = function() return run("check", script "host.every(1, print)") end

stories["check fails"] = function()
  assert.equal(1, run("check", script "error 'no'"))
  return run("check", "/no/such/script.lua")
end

stories["check misused"] = function() return run "check" end

local function spec(source) return place.file("some_spec.lua", source) end

stories["test passed"] = function()
  return run("test", spec "it('a', function() end) it('b', function() pending 'later' end)")
end

stories["test watched"] = function()
  local p = program.run { "test", "--watch", spec "it('a', function() end)" }
  p:complains "waiting for a save"
  return stop(p, "sigint")
end

stories["test failed"] = function()
  assert.equal(1, run("test", spec "x = = 1"))
  assert.equal(1, run("test", place.folder()))
  return run("test", spec "it('a', function() error 'no' end) it('b', function() error 'no' end)")
end

stories["test stopped"] = function()
  local p = program.run { "test", spec "it('a', function() print 'up' io.flush() host.sleep(9) end)" }
  p:tells "up"
  return stop(p, "sigint")
end

stories["test busted"] = function() return run("test", "--nonsense") end
stories["test misused"] = function() return run("test", "--jobs", "0") end

local function connect(url, ...)
  return status_of(program.run({ "connect", url, ... }, { stdin = "hello\n", env = { WSBOT_HISTORY = "" } }))
end

stories["connect done"] = function() return connect(program.echo().url) end
stories["connect refused"] = function() return connect(testing.server({ refuse = { status = 403 } }).url) end

stories["connect misused"] = function()
  assert.equal(2, connect(program.echo().url, "--nonsense"))
  local p = program.run({ "connect", program.echo().url }, { stdin = "\xff\n" })
  return status_of(p)
end

stories["connect ended badly"] = function()
  local server = testing.server { on_message = function(session) session:close(4000) end }
  local p = program.run({ "connect", server.url }, { stdin = true })
  p:write "hello\n"
  return status_of(p)
end

stories["connect too late"] = function()
  return status_of(program.run { "connect", "--timeout", "0.05", testing.server({ silent = true }).url })
end

stories["ps shown"] = function() return run "ps" end
stories["ps misused"] = function() return run("ps", "x") end

stories["attach done"] = function()
  start("", "--name", "one")
  return run("attach", "-e", "return 1", "one")
end

stories["attach failed"] = function()
  start("", "--name", "one")
  assert.equal(1, run("attach", "-e", "error 'no'", "one"))
  assert.equal(1, status_of(program.run({ "attach", "one" }, { stdin = "error 'no'\n" })))
  return run("attach", "-e", "return 1", "another")
end

stories["attach misused"] = function() return run("attach", "--nonsense") end

stories["inspect done"] = function()
  local bot = start("", "--name", "one")
  local p = program.run { "inspect", "one" }
  p:line()
  assert.equal(0, stop(p, "sigint"))
  p = program.run { "inspect", "one" }
  p:line()
  bot:kill "sigterm"
  return status_of(p)
end

stories["inspect unknown"] = function()
  start("", "--name", "one")
  assert.equal(1, run("inspect", "--port", testing.server().url:match ":(%d+)", "one"))
  return run("inspect", "another")
end

stories["inspect misused"] = function() return run("inspect", "--nonsense") end

stories["init written"] = function() return run("init", place.folder()) end
stories["init refused"] = function() return run("init", place.folder { ["bot.lua"] = "" }) end
stories["init misused"] = function() return run "init" end

stories["echo stopped"] = function() return stop(program.echo(), "sigterm") end

stories["echo taken"] = function()
  assert.equal(1, run("echo", "--port", "0", "--tls-cert", "/no/such/file", "--tls-key", "/no/such/file"))
  return run("echo", "--port", testing.server().url:match ":(%d+)")
end

stories["echo misused"] = function() return run("echo", "stray") end

stories["help shown"] = function() return run("help", "reload") end
stories["help unknown"] = function() return run("help", "no-such-topic") end
stories["help misused"] = function() return run("help", "--man") end

-- Commands that are not built yet. Once one is, it goes from here.
local TO_COME <const> = {}

-- What needs a terminal is tried elsewhere (connect_command_spec, connect_editor_spec).
local ELSEWHERE <const> = { ["connect interrupted"] = true }

describe("a status", function()
  for _, row in ipairs(rows) do
    local title = row.command .. " " .. row.word
    if not ELSEWHERE[title] and not TO_COME[row.command] then
      it_tells(("is %s where wsbot %s: %s"):format(row.status, title, row.when), function()
        local status, expected = assert(stories[title], "it has no story here")()
        assert.equal(expected or math.tointeger(tonumber(row.status:match "^%d+")), status)
      end)
    end
  end

  it_tells("is that of every command that has a help", function()
    assert.equal(select(2, place.read("lualib/manual/status.md"):gsub("\n| `%l+` |", "")), #rows)
    local told = {}
    for _, row in ipairs(rows) do told[row.command] = true end
    local help = program.run { "--help" }
    help:wait()
    for command in help.out:gmatch "\n  wsbot (%l+) " do assert(told[command], command .. " is not in the table") end
  end)

  it_tells("is 0 where --watch has shown an error of the main chunk, and was stopped then", function()
    local p = program.run { "run", "--watch", script "error 'no'" }
    p:complains "waiting for a save"
    assert.equal(0, stop(p, "sigint"))
  end)
end)

describe("a signal", function()
  it_tells("ends at once, where the system has it so", function()
    for signal, status in pairs { sigusr1 = 138, sigusr2 = 140, sigkill = 137, sigquit = 131 } do
      assert.equal(status, stop(start "", signal))
    end
  end)
end)

describe("a pool", function()
  local function pool(source)
    local p = program.run { "run", "--workers", "2", script(source) }
    return status_of(p), p.err
  end

  it_tells("ends with the highest status of its workers, and tells each that is not 0", function()
    local status, err = pool "os.exit(host.worker + 2)"
    assert.equal(4, status)
    assert.matches("worker 1 ended with status 3", err)
    assert.matches("worker 2 ended with status 4", err)
    assert.equal(0, (pool ""))
  end)

  it_tells("starts a worker again that failed, or that a signal has ended", function()
    for cause, words in pairs { ["error 'no'"] = "failed %(status 1%)",
      ["os.execute 'kill -9 $PPID'"] = "by signal 9" } do
      local once = place.folder() .. "/once"
      local status, err = pool(([[if host.worker == 1 and not io.open(%q) then
        io.open(%q, "w"):close() %s end]]):format(once, once, cause))
      assert.equal(0, status)
      assert.matches("worker 1 [%l ]*" .. words .. ".* and comes back in 1 s", err)
    end
  end)
end)
