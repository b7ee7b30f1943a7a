-- wsbot.testing.suite: adapts busted to the host. A test or a hook may wait, has a time limit, and fails for the errors
-- of its callbacks and tasks; what it leaves open is closed at its end. That holds for `wsbot test` and for `busted
-- --lua=wsbot` alike: script/loader.c puts suite.adopt around busted, wherever it is loaded from.
local core = require "wsbot.testing.core"
local doubles = require "wsbot.testing.doubles"
local instrument = require "wsbot.testing.instrument"
local recent = require "wsbot.testing.recent"
local shown = require "wsbot.shown"

require "wsbot.testing.time" -- loaded now, as busted has each spec file load its modules anew

local suite = {
  limit = 10, -- seconds that a test, or a hook, may take
  strict_leaks = false, -- what is left open fails the test
}

----------------------------------------------------------------------------------------------------------------- faults

local function say(text)
  core.begin_line()
  io.stderr:write("wsbot test: ", text, "\n")
end

-- The errors that callbacks, timers and tasks had since the last call, those of bots included.
local function take_errors()
  for _, entry in ipairs(core.instruments()) do
    if entry.object.blame then entry.object:blame() end
  end
  return core.errors()
end

local function tell(errors, first)
  local i = first
  while i <= #errors do
    local text, times = tostring(errors[i]), 1
    while i + times <= #errors and tostring(errors[i + times]) == text do times = times + 1 end
    say(("and another error%s: %s"):format(times > 1 and (" (%d times)"):format(times) or "", shown.lines(text)))
    i = i + times
  end
end

-- Raises the first error as it is, since busted's failures are tables; the others are reported on stderr. Where the
-- test has failed already, all are reported there: it can fail only once.
local function raise_errors(has_failed)
  local errors = take_errors()
  tell(errors, has_failed and 1 or 2)
  if #errors > 0 and not has_failed then error(errors[1], 0) end
end

-- Closes what was opened since `mark`: first the test's instruments, then what it has left open.
local function end_since(mark, element, has_failed)
  instrument.close_since(mark)
  local open = core.end_since(mark)
  raise_errors(has_failed)
  if #open == 0 then return end
  local text = ("%s left open: %s"):format(element.name or element.descriptor, table.concat(open, ", "))
  if suite.strict_leaks and not has_failed then error(text, 0) end
  say(shown.line(text))
end

----------------------------------------------------------------------------------------------------------------- traces

