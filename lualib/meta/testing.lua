---@meta wsbot.testing
-- The types of the module `wsbot.testing`. Nothing here runs.

---@class wsbot.testing
local testing = {}

---Stops the clock of the program, so that only clock:advance moves it: host.now, host.time, sleeps, timers, pings,
---timeouts and back-off all follow it.
---@return wsbot.testing.clock
function testing.clock() end

---@class wsbot.testing.clock
local clock = {}

---Moves the clock; what is due on the way happens in its order. Waits until that has happened.
---@param seconds number
function clock:advance(seconds) end

---The real clock goes on from where this one stands.
function clock:close() end

return testing
