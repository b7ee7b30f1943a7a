-- wsbot.calls: answers that belong to questions, by numbers that both have.
local host = require "host"

local TIMEOUT = 10 -- seconds

local answer = {}
answer.__index = answer

---Waits for the answer: true and what it is; nil, "failed" and the error; or nil and "timeout".
function answer:wait(timeout)
  local function ended(ok, word, ...)
    if not ok and word == "timeout" then self.calls.waiting[self.id] = nil end
    return ok, word, ...
  end
  return ended(self.future:wait(timeout or self.calls.timeout))
end

local calls = {}
calls.__index = calls

-- Those that nobody waited for in time are not kept for ever.
local function forget_old(self, now)
  while self.oldest <= self.last do
    local old = self.waiting[self.oldest]
    if old and now - old.began <= 2 * self.timeout then return end
    if old then old.future:fail "timeout" end
    self.waiting[self.oldest] = nil
    self.oldest = self.oldest + 1
  end
end

---A new question: its number, and its answer.
function calls:open()
  local now = host.now()
  forget_old(self, now)
  local id = self.last + 1
  local asked = setmetatable({ calls = self, id = id, future = host.future(), began = now }, answer)
  self.last, self.waiting[id] = id, asked
  return id, asked
end

local function take(self, id)
  local asked = self.waiting[id]
  self.waiting[id] = nil
  return asked and asked.future
end

---The answer to a question; false: nobody waits for it (any more).
function calls:answer(id, ...)
  local future = take(self, id)
  return future ~= nil and future:set(...) == true
end

function calls:fail(id, error)
  local future = take(self, id)
  return future ~= nil and future:fail(error) == true
end

---Fails all that are under way: the connection was lost, say.
function calls:fail_all(error)
  local waiting = self.waiting
  self.waiting = {}
  for _, asked in pairs(waiting) do asked.future:fail(error) end
end

local module = {}

---@param options? { timeout?: number }  seconds that an answer is waited for; default 10
function module.new(options)
  local timeout = options and options.timeout or TIMEOUT
  if type(timeout) ~= "number" or timeout <= 0 or timeout ~= timeout then
    error("calls.new: timeout must be more than 0 seconds", 2)
  end
  return setmetatable({ timeout = timeout, waiting = {}, last = 0, oldest = 1 }, calls)
end

return module
