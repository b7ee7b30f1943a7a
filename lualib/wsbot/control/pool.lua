-- wsbot.control.pool: what the parent of a pool answers: it asks its workers, each by its own socket, and puts together
-- what they say. Each client has connections of its own to the workers, so what runs for it goes with it.
local client = require "wsbot.control.client"
local core = require "wsbot.control.core"
local host = require "host"
local json = require "wsbot.json"

local pool = {}
pool.__index = pool

-- What a worker tells by itself is told to the client, with the worker's number.
local function pass_on(self, rpc, worker)
  for _, name in ipairs { "output", "events" } do
    rpc.on[name] = function(params)
      params.worker = worker.worker
      if params.events then json.array(params.events) end
      if self.rpc then self.rpc:notify(name, params) end
    end
  end
end

local function reach(self, worker)
  local known = self.connected[worker.path]
  if known and known.conn.state == "open" then return known end
  local rpc, why = client.connect(worker.path)
  self.connected[worker.path] = rpc
  if rpc then pass_on(self, rpc, worker) end
  return rpc, why
end

-- Calls a method of all workers at once, or of the one that `params.worker` says. A list of { worker =, pid =,
-- result =, why = }: `why` is set where there is no result.
function pool:ask(method, params, timeout)
  local asked, answers = {}, {}
  for _, worker in ipairs(core.workers()) do
    if not (params and params.worker) or params.worker == worker.worker then asked[#asked + 1] = worker end
  end
  for i, worker in ipairs(asked) do
    asked[i] = host.spawn(function()
      local rpc, why = reach(self, worker)
      local result
      if rpc then result, why = client.call(rpc, method, params, timeout) end
      return { worker = worker.worker, pid = worker.pid, result = result, why = result == nil and why or nil }
    end)
  end
  for i, task in ipairs(asked) do
    local _, answer = task:join()
    answers[i] = answer
  end
  return answers
end

-- One list of all that workers gave, each entry with its worker.
local function list(self, method, params)
  local all = {}
  for _, answer in ipairs(self:ask(method, params)) do
    for _, one in ipairs(answer.result or {}) do
      one.worker = answer.worker
      all[#all + 1] = one
    end
  end
  return all
end

local added <const> = { "cpu", "memory", "descriptors", "messages_in", "messages_out", "bytes_in", "bytes_out", "turns",
  "lua_memory", "script_memory", "tasks", "timers", "attempts", "opened", "lua_time", "collections", "peak_memory" }

-- Adds ways to end to those of the sum.
local function add_ends(sum, ends)
  sum.ends = sum.ends or {}
  for _, one in ipairs(ends or {}) do
    local same
    for _, known in ipairs(sum.ends) do
      if known.code == one.code and known.word == one.word then same = known end
    end
    if same then same.count = same.count + one.count else sum.ends[#sum.ends + 1] = one end
  end
end

-- What a pool says of itself, by what its workers say: sums, the longest lag, and the generation that all have.
local function program(self)
  local sum, answers = core.program(), self:ask "program"
  sum.workers, sum.silent = #answers, 0
  for _, answer in ipairs(answers) do
    local p = answer.result
    if not p then
      sum.silent = sum.silent + 1
    else
      for _, field in ipairs(added) do sum[field] = (sum[field] or 0) + p[field] end
      for state, n in pairs(p.connections) do sum.connections[state] = (sum.connections[state] or 0) + n end
      add_ends(sum, p.ends)
      sum.lag = math.max(sum.lag, p.lag)
      sum.generation = math.min(sum.generation or p.generation, p.generation)
    end
  end
  return sum
end

-- Without a client, for who only asks.
function pool.new(rpc)
  return setmetatable({ rpc = rpc, connected = {} }, pool)
end

-- Has the client's calls answered. `looks`: the methods that give what is to be seen.
function pool:serve(looks)
  local rpc = self.rpc
  for _, name in ipairs(looks) do
    rpc.on[name] = function(params) return json.array(list(self, name, params)) end
  end
  rpc.on.program = function() return program(self) end
  for _, name in ipairs { "run", "complete", "state", "cancel", "back", "watch", "unwatch", "metrics",
    "ready", "profile" } do
    rpc.on[name] = function(params) return json.array(self:ask(name, params, client.FOREVER)) end
  end
end

-- The client has gone.
function pool:close()
  for _, rpc in pairs(self.connected) do rpc.conn:close() end
end

return pool
