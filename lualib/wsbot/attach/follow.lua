-- wsbot.attach.follow: commands of `wsbot attach` that show what goes on, as it does. A session has one watch: log and
-- trace are shown together, and messages until Ctrl-C.
local layout = require "wsbot.attach.layout"

local follow = {}

-- Has what is told shown by `show_event`, which gives a text, or nothing.
local function show(session, show_event)
  session.on_events = function(events)
    for _, event in ipairs(events.events) do
      local text = show_event(event)
      if text then session.write((events.worker and ("[%d] "):format(events.worker) or "") .. text) end
    end
    if events.shown < events.seen then
      session.write(("(%d of %d messages are shown)"):format(events.shown, events.seen))
    end
  end
end

-- Watches what the session wants of the log, or nothing.
local function watch_log(session, ask)
  local wanted = session.wanted
  if not wanted or not (wanted.log or wanted.trace) then
    session.wanted = nil
    ask(session, "unwatch")
    return
  end
  show(session, layout.log)
  return ask(session, "watch", { log = wanted.log, trace = wanted.trace })
end

-- What passes on a connection, until Ctrl-C.
function follow.messages(session, ask, connection)
  if ask(session, "watch", { connection = connection.id, worker = connection.worker }) then
    show(session, layout.message)
    session.interrupted()
  end
  ask(session, "unwatch")
  watch_log(session, ask)
end

-- Lines of the log, or of the trace, from now on; { log = "off" } ends that.
function follow.log(session, ask, change)
  local before = session.wanted or {}
  session.wanted = { log = before.log, trace = before.trace }
  for name, value in pairs(change) do session.wanted[name] = value ~= "off" and value or nil end
  if watch_log(session, ask) == false then session.wanted = before end
end

return follow
