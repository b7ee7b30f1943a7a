-- wsbot.jsonrpc: JSON-RPC 2.0 over a connection: it calls, and is called. wsbot.jsonrpc.message has the texts,
-- wsbot.jsonrpc.server answers; this module calls, and is what both have of the connection. That serves it by
-- wsbot.ws.core: messages come also while a callback of the script waits, and on_close stays the script's.
local core = require "wsbot.ws.core"
local host = require "host"
local message = require "wsbot.jsonrpc.message"
local new_calls = require("wsbot.calls").new
local new_server = require("wsbot.jsonrpc.server")

local CLOSED <const> = {} -- how calls fail whose connection has ended

local rpc = { __name = "jsonrpc" }
rpc.__index = rpc

---------------------------------------------------------------------------------------------------------------- sending

-- Tells on stderr what a peer has done: once for each connection, as it may do that for ever.
local function tell(self, what, ...)
  if self.told[what] then return end
  self.told[what] = true
  host.log.warn(("jsonrpc: %s: "):format(self.conn) .. what:format(...))
end

local function send_call(conn, text)
  return conn:send(text)
end

-- Sends on this attempt's connection; where its buffer is full, waits for room, no longer than `timeout` seconds. True;
-- nil and a word.
local function send(self, attempt, text, how, timeout)
  local ends = timeout and host.now() + timeout
  while self.attempt == attempt do
    local ok, word = how(self.conn, text)
    if ok or word ~= "send_buffer_full" or self.conn.buffered_amount == 0 then return ok, word end
    local drained, why = self.conn:drain(ends and math.max(0, ends - host.now()))
    if not drained then return nil, why end
  end
  return nil, "closed"
end

