-- wsbot.control.client: finds this user's running programs by their sockets, and calls their methods.
local host = require "host"
local jsonrpc = require "wsbot.jsonrpc"
local ws = require "ws"

local PATIENCE <const> = 2 -- seconds that a program may take to answer

local client = { FOREVER = 1e9 } -- seconds: code in a program may take as long as it likes

-- The options of ws.connect for a socket, with these in addition.
function client.options(path, more)
  local options = {
    url = "ws+unix:" .. path .. ":/", connect_timeout = PATIENCE, handshake_timeout = PATIENCE, compression = false,
    reconnect = false, max_message_size = 64 << 20,
  }
  for name, value in pairs(more) do options[name] = value end
  return options
end

-- Connects to a socket. What speaks JSON-RPC on it; nil and why there is none.
function client.connect(path)
  local failure
  local conn = ws.connect(client.options(path, {
    on_error = function(_, word, message) failure = message or word end,
  }))
  local rpc = jsonrpc.new(conn, { timeout = PATIENCE })
  if not conn:opened(PATIENCE) then
    conn:destroy()
    return nil, failure or "it does not answer"
  end
  return rpc
end

-- Calls a method once the program is connected to. Its result; nil and why not.
function client.call(rpc, method, params, timeout)
  local ok, result, e = rpc:call(method, params, timeout)
  if ok then return result end
  return nil, type(e) == "table" and e.message or tostring(e)
end

-- Calls `each(socket)` for each of the programs, all at once, and waits for all. A list of what it gave, in the order
-- of the processes.
function client.each(each)
  local sockets, tasks, results = {}, {}, {}
  for _, socket in ipairs(require("wsbot.control.folder").sockets()) do
    if socket.worker == 0 then sockets[#sockets + 1] = socket end
  end
  table.sort(sockets, function(a, b) return a.pid < b.pid end)
  for i, socket in ipairs(sockets) do tasks[i] = host.spawn(each, socket) end
  for _, task in ipairs(tasks) do
    local _, result = task:join()
    results[#results + 1] = result
  end
  return results
end

-- What a program says of itself; of one that does not answer the process alone.
local function program_of(socket)
  local rpc, why = client.connect(socket.path)
  local program = rpc and client.call(rpc, "program")
  if rpc then rpc.conn:destroy() end
  program = program or { pid = socket.pid, silent = why or "it does not answer" }
  program.path = socket.path
  return program
end

local function names_of(programs)
  local names = {}
  for i, p in ipairs(programs) do names[i] = ("%s (%d)"):format(p.name or "?", p.pid) end
  return table.concat(names, ", ")
end

-- The program that is meant by a name or a process; without one, the only one that runs. nil and why there is none.
function client.find(wanted)
  local found, programs = {}, client.each(program_of)
  for _, p in ipairs(programs) do
    if wanted == nil or p.name == wanted or tostring(p.pid) == wanted then found[#found + 1] = p end
  end
  if #found == 1 then return found[1] end
  if #programs == 0 then return nil, "no program of yours runs that could be looked into" end
  if #found == 0 then return nil, ("no program is called '%s'; there are %s"):format(wanted, names_of(programs)) end
  if wanted then return nil, ("several are called '%s': say which process: %s"):format(wanted, names_of(found)) end
  return nil, "several programs run: say which: " .. names_of(found)
end

return client
