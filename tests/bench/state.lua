-- state: how long a reload holds the loop that copies 100,000 rows of host.state, beside floor_state, which copies the
-- same between two states with plain loops.
--     WSBOT=build/wsbot build/wsbot tests/bench/state.lua [ROUNDS]
local wsbot = assert(os.getenv "WSBOT", "WSBOT must say where the program is")
local floor = wsbot:gsub("[^/]*$", "bench/floor_state")
local rounds = math.tointeger(tonumber(arg[1] or 12))
local ROWS <const> = 100000

local tables = {
  { "numbers by string keys", "t['key' .. i] = i" },
  { "rows of three fields by string keys", "t['key' .. i] = { id = i, price = i / 3, name = 'n' .. i }" },
}

local function lines_of(command)
  local pipe <close> = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do lines[#lines + 1] = line end
  return lines
end

local function quoted(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

local function median(list)
  table.sort(list)
  return list[#list // 2 + 1]
end

local function held(row)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(([[
    local t = host.state("rows", {})
    if host.reloads == 0 then for i = 1, %d do %s end end
    host.after(0.05, function() if host.reloads < %d then host.reload() else host.stop() end end)
  ]]):format(ROWS, row, rounds))
  file:close()
  local times = {}
  for _, line in ipairs(lines_of(quoted(wsbot) .. " run " .. path .. " 2>&1")) do
    times[#times + 1] = tonumber(line:match "reload %d+: .*%((%d+%.?%d*) ms%)" or line:match "(%d+%.?%d*) ms%)$")
  end
  os.remove(path)
  return median(times)
end

local function floor_of(row)
  local times = {}
  local code = ("local t = {} for i = 1, %d do %s end return t"):format(ROWS, row)
  for _, line in ipairs(lines_of(("%s %d %s"):format(quoted(floor), rounds, quoted(code)))) do
    local copied, closed = line:match "(%S+) (%S+)"
    times[#times + 1] = tonumber(copied) + tonumber(closed)
  end
  return median(times)
end

for _, t in ipairs(tables) do
  local least, ours = floor_of(t[2]), held(t[2])
  print(("state: a reload with %d %s holds the loop for %.1f ms, %.2f of what copying and closing cost at least "
    .. "(%.1f ms)")
    :format(ROWS, t[1], ours, ours / least, least))
end
