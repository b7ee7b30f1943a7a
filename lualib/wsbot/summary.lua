-- wsbot.summary: what a program has counted, as text for the end of a load test.
local shown = require "wsbot.shown"

local summary = {}

local WIDTH <const> = 80
local NAME_LEAST <const>, NAME_MOST <const> = 20, 28 -- columns of a name and its dots
local PLOT_MOST <const> = 40                         -- columns of a plot
local SERIES_MOST <const> = 20                       -- sets of labels of one name
local SLOW <const> = 0.02                            -- seconds of a turn of the loop that is told of
local BRIEF <const> = 0.1                            -- seconds of a run that is mostly its beginning and its end

---- numbers ----

-- Whatever the script has made of the locale.
local function format(pattern, x)
  return (pattern:format(x):gsub(",", "."))
end

-- With three digits that matter: "1.23", "12.3", "123".
local function three(x)
  local text = format(x < 9.995 and "%.2f" or x < 99.95 and "%.1f" or x < 99999.5 and "%.0f" or "%.3g", x)
  return text:find(".", 1, true) and text:gsub("0+$", ""):gsub("%.$", "") or text
end

local function scaled(x, step, units)
  local last = #units
  for i, unit in ipairs(units) do
    if x < step * 0.9995 or i == last then return three(x) .. unit end
    x = x / step
  end
end

-- How a number is shown that counts seconds, bytes or anything, and is not negative.
local units = {}

