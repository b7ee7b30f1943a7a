-- A stand-in for LuaCov (Debian has no package of it), as busted's --coverage finds it: counts the lines that run, by
-- file, in the main thread and in coroutines that a script makes, and adds them to luacov.stats.out when the state
-- ends. What it is told, by a file .luacov too, has LuaCov's names.
local reporter = require "luacov.reporter"
local stats = require "luacov.stats"

local runner = { data = {}, initialized = false }

local function matches(patterns, path)
  for _, pattern in ipairs(patterns) do
    if path:find(pattern) then return true end
  end
  return false
end

local function includes(path)
  local c = runner.configuration
  path = path:gsub("%.lua$", "")
  return (not c.include[1] or matches(c.include, path)) and not matches(c.exclude, path)
end

function runner.debug_hook(_, line, level)
  local path = debug.getinfo(level or 2, "S").source:match "^@(.*)"
  if not path then return end
  local lines = runner.data[path] or {}
  runner.data[path] = lines
  lines[line] = (lines[line] or 0) + 1
end

function runner.save_stats()
  local c = runner.configuration
  local sums = stats.load(c.statsfile)
  for path, lines in pairs(runner.data) do
    sums[path] = includes(path) and (sums[path] or {}) or nil
    for line, count in pairs(sums[path] and lines or {}) do sums[path][line] = (sums[path][line] or 0) + count end
  end
  runner.data = {}
  stats.save(c.statsfile, sums)
end

-- A file sets the options as globals, or returns a table of them; .luacov need not be there.
local function read_file(name)
  local set = setmetatable({}, { __index = _G })
  local fn, why = loadfile(name or ".luacov", "t", set)
  assert(fn or not name, why)
  if not fn then return {} end
  for option, value in pairs(fn() or {}) do set[option] = value end
  return setmetatable(set, nil)
end

local function configure(given)
  local here = os.getenv "PWD" .. "/"
  local c = { include = {}, exclude = {} }
  c.statsfile, c.reportfile = here .. "luacov.stats.out", here .. "luacov.report.out"
  for name, value in pairs(type(given) == "table" and given or read_file(given)) do c[name] = value end
  table.insert(c.exclude, "luacov/%l+$")
  runner.configuration = c
end

local function save_at_end()
  local saved = false
  local function save()
    if saved then return end
    saved = true
    runner.save_stats()
    if runner.configuration.runreport then reporter.report(runner.configuration, includes) end
  end
  local exit = os.exit
  os.exit = function(...) -- luacheck: ignore
    save()
    exit(...)
  end
  runner.anchor = setmetatable({}, { __gc = save })
end

local function hear_coroutines()
  local create = coroutine.create
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
end

function runner.init(configuration)
  if runner.initialized then return end
  runner.initialized = true
  configure(configuration)
  save_at_end()
  hear_coroutines()
  debug.sethook(runner.debug_hook, "l")
end

return setmetatable(runner, { __call = function(_, configuration) runner.init(configuration) end })
