-- A stand-in for LuaCov (Debian has no package of it), as busted's --coverage finds it: counts the lines that run, by
-- file, in the main thread and in coroutines that a script makes, and adds them to luacov.stats when the state ends. A
-- line of that file: a path, and line=count for each.
local runner = { data = {}, configuration = { exclude = {} }, initialized = false }

local function is_excluded(path)
  path = path:gsub("%.lua$", "")
  for _, pattern in ipairs(runner.configuration.exclude) do
    if path:find(pattern) then return true end
  end
  return false
end

function runner.debug_hook(_, line, level)
  local path = debug.getinfo(level or 2, "S").source:match "^@(.*)"
  if not path then return end
  local lines = runner.data[path] or {}
  runner.data[path] = lines
  lines[line] = (lines[line] or 0) + 1
end

local function load_stats(file)
  local stats = {}
  for text in file:lines() do
    local path, counts = text:match "^(%S+) (.*)"
    stats[path] = {}
    for line, count in counts:gmatch "(%d+)=(%d+)" do stats[path][tonumber(line)] = tonumber(count) end
  end
  file:close()
  return stats
end

function runner.save_stats()
  local file = io.open(runner.configuration.statsfile)
  local stats = file and load_stats(file) or {}
  for path, lines in pairs(runner.data) do
    local sums = not is_excluded(path) and (stats[path] or {}) or nil
    stats[path] = sums
    for line, count in pairs(sums and lines or {}) do sums[line] = (sums[line] or 0) + count end
  end
  runner.data = {}
  file = assert(io.open(runner.configuration.statsfile, "w"))
  for path, lines in pairs(stats) do
    local counts = {}
    for line, count in pairs(lines) do counts[#counts + 1] = ("%d=%d"):format(line, count) end
    table.sort(counts)
    file:write(path, " ", table.concat(counts, " "), "\n")
  end
  file:close()
end

function runner.init(configuration)
  if runner.initialized then return end
  runner.initialized = true
  runner.configuration = { exclude = { "luacov/runner$" }, statsfile = os.getenv "PWD" .. "/luacov.stats" }
  if type(configuration) == "table" then
    for name, value in pairs(configuration) do runner.configuration[name] = value end
  end
  local saved = false
  local function save()
    if not saved then runner.save_stats() end
    saved = true
  end
  local exit, create = os.exit, coroutine.create
  os.exit = function(...) -- luacheck: ignore
    save()
    exit(...)
  end
  coroutine.create = function(...) -- luacheck: ignore
    local co = create(...)
    debug.sethook(co, runner.debug_hook, "l")
    return co
  end
  local function values(ok, ...)
    if not ok then error(..., 0) end
    return ...
  end
  coroutine.wrap = function(...) -- luacheck: ignore
    local co = coroutine.create(...)
    return function(...) return values(coroutine.resume(co, ...)) end
  end
  debug.sethook(runner.debug_hook, "l")
  runner.anchor = setmetatable({}, { __gc = save })
end

return setmetatable(runner, { __call = function(_, configuration) runner.init(configuration) end })
