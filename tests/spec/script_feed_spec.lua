-- script_feed: scripts/feed.lua against a scripted exchange: the book stays right over gaps, drops, silence and late
-- snapshots, and a refused login is not tried again.
local cjson = require "cjson"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local function feed(exchange, env, ...)
  return program.run({ "run", "scripts/feed.lua", exchange.url, "BTC-EUR", ... }, { env = env or {} })
end

local function tell(s, message)
  s:text(cjson.encode(message))
end

local function asked(s, op)
  assert.same({ op = op, market = "BTC-EUR" }, cjson.decode(s:expect_text().payload))
end

-- The next connection, up to the two questions that a bot begins with.
local function open(exchange, p)
  local s = exchange:open()
  p:tells "connected"
  asked(s, "subscribe")
  asked(s, "snapshot")
  return s
end

local function snapshot(s, seq, bid, ask)
  local bids, asks = { { bid, 1 }, { bid - 1, 5 } }, { { ask, 2 }, { ask + 1, 5 } }
  tell(s, { type = "snapshot", seq = seq, bids = bids, asks = asks })
end

local function change(s, seq, side, price, size)
  tell(s, { type = "change", seq = seq, [side] = { { price, size } } })
end

describe("scripts/feed.lua", function()
  it("shows the best prices as they change", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    assert.is_nil(s.request.headers.authorization)
    snapshot(s, 7, 100, 101)
    p:tells("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
    change(s, 8, "bids", 100.5, 3)
    p:tells "bid 100.50 x 3, ask 101.00 x 2"
    change(s, 9, "asks", 103, 9) -- not the best
    tell(s, { type = "heartbeat", seq = 9 })
    tell(s, { type = "weather", rain = true }) -- not known
    change(s, 10, "asks", 101, 0)
    p:tells "bid 100.50 x 3, ask 102.00 x 5"
    tell(s, { type = "change", seq = 11, bids = { { 100.5, 0 }, { 100, 0 }, { 99, 0 } }, asks = {} })
    p:tells "bid none, ask 102.00 x 5"
    p:kill "sigint"
    assert.equal(1001, (s:answer_close()))
    p:tells "closed: 1001 "
    p:ends(0)
  end))

  it("applies what came before the snapshot, as far as that is newer", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    change(s, 6, "bids", 500, 1) -- older: in the snapshot already, or gone by then
    change(s, 7, "bids", 501, 1)
    change(s, 8, "bids", 100.1, 4)
    snapshot(s, 7, 100, 101)
    p:tells("snapshot 7, 3 changes were waiting", "bid 100.10 x 4, ask 101.00 x 2")
  end))

  it("asks for a snapshot after a gap", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    snapshot(s, 7, 100, 101)
    p:tells("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
    change(s, 9, "bids", 100.5, 1)
    p:tells "gap: 9 came after 7"
    asked(s, "snapshot")
    change(s, 10, "asks", 100.9, 6)
    snapshot(s, 8, 100.2, 101)
    p:tells("snapshot 8, 2 changes were waiting", "bid 100.50 x 1, ask 100.90 x 6")
    change(s, 9, "bids", 200, 1) -- twice is once
    change(s, 11, "bids", 100.6, 1)
    p:tells "bid 100.60 x 1, ask 100.90 x 6"
  end))

  it("asks again for a snapshot that is too old, or when one more change is lost meanwhile", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    change(s, 9, "bids", 100.1, 1)
    change(s, 10, "bids", 100.2, 1)
    snapshot(s, 7, 1, 2)
    p:tells("snapshot 7, 2 changes were waiting", "gap: 9 came after 7")
    asked(s, "snapshot")
    change(s, 12, "bids", 100.4, 1)
    snapshot(s, 8, 1, 2)
    p:tells("snapshot 8, 3 changes were waiting", "gap: 12 came after 10")
    asked(s, "snapshot")
    snapshot(s, 11, 100, 101)
    p:tells("snapshot 11, 1 changes were waiting", "bid 100.40 x 1, ask 101.00 x 2")
  end))

  it("hears from a heartbeat that the latest change is missing", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    snapshot(s, 7, 100, 101)
    p:tells("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
    tell(s, { type = "heartbeat", seq = 8 })
    p:tells "gap: the latest is 8, we are at 7"
    asked(s, "snapshot")
  end))

  it("begins anew after a drop, with a fresh token", story.of(function()
    local exchange = peer.listen()
    local token = place.file("token", "first\n")
    local p = feed(exchange, nil, token)
    local s = open(exchange, p)
    assert.same({ "Bearer first" }, s.request.headers.authorization)
    snapshot(s, 7, 100, 101)
    p:tells("snapshot 7, 0 changes were waiting", "bid 100.00 x 1, ask 101.00 x 2")
    place.file(token, "second\n")
    s:reset()
    p:complains "feed: reset: "
    p:tells "closed: 1006 "
    s = open(exchange, p)
    assert.same({ "Bearer second" }, s.request.headers.authorization)
    change(s, 41, "bids", 90, 1)
    snapshot(s, 40, 80, 120)
    p:tells("snapshot 40, 1 changes were waiting", "bid 90.00 x 1, ask 120.00 x 2")
  end))

  it("connects again when nothing comes, and goes on as before", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange, { FEED_SILENCE = "1" })
    local s = open(exchange, p)
    p:tells "no news: connecting again"
    assert.equal(1000, (s:answer_close()))
    p:tells "closed: 1000 "
    s = open(exchange, p)
    s:reset() -- the script's own close is forgotten: this one is mended by itself
    p:tells "closed: 1006 "
    open(exchange, p)
  end))

  it("counts changes without a snapshot as silence", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange, { FEED_SILENCE = "0.4" })
    local s = open(exchange, p)
    change(s, 1, "bids", 1, 1)
    change(s, 2, "bids", 1, 1)
    p:tells "no news: connecting again"
    s:answer_close()
    p:tells "closed: 1000 "
    open(exchange, p)
  end))

  it("gives up where its login is refused", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange, nil, place.file("token", "expired\n"))
    local s = exchange:accept()
    s:upgrade { status = "HTTP/1.1 401 Unauthorized", lines = { "Content-Length: 0" } }
    p:tells "closed: 1006 "
    p:ends(1)
    assert.truthy(p.err:find("feed: handshake: .*401"), p.err)
    assert.truthy(p.err:find("feed: gave up: status 401", 1, true), p.err)
    assert.equal(1, exchange.count)
  end))

  it("gives up where there is no such market", story.of(function()
    local exchange = peer.listen()
    local p = feed(exchange)
    local s = open(exchange, p)
    s:finish(4003, "no such market")
    p:tells "closed: 4003 no such market"
    p:ends(1)
    assert.truthy(p.err:find("feed: gave up: close code 4003", 1, true), p.err)
  end))

  it("tells how it is used", story.of(function()
    local p = program.run { "run", "scripts/feed.lua" }
    p:ends(2)
    assert.truthy(p.err:find("usage: wsbot scripts/feed.lua URL MARKET", 1, true), p.err)
  end))
end)
