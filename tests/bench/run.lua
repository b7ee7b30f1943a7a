-- run: the benchmark. One load generator, all clients, the same work for each, in turns; see README.md.
--
--     build/wsbot tests/bench/run.lua [--quick] [--only PATTERN] [--clients a,b] [--rounds N] [--best]
--                                     [--with NAME=PROGRAM]
--
-- --quick is two rounds of a tenth of the work. --only takes the rows whose key has PATTERN in it (`*` is anything, a
-- comma is "or"). --best takes the least of the rounds, not the median: for a machine that is busy with other things.
-- --with adds another wsbot, to compare two builds in one run. What it found is printed, and left in build/bench/.
local folder = host.script:match "^(.*)/[^/]*$" or "."
package.path = folder .. "/?.lua;" .. package.path

local uv = require "luv"
local process = require "process"
local report = require "report"
local texts = require "texts"

local LIMIT <const> = 60 -- seconds that a client may take for a row
local wsbot = uv.exepath()
local built = wsbot:match "^(.*)/" .. "/bench"

local function usage(problem)
  io.stderr:write("bench: ", problem, "\n")
  host.stop(2)
  host.sleep(10)
end

local function options(words)
  local o = { rounds = nil, only = "*", with = {} }
  local at = 1
  local function value()
    at = at + 1
    return words[at] or usage(words[at - 1] .. " wants a value")
  end
  while words[at] do
    local word = words[at]
    if word == "--quick" then o.quick = true
    elseif word == "--best" then o.best = true
    elseif word == "--only" then o.only = value()
    elseif word == "--rounds" then o.rounds = math.tointeger(tonumber(value()))
    elseif word == "--with" then o.with[#o.with + 1] = value()
    elseif word == "--clients" then
      o.clients = {}
      for name in value():gmatch "[^,]+" do o.clients[name] = true end
    else usage("no such option: " .. word) end
    at = at + 1
  end
  o.rounds = o.rounds or (o.quick and 2 or 5)
  return o
end

-- Clients have one CPU, and whoever talks to them another.
local function can_pin()
  local _, status = process.run({ "taskset", "-c", "0,1", "true" }, 5)
  return status == 0 and #uv.cpu_info() >= 2
end

local function wanted(row, patterns)
  for pattern in patterns:gmatch "[^,]+" do
    if row.key:find((pattern:gsub("[^%w*]", "%%%0"):gsub("%*", ".*"))) then return true end
  end
  return false
end

local function words(...)
  local all = {}
  for _, list in ipairs { ... } do table.move(list, 1, #list, #all + 1, all) end
  return all
end

-- A certificate for 127.0.0.1, and the CA that signed it.
local function certificates(into)
  local made = ([[
    set -e
    cd '%s'
    [ -e server.pem ] && openssl x509 -checkend 86400 -noout -in server.pem >/dev/null && exit 0
    openssl ecparam -name prime256v1 -genkey -noout -out ca.key
    openssl req -x509 -new -key ca.key -days 365 -subj '/CN=wsbot bench CA' -out ca.pem
    openssl ecparam -name prime256v1 -genkey -noout -out server.key
    openssl req -new -key server.key -subj '/CN=127.0.0.1' -out server.csr
    echo 'subjectAltName=IP:127.0.0.1,DNS:localhost' >server.ext
    openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 365 -extfile server.ext \
      -out server.pem
  ]]):format(into)
  local _, status, err = process.run({ "sh", "-c", made }, 30)
  if status ~= 0 then error("bench: no certificates: " .. err, 0) end
end

local function last_line(text)
  return text:match "([^\n]+)\n?$"
end

-- Those that are wanted and can be run, and why the others cannot.
local function available(o)
  local all, left_out = {}, {}
  local known = require "clients"(wsbot, folder, built)
  for _, pair in ipairs(o.with) do
    local name, program = pair:match "^([^=]+)=(.+)$"
    if not name then usage("--with wants NAME=PROGRAM, not " .. pair) end
    table.insert(known, 2, { name = name, command = { program, folder .. "/clients/wsbot.lua" },
      json = { program, folder .. "/clients/json.lua", "wsbot.json" }, ours = true })
    if o.clients then o.clients[name] = true end
  end
  for _, client in ipairs(known) do
    if not o.clients or o.clients[client.name] then
      local out, status, err = process.run(words(client.command or client.json, { "start" }), 30, client.env)
      if status == 0 and out:match "^up" then
        all[#all + 1] = client
      else
        left_out[#left_out + 1] = { name = client.name, why = last_line(err) or tostring(status) }
      end
    end
    if o.clients then o.clients[client.name] = nil end
  end
  for name in pairs(o.clients or {}) do usage("no such client: " .. name) end
  return all, left_out
end

local function median(...)
  local sorted = { ... }
  table.sort(sorted)
  local n = #sorted
  return n % 2 == 1 and sorted[n // 2 + 1] or (sorted[n // 2] + sorted[n // 2 + 1]) / 2
end

-- ms from the start of the program until its first bytes are here.
local function time_start(client, count)
  local times = {}
  for i = 1, count do
    local _, status, _, first = process.run(words(client.command, { "start" }), LIMIT, client.env)
    if status ~= 0 then return nil, tostring(status) end
    times[i] = first
  end
  return median(table.unpack(times))
end

local function time_reload(client, count)
  if client.name ~= "wsbot" then return nil end
  local out, _, err = process.run({ wsbot, folder .. "/reload.lua", tostring(count) }, LIMIT, { WSBOT = wsbot })
  local ms = tonumber(out:match "median ([%d.]+) ms")
  return ms, last_line(err)
end

-- Runs a client, of which the rest of the arguments are told.
local function run_client(client, command, row, count, ca_file)
  local rest = { tostring(count), tostring(row.size), row.kind, ca_file }
  local out, status, err = process.run(words(command, rest), LIMIT, client.env)
  if status == 77 then return nil end
  local total, units = out:match "result ([%d.]+) (%d+)"
  if status ~= 0 or not total then return nil, last_line(err) or tostring(status) end
  if tonumber(units) ~= count then return nil, ("did %s of %d"):format(units, count) end
  return tonumber(total) / count
end

-- One client does one row once. Returns the cost of a unit; nil where it cannot do that row, and why where it failed.
local function measure(client, row, o, urls, ca_file)
  local count = row.count
  if not row.whole then
    count = math.max(math.floor(count * (o.quick and 0.1 or 1) * (client.scale or 1)), 3)
  end
  if row.texts then
    if not client.json then return nil end
    return run_client(client, words(client.json, { row.mode, built .. "/" .. row.texts .. ".json" }), row, count, "")
  end
  if client.only then return nil end
  if row.mode == "start" then return time_start(client, math.max(count, 3)) end
  if row.mode == "reload" then return time_reload(client, count) end
  local url = urls[row.secure and "wss" or "ws"] .. row.path:gsub("%%{(%w+)}", { size = row.size, count = count })
  return run_client(client, words(client.command, { row.mode, url }), row, count, ca_file)
end

-- All rounds of one row, in turns that begin with another client each time.
local function run_row(row, clients, o, urls, ca_file)
  local result = { key = row.key, title = row.title, unit = row.unit, cost = {}, runs = {}, failed = {} }
  for round = 1, o.rounds do
    for i = 1, #clients do
      local client = clients[(i + round - 2) % #clients + 1]
      local runs = result.runs[client.name] or {}
      if round == 1 or #runs > 0 then
        local cost, why = measure(client, row, o, urls, ca_file)
        runs[#runs + 1] = cost
        result.runs[client.name] = runs
        if why then result.failed[client.name] = why end
      end
    end
  end
  for name, runs in pairs(result.runs) do
    if #runs > 0 then result.cost[name] = (o.best and math.min or median)(table.unpack(runs)) end
  end
  return result
end

local function machine()
  local cpu = uv.cpu_info()[1]
  local system = uv.os_uname()
  return { cpu = cpu and cpu.model, cores = #uv.cpu_info(), system = system.sysname .. " " .. system.release,
    load_average = uv.loadavg() }
end

local function main()
  local o = options(arg)
  uv.fs_mkdir(built, 493)
  certificates(built)
  for _, kind in ipairs { "trade", "depth", "last" } do texts.write(kind, built .. "/" .. kind .. ".json") end
  local ca_file = built .. "/ca.pem"
  local clients, left_out = available(o)
  for _, it in ipairs(left_out) do io.stderr:write("bench: without ", it.name, ": ", it.why, "\n") end

  local load = { built .. "/load", built .. "/server.pem", built .. "/server.key" }
  if can_pin() then
    table.insert(load, 2, "--spin")
    load = words({ "taskset", "-c", "0" }, load)
    process.run({ "taskset", "-cp", "1", tostring(uv.os_getpid()) }, 5) -- and so all clients, which we start
  end
  local server <close> = setmetatable(process.start(load, 10), { __close = function(it) it.stop() end })
  local urls = { ws = server.line:match "ws://%S+", wss = server.line:match "wss://%S+" }

  local found = { quick = o.quick or false, best = o.best or false, rounds = o.rounds,
    date = os.date "!%Y-%m-%dT%H:%M:%SZ", machine = machine(), clients = clients, left_out = left_out, rows = {} }
  for _, row in ipairs(require "workloads") do
    if wanted(row, o.only) then
      local result = run_row(row, clients, o, urls, ca_file)
      found.rows[#found.rows + 1] = result
      io.stderr:write("bench: ", report.line(result, clients), "\n")
      for name, why in pairs(result.failed) do io.stderr:write("bench:   ", name, " failed: ", why, "\n") end
    end
  end
  report.write(found, built)
  print(report.markdown(found))
end

local ok, problem = pcall(main)
if not ok then io.stderr:write(tostring(problem), "\n") end
host.stop(ok and 0 or 1)
