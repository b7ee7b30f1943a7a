-- report: what the benchmark found, as Markdown, JSON and a plot.
local cjson = require "cjson"

local report = {}

local BASE <const> = "floor_lua" -- the ratios are to this one

-- Three digits that mean something.
local function short(x)
  if not x then return "-" end
  if x < 0.0005 then return "0" end
  local digits = math.max(2 - math.floor(math.log(x, 10) + 1e-9), 0)
  return ("%." .. math.min(digits, 4) .. "f"):format(x)
end

local function is_rival(client)
  return not client.floor and not client.ours and client.name ~= "wsbot"
end

local function best_rival(row, clients)
  local best, name
  for _, client in ipairs(clients) do
    local cost = is_rival(client) and row.cost[client.name]
    if cost and (not best or cost < best) then best, name = cost, client.name end
  end
  return best, name
end

local function ratio(a, b)
  return a and b and b > 0 and ("%.2f"):format(a / b) or "-"
end

-- One row in one line, to be seen while the rest runs.
function report.line(row, clients)
  local words = {}
  for _, client in ipairs(clients) do
    local cost = row.cost[client.name]
    if cost then words[#words + 1] = client.name .. " " .. short(cost) end
  end
  return ("%s (%s): %s"):format(row.title, row.unit, table.concat(words, ", "))
end

function report.markdown(found)
  local out = {}
  local function line(...) out[#out + 1] = table.concat({ ... }) end
  local clients = found.clients
  local machine = found.machine
  line(("%s, %d cores (%s); %s; %s of %d rounds%s; load average at the start %.2f"):format(machine.cpu or "?",
    machine.cores, machine.system, found.date, found.best and "least" or "medians", found.rounds,
    found.quick and ", quick" or "", machine.load_average))
  line ""
  local head, rule = "| work | |", "|---|---|"
  for _, client in ipairs(clients) do
    head = head .. " " .. client.name .. " |"
    rule = rule .. "--:|"
  end
  line(head, " wsbot / ", BASE, " | wsbot / best rival |")
  line(rule, "--:|--:|")
  for _, row in ipairs(found.rows) do
    local cells = { row.title, row.unit }
    for _, client in ipairs(clients) do
      cells[#cells + 1] = row.failed[client.name] and "failed" or short(row.cost[client.name])
    end
    local best, name = best_rival(row, clients)
    cells[#cells + 1] = ratio(row.cost.wsbot, row.cost[BASE])
    cells[#cells + 1] = ratio(row.cost.wsbot, best) .. (name and " " .. name or "")
    line("| ", table.concat(cells, " | "), " |")
  end
  line ""
  for _, client in ipairs(clients) do
    if client.note then line("* ", client.name, " ", client.note, ".") end
  end
  for _, it in ipairs(found.left_out) do line("* without ", it.name, ": ", it.why) end
  return table.concat(out, "\n")
end

local colours = { wsbot = "#d62728", floor = "#999999", floor_lua = "#333333" }
local palette = { "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2", "#bcbd22" }

local function escaped(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

-- A dot for each client in each row, by its ratio to floor_lua, on a logarithmic axis: left is better.
function report.svg(found)
  local LEFT <const>, RIGHT <const>, TOP <const>, STEP <const>, WIDTH <const> = 240, 24, 64, 26, 960
  local LOW <const>, HIGH <const> = -1, 2 -- powers of ten
  local rows = {}
  for _, row in ipairs(found.rows) do
    if row.cost[BASE] and row.cost[BASE] > 0 then rows[#rows + 1] = row end
  end
  local bottom = TOP + #rows * STEP
  local out = {}
  local function line(format, ...) out[#out + 1] = format:format(...) end
  local function x_of(value)
    local power = math.min(math.max(math.log(value, 10), LOW), HIGH)
    return LEFT + (WIDTH - LEFT - RIGHT) * (power - LOW) / (HIGH - LOW)
  end
  line('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">', WIDTH,
    bottom + 40)
  line '<rect width="100%%" height="100%%" fill="white"/>'
  for _, tick in ipairs { 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100 } do
    line('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="%s"/>', x_of(tick), x_of(tick), TOP - 12, bottom,
      tick == 1 and "#333333" or "#dddddd")
    line('<text x="%.1f" y="%d" text-anchor="middle">%g</text>', x_of(tick), bottom + 16, tick)
  end
  line('<text x="%.1f" y="%d" text-anchor="middle">cost, as a multiple of %s: left is better</text>', x_of(3.16),
    bottom + 33, BASE)
  local x = 16
  for i, client in ipairs(found.clients) do
    colours[client.name] = colours[client.name] or palette[(i - 1) % #palette + 1]
    line('<circle cx="%d" cy="20" r="5" fill="%s"/>', x, colours[client.name])
    line('<text x="%d" y="24">%s</text>', x + 9, escaped(client.name))
    x = x + 28 + 7 * #client.name
  end
  for i = #found.clients, 1, -1 do -- ours is drawn last, on top of the others
    local name = found.clients[i].name
    for at, row in ipairs(rows) do
      local cost = row.cost[name]
      if cost and cost > 0 then
        line('<circle cx="%.1f" cy="%d" r="%d" fill="%s" fill-opacity="0.85"><title>%s: %s %s</title></circle>',
          x_of(cost / row.cost[BASE]), TOP + (at - 1) * STEP, name == "wsbot" and 7 or 5, colours[name],
          escaped(name), short(cost), row.unit)
      end
    end
  end
  for at, row in ipairs(rows) do
    line('<text x="%d" y="%d" text-anchor="end">%s</text>', LEFT - 12, TOP + (at - 1) * STEP + 4, escaped(row.title))
  end
  line '</svg>'
  return table.concat(out, "\n") .. "\n"
end

-- Leaves report.md, report.json and report.svg in `folder`.
function report.write(found, folder)
  local files = {
    ["report.md"] = report.markdown(found) .. "\n",
    ["report.json"] = cjson.encode(found) .. "\n",
    ["report.svg"] = report.svg(found),
  }
  for name, text in pairs(files) do
    local file <close> = assert(io.open(folder .. "/" .. name, "wb"))
    file:write(text)
  end
end

return report
