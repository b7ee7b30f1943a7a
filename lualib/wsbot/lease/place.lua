-- wsbot.lease.place: a place in the queue for a name: a key of etcd with a lease, which is kept alive. Whose key was
-- made first holds; each of the others waits for the one before it alone.
--
-- A place is plain data, as host.state keeps it: { name, where, id, key, revision, ttl, sent }. `sent` is when, by our
-- own clock, the last request was sent that had etcd begin the seconds of the lease anew: etcd ends it `ttl` after that
-- at the earliest, so until then, less a margin for clocks of another pace, it is certainly ours.
local etcd = require "wsbot.etcd"
local guard = require "wsbot.guard"
local host = require "host"

local PREFIX = "wsbot/lease/"
local MARGIN = 0.1 -- of ttl
local MOST_PATIENCE, LEAST_HURRY, MOST_HURRY = 5, 0.5, 2 -- seconds

local place = {}

-- Where the keys of a name begin: the keys of no other name begin so.
local function prefix_of(name)
  return PREFIX .. name:gsub("[%%/]", function(c) return ("%%%02X"):format(c:byte()) end) .. "/"
end

---Seconds that an endpoint may take.
function place.patience(ttl)
  return math.min(ttl / 3, MOST_PATIENCE)
end

-- The same for a renewal: several endpoints can be asked before the lease is over.
local function hurry(ttl)
  return math.min(math.max(ttl / 6, LEAST_HURRY), MOST_HURRY)
end

---Until when, by guard.now, it is certainly ours.
function place.ends(p)
  return p.sent + p.ttl * (1 - MARGIN)
end

---A place that is not taken yet. `where` says in which etcd.
function place.new(name, where, ttl)
  local id = etcd.new_id()
  local key = prefix_of(name) .. ("%016x"):format(math.tointeger(tonumber(id)))
  return { name = name, where = where, id = id, key = key, ttl = ttl, sent = guard.now() }
end

-- Makes its key, unless that has been made, and the answer was lost.
local function make_key(client, p)
  local made, revision, ranges = client:txn({
    absent = { p.key },
    success = { { request_put = { key = p.key, value = host.script or "", lease = p.id } } },
    failure = { { request_range = { key = p.key } } },
  }, place.patience(p.ttl))
  if made == nil then return nil, revision, ranges end
  if not made then revision = ranges[1] and ranges[1][1] and ranges[1][1].create_revision or 0 end
  if revision <= 0 then return nil, "etcd", "an answer without a revision" end
  p.revision = revision
  return true
end

---Takes a new one at the end of the queue: true; or nil, word, message, and it may be taken.
function place.take(client, p)
  local granted, word, message = client:grant(p.id, p.ttl, place.patience(p.ttl))
  if not granted then return nil, word, message end
  p.ttl = math.min(p.ttl, granted)
  return make_key(client, p)
end

---Has its lease go on: true; or nil, word, message: "gone" where it is over.
function place.renew(client, p)
  local sent = guard.now()
  local ttl, word, message = client:keepalive(p.id, hurry(p.ttl))
  if not ttl then return nil, word, message end
  p.sent = sent
  return true
end

---Who is before it: nobody (true), or that key, and the revision at which that was so; or nil, word, message: "gone"
---where it has no place any more.
function place.look(client, p)
  local prefix = prefix_of(p.name)
  local ok, revision, ranges = client:txn({ success = {
    { request_range = { key = p.key } },
    { request_range = {
      key = prefix, range_end = client.behind(prefix), limit = "1",
      max_create_revision = ("%d"):format(p.revision - 1), sort_order = "DESCEND", sort_target = "CREATE",
    } },
  } }, place.patience(p.ttl))
  if ok == nil then return nil, revision, ranges end
  local own, before = ranges[1], ranges[2]
  if not own or not before then return nil, "etcd", "an answer without what was asked for" end
  if not own[1] or own[1].create_revision ~= p.revision then
    return nil, "gone", "etcd does not have its key any more"
  end
  return before[1] and before[1].key or true, revision
end

---Gives it up: true; or nil, word, message: then etcd ends it after its ttl.
function place.leave(client, p)
  return client:revoke(p.id, place.patience(p.ttl))
end

return place
