-- wsbot.test: `wsbot test` runs busted as it is, in the host: what runs under an `it` or a hook may wait, has a limit
-- of time, is blamed for the errors of its callbacks and tasks, and what it leaves open ends with it.
local core = require "wsbot.testing.core"
local doubles = require "wsbot.testing.doubles"
local files = require "wsbot.test.files"
local instrument = require "wsbot.testing.instrument"
local job = require "wsbot.test.job"
local jobs = require "wsbot.test.jobs"
local number = require "wsbot.number"
local shown = require "wsbot.shown"

local limit, strict_leaks = 10, false
local most_jobs, only, seed -- of --jobs, and of a process that it starts
local skipped = {} -- names of files

-- Options of ours, and what takes their values. The last three are none that people give.
local ours = {
  ["--test-timeout"] = function(value) limit = number.read(value) end,
  ["--strict-leaks"] = function() strict_leaks = true end,
  ["--watch-also"] = function() end, -- host/app/test_watch.c has read it
  ["--jobs"] = function(value) most_jobs = number.read(value) end,
  ["--skip"] = function(value) skipped[value] = true end,
  ["--only"] = function(value) only = value end,
  ["--job"] = function(value) seed = number.read(value) end,
}
local flags = { ["--strict-leaks"] = true }

-- An option of ours and its value, where that is in the same word.
local function read_option(word)
  local short, rest = word:match "^(%-j)=?(.*)$"
  if short then return "--jobs", rest ~= "" and rest or nil end
  local name, value = word:match "^(%-%-[%w-]+)=?(.*)$"
  if ours[name] then return name, word:find("=", 1, true) and value or nil end
end

-- Takes our own options, which host/app/cli.c has judged, out of the command line; the others are busted's.
local function read_options()
  local rest = { [0] = "wsbot test", "--ignore-lua" } -- a .busted may say lua = "wsbot": that is who runs it already
  local i, options = 1, true
  while i <= #arg do
    options = options and arg[i] ~= "--"
    local name, value = read_option(options and arg[i] or "")
    if not name then
      rest[#rest + 1] = arg[i]
    else
      if not value and not flags[name] then
        i = i + 1
        value = arg[i]
      end
      ours[name](value)
    end
    i = i + 1
  end
  arg = rest -- luacheck: ignore
end

-- Raises the first error that a callback, timer or task had meanwhile, as it is: busted's failures are tables. The
-- others are told on stderr.
local function raise_errors()
  for _, entry in ipairs(core.instruments()) do
    if entry.object.blame then entry.object:blame() end -- errors in a bot
  end
  local errors = core.errors()
  for i = 2, #errors do
    io.stderr:write("wsbot test: and another error: ", shown.lines(tostring(errors[i])), "\n")
  end
  if #errors > 0 then error(errors[1], 0) end
end

-- Ends what was opened since `mark`: what the test works with, then what it has forgotten.
local function end_since(mark, element)
  instrument.close_since(mark)
  local open = core.end_since(mark)
  raise_errors()
  if #open == 0 then return end
  local text = ("%s left open: %s"):format(element.name or element.descriptor, table.concat(open, ", "))
  if strict_leaks then error(text, 0) end
  io.stderr:write("wsbot test: ", shown.line(text), "\n")
end

local function full_name(busted, element)
  local names = {}
  while element and element.descriptor ~= "suite" do
    table.insert(names, 1, element.name or element.descriptor)
    element = busted.context.parent(element)
  end
  return table.concat(names, "\n")
end

-- The last of the after_each hooks of a test; nil: it has none. busted runs them from the inside out.
local function last_hook(busted, element)
  local last
  repeat
    local list = element.after_each
    last = list and list[#list] or last
    element = busted.context.parent(element)
  until not element
  return last
end

-- Puts our own around what busted runs by itself: tests and hooks.
local function adjust(busted)
  doubles.arrange()
  -- texts that an assertion shows may be a peer's
  require("luassert"):add_formatter(function(value)
    local text = type(value) == "string" and shown.lines(value)
    if text and text ~= value then return ("(string) '%s'"):format(text) end
  end)
  local safe = busted.safe
  local guarded = {}
  for name in ([[it before_each after_each setup teardown strict_setup strict_teardown lazy_setup lazy_teardown
    finally]]):gmatch "%a[%w_]*" do
    guarded[name] = true
  end

  -- A test begins with its first hook and ends with its last, and so does what it opens; a block's own goes with that.
  local test, marks = nil, {}
  local function begin_test()
    test = test or { mark = core.mark() }
  end
  local function end_test(element)
    local mark = test.mark
    test = nil
    end_since(mark, element)
  end

  function busted.safe(descriptor, run, element)
    if not guarded[descriptor] then return safe(descriptor, run, element) end
    if descriptor == "it" and run ~= element.run then -- the test and its hooks, each of which has a limit of its own
      return safe(descriptor, function(...)
        run(...)
        if test then end_test(element) end -- a hook has failed, so its end did not come
        raise_errors()
      end, element)
    end
    if descriptor == "before_each" then begin_test() end
    return safe(descriptor, function(...)
      local results = table.pack(core.guard(limit, run, ...))
      raise_errors()
      if test and descriptor == "after_each" and element == test.last then end_test(test.element) end
      return table.unpack(results, 1, results.n)
    end, element)
  end

  local function on(what, when, fn)
    busted.subscribe({ what, when }, function(element)
      fn(element)
      return nil, true
    end, { priority = 1 })
  end
  on("test", "start", function(element)
    begin_test()
    test.element, test.last = element, last_hook(busted, element)
    -- what is random follows from one number, which busted tells with each failure, and from the name of the test
    math.randomseed(core.seed(busted.randomseed, full_name(busted, element)))
  end)
  on("test", "end", function(element)
    if test and (not test.last or element.descriptor == "pending") then end_test(element) end
  end)
  for _, block in ipairs { "describe", "file" } do
    on(block, "start", function(element)
      marks[#marks + 1] = core.mark()
      element.randomseed = element.randomseed or busted.randomseed
    end)
    on(block, "end", function(element)
      test = nil
      local mark = table.remove(marks)
      if mark then end_since(mark, element) end
    end)
  end
end

read_options()
local ok, init = pcall(require, "busted")
if not ok then
  io.stderr:write("wsbot test: busted is not installed (Debian: apt install lua-busted)\n",
    tostring(init):match "^[^\n]*", "\n")
  os.exit(1)
end
local arrange
if seed then
  job.begin(only, seed)
elseif most_jobs then
  arrange = jobs.begin(most_jobs, skipped)
elseif next(skipped) then
  files.skip(skipped)
end
if not arrange then
  local note = files.note()
  function arrange(busted)
    adjust(busted)
    note(busted)
  end
end
package.loaded.busted = setmetatable({}, { __call = function(_, busted, ...)
  local result = init(busted, ...)
  arrange(busted)
  package.loaded.busted = init
  return result
end })
core.collect(true)
assert(load("require 'busted.runner' ({ standalone = false })", "@wsbot test"))()
