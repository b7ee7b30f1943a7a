-- homeassistant: a light that follows a sensor, over Home Assistant's WebSocket API.
--
--     HASS_TOKEN=... wsbot scripts/homeassistant.lua ws://homeassistant.local:8123/api/websocket SENSOR LIGHT
--
-- SENSOR is as binary_sensor.hall, LIGHT as light.hall; the token is made in your profile ("long-lived access token").
--
-- One idea: a command is a function that waits for its result. wsbot.calls has the numbers by which the two are found.
-- on_message itself never waits for one, as the result would come behind what it is called with.
-- The protocol: https://developers.home-assistant.io/docs/api/websocket

local calls = require "wsbot.calls"
local json = require "wsbot.json"

local url, sensor, light, token = arg[1], arg[2], arg[3], os.getenv "HASS_TOKEN"
if not light or not token then
  io.stderr:write("usage: HASS_TOKEN=... wsbot scripts/homeassistant.lua URL SENSOR LIGHT\n")
  os.exit(2)
end

local session = host.state "session" -- ready: we are logged in; follows: and subscribed
local pending = calls.new { timeout = 10 }

local conn = ws.connect { name = "home", url = url, reconnect = { max = 30 } }

--------------------------------------------------------------------------------------------------------------- commands

-- Waits for what came of a command: its result, or nil and why there is none.
local function command(message)
  local id, answer = pending:open()
  message.id = id
  conn:send(json.encode(message))
  local ok, result, why = answer:wait()
  if ok then return result end
  return nil, why or result
end

local function switch(state)
  if state ~= "on" and state ~= "off" then return end -- "unavailable", "unknown"
  local done, why = command {
    type = "call_service",
    domain = "light",
    service = "turn_" .. state,
    target = { entity_id = light },
  }
  print(("%s is %s: %s"):format(sensor, state, done and "so is the light" or why))
end

-- The state of now comes second: what changes meanwhile is heard of.
local function follow()
  local done, why = command { type = "subscribe_events", event_type = "state_changed" }
  if not done then return io.stderr:write("homeassistant: cannot subscribe: ", why, "\n") end
  session.follows = true
  for _, entity in ipairs(command { type = "get_states" } or {}) do
    if entity.entity_id == sensor then switch(entity.state) end
  end
end

-- A link may be dead and yet look open.
host.every(30, function()
  if not session.ready then return end
  local _, why = command { type = "ping" }
  if why == "timeout" then
    print "no pong: connecting again"
    conn:reconnect()
  end
end, "ping")

------------------------------------------------------------------------------------------------------------- what comes

local handle = {}

function handle.auth_required()
  conn:send(json.encode { type = "auth", access_token = token })
end

function handle.auth_ok(message)
  print("logged in at Home Assistant " .. message.ha_version)
  session.ready = true
  host.spawn(follow)
end

function handle.auth_invalid(message)
  io.stderr:write("homeassistant: HASS_TOKEN is refused: ", message.message, "\n")
  host.stop(1)
end

function handle.result(message)
  if message.success then
    pending:answer(message.id, message.result)
  else
    pending:fail(message.id, message.error.message)
  end
end

function handle.pong(message)
  pending:answer(message.id, true)
end

function handle.event(message)
  local data = message.event.data
  if message.event.event_type ~= "state_changed" or data.entity_id ~= sensor then return end
  if data.new_state ~= json.null then host.spawn(switch, data.new_state.state) end -- null: the entity was removed
end

function conn.on_message(_, data)
  local message = json.decode(data)
  local handler = handle[message.type]
  if handler then handler(message) end
end

--------------------------------------------------------------------------------------------------------- the connection

function conn.on_adopt()
  print "new code, same connection"
  if session.ready and not session.follows then host.spawn(follow) end
end

function conn.on_error(_, code, message)
  io.stderr:write("homeassistant: ", code, ": ", message, "\n")
end

function conn.on_close(_, code, reason)
  session.ready, session.follows = false, false
  pending:fail_all "the connection is lost"
  print(("closed: %d %s"):format(code, reason))
end

function conn.on_give_up(_, why)
  io.stderr:write("homeassistant: gave up: ", why, "\n")
  host.stop(1)
end