function units.seconds(x, micro)
  if x == 0 then return "0s" end
  if x < 0.9995 then return scaled(x * 1e9, 1000, { "ns", micro, "ms" }) end
  if x < 59.95 then return three(x) .. "s" end
  if x < 3599.5 then return ("%dm%02ds"):format((x + 0.5) // 60, (x + 0.5) // 1 % 60) end
  return ("%dh%02dm"):format(x // 3600, x % 3600 // 60)
end

function units.bytes(x)
  return scaled(x, 1000, { " B", " kB", " MB", " GB", " TB", " PB" })
end

function units.plain(x)
  local whole = math.tointeger(x)
  if whole and whole < 10 ^ 6 then return ("%d"):format(whole) end
  if x < 0.9995 then return format("%.3g", x) end
  if x < 1000 then return three(x) end
  return scaled(x, 1000, { "", "k", "M", "G", "T", "P", "E" })
end

-- The unit of a metric by the ending of its name.
local function unit_of(name)
  name = name:gsub("_total$", "")
  return name:find "_seconds$" and "seconds" or name:find "_bytes$" and "bytes" or "plain"
end

---- values of histograms ----

local function upper_edge(lower)
  return lower > 0 and lower + 2 ^ math.floor(math.log(lower, 2)) / 64 or 0
end

---The value that `part` (0 to 1) of the values of a histogram do not pass, within 1 %.
---@param series table  of a snapshot; not empty
---@param part number
---@return number
function summary.quantile(series, part)
  if part <= 0 then return series.min end
  local rank, seen = math.ceil(part * series.count), 0
  for _, bucket in ipairs(part < 1 and series.buckets or {}) do
    seen = seen + bucket[2]
    if seen >= rank then
      local middle = (bucket[1] + upper_edge(bucket[1])) / 2
      return math.min(math.max(middle, series.min), series.max)
    end
  end
  return series.max
end

-- How many values lie in each of `width` parts of their range, whose parts are as wide as each other, or, from a range
-- of a hundred times its beginning on, so many times wider than the one before.
local function spread(series, width)
  local from, to = series.min, series.max
  local scale = from > 0 and to >= 100 * from and math.log or function(x) return x end
  local begin, step, cells = scale(from), (scale(to) - scale(from)) / width, {}
  local function place(x) return (scale(math.min(math.max(x, from), to)) - begin) / step end
  for i = 1, width do cells[i] = 0 end
  for _, bucket in ipairs(series.buckets) do
    local a, b = place(bucket[1] > 0 and bucket[1] or from), place(upper_edge(bucket[1]))
    local first, last = math.min(a // 1, width - 1), math.min(b // 1, width - 1)
    for i = first, last do
      local share = first == last and 1 or (math.min(b, i + 1) - math.max(a, i)) / (b - a)
      local cell = (i + 1) // 1 | 0
      cells[cell] = cells[cell] + share * bucket[2]
    end
  end
  return cells
end

local blocks = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local blocks_ascii = { ".", ":", "-", "=", "+", "*", "#", "@" }

local function plot(series, width, levels)
  local cells = spread(series, width)
  local most = math.max(table.unpack(cells))
  for i, n in ipairs(cells) do cells[i] = levels[math.ceil(n / most * #levels)] or " " end
  return table.concat(cells)
end

---- rows ----

-- So many columns of a terminal, or fewer.
local function columns(text)
  local n = 0
  for _, code in utf8.codes(text, true) do n = n + (code >= 0x1100 and code ~= 0x2026 and (code < 0x2500
    or code > 0x25ff) and 2 or 1) end
  return n
end

-- A sheet collects rows: { name, words }, where a word "\n" begins a new line; or a line of text.
local sheet = {}
sheet.__index = sheet

local function new_sheet(options)
  local is_utf8 = options.utf8 ~= false
  return setmetatable({ rows = {}, colours = options.colours, seconds = options.seconds,
    levels = is_utf8 and blocks or blocks_ascii, micro = is_utf8 and "µs" or "us", is_utf8 = is_utf8 }, sheet)
end

function sheet:put(name, ...)
  self.rows[#self.rows + 1] = { name = self:plain(name), words = { ... } }
end

function sheet:note(text)
  self.rows[#self.rows + 1] = { note = self:plain(text) }
end

-- Without what a terminal would obey, or cannot show.
function sheet:plain(text)
  text = shown.line(text)
  return self.is_utf8 and text or text:gsub("[\xc2-\xf4][\x80-\xbf]*", "?")
end

function sheet:number(unit, x)
  return (x < 0 and "-" or "") .. units[unit](math.abs(x), self.micro)
end

-- The same within a list, where a space would part it.
function sheet:tight(unit, x)
  return (self:number(unit, x):gsub(" ", ""))
end

function sheet:rate(unit, x)
  return self.seconds and self.seconds > 0 and self:number(unit, x / self.seconds) .. "/s" or nil
end

-- A number that grows, and how fast.
function sheet:count(name, unit, x, ...)
  local text = self:number(unit, x)
  local rate = unit ~= "seconds" and self:rate(unit, x)
  if rate or ... then text = text .. (" "):rep(8 - #text) end
  if rate then
    self:put(name, text, rate, ...)
  else
    self:put(name, text, ...)
  end
end

local quantiles = { { "med", 0.5 }, { "p90", 0.9 }, { "p95", 0.95 }, { "p99", 0.99 } }

function sheet:histogram(name, unit, series)
  if series.count == 0 then return self:put(name, "none") end
  local function word(what, x) return what .. "=" .. self:tight(unit, x) end
  local at = {}
  for i, one in ipairs(quantiles) do at[i] = word(one[1], summary.quantile(series, one[2])) end
  self:put(name, word("avg", series.sum / series.count), word("min", series.min), at[1], word("max", series.max),
    "\n", at[2], at[3], at[4], "n=" .. self:number("plain", series.count))
  self.rows[#self.rows].plot = series.max > series.min and { series = series, unit = unit } or nil
end

function sheet:plot_line(plotted, left)
  local from, to = self:tight(plotted.unit, plotted.series.min), self:tight(plotted.unit, plotted.series.max)
  local width = math.min(PLOT_MOST, WIDTH - left - columns(from) - columns(to) - 2)
  return ("%s %s %s"):format(from, self:paint("values", plot(plotted.series, width, self.levels)), to)
end

local styles = { dots = "\27[2m", values = "\27[36m" }

function sheet:paint(style, text)
  return self.colours and text ~= "" and styles[style] .. text .. "\27[0m" or text
end

-- Words as lines of at most `width` columns.
local function wrap(words, width)
  local lines, line = {}, nil
  for _, word in ipairs(words) do
    local longer = line and line .. " " .. word or word
    if word == "\n" or (line and columns(longer) > width) then
      lines[#lines + 1] = line
      line = word ~= "\n" and word or nil
    else
      line = longer
    end
  end
  lines[#lines + 1] = line
  return lines
end

local function cut(text, width, is_utf8)
  if columns(text) <= width then return text end
  local dots = is_utf8 and "…" or "..."
  text = text:sub(1, (utf8.offset(text, width) or #text + 1) - 1)
  repeat text = text:sub(1, utf8.offset(text, -1) - 1) until columns(text) + columns(dots) <= width
  return text .. dots
end

-- The lines of a row. A name that is too long has a line of its own.
function sheet:lines_of(row, left)
  local name = cut("  " .. row.name, WIDTH - 1, self.is_utf8)
  local is_long = columns(name) > left - 2
  local lines = wrap(row.words, WIDTH - left)
  for i, line in ipairs(lines) do lines[i] = (" "):rep(left) .. self:paint("values", line) end
  if is_long then
    table.insert(lines, 1, name .. ":")
  else
    local dots = ("."):rep(left - 2 - columns(name))
    lines[1] = ("%s%s: %s"):format(name, self:paint("dots", dots), lines[1]:sub(left + 1))
  end
  if row.plot then lines[#lines + 1] = (" "):rep(left) .. self:plot_line(row.plot, left) end
  return lines
end

function sheet:text()
  local left, lines = NAME_LEAST, {}
  for _, row in ipairs(self.rows) do
    local width = row.name and columns(row.name) or 0
    if width <= NAME_MOST then left = math.max(left, width) end
  end
  for _, row in ipairs(self.rows) do
    if row.name then
      for _, line in ipairs(self:lines_of(row, left + 5)) do lines[#lines + 1] = line:gsub("%s+$", "") end
    else
      lines[#lines + 1] = cut(row.note, WIDTH, self.is_utf8)
    end
  end
  return table.concat(lines, "\n") .. "\n"
end

---- what the host counts ----

local function value_of(by_name, name)
  local sum = 0
  for _, series in ipairs(by_name[name] and by_name[name].series or {}) do
    if not series.worker then sum = sum + series.value end
  end
  return sum
end

local function spread_of(by_name, name)
  local series = by_name[name] and by_name[name].series[1]
  return series and series.count > 0 and series or nil
end

-- How attempts have ended, by the label of that number: the sum, and "word=count", the most often first.
local function ends_by(by_name, label)
  local counts, list, all = {}, {}, 0
  for _, series in ipairs(by_name.wsbot_ends_total and by_name.wsbot_ends_total.series or {}) do
    local word = series.labels[label]
    if word ~= "" then
      counts[word] = (counts[word] or 0) + series.value
      all = all + series.value
    end
  end
  for word in pairs(counts) do list[#list + 1] = word end
  table.sort(list, function(a, b) return counts[a] > counts[b] or counts[a] == counts[b] and a < b end)
  for i, word in ipairs(list) do list[i] = ("%s=%.0f"):format(word, counts[word]) end
  return all, list
end

local function put_connections(out, by_name)
  if value_of(by_name, "wsbot_attempts_total") == 0 then return end
  out:count("connections", "plain", value_of(by_name, "wsbot_opened_total"))
  for i, name in ipairs { "  ended", "  failed" } do
    local n, words = ends_by(by_name, i)
    if n > 0 then out:put(name, ("%-8s"):format(out:number("plain", n)), table.unpack(words)) end
  end
  local connects, pings = spread_of(by_name, "wsbot_connect_seconds"), spread_of(by_name, "wsbot_ping_seconds")
  if connects then out:histogram("  connecting", "seconds", connects) end
  out:count("messages_received", "plain", value_of(by_name, "wsbot_messages_received_total"))
  out:count("messages_sent", "plain", value_of(by_name, "wsbot_messages_sent_total"))
  out:count("data_received", "bytes", value_of(by_name, "wsbot_received_bytes_total"))
  out:count("data_sent", "bytes", value_of(by_name, "wsbot_sent_bytes_total"))
  if pings then out:histogram("pings", "seconds", pings) end
end

local function put_process(out, by_name)
  local turns, slow = spread_of(by_name, "wsbot_loop_turn_seconds"), 0
  for _, bucket in ipairs(turns and turns.buckets or {}) do
    if bucket[1] >= SLOW then slow = slow + bucket[2] end
  end
  if turns then
    out:put("loop_turns", ("%-8s"):format(out:number("plain", turns.count)), ("over_20ms=%d"):format(slow),
      "max=" .. out:tight("seconds", turns.max))
  end
  local cpu = value_of(by_name, "wsbot_cpu_seconds_total")
  local share = (out.seconds or 0) >= BRIEF and ("%.0f%%"):format(100 * cpu / out.seconds)
  out:put("cpu", ("%-8s"):format(out:number("seconds", cpu)), share or nil)
  out:put("peak_memory", out:number("bytes", value_of(by_name, "wsbot_peak_memory_bytes")))
  if out.seconds then out:put("run_time", out:number("seconds", out.seconds)) end
end

---- what the script counts ----

local function name_of(family, series)
  local labels = {}
  for i, name in ipairs(family.labels or {}) do labels[i] = name .. "=" .. series.labels[i] end
  return family.name .. (#labels > 0 and "{" .. table.concat(labels, ",") .. "}" or "")
end

local function put_series(out, family, name, series)
  local unit = unit_of(family.name)
  if family.kind == "histogram" then
    out:histogram(name, unit, series)
  elseif family.kind == "counter" then
    out:count(name, unit, series.value)
  else
    out:put(name, out:number(unit, series.value))
  end
end

local function put_family(out, family)
  local rows = {}
  for _, series in ipairs(family.series) do
    if not series.worker then rows[#rows + 1] = { name_of(family, series), series } end
  end
  table.sort(rows, function(a, b) return a[1] < b[1] end)
  for i = 1, math.min(#rows, SERIES_MOST) do put_series(out, family, rows[i][1], rows[i][2]) end
  if #rows > SERIES_MOST then out:put(family.name, ("and %d more sets of labels"):format(#rows - SERIES_MOST)) end
  if (family.dropped or 0) > 0 then
    out:put(family.name, ("%d values were dropped, as there was no room for them"):format(family.dropped))
  end
end

---The summary of a snapshot (see wsbot.metrics), of one program or merged: lines of at most 80 columns.
---@param snapshot table[]
---@param options? { seconds: number, utf8: boolean, colours: boolean, notes: string[] }
---  seconds: how long it ran, for rates; utf8: default true; notes: lines for its end
---@return string
function summary.text(snapshot, options)
  options = options or {}
  local out, by_name, own = new_sheet(options), {}, {}
  for _, family in ipairs(snapshot) do
    by_name[family.name] = family
    if not family.name:find "^wsbot_" then own[#own + 1] = family end
  end
  table.sort(own, function(a, b) return a.name < b.name end)
  put_connections(out, by_name)
  if by_name.wsbot_cpu_seconds_total then put_process(out, by_name) end
  if #own > 0 and #out.rows > 0 then out:note "" end
  for _, family in ipairs(own) do put_family(out, family) end
  for _, note in ipairs(options.notes or {}) do out:note(note) end
  return out:text()
end

return summary
