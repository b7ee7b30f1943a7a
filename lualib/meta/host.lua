---@meta host
-- The types of the module `host`, for editors (LuaCATS) and for reading. Nothing here runs.

---The program that a script runs in. A global, and `require "host"`.
---@class host
---@field script? string  the path of the script
---@field log host.log
host = {}

---One line each on stderr; WSBOT_LOG (debug, info, warn, error) says from which level on. Arguments as with print.
---@class host.log
---@field debug fun(...)
---@field info fun(...)
---@field warn fun(...)
---@field error fun(...)

---@class host.timer
local timer = {}

---The function will not be called (again).
function timer:cancel() end

---Calls `fn` once after `seconds`.
---@param seconds number
---@param fn fun()
---@return host.timer
function host.after(seconds, fn) end

---Calls `fn` every `seconds`: without drift, and what was missed is left out.
---@param seconds number
---@param fn fun()
---@return host.timer
function host.every(seconds, fn) end

---Seconds of a clock that only goes forward.
---@return number
function host.now() end

---Seconds since 1970, with fractions.
---@return number
function host.time() end

---Stops gracefully, as SIGTERM does: on_stop functions run, connections say Close 1001.
---@param status? integer exit status, default 0
function host.stop(status) end

---Has `fn` called when the program stops.
---@param fn fun()
function host.on_stop(fn) end

return host
