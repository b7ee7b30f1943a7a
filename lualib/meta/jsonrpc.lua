---@meta wsbot.jsonrpc
-- The types of the module `wsbot.jsonrpc`, for editors (LuaCATS) and for reading. Nothing here runs.

---JSON-RPC 2.0 over a connection, both ways: `local jsonrpc = require "wsbot.jsonrpc"`.
---
---A call may wait anywhere, also in on_websocket_connect, which holds up nothing here. After a reload the new code
---makes its own: calls of the old code end with their tasks.
---@class jsonrpc
local jsonrpc = {}

---An error: of an answer, or that a handler raises.
---@class jsonrpc.error
---@field code integer
---@field message string
---@field data? any

---@class jsonrpc.rpc
---@field conn ws.connection
---@field on table<string, fun(params?: table): any>  what answers each method. It runs in a task of its own and may
---wait. What it returns is the result (nil: null). `error { code =, message =, data = }` is the error; any other one
---is -32603 for the peer, and stderr says what it was. 256 run at once, and what comes behind them waits; where the
---requests under way have 16 MiB, others are refused with -32000. A batch of over 10,000 is an invalid request.
local rpc = {}

---Calls a method, and waits. True and the result, as json.decode has it; nil and "error", with the error of the peer;
---nil and "timeout" or "closed" with a message: there was no answer in time, or the connection was not open or ended.
---What is called while it connects is sent when it is open, as with conn:send, and fails with that attempt. A call that
---is larger than max_send_buffer is "send_buffer_full", one that there is no memory for "no_memory"; where the buffer
---is full, room is waited for.
---@param method string
---@param params? table  a list, or by name
---@param timeout? number  seconds; default: that of jsonrpc.new
---@return boolean? ok
---@return any result_or_word
---@return jsonrpc.error|string|nil error
function rpc:call(method, params, timeout) end

---Calls without an answer. As conn:send: true, or nil and a word.
---@param method string
---@param params? table
---@return boolean? ok
---@return string? word
function rpc:notify(method, params) end

---@class jsonrpc.request
---@field method string
---@field params? table
---@field notify? boolean  it has no answer

---@class jsonrpc.answer
---@field result? any
---@field error? jsonrpc.error

---Calls several in one message, and waits for all. True and a list of what came, in the order of the calls (of a
---notification: an empty table); nil and a word, and a message, as with rpc:call.
---@param calls jsonrpc.request[]
---@param timeout? number  seconds, for all together
---@return boolean? ok
---@return jsonrpc.answer[]|string answers_or_word
---@return string? message
function rpc:batch(calls, timeout) end

---@class jsonrpc.options
---@field timeout? number  seconds that a call waits; default 10

---Has a connection speak JSON-RPC. Takes its on_message (an error where one is set); on_close and all others stay the
---script's. Whatever ends the connection ends the calls that are under way, before on_close is called; what handlers
---return after that is dropped. With rotation, an answer to what was asked of the old transport must come within the
---overlap.
---@param conn ws.connection
---@param options? jsonrpc.options
---@return jsonrpc.rpc
function jsonrpc.new(conn, options) end

return jsonrpc
