-- life: a fuzzer of whole lives. In each round a script that does anything (life/bot.lua) runs against a peer that does
-- anything (life/peer.lua), under signals and saves, in the program that runs this one: that with the sanitizers, if it
-- is to find much. A seed repeats all choices.
--     wsbot tests/fuzz/life.lua [--seed N] [--rounds N] [--seconds N] [--trace]
-- --seed: the first round's, the next has the next; --rounds, --seconds: when to end (one round); --trace: what the
-- script chose is shown.
local uv = require "luv"

local LIMIT <const> = 60 -- seconds, for a round of one or two

local here = arg[0]:match "^(.*)/" or "."
package.path = ("%s/life/?.lua;%s/../spec/?.lua;%s"):format(here, here, package.path)
uv.os_setenv("WSBOT", assert(uv.exepath()))
uv.os_setenv("WSBOT_SPEC_LIMIT", tostring(2 * LIMIT))

local judge = require "judge"
local peer = require "peer"
local place = require "support.place"
local plans = require "plan"
local program = require "support.program"
local random = require "random"
local relay = require "relay"
local story = require "support.story"
local support = require "support.peer"

local function usage(text)
  io.stderr:write("life: ", text, "\n")
  os.exit(2, true)
end

-- What the command line says.
local function read_options()
  local o = { seed = os.time() * 1000, rounds = 1 }
  local at = 1
  while arg[at] do
    local name = arg[at]:match "^%-%-(%a+)$"
    if name == "trace" then
      o.trace, at = true, at + 1
    elseif name == "seed" or name == "rounds" or name == "seconds" then
      o[name] = tonumber(arg[at + 1]) or usage(arg[at] .. " wants a number")
      at = at + 2
    else
      usage("what is " .. arg[at] .. "?")
    end
  end
  if o.seconds then o.rounds = math.huge end
  o.seed = math.tointeger(o.seed)
  return o
end

---------------------------------------------------------------------------------------------------- a round

-- The files of the script, where they can be edited.
local function lay_out()
  local folder = place.folder()
  for _, name in ipairs { "acts", "bot", "check", "deeds", "random" } do
    place.file(("%s/%s.lua"):format(folder, name), place.read(("%s/life/%s.lua"):format(here, name)))
  end
  return folder
end

-- Saves the script in another form.
local function save(plan, folder, how, number)
  local text = place.read(here .. "/life/bot.lua")
  local fails = how == "fails" and '"at once"' or how == "fails later" and '"later"' or "nil"
  text = text:gsub("local EDIT, FAILS = 0, nil", ("local EDIT, FAILS = %d, %s"):format(number, fails))
  if how == "broken" then text = text:sub(1, #text // 2) .. "\nthis is broken" end
  if how == "empty" then text = plan.by_signal and "host.after(1000, print)" or "-- nothing" end
  place.file(folder .. "/bot.lua", text)
end

-- What comes from outside, as planned.
local function play_weather(plan, folder, run)
  story.wait("the script to begin", function() return run.out:find "BEGINS" or run.status end)
  local began = host.now()
  for i, event in ipairs(plan.weather) do
    story.pause(math.max(0, began + event.at - host.now()))
    if event.how then save(plan, folder, event.how, i) end
    if event.what == "hup" then run:kill "sighup" end
  end
  story.pause(math.max(0, began + plan.seconds - host.now()))
  if not plan.by_signal then return end
  run:kill(plan.ends == "int" and "sigint" or "sigterm")
  if plan.ends == "term" then return end
  story.pause(plan.ends == "int" and 3 or 0.05)
  run:kill(plan.ends == "twice" and plan.seed % 2 == 0 and "sigint" or "sigterm") -- which Lua does not answer
end

-- One that hangs is made to show where.
local function watch(run)
  story.pause(LIMIT)
  if run.status then return end
  run.hung = ("it has not ended within %d s"):format(LIMIT)
  run:kill "sigabrt"
  story.pause(LIMIT / 4)
  run:kill "sigkill"
end

local function arguments(o, plan, address, ca_file)
  local words = {}
  local function add(key, value)
    if value then words[#words + 1] = ("%s=%s"):format(key, value) end
  end
  add("seed", plan.seed)
  add("seconds", plan.seconds)
  add("ends", plan.ends)
  add("waits", plan.by_signal)
  add("strict", plan.strict)
  add("memory", plan.memory)
  add("address", address)
  add("url", "ws://" .. address)
  add("secure", "wss://" .. address)
  add("dead", "ws://127.0.0.1:" .. support.dead_port())
  add("ca", ca_file)
  add("trace", o.trace)
  return words
end

-- Plays a round. Returns what is wrong with it and the program, as far as it came.
local function play(o, seed)
  local plan, fault, run = plans.of(seed), nil, nil
  local ok, failure = pcall(story.of(function()
    local r = random.stream(seed, "round")
    local server <close> = relay.server(seed, r:weighed { { 8, "right" }, { 1, "expired" }, { 1, "other_name" } })
    local tls_port = tonumber(server.url:match ":(%d+)")
    local wrong
    local address = peer.start({ seed = seed, tls_port = tls_port }, function(text) wrong = wrong or text end)
    local folder = lay_out()
    local line = { "run" }
    table.move(plans.flags(plan, folder), 1, 100, 2, line)
    line[#line + 1] = folder .. "/bot.lua"
    local words = arguments(o, plan, address, server.ca_file)
    table.move(words, 1, #words, #line + 1, line)
    local known = ("suppressions=%s/life/luv.supp:print_suppressions=0"):format(here)
    run = program.run(line, { env = { ASAN_OPTIONS = "handle_abort=1", LSAN_OPTIONS = known } })
    story.beside(function() play_weather(plan, folder, run) end)
    story.beside(function() watch(run) end)
    story.wait("the end of the program", function() return run.status and run.open == 0 end)
    fault = judge.fault(plan, run) or wrong
  end))
  if not ok and not fault then fault = tostring(type(failure) == "table" and failure.message or failure) end
  return fault, run, plan
end

---------------------------------------------------------------------------------------------------- all rounds

local function show(seed, fault, run, plan)
  local function last(text)
    return #text > 20000 and text:sub(1, 10000) .. "\n...\n" .. text:sub(-10000) or text
  end
  if run then
    io.stderr:write(("--- %s\n--- stdout:\n%s\n--- stderr:\n%s\n"):format(table.concat(run.args, " "), last(run.out),
      last(run.err)))
  end
  io.stderr:write(("life: seed %d (%s): %s\nlife: again: %s %s --seed %d --trace\n"):format(seed, plan.ends, fault,
    program.wsbot, arg[0], seed))
end

local o = read_options()
local began, rounds = host.now(), 0
while rounds < o.rounds and (not o.seconds or host.now() - began < o.seconds) do
  local seed = o.seed + rounds
  print("life: seed " .. seed) -- before it begins: this program is under test as well
  local fault, run, plan = play(o, seed)
  if fault then
    show(seed, fault, run, plan)
    os.exit(1, true)
  end
  if o.trace and run then io.stderr:write(run.err) end
  rounds = rounds + 1
end
print(("life: %d rounds in %.0f s, nothing found"):format(rounds, host.now() - began))
os.exit(0, true)
