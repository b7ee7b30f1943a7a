-- many: how the cost of a message grows with the number of connections, and how many connections four workers hold.
--
--     build/wsbot tests/bench/many.lua [CONNECTIONS]           50000 where nothing is said
--
-- Needs the load generator of the benchmark (./dev bench builds it), and descriptors: a quarter of CONNECTIONS and some
-- for each process (ulimit -Hn).
local folder = host.script:match "^(.*)/[^/]*$" or "."
package.path = folder .. "/?.lua;" .. package.path

local uv = require "luv"
local process = require "process"

local WORKERS <const> = 4
local wsbot = uv.exepath()
local load = { wsbot:match "^(.*)/" .. "/bench/load" }
local connections = math.tointeger(tonumber(arg[1] or 50000))

local function echo_peer()
  local peer = process.start(load, 10)
  return peer, peer.line:match "ws://%S+"
end

print "| connections | CPU us a message, there and back | of one |\n|--:|--:|--:|"
do
  local peer, url = echo_peer()
  local first
  for _, n in ipairs { 1, 10, 100, 1000, 10000 } do
    local costs, turns = {}, { wsbot, folder .. "/clients/turns.lua", url .. "/echo", tostring(n), "20000" }
    for i = 1, 3 do
      local out, status, err = process.run(turns, 120)
      costs[i] = tonumber(out:match "result ([%d.]+)") or error(err ~= "" and err or "status " .. tostring(status), 0)
    end
    table.sort(costs)
    first = first or costs[2]
    print(("| %d | %.2f | %.2f |"):format(n, costs[2], costs[2] / first))
  end
  peer:stop()
end

local peers, command = {}, { wsbot, "run", "--workers", tostring(WORKERS), folder .. "/clients/hold.lua",
  tostring(connections // WORKERS) }
for i = 1, WORKERS do
  local url
  peers[i], url = echo_peer()
  command[#command + 1] = url .. "/echo"
end
local stdout, ended = uv.new_pipe(false), false
local handle
handle = assert(uv.spawn(command[1], { args = { table.unpack(command, 2) }, stdio = { nil, stdout, 2 } }, function()
  ended = true
  handle:close()
end))
local text = ""
stdout:read_start(function(_, piece)
  text = text .. (piece or "")
end)
local began = host.now()
local told, open, taken
repeat
  host.sleep(0.1)
  told, open, taken = 0, 0, 0
  for n, kb in text:gmatch "open (%d+) ([%d.]+)\n" do
    told, open, taken = told + 1, open + tonumber(n), taken + tonumber(kb) / WORKERS
  end
until told == WORKERS or ended or host.now() - began > 300
print(("\n%d connections in %d workers after %.1f s, %.2f KB of RSS each"):format(open, WORKERS, host.now() - began,
  taken))
if not ended then handle:kill "sigterm" end
while not ended do host.sleep(0.1) end
for _, peer in ipairs(peers) do peer:stop() end
host.stop(told == WORKERS and 0 or 1)
