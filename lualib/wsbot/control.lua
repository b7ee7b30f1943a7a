-- wsbot.control: answers whoever is connected to the control socket, in a Lua state of its own. lualib/meta/control.lua
-- has the methods.
local core = require "wsbot.control.core"
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"

local pool = core.workers() and require "wsbot.control.pool"

local FOREVER <const> = 1e9 -- seconds: code may take as long as it likes

local methods = {}

-- An error that the client gets.
local function refuse(message)
  error { code = -32000, message = message }
end

function methods.program()
  return pool and pool.program() or core.program()
end

for _, name in ipairs { "connections", "tasks", "timers" } do
  methods[name] = function()
    return json.array(pool and pool.list(name) or core[name]())
  end
end

function methods.reload()
  local ok, why = core.reload()
  return ok or refuse(why)
end

function methods.back()
  local ok, why = core.back()
  return ok or refuse(why)
end

-------------------------------------------------------------------------------------------------------- code of clients

local last_run = 0

-- An error without the part of its traceback that is ours, and without one that has nothing but the code itself.
local function tidy(message)
  local text, trace = message:match "^(.-)\nstack traceback:\n(.*)$"
  if not text then return message end
  trace = trace:gsub("\t?wsbot%.control%.inside:.*$", ""):gsub("\n$", "")
  text = text:gsub("^wsbot%.control%.inside:%d+: ", "")
  local _, calls = trace:gsub("\t[^%[\n][^\n]*", "")
  return calls > 1 and text .. "\nstack traceback:\n" .. trace or text
end

-- Runs a function of wsbot.control.inside. What it gives. What is printed meanwhile goes to `put`.
local function run(what, text, runs, put)
  last_run = last_run + 1
  local number = last_run
  local ok, why = core.start(number, what, text)
  if not ok then refuse(why) end
  runs[number] = true
  while true do
    local kind, piece = core.wait(number)
    if kind == "result" or kind == "error" then
      runs[number] = nil
      return kind == "result" and piece or refuse(tidy(piece))
    end
    put(piece)
  end
end

local function text_of(params, name)
  local text = params and params[name]
  return type(text) == "string" and text or error { code = -32602, message = name .. " must be a text" }
end

-- The methods by which a client has code run; `runs`: the numbers of what runs for it now.
local function add_runs(rpc, runs)
  function rpc.on.run(params)
    return run("run", text_of(params, "code"), runs, function(text)
      rpc:notify("output", { text = text })
    end)
  end

  function rpc.on.cancel()
    for number in pairs(runs) do core.cancel(number) end
    return true
  end

  function rpc.on.complete(params)
    return run("complete", text_of(params, "line"), runs, error)
  end

  function rpc.on.state()
    return run("state", "", runs, error)
  end
end

-- The same where the code is to run in the workers of a pool: in one that `worker` names, or in all.
local function add_pool_runs(rpc)
  for _, name in ipairs { "run", "complete", "state", "cancel", "back" } do
    rpc.on[name] = function(params)
      return json.array(pool.ask(name, params, FOREVER))
    end
  end
end

----------------------------------------------------------------------------------------------------------- who connects

local clients = {} -- what speaks with each

if pool then
  function pool.put(output)
    for rpc in pairs(clients) do rpc:notify("output", output) end
  end
end

-- Whoever is connected may go in whatever way.
local function nobody_cares() end

return function(conn)
  local runs, rpc = {}, jsonrpc.new(conn)
  clients[rpc] = true
  conn.on_error = nobody_cares
  function conn.on_close()
    clients[rpc] = nil
    for number in pairs(runs) do core.cancel(number) end
  end
  for name, method in pairs(methods) do rpc.on[name] = method end
  if pool then
    add_pool_runs(rpc)
  else
    add_runs(rpc, runs)
  end
end
