-- wsbot.metrics: what was counted, as text that Prometheus reads, and that of several workers added up.
--
-- A snapshot is a list of families, { name =, kind =, help =, labels = { names }, dropped =, series = { ... } }, as
-- host/script/l_metrics.h has them. A series is { labels = { values }, value = } or, of a histogram, { labels =,
-- count =, sum =, min =, max =, buckets = { { lower edge, count }, ... } }, in the order of the edges; neither min nor
-- max where it is empty. Kinds are "counter", "gauge", "histogram" and "info", whose value is 1. What the host counts
-- by itself is added to the list in the same shape, with names that begin with wsbot_; `labels`, `help` and `dropped`
-- may be left out. A snapshot may come by JSON.
local json = require "wsbot.json"

local metrics = {}

-- The types of what text() gives.
metrics.content_types = {
  prometheus = "text/plain; version=0.0.4; charset=utf-8",
  openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8",
}

-- Labels have no zeros in them.
local function key_of(series)
  return table.concat(series.labels or {}, "\0") .. "\0\0" .. (series.worker or "")
end

local function sorted(list, key)
  local copy = table.move(list, 1, #list, 1, {})
  table.sort(copy, function(a, b) return key(a) < key(b) end)
  return copy
end

---- several workers ----

local function least(a, b) return a and b and math.min(a, b) or a or b end
local function most(a, b) return a and b and math.max(a, b) or a or b end

-- Two lists of buckets, each in order, as one.
local function merge_buckets(a, b)
  local all, i, j = {}, 1, 1
  while a[i] or b[j] do
    local x, y = a[i], b[j]
    if x and y and x[1] == y[1] then
      all[#all + 1] = { x[1], x[2] + y[2] }
      i, j = i + 1, j + 1
    elseif not y or x and x[1] < y[1] then
      all[#all + 1] = x
      i = i + 1
    else
      all[#all + 1] = y
      j = j + 1
    end
  end
  return all
end

-- How the series of a kind are added up: `sum` is changed.
local add = {}

function add.counter(sum, series) sum.value = (sum.value or 0) + series.value end
add.gauge = add.counter

function add.info(sum) sum.value = 1 end

function add.histogram(sum, series)
  sum.count = (sum.count or 0) + series.count
  sum.sum = (sum.sum or 0) + series.sum
  sum.min, sum.max = least(sum.min, series.min), most(sum.max, series.max)
  sum.buckets = merge_buckets(sum.buckets or {}, series.buckets)
end

local function is_same(a, b)
  return a.kind == b.kind and table.concat(a.labels or {}, "\0") == table.concat(b.labels or {}, "\0")
end

-- Adds a family of one worker to `merged`; `places` has its series by their labels.
local function add_family(merged, places, family, worker)
  merged.dropped = merged.dropped + (family.dropped or 0)
  if merged.help == "" then merged.help = family.help or "" end
  for _, series in ipairs(family.series) do
    local key = key_of(series)
    local sum = places[key]
    if not sum then
      sum = { labels = series.labels }
      places[key] = sum
      table.insert(merged.series, sum)
    end
    if family.is_time then
      sum.value = least(sum.value, series.value)
    else
      add[merged.kind](sum, series)
    end
    if merged.kind == "gauge" then
      table.insert(merged.series, { labels = series.labels, worker = tostring(worker), value = series.value })
    end
  end
end

local function workers_of(list)
  local workers = {}
  for worker in pairs(list) do workers[#workers + 1] = worker end
  table.sort(workers)
  return workers
end

---Adds up the snapshots of several workers. Of a gauge there is the sum, and a series with the label `worker` for each;
---of a family with `is_time` not the sum, but the earliest.
---Where workers differ in what a name is, as in the middle of a reload, the first of them counts.
---@param list table<integer, table[]> snapshots by the number of their worker; some may be missing
---@return table[] snapshot
function metrics.merge(list)
  local all, by_name, places = {}, {}, {}
  for _, worker in ipairs(workers_of(list)) do
    for _, family in ipairs(list[worker]) do
      local merged = by_name[family.name]
      if not merged then
        merged = { name = family.name, kind = family.kind, help = "", labels = family.labels, dropped = 0, series = {} }
        by_name[family.name], places[merged] = merged, {}
        all[#all + 1] = merged
      end
      if is_same(merged, family) then add_family(merged, places[merged], family, worker) end
    end
  end
  return all
end

---- text ----

-- With what the name of a sample ends.
local endings = { counter = "_total", info = "_info" }

-- What stands where a script gives no help: promtool wants some.
local no_help = {
  counter = "Counted by the script.", gauge = "Set by the script.", histogram = "Observed by the script.",
  info = "Said by the program.",
}

local escapes = { ["\\"] = "\\\\", ["\n"] = "\\n", ['"'] = '\\"' }

-- In the fewest digits that read back as the same number.
local function number_text(x)
  if x ~= x then return "NaN" end
  if x == math.huge or x == -math.huge then return x > 0 and "+Inf" or "-Inf" end
  local whole = math.abs(x) < 2 ^ 53 and math.tointeger(x)
  return whole and ("%d"):format(whole) or json.encode(x)
end

-- { name, value, name, value ... } as text; "" for none.
local function labels_text(pairs_of)
  local list = {}
  for i = 1, #pairs_of, 2 do
    list[#list + 1] = ('%s="%s"'):format(pairs_of[i], pairs_of[i + 1]:gsub('[\\\n"]', escapes))
  end
  return #list > 0 and "{" .. table.concat(list, ",") .. "}" or ""
end

local function labels_of(family, series)
  local list = {}
  for i, name in ipairs(family.labels or {}) do
    list[#list + 1] = name
    list[#list + 1] = series.labels[i]
  end
  if series.worker then
    list[#list + 1] = "worker"
    list[#list + 1] = series.worker
  end
  return list
end

---- the bounds of a histogram: 1, 2.5 and 5 in each decade ----

local digits = { "1", "25", "5" } -- a bound is "25" and its decade: 2.5 * 10^decade

local function bound_value(which, decade)
  return tonumber(("%se%d"):format(digits[which], decade - #digits[which] + 1))
end

-- As Go prints it; `point` is what whole numbers end in.
local function bound_text(which, decade, point)
  local text = digits[which]
  if decade > 5 or decade < -4 then
    return text:gsub("^(.)(.)", "%1.%2") .. ("e%s%02d"):format(decade < 0 and "-" or "+", math.abs(decade))
  elseif decade < 0 then
    return "0." .. ("0"):rep(-decade - 1) .. text
  elseif decade + 1 < #text then
    return text:gsub("^(.)", "%1.")
  end
  return text .. ("0"):rep(decade + 1 - #text) .. point
end

local function decade_of(x)
  local decade = math.floor(math.log(x, 10))
  return bound_value(1, decade + 1) <= x and decade + 1 or decade
end

-- The bounds over all decades that any series of the family has values in; so all of them have the same.
local function bounds_of(family, point)
  local first, last
  for _, series in ipairs(family.series) do
    for _, bucket in ipairs(series.buckets) do
      if bucket[1] > 0 then first, last = least(first, bucket[1]), most(last, bucket[1]) end
    end
  end
  local bounds = {}
  if not first then return bounds end
  for decade = decade_of(first), decade_of(last) do
    for which = 1, #digits do
      bounds[#bounds + 1] = { value = bound_value(which, decade), text = (bound_text(which, decade, point)) }
    end
  end
  local next_decade = decade_of(last) + 1
  bounds[#bounds + 1] = { value = bound_value(1, next_decade), text = (bound_text(1, next_decade, point)) }
  return bounds
end

---- families ----

local function put_buckets(out, name, labels, series, bounds)
  local i, n = 1, 0
  local function put(le)
    local with_le = table.move(labels, 1, #labels, 1, {})
    with_le[#with_le + 1] = "le"
    with_le[#with_le + 1] = le
    out[#out + 1] = ("%s_bucket%s %s\n"):format(name, labels_text(with_le), number_text(n))
  end
  for _, bound in ipairs(bounds) do
    while series.buckets[i] and series.buckets[i][1] <= bound.value do
      n = n + series.buckets[i][2]
      i = i + 1
    end
    put(bound.text)
  end
  n = series.count
  put "+Inf"
end

-- OpenMetrics wants sums that only grow, and no count without one.
local function has_sum(series, format)
  return format == "prometheus" or (series.min or 0) >= 0
end

local function put_histogram(out, family, name, format)
  local bounds = bounds_of(family, format == "openmetrics" and ".0" or "")
  for _, series in ipairs(sorted(family.series, key_of)) do
    local labels = labels_of(family, series)
    put_buckets(out, name, labels, series, bounds)
    if has_sum(series, format) then
      local text = labels_text(labels)
      out[#out + 1] = ("%s_sum%s %s\n"):format(name, text, number_text(series.sum))
      out[#out + 1] = ("%s_count%s %s\n"):format(name, text, number_text(series.count))
    end
  end
end

local function put_values(out, family, name)
  for _, series in ipairs(sorted(family.series, key_of)) do
    out[#out + 1] = ("%s%s %s\n"):format(name, labels_text(labels_of(family, series)), number_text(series.value))
  end
end

-- The name without what is added to it anyway.
local function plain_name(family)
  local ending = endings[family.kind]
  return ending and family.name:match("^(.+)" .. ending .. "$") or family.name
end

local function put_head(out, name, kind, help, format)
  help = help:gsub(format == "openmetrics" and '[\\\n"]' or "[\\\n]", escapes)
  out[#out + 1] = ("# HELP %s %s\n# TYPE %s %s\n"):format(name, help, name, kind)
end

local function put_family(out, family, format)
  if #family.series == 0 then return end
  local name, kind = plain_name(family), family.kind
  local full = name .. (endings[kind] or "")
  local help = family.help or ""
  if help == "" then help = no_help[kind] end
  if format == "prometheus" then
    put_head(out, full, kind == "info" and "gauge" or kind, help, format)
  else
    put_head(out, name, kind, help, format)
  end
  if kind == "histogram" then
    put_histogram(out, family, name, format)
  else
    put_values(out, family, full)
  end
end

-- What there was no room for, as a family of its own.
local function dropped_of(snapshot)
  local series = {}
  for _, family in ipairs(snapshot) do
    if (family.dropped or 0) > 0 then series[#series + 1] = { labels = { family.name }, value = family.dropped } end
  end
  return {
    name = "wsbot_metrics_dropped", kind = "counter", labels = { "metric" }, series = series,
    help = "Values that were dropped, as there was no room for their labels.",
  }
end

---The text of a snapshot, of one worker or merged: "prometheus" is its text format 0.0.4, "openmetrics" is OpenMetrics
---1.0.
---@param snapshot table[]
---@param format "prometheus"|"openmetrics"
---@return string
function metrics.text(snapshot, format)
  assert(metrics.content_types[format], "the format is 'prometheus' or 'openmetrics'")
  local out, families = {}, table.move(snapshot, 1, #snapshot, 1, {})
  families[#families + 1] = dropped_of(snapshot)
  for _, family in ipairs(sorted(families, plain_name)) do put_family(out, family, format) end
  if format == "openmetrics" then out[#out + 1] = "# EOF\n" end
  return table.concat(out)
end

return metrics
