-- wsbot.attach.commands: what begins with a colon at the prompt of `wsbot attach`. Each command gets the session and
-- the rest of its line.
local client = require "wsbot.control.client"
local follow = require "wsbot.attach.follow"
local layout = require "wsbot.attach.layout"
local metrics = require "wsbot.metrics"
local profile = require "wsbot.profile"
local show = require "wsbot.terminal.show"

local RELOADS <const> = 15 -- seconds within which a reload is over

local commands = {}
local all = {} -- name to { what it is called with, what it does, fn }

-- Calls a method; false where it fails, which is told.
local function ask(session, method, params, timeout)
  params = params or {}
  params.worker = params.worker or session.worker
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

-------------------------------------------------------------------------------------------------------------- looking

-- Of a pool, says which workers are missing in a list.
local function tell_silent(session)
  local program = session.program.workers and ask(session, "program") or {}
  if (program.silent or 0) > 0 then session.fail(("%d of the workers do not answer"):format(program.silent)) end
end

-- A command that shows a list; with a text only those of its lines that have it.
local function add_list(name, usage, help, method, lay_out)
  add(name, usage, help, function(session, rest)
    local list = ask(session, method)
    if not list then return end
    session.write(lay_out(list, usage ~= "" and rest or ""))
    tell_silent(session)
  end)
end

add_list("conns", "[TEXT]", "the connections, or those with TEXT", "connections", layout.connections)
add_list("tasks", "", "the tasks, and the line where each waits", "tasks", layout.tasks)
add_list("timers", "", "the timers that are set", "timers", layout.timers)
add_list("gens", "", "the last reloads, and what each kept", "generations", layout.generations)

-- The connection of that name or id; nil: there is none, which is told.
local function find_connection(session, wanted)
  if wanted == "" then return session.fail "which one? its name or id must follow; :conns tells which there are" end
  for _, c in ipairs(ask(session, "connections") or {}) do
    if c.name == wanted or tostring(c.id) == wanted then return c end
  end
  session.fail(("there is no connection '%s'; :conns tells which there are"):format(wanted))
end

add("conn", "NAME", "all that is known of a connection", function(session, rest)
  local found = find_connection(session, rest)
  if found then session.write(layout.connection(found)) end
end)

add("state", "", "what host.state keeps", function(session)
  local result = ask(session, "state")
  if result then commands.show(session, result) end
end)

