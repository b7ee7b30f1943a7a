-- wsbot.test.job: one spec file of a run with --jobs, in a process of its own. busted runs it as usual, except that an
-- output handler passes the events on to the run.
local events = require "wsbot.test.events"
local files = require "wsbot.test.files"
local processes = require "wsbot.test.processes"

local job = {}

-- The fields of an element that output handlers use.
local FIELDS = {
  "name", "descriptor", "message", "starttick", "endtick", "starttime", "endtime", "duration",
}

-- How many bytes were printed so far; all of them are written.
local function place_of(stream)
  local ok, place = pcall(function()
    stream:flush()
    return stream:seek "cur"
  end)
  return ok and place or nil -- a spec may have closed it
end

local function tell_all(busted, file)
  local ids, count = {}, 0

  local function id_of(element)
    if element.descriptor == "suite" then return 0 end
    if not ids[element] then
      count = count + 1
      ids[element] = count
    end
    return ids[element]
  end

  local function describe(element, is_new)
    local parent = busted.context.parent(element)
    local about = { id = id_of(element), up = parent and id_of(parent), fields = {} }
    if is_new then about.trace = element.trace end
    for _, name in ipairs(FIELDS) do about.fields[name] = element[name] end
    return about
  end

  -- The element, and those around it that the run does not know yet, from the outside in.
  local function describe_all(element)
    local list, e = {}, element
    while e and e.descriptor ~= "suite" do
      local is_new = not ids[e]
      if is_new or e == element then table.insert(list, 1, describe(e, is_new)) end
      e = busted.context.parent(e)
    end
    return list
  end

  local function tell(kind, element, parent, ...)
    events.write(file, {
      what = { kind, element.descriptor }, elements = describe_all(element), id = id_of(element),
      parent = parent and id_of(parent), seed = parent and parent.randomseed, rest = { ... }, n = select("#", ...),
      out = place_of(io.stdout), err = place_of(io.stderr),
    })
  end

  local function on(channel, fn)
    busted.subscribe(channel, function(...)
      fn(...)
      return nil, true
    end)
  end
  for _, kind in ipairs { "error", "failure", "pending" } do
    on({ kind }, function(...) tell(kind, ...) end)
  end
  for _, block in ipairs { "file", "describe", "test" } do
    for _, when in ipairs { "start", "end" } do
      on({ block, when }, function(element, ...)
        tell(when, element, ...)
      end)
    end
  end
  on({ "exit" }, function()
    events.write(file, { done = true })
  end)
end

-- Has busted run that file alone, with this seed.
function job.begin(name, seed)
  local file = processes.events()
  if not file then
    io.stderr:write "wsbot test: --job is what `wsbot test --jobs` starts its processes with\n"
    os.exit(2)
  end
  files.change_options(function(options)
    options.ROOT = { name }
    options.seed = seed
    options["repeat"] = 1
    options["log-success"] = nil -- the run writes it
  end)
  package.loaded["busted.modules.output_handler_loader"] = function()
    return function(busted)
      tell_all(busted, file)
    end
  end
end

return job
