-- turns: what a message costs among many connections: one at a time, each connection in its turn, there and back.
--
--     wsbot tests/bench/clients/turns.lua URL CONNECTIONS MESSAGES        see ../many.lua

local url, connections, messages = arg[1], math.tointeger(tonumber(arg[2])), math.tointeger(tonumber(arg[3]))
local payload = ("x"):rep(64)
local conns, turn, started = {}, 0, nil

local function next_turn()
  turn = turn + 1
  if turn > messages then
    print(("result %.3f"):format((os.clock() - started) * 1e6 / messages))
    os.exit(0)
  end
  conns[turn % connections + 1]:send(payload)
end

local function more()
  conns[#conns + 1] = ws.connect { url = url, compression = false, on_message = next_turn,
    on_websocket_connect = function()
      if #conns < connections then return more() end
      started = os.clock()
      next_turn()
    end }
end
more()
