-- wsbot.control.summing: what a program has counted, at its end: as text, or as a report for the parent of its pool,
-- which adds up those of its workers. (host/app/control/summary.c calls this.)
local core = require "wsbot.control.core"
local json = require "wsbot.json"
local metrics = require "wsbot.metrics"
local numbers = require "wsbot.control.numbers"
local summary = require "wsbot.summary"

local summing = {}

local function snapshot()
  return numbers.snapshot(core.program(), core.metrics())
end

---- a worker ----

---All that this program has counted, as JSON of at most so many bytes. Metrics that there is no room for are left out.
function summing.report(most)
  local texts, left_out, size = {}, 0, #'{"left_out":,"families":[]}' + 20
  for _, family in ipairs(snapshot()) do
    local ok, text = pcall(json.encode, family) -- there may be no memory for it
    if ok and size + #text + 1 <= most then
      size = size + #text + 1
      texts[#texts + 1] = text
    else
      left_out = left_out + 1
    end
  end
  return ('{"left_out":%d,"families":[%s]}'):format(left_out, table.concat(texts, ","))
end

---- the parent ----

local sum = {}      -- what only grows, of all workers and of all their lives
local gauges = {}   -- by worker, those of its last life
local left_out = {} -- by worker, how many metrics there was no room for

-- Without the series of single workers.
local function merge(list)
  local merged = metrics.merge(list)
  for _, family in ipairs(merged) do
    local series = {}
    for _, one in ipairs(family.series) do
      if not one.worker then series[#series + 1] = one end
    end
    family.series = series
  end
  return merged
end

---Adds the report of a worker. One that was started again has reported before.
function summing.add(worker, text)
  local report, growing, own = json.decode(text), {}, {}
  for _, family in ipairs(report.families) do
    table.insert(family.kind == "gauge" and own or growing, family)
  end
  sum = merge { sum, growing }
  gauges[worker] = own
  if report.left_out > 0 then left_out[worker] = report.left_out end
end

local function merged()
  local list = { sum }
  for _, own in pairs(gauges) do list[#list + 1] = own end
  return merge(list)
end

---- the text ----

-- What is set, and not empty.
local function env(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local function speaks_utf8()
  local locale = env "LC_ALL" or env "LC_CTYPE" or env "LANG" or ""
  return locale:lower():find "utf%-?8" ~= nil
end

local function notes_of(options)
  local notes = {}
  for line in options.notes:gmatch "[^\n]+" do notes[#notes + 1] = line end
  if options.more_notes > 0 then notes[#notes + 1] = ("and %d more"):format(options.more_notes) end
  for worker, n in pairs(left_out) do
    notes[#notes + 1] = ("worker %d has told all but %d metrics, which were too large"):format(worker, n)
  end
  return notes
end

---The summary: options = { seconds = how long the program ran, is_terminal =, is_sum = is it the parent of a pool,
---notes = lines, more_notes = how many lines are not there }.
function summing.text(options)
  local is_plain = not options.is_terminal or env "NO_COLOR" or not env "TERM" or env "TERM" == "dumb"
  return "\n" .. summary.text(options.is_sum and merged() or snapshot(), {
    seconds = options.seconds, utf8 = speaks_utf8(), colours = not is_plain, notes = notes_of(options),
  })
end

return summing
