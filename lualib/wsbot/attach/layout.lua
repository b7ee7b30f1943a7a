-- wsbot.attach.layout: lists as tables of text, as `wsbot attach` and `wsbot ps` show them.
local shown = require "wsbot.shown"

local layout = {}

-- "950", "12k", "3.4M": at most four characters.
function layout.short(n)
  for _, unit in ipairs { "", "k", "M", "G", "T" } do
    if n < 999.5 then return (n < 9.95 and n % 1 >= 0.05 and "%.1f%s" or "%.0f%s"):format(n, unit) end
    n = n / 1000
  end
  return "lots"
end

-- "0.3ms", "250ms", "42s", "12m", "3h12", "9d"
function layout.span(seconds)
  local minutes, hours = seconds // 60, seconds // 3600
  if seconds < 0.00995 and seconds > 0 then return ("%.1fms"):format(seconds * 1000) end
  if seconds < 1 and seconds > 0 then return ("%.0fms"):format(seconds * 1000) end
  if seconds < 60 then return ("%ds"):format(seconds // 1) end
  if hours < 1 then return ("%dm"):format(minutes) end
  if hours < 24 then return ("%dh%02d"):format(hours, minutes % 60) end
  return ("%dd"):format(hours // 24)
end

-- The first characters of a text, or its last ones.
function layout.cut(text, width, from_end)
  text = shown.line(text)
  local length = utf8.len(text) or #text
  if length <= width then return text end
  if from_end then return "…" .. text:sub(utf8.offset(text, -(width - 1))) end
  return text:sub(1, utf8.offset(text, width) - 1) .. "…"
end

function layout.pad(text, width, to_right)
  local space = (" "):rep(width - (utf8.len(text) or #text))
  return to_right and space .. text or text .. space
end

-- A table with these headings; a column is as wide as what is in it, but no wider than `most`.
local function rows(headings, list, most)
  local widths, lines = {}, {}
  table.insert(list, 1, headings)
  for _, row in ipairs(list) do
    for i, cell in ipairs(row) do
      row[i] = layout.cut(cell, most)
      widths[i] = math.max(widths[i] or 0, utf8.len(row[i]) or #row[i])
    end
  end
  for n, row in ipairs(list) do
    for i, cell in ipairs(row) do row[i] = i < #row and layout.pad(cell, widths[i]) or cell end
    lines[n] = table.concat(row, "  ")
  end
  return table.concat(lines, "\n")
end

local function text(value)
  return value == nil and "-" or tostring(value)
end

function layout.connections(list)
  local all = {}
  for i, c in ipairs(list) do
    all[i] = { (c.worker and c.worker .. "/" or "") .. c.id, c.name or "-", c.state, text(c.open_for and
      layout.span(c.open_for)), layout.short(c.messages_in), layout.short(c.messages_out), layout.short(c.bytes_in),
      layout.short(c.bytes_out), text(c.latency and layout.span(c.latency)), text(c.url) }
  end
  if #all == 0 then return "no connections" end
  return rows({ "ID", "NAME", "STATE", "UP", "IN", "OUT", "BYTES", "OUT", "PING", "URL" }, all, 40)
end

-- How long something took: the middle, and the worst.
local function spread(histogram)
  local rest, middle = histogram.count / 2, 0
  for _, bucket in ipairs(histogram.buckets) do
    if rest > 0 then middle = bucket[1] end
    rest = rest - bucket[2]
  end
  return ("%s in the middle, %s at most, of %d"):format(layout.span(middle), layout.span(histogram.max or 0),
    histogram.count)
end

local function ends_text(list)
  local all = {}
  for i, one in ipairs(list) do all[i] = ("%d x %d %s"):format(one.count, one.code, one.word or "in order") end
  return table.concat(all, ", ")
end

local function last_end_text(last)
  return ("%d %s after %s%s"):format(last.code, last.word or "in order", layout.span(last.uptime),
    last.message and ": " .. last.message or "")
end

local special = { pings = spread, ends = ends_text, last_end = last_end_text }
for _, name in ipairs { "callback_time", "latency", "next_step_in", "open_for", "since_in", "since_out" } do
  special[name] = layout.span
end

-- All fields of a connection, a line each.
function layout.connection(c)
  local names, lines = {}, {}
  for name in pairs(c) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do
    local value = special[name] and special[name](c[name]) or tostring(c[name])
    lines[i] = ("%-15s %s"):format(name, shown.line(value))
  end
  return table.concat(lines, "\n")
end

function layout.tasks(list)
  local all = {}
  for i, t in ipairs(list) do
    all[i] = { (t.worker and t.worker .. "/" or "") .. t.id, t.kind, t.waits_in or t.state, text(t.left and
      layout.span(t.left)), t.file and ("%s:%d"):format(t.file, t.line) or "-" }
  end
  if #all == 0 then return "no tasks" end
  return rows({ "ID", "KIND", "WAITS IN", "LEFT", "LINE" }, all, 50)
end

function layout.timers(list)
  local all = {}
  for i, t in ipairs(list) do
    all[i] = { t.name or "-", t.every and "every " .. layout.span(t.every) or "once", layout.span(t.left) }
  end
  if #all == 0 then return "no timers" end
  return rows({ "NAME", "WHEN", "DUE IN" }, all, 50)
end

-- Where most samples were, of folded stacks: in a function itself, and in all that it has called.
function layout.profile(folded)
  local self, total, list, samples = {}, {}, {}, 0
  for stack, count in folded:gmatch "([^\n]+) (%d+)\n" do
    local seen, last = {}, nil
    samples = samples + count
    for frame in stack:gmatch "[^;]+" do
      if not seen[frame] then total[frame] = (total[frame] or 0) + count end
      seen[frame], last = true, frame
    end
    self[last] = (self[last] or 0) + count
  end
  if samples == 0 then return "no samples: the program did nothing meanwhile" end
  for frame in pairs(total) do list[#list + 1] = frame end
  table.sort(list, function(a, b)
    local x, y = self[a] or 0, self[b] or 0
    if x ~= y then return x > y end
    return total[a] ~= total[b] and total[a] > total[b] or total[a] == total[b] and a < b
  end)
  local function part(n) return ("%.1f%%"):format(100 * (n or 0) / samples) end
  for i, frame in ipairs(list) do list[i] = { part(self[frame]), part(total[frame]), frame } end
  for i = #list, 21, -1 do list[i] = nil end
  return rows({ "SELF", "TOTAL", ("OF %d SAMPLES"):format(samples) }, list, 60)
end

local function clock(time)
  return os.date("%H:%M:%S", time // 1)
end

function layout.generations(list)
  local all = {}
  for i, g in ipairs(list) do
    all[i] = { (g.worker and g.worker .. "/" or "") .. g.generation, clock(g.time), ("%.1fms"):format(g.took * 1000),
      g.ok and "took over" or "failed", g.cause, g.report }
  end
  if #all == 0 then return "no reload so far" end
  return rows({ "GEN", "AT", "TOOK", "", "CAUSE", "REPORT" }, all, 60)
end

-- A line of the log, or of the trace.
function layout.log(event)
  if event.level then return ("%s %s %s"):format(clock(event.time), event.level, shown.lines(event.message)) end
end

local marks = { sent = ">", received = "<" }

-- What passed on a connection, as a line of a record has it.
function layout.message(event)
  local mark = marks[event.event]
  if not mark then return event.event and ("* %s"):format(event.event) end
  local kind = event.kind
  if kind == "text" then return ("%s %s"):format(mark, shown.lines(event.data)) end
  if kind == "close" then return ("%s close %d %s"):format(mark, event.code, shown.line(event.reason)) end
  return ("%s %s %s"):format(mark, kind, event.base64)
end

return layout
