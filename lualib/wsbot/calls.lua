-- wsbot.calls: answers that belong to questions, by numbers that both have.
local host = require "host"
local only_timeout = require("wsbot.meant").only_timeout

local TIMEOUT = 10 -- seconds

-- A connection that is kept over a reload may bring answers to questions of the generation before: each generation
-- counts from a place of its own. Numbers stay below 2^31, which is what some peers can read.
local GENERATIONS, EACH = 128, 1 << 24

local answer = {}
answer.__index = answer

-- Somebody waits for it, until the <close> variable that this is given to goes.
function answer:keep()
  self.waits = self.waits + 1
  return self
end

-- The end of a wait, in whichever way: an answer that nobody waits for any more comes too late.
function answer:__close()
  self.waits = self.waits - 1
  if self.waits == 0 then self.calls.waiting[self.id] = nil end
end

---Waits for the answer: true and what it is; nil, "failed" and the error; or nil and "timeout".
function answer:wait(timeout)
  local kept <close> = self:keep()
  return kept.future:wait(timeout or kept.calls.timeout)
end

local calls = {}
calls.__index = calls

-- Those that nobody waited for in time are not kept for ever.
local function forget_old(self, now)
  while self.oldest <= self.last do
    local old = self.waiting[self.oldest]
    if old and now - old.began <= 2 * self.timeout then return end
    if old and old.waits == 0 then
      self.waiting[self.oldest] = nil
      old.future:fail "timeout"
    end
    self.oldest = self.oldest + 1
  end
end

---A new question: its number, and its answer.
function calls:open()
  local now = host.now()
  forget_old(self, now)
  local id = self.last + 1
  local asked = setmetatable({ calls = self, id = id, future = host.future(), began = now, waits = 0 }, answer)
  self.last, self.waiting[id] = id, asked
  return id, asked
end

local function take(self, id)
  local asked = self.waiting[id]
  if not asked then return nil end
  self.waiting[asked.id] = nil
  return asked.future
end

---The answer to a question; false: nobody waits for it (any more).
function calls:answer(id, ...)
  local future = take(self, id)
  return future ~= nil and future:set(...) == true
end

---The same where the answer is an error.
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
  if options ~= nil then
    if type(options) ~= "table" then error("calls.new: expected a table of options, not " .. type(options), 2) end
    local ok, why = pcall(only_timeout, options, "calls.new")
    if not ok then error(why, 2) end
  end
  local timeout = options and options.timeout or TIMEOUT
  if type(timeout) ~= "number" or timeout <= 0 or timeout ~= timeout then
    error("calls.new: timeout must be more than 0 seconds", 2)
  end
  local last = host.reloads % GENERATIONS * EACH
  return setmetatable({ timeout = timeout, waiting = {}, last = last, oldest = last + 1 }, calls)
end

return module
