-- check: what must be so whatever happens, seen from within the script. What is not is printed, as a line that begins
-- with WRONG. What it knows of a connection is kept in host.state, so that it holds over reloads.
local check = {}

local words = { connecting = true, open = true, closing = true, closed = true, waiting = true }
local counters = { "bytes_in", "bytes_out", "messages_in", "messages_out" }

-- plan: what the script was told; state: a table of host.state.
function check.start(plan, state)
  check.plan, check.state = plan, state
  state.conns = state.conns or {}
  check.busy = {} -- id of a connection -> the callback that runs
end

function check.wrong(...)
  local list = table.pack(...)
  for i = 1, list.n do
    list[i] = tostring(list[i]):sub(1, 200)
  end
  print("WRONG " .. table.concat(list, " "))
end

-- The record of a connection. attempt: the number of the last that ended; deaf: callbacks were taken away, so that not
-- all is heard; loose: messages were held, while events went on; turns: it was rotated, so that messages go to one
-- transport or the other. transports, by their rotation: phase: what was told last of it; errors: how many.
function check.record(conn)
  local id = conn.id
  local r = check.state.conns[id]
  if not r then
    r = { id = id, transports = {}, attempt = 0, counts = {}, got = {}, sent = {}, gaps = 0 }
    r.deaf = check.plan.memory -- a callback may fail for want of it before it has said so
    check.state.conns[id] = r
  end
  return r
end

-- Looks at the fields of a connection.
function check.fields(conn)
  local r = check.record(conn)
  if not words[conn.state] then check.wrong("state", conn.state) end
  for _, name in ipairs(counters) do
    local n = conn[name]
    if n < (r.counts[name] or 0) then check.wrong(name, "of", r.id, "fell from", r.counts[name], "to", n) end
    r.counts[name] = n
  end
  if conn.buffered_amount < 0 then check.wrong("buffered_amount", conn.buffered_amount) end
end

---------------------------------------------------------------------------------------------------- echoes

-- A message that says what it must be like: L ID STREAM NUMBER LENGTH: filler.
function check.message(id, stream, number, length)
  local head = ("L %d %s %d %d:"):format(id, stream, number, length)
  return head .. string.char(97 + number % 26):rep(length)
end

-- A message came back, whole, and behind those before it. Within an attempt none is left out.
function check.echo(conn, data)
  local id, stream, number, length = data:match "^L (%d+) (%a+) (%d+) (%d+):"
  if not id then return end
  id, number, length = math.tointeger(id), math.tointeger(number), math.tointeger(length)
  local r = check.record(conn)
  if id ~= r.id then return check.wrong("message of", id, "came to", r.id) end
  if data ~= check.message(id, stream, number, length) then
    return check.wrong("message", number, "of", id, "is not whole:", #data, "bytes")
  end
  if r.turns then return end
  local last = r.got[stream]
  if last and number <= last then
    check.wrong("message", stream, number, "of", id, "came behind", last)
  elseif last and number > last + 1 then
    r.gaps = r.gaps + 1
    if r.gaps > r.attempt and not r.deaf then
      check.wrong("messages", stream, last + 1, "to", number - 1, "of", id, "are lost in attempt", r.attempt + 1)
    end
  end
  r.got[stream] = number
end

---------------------------------------------------------------------------------------------------- the order of events

local in_open = { on_message = true, on_ping = true, on_pong = true }

local events = {}

function events.on_connect(r, t)
  if t.phase ~= "none" and t.phase ~= "connected" and not r.deaf then
    check.wrong("on_connect of", r.id, "in phase", t.phase)
  end
  t.phase = "connected"
end

function events.on_websocket_connect(r, t)
  if t.phase ~= "connected" and not r.deaf then check.wrong("on_websocket_connect of", r.id, "in phase", t.phase) end
  t.phase = "open"
end

function events.on_error(r, t, word, message)
  if word == "callback" then
    if message:find "attempt to" or message:find "bad argument" then check.wrong("this script:", message) end
    if message:find "interrupted!" then r.deaf = true end -- by a signal, it may be before it has said so
    return
  end
  t.errors = t.errors + 1
  if t.errors > 1 and not r.deaf then check.wrong("on_error of", r.id, "is the second of its attempt:", word) end
  t.phase = "failed"
  if r.turns then t.phase, t.errors = "none", 0 end -- one that was to be the next is tried again
end

function events.on_close(r, t, _, _, record)
  if record.attempt <= r.attempt then
    check.wrong("on_close of", r.id, "is the second of attempt", record.attempt)
  end
  if record.attempt > r.attempt + 1 and not r.deaf and not r.turns then
    check.wrong("on_close of", r.id, "for attempt", record.attempt, "comes behind that of", r.attempt)
  end
  if record.error and record.error ~= "callback" and t.errors == 0 and not r.deaf and not r.turns then
    check.wrong("on_close of", r.id, "without on_error")
  end
  r.attempt, r.transports = record.attempt, {}
end

-- The record of the transport from which the event came.
local function transport(r, rotation)
  local t = r.transports[rotation] or { phase = "none", errors = 0 }
  r.transports[rotation] = t
  return t
end

-- A callback is called.
function check.event(conn, name, ...)
  local r = check.record(conn)
  local t = transport(r, conn.rotation)
  if name == "on_overlap" or name == "on_gap" then return r end
  local other = check.busy[r.id]
  if other and not r.turns then check.wrong(name, "of", r.id, "while", other, "runs") end
  if name == "on_adopt" then r.loose = true end -- the last generation may have had no on_message
  local held = name == "on_message" and r.loose
  if in_open[name] and t.phase ~= "open" and not r.deaf and not held then
    check.wrong(name, "of", r.id, "in phase", t.phase)
  end
  if events[name] then events[name](r, t, ...) end
  if name == "on_message" then check.echo(conn, (...)) end
  check.fields(conn)
  return r
end

-- As a <close> variable: the callback runs until then.
function check.during(id, name)
  check.busy[id] = name
  return setmetatable({}, { __close = function() check.busy[id] = nil end })
end

return check
