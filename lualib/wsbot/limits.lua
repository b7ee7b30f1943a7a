-- wsbot.limits: limiters that many programs share; host.limiter { scope = ... } is made here.
--
-- By etcd, a limiter is n keys, its slots. Who takes creates a free one with a lease of its own, in one transaction,
-- and ends that lease `per` seconds later: so no more than n are there in any such span. The lease is longer than
-- that, and is for one who is killed meanwhile: etcd then ends it.
local etcd = require "wsbot.etcd"
local given = require "wsbot.http.options"
local guard = require "wsbot.guard"
local host = require "host"
local pool = require "wsbot.limits.pool"

local PREFIX = "wsbot/limit/"
local SPARE = 2       -- seconds that a lease is longer than it has to be: between its begin and that of the slot
local LOOK_AGAIN = 10 -- seconds after which a watch is not relied on any more
local MOST = 1000     -- slots
local MOST_AT_ONCE = 128 -- slots; etcd's --max-txn-ops, as it is if nobody changes it
local FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5
local TOGETHER = 0.05 -- seconds in which all who have heard of a free slot ask for it

local limits = {}

------------------------------------------------------------------------------------------------------------ the options

local function a_span(value, name)
  if given.seconds(value, name) > 86400 then given.wrong("%s must be 86400 seconds at most", name) end
  return value
end

local known = {
  etcd = etcd.read_endpoints, tls = etcd.read_tls, name = given.a_name, n = given.whole(1, MOST), per = a_span,
}

local function need(values, ...)
  for _, name in ipairs { ... } do
    if values[name] == nil then given.wrong("%s is missing", name) end
  end
  return values
end

--------------------------------------------------------------------------------------------------------- taking by etcd

local limiter = { __name = "limits.etcd" }
limiter.__index = limiter

function limiter:__tostring()
  return ("limits.etcd: %s (%d in %g s)"):format(given.shown(self.name), self.n, self.per)
end

