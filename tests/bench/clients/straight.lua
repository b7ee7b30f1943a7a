-- straight: our client once more, in a straight line: the main chunk waits for each message; there are no callbacks.
--
--     wsbot tests/bench/clients/straight.lua MODE URL COUNT SIZE KIND CA_FILE      see ../README.md

local mode, url, count, size, kind, ca_file = table.unpack(arg)
if mode == "start" then
  print "up"
  return
end
count, size = math.tointeger(count), math.tointeger(size)

local function cpu() return os.clock() * 1e6 end -- of the process: user and system

local function open(options)
  options.url, options.tls = url, url:match "^wss" and { ca_file = ca_file } or nil
  options.binary_type = kind == "binary" and ws.ARRAYBUFFER or ws.BLOB
  local conn = ws.connect(options)
  assert(conn:opened())
  return conn
end

local modes = {}

function modes.receive()
  local conn, messages = open {}, 0
  local started = cpu()
  for _ in conn:messages() do messages = messages + 1 end
  return cpu() - started, messages
end

modes.deflate = modes.receive

function modes.echo()
  local conn, payload = open {}, ("x"):rep(size)
  local started = cpu()
  for _ = 1, count do
    conn:send(payload)
    conn:receive()
  end
  return cpu() - started, count
end

function modes.send()
  local conn, payload = open { max_send_buffer = 256 * 1024 }, ("x"):rep(size)
  local started = cpu()
  for _ = 1, count do
    while not conn:send(payload) do assert(conn:drain()) end
  end
  conn:receive()
  return cpu() - started, count
end

if not modes[mode] then os.exit(77) end
print(("result %.3f %d"):format(modes[mode]()))
host.stop()
