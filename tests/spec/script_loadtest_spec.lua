-- script_loadtest: scripts/loadtest.lua against a scripted server, by a clock that the test moves, and against the echo
-- peer.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local program = require "support.program"
local testing = require "wsbot.testing"

describe("scripts/loadtest.lua", function()
  local clock

  before_each(function() clock = testing.clock() end)

  -- Answers each message after so many seconds: those of the list in turn. Returns the sessions as well.
  local function echo(delays)
    local n, sessions = 0, {}
    local function answer(session, data)
      n = n + 1
      host.sleep(delays[(n - 1) % #delays + 1])
      session:send(data)
    end
    return testing.server { on_message = answer, on_session = function(session) table.insert(sessions, session) end },
      sessions
  end

  -- The script, which shows at its end what it has counted: a bot under test has no summary.
  local function start(peer, stages, env)
    return testing.bot([[
      host.on_stop(function()
        io.write(require "wsbot.summary".text(require "wsbot.metrics.core".snapshot()))
      end)
      assert(loadfile "scripts/loadtest.lua")(...)]], { args = { peer.url, stages }, env = env })
  end

  local function run(peer, stages, env)
    local bot = start(peer, stages, env)
    while bot.running do clock:advance(1) end
    return bot
  end

  -- What stands behind a name in the summary, up to its plot.
  local function told(bot, name)
    local first = bot.output:match("  " .. name .. "%.*: ([^\n]*)\n")
    return first, bot.output:match("  " .. name .. "%.*: [^\n]*\n +(p90[^\n]*)")
  end

  local function failures(bot)
    return bot.output:match "failures{what=([^}]*)}.-: *\n? *(%d+)"
  end

  it("has as many users as the stages say, and counts what they did", function()
    local peer, sessions = echo { 0.25 }
    local bot = start(peer, "10s:20,10s:20,10s:0")
    local most = {}
    for second = 1, 35 do
      clock:advance(1)
      most[second] = 0
      for _, session in ipairs(sessions) do
        if session.state == "open" then most[second] = most[second] + 1 end
      end
    end
    assert.is_true(most[5] >= 8 and most[5] <= 11, most[5])
    assert.equal(20, most[15])
    assert.is_true(most[25] >= 9 and most[25] <= 12, most[25])
    assert.equal(0, bot:wait())
    assert.equal("20", (told(bot, "users_most")))
    assert.equal(20, #sessions)
    local echoes = tonumber(select(2, told(bot, "round_trip_seconds")):match "n=(%d+)")
    assert.is_true(echoes > 300 and echoes < 330, echoes) -- 400 seconds of a user, 1.25 for each message
    assert.is_nil(failures(bot))
  end)

  it("tells the percentiles", function()
    local delays = {}
    for i = 1, 100 do delays[i] = i / 100 end
    local peer = echo(delays)
    local bot = run(peer, "0s:1,101s:1", { LOADTEST_THINK = "0.5" })
    local first, second = told(bot, "round_trip_seconds")
    local n = tonumber(second:match "n=(%d+)")
    assert.is_true(n >= 99 and n <= 102, n)
    assert.matches("^avg=50%dms min=10ms med=50%dms max=1s$", first)
    assert.matches("^p90=90%dms p95=9[45]%dms p99=9[89]%dms n=", second)
    assert.equal(0, bot.status)
  end)

  it("ends with 1 where echoes are slower than they may be", function()
    local peer = echo { 0.2 }
    assert.equal(1, run(peer, "5s:3", { LOADTEST_P95 = "199" }).status)
    assert.equal(0, run(peer, "5s:3", { LOADTEST_P95 = "201" }).status)
  end)

  it("ends with 1 where they do not come, and says so", function()
    local bot = run(testing.server(), "5s:3")
    assert.equal(1, bot.status)
    assert.equal("echo: timeout", (failures(bot)))
    assert.equal("none", (told(bot, "round_trip_seconds")))
  end)

  it("ends with 1 where nobody lets it in, and does not try too often", function()
    local bot = run(testing.server { refuse = { status = 503 } }, "0s:1,10s:1")
    assert.equal(1, bot.status)
    local what, times = failures(bot)
    assert.matches("^connecting: the server answered 503", what)
    assert.is_true(tonumber(times) >= 3 and tonumber(times) <= 10, times)
  end)

  it("shows what there is when it is stopped", function()
    local peer = echo { 0.1 }
    local bot = start(peer, "3600s:10")
    clock:advance(1200)
    bot:stop()
    assert.matches("^avg=100ms ", (told(bot, "round_trip_seconds")))
  end)

  it("says what it needs", function()
    local bot = testing.bot("scripts/loadtest.lua", { args = { "ws://127.0.0.1:1", "many" } })
    assert.equal(2, bot:wait())
    assert.matches("usage: wsbot scripts/loadtest.lua", bot.log)
  end)
end)

describe("scripts/loadtest.lua and the echo peer", function()
  it_tells("understand each other", function()
    local p = program.run({ "run", "scripts/loadtest.lua", program.echo().url, "0.3s:20,0.1s:0" },
      { env = { LOADTEST_THINK = "0.01" } })
    assert.equal(0, (p:wait()))
    for _, line in ipairs { "\n  connections%.+: %d+ ", "\n  messages_sent%.+: %d+ ", "\n  data_received%.+: ",
      "\n  round_trip_seconds%.+: avg=", "\n  users_most%.+: %d+\n" } do
      assert.matches(line, p.out)
    end
  end)

  it_tells("share the users among workers", function()
    local p = program.run({ "run", "--workers", "2", "scripts/loadtest.lua", program.echo().url, "0s:4,0.3s:4" },
      { env = { LOADTEST_THINK = "0.05" } })
    assert.equal(0, (p:wait()))
    assert.matches("\n  connections%.+: 4 ", p.out)
    assert.matches("\n  users_most%.+: 4\n", p.out)
  end)
end)
