-- jsonrpc: calls methods of a JSON-RPC 2.0 server, and hears what it calls by itself.
--
--     wsbot scripts/jsonrpc.lua ws://127.0.0.1:8545 add '[1, 2]'              prints the result, as JSON
--     wsbot scripts/jsonrpc.lua ws://127.0.0.1:8545 add '[1, 2]' time         several at once, in one batch
--     wsbot scripts/jsonrpc.lua --listen ws://127.0.0.1:8545 subscribe '["heads"]'   prints what comes, until Ctrl-C
--
-- One idea: a call waits where it stands, also in on_websocket_connect; and whatever ends the connection ends the call.
-- So each login, the first and those after a reconnection, is the same straight line.

local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"

local words = table.move(arg, 1, #arg, 1, {})
local listens = words[1] == "--listen" and table.remove(words, 1)
local url = table.remove(words, 1)

local function fail(status, ...)
  io.stderr:write("jsonrpc: ", ...)
  io.stderr:write "\n"
  os.exit(status, true)
end

if not url or not (listens or words[1]) then
  fail(2, "usage: wsbot scripts/jsonrpc.lua [--listen] URL [METHOD [PARAMS]]...")
end

-- What to call: a word that is JSON has the parameters of the method before it.
local calls = {}
for _, word in ipairs(words) do
  if word:find "^[%[{]" then
    local ok, params = pcall(json.decode, word)
    if not ok then fail(2, word, ": ", params) end
    if not calls[1] or calls[#calls].params then fail(2, word, ": there is no method before it") end
    calls[#calls].params = params
  else
    calls[#calls + 1] = { method = word }
  end
end

local conn = ws.connect { url = url, ping_interval = 30, reconnect = listens and true or nil }
local rpc = jsonrpc.new(conn, { timeout = tonumber(os.getenv "JSONRPC_TIMEOUT") })

function conn.on_error(_, word, message)
  io.stderr:write("jsonrpc: ", word, ": ", message, "\n")
end

------------------------------------------------------------------------------------------------------------ the server

-- Some servers ask whether we are still there.
function rpc.on.ping()
  return "pong"
end

-- All else is printed: methods that nobody has set are made when they are asked for. Notifications come to no more.
setmetatable(rpc.on, { __index = function(_, method)
  return function(params)
    print(method .. " " .. json.encode(params or json.null))
  end
end })

------------------------------------------------------------------------------------------------------------- the calls

-- Prints an answer. True, where it is no error.
local function show(method, answer)
  if not answer.error then
    print(json.encode(answer.result))
    return true
  end
  io.stderr:write(("jsonrpc: %s: error %s: %s\n"):format(method, answer.error.code, answer.error.message))
  return false
end

-- Makes one call, without a batch, which some servers do not know. Gives what rpc:batch does.
local function call_one(method, params)
  local ok, result, why = rpc:call(method, params)
  if ok then return true, { { result = result } } end
  if result == "error" then return true, { { error = why } } end
  return nil, result, why
end

-- Calls all that there is to call. True, where all went well.
local function call_all()
  if not calls[1] then return true end
  local ok, answers, why
  if calls[2] then
    ok, answers, why = rpc:batch(calls)
  else
    ok, answers, why = call_one(calls[1].method, calls[1].params)
  end
  if not ok then
    io.stderr:write(("jsonrpc: %s: %s\n"):format(answers, why))
    return false
  end
  local all_well = true
  for i, answer in ipairs(answers) do all_well = show(calls[i].method, answer) and all_well end
  return all_well
end

local status = 1 -- until all went well

function conn.on_websocket_connect()
  local all_well = call_all()
  if all_well then status = 0 end
  if not listens or not all_well then conn:close() end
end

function conn.on_close()
  if conn.state == "closed" then os.exit(status, true) end
end
