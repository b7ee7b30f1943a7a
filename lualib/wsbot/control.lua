-- wsbot.control: answers whoever is connected to the control socket, in a Lua state of its own. lualib/meta/control.lua
-- has the methods. A pool's parent answers by what its workers say (wsbot.control.pool).
local core = require "wsbot.control.core"
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local numbers = require "wsbot.control.numbers"
local profile = require "wsbot.profile"

local INVALID_PARAMS <const>, REFUSED <const> = -32602, -32000
local RUNS <const> = 8 -- pieces of code that may run for a client at once
local BEHIND <const> = 1 << 20 -- bytes that wait for a client: it is told nothing more until it has read them

-- An error that the client gets.
local function refuse(message, code)
  error { code = code or REFUSED, message = message }
end

local function text_of(params, name)
  local text = params and params[name]
  return type(text) == "string" and text or refuse(name .. " must be a text", INVALID_PARAMS)
end

----------------------------------------------------------------------------------------------------- what is to be seen

local looks = { "program", "connections", "tasks", "timers", "generations", "log" }

local function log()
  local lines = {}
  for line in core.log():gmatch "[^\n]+" do
    local is_whole, told = pcall(json.decode, line) -- memory may have been refused in the middle of one
    if is_whole then lines[#lines + 1] = told end
  end
  return lines
end

local function add_looks(on)
  for _, name in ipairs(looks) do
    local look = name == "log" and log or core[name]
    on[name] = function()
      local result = look()
      return name == "program" and result or json.array(result)
    end
  end
end

-- For the parent of a pool.
local function add_counts(on)
  function on.metrics()
    return json.array(numbers.snapshot(core.program(), core.metrics()))
  end

  function on.ready()
    local ready, where = core.ready()
    return { ready = ready, where = where }
  end
end

local PROFILE_MOST <const> = 60 -- seconds

local function add_profile(on)
  function on.profile(params)
    local seconds = params and params.seconds
    if type(seconds) ~= "number" or not (seconds > 0 and seconds <= PROFILE_MOST) then
      refuse(("seconds must be a number up to %d"):format(PROFILE_MOST), INVALID_PARAMS)
    end
    local running, why = profile.begin()
    if not running then refuse(why) end
    local sampled <close> = running
    host.sleep(seconds)
    return sampled:folded()
  end
end

-------------------------------------------------------------------------------------------------------- code of clients

-- An error without the part of its traceback that is ours, and without one that has nothing but the code itself.
local function tidy(message)
  local text, trace = message:match "^(.-)\nstack traceback:\n(.*)$"
  if not text then return message end
  trace = trace:gsub("\t?wsbot%.control%.inside:.*$", ""):gsub("\n$", "")
  text = text:gsub("^wsbot%.control%.inside:%d+: ", "")
  local _, calls = trace:gsub("\t[^%[\n][^\n]*", "")
  return calls > 1 and text .. "\nstack traceback:\n" .. trace or text
end

local last_number = 0 -- of a run, or a watch

local function next_number()
  last_number = last_number + 1
  return last_number
end

-- Runs a function of wsbot.control.inside, whose number is in `runs` meanwhile. What it gives. What is printed goes to
-- `put`.
local function run(what, text, runs, put)
  local number, count = next_number(), 0
  for _ in pairs(runs) do count = count + 1 end
  if count == RUNS then refuse "too much code runs for this client already" end
  local ok, why = core.start(number, what, text)
  if not ok then refuse(why) end
  runs[number] = true
  while true do
    local kind, piece = core.wait(number)
    if kind == "output" then
      put(piece)
    else
      runs[number] = nil
      return kind == "result" and piece or refuse(tidy(piece or "it was cancelled"))
    end
  end
end

local function add_runs(on, rpc, runs)
  function on.run(params)
    return run("run", text_of(params, "code"), runs, function(text)
      rpc:notify("output", { text = text })
    end)
  end

  function on.cancel()
    for number in pairs(runs) do core.cancel(number) end
    return true
  end

  function on.complete(params)
    return run("complete", text_of(params, "line"), runs, error)
  end

  function on.state()
    return run("state", "", runs, error)
  end
end

----------------------------------------------------------------------------------------------------------- what goes on

-- Sends what is told until the watch ends. The lines are JSON already.
local function follow(rpc, number)
  while true do
    local lines, told, seen = core.take(number)
    if not lines then return end
    local events = lines:sub(1, -2):gsub("\n", ",")
    rpc.conn:send(('{"jsonrpc":"2.0","method":"events","params":{"seen":%d,"shown":%d,"events":[%s]}}'):format(seen,
      told, events))
    if rpc.conn.buffered_amount > BEHIND then rpc.conn:drain() end
  end
end

local levels = { debug = true, info = true, warn = true, error = true }

local function add_watch(on, rpc)
  local number

  function on.unwatch()
    if number then core.unwatch(number) end
    number = nil
    return true
  end

  function on.watch(params)
    params = params or {}
    local next_one = next_number()
    local level = params.log or params.trace and "error" or nil
    if level and not levels[level] then refuse("log must be debug, info, warn or error", INVALID_PARAMS) end
    if not pcall(core.watch, next_one, params.connection, params.messages, level, params.trace) then
      refuse("trace must be conn, tls, dial, reload or task, parted by commas, or all", INVALID_PARAMS)
    end
    on.unwatch()
    number = next_one
    host.spawn(follow, rpc, number)
    return true
  end
end

----------------------------------------------------------------------------------------------------------- who connects

local function reloading(ask)
  return function()
    local ok, why = ask()
    return ok or refuse(why)
  end
end

local REST <const> = 20   -- times as long as its answers have taken, a client is not read;
local OWED <const> = 0.02 -- seconds, from which on

-- Has all methods of a client, as they are now, take a small part of the time: the bot has the rest.
local function bound(conn, on)
  local owed, rests = 0, false
  local function go_on()
    owed, rests = 0, false
    conn:resume()
  end
  for name, method in pairs(on) do
    on[name] = function(params)
      while conn.buffered_amount > BEHIND and conn:drain() do end -- no answers are made that nobody reads
      local began = host.now()
      local result = method(params)
      owed = owed + REST * (host.now() - began)
      if owed > OWED and not rests then
        rests = true
        conn:pause()
        host.after(math.min(owed, 1), go_on)
      end
      return result
    end
  end
end

-- Whoever is connected may go in whatever way.
local function nobody_cares() end

return function(conn)
  local rpc = jsonrpc.new(conn)
  local on, runs = rpc.on, {}
  conn.on_error = nobody_cares
  on.reload = reloading(core.reload)
  if core.workers() then
    local pool = require("wsbot.control.pool").new(rpc)
    pool:serve(looks)
    conn.on_close = function() pool:close() end
    return
  end
  on.back = reloading(core.back)
  add_looks(on)
  add_counts(on)
  bound(conn, on)
  add_profile(on)
  add_runs(on, rpc, runs)
  add_watch(on, rpc)
  function conn.on_close()
    on.cancel()
    on.unwatch()
  end
end
