-- reload: from save to the first message that new code handles, for a script of 1,000 lines with 200 live connections.
--     WSBOT=build/wsbot build/wsbot tests/bench/reload.lua [ROUNDS]
local uv = require "luv"

local wsbot = assert(os.getenv "WSBOT", "WSBOT must say where the program is")
local rounds = math.tointeger(tonumber(arg[1] or 50))
local CONNECTIONS <const>, LINES <const> = 200, 1000

local function start(args, on_line)
  local out, err = uv.new_pipe(false), uv.new_pipe(false)
  local handle
  handle = uv.spawn(wsbot, { args = args, stdio = { nil, out, err } }, function() handle:close() end)
  for _, pipe in ipairs { out, err } do
    local rest = ""
    pipe:read_start(function(_, piece)
      rest = rest .. (piece or "")
      for line in rest:gmatch "([^\n]*)\n" do on_line(line) end
      rest = rest:match "[^\n]*$"
      if not piece then pipe:close() end
    end)
  end
  return handle
end

-- The script, of so many lines, that tells of the first message in each version.
local function script(version)
  local lines = { ("local version, first = %d, true"):format(version), [[
    for i = 1, ]] .. CONNECTIONS .. [[ do
      ws.connect { name = "c" .. i, url = arg[1],
        on_websocket_connect = function(c) c:send "x" end,
        on_adopt = function(c) c:send "x" end,
        on_message = function()
          if first then first = false io.stdout:write("handled ", version, "\n") io.stdout:flush() end
        end }
    end]] }
  for i = #lines + 1, LINES do
    lines[i] = ("do local function f(a, b) return { a = a + %d, b = b or 'text %d' } end f(1) end"):format(i, i)
  end
  return table.concat(lines, "\n")
end

local folder = assert(uv.fs_mkdtemp "/tmp/wsbot-bench-XXXXXX")
local path = folder .. "/bot.lua"
local function save(version)
  local file = assert(io.open(path .. ".new", "wb"))
  file:write(script(version))
  file:close()
  local at = uv.hrtime()
  assert(os.rename(path .. ".new", path))
  return at
end

local url, handled, blocked = nil, {}, {}
local echo = start({ "echo", "--port", "0" }, function(line)
  url = line:match "ws://%S+" or url
end)
local function wait(what)
  while not what() do host.sleep(0.0005) end
end
wait(function() return url end)

save(0)
local bot = start({ "run", "--watch", path, url }, function(line)
  local version = line:match "^handled (%d+)"
  if version then handled[tonumber(version)] = uv.hrtime() end
  local ms = line:match " info reload .*%((%d+%.?%d*) ms%)"
  if ms then blocked[#blocked + 1] = tonumber(ms) end
end)
wait(function() return handled[0] end)
host.sleep(0.5)

local times = {}
for i = 1, rounds do
  local at = save(i)
  wait(function() return handled[i] end)
  times[i] = (handled[i] - at) / 1e6
  host.sleep(0.05)
end
bot:kill "sigkill"
echo:kill "sigkill"
os.remove(path)
uv.fs_rmdir(folder)

table.sort(times)
table.sort(blocked)
print(("reload: save to first message handled, %d lines, %d connections: median %.1f ms, most %.1f ms; the loop held: "
  .. "median %.1f ms, most %.1f ms (%d rounds)"):format(LINES, CONNECTIONS, times[#times // 2 + 1], times[#times],
  blocked[#blocked // 2 + 1] or 0, blocked[#blocked] or 0, rounds))
