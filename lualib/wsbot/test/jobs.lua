-- wsbot.test.jobs: `wsbot test -j N`. This run finds the spec files, has each run by a process of its own (job.lua),
-- and passes their events on to busted's output handler, file by file, as if it had run them itself.
local core = require "wsbot.testing.core"
local events = require "wsbot.test.events"
local files = require "wsbot.test.files"
local processes = require "wsbot.test.processes"
local suite = require "wsbot.testing.suite"

local jobs = {}

-- Returns a function that prints what a job has printed, up to a place; without one, all of it.
local function printer(text, write)
  local at = 0
  return function(place)
    local part = text:sub(at + 1, place)
    at = place or #text
    if part ~= "" then write(part) end
  end
end

local function write_out(text)
  io.write(text)
  io.flush()
end

local function write_err(text)
  io.flush()
  io.stderr:write(text)
end

-- Makes the elements of a job again in the suite of this run; `file` is that of the job's file.
local function mirror(busted, file)
  local context = busted.context
  local elements = { [0] = context.parent(file) }
  local self = {}

  function self.take(about)
    local element = elements[about.id]
    if not element then
      element = about.up == 0 and about.fields.descriptor == "file" and file or { attributes = {} }
      elements[about.id] = element
      if about.up and element ~= file then
        context.push(elements[about.up])
        context.attach(element)
        context.pop()
      end
    end
    for name, value in pairs(about.fields) do element[name] = value end
    element.trace = about.trace or element.trace
  end

  function self.get(id)
    return elements[id]
  end

  -- Publishes an event of an element, as busted does.
  function self.publish(channel, element, ...)
    if not context.parent(element) and element ~= elements[0] then return busted.publish(channel, element, ...) end
    context.push(element)
    busted.publish(channel, element, ...)
    context.pop()
  end

  return self
end

-- The busted channel of an event.
local function channel_of(what)
  local kind, descriptor = what[1], what[2]
  if kind ~= "start" and kind ~= "end" then return { kind, descriptor } end
  return { (descriptor == "file" or descriptor == "describe") and descriptor or "test", kind }
end

-- The trace of a file that failed as a whole: TAP and gtest cannot report an error that has no place.
local function trace_of(file, message)
  local line = tostring(message):match ":(%d+):"
  return { short_src = file.name, currentline = tonumber(line) or 1, traceback = "" }
end

-- Publishes all that happened in a job, in order, and prints what it has printed.
local function replay(busted, file, out, err, told)
  local print_out, print_err = printer(out, write_out), printer(err, write_err)
  local world, open, failed, done, at = mirror(busted, file), {}, false, false, 1
  local event
  repeat
    event, at = events.read(told, at)
    if event and event.done then
      done = true
    elseif event then
      for _, about in ipairs(event.elements) do world.take(about) end
      local kind, element = event.what[1], world.get(event.id)
      if event.out then print_out(event.out) end
      if event.err then print_err(event.err) end
      if kind == "start" then open[#open + 1] = element end
      if kind == "end" then table.remove(open) end
      if kind == "error" or kind == "failure" then
        failed = true
        local message, trace = event.rest[1], event.rest[2]
        if not (trace and trace.short_src) then event.rest[2] = trace_of(file, message) end
      end
      local parent = event.parent and world.get(event.parent)
      if parent then parent.randomseed = event.seed end
      world.publish(channel_of(event.what), element, parent, table.unpack(event.rest, 1, event.n))
    end
  until not event
  print_out()
  print_err()
  return world, open, failed, done
end

-- Reports a process that did not end as busted does: the test that was running has failed, or else the file.
local function blame(busted, file, world, open, why)
  local function finish(element, ...)
    element.duration = element.starttick and busted.monotime() - element.starttick
    world.publish(channel_of { "end", element.descriptor }, element, busted.context.parent(element), ...)
  end
  local message = ("%s: the process that ran it ended %s"):format(file.name, why)
  local top = open[#open]
  local in_test = top and top.descriptor ~= "file" and top.descriptor ~= "describe"
  local element = in_test and top or { descriptor = "file", name = file.name, attributes = {} }
  local trace = in_test and top.trace or trace_of(file, message)
  world.publish({ "error", element.descriptor }, element, busted.context.parent(element), message, trace)
  if in_test then finish(table.remove(open), "error") end
  while #open > 0 do finish(table.remove(open)) end
end

-- Runs a file. After a failure with --no-keep-going no further file is begun.
local function run_one(most, name, seed, keeps_going)
  local results = table.pack(processes.run(most, "--only=" .. name, ("--job=%d"):format(seed)))
  if results[4] ~= 0 and not keeps_going then processes.hold() end
  return table.unpack(results, 1, results.n)
end

-- Runs the files in this order, `most` at a time. The first function that it returns awaits the end of the next, the
-- second ends those that are left.
local function start(busted, most, list, keeps_going)
  local tasks = {}
  for i, file in ipairs(list) do
    tasks[i] = host.spawn(run_one, most, file.name, busted.randomseed, keeps_going)
  end
  return function()
    return table.remove(tasks, 1):join()
  end, function()
    for _, task in ipairs(tasks) do task:cancel() end
    if #tasks > 0 then processes.stop() end
  end
end

-- Ends the run where busted itself did not begin in a job: a helper failed, say. It would be so for all files.
local function give_up(out, err, status, how)
  processes.stop()
  write_out(out)
  write_err(err)
  if status > 128 then io.stderr:write("wsbot test: it was ended ", how, ", before its first test\n") end
  os.exit(status)
end

local function refuse(what)
  io.stderr:write("wsbot test: --jobs does not go together with ", what, "\n")
  os.exit(2)
end

-- Has the files that busted finds, except those to be skipped, be run by processes, `most` at a time. Returns a
-- function that is to be called with busted.
function jobs.begin(most, skipped)
  local keeps_going
  files.change_options(function(options)
    keeps_going = options["keep-going"]
    if options.coverage then refuse "--coverage: each process would write its file anew" end
    options.helper, options.e = nil, {} -- the processes do that
  end)
  local next_one, stop
  local function run(busted, file)
    local list = busted.context.children(busted.context.parent(file))
    if file == list[1] then next_one, stop = start(busted, most, list, keeps_going) end
    local ok, out, err, told, status, how = next_one()
    if not ok then error(("%s: %s"):format(file.name, err), 0) end
    if told == "" then give_up(out, err, status, how) end
    local world, open, failed, done = replay(busted, file, out, err, told)
    if not done then
      blame(busted, file, world, open, "early, " .. how)
    elseif status ~= (failed and 1 or 0) then
      blame(busted, file, world, open, how .. ", after its tests")
    end
    if busted.skipAll or file == list[#list] then stop() end
  end
  return function(busted)
    suite.tell_seed(busted)
    core.collect(true) -- an error of run_one is raised by its join
    files.replace_loader(skipped, function(_, found)
      busted.register("file", function(file) run(busted, file) end, {})
      for _, name in ipairs(found) do
        busted.executors.file(name, function() end)
      end
      busted.hide "file"
      return found
    end)
  end
end

return jobs
