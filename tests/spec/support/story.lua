-- story: a spec told in a straight line. Its body is a coroutine; a step that has to wait says what for and gives a
-- function that looks whether it has come, and the libuv loop turns until it has. What a story starts (programs,
-- peers) ends with it, and a story that does not get on is told what it waited for.
local uv = require "luv"

local story = {}

local LIMIT = tonumber(os.getenv "WSBOT_SPEC_LIMIT") or 20 -- seconds, for everything a story waits for
local now -- the story that is being told

-- Runs the tasks of a story, `body` the first, until that one has ended.
local function turn_until_done(body)
  local this = now
  local timer, late = uv.new_timer(), false
  timer:start(math.floor(LIMIT * 1000), 0, function()
    late = true
  end)
  local main = { thread = coroutine.create(body) }
  this.tasks = { main }
  local failure
  repeat
    local moved
    repeat
      moved = false
      for _, task in ipairs { table.unpack(this.tasks) } do
        if coroutine.status(task.thread) == "suspended" then
          this.task, task.moved = task, false
          local ok, message = coroutine.resume(task.thread)
          if not ok then
            failure = failure or { type(message) == "string" and debug.traceback(task.thread, message) or message }
          end
          moved = moved or task.moved
        end
      end
    until not moved or failure
    if failure or coroutine.status(main.thread) == "dead" then break end
    if late then
      failure = { debug.traceback(main.thread, ("waited %g s for %s"):format(LIMIT, main.what or "nothing")) }
      break
    end
    uv.run("once")
  until false
  timer:close()
  return failure
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
    now = { closers = {}, notes = {} }
    uv.new_signal():start("sigpipe", function() end) -- writing to who has gone is an error, not the end
    local failure = turn_until_done(body)
    local closing = turn_until_done(function()
      local closers, first = now.closers, nil
      for i = #closers, 1, -1 do
        local ok, message = pcall(closers[i])
        if not ok then first = first or { message } end
      end
      if first then error(first[1], 0) end
    end)
    failure = failure or closing
    if failure then failure = { with_notes(failure[1], now.notes) } end
    uv.walk(function(handle)
      if not handle:is_closing() then handle:close() end
    end)
    uv.run()
    now = nil
    if failure then error(failure[1], 0) end
  end
end

-- Waits until look() returns something true, and returns what it returned.
function story.wait(what, look)
  local task = now.task
  while true do
    task.what = what
    local a, b, c = look()
    if a then
      task.what, task.moved = nil, true
      return a, b, c
    end
    coroutine.yield()
    task = now.task
  end
end

-- The same for what the loop does not hear of: it is looked for again and again.
function story.poll(what, look)
  local timer = uv.new_timer()
  timer:start(0, 5, function() end)
  local a, b, c = story.wait(what, look)
  timer:close()
  return a, b, c
end

-- Lets the loop turn for so many seconds. Only for what cannot be waited for, and nothing may depend on how long it is.
function story.pause(seconds)
  local timer, over = uv.new_timer(), false
  timer:start(math.floor(seconds * 1000), 0, function()
    over = true
    timer:close()
  end)
  story.wait("a pause to end", function()
    return over
  end)
end

-- Runs fn beside the story, which it may not outlive. An error in it fails the story.
function story.beside(fn)
  local tasks = now.tasks
  tasks[#tasks + 1] = { thread = coroutine.create(fn) }
  now.task.moved = true
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
