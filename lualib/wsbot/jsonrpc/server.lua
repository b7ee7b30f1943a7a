-- wsbot.jsonrpc.server: answers requests. Each handler runs in a task of its own. What a peer may cost is bounded: so
-- many handlers run at once, the requests behind them wait, and where all of these have so many bytes, others are
-- refused.
local host = require "host"
local message = require "wsbot.jsonrpc.message"

local AT_ONCE <const> = 256    -- handlers
local BYTES <const> = 16 << 20 -- of requests that are under way; a last message may pass it
local MEMBERS <const> = 10000  -- of a batch

local traceback = debug.traceback
local errors = message.errors

local server = {}
server.__index = server

-- `send(text, waits)` sends an answer; where `waits`, it may wait until there is room for it.
function server.new(send)
  return setmetatable({ send = send, on = {}, running = 0, waiting = {}, first = 1, last = 0, bytes = 0 }, server)
end

-- The connection has ended: nobody wants the answers any more, nor those that are still to come.
function server:forget()
  for i = self.first, self.last do self.bytes = self.bytes - self.waiting[i].size end
  self.waiting, self.first, self.last, self.told = {}, 1, 0, false
end

---------------------------------------------------------------------------------------------------------------- answers

-- Where the answers to a message go: together, in the order of its requests, when the last is there.
local function new_reply(self, text, is_batch, count)
  return { server = self, send = self.send(), text = text, is_batch = is_batch, left = count }
end

-- The answer to a request; false: it has none.
local function put(reply, i, answer, waits)
  reply[i], reply.left = answer, reply.left - 1
  if reply.left > 0 then return end
  local texts = {}
  for _, text in ipairs(reply) do texts[#texts + 1] = text or nil end
  if not texts[1] then return end
  reply.send(reply.is_batch and "[" .. table.concat(texts, ",") .. "]" or texts[1], waits)
end

local function put_error(job, e, waits)
  put(job.reply, job.place, job.id and message.error(e, job.id) or false, waits)
end

--------------------------------------------------------------------------------------------------------------- handlers

-- An error whose text tells already where it was.
local traced = { __tostring = function(e) return e.text end }

-- What a handler has raised, with where; an error for the peer, and one that is no text, as it is.
local function caught(e)
  return type(e) == "string" and setmetatable({ text = traceback(e, 2) }, traced) or e
end

local start

-- A handler has ended: the next request has its place.
local function make_place(self, ended)
  self.running, self.bytes = self.running - 1, self.bytes - ended.size
  local job = self.waiting[self.first]
  if not job then return end
  self.waiting[self.first] = nil
  self.first = self.first + 1
  start(self, job)
end

-- Also where there was no memory for the answer; not where a reload cuts the handler off.
local job_meta = { __close = function(job, e)
  if job.is_over or e ~= nil then make_place(job.reply.server, job) end
end }

-- The answer that ends a request (false: none), and what is wrong with its handler, of which the peer hears no more.
local function answer_of(job, ok, value)
  local is_for_peer = ok or message.is_error(value)
  if not job.id then return false, not is_for_peer and value end
  if not is_for_peer then return message.error(errors.internal, job.id), value end
  local fits, answer = pcall(ok and message.result or message.error, value, job.id)
  if fits then return answer end
  return message.error(errors.internal, job.id), ("jsonrpc: the answer of %q: %s"):format(job.method, answer)
end

-- Calls a handler and answers. An error that is not for the peer becomes that of this task: it is told like any other.
local function run(given)
  local job <close> = given
  local answer, why = answer_of(job, xpcall(job.handler, caught, job.params))
  put(job.reply, job.place, answer, true)
  job.is_over = true
  if why then error(why, 0) end
end

function start(self, job)
  self.running = self.running + 1
  host.spawn(run, setmetatable(job, job_meta))
end

local function wait(self, job)
  self.last = self.last + 1
  self.waiting[self.last] = job
end

local function refuse(self, job)
  if not self.told then host.log.warn("jsonrpc: more requests than can be answered: some are refused") end
  self.told = true
  put_error(job, errors.busy)
end

--------------------------------------------------------------------------------------------------------------- requests

-- Has a request answered, the one at that place of a message.
local function take(self, m, reply, place, size)
  local is_request = message.is_request(m)
  local id = (not is_request or m.id ~= nil) and message.id_of(m, reply, reply.is_batch and reply.places[place])
  local job = { reply = reply, place = place, id = id or nil, size = size }
  if not is_request then return put_error(job, errors.invalid) end
  job.method, job.params, job.handler = m.method, m.params, self.on[m.method]
  if job.handler == nil then return put_error(job, errors.method) end
  if self.bytes > BYTES then return refuse(self, job) end
  self.bytes = self.bytes + size
  if self.running < AT_ONCE then return start(self, job) end
  wait(self, job)
end

-- Answers the requests of a message, a list of what it has beside answers to us; `places`: where in a batch they are.
function server:take(requests, text, places)
  local reply = new_reply(self, text, places ~= nil, #requests)
  reply.places = places
  for i, m in ipairs(requests) do take(self, m, reply, i, #text // #requests) end
  reply.text, reply.exact, reply.places = nil, nil, nil -- handlers may take long
end

-- Answers a message in which there is nothing to answer, with one error.
function server:refuse(kind)
  self.send()(message.error(errors[kind], "null"))
end

server.MEMBERS = MEMBERS

return server
