---@meta wsbot.testing
-- The types of the module `wsbot.testing`. Nothing here runs.

---What tests of bots need beside busted; `wsbot test` runs both.
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

---The real clock goes on from where this one stands. Also as `local clock <close>`.
function clock:close() end

---How a server answers the opening handshake.
---@class wsbot.testing.server.options
---@field protocols? string[]   the first offered one of them is chosen; default: the first offered
---@field compression? boolean  agrees on permessage-deflate where it is offered; default false
---@field headers? table<string, string|string[]>  more lines of its answer
---@field refuse? { status?: integer, reason?: string, headers?: table<string, string|string[]>, body?: string }

---A WebSocket server on a free port of loopback, whose side a test plays. Also as `local peer <close>`.
---@param options? wsbot.testing.server.options
---@return wsbot.testing.server
function testing.server(options) end

---@class wsbot.testing.server
---@field url string
local server = {}

---Waits for the next connection whose opening handshake is done, or was refused.
---@param timeout? number seconds
---@return wsbot.testing.session?
---@return "timeout"|"closed"? why_not
function server:accept(timeout) end

function server:close() end

---@class wsbot.testing.session
---@field request { target: string, path: string, query?: string, headers: table<string, string>, text: string }
---@field state "open"|"closing"|"closed"
---@field pings integer  how many came
---@field pongs integer
local session = {}

---Waits for the next message.
---@param timeout? number seconds
---@return string? data
---@return ws.kind|"timeout"|"closed" kind  or why there is none
---@return integer? code    of a close
---@return string? reason
function session:receive(timeout) end

---The next message is this text, or one that the function does not answer with false. Raises an error that says where
---they differ.
---@param expected string|fun(data: string, kind: ws.kind): boolean?
---@param timeout? number seconds, default 5
---@return string data
---@return ws.kind kind
function session:expect(expected, timeout) end

---@param data string
---@param kind? ws.kind default "text"
function session:send(data, kind) end

---Sends bytes as they are, right or wrong.
---@param bytes string
function session:send_raw(bytes) end

---@param data? string
function session:ping(data) end

---@param code? integer default 1000
---@param reason? string
function session:close(code, reason) end

---Silent from now on: reads nothing, and so answers nothing.
function session:stall() end
function session:resume() end

---Ends the connection with RST.
function session:drop() end

return testing
