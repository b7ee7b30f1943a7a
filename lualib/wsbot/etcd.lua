-- wsbot.etcd: a small client of etcd's JSON gateway (v3), for wsbot.lease and wsbot.limits. Of several endpoints, the
-- one that answers is kept; one that does not in time, or has lost its leader, is left for the next.
--
-- Keys are plain text here, and Base64 on the wire. 64-bit numbers come as JSON strings: revisions are made integers,
-- ids of leases stay texts. What fails gives nil, a word and a message: the words of wsbot.http, "etcd" for what etcd
-- cannot do now, "gone" for what it does not have (any more), and "refused" for what no waiting mends.
local crypto = require "wsbot.crypto"
local given = require "wsbot.http.options"
local host = require "host"
local http = require "wsbot.http"
local json = require "wsbot.json"
local requests = require("wsbot.http.prepare").known

local PATIENCE = 2 -- seconds that an endpoint may take
local LINE_MOST = 1 << 20 -- bytes that a watch may say at once
local ANSWER_MOST = 2 << 20 -- bytes of an answer: a thousand keys with the longest of names have fewer

local client = {}
client.__index = client

------------------------------------------------------------------------------------------------------------ the options

local function decode(text)
  return (text:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

-- An endpoint: { url =, user =, password = }, the url without these two and without a "/" at its end.
local function read_endpoint(value, name)
  local url = requests.url(value, name)
  local scheme, secret, rest = url:match "^(%a+://)([^/?#]*)@(.*)$"
  if not scheme then return { url = (url:gsub("/+$", "")) } end
  local user, password = secret:match "^([^:]*):?(.*)$"
  return { url = (scheme .. rest):gsub("/+$", ""), user = decode(user), password = decode(password) }
end

---Reads the option `etcd`, of whoever has one: a url, or a list of the urls of one cluster.
function client.read_endpoints(value, name)
  local list = type(value) == "table" and value or { value }
  if #list == 0 then given.wrong("%s must be the url of an etcd, or a list of them", name) end
  local endpoints = {}
  for i, url in ipairs(list) do
    endpoints[i] = read_endpoint(url, type(value) == "table" and ("%s[%d]"):format(name, i) or name)
  end
  return endpoints
end

---Reads the option `tls`, which is that of wsbot.http.
function client.read_tls(value, name)
  requests.tls(value, name)
  return value
end

------------------------------------------------------------------------------------------------------------ the answers

-- gRPC's codes of what stays wrong until somebody changes something: arguments, permissions, what there is to call.
local FINAL = { [3] = true, [7] = true, [9] = true, [12] = true, [16] = true }
local NOT_FOUND = 5

local function shown(endpoint, text)
  return ("%s: %s"):format(endpoint.url, given.shown(text))
end

-- The error in an answer, which an answer in pieces has in a table: its text and its code.
local function error_of(answer)
  local e = type(answer.error) == "table" and answer.error or answer
  local text = e.message or e.error
  return type(text) == "string" and text or "an error without a message", e.code or e.grpc_code
end

-- The table that an answer has; or nil, word, message.
local function judge(endpoint, response)
  local answer = response:json()
  if type(answer) ~= "table" then
    local word = response.status == 404 and "refused" or "etcd"
    return nil, word, shown(endpoint, ("this is no answer of etcd's JSON gateway (%d)"):format(response.status))
  end
  if response.ok and answer.error == nil then return answer end
  local text, code = error_of(answer)
  return nil, code == NOT_FOUND and "gone" or FINAL[code] and "refused" or "etcd", shown(endpoint, text)
end

-------------------------------------------------------------------------------------------------------------- the calls

-- The token of a user, where there is one; or nil, word, message.
local function authenticate(self, endpoint, patience)
  if self.token or not self.user then return true end
  local body = { name = self.user, password = self.password }
  local response, word, message = http.post(endpoint.url .. "/v3/auth/authenticate", nil,
    { json = body, timeout = patience, connect_timeout = patience, tls = self.tls, max_size = ANSWER_MOST })
  if not response then return nil, word, message end
  local answer
  answer, word, message = judge(endpoint, response)
  if not answer then return nil, word, message end
  if type(answer.token) ~= "string" or answer.token:find "%c" then
    return nil, "etcd", shown(endpoint, "there is no token in its answer")
  end
  self.token = answer.token
  return true
end

local function is_token_old(word, message)
  return word == "refused" and (message:find("invalid auth token", 1, true) or
    message:find("revision of auth store is old", 1, true)) ~= nil
end

-- Asks this endpoint, and once more where the token is no longer good.
local function ask(self, endpoint, path, body, patience)
  for again = 0, 1 do
    local ok, word, message = authenticate(self, endpoint, patience)
    if not ok then return nil, word, message end
    local response
    response, word, message = http.post(endpoint.url .. "/v3" .. path, nil, {
      json = body, headers = { Authorization = self.token }, timeout = patience, connect_timeout = patience,
      tls = self.tls, max_size = ANSWER_MOST,
    })
    if not response then return nil, word, message end
    local answer
    answer, word, message = judge(endpoint, response)
    if answer or again == 1 or not (self.token and is_token_old(word, message)) then return answer, word, message end
    self.token = nil
  end
end

-- Another endpoint may do what this one could not, unless another task has left it already.
local function leave(self, endpoint)
  if self.endpoints[self.current] == endpoint then self.current = self.current % #self.endpoints + 1 end
end

---Asks one endpoint after the other, each for `patience` seconds, until one answers.
function client:call(path, body, patience)
  local word, message
  for _ = 1, #self.endpoints do
    local endpoint, answer = self.endpoints[self.current]
    answer, word, message = ask(self, endpoint, path, body, patience or PATIENCE)
    if answer or word == "refused" or word == "gone" then return answer, word, message end
    leave(self, endpoint)
  end
  return nil, word, message
end

local function integer(value)
  return math.tointeger(tonumber(value or 0)) or 0
end

---A new id for a lease.
function client.new_id()
  return ("%d"):format(string.unpack(">i8", crypto.random(8)) & math.maxinteger | 1)
end

---Grants a lease of this id for so many seconds: for how many it is, which may be more; or nil, word, message. One that
---is there by that id is this one, asked for twice.
function client:grant(id, ttl, patience)
  local answer, word, message = self:call("/lease/grant", { ID = id, TTL = tostring(ttl) }, patience)
  local granted = answer and integer(answer.TTL)
  if granted and granted > 0 then return granted end
  if granted then return nil, "etcd", "an answer without the seconds of the lease" end
  if word == "refused" and message:find("lease already exists", 1, true) then return ttl end
  return nil, word, message
end

---Has the lease begin its seconds anew: how many; or nil, word, message: "gone" where it has ended.
function client:keepalive(id, patience)
  local answer, word, message = self:call("/lease/keepalive", { ID = id }, patience)
  if not answer then return nil, word, message end
  local result = type(answer.result) == "table" and answer.result or {}
  local ttl = integer(result.TTL)
  if ttl > 0 then return ttl end
  if result.ID == nil then return nil, "etcd", "an answer without the lease that was asked for" end
  return nil, "gone", "etcd does not have the lease any more"
end

---Ends a lease, and removes its keys: true, also where it has ended; or nil, word, message.
function client:revoke(id, patience)
  local answer, word, message = self:call("/lease/revoke", { ID = id }, patience)
  if answer or word == "gone" then return true end
  return nil, word, message
end

-- What is written in the table of an operation is Base64 on the wire.
local function wired(operation)
  local kind, fields = next(operation)
  local copy = {}
  for name, value in pairs(fields) do copy[name] = value end
  for _, name in ipairs { "key", "range_end", "value" } do
    if copy[name] then copy[name] = crypto.base64(copy[name]) end
  end
  return { [kind] = copy }
end

local function wired_list(operations)
  local list = json.array {}
  for i, operation in ipairs(operations or {}) do list[i] = wired(operation) end
  return list
end

-- What an answer has in the place of a table may be anything.
local function a_table(value)
  return type(value) == "table" and value or {}
end

-- The keys that a range has given: { key =, create_revision =, lease = }.
local function keys_of(range)
  local keys = {}
  for i, kv in ipairs(a_table(range.kvs)) do
    kv = a_table(kv)
    local key = type(kv.key) == "string" and crypto.unbase64(kv.key)
    keys[i] = { key = key or "", create_revision = integer(kv.create_revision), lease = kv.lease or "0" }
  end
  return keys
end

---A transaction: { absent = keys that must not be there, success = operations, failure = operations }. Returns whether
---they were absent, the revision that it had, and of each range that was asked for a list of its keys; or nil, word,
---message.
function client:txn(txn, patience)
  local compare = json.array {}
  for i, key in ipairs(txn.absent or {}) do
    compare[i] = { key = crypto.base64(key), target = "CREATE", result = "EQUAL", create_revision = "0" }
  end
  local answer, word, message = self:call("/kv/txn",
    { compare = compare, success = wired_list(txn.success), failure = wired_list(txn.failure) }, patience)
  if not answer then return nil, word, message end
  if type(answer.header) ~= "table" then return nil, "etcd", "an answer without a header" end
  local ranges = {}
  for i, one in ipairs(a_table(answer.responses)) do
    local range = a_table(one).response_range
    ranges[i] = type(range) == "table" and keys_of(range)
  end
  return answer.succeeded == true, integer(answer.header.revision), ranges
end

--------------------------------------------------------------------------------------------------------- watch and wait

---The end of the range of keys that begin with this one, which ends in "/".
function client.behind(prefix)
  return prefix:sub(1, -2) .. "0"
end

-- Does this line of a watch say that something was deleted? nil: it says that the watch is none, or has ended.
local function is_news(line)
  local ok, answer = pcall(json.decode, line)
  local result = ok and type(answer) == "table" and answer.result
  if type(result) ~= "table" or result.canceled == true then return nil end
  return type(result.events) == "table" and #result.events > 0
end

-- Reads a watch until it has news, or that time of host.now has come.
local function read_watch(stream, ends)
  local text = ""
  while true do
    local left = ends - host.now()
    if left <= 0 then return nil, "timeout" end
    local piece, word, message = stream:read(left)
    if not piece then return nil, word or "reset", message or "the watch has ended" end
    text = text .. piece
    local from, ended = 1, text:find("\n", 1, true)
    while ended do
      local line = text:sub(from, ended - 1)
      local news = is_news(line)
      if news then return true end
      if news == nil then return nil, "etcd", "etcd does not watch: " .. given.shown(line) end
      from = ended + 1
      ended = text:find("\n", from, true)
    end
    text = text:sub(from)
    if #text > LINE_MOST then return nil, "etcd", "etcd does not watch: it says too much at once" end
  end
end

---Waits until a key is deleted at that revision or later, or one of those that begin with a key that ends in "/", so
---many seconds at most: true; or nil, word, message.
function client:wait_deleted(key, revision, seconds, patience)
  local ends = host.now() + seconds
  local endpoint = self.endpoints[self.current]
  local ok, word, message = authenticate(self, endpoint, patience or PATIENCE)
  if not ok then return nil, word, message end
  local asked = { start_revision = tostring(revision), filters = json.array { "NOPUT" } }
  asked.key = crypto.base64(key)
  if key:sub(-1) == "/" then asked.range_end = crypto.base64(client.behind(key)) end
  local stream
  stream, word, message = http.stream {
    url = endpoint.url .. "/v3/watch", method = "POST", json = { create_request = asked }, tls = self.tls,
    headers = { Authorization = self.token }, timeout = patience or PATIENCE, connect_timeout = patience or PATIENCE,
  }
  if not stream then
    leave(self, endpoint)
    return nil, word, message
  end
  local reading <close> = stream
  return read_watch(reading, ends)
end

---A client of one cluster: { endpoints = as read_endpoints gives them, tls = }.
function client.new(options)
  local self = setmetatable({ endpoints = options.endpoints, tls = options.tls, current = 1 }, client)
  for _, endpoint in ipairs(self.endpoints) do
    if endpoint.user and not self.user then self.user, self.password = endpoint.user, endpoint.password end
  end
  return self
end

return client
