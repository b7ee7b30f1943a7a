-- wsbot.attach.commands: what begins with a colon at the prompt of `wsbot attach`. Each command gets the session and
-- the rest of its line.
local client = require "wsbot.control.client"
local layout = require "wsbot.attach.layout"
local profile = require "wsbot.profile"
local show = require "wsbot.terminal.show"

local commands = {}
local all = {} -- name to { what it is called with, what it does, fn }

-- Calls a method; false where it fails, which is told.
local function ask(session, method, params, timeout)
  params = params or {}
  params.worker = session.worker
  local result, why = client.call(session.rpc, method, params, timeout or client.FOREVER)
  if result == nil then session.fail(why) end
  return result or false
end

-- Shows what the program gave: a text, or of a pool one of each worker.
function commands.show(session, result)
  if type(result) == "string" then
    if result ~= "" then session.write(show.escape(result, true)) end
    return
  end
  for _, answer in ipairs(result) do
    local text = answer.why or type(answer.result) == "string" and answer.result or "done"
    local line = ("[%d] %s"):format(answer.worker, show.escape(text, true))
    if answer.why then session.fail(line) elseif text ~= "" then session.write(line) end
  end
end

local function add(name, usage, help, fn)
  all[name] = { usage = usage, help = help, fn = fn }
end

add("conns", "", "the connections", function(session)
  local list = ask(session, "connections")
  if list then session.write(layout.connections(list)) end
end)

add("tasks", "", "the tasks, and the line where each waits", function(session)
  local list = ask(session, "tasks")
  if list then session.write(layout.tasks(list)) end
end)

add("timers", "", "the timers that are set", function(session)
  local list = ask(session, "timers")
  if list then session.write(layout.timers(list)) end
end)

-- The connection of that name or id; nil: there is none, which is told.
local function find_connection(session, wanted)
  for _, c in ipairs(ask(session, "connections") or {}) do
    if c.name == wanted or tostring(c.id) == wanted then return c end
  end
  session.fail(("there is no connection '%s'; :conns tells which there are"):format(wanted))
end

add("conn", "NAME", "all that is known of a connection (its name or id)", function(session, rest)
  local found = find_connection(session, rest)
  if found then session.write(layout.connection(found)) end
end)

-- Shows what is told, until Ctrl-C, or until the command ends by itself.
local function follow(session, params, show_event)
  session.on_events = function(events)
    for _, event in ipairs(events.events) do
      local text = show_event(event)
      if text then session.write((events.worker and ("[%d] "):format(events.worker) or "") .. text) end
    end
    if events.shown < events.seen then
      session.write(("(%d of %d messages are shown)"):format(events.shown, events.seen))
    end
  end
  return ask(session, "watch", params)
end

local function stop_following(session)
  session.on_events = nil
  ask(session, "unwatch")
end

add("messages", "NAME", "what passes on a connection (its name or id), until Ctrl-C", function(session, rest)
  local found = find_connection(session, rest)
  if not found then return end
  if follow(session, { connection = found.id, worker = found.worker }, layout.message) then session.interrupted() end
  stop_following(session)
end)

add("log", "LEVEL", "lines of the log from debug, info, warn or error on; :log off ends that", function(session, rest)
  if rest == "off" then return stop_following(session) end
  follow(session, { log = rest == "" and "info" or rest }, layout.log)
end)

add("trace", "AREAS", "why things happen: conn, tls, dial, reload, task or all; :trace off", function(session, rest)
  if rest == "off" then return stop_following(session) end
  follow(session, { trace = rest == "" and "all" or rest }, layout.log)
end)

add("gens", "", "the last reloads, and what each kept", function(session)
  local list = ask(session, "generations")
  if list then session.write(layout.generations(list)) end
end)

local function write_profile(session, folded, file)
  local out, why = io.open(file, "w")
  if not out then return session.fail(why) end
  out:write(file:find "%.svg$" and profile.svg(folded) or folded)
  out:close()
  session.write("written to " .. file)
end

add("profile", "[SECONDS [FILE]]", "where the time goes; in FILE.svg as a flame graph", function(session, rest)
  local seconds, file = rest:match "^(%S*)%s*(.-)$"
  local result = ask(session, "profile", { seconds = tonumber(seconds) or 5 })
  if not result then return end
  local folded = {}
  for i, answer in ipairs(type(result) == "table" and result or { { result = result } }) do
    if answer.why then session.fail(answer.why) end
    folded[i] = answer.result or ""
  end
  if file ~= "" then return write_profile(session, table.concat(folded), file) end
  session.write(layout.profile(table.concat(folded)))
end)

add("state", "", "what host.state keeps", function(session)
  local result = ask(session, "state")
  if result then commands.show(session, result) end
end)

add("reload", "", "load the script again", function(session)
  if ask(session, "reload") then session.write "a reload was asked for: the program's log tells how it goes" end
end)

add("back", "", "go back to the generation before", function(session)
  local result = ask(session, "back")
  if result then commands.show(session, result == true and "going back was asked for" or result) end
end)

add("worker", "[N]", "of a pool: ask only this worker from now on, or all", function(session, rest)
  session.worker = tonumber(rest)
end)

add("quit", "", "leave the prompt (Ctrl-D)", function(session)
  session.stop(0)
end)

add("help", "", "this text", function(session)
  local names, lines = {}, { "Lua code runs in the program; `conns` has its connections by name. Commands:" }
  for name in pairs(all) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    lines[#lines + 1] = ("  %-26s %s"):format(":" .. name .. " " .. all[name].usage, all[name].help)
  end
  session.write(table.concat(lines, "\n"))
end)

function commands.run(session, name, rest)
  local command = all[name]
  if not command then return session.fail(("there is no command :%s; :help tells which there are"):format(name)) end
  command.fn(session, rest)
end

-- How what is left of the cursor may go on: names.
function commands.complete(session, left)
  local names = {}
  local stem = left:match "^%s*:(%w*)$"
  if stem then
    for name in pairs(all) do
      if name:sub(1, #stem) == stem then names[#names + 1] = name end
    end
    table.sort(names)
    return names
  end
  local text = client.call(session.rpc, "complete", { line = left, worker = session.worker or session.program.workers
    and 1 or nil })
  if type(text) == "table" then text = text[1] and text[1].result end
  for name in (text or ""):gmatch "[^\n]+" do names[#names + 1] = name end
  return names
end

return commands
