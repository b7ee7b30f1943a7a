-- wsbot.control.status: the web server of --status: /livez, /readyz and /metrics, of this program, or of all workers of
-- a pool.
local core = require "wsbot.control.core"
local http = require "wsbot.http.serve"
local metrics = require "wsbot.metrics"
local numbers = require "wsbot.control.numbers"

local LIVES <const> = 10 -- seconds within which a worker's loop has to turn

local pool = core.workers() and require("wsbot.control.pool").new()

-- What each worker answers, by its number; and, by theirs, why others do not.
local function ask(method)
  local answers, silent = {}, {}
  for _, answer in ipairs(pool:ask(method, nil, LIVES)) do
    answers[answer.worker] = answer.result
    if answer.result == nil then silent[#silent + 1] = ("worker %d: %s"):format(answer.worker, answer.why) end
  end
  return answers, silent
end

local function text(status, lines, content_type)
  return { status = status, headers = { ["Content-Type"] = content_type or "text/plain; charset=utf-8",
    ["Cache-Control"] = "no-store" }, body = lines }
end

local pages = {}

pages["/livez"] = function()
  local _, silent = nil, {}
  if pool then _, silent = ask "program" end
  if #silent == 0 then return text(200, "ok\n") end
  return text(503, table.concat(silent, "\n") .. "\n")
end

pages["/readyz"] = function()
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

pages["/metrics"] = function(request)
  local format = format_for(request.headers.accept)
  local snapshot = pool and metrics.merge((ask "metrics")) or numbers.snapshot(core.program(), core.metrics())
  return text(200, metrics.text(snapshot, format), metrics.content_types[format])
end

local function answer(request)
  local page = pages[request.path]
  if not page then return text(404, "there are /livez, /readyz and /metrics\n") end
  if request.method ~= "GET" and request.method ~= "HEAD" then return text(405, "only GET\n") end
  return page(request)
end

-- Begins to listen: the url; or raises.
return function(host, port)
  local ok, server = pcall(http.open, "--status", { host = host, port = port, max_body = 0, handler = answer }, 1)
  return ok and server.url or error((server:gsub("^wsbot[%w.]+:%d+: ", "")), 0)
end
