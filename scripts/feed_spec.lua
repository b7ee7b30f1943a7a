-- How a bot is tested: `wsbot test scripts` runs this file.
--
-- One idea: nothing of the bot is changed for its test. It runs whole, as `wsbot scripts/feed.lua` does; the exchange
-- is a scripted peer; and the clock is the test's, so that ten minutes of silence, back-off and lost pings are over in
-- a few milliseconds.

local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/feed.lua", function()
  local clock, exchange, bot, s

  -- The bot, and what it asks for when it is connected.
  local function run(...)
    bot = testing.bot("scripts/feed.lua", { args = { exchange.url, "BTC-EUR", ... } })
  end

  local function open()
    s = exchange:accept()
    bot:expect "connected"
    s:expect { op = "subscribe", market = "BTC-EUR" }
    s:expect { op = "snapshot", market = "BTC-EUR" }
  end

  local function tell(message)
    s:send(json.encode(message))
  end

  local function snapshot(seq, bid, ask)
    tell { type = "snapshot", seq = seq, bids = { { bid, 1 }, { bid - 1, 5 } }, asks = { { ask, 2 }, { ask + 1, 5 } } }
  end

  local function change(seq, side, price, size)
    tell { type = "change", seq = seq, [side] = { { price, size } } }
  end

  before_each(function()
    clock = testing.clock()
    exchange = testing.server()
  end)

  describe("keeps the book right:", function()
    before_each(function()
      run()
      open()
    end)

    it("shows the best prices as they change", function()
      assert.is_nil(s.request.headers.authorization)
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
      change(8, "bids", 100.5, 3)
      bot:expect "bid 100.50 x 3, ask 101.00 x 2"
      change(9, "asks", 103, 9) -- not the best
      tell { type = "heartbeat", seq = 9 }
      tell { type = "weather", rain = true } -- not known
      change(10, "asks", 101, 0)
      bot:expect "bid 100.50 x 3, ask 102.00 x 5"
      tell { type = "change", seq = 11, bids = { { 100.5, 0 }, { 100, 0 }, { 99, 0 } }, asks = {} }
      bot:expect "bid none, ask 102.00 x 5"
      assert.equal(0, bot:stop())
      s:expect_close(1001)
      bot:expect "closed: 1001 "
    end)

    it("applies what came before the snapshot, as far as that is newer", function()
      change(6, "bids", 500, 1) -- older: in the snapshot already, or gone by then
      change(7, "bids", 501, 1)
      change(8, "bids", 100.1, 4)
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 3 changes were waiting", "bid 100.10 x 4, ask 101.00 x 2")
    end)

    it("asks for a snapshot after a gap", function()
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
      change(9, "bids", 100.5, 1)
      bot:expect "gap: 9 came after 7"
      s:expect { op = "snapshot", market = "BTC-EUR" }
      change(10, "asks", 100.9, 6)
      snapshot(8, 100.2, 101)
      bot:expect("snapshot 8, 2 changes were waiting", "bid 100.50 x 1, ask 100.90 x 6")
      change(9, "bids", 200, 1) -- twice is once
      change(11, "bids", 100.6, 1)
      bot:expect "bid 100.60 x 1, ask 100.90 x 6"
    end)

    it("asks again for a snapshot that is too old, or when one more change is lost meanwhile", function()
      change(9, "bids", 100.1, 1)
      change(10, "bids", 100.2, 1)
      snapshot(7, 1, 2)
      bot:expect("snapshot 7, 2 changes were waiting", "gap: 9 came after 7")
      s:expect { op = "snapshot", market = "BTC-EUR" }
      change(12, "bids", 100.4, 1)
      snapshot(8, 1, 2)
      bot:expect("snapshot 8, 3 changes were waiting", "gap: 12 came after 10")
      s:expect { op = "snapshot", market = "BTC-EUR" }
      snapshot(11, 100, 101)
      bot:expect("snapshot 11, 1 changes were waiting", "bid 100.40 x 1, ask 101.00 x 2")
    end)

    it("asks for a snapshot after a reload, on the same connection", function()
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
      assert(bot:reload())
      s:expect { op = "snapshot", market = "BTC-EUR" }
      change(8, "bids", 100.5, 3)
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 1 changes were waiting", "bid 100.50 x 3, ask 101.00 x 2")
    end)

    it("hears from a heartbeat that the latest change is missing", function()
      snapshot(7, 100, 101)
      bot:expect("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
      tell { type = "heartbeat", seq = 8 }
      bot:expect "gap: the latest is 8, we are at 7"
      s:expect { op = "snapshot", market = "BTC-EUR" }
    end)
  end)

  describe("keeps its connection:", function()
    it("notices a link that is dead, backs off, and subscribes again", function()
      bot = testing.bot("scripts/feed.lua", { args = { exchange.url, "BTC-EUR" }, env = { FEED_SILENCE = 86400 } })
      open()
      clock:advance(20)
      assert.equal(1, s.pings)
      s:stall() -- as if a cable were pulled
      exchange:answer { refuse = { status = 503 } }
      clock:advance(20) -- a ping ...
      clock:advance(20) -- ... that nobody answers
      bot:expect "closed: 1006 "
      assert.matches("warn ping_timeout: nothing came for 20 s after a ping", bot.log)
      clock:advance(600) -- the exchange is down for ten minutes
      local _, refused = bot.log:gsub("warn handshake:[^\n]*503", "")
      assert.is_true(refused >= 20, bot.log) -- half a second at first, half a minute in the end
      exchange:answer {}
      clock:advance(30)
      repeat s = exchange:accept() until s.state == "open" -- the refused ones are there as well
      s:expect { op = "subscribe", market = "BTC-EUR" }
    end)

    it("begins anew after a drop, with a fresh token", function()
      local path = os.tmpname()
      finally(function() os.remove(path) end)
      local function write(token)
        local file <close> = assert(io.open(path, "w"))
        file:write(token, "\n")
      end
      write "first"
      run(path)
      open()
      assert.equal("Bearer first", s.request.headers.authorization)
      write "second"
      s:drop()
      clock:advance(1)
      bot:expect "closed: 1006 "
      open()
      assert.equal("Bearer second", s.request.headers.authorization)
      change(41, "bids", 90, 1)
      snapshot(40, 80, 120)
      bot:expect("snapshot 40, 1 changes were waiting", "bid 90.00 x 1, ask 120.00 x 2")
    end)

    it("connects again when nothing comes, or only changes", function()
      run()
      open()
      clock:advance(38)
      bot:expect("no news: connecting again", "closed: 1000 ")
      open()
      for seq = 1, 38 do
        change(seq, "bids", 1, 1)
        clock:advance(1)
      end
      bot:expect("no news: connecting again", "closed: 1000 ")
      open()
      s:drop() -- the script's own close is forgotten: this one is mended by itself
      clock:advance(1)
      bot:expect "closed: 1006 "
      open()
    end)
  end)

  describe("gives up", function()
    it("where its login is refused", function()
      exchange:answer { refuse = { status = 401 } }
      run()
      assert.equal(1, bot:wait())
      bot:expect "closed: 1006 "
      assert.matches("warn handshake: .*401.*error gave up: status 401", bot.log)
    end)

    it("where there is no such market", function()
      run()
      open()
      s:close(4003, "no such market")
      assert.equal(1, bot:wait())
      bot:expect "closed: 4003 no such market"
      assert.matches("error gave up: close code 4003", bot.log)
    end)

    it("where it is told nothing", function()
      bot = testing.bot("scripts/feed.lua")
      assert.equal(2, bot:wait())
      assert.matches("usage: wsbot scripts/feed.lua URL MARKET", bot.log)
    end)
  end)
end)
