-- etcd: an etcd that is played: as much of its JSON gateway as wsbot.lease and wsbot.limits ask for. Its leases end
-- only where a story says so.
local crypto = require "wsbot.crypto"
local testing = require "wsbot.testing"

local played = {}
played.__index = played

local function by_key(self, range)
  local from, to = crypto.unbase64(range.key), range.range_end and crypto.unbase64(range.range_end)
  local found, most = {}, tonumber(range.max_create_revision or math.maxinteger)
  for key, kv in pairs(self.keys) do
    local is_in = to and key >= from and key < to or key == from
    if is_in and kv.revision <= most then
      found[#found + 1] = { key = key, revision = kv.revision, lease = kv.lease }
    end
  end
  table.sort(found, function(a, b)
    if range.sort_order == "DESCEND" then return a.revision > b.revision end
    return a.revision < b.revision
  end)
  local kvs = {}
  for i = 1, math.min(#found, tonumber(range.limit or #found)) do
    local one = found[i]
    kvs[i] = { key = crypto.base64(one.key), create_revision = tostring(one.revision), lease = one.lease }
  end
  return { kvs = #kvs > 0 and kvs or nil }
end

local function perform(self, operations)
  local responses, has_put = {}, false
  for _, operation in ipairs(operations) do has_put = has_put or operation.request_put ~= nil end
  if has_put then self.revision = self.revision + 1 end
  for i, operation in ipairs(operations) do
    local put = operation.request_put
    if put then self.keys[crypto.unbase64(put.key)] = { revision = self.revision, lease = put.lease } end
    responses[i] = put and { response_put = {} } or { response_range = by_key(self, operation.request_range) }
  end
  return responses
end

local paths = {}

paths["/v3/lease/grant"] = function(self, body)
  self.leases[body.ID] = true
  return { ID = body.ID, TTL = body.TTL }
end

paths["/v3/lease/keepalive"] = function(self, body)
  return { result = { ID = body.ID, TTL = self.leases[body.ID] and "10" or nil } }
end

paths["/v3/lease/revoke"] = function(self, body)
  self:ends(body.ID)
  return {}
end

paths["/v3/kv/txn"] = function(self, body)
  local succeeded = true
  for _, one in ipairs(body.compare) do
    if self.keys[crypto.unbase64(one.key)] then succeeded = false end
  end
  local responses = perform(self, succeeded and body.success or body.failure)
  return { header = { revision = tostring(self.revision) }, succeeded = succeeded or nil, responses = responses }
end

-- A watch has news once something is deleted, and no head before that.
paths["/v3/watch"] = function(self, body)
  if self.last_deleted < tonumber(body.create_request.start_revision) then self.deleted:wait() end
  return { result = { events = { { type = "DELETE" } } } }
end

---Ends a lease, with its keys.
function played:ends(id)
  self.leases[id] = nil
  for key, kv in pairs(self.keys) do
    if kv.lease == id then self.keys[key] = nil end
  end
  self.revision = self.revision + 1
  self.last_deleted = self.revision
  self.deleted:set()
  self.deleted = host.future()
end

---The id of the only lease.
function played:lease()
  local id = next(self.leases)
  assert(next(self.leases, id) == nil, "there is more than one lease")
  return id
end

---How often it was asked by this path: "lease/grant".
function played:count(path)
  local n = 0
  for _, request in ipairs(self.site.requests) do
    if request.path == "/v3/" .. path then n = n + 1 end
  end
  return n
end

---What it should answer to such a request.
function played:perform(path, request)
  return { json = paths["/v3/" .. path](self, request:json()) }
end

---What the story has it answer to this path from now on, instead: a function of the request; nil: what it should.
function played:answers(path, fn)
  self.instead["/v3/" .. path] = fn
end

local function new()
  local self = setmetatable({ revision = 100, keys = {}, leases = {}, instead = {} }, played)
  self.deleted, self.last_deleted = host.future(), 0
  local routes = {}
  for path, answer in pairs(paths) do
    routes["POST " .. path] = function(request)
      local instead = self.instead[path]
      if instead then return instead(request) end
      return { json = answer(self, request:json()) }
    end
  end
  routes["POST /v3/auth/authenticate"] = function(request)
    return self.instead["/v3/auth/authenticate"](request)
  end
  self.site = testing.http(routes)
  self.url = self.site.url
  return self
end

return { new = new }
