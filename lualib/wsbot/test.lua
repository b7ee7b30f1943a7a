-- wsbot.test: `wsbot test` runs busted as it is, in the host: what runs under an `it` or a hook may wait, has a limit
-- of time, is blamed for the errors of its callbacks and tasks, and what it leaves open ends with it.
local core = require "wsbot.testing.core"

local limit, strict_leaks = 10, false

-- Takes our own options out of the command line; the others are busted's.
local function read_options()
  local rest = { [0] = "wsbot test", "--ignore-lua" } -- a .busted may say lua = "wsbot": that is who runs it already
  local function seconds(text)
    limit = tonumber(text)
    if not limit or limit <= 0 then
      io.stderr:write("wsbot test: --test-timeout takes seconds, not '", tostring(text), "'\n")
      os.exit(2)
    end
  end
  local i = 1
  while i <= #arg do
    local text = arg[i]
    if text == "--test-timeout" then
      i = i + 1
      seconds(arg[i])
    elseif text:find "^%-%-test%-timeout=" then
      seconds(text:match "=(.*)")
    elseif text == "--strict-leaks" then
      strict_leaks = true
    else
      rest[#rest + 1] = text
    end
    i = i + 1
  end
  arg = rest -- luacheck: ignore
end

-- Raises the first error that a callback, timer or task had meanwhile, as it is: busted's failures are tables.
local function raise_errors()
  local errors = core.errors()
  if #errors > 0 then error(errors[1], 0) end
end

-- Ends what was opened since `mark`.
local function end_since(mark, element)
  local open = core.end_since(mark)
  if #open == 0 then return end
  local text = ("%s left open: %s"):format(element.name or element.descriptor, table.concat(open, ", "))
  if strict_leaks then error(text, 0) end
  io.stderr:write("wsbot test: ", text, "\n")
end

-- Puts our own around what busted runs by itself: tests and hooks.
local function adjust(busted)
  local safe = busted.safe
  local guarded = {}
  for name in ([[it before_each after_each setup teardown strict_setup strict_teardown lazy_setup lazy_teardown
    finally]]):gmatch "%a[%w_]*" do
    guarded[name] = true
  end
  function busted.safe(descriptor, run, element)
    if not guarded[descriptor] then return safe(descriptor, run, element) end
    return safe(descriptor, function(...)
      local results = table.pack(core.guard(limit, run, ...))
      raise_errors()
      return table.unpack(results, 1, results.n)
    end, element)
  end

  -- a test's own things go when its hooks have run, a block's when that has
  local marks = {}
  local function begins()
    marks[#marks + 1] = core.mark()
    return nil, true
  end
  local function ends(element)
    local mark = table.remove(marks)
    if mark then end_since(mark, element) end
    return nil, true
  end
  for _, what in ipairs { "test", "describe", "file" } do
    busted.subscribe({ what, "start" }, begins, { priority = 1 })
    busted.subscribe({ what, "end" }, ends, { priority = 1 })
  end
end

read_options()
local ok, init = pcall(require, "busted")
if not ok then
  io.stderr:write("wsbot test: busted is not installed (Debian: apt install lua-busted)\n",
    tostring(init):match "^[^\n]*", "\n")
  os.exit(1)
end
package.loaded.busted = setmetatable({}, { __call = function(_, busted, ...)
  local result = init(busted, ...)
  adjust(busted)
  package.loaded.busted = init
  return result
end })
core.collect(true)
assert(load("require 'busted.runner' ({ standalone = false })", "@wsbot test"))()
