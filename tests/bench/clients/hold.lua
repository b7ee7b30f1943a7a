-- hold: opens many connections, tells when all are open and what they take, and holds them until it is stopped.
--
--     wsbot run --workers N tests/bench/clients/hold.lua CONNECTIONS URL...     worker 1 has the first URL, and so on

local connections, url = math.tointeger(tonumber(arg[1])), arg[1 + host.worker]
local open = 0

local function memory() -- KB in RAM
  local statm <close> = assert(io.open "/proc/self/statm")
  local _, pages = statm:read("n", "n")
  return pages * 4
end

local before, conns = memory(), {}
local function more()
  conns[#conns + 1] = ws.connect { url = url, compression = false, ping_interval = 30,
    on_websocket_connect = function()
      open = open + 1
      if open < connections then return more() end
      io.stdout:write(("open %d %.2f\n"):format(open, (memory() - before) / open))
      io.stdout:flush()
    end,
    on_error = function(_, code, message)
      io.stderr:write("hold: ", code, ": ", message, "\n")
      os.exit(3)
    end }
end
more()