-- Has the trace of an error begin where the test has called wsbot, luassert or busted; for an error of a callback, when
-- no code of the test runs, it is the line of the test itself.
local function trace_of(busted)
  local stock, safe = busted.getTrace, busted.safe
  local folder = debug.getinfo(stock, "S").source:match "^(.*[/\\])"
  local function is_of_test(info)
    return info.what ~= "C" and not info.source:find "^=wsbot%." and not info.short_src:find "luassert[/\\].*%.lua$"
      and info.source:sub(1, #folder) ~= folder
  end
  return function(element, level, message)
    level = level or 3
    local info = debug.getinfo(level, "Sf")
    while info and info.func ~= safe and not is_of_test(info) do
      level = level + 1
      info = debug.getinfo(level, "Sf")
    end
    local of_test = element and element.trace
    if of_test and (not info or info.func == safe) then
      return { short_src = of_test.short_src, currentline = of_test.currentline, traceback = "", message = message }
    end
    local trace = stock(element, info and level + 1, message)
    return trace
  end
end

------------------------------------------------------------------------------------------------------- tests and blocks

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

local guarded = {}
for name in ([[it before_each after_each setup teardown strict_setup strict_teardown lazy_setup lazy_teardown
  finally]]):gmatch "%a[%w_]*" do
  guarded[name] = true
end

-- A test lasts from its first hook to its last, and what it opens is closed with it; what a block opens is closed with
-- the block. What is left open is looked for right behind the last function of the test, while busted can still say
-- that it has failed.
local function guard_tests(busted)
  local test, marks = nil, {}
  local function begin_test()
    if test then return end
    test = { mark = core.mark() }
    recent.forget()
  end
  local function end_test(element)
    local it = test
    test = nil
    end_since(it.mark, element, it.failed)
  end

  -- Is this the last function of the test that runs?
  local function is_last(descriptor, element)
    if not test or not test.element then return false end
    if test.last then return descriptor == "after_each" and element == test.last end
    return descriptor == "finally" or descriptor == "it" and not test.finally
  end

  -- Calls a function of the test within its time limit. Where the test has failed already, an error in `finally` is
  -- only reported, as all further errors are.
  local function guard(descriptor, run, ...)
    if descriptor ~= "finally" or not (test and test.failed) then return core.guard(suite.limit, run, ...) end
    local ok, why = pcall(core.guard, suite.limit, run, ...)
    if not ok then tell({ why }, 1) end
  end

  local safe = busted.safe
  function busted.safe(descriptor, run, element)
    local is_block = descriptor == "file" or descriptor == "describe"
    if is_block and run == element.run then -- the body of the block; its tests come later
      return safe(descriptor, function(...) return core.guard(suite.limit, run, ...) end, element)
    end
    if not guarded[descriptor] then return safe(descriptor, run, element) end
    if descriptor == "it" and run ~= element.run then -- the test and its hooks, each of which has a limit of its own
      local results = table.pack(safe(descriptor, run, element))
      if test then -- a hook has failed, so the end of the test was not reached
        test.failed = true
        end_test(element)
      end
      return table.unpack(results, 1, results.n)
    end
    if descriptor == "before_each" then begin_test() end
    local results = table.pack(safe(descriptor, function(...)
      local results = table.pack(guard(descriptor, run, ...))
      raise_errors(test and test.failed)
      return table.unpack(results, 1, results.n)
    end, element))
    if test and not results[1]:success() and not results[1]:pending() then
      test.failed = true
      raise_errors(true)
    end
    if test and is_last(descriptor, element) then -- what is found now is a failure of the same function
      local found = safe(descriptor, function() end_test(test.element) end, element)
      if not found:success() then results[1] = found end
    end
    return table.unpack(results, 1, results.n)
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
    local set = element.env and rawget(element.env, "finally")
    if set then
      element.env.finally = function(fn)
        if test then test.finally = true end
        return set(fn)
      end
    end
    -- all random numbers follow from one number, which is shown with each failure, and from the name of the test
    math.randomseed(core.seed(busted.randomseed, full_name(busted, element)))
  end)
  on("test", "end", function(element)
    if test and (not test.last or element.descriptor == "pending") then
      test.failed = true
      end_test(element)
    end
  end)
  for _, block in ipairs { "describe", "file" } do
    on(block, "start", function() marks[#marks + 1] = core.mark() end)
    on(block, "end", function(element)
      test = nil
      local mark = table.remove(marks)
      if mark then end_since(mark, element) end
    end)
  end
end

-- Has busted show, with a failure, the last events on the test's connections.
local function show_events(busted)
  local rewrite = busted.rewriteMessage
  function busted.rewriteMessage(element, message, ...)
    local text = rewrite(element, message, ...)
    local kind = (debug.getmetatable(message) or {}).__type
    return kind == "pending" and text or text .. recent.text()
  end
end

-- Has busted show, with failures alone, the seed of the random numbers.
function suite.tell_seed(busted)
  local publish = busted.publish
  function busted.publish(channel, element, parent, ...)
    local what = channel[1]
    if what ~= "failure" and what ~= "error" or not parent or parent.randomseed then
      return publish(channel, element, parent, ...)
    end
    parent.randomseed = busted.randomseed
    publish(channel, element, parent, ...)
    parent.randomseed = nil
  end
end

-- Has luassert escape the texts that it shows, as they may come from a peer.
local function show_controls()
  require("luassert"):add_formatter(function(value)
    local text = type(value) == "string" and shown.lines(value)
    if text and text ~= value then return ("(string) '%s'"):format(text) end
  end)
end

-- Puts functions of ours around what busted runs: tests and hooks.
function suite.arrange(busted)
  doubles.arrange()
  show_controls()
  busted.getTrace = trace_of(busted)
  guard_tests(busted)
  suite.tell_seed(busted)
  show_events(busted)
  local mark = core.mark()
  core.collect(true)
  busted.subscribe({ "exit" }, function()
    end_since(mark, { name = "the suite" }, true)
    core.collect(false)
    core.end_with_main()
    return nil, true
  end)
end

-- Puts a function of ours around busted's own chunk.
function suite.adopt(chunk)
  return function(...)
    local init = chunk(...)
    return setmetatable({}, { __call = function(_, busted, ...)
      local result = init(busted, ...)
      suite.arrange(busted)
      package.loaded.busted = init
      return result
    end })
  end
end

return suite
