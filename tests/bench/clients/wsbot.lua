-- wsbot: the benchmark's client of ours, written as a bot author would.
--
--     wsbot tests/bench/clients/wsbot.lua MODE URL COUNT SIZE KIND CA_FILE      see ../README.md

local mode, url, count, size, kind, ca_file = table.unpack(arg)
if mode == "start" then
  print "up"
  host.stop()
  return
end
count, size = math.tointeger(count), math.tointeger(size)
local payload = ("x"):rep(size)
local tls = url:match "^wss" and { ca_file = ca_file } or nil
local started

local function cpu() return os.clock() * 1e6 end -- of the process: user and system

local function memory() -- KB in RAM
  local statm <close> = assert(io.open "/proc/self/statm")
  local _, pages = statm:read("n", "n")
  return pages * 4
end

local function finish(total, units)
  print(("result %.3f %d"):format(total, units))
  host.stop()
end

local function connect(handlers)
  handlers.url, handlers.tls = url, tls
  handlers.binary_type = kind == "binary" and ws.ARRAYBUFFER or ws.BLOB
  handlers.on_error = handlers.on_error or function(_, code, message)
    io.stderr:write("wsbot: ", code, ": ", message, "\n")
    host.stop(1)
  end
  return ws.connect(handlers)
end

local modes = {}

function modes.receive()
  local messages = 0
  connect {
    on_websocket_connect = function() started = cpu() end,
    on_message = function() messages = messages + 1 end,
    on_close = function() finish(cpu() - started, messages) end,
  }
end

modes.deflate = modes.receive

function modes.answer()
  local json = require "wsbot.json"
  local get, messages = json.get, 0
  connect {
    on_websocket_connect = function() started = cpu() end,
    on_message = function(conn, data)
      local price, quantity, time = get(data, "/data/p", "/data/q", "/data/E")
      conn:send(price .. " " .. quantity .. " " .. time)
      messages = messages + 1
    end,
    on_close = function() finish(cpu() - started, messages) end,
  }
end

function modes.echo()
  local messages = 0
  connect {
    on_websocket_connect = function(conn)
      started = cpu()
      conn:send(payload)
    end,
    on_message = function(conn)
      messages = messages + 1
      if messages < count then return conn:send(payload) end
      finish(cpu() - started, count)
    end,
  }
end

function modes.send()
  local sent = 0
  local function fill(conn)
    while sent < count and conn:send(payload) do sent = sent + 1 end
  end
  connect {
    max_send_buffer = 256 * 1024,
    on_websocket_connect = function(conn)
      started = cpu()
      fill(conn)
    end,
    on_drain = fill,
    on_message = function() finish(cpu() - started, count) end,
  }
end

-- One after the other; the first does not count.
function modes.connect()
  local done = -1
  local function once()
    connect {
      on_websocket_connect = function(conn) conn:close() end,
      on_close = function()
        done = done + 1
        if done == 0 then started = cpu() end
        if done < count then return once() end
        finish(cpu() - started, count)
      end,
    }
  end
  once()
end

function modes.idle()
  local conns, before = {}, nil
  local function more()
    conns[#conns + 1] = connect {
      on_websocket_connect = function()
        if #conns == 1 then before = memory() end
        if #conns <= count then return more() end
        print(("result %.3f %d"):format(memory() - before, count))
        os.exit(0)
      end,
    }
  end
  more()
end

if not modes[mode] then os.exit(77) end
modes[mode]()
