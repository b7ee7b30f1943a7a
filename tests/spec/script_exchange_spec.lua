-- script_exchange: scripts/exchange.lua against a scripted exchange: its REST interface, and its streams.
-- Runs within the program that it tests.
local crypto = require "wsbot.crypto"
local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/exchange.lua", function()
  local clock, exchange, site, bot, s

  local function tell(stream, event)
    s:send(json.encode { stream = stream, data = event })
  end

  -- A change of one price: updates first to last, behind the change that ended with `before`.
  local function change(before, first, last, side, price, size)
    local levels = { bid = json.array {}, ask = json.array {} }
    levels[side][1] = { price, size }
    tell("btcusdt@depth", { e = "depthUpdate", E = 1, T = 1, s = "BTCUSDT", U = first, u = last, pu = before,
      b = levels.bid, a = levels.ask })
  end

  local function snapshot(last, bid, ask)
    return { json = { lastUpdateId = last, E = 1, T = 1, bids = { { bid, "1.000" }, { "1.00", "5" } },
      asks = { { ask, "2.000" }, { "900.00", "5" } } } }
  end

  -- How often a route was asked.
  local function asked(route)
    local n = 0
    for _, request in ipairs(site.requests) do
      if request.method .. " " .. request.path == route then n = n + 1 end
    end
    return n
  end

  local KEY, DEPTH, BALANCE = "/fapi/v1/listenKey", "GET /fapi/v1/depth", "GET /fapi/v3/balance"
  local keys

  -- The bot, at an exchange that has other answers than the usual ones.
  local function start(answers)
    local routes = {
      ["POST " .. KEY] = function()
        keys = keys + 1
        return { json = { listenKey = "key" .. keys } }
      end,
      ["PUT " .. KEY] = { json = { listenKey = "key1" } },
      [DEPTH] = snapshot(100, "99.50", "100.00"),
      [BALANCE] = { json = { { asset = "USDT", balance = "122.60730000" } } },
    }
    for route, answer in pairs(answers or {}) do routes[route] = answer end
    keys, site = 0, testing.http(routes)
    bot = testing.bot("scripts/exchange.lua", { args = { "BTCUSDT" }, env = {
      EXCHANGE_KEY = "me", EXCHANGE_SECRET = "secret", EXCHANGE_REST = site.url, EXCHANGE_STREAM = exchange.url,
    } })
  end

  local function open()
    s = exchange:accept()
    assert.equal("/stream", s.request.path)
    assert.equal("streams=btcusdt@depth/key" .. keys, s.request.query)
  end

  -- Waits for these lines among others.
  local function says(...)
    for _, line in ipairs { ... } do
      testing.eventually(function() return bot.output:find(line .. "\n", 1, true) end)
    end
  end

  local first = "snapshot: bid 99.50 x 1.000, ask 100.00 x 2.000"

  local function start_with_a_book(answers)
    start(answers)
    open()
    says(first, "balance: 122.60730000 USDT")
  end

  -- The snapshot is held back until the function that this returns is called.
  local function slow(answer)
    local gate = host.future()
    return function()
      gate:wait()
      return answer
    end, function() gate:set() end
  end

  before_each(function()
    clock, exchange = testing.clock(), testing.server()
  end)

  describe("logs in:", function()
    it("signs what only it may ask for, and has its own events sent", function()
      start_with_a_book()
      local balance
      for _, request in ipairs(site.requests) do
        assert.equal("me", request.headers["X-MBX-APIKEY"])
        if request.path == "/fapi/v3/balance" then balance = request.query end
      end
      local signed, signature = balance:match "^(.*)&signature=(%x+)$"
      assert.equal(crypto.hex(crypto.hmac("sha256", "secret", signed)), signature)
      assert.equal(("recvWindow=5000&timestamp=%d"):format(host.time() * 1000 // 1), signed)
      tell("key1", { e = "ORDER_TRADE_UPDATE", E = 1, T = 1,
        o = { s = "BTCUSDT", c = "x", S = "BUY", q = "0.001", p = "99.5", X = "FILLED", i = 8886774212345678901 } })
      tell("key1", { e = "ACCOUNT_UPDATE", E = 1, T = 1,
        a = { m = "ORDER", B = { { a = "USDT", wb = "23.1", cw = "1" } }, P = json.array {} } })
      says("order 8886774212345678901: BUY 0.001 BTCUSDT at 99.5: FILLED", "balance: 23.1 USDT")
      assert.is_nil(bot.log:find "secret")
    end)

    it("renews its listen key every half an hour, and makes another when that is lost", function()
      local gone = { status = 400, json = { code = -1125, msg = "This listenKey does not exist." } }
      start_with_a_book { ["PUT " .. KEY] = { { json = { listenKey = "key1" } }, gone } }
      clock:advance(1801)
      assert.equal(1, asked("PUT " .. KEY))
      assert.equal("open", s.state)
      clock:advance(1800)
      says "the listen key is lost: connecting again"
      open()
      assert.equal(2, keys)
    end)

    it("makes another listen key when the exchange says that it has expired, and after each drop", function()
      start_with_a_book()
      tell("key1", { e = "listenKeyExpired", E = 1, listenKey = "key1" })
      testing.eventually(function() return s.state == "closed" end)
      open()
      assert.equal(2, keys)
      s:drop()
      clock:advance(1)
      open()
      assert.equal(3, keys)
    end)

    it("ends with 1 where the key is refused", function()
      start { ["POST " .. KEY] = { status = 401, json = { code = -2015, msg = "Invalid API-key, IP" } } }
      assert.equal(1, bot:wait())
      assert.matches("exchange: .*no listen key: /fapi/v1/listenKey: 401 Invalid API%-key", bot.log)
    end)
  end)

  it("ends with 1 where its stream is refused", function()
    exchange:answer { refuse = { status = 403 } }
    start()
    assert.equal(1, bot:wait())
    assert.matches("exchange: gave up: status 403", bot.log)
  end)

  describe("keeps the book right:", function()
    it("shows the best prices as they change", function()
      start_with_a_book()
      change(95, 96, 99, "bid", "500", "1") -- older than the snapshot
      change(99, 99, 101, "bid", "99.60", "3") -- began before it
      says "bid 99.60 x 3, ask 100.00 x 2.000"
      change(101, 105, 107, "ask", "100.00", "0.000")
      says "bid 99.60 x 3, ask 900.00 x 5"
      change(107, 108, 108, "bid", "9.7", "1") -- and not 9.7 over 99.60
      change(108, 109, 109, "bid", "0.5", "0") -- was not there
      change(109, 110, 110, "ask", "99.90", "1")
      says "bid 99.60 x 3, ask 99.90 x 1"
      assert.equal(1, asked(DEPTH))
    end)

    it("applies what came before the snapshot, as far as that is newer", function()
      local answer, release = slow(snapshot(100, "99.50", "100.00"))
      start { [DEPTH] = answer }
      open()
      change(90, 91, 95, "bid", "500", "1")
      change(95, 96, 101, "bid", "99.70", "4")
      change(101, 102, 103, "ask", "99.90", "6")
      s:ping()
      clock:advance(0)
      release()
      says "snapshot: bid 99.70 x 4, ask 99.90 x 6"
    end)

    it("asks again for a snapshot that is older than what came", function()
      local answer, release = slow(snapshot(100, "99.50", "100.00"))
      local turn = 0
      start { [DEPTH] = function()
        turn = turn + 1
        return turn == 1 and answer() or snapshot(104, "99.50", "100.00")
      end }
      open()
      change(102, 103, 105, "bid", "99.70", "4")
      s:ping()
      clock:advance(0)
      release()
      clock:advance(2)
      says "snapshot: bid 99.70 x 4, ask 100.00 x 2.000"
      assert.equal(2, asked(DEPTH))
    end)

    it("asks for a snapshot after a gap, and after the next one", function()
      start_with_a_book {
        [DEPTH] = { snapshot(100, "99.50", "100.00"), snapshot(110, "98", "102"), snapshot(120, "97", "103") },
      }
      change(99, 99, 101, "bid", "99.60", "3")
      change(105, 106, 109, "bid", "99.80", "3")
      says("gap: 105 comes before it, and we have 101", "snapshot: bid 98 x 1.000, ask 102 x 2.000")
      change(109, 110, 112, "bid", "99.90", "3")
      says "bid 99.90 x 3, ask 102 x 2.000"
      change(113, 114, 119, "bid", "99.80", "3")
      says("gap: 113 comes before it, and we have 112", "snapshot: bid 97 x 1.000, ask 103 x 2.000")
    end)

    it("trusts no book of before a drop", function()
      start_with_a_book { [DEPTH] = { snapshot(100, "99.50", "100.00"), snapshot(200, "90", "91") } }
      s:drop()
      clock:advance(1)
      open()
      says "snapshot: bid 90 x 1.000, ask 91 x 2.000"
    end)
  end)

  describe("where it is too much", function()
    it("asks for nothing before it may, and then goes on", function()
      local limit = { status = 429, headers = { ["Retry-After"] = 30 }, json = { code = -1003, msg = "Too many" } }
      start { [DEPTH] = { limit, snapshot(100, "99.50", "100.00") } }
      open()
      clock:advance(29)
      assert.equal(1, asked(DEPTH))
      local before = #site.requests
      s:drop()
      clock:advance(0.5)
      assert.equal(before, #site.requests)
      clock:advance(31)
      says(first)
    end)

    it("waits as long after a ban (418)", function()
      local ban = { status = 418, headers = { ["Retry-After"] = 120 } }
      start { ["POST " .. KEY] = { ban, { json = { listenKey = "key0" } } } }
      clock:advance(119)
      assert.equal(1, #site.requests)
      clock:advance(40)
      open()
    end)
  end)

  describe("over a reload", function()
    it("keeps connection and book", function()
      start_with_a_book()
      change(99, 99, 101, "bid", "99.60", "3")
      says "bid 99.60 x 3, ask 100.00 x 2.000"
      assert.is_true(bot:reload())
      says "new code, same book: bid 99.60 x 3, ask 100.00 x 2.000"
      change(101, 102, 103, "bid", "99.70", "3")
      says "bid 99.70 x 3, ask 100.00 x 2.000"
      assert.equal(1, asked(DEPTH))
      assert.equal(1, keys)
      change(105, 106, 107, "bid", "99.80", "3")
      says "gap: 105 comes before it, and we have 103"
    end)

    it("asks anew for a snapshot that it was waiting for, and keeps what had come", function()
      local answer, release = slow(snapshot(100, "1", "2"))
      local turn = 0
      start { [DEPTH] = function()
        turn = turn + 1
        return turn == 1 and answer() or snapshot(100, "99.50", "100.00")
      end }
      open()
      change(95, 96, 101, "bid", "99.70", "4")
      s:ping()
      clock:advance(0)
      assert.is_true(bot:reload())
      says("new code, same book: bid none, ask none", "snapshot: bid 99.70 x 4, ask 100.00 x 2.000")
      release()
    end)
  end)

  it("says what it needs", function()
    for _, missing in ipairs { "EXCHANGE_KEY", "EXCHANGE_SECRET" } do
      local env = { EXCHANGE_KEY = "me", EXCHANGE_SECRET = "secret" }
      env[missing] = false
      bot = testing.bot("scripts/exchange.lua", { args = { "BTCUSDT" }, env = env })
      assert.equal(2, bot:wait())
      assert.matches("usage: EXCHANGE_KEY=", bot.log)
    end
  end)
end)
