-- story: a spec told in a straight line. Its body is a task; a step that has to wait says what for and gives a function
-- that looks whether it has come, which is called whenever libuv has told of something. What a story starts (programs,
-- peers) ends with it, and a story that does not get on is told what it waited for.
local uv = require "luv"

local story = {}

local LIMIT = tonumber(os.getenv "WSBOT_SPEC_LIMIT") or 60 -- seconds, for everything a story waits for
local now -- the story that is being told

-- Calls fn. The first error of a story is kept, in a table.
local function attempt(this, fn)
  return xpcall(fn, function(message)
    this.failure = this.failure or { type(message) == "string" and debug.traceback(message, 2) or message }
  end)
end

-- Runs body as a task, and with it the tasks that it puts beside itself, until it has ended. Returns the failure.
local function tell(body)
  local this = now
  this.failure, this.beside, this.waits = nil, {}, {}
  this.main = host.spawn(function()
    this.thread = coroutine.running()
    attempt(this, body)
  end)
  local _, why = this.main:join(LIMIT)
  if why == "timeout" then
    local what = this.waits[this.thread] or "nothing"
    this.failure = { debug.traceback(this.thread, ("waited %g s for %s"):format(LIMIT, what)) }
    this.main:cancel()
  end
  for _, task in ipairs(this.beside) do
    task:cancel()
  end
  return this.failure
end

-- Ends the test that runs as a pending one. busted gives each test a function for that.
local make_pending = error
local found, busted = pcall(require, "busted")
if found and busted.subscribe then
  busted.subscribe({ "test", "start" }, function(element)
    make_pending = element.env and element.env.pending or error
    return nil, true
  end)
end

-- Adds a line to the file that WSBOT_SKIPPED names, which ./dev test makes a summary of.
local function note_skipped(why)
  local path = os.getenv "WSBOT_SKIPPED"
  if not path then return end
  local file <close> = assert(io.open(path, "a"))
  file:write(why, "\n")
end

-- Ends the story, which is then pending: it cannot be told here.
function story.skip(why)
  note_skipped(why)
  now.skipped = why
  error(why, 0)
end

-- Adds to a failure what the story has noted.
local function with_notes(failure, notes)
  local text = {}
  for _, note in ipairs(notes) do
    text[#text + 1] = note()
  end
  if #text == 0 then return failure end
  local more = "\n\n" .. table.concat(text, "\n")
  if type(failure) == "table" and type(failure.message) == "string" then
    failure.message = failure.message .. more
  elseif type(failure) == "string" then
    failure = failure .. more
  end
  return failure
end

-- Makes the function that busted's `it` takes.
function story.of(body)
  return function()
    now = { closers = {}, notes = {}, moved = uv.new_async(function() end) }
    local failure = tell(body)
    local closing = tell(function()
      local closers, first = now.closers, nil
      for i = #closers, 1, -1 do
        local ok, message = pcall(closers[i])
        if not ok then first = first or { message } end
      end
      if first then error(first[1], 0) end
    end)
    local skipped = not closing and now.skipped
    failure = failure or closing
    if failure then failure = { with_notes(failure[1], now.notes) } end
    uv.walk(function(handle)
      if not handle:is_closing() then handle:close() end
    end)
    uv.run()
    now = nil
    if skipped then make_pending(skipped) end
    if failure then error(failure[1], 0) end
  end
end

-- Others may wait for what a task does until it waits again: they look when it has.
local function goes_on(this)
  if this.beside[1] then this.moved:send() end
end

-- Waits until look() returns something true, and returns what it returned.
function story.wait(what, look)
  local this, thread = now, coroutine.running()
  this.waits[thread] = what
  local a, b, c = look()
  while not a do
    uv.run "once"
    a, b, c = look()
  end
  this.waits[thread] = nil
  goes_on(this)
  return a, b, c
end

-- The same for what the loop does not hear of: it is looked for again and again.
function story.poll(what, look)
  local timer = uv.new_timer()
  timer:start(0, 5, function() end)
  local a, b, c = story.wait(what, look)
  timer:close()
  return a, b, c
end

-- Has those who wait look again: for a callback that luv does not make, as those of a connection of the spec's own.
function story.stir()
  if now then now.moved:send() end
end

-- Lets the loop turn for so many seconds. Only for what cannot be waited for, and nothing may depend on how long it is.
function story.pause(seconds)
  host.sleep(seconds)
  goes_on(now)
end

-- Runs fn beside the story, which it may not outlive. An error in it fails the story.
function story.beside(fn)
  local this = now
  table.insert(this.beside, host.spawn(function()
    goes_on(this)
    if not attempt(this, fn) then this.main:cancel() end
  end))
end

-- fn() is called when the story ends; it may wait.
function story.at_end(fn)
  table.insert(now.closers, fn)
end

-- fn() returns a text that is shown when the story fails.
function story.note(fn)
  table.insert(now.notes, fn)
end

-- A seed for what is random in the story, told when it fails. Returns it.
function story.seed()
  local seed = math.tointeger(tonumber(os.getenv "WSBOT_SPEC_SEED") or os.time())
  math.randomseed(seed)
  story.note(function()
    return "WSBOT_SPEC_SEED=" .. seed
  end)
  return seed
end

return story
