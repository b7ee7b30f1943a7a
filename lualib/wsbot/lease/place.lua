-- wsbot.lease.place: a place in the queue for a name: a key of etcd with a lease, which is kept alive. Whose key was
-- made first holds; each of the others waits for the one before it alone.
--
-- A place is plain data, as host.state keeps it: { name, where, id, key, revision, ttl, sent }. `sent` is when, by our
-- own clock, the last request was sent that had etcd begin the seconds of the lease anew: etcd ends it `ttl` after that
-- at the earliest, so until then, less a margin for clocks of another pace, it is certainly ours.
local crypto = require "wsbot.crypto"
local guard = require "wsbot.guard"
local host = require "host"

local PREFIX = "wsbot/lease/"
local MARGIN = 0.1 -- of ttl
local MOST_PATIENCE = 2 -- seconds

local place = {}

-- Where the keys of a name begin: the keys of no other name begin so.
local function prefix_of(name)
  return PREFIX .. name:gsub("[%%/]", function(c) return ("%%%02X"):format(c:byte()) end) .. "/"
end

---Seconds that an endpoint may take: so that several can be asked before the lease is over.
function place.patience(ttl)
  return math.min(ttl / 6, MOST_PATIENCE)
end

---Until when, by guard.now, it is certainly ours.
function place.ends(p)
  return p.sent + p.ttl * (1 - MARGIN)
end

---Takes a new place at the end of the queue: the place; or nil, word, message. `where` says in which etcd.
function place.take(client, name, where, ttl)
  local patience, sent = place.patience(ttl), guard.now()
  local id = ("%d"):format(string.unpack(">i8", crypto.random(8)) & math.maxinteger | 1)
  local granted, word, message = client:grant(id, ttl, patience)
  if not granted then return nil, word, message end
  local key = prefix_of(name) .. ("%016x"):format(math.tointeger(tonumber(id)))
  local made, revision, ranges = client:txn({
    absent = { key },
    success = { { request_put = { key = key, value = host.script or "", lease = id } } },
    failure = { { request_range = { key = key } } },
  }, patience)
  if made == nil then return nil, revision, ranges end
  if not made then revision = ranges[1] and ranges[1][1] and ranges[1][1].create_revision or 0 end
  if revision <= 0 then return nil, "etcd", "an answer without a revision" end
  ttl = math.min(ttl, granted)
  return { name = name, where = where, id = id, key = key, revision = revision, ttl = ttl, sent = sent }
end

---Has its lease go on: true; or nil, word, message: "gone" where it is over.
function place.renew(client, p)
  local sent = guard.now()
  local ttl, word, message = client:keepalive(p.id, place.patience(p.ttl))
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
