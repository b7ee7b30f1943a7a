-- exchange.book: an order book that is a snapshot and the changes since. It knows of no connection, and is plain data,
-- so that it may lie in host.state.
--
-- A change has u, the number of its last update, and pu, that of the change before it; a size of 0 takes a price away.
local book = {}

local MOST = 10000 -- changes that wait for a snapshot; of more the older ones are of no use

-- last: the number of the latest change in it, nil while it cannot be trusted; fresh: none was applied since the
-- snapshot; waiting: the changes that came before that.
function book.new()
  return { bids = {}, asks = {}, waiting = {} }
end

-- From here on it is not trusted, until a snapshot comes. `change`, if any, is newer than what was lost.
function book.distrust(self, change)
  self.last, self.waiting = nil, { change }
end

local function apply(side, levels)
  for _, level in ipairs(levels) do
    side[level[1]] = tonumber(level[2]) > 0 and level[2] or nil
  end
end

-- Does the change come right after what is there? The first one after a snapshot may have begun before it.
local function fits(self, change)
  return change.pu == self.last or (self.fresh and change.pu < self.last)
end

-- Applies a change, or keeps it for the snapshot. False: one before it is missing.
function book.change(self, change)
  if not self.last then
    if #self.waiting == MOST then self.waiting = {} end
    table.insert(self.waiting, change)
    return true
  end
  if self.fresh and change.u < self.last then return true end -- the snapshot has it already
  if not fits(self, change) then return false end
  apply(self.bids, change.b)
  apply(self.asks, change.a)
  self.last, self.fresh = change.u, false
  return true
end

-- Begins anew with a snapshot and what waited for it. False: another one is needed, as a change is missing in between.
function book.begin(self, snapshot)
  local waiting = self.waiting
  self.bids, self.asks, self.waiting = {}, {}, {}
  self.last, self.fresh = snapshot.lastUpdateId, true
  apply(self.bids, snapshot.bids)
  apply(self.asks, snapshot.asks)
  for i, change in ipairs(waiting) do
    if not book.change(self, change) then
      self.last, self.waiting = nil, table.move(waiting, i, #waiting, 1, {})
      return false
    end
  end
  return true
end

local function best(side, sign)
  local price, value
  for text in pairs(side) do
    local number = sign * tonumber(text)
    if not value or number > value then price, value = text, number end
  end
  return price and price .. " x " .. side[price] or "none"
end

-- The best prices and their sizes, for people: "bid 99.5 x 2, ask 100 x 1".
function book.show(self)
  return ("bid %s, ask %s"):format(best(self.bids, 1), best(self.asks, -1))
end

return book
