-- process: programs run to their end, and one that runs beside; by luv, in the host's loop.
local uv = require "luv"

local process = {}

local function environment(more)
  local list = {}
  local all = uv.os_environ()
  for name, value in pairs(more or {}) do all[name] = value end
  for name, value in pairs(all) do list[#list + 1] = name .. "=" .. value end
  return list
end

local function read(pipe, on_piece)
  pipe:read_start(function(_, piece)
    if piece then on_piece(piece) else pipe:close() end
  end)
end

-- Runs `command` (a list of words) and waits for its end, `limit` seconds at most. Returns what it wrote on stdout; its
-- status, else a text that says what became of it; what it wrote on stderr; and ms until the first bytes were here.
function process.run(command, limit, env)
  local out, err, first = {}, {}, nil
  local stdout, stderr = uv.new_pipe(false), uv.new_pipe(false)
  local status, handle, killed
  local waiting = host.spawn(function() host.sleep(limit) end)
  local open = 3
  local function ended()
    open = open - 1
    if open == 0 then waiting:cancel() end
  end
  local start = uv.hrtime()
  local pid
  handle, pid = uv.spawn(command[1], { args = { table.unpack(command, 2) }, env = environment(env),
    stdio = { nil, stdout, stderr } }, function(code, signal)
    status = signal ~= 0 and "signal " .. signal or code
    handle:close()
    ended()
  end)
  if not handle then
    waiting:cancel()
    stdout:close()
    stderr:close()
    return "", tostring(pid), ""
  end
  local function reader(pipe, pieces)
    pipe:read_start(function(_, piece)
      if pipe == stdout and not first then first = (uv.hrtime() - start) / 1e6 end
      if piece then
        pieces[#pieces + 1] = piece
        return
      end
      pipe:close()
      ended()
    end)
  end
  reader(stdout, out)
  reader(stderr, err)
  if waiting:join() then
    killed = true
    handle:kill "sigkill"
    while not status do host.sleep(0.01) end
    for _, pipe in ipairs { stdout, stderr } do
      if not pipe:is_closing() then pipe:close() end
    end
  end
  return table.concat(out), killed and "killed after " .. limit .. " s" or status, table.concat(err), first
end

-- Starts `command`, which runs beside us until stop() or our own end: its stdin is a pipe of ours. Waits for its first
-- line.
function process.start(command, limit)
  local stdin, stdout = uv.new_pipe(false), uv.new_pipe(false)
  local handle, line
  local said = ""
  local waiting = host.spawn(function() host.sleep(limit) end)
  local how = { args = { table.unpack(command, 2) }, stdio = { stdin, stdout, 2 } }
  handle = assert(uv.spawn(command[1], how, function()
    handle:close()
    handle = nil
    waiting:cancel()
  end))
  read(stdout, function(piece)
    said = said .. piece
    line = line or said:match "^([^\n]*)\n"
    if line then waiting:cancel() end
  end)
  waiting:join()
  if not line then error(command[1] .. " said nothing", 0) end
  return {
    line = line,
    stop = function()
      stdin:close()
      if handle then handle:kill "sigterm" end
    end,
  }
end

return process
