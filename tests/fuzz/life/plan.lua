-- plan: what a round is, chosen by its seed: how the program is started, what it meets from outside and when, and how
-- it is to end.
local random = require "random"

local plan = {}

-- How the program is to end, and with which statuses and signals it may.
--   quiet  the script lets go of everything, and nothing more happens
--   term   SIGTERM; int: SIGINT, which may interrupt Lua instead; twice: two signals, of which the second ends it
--   stop   host.stop(status); exit: os.exit(status)
local ends = { { 8, "quiet" }, { 4, "term" }, { 2, "int" }, { 1, "twice" }, { 2, "stop" }, { 1, "exit" } }

local by_signal = { term = true, int = true, twice = true }

-- What may be saved in place of the script.
local edits = { { 6, "same" }, { 2, "broken" }, { 2, "fails" }, { 1, "empty" }, { 2, "fails later" } }

-- What comes from outside while it runs, in order: { at = seconds, what = "hup" or "save", how = an edit }.
local function weather(r, p)
  local list = {}
  for _ = 1, r:number(0, 5) do
    local what = p.watch and r:chance(50) and "save" or "hup"
    local how = what == "save" or r:chance(30)
    list[#list + 1] = { at = r:number(0, 1000) / 1000 * p.seconds, what = what, how = how and r:weighed(edits) }
  end
  table.sort(list, function(a, b) return a.at < b.at end)
  return list
end

function plan.of(seed)
  local r = random.stream(seed, "plan")
  local p = { seed = seed, seconds = r:number(3, 20) / 10, allowed = { [0] = true }, signals = { [0] = true } }
  p.ends = r:weighed(ends)
  p.watch = r:chance(15)
  p.memory = r:chance(25) and r:number(2, 24) or nil
  p.strict = r:chance(10)
  p.workers = r:chance(5) and 2 or nil
  p.records = r:chance(10)
  p.json_log = r:chance(10)
  p.weather = weather(r, p)
  -- who may not end by itself is told to: with --watch it waits for a save, without memory it may not let go
  if p.memory and p.ends == "quiet" or p.watch and not by_signal[p.ends] or p.workers then p.ends = "term" end
  p.by_signal = by_signal[p.ends]
  if p.memory or p.strict then p.allowed[1] = true end
  -- the second signal ends it at once, and so does one that finds it at its end already
  if p.ends == "int" or p.ends == "twice" or p.allowed[1] and p.by_signal then
    p.signals[2], p.signals[15] = true, true
  end
  return p
end

-- The options of `wsbot run`. `folder` is for what it writes.
function plan.flags(p, folder)
  local flags = {}
  local function add(...)
    for _, word in ipairs { ... } do
      flags[#flags + 1] = tostring(word)
    end
  end
  if p.watch then add "--watch" end
  if p.memory then add("--max-memory", p.memory) end
  if p.strict then add "--strict" end
  if p.workers then add("--workers", p.workers) end
  if p.records then add("--record", folder .. "/record") end
  if p.json_log then add("--log-format", "json") end
  return flags
end

return plan