-- Makes the function that sends the answers to what has come now: on that transport, and no other.
local function answers_to(self)
  local attempt, rotation = self.attempt, self.rotation
  local function answer(conn, text)
    return core.answer(conn, text, rotation)
  end
  return function(text, waits)
    if self.attempt ~= attempt or self.conn.state ~= "open" then return end
    local ok, word
    if waits then
      ok, word = send(self, attempt, text, answer)
    else
      ok, word = answer(self.conn, text)
    end
    if not ok and word ~= "closed" then tell(self, "an answer of %d bytes is not sent: %s", #text, word) end
  end
end

-------------------------------------------------------------------------------------------------------------- receiving

-- Takes the answer to a call. One that nobody waits for came too late; without an id of ours it tells of a message that
-- the peer could not read.
local function answered(self, m)
  local e = message.error_of(m)
  if e and self.calls:fail(m.id, e) or not e and self.calls:answer(m.id, m.result) then return end
  if e and math.type(m.id) == nil then
    local code, text = tostring(e.code):sub(1, 20), tostring(e.message):sub(1, 200)
    tell(self, "it could not read a message (error %s: %s)", code, text)
  end
end

local function take_batch(self, batch, text)
  local requests, places = {}, {}
  if #batch == 0 or #batch > new_server.MEMBERS then return self.server:refuse "invalid" end
  for i, m in ipairs(batch) do
    if message.is_answer(m) then
      answered(self, m)
    else
      requests[#requests + 1], places[#places + 1] = m, i
    end
  end
  if requests[1] then self.server:take(requests, text, places) end
end

local function take(self, text, rotation)
  self.rotation = rotation
  local value, is_batch = message.read(text)
  self.server.on = self.on
  if value == nil then
    self.server:refuse "parse"
  elseif is_batch then
    take_batch(self, value, text)
  elseif message.is_answer(value) then
    answered(self, value)
  else
    self.server:take({ value }, text)
  end
end

-- A transport has ended, and what was asked on it; `whole`: that was the one in place, and so is all else.
local function ended(self, rotation, whole)
  for id, asked in pairs(self.calls.waiting) do
    if asked.rotation == rotation then self.calls:fail(id, CLOSED) end
  end
  if not whole then return end
  self.attempt, self.told = self.attempt + 1, {}
  self.server:forget()
  self.calls:fail_all(CLOSED)
end

---------------------------------------------------------------------------------------------------------------- calling

local function check(what, method, params)
  if type(method) ~= "string" then error(("%s: the method must be a string, not %s"):format(what, type(method)), 3) end
  if params ~= nil and type(params) ~= "table" then
    error(("%s: params must be a table, not %s"):format(what, type(params)), 3)
  end
  local ok, begun = pcall(message.begin, method, params)
  if not ok then error(("%s: %s"):format(what, begun), 3) end
  return begun
end

local function check_timeout(what, self, timeout)
  if timeout == nil then return self.calls.timeout end
  if type(timeout) ~= "number" or timeout ~= timeout or timeout < 0 then
    error(("%s: timeout must be a number of seconds, 0 or more"):format(what), 3)
  end
  return timeout
end

local not_sent = {
  timeout = "the peer has not taken it in time",
  send_buffer_full = "it is larger than max_send_buffer",
  no_memory = "there is no memory to send it",
}

-- What a call gives that was not sent: nil, a word, and why.
local function unsent(word)
  if not_sent[word] then return nil, word, not_sent[word] end
  return nil, "closed", "the connection is not open"
end

-- What a call gives when its wait is over.
local function outcome(ok, value, e)
  if ok then return true, value end
  if value == "timeout" then return nil, "timeout", "no answer came in time" end
  if e == CLOSED then return nil, "closed", "the connection was closed before the answer came" end
  return nil, "error", e
end

function rpc:call(method, params, timeout)
  local begun = check("rpc:call", method, params)
  timeout = check_timeout("rpc:call", self, timeout)
  local ends = host.now() + timeout
  local id, answer = self.calls:open()
  local kept <close> = answer:keep()
  local ok, word = send(self, self.attempt, message.finish(begun, id), send_call, timeout)
  if not ok then return unsent(word) end
  kept.rotation = core.target(self.conn)
  return outcome(kept:wait(math.max(0, ends - host.now())))
end

function rpc:notify(method, params)
  return self.conn:send(message.finish(check("rpc:notify", method, params)))
end

local answers_meta = { __close = function(answers)
  for _, answer in ipairs(answers) do
    if answer then answer:__close() end
  end
end }

-- The text of a batch, and the answer that each of its calls waits for (false: a notification).
local function open_batch(self, list)
  local texts, answers, begun = {}, setmetatable({}, answers_meta), {}
  for i, one in ipairs(list) do
    if type(one) ~= "table" then error(("rpc:batch: item %d must be a table, not %s"):format(i, type(one)), 3) end
    begun[i] = check(("rpc:batch: item %d"):format(i), one.method, one.params)
  end
  for i, one in ipairs(list) do
    local id, answer
    if not one.notify then id, answer = self.calls:open() end
    texts[i], answers[i] = message.finish(begun[i], id), answer and answer:keep() or false
  end
  return "[" .. table.concat(texts, ",") .. "]", answers
end

-- Waits for all of them. True and what came, by place.
local function wait_for_all(answers, ends)
  local results = {}
  for i, answer in ipairs(answers) do
    local ok, value, e = true, nil, nil
    if answer then ok, value, e = outcome(answer:wait(math.max(0, ends - host.now()))) end
    if not ok and value ~= "error" then return nil, value, e end
    results[i] = ok and { result = value } or { error = e }
  end
  return true, results
end

function rpc:batch(list, timeout)
  if type(list) ~= "table" or #list == 0 then error("rpc:batch: a list of calls is needed", 2) end
  timeout = check_timeout("rpc:batch", self, timeout)
  local ends = host.now() + timeout
  local text, opened = open_batch(self, list)
  local answers <close> = opened
  local ok, word = send(self, self.attempt, text, send_call, timeout)
  if not ok then return unsent(word) end
  for _, answer in ipairs(answers) do
    if answer then answer.rotation = core.target(self.conn) end
  end
  return wait_for_all(answers, ends)
end

function rpc:__tostring()
  return ("jsonrpc: %s"):format(self.conn)
end

local jsonrpc = {}

-- Has a connection speak JSON-RPC.
function jsonrpc.new(conn, options)
  local made, calls = pcall(new_calls, options)
  if not made then error((calls:gsub("^.*calls%.new", "jsonrpc.new")), 2) end
  local self = setmetatable({ conn = conn, calls = calls, on = {}, attempt = 1, told = {} }, rpc)
  self.server = new_server.new(function() return answers_to(self) end)
  local function on_message(_, text, _, rotation) take(self, text, rotation or conn.rotation) end
  local ok, why = pcall(core.serve, conn, on_message, function(...) ended(self, ...) end)
  if not ok then error("jsonrpc.new: " .. why, 2) end
  return self
end

return jsonrpc
