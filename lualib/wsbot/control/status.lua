-- wsbot.control.status: the web server of --status: /livez, /readyz and /metrics, of this program, or of all workers of
-- a pool.
local core = require "wsbot.control.core"
local host = require "host"
local http = require "wsbot.http.serve"
local metrics = require "wsbot.metrics"
local numbers = require "wsbot.control.numbers"

local LIVES <const> = 10 -- seconds within which a worker's loop has to turn
local LOOKS <const> = 2  -- seconds between two looks at the workers

local pool = core.workers() and require("wsbot.control.pool").new()

---------------------------------------------------------------------------------------------------- workers of a pool

local seen = {}  -- by worker: when it answered last
local lives = {} -- by worker: { pid, snapshot }, as it told last
local past = {}  -- what workers had counted that are no more: a snapshot

local PAST <const> = math.maxinteger -- its place among those of workers: the last, so they say first what a name is

-- What only grows: of a worker that is gone nothing else counts.
local function what_grows(snapshot)
  local families = {}
  for _, family in ipairs(snapshot) do
    if family.kind == "counter" or family.kind == "histogram" then families[#families + 1] = family end
  end
  return families
end

-- What each worker answers, by its number; and, by theirs, why others do not.
local function ask(method)
  local answers, silent = {}, {}
  for _, answer in ipairs(pool:ask(method)) do
    answers[answer.worker] = answer.result
    if answer.result == nil then
      silent[#silent + 1] = ("worker %d: %s"):format(answer.worker, answer.why)
    else
      seen[answer.worker] = host.now()
    end
  end
  return answers, silent
end

-- What all workers have counted. Counters of one that does not answer stay as it told them last, and those of one that
-- has died stay for ever: what is counted must never fall.
local function counted_by_all()
  local now, list = {}, {}
  for _, answer in ipairs(pool:ask "metrics") do
    local before = lives[answer.worker]
    if before and answer.pid ~= 0 and before.pid ~= answer.pid then
      past = metrics.merge { past, what_grows(before.snapshot) }
      lives[answer.worker] = nil
    end
    if answer.result then
      lives[answer.worker] = { pid = answer.pid, snapshot = answer.result }
      now[answer.worker] = true
    end
  end
  for worker, life in pairs(lives) do list[worker] = now[worker] and life.snapshot or what_grows(life.snapshot) end
  list[PAST] = past
  return metrics.merge(list)
end

local function watch_workers()
  for _, worker in ipairs(core.workers()) do seen[worker.worker] = seen[worker.worker] or host.now() end
  ask "program"
end

---------------------------------------------------------------------------------------------------------- made for many

local REST <const> = 20 -- times as long as it took to make

-- Gives a function of a key that returns make(key): who asks while it is made waits for that, and gets the same for
-- `fresh` seconds from then on; and, where that is longer, for so long that making it takes a small part of the time:
-- the bot has the rest. (A pool's parent has no bot.)
local function shared(make, fresh)
  local kept = {} -- by key: { task =, ends = when it is made again }
  local function begin(key)
    local began, one = host.now(), { ends = math.huge }
    one.task = host.spawn(function()
      local answer <const> = make(key)
      one.ends = host.now() + math.max(fresh, pool and 0 or REST * (host.now() - began))
      return answer
    end)
    return one
  end
  return function(key)
    local one = kept[key]
    if not one or host.now() >= one.ends then
      one = begin(key)
      kept[key] = one
    end
    local ok, answer, why = one.task:join()
    if ok then return answer end
    kept[key] = nil
    error(why or answer, 0)
  end
end

------------------------------------------------------------------------------------------------------------ the pages

local function text(status, lines, content_type)
  return { status = status, headers = { ["Content-Type"] = content_type or "text/plain; charset=utf-8",
    ["Cache-Control"] = "no-store" }, body = lines }
end

local pages = {}

pages["/livez"] = function()
  local late = {}
  for _, worker in ipairs(pool and core.workers() or {}) do
    local since = host.now() - (seen[worker.worker] or host.now())
    if since > LIVES then
      late[#late + 1] = ("worker %d has not answered for %d s\n"):format(worker.worker, since // 1)
    end
  end
  return text(#late == 0 and 200 or 503, #late == 0 and "ok\n" or table.concat(late))
end

-- Why it is not ready: a list of places.
local waits_for = shared(function()
  local waits = {}
  if pool then
    local answers
    answers, waits = ask "ready"
    for worker, answer in pairs(answers) do
      if not answer.ready then waits[#waits + 1] = ("worker %d: %s"):format(worker, answer.where) end
    end
  else
    local ready, where = core.ready()
    waits[1] = not ready and where or nil
  end
  table.sort(waits)
  return waits
end, pool and 0.1 or 0)

pages["/readyz"] = function()
  local waits = waits_for "all"
  if #waits == 0 then return text(200, "ok\n") end
  return text(503, "not ready: " .. table.concat(waits, "\nnot ready: ") .. "\n")
end

-- Does the client take OpenMetrics, and Prometheus' own format no better? (RFC 9110 12.5.1, as far as scrapers need it)
local function format_for(accept)
  local function quality(type)
    local parameters = (accept or ""):match(type:gsub("%p", "%%%0") .. "([^,]*)")
    return parameters and (tonumber(parameters:match ";%s*q=([%d.]+)") or 1) or 0
  end
  local open = quality "application/openmetrics-text"
  return open > 0 and open >= quality "text/plain" and "openmetrics" or "prometheus"
end

local metrics_in = shared(function(format)
  local snapshot = pool and counted_by_all() or numbers.snapshot(core.program(), core.metrics())
  return text(200, metrics.text(snapshot, format), metrics.content_types[format])
end, 1)

pages["/metrics"] = function(request) return metrics_in(format_for(request.headers.accept)) end

local function answer(request)
  local page = pages[request.path]
  if not page then return text(404, "there are /livez, /readyz and /metrics\n") end
  if request.method ~= "GET" and request.method ~= "HEAD" then return text(405, "only GET\n") end
  return page(request)
end

-- Begins to listen: the url; or raises.
return function(address, port)
  local ok, server = pcall(http.open, "--status", { host = address, port = port, max_body = 0, handler = answer }, 1)
  if not ok then error((server:gsub("^wsbot[%w.]+:%d+: ", "")), 0) end
  if pool then host.every(LOOKS, watch_workers) end
  return server.url
end
