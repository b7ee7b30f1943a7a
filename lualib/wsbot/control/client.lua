-- wsbot.control.client: finds this user's running programs by their sockets, and calls their methods.
local host = require "host"
local jsonrpc = require "wsbot.jsonrpc"
local ws = require "ws"

local PATIENCE <const> = 2 -- seconds that a program may take to answer

local SILENT <const> = "it does not answer: its loop does not turn, as Lua code runs on, or it was stopped"

local client = { SILENT = SILENT, FOREVER = 1e9 } -- seconds: code in a program may take as long as it likes

-- The options of ws.connect for a socket, with these in addition.
function client.options(path, more)
  local options = {
    url = "ws+unix:" .. path .. ":/", connect_timeout = PATIENCE, handshake_timeout = PATIENCE, compression = false,
    reconnect = false, max_message_size = 64 << 20,
  }
  for name, value in pairs(more) do options[name] = value end
  return options
end

-- Connects to a socket, within `patience` seconds (2). What speaks JSON-RPC on it; nil and why there is none.
function client.connect(path, patience)
  local failure
  patience = patience or PATIENCE
  local conn = ws.connect(client.options(path, {
    connect_timeout = patience, handshake_timeout = patience,
    on_error = function(_, word, message) failure = word == "timeout" and SILENT or message or word end,
  }))
  local rpc = jsonrpc.new(conn, { timeout = PATIENCE })
  if not conn:opened(patience) then
    conn:destroy()
    return nil, failure or SILENT
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
    local ok, result = task:join()
    if ok then results[#results + 1] = result end
  end
  return results
end

-- The name and the script of a process that does not tell them, by its command line, where the system shows that.
function client.guess(pid)
  local file = io.open(("/proc/%d/cmdline"):format(pid), "rb")
  local words = file and file:read "a" or ""
  if file then file:close() end
  local name, script
  for word in words:gmatch "[^\0]+" do script = script or word:match "^[^-].*%.lua$" end
  name = words:match "\0%-%-name[=\0]([^\0]+)" or script and script:match "([^/]*)%.lua$"
  return name or "?", script or ""
end

local numbers <const> = { "pid", "now", "since", "cpu", "memory", "lag", "messages_in", "messages_out" }

-- Is that what a program of this version says of itself?
function client.is_program(p)
  if type(p) ~= "table" or type(p.name) ~= "string" or type(p.connections) ~= "table" then return false end
  for _, field in ipairs(numbers) do
    if type(p[field]) ~= "number" then return false end
  end
  for _, count in pairs(p.connections) do
    if type(count) ~= "number" then return false end
  end
  return true
end

-- What a program says of itself; of one that does not answer what is known without it.
function client.program(socket)
  local rpc, why = client.connect(socket.path)
  local program = rpc and client.call(rpc, "program")
  if rpc then rpc.conn:destroy() end
  if not client.is_program(program) then
    program = { pid = socket.pid, name = client.guess(socket.pid), silence = why or SILENT }
  end
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
  local found, programs = {}, client.each(client.program)
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