add("metrics", "[TEXT]", "what is counted, or what has TEXT in its name", function(session, rest)
  local result = ask(session, "metrics")
  if not result then return end
  if result[1] and result[1].worker then
    local list = {}
    for _, answer in ipairs(result) do list[answer.worker] = answer.result end
    result = metrics.merge(list)
  end
  local lines = {}
  for line in metrics.text(result, "prometheus"):gmatch "[^\n]+" do
    local is_bucket = line:find "_bucket{"
    if not line:find "^#" and not is_bucket and line:find(rest, 1, true) then lines[#lines + 1] = line end
  end
  session.write(#lines > 0 and table.concat(lines, "\n") or "nothing of that name is counted")
end)

add("ready", "", "does host.ready say that it is?", function(session)
  local result = ask(session, "ready")
  for _, answer in ipairs(result and (result.ready ~= nil and { { result = result } } or result) or {}) do
    local who = answer.worker and ("[%d] "):format(answer.worker) or ""
    local r = answer.result
    session.write(who .. (answer.why or r.ready and "ready" or "not ready: " .. r.where))
  end
end)

------------------------------------------------------------------------------------------------------------- following

add("messages", "NAME", "what passes on a connection, until Ctrl-C", function(session, rest)
  local found = find_connection(session, rest)
  if found then follow.messages(session, ask, found) end
end)

add("log", "[LEVEL|off]", "the log from debug, info, warn or error on", function(session, rest)
  follow.log(session, ask, { log = rest == "" and "info" or rest })
end)

add("trace", "[AREAS|off]", "why: conn, tls, dial, reload, task, or all", function(session, rest)
  follow.log(session, ask, { trace = rest == "" and "all" or rest })
end)

------------------------------------------------------------------------------------------------------------- profiles

add("profile", "[SECONDS [FILE]]", "where the time goes; FILE.svg: a flame graph", function(session, rest)
  local seconds, file = rest:match "^(%S*)%s*(%S*)$"
  if not seconds or seconds ~= "" and not tonumber(seconds) then
    return session.fail ":profile SECONDS FILE: a number, and a file without spaces"
  end
  local out, why
  if file ~= "" then
    out, why = io.open(file, "w")
    if not out then return session.fail(why) end
  end
  local result = ask(session, "profile", { seconds = tonumber(seconds) or 5 })
  if not result then return end
  local folded = {}
  for i, answer in ipairs(type(result) == "table" and result or { { result = result } }) do
    if answer.why then session.fail(answer.why) end
    folded[i] = answer.result or ""
  end
  folded = table.concat(folded)
  if not out then return session.write(layout.profile(folded)) end
  out:write(file:find "%.svg$" and profile.svg(folded) or folded)
  out:close()
  session.write("written to " .. file)
end)

--------------------------------------------------------------------------------------------------------------- reloads

local function newest(session)
  local last = {}
  for _, g in ipairs(ask(session, "generations") or {}) do
    local worker = g.worker or 0
    last[worker] = math.max(last[worker] or 0, g.time)
  end
  return last
end

-- Waits until the reload that was asked for is over, in all workers, and shows how it went.
local function await_reload(session, before)
  local ends, told = host.now() + RELOADS, {}
  local wanted, count = session.worker and 1 or session.program.workers or 1, 0
  while count < wanted and host.now() < ends do
    host.sleep(0.05)
    for _, g in ipairs(ask(session, "generations") or {}) do
      local worker = g.worker or 0
      if g.time > (before[worker] or 0) and not told[worker] then
        told[worker], count = true, count + 1
        local line = ("%sgeneration %d %s: %s"):format(g.worker and ("[%d] "):format(worker) or "", g.generation,
          g.ok and "took over" or "failed", g.report)
        if g.ok then session.write(line) else session.fail(line) end
      end
    end
  end
  if count < wanted then session.fail "it is not over yet: :gens will tell how it went" end
end

add("reload", "", "load the script again", function(session)
  local before = newest(session)
  if ask(session, "reload") then await_reload(session, before) end
end)

add("back", "", "go back to the generation before", function(session)
  local before = newest(session)
  if ask(session, "back") then await_reload(session, before) end
end)

------------------------------------------------------------------------------------------------------------ the session

add("worker", "[N]", "of a pool: ask only this worker, or all", function(session, rest)
  local workers, number = session.program.workers, tonumber(rest)
  if not workers then return session.fail "it has no workers" end
  if rest ~= "" and not (math.type(number) == "integer" and number >= 1 and number <= workers) then
    return session.fail((":worker takes a number from 1 to %d; without one all are asked"):format(workers))
  end
  session.worker = number
  session.write(number and ("worker %d is asked from now on"):format(number) or "all workers are asked from now on")
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

---------------------------------------------------------------------------------------------------------- completing

local words = { log = { "debug", "error", "info", "off", "warn" },
  trace = { "all", "conn", "dial", "off", "reload", "task", "tls" } }

local function names_of_connections(session)
  local names = {}
  for _, c in ipairs(client.call(session.rpc, "connections") or {}) do names[#names + 1] = c.name end
  return names
end

local function with_stem(names, stem)
  local found = {}
  for _, name in ipairs(names) do
    if name:sub(1, #stem) == stem then found[#found + 1] = name end
  end
  table.sort(found)
  return found
end

-- How what is left of the cursor may go on: names, and what of them is there already.
function commands.complete(session, left)
  local stem = left:match "^%s*:(%w*)$"
  if stem then
    local names = {}
    for name in pairs(all) do names[#names + 1] = name end
    return with_stem(names, stem), stem
  end
  local command, argument = left:match "^%s*:(%w+)%s+(%S*)$"
  if command then
    local takes_name = command == "messages" or command == "conn"
    return with_stem(takes_name and names_of_connections(session) or words[command] or {}, argument), argument
  end
  local text = client.call(session.rpc, "complete", { line = left, worker = session.worker or session.program.workers
    and 1 or nil })
  if type(text) == "table" then text = text[1] and text[1].result end
  local names = {}
  for name in (text or ""):gmatch "[^\n]+" do names[#names + 1] = name end
  return names, left:match "[%w_]*$"
end

return commands
