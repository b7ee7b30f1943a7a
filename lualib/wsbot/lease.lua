-- wsbot.lease: one holder at a time among many programs, by etcd. wsbot.lease.place has what is asked of etcd; here is
-- what a script has of it: to wait for the lease, to keep it, and to hear in time that it is lost.
local etcd = require "wsbot.etcd"
local given = require "wsbot.http.options"
local guard = require "wsbot.guard"
local host = require "host"
local place = require "wsbot.lease.place"

local LEAST_TTL, MOST_TTL, USUAL_TTL = 2, 86400, 10 -- seconds
local FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5           -- between two tries while etcd is away
local LOOK_AGAIN = 10 -- seconds, and as many as the ttl, after which a watch is not relied on any more

local module = {}

-- The places of this generation, by key, as host.state hands them on; what each is for, and those of the last
-- generation that nobody has asked for yet.
local places = host.state "wsbot.lease"
local in_use, inherited = {}, {}
local stopping = false

------------------------------------------------------------------------------------------------------------ the options

local function a_ttl(value, name)
  local n = type(value) == "number" and math.tointeger(value)
  if not n or n < LEAST_TTL or n > MOST_TTL then
    given.wrong("%s must be whole seconds from %d to %d, not %s", name, LEAST_TTL, MOST_TTL, tostring(value))
  end
  return n
end

local known = {
  etcd = etcd.read_endpoints, tls = etcd.read_tls, name = given.a_name, ttl = a_ttl, on_lost = given.a_function,
}

local function read(options)
  if type(options) ~= "table" then
    given.wrong("expected a table { etcd = ..., name = ..., ttl = ... }, not %s", type(options))
  end
  local values = given.read(options, known, "")
  if not values.etcd then given.wrong "etcd is missing: the url of an etcd, or a list of them" end
  if not values.name then given.wrong "name is missing" end
  values.ttl = values.ttl or USUAL_TTL
  return values
end

------------------------------------------------------------------------------------------------------------------ waits

-- A pause before the next try: longer each time, and no two programs the same.
local function pause_after(tries)
  return math.min(FIRST_PAUSE * 2 ^ tries, LONGEST_PAUSE) * (0.5 + math.random() / 2)
end

local function forget(p)
  places[p.key], in_use[p.key] = nil, nil
end

-- Gives a place up, in a task of its own, as often as it takes, until etcd has ended it by itself.
local function abandon(client, p)
  forget(p)
  host.spawn(function()
    local tries = 0
    while guard.now() < p.sent + 2 * p.ttl and not place.leave(client, p) do
      host.sleep(pause_after(tries))
      tries = tries + 1
    end
  end)
end

---------------------------------------------------------------------------------------------------------- kept in place

-- Renews a place until its lease is over, or the task that does this is cancelled. `renewed` and `over` are called.
local function keep(client, p, renewed, over)
  local tries = 0
  while true do
    local due = p.sent + p.ttl / 3
    host.sleep(tries == 0 and math.max(due - guard.now(), 0) or math.min(pause_after(tries), p.ttl / 6))
    local ok, word, message = place.renew(client, p)
    if ok then
      tries = 0
      renewed()
    elseif word == "gone" or word == "refused" then
      return over(message)
    else
      tries = tries + 1
      p.trouble = message
    end
  end
end

-------------------------------------------------------------------------------------------------------------- the lease

local lease = { __name = "lease" }
lease.__index = lease

function lease:__tostring()
  return ("lease: %s (%s)"):format(given.shown(self.name), self:held() and "held" or "not held")
end

---Is it certainly ours, by our own clock?
function lease:held()
  return not self.ended and guard.now() < place.ends(self.place)
end

-- Nothing is renewed any more, and nobody is told.
local function stop(self, how)
  self.ended = how
  self.guard:cancel()
  if self.keeper then self.keeper:cancel() end
end

-- It may be another's soon, or is.
local function lose(self, why)
  if self.ended then return end
  stop(self, "lost")
  abandon(self.client, self.place)
  if self.on_lost then self.on_lost(self, why) end
end

local function silence(p)
  local trouble = p.trouble and ": " .. p.trouble or ""
  return ("etcd did not renew it within %.3g s%s"):format(guard.now() - p.sent, trouble)
end

---Gives it to the next one: true; or nil, word, message: then the next one has it when the ttl has passed. Once.
function lease:release()
  if self.ended then return true end
  stop(self, "released")
  forget(self.place)
  return place.leave(self.client, self.place)
end

-- Also where the task has been cancelled, and cannot wait.
function lease:__close()
  if self.ended then return end
  stop(self, "released")
  abandon(self.client, self.place)
end

-- A place at the head of the queue, as what a script holds.
local function new(client, p, options)
  local self = setmetatable({ name = p.name, token = p.revision, client = client, place = p }, lease)
  self.on_lost = options.on_lost
  self.guard = guard.new(function() lose(self, silence(p)) end)
  self.guard:set(place.ends(p))
  p.held, in_use[p.key] = true, self
  self.keeper = host.spawn(function()
    local _ <close> = setmetatable({}, { __close = function() self.guard:cancel() end })
    keep(client, p, function() self.guard:set(place.ends(p)) end, function(why)
      self.keeper = nil
      lose(self, why)
    end)
  end)
  return self
