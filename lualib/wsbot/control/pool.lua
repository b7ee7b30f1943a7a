-- wsbot.control.pool: what the parent of a pool answers: it asks its workers, each by a socket of its own, and adds up
-- what they say.
local client = require "wsbot.control.client"
local core = require "wsbot.control.core"
local host = require "host"

local pool = {}

-- Gets what code in a worker prints.
function pool.put() end

local connected = {} -- the path of a worker's socket to what speaks with it

local function reach(worker)
  local rpc = connected[worker.path]
  if rpc and rpc.conn.state == "open" then return rpc end
  local why
  rpc, why = client.connect(worker.path)
  connected[worker.path] = rpc
  if rpc then
    function rpc.on.output(params)
      pool.put { text = params.text, worker = worker.worker }
    end
  end
  return rpc, why
end

-- Calls a method of all workers at once, or of the one that `params.worker` says. A list of { worker =, pid =,
-- result =, why = }: `why` is set where there is no result.
function pool.ask(method, params, timeout)
  local asked, answers = {}, {}
  for _, worker in ipairs(core.workers()) do
    if not (params and params.worker) or params.worker == worker.worker then asked[#asked + 1] = worker end
  end
  for i, worker in ipairs(asked) do
    asked[i] = host.spawn(function()
      local rpc, why = reach(worker)
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
function pool.list(method)
  local list = {}
  for _, answer in ipairs(pool.ask(method)) do
    for _, one in ipairs(answer.result or {}) do
      one.worker = answer.worker
      list[#list + 1] = one
    end
  end
  return list
end

local added <const> = { "cpu", "memory", "descriptors", "messages_in", "messages_out", "bytes_in", "bytes_out", "turns",
  "lua_memory", "script_memory", "tasks", "timers" }

-- What a pool says of itself, by what its workers say: sums, the longest lag, and the generation that all have.
function pool.program()
  local sum, answers = core.program(), pool.ask "program"
  sum.workers, sum.silent = #answers, 0
  for _, answer in ipairs(answers) do
    local p = answer.result
    if not p then
      sum.silent = sum.silent + 1
    else
      for _, field in ipairs(added) do sum[field] = (sum[field] or 0) + p[field] end
      for state, n in pairs(p.connections) do sum.connections[state] = (sum.connections[state] or 0) + n end
      sum.lag = math.max(sum.lag, p.lag)
      sum.generation = math.min(sum.generation or p.generation, p.generation)
    end
  end
  return sum
end

return pool
