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

  local function run(peer, stages, env)
    local bot = testing.bot("scripts/loadtest.lua", { args = { peer.url, stages }, env = env })
    while bot.running do clock:advance(1) end
    return bot
  end

  -- What stands behind a name in the summary.
  local function told(bot, name)
    return bot.output:match("  " .. name .. "%.*: ([^\n]*)\n")
  end

  it("has as many users as the stages say, and counts what they did", function()
    local peer, sessions = echo { 0.25 }
    local bot = testing.bot("scripts/loadtest.lua", { args = { peer.url, "10s:20,10s:20,10s:0" } })
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
    assert.equal("20", told(bot, "vus_max"))
    assert.matches("^20 ", told(bot, "ws_sessions"))
    local sent = tonumber(told(bot, "ws_msgs_sent"):match "^%d+")
    assert.is_true(sent > 300 and sent < 330, sent) -- 400 seconds of a user, 1.25 for each message
    assert.equal(("100.00%% %d out of %d"):format(sent, sent), told(bot, "checks"))
  end)

  it("tells the percentiles", function()
    local delays = {}
    for i = 1, 100 do delays[i] = i / 100 end
    local peer = echo(delays)
    local bot = run(peer, "0s:1,101s:1", { LOADTEST_THINK = "0.5" })
    local n = tonumber(told(bot, "ws_msgs_sent"):match "^%d+")
    assert.is_true(n >= 99 and n <= 102, n)
    assert.matches("^avg=50%d%.%d+ms min=10.00ms med=50%d%.%d+ms max=1.00s p%(90%)=90%d%.%d+ms p%(95%)=95%d%.%d+ms$",
      told(bot, "ws_round_trip"))
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
    assert.matches("^%d+ x ws_round_trip: timeout$", told(bot, "failed"))
    assert.matches("^0.00%% 0 out of %d+$", told(bot, "checks"))
  end)

  it("ends with 1 where nobody lets it in, and does not try too often", function()
    local bot = run(testing.server { refuse = { status = 503 } }, "0s:1,10s:1")
    assert.equal(1, bot.status)
    local times = tonumber(told(bot, "failed"):match "^(%d+) x ws_connecting: the server answered 503")
    assert.is_true(times >= 3 and times <= 10, times)
  end)

  it("shows what there is when it is stopped", function()
    local peer = echo { 0.1 }
    local bot = testing.bot("scripts/loadtest.lua", { args = { peer.url, "3600s:10" } })
    clock:advance(1200)
    bot:stop()
    assert.matches("^100.00%%", told(bot, "checks"))
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
    p:tells("~^  checks%.+: 100%.00%% %d+ out of %d+$", "~^  data_received", "~^  data_sent",
      "~^  ws_connecting.*p%(95%)=", "~^  ws_round_trip.*p%(95%)=", "~^  ws_msgs_received", "~^  ws_msgs_sent",
      "~^  ws_sessions", "~^  vus_max")
    p:ends(0)
  end)
end)