local function free_of(self, keys)
  local taken, free = {}, {}
  for _, one in ipairs(keys) do taken[one.key] = true end
  for i = 0, self.n - 1 do
    local key = self.prefix .. i
    if not taken[key] then free[#free + 1] = key end
  end
  return free
end

-- So many of these, at random: others may choose at the same time.
local function choose(keys, count)
  for i = 1, count do
    local other = math.random(i, #keys)
    keys[i], keys[other] = keys[other], keys[i]
  end
  return table.move(keys, 1, count, 1, {})
end

local function range_of(self)
  return { request_range = { key = self.prefix, range_end = self.client.behind(self.prefix), keys_only = true } }
end

-- The slots that are free, and the revision at which that was so; or nil, word, message. Those for whom there is no
-- room write nothing to etcd.
local function look(self)
  local ok, revision, ranges = self.client:txn { success = { range_of(self) } }
  if ok == nil then return nil, revision, ranges end
  return free_of(self, ranges[1] or {}), revision
end

-- Tries to create these slots: true where it did; false, the slots that there are, and the revision at which that was
-- so; or nil, word, message.
local function create(self, lease, keys)
  local puts = {}
  for i, key in ipairs(keys) do puts[i] = { request_put = { key = key, value = host.script or "", lease = lease } } end
  local made, revision, ranges = self.client:txn { absent = keys, success = puts, failure = { range_of(self) } }
  if made == nil then return nil, revision, ranges end
  local found = ranges[1] or {}
  for _, one in ipairs(found) do -- by an answer that was lost, on its way through another endpoint
    if one.lease == lease then made = true end
  end
  return made, found, revision
end

local function give_back(self, lease)
  host.spawn(function() self.client:revoke(lease) end)
end

-- Its slots were taken before now: they are free again in `per` seconds.
local function end_later(self, lease)
  host.after(self.per, function() self.client:revoke(lease) end)
end

-- Tries once: true; false and the revision at which there was too little room; or nil, word, message.
local function try(self, count)
  local free, revision, why = look(self)
  if not free then return nil, revision, why end
  if #free < count then return false, revision end
  local id, began = etcd.new_id(), guard.now()
  local ok, word, message = self.client:grant(id, math.ceil(self.per) + SPARE)
  if not ok then return nil, word, message end
  while #free >= count do
    local made, found, at = create(self, id, choose(free, count))
    if made == nil or guard.now() - began >= SPARE then
      give_back(self, id)
      return nil, made == nil and found or "timeout", at
    end
    if made then
      end_later(self, id)
      return true
    end
    free, revision = free_of(self, found), at
  end
  give_back(self, id)
  return false, revision
end

local function left(ends)
  return ends and math.max(ends - host.now(), 0) or math.huge
end

-- Waits until a slot is free that was not at this revision: true; false where etcd does not tell that.
local function wait_for_slot(self, revision, ends)
  local ok, word = self.client:wait_deleted(self.prefix, revision + 1, math.min(left(ends), LOOK_AGAIN))
  if not ok and word ~= "timeout" then return false end
  host.sleep(math.min(left(ends), math.random() * TOGETHER))
  return true
end

-- Waits for room, behind nobody else of this program: true; or nil, word, message.
local function wait_for_room(self, count, ends)
  local tries = 0
  while true do
    local ok, word, message = try(self, count)
    if ok then return true end
    if word == "refused" then return nil, word, message end
    if left(ends) <= 0 then return nil, "timeout" end
    if ok == false and wait_for_slot(self, word, ends) then
      tries = 0
    else
      host.sleep(math.min(left(ends), FIRST_PAUSE * 2 ^ tries * (0.5 + math.random() / 2), LONGEST_PAUSE))
      tries = tries + 1
    end
  end
end

-- The turn of a task: the next one has it when this goes.
local turn = { __close = function(one)
  local queue = one.queue
  for i, other in ipairs(queue) do
    if other == one then table.remove(queue, i) end
  end
  if queue[1] and not queue[1].begun then
    queue[1].begun = true
    queue[1].future:set()
  end
end }

-- Waits until it is the first of this program: true; or nil.
local function wait_for_turn(one, timeout)
  if one.queue[1] == one then
    one.begun = true
    return true
  end
  return (one.future:wait(timeout)) or one.begun
end

---Waits for room, in the order in which tasks came: true; nil and "timeout"; or nil, word, message where etcd refuses.
function limiter:take(count, timeout)
  count = count == nil and 1 or math.tointeger(count)
  if not count or count < 1 or count > math.min(self.n, MOST_AT_ONCE) then
    error("limiter:take: count must be from 1 to as many as the limiter lets through at once, 128 at most by etcd", 2)
  end
  if timeout ~= nil and (type(timeout) ~= "number" or timeout ~= timeout or timeout < 0) then
    error("limiter:take: timeout must be seconds, not " .. tostring(timeout), 2)
  end
  local ends = timeout and host.now() + timeout
  local one <close> = setmetatable({ queue = self.queue, future = host.future() }, turn)
  table.insert(self.queue, one)
  if not wait_for_turn(one, timeout) then return nil, "timeout" end
  return wait_for_room(self, count, ends)
end

local function new_etcd(values)
  need(values, "etcd", "n", "per", "name")
  return setmetatable({
    client = etcd.new { endpoints = values.etcd, tls = values.tls }, n = values.n, per = values.per, name = values.name,
    prefix = PREFIX .. values.name:gsub("[%%/]", function(c) return ("%%%02X"):format(c:byte()) end) .. "/", queue = {},
  }, limiter)
end

----------------------------------------------------------------------------------------------------------- host.limiter

local function read(options)
  if type(options) ~= "table" then
    given.wrong("expected a table { etcd = ..., n = ..., per = ..., name = ... }, not %s", type(options))
  end
  return given.read(options, known, "")
end

---A limiter by etcd: { etcd =, n =, per =, name =, tls = }.
function limits.etcd(options)
  local ok, result = given.try(function() return new_etcd(read(options)) end)
  if not ok then error("limits.etcd: " .. result, 2) end
  return result
end

local function refuse(values, scope, ...)
  for _, name in ipairs { ... } do
    if values[name] ~= nil then given.wrong("%s is for %s", name, scope) end
  end
end

local function new_pool(values)
  refuse(values, 'scope = "etcd"', "etcd", "tls")
  return pool.new(need(values, "n", "per", "name"))
end

local scopes = { etcd = new_etcd, pool = new_pool }

local function a_scope(value, name)
  if not scopes[value] then given.wrong('%s must be "pool" or "etcd", not %s', name, given.shown(tostring(value))) end
  return value
end

local function of_scope(options)
  local names = { scope = a_scope }
  for name, reader in pairs(known) do names[name] = reader end
  if options.scope ~= "etcd" then names.n = given.whole(1, 65536) end
  local values = given.read(options, names, "")
  if values.scope then return scopes[values.scope](values) end
  need(values, "n", "per")
  refuse(values, 'a scope: scope = "pool" or "etcd"', "etcd", "name", "tls")
  return host.limiter(values.n, values.per)
end

---host.limiter with a table of options.
function limits.of_scope(options)
  local ok, result = given.try(of_scope, options)
  if not ok then error("host.limiter: " .. result, 3) end
  return result
end

return limits
