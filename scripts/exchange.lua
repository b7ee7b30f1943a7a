-- exchange: the order book of a market, and our own balance and orders, at Binance's futures (USD-M).
--
--     EXCHANGE_KEY=... EXCHANGE_SECRET=... wsbot scripts/exchange.lua BTCUSDT
--
-- EXCHANGE_REST and EXCHANGE_STREAM name other servers than the real ones, those of the test net, say.
--
-- One idea: a book is a snapshot, asked for by REST, and the changes that the connection brings (exchange/book.lua,
-- beside this script). As each names the one before it, a gap is seen at once, and the snapshot is asked for again.
-- Book and connection outlive a reload.
-- The protocol: https://developers.binance.com/docs/derivatives/usds-margined-futures

local books = require "exchange.book"
local crypto = require "wsbot.crypto"
local http = require "wsbot.http"
local json = require "wsbot.json"

local market, key, secret = arg[1], os.getenv "EXCHANGE_KEY", os.getenv "EXCHANGE_SECRET"
if not market or not key or not secret then
  io.stderr:write("usage: EXCHANGE_KEY=... EXCHANGE_SECRET=... wsbot scripts/exchange.lua MARKET\n")
  os.exit(2)
end
local rest = os.getenv "EXCHANGE_REST" or "https://fapi.binance.com"
local stream = os.getenv "EXCHANGE_STREAM" or "wss://fstream.binance.com"

local function complain(...)
  io.stderr:write("exchange: ", table.concat({ ... }, ": "), "\n")
end

------------------------------------------------------------------------------------------------------------------- REST

local busy = host.state("busy", { until_then = 0 }) -- before that time the exchange wants to hear nothing from us

-- What only we may ask for: the secret signs the query, and its time, which soon makes it worthless to others.
local function signed()
  local query = ("recvWindow=5000&timestamp=%d"):format(host.time() * 1000 // 1)
  return query .. "&signature=" .. crypto.hex(crypto.hmac("sha256", secret, query))
end

-- The answer, or nil and why there is none. `query` is called for each try.
local function ask(method, path, query)
  host.sleep(math.max(0, busy.until_then - host.time()))
  local url = rest .. path .. (query and "?" .. query() or "")
  local response, word, message = http.request { method = method, url = url, headers = { ["X-MBX-APIKEY"] = key } }
  if not response then return nil, word .. ": " .. message end
  local body = response:json()
  if response.ok then return body end
  if response.status == 429 or response.status == 418 then -- too much; 418 is for those who did not stop at 429
    busy.until_then = host.time() + (tonumber(response.headers["Retry-After"]) or 60)
    return ask(method, path, query)
  end
  if response.status == 401 then host.stop(1) end -- the key is no good, and will not be
  return nil, ("%s: %d %s"):format(path, response.status, body and body.msg or response.reason)
end

local function show_balance()
  local assets, why = ask("GET", "/fapi/v3/balance", signed)
  if not assets then return complain(why) end
  for _, asset in ipairs(assets) do print(("balance: %s %s"):format(asset.balance, asset.asset)) end
end

--------------------------------------------------------------------------------------------------------- the connection

-- Where our own events come is a secret that the exchange makes; it is good for an hour, and for another each time.
local function address()
  local answer, why = ask("POST", "/fapi/v1/listenKey")
  if not answer then error("no listen key: " .. why, 0) end
  return ("%s/stream?streams=%s@depth/%s"):format(stream, market:lower(), answer.listenKey)
end

local conn = ws.connect { name = "exchange", url = address, reconnect = { min = 0.5, max = 30 } }

host.every(1800, function()
  if conn.state ~= "open" or ask("PUT", "/fapi/v1/listenKey") then return end
  print "the listen key is lost: connecting again"
  conn:reconnect()
end, "renew")

--------------------------------------------------------------------------------------------------------------- the book

local book = host.state("book", books.new())
local syncing -- the task that asks for a snapshot

local function snapshot_query()
  return ("symbol=%s&limit=1000"):format(market)
end

local function synchronize()
  for pause = 0, math.huge do
    host.sleep(math.min(pause, 30))
    local snapshot, why = ask("GET", "/fapi/v1/depth", snapshot_query)
    if not snapshot then complain(why) end
    if snapshot and books.begin(book, snapshot) then break end
  end
  syncing = nil
  print(("snapshot: %s"):format(books.show(book)))
end

local function resync(change)
  books.distrust(book, change)
  syncing = syncing or host.spawn(synchronize)
end

------------------------------------------------------------------------------------------------------------- what comes

local handle = {}

function handle.depthUpdate(change)
  if not books.change(book, change) then
    print(("gap: %d comes before it, and we have %d"):format(change.pu, book.last))
    resync(change)
  elseif book.last then
    print(books.show(book))
  end
end

function handle.ORDER_TRADE_UPDATE(event)
  local order = event.o
  print(("order %d: %s %s %s at %s: %s"):format(order.i, order.S, order.q, order.s, order.p, order.X))
end

function handle.ACCOUNT_UPDATE(event)
  for _, asset in ipairs(event.a.B) do print(("balance: %s %s"):format(asset.wb, asset.a)) end
end

function handle.listenKeyExpired()
  conn:reconnect()
end

function conn.on_message(_, text)
  local event = json.decode(text).data
  local handler = event and handle[event.e]
  if handler then handler(event) end
end

function conn.on_websocket_connect()
  resync()
  host.spawn(show_balance)
end

function conn.on_adopt()
  print(("new code, same book: %s"):format(books.show(book)))
  if not book.last then syncing = host.spawn(synchronize) end
end

function conn.on_error(_, code, message) complain(code, message) end
function conn.on_give_up(_, why)
  complain("gave up", why)
  host.stop(1)
end
function conn.on_close(_, code, reason) print(("closed: %d %s"):format(code, reason)) end