end

----------------------------------------------------------------------------------------------------------- the election

-- A place of the last generation for this, the one that holds before those that wait; or nil.
local function inherit(name, where)
  local best
  for key, p in pairs(inherited) do
    local fits = p.name == name and p.where == where and guard.now() < place.ends(p)
    if fits and (not best or p.revision < best.revision) then best = inherited[key] end
  end
  if best then inherited[best.key] = nil end
  return best
end

-- Tells once that etcd is away, and once that it is back.
local function tell(contest, word, message)
  if word and not contest.told then
    host.log.warn(("lease '%s': waiting for etcd: %s: %s"):format(contest.name, word, message))
  elseif not word and contest.told then
    host.log.info(("lease '%s': etcd is back"):format(contest.name))
  end
  contest.told = word
end

-- Waits until nobody is before this place: true; or nil, word, message.
local function wait_for_head(contest, p)
  local before, revision, why = place.look(contest.client, p)
  if not before then return nil, revision, why end
  tell(contest)
  if before == true then return true end
  local ok, word, message = contest.client:wait_deleted(before, revision + 1, LOOK_AGAIN + p.ttl * math.random(),
    place.patience(p.ttl))
  if ok or word == "timeout" then return wait_for_head(contest, p) end
  return nil, word, message
end

-- Its place in the queue is kept while it waits.
local function stand(contest, p)
  places[p.key], in_use[p.key] = p, contest
  contest.place = p
  contest.keeper = host.spawn(keep, contest.client, p, function() end, function() end)
end

-- It is renewed by others from now on, or by nobody: returns it, where there is one.
local function leave(contest)
  local p = contest.place
  if contest.keeper then contest.keeper:cancel() end
  contest.place, contest.keeper = nil, nil
  return p
end

local function give_up(contest)
  local p = leave(contest)
  if p then abandon(contest.client, p) end
end

local contest_meta = { __close = function(contest)
  pcall(give_up, contest) -- a generation that has ended begins nothing: the next one may have this place
end }

-- Tries to get to the head of the queue: its place; or nil, word, message: "gone" where it has lost that.
local function try(contest)
  if not contest.place then
    contest.place = place.new(contest.name, contest.where, contest.ttl)
    local ok, word, message = place.take(contest.client, contest.place)
    if not ok then
      give_up(contest) -- an answer may have been lost
      return nil, word, message
    end
    stand(contest, contest.place)
  end
  local p = contest.place
  local ok, word, message = wait_for_head(contest, p)
  if ok and guard.now() < place.ends(p) then return leave(contest) end
  if ok or word == "gone" then give_up(contest) end
  return nil, ok and "gone" or word, message
end

-- Waits until it has the lease: its place; or nil, word, message where no waiting helps.
local function win(client, options, where, p)
  local contest <close> = setmetatable(
    { client = client, name = options.name, ttl = options.ttl, where = where }, contest_meta)
  local tries = 0
  if p then stand(contest, p) end
  while true do
    local word, message
    p, word, message = try(contest)
    if p or word == "refused" then return p, word, message end
    if word ~= "gone" then tell(contest, word, message) end
    if stopping then host.future():wait() end
    host.sleep(pause_after(tries))
    tries = word == "gone" and 0 or tries + 1
  end
end

----------------------------------------------------------------------------------------------------- stops and reloads

-- Behind what else the script has for its end: it holds the lease as long as that runs.
local function release_all()
  local ending = {}
  stopping = true
  for _, one in pairs(in_use) do
    ending[#ending + 1] = host.spawn(function()
      if one.release then return one:release() end
      local p = leave(one)
      if p then place.leave(one.client, p) end
    end)
  end
  for _, task in ipairs(ending) do task:join() end
end

local listens = false
local function listen_for_stop()
  if listens then return end
  listens = true
  host.on_stop(function() host.on_stop(release_all) end)
end

-- Which etcd it is, without what is secret.
local function where_of(endpoints)
  local urls = {}
  for i, endpoint in ipairs(endpoints) do urls[i] = endpoint.url end
  return table.concat(urls, " ")
end

-- What the last generation had, and this one has not asked for soon after the reload, is given up.
local function take_over()
  local shortest = math.huge
  for key, p in pairs(places) do
    inherited[key] = p
    shortest = math.min(shortest, p.ttl)
  end
  if not next(inherited) then return end
  host.spawn(function()
    host.sleep(shortest / 3)
    for _, p in pairs(inherited) do
      local endpoints = {}
      for url in p.where:gmatch "%S+" do endpoints[#endpoints + 1] = { url = url } end
      abandon(etcd.new { endpoints = endpoints }, p)
    end
    inherited = {}
  end)
end
take_over()

---Waits until the lease is held.
function module.hold(options)
  local ok, read_ones = given.try(read, options)
  if not ok then error("lease.hold: " .. read_ones, 2) end
  local client = etcd.new { endpoints = read_ones.etcd, tls = read_ones.tls }
  local where = where_of(read_ones.etcd)
  listen_for_stop()
  local p = inherit(read_ones.name, where)
  if p and p.held then return new(client, p, read_ones) end
  local word, message
  p, word, message = win(client, read_ones, where, p)
  if not p then return nil, word, message end
  return new(client, p, read_ones)
end

return module
