---@meta wsbot.calls
-- The types of the module `wsbot.calls`, for editors (LuaCATS) and for reading. Nothing here runs.

---Answers that belong to questions, by numbers that both have: `local calls = require "wsbot.calls"`.
---@class calls
local calls = {}

---@class calls.pending
local pending = {}

---@class calls.answer
---@field id integer  the number of the question
---@field future host.future  what is waited for, for host.first
local answer = {}

---Waits for the answer: true and what it is; nil, "failed" and the error; nil and "timeout". Several tasks may wait.
---When the time of the last of them is over, the question is forgotten: its answer comes too late.
---@param timeout? number  seconds; default: that of calls.new
---@return boolean? ok
---@return any ...
function answer:wait(timeout) end

---A new question: its number, and its answer. Numbers grow, and those of a generation (see host.reload) are none that
---the one before has used lately; they are below 2^31. Where nobody has waited for the answer for twice the timeout,
---the question is forgotten.
---@return integer id
---@return calls.answer answer
function pending:open() end

---The answer has come. False: nobody waits for it (any more), and nothing happens.
---@param id any  what the answer says
---@param ... any
---@return boolean was_waited_for
function pending:answer(id, ...) end

---The same where the answer is an error.
---@param id any
---@param error any
---@return boolean was_waited_for
function pending:fail(id, error) end

---Fails all that are under way: the connection was lost, say.
---@param error any
function pending:fail_all(error) end

---@class calls.options
---@field timeout? number  seconds that an answer is waited for; default 10

---@param options? calls.options
---@return calls.pending
function calls.new(options) end

return calls
