-- wsbot.ps: `wsbot ps`, this user's running programs, a line each. A rate is the difference of what a program has
-- counted at two times.
local client = require "wsbot.control.client"
local console = require "wsbot.console"
local host = require "host"
local json = require "wsbot.json"
local layout = require "wsbot.attach.layout"
local shown = require "wsbot.shown"

local short, span, cut, pad = layout.short, layout.span, layout.cut, layout.pad

local BETWEEN <const> = 1 -- second between the two looks
local EVERY <const> = 2     -- seconds, of --watch

---------------------------------------------------------------------------------------------------------- what there is

-- What is told of a program, by two looks at it.
local function describe(a, b)
  local passed = b.now - a.now
  local function rate(field) return math.max(0, (b[field] - a[field]) / passed) end
  return {
    pid = b.pid, name = b.name, script = b.script, workers = b.workers or 1, since = b.since,
    generation = b.generation or 0, connections = b.connections, state = b.state,
    messages_per_second = rate "messages_in" + rate "messages_out", cpu = 100 * rate "cpu", memory = b.memory,
    lag = b.lag, version = b.version, status = b.status, silent = b.silent,
  }
end

local function look(socket)
  local rpc, why = client.connect(socket.path)
  local first = rpc and client.call(rpc, "program")
  if first then host.sleep(BETWEEN) end
  local second = first and client.call(rpc, "program")
  if rpc then rpc.conn:destroy() end
  if client.is_program(first) and client.is_program(second) then return describe(first, second) end
  local name, script = client.guess(socket.pid)
  return { pid = socket.pid, name = name, script = script, state = "silent", why = why or client.SILENT }
end

------------------------------------------------------------------------------------------------------------- as a table

local function open_of_all(connections)
  local all = 0
  for _, n in pairs(connections or {}) do all = all + n end
  return ("%s/%s"):format(short(connections and connections.open or 0), short(all))
end

local columns = {
  { "PID", 7, true, function(p) return tostring(p.pid) end },
  { "NAME", 13, false, function(p) return cut(p.name or "?", 13) end },
  { "W", 3, true, function(p) return p.workers and tostring(p.workers) or "-" end },
  { "UP", 5, true, function(p) return p.since and span(host.time() - p.since) or "-" end },
  { "GEN", 4, true, function(p) return p.generation and tostring(p.generation) or "-" end },
  { "OPEN", 7, true, function(p) return p.connections and open_of_all(p.connections) or "-" end },
  { "MSG/S", 5, true, function(p) return p.cpu and short(p.messages_per_second) or "-" end },
  { "CPU%", 4, true, function(p) return p.cpu and short(p.cpu) or "-" end },
  { "MEM", 4, true, function(p) return p.memory and short(p.memory) or "-" end },
  { "LAG", 5, true, function(p) return p.lag and span(p.lag) or "-" end },
}

local function row(value_of, script, width)
  local cells, used = {}, 0
  for i, column in ipairs(columns) do
    cells[i] = pad(value_of(column), column[2], column[3])
    used = used + column[2] + 1
  end
  cells[#cells + 1] = cut(script, math.max(8, width - used), true)
  return (table.concat(cells, " "):gsub("%s+$", ""))
end

local function print_table(programs)
  local width = console.size()
  local lines = { row(function(column) return column[1] end, "SCRIPT", width) }
  for _, p in ipairs(programs) do
    local script = (p.state == "silent" and "(silent) " or "") .. (p.script or "")
    lines[#lines + 1] = row(function(column) return column[4](p) end, script, width)
  end
  if #programs == 0 then lines = { "no programs" } end
  console.write(table.concat(lines, "\n") .. "\n")
end

------------------------------------------------------------------------------------------------------------ the command

local function show()
  local programs = client.each(look)
  if arg.json then
    console.write(json.encode(json.array(programs)) .. "\n")
  else
    print_table(programs)
  end
end

-- What is known at once, for shells: name and number of each program, a line each.
local function show_names()
  for _, p in ipairs(client.each(client.program)) do
    console.write(("%s\n%d\n"):format(shown.line(p.name), p.pid))
  end
end

local every = not arg.names and arg.watch and (tonumber(arg.watch[#arg.watch]) or EVERY)

repeat
  if every and console.output_is_terminal and not arg.json then console.write "\27[H\27[J" end
  if arg.names then show_names() else show() end
  if every then host.sleep(every) end
until not every
console.flush()
os.exit(0, true)
