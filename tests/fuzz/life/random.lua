-- random: choices that a seed repeats. Each stream has a name ("feed on_message 3"), and what it gives depends on the
-- seed and that name alone: whatever comes first on one day and second on another, each of them chooses as before.
local random = {}
random.__index = random

-- FNV-1a, 64 bits.
local function hash(text, from)
  local h = from
  for i = 1, #text do
    h = (h ~ text:byte(i)) * 0x100000001b3
  end
  return h
end

function random.stream(seed, name)
  return setmetatable({ state = hash(name, hash(tostring(seed), 0xcbf29ce484222325)), name = name }, random)
end

-- 64 random bits (splitmix64).
function random:bits()
  self.state = self.state + 0x9e3779b97f4a7c15
  local z = self.state
  z = (z ~ z >> 30) * 0xbf58476d1ce4e5b9
  z = (z ~ z >> 27) * 0x94d049bb133111eb
  return z ~ z >> 31
end

-- A whole number, low to high.
function random:number(low, high)
  return low + (self:bits() >> 1) % (high - low + 1)
end

-- True in `percent` of 100.
function random:chance(percent)
  return self:number(1, 100) <= percent
end

-- One of a list, or nil where it is empty.
function random:one(list)
  return #list > 0 and list[self:number(1, #list)] or nil
end

-- Seconds, 0 to `most`; often nearly none.
function random:seconds(most)
  local share = self:number(0, 1000) / 1000
  return most * share * share * share
end

-- A list of { weight, value }: the value of one of them.
function random:weighed(list)
  local total = 0
  for _, entry in ipairs(list) do
    total = total + entry[1]
  end
  local at = self:number(1, total)
  for _, entry in ipairs(list) do
    at = at - entry[1]
    if at <= 0 then return entry[2] end
  end
end

-- Any bytes.
function random:bytes(n)
  local words = {}
  for i = 1, (n + 7) // 8 do
    words[i] = ("<i8"):pack(self:bits())
  end
  return table.concat(words):sub(1, n)
end

return random
