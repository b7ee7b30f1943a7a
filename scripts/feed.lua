-- feed: a bot that keeps the order book of a market, and never trusts a book that may be wrong.
--
--     wsbot scripts/feed.lua URL MARKET [TOKEN_FILE]
--
-- One idea: a new connection is a gap like any other. Whether messages were lost on the way or while we were away, the
-- cure is the same: ask for a snapshot, keep the changes that come meanwhile, apply those that are newer.
--
-- What the exchange sends, in JSON (sizes are what is there now; 0: nothing any more):
--     {"type":"snapshot", "seq":7, "bids":[[price,size],...], "asks":[[price,size],...]}
--     {"type":"change",   "seq":8, "bids":[[price,size],...], "asks":[[price,size],...]}
--     {"type":"heartbeat","seq":8}                                  the seq of the latest change

local json = require "wsbot.json"

local url, market, token_file = arg[1], arg[2], arg[3]
if not market then
  io.stderr:write("usage: wsbot scripts/feed.lua URL MARKET [TOKEN_FILE]\n")
  os.exit(2)
end
local silence = tonumber(os.getenv "FEED_SILENCE") or 30 -- seconds without news, after which the feed counts as stuck

-- Tokens expire, so this one is read for every attempt: another program keeps the file fresh.
local function headers()
  if not token_file then return {} end
  local file <close> = assert(io.open(token_file, "r"))
  return { Authorization = "Bearer " .. file:read "l" }
end

local conn = ws.connect {
  url = url,
  headers = headers,
  ping_interval = 20,
  close_timeout = 2, -- a peer that is stuck will not answer our Close either
  reconnect = { min = 0.5, max = 30, fatal = { 4003 } }, -- 4003: this exchange's "no such market"
}

--------------------------------------------------------------------------------------------------------------- the book

local book -- { seq, bids, asks: size by price }, or nil while there is none that can be trusted
local waiting = {} -- the changes that came meanwhile
local fresh = host.now() -- when the book was last known to be right

local function apply(sides, from)
  for _, side in ipairs { "bids", "asks" } do
    for _, level in ipairs(from[side] or {}) do
      local price, size = level[1], level[2]
      sides[side][price] = size > 0 and size or nil
    end
  end
end

local function best(side, is_better)
  local price
  for p in pairs(side) do
    if not price or is_better(p, price) then price = p end
  end
  return price and ("%.2f x %g"):format(price, side[price]) or "none"
end

local shown
local function show()
  local line = ("bid %s, ask %s"):format(
    best(book.bids, function(a, b) return a > b end),
    best(book.asks, function(a, b) return a < b end))
  if line ~= shown then print(line) end
  shown = line
end

local function say(message)
  conn:send(json.encode(message))
end

-- From here on the book is not trusted. `change`, if any, is newer than what was lost.
local function resync(change)
  book = nil
  waiting = { change }
  say { op = "snapshot", market = market }
end

------------------------------------------------------------------------------------------------ what the exchange sends

local handle = {}

function handle.change(change)
  if not book then
    waiting[#waiting + 1] = change
  elseif change.seq == book.seq + 1 then
    apply(book, change)
    book.seq = change.seq
  elseif change.seq > book.seq then
    print(("gap: %d came after %d"):format(change.seq, book.seq))
    resync(change)
  end -- else the snapshot had it already
end

function handle.snapshot(snapshot)
  book = { seq = snapshot.seq, bids = {}, asks = {} }
  apply(book, snapshot)
  print(("snapshot %d, %d changes were waiting"):format(snapshot.seq, #waiting))
  local changes = waiting
  waiting = {}
  for _, change in ipairs(changes) do
    handle.change(change) -- which may find the next gap
  end
end

function handle.heartbeat(beat)
  if book and beat.seq > book.seq then
    print(("gap: the latest is %d, we are at %d"):format(beat.seq, book.seq))
    resync()
  end
end

function conn.on_message(_, data)
  local message = json.decode(data)
  local handler = handle[message.type]
  if handler then handler(message) end
  if book then
    fresh = host.now()
    show()
  end
end

--------------------------------------------------------------------------------------------------------- the connection

function conn.on_websocket_connect()
  print("connected")
  fresh = host.now()
  say { op = "subscribe", market = market }
  resync()
end

-- After a reload the connection is open and subscribed still, but the book was the old code's.
function conn.on_adopt(self)
  if self.state == "open" then resync() end
end

-- A link may be up and yet nothing comes, or no snapshot: then a new connection is the cure.
host.every(silence / 4, function()
  if conn.state ~= "open" or host.now() - fresh < silence then return end
  print("no news: connecting again")
  conn:reconnect()
end)

function conn.on_error(_, code, message)
  host.log.warn(code .. ": " .. message)
end

function conn.on_close(_, code, reason)
  book = nil
  print(("closed: %d %s"):format(code, reason))
end

function conn.on_give_up(_, why)
  host.log.error("gave up: " .. why)
  host.stop(1)
end
