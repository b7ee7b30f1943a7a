-- script_homeassistant: scripts/homeassistant.lua against a scripted home, which does as the documentation of Home
-- Assistant's WebSocket API has it.
-- Runs within the program that it tests.
local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/homeassistant.lua", function()
  local clock, home, bot, s, last

  local function tell(message)
    s:send(json.encode(message))
  end

  -- The next command is of this type, and its number is greater than those before it on the connection. Returns it.
  local function asks(kind)
    local message
    s:expect(function(data)
      message = json.decode(data)
      assert.equal(kind, message.type)
      assert.is_true(math.type(message.id) == "integer" and message.id > last)
    end)
    last = message.id
    return message
  end

  local function answer(message, result)
    tell { id = message.id, type = "result", success = true, result = result or json.null }
  end

  local function refuse(message, code, text)
    tell { id = message.id, type = "result", success = false, error = { code = code, message = text } }
  end

  local function start()
    bot = testing.bot("scripts/homeassistant.lua", { args = { home.url, "binary_sensor.hall", "light.hall" },
      env = { HASS_TOKEN = "secret" } })
  end

  -- The next connection, up to the question for the token.
  local function asked_for_the_token()
    s, last = home:accept(), 0
    tell { type = "auth_required", ha_version = "2026.11.1" }
    s:expect { type = "auth", access_token = "secret" }
  end

  local subscription

  -- The same, logged in and subscribed.
  local function open(state)
    asked_for_the_token()
    tell { type = "auth_ok", ha_version = "2026.11.1" }
    bot:expect "logged in at Home Assistant 2026.11.1"
    local command = asks "subscribe_events"
    assert.equal("state_changed", command.event_type)
    subscription = command.id
    answer(command)
    answer(asks "get_states", { { entity_id = "light.hall", state = "off" },
      { entity_id = "binary_sensor.hall", state = state or "unknown" } })
  end

  local function happens(entity, state)
    tell { id = subscription, type = "event", event = { event_type = "state_changed", origin = "LOCAL", data = {
      entity_id = entity, old_state = { state = "?" }, new_state = state and { state = state } or json.null } } }
  end

  local function switches(service)
    local command = asks "call_service"
    assert.same({ "light", service, { entity_id = "light.hall" } }, { command.domain, command.service, command.target })
    return command
  end

  before_each(function()
    clock, home = testing.clock(), testing.server()
  end)

  it("has the light follow the sensor", function()
    start()
    open "on"
    answer(switches "turn_on")
    bot:expect "binary_sensor.hall is on: so is the light"
    happens("light.hall", "off")
    happens("binary_sensor.hall", "unavailable")
    happens("binary_sensor.hall", nil) -- was removed
    happens("binary_sensor.hall", "off")
    answer(switches "turn_off")
    bot:expect "binary_sensor.hall is off: so is the light"
    assert.equal(0, bot:stop())
    s:expect_close(1001)
  end)

  it("takes answers in any order, and says why there is none", function()
    start()
    open()
    happens("binary_sensor.hall", "on")
    happens("binary_sensor.hall", "off")
    local on, off = switches "turn_on", switches "turn_off"
    refuse(off, "not_found", "Entity not found")
    answer(on)
    bot:expect("binary_sensor.hall is off: Entity not found", "binary_sensor.hall is on: so is the light")
    happens("binary_sensor.hall", "on")
    switches "turn_on"
    clock:advance(10)
    bot:expect "binary_sensor.hall is on: timeout"
  end)

  it("comes back after a drop, and catches up with what it has missed", function()
    start()
    open "off"
    answer(switches "turn_off")
    happens("binary_sensor.hall", "on")
    switches "turn_on"
    s:drop()
    bot:expect("binary_sensor.hall is off: so is the light", "closed: 1006 ",
      "binary_sensor.hall is on: the connection is lost")
    clock:advance(30)
    open "on"
    answer(switches "turn_on")
    bot:expect "binary_sensor.hall is on: so is the light"
  end)

  it("connects again when a ping is not answered", function()
    start()
    open()
    clock:advance(30)
    tell { id = asks "ping".id, type = "pong" }
    clock:advance(30)
    asks "ping"
    clock:advance(10)
    bot:expect("no pong: connecting again", "closed: 1000 ")
    open()
  end)

  it("sends no pings before it is logged in", function()
    start()
    asked_for_the_token()
    clock:advance(100)
    tell { type = "auth_ok", ha_version = "2026.11.1" }
    asks "subscribe_events"
  end)

  it("keeps its subscription over a reload, and numbers go on", function()
    start()
    open()
    assert.is_true(bot:reload())
    bot:expect "new code, same connection"
    happens("binary_sensor.hall", "on")
    answer(switches "turn_on")
    bot:expect "binary_sensor.hall is on: so is the light"
  end)

  it("subscribes anew where a reload came too early for the answer", function()
    start()
    asked_for_the_token()
    tell { type = "auth_ok", ha_version = "2026.11.1" }
    bot:expect "logged in at Home Assistant 2026.11.1"
    local old = asks "subscribe_events"
    assert.is_true(bot:reload())
    subscription = asks("subscribe_events").id
    answer(old)
    answer { id = subscription }
    answer(asks "get_states", { { entity_id = "binary_sensor.hall", state = "on" } })
    answer(switches "turn_on")
    bot:expect("new code, same connection", "binary_sensor.hall is on: so is the light")
  end)

  it("ends with 1 where the token is refused", function()
    start()
    asked_for_the_token()
    tell { type = "auth_invalid", message = "Invalid access token or password" }
    assert.equal(1, bot:wait())
    assert.matches("homeassistant: HASS_TOKEN is refused: Invalid access token or password", bot.log)
  end)

  it("ends with 1 where there is no such address, and with 2 where it is told too little", function()
    home:answer { refuse = { status = 404 } }
    start()
    assert.equal(1, bot:wait())
    assert.matches("homeassistant: gave up: status 404", bot.log)
    bot = testing.bot("scripts/homeassistant.lua", { args = { home.url, "a", "b" }, env = { HASS_TOKEN = false } })
    assert.equal(2, bot:wait())
    assert.matches("usage: HASS_TOKEN=", bot.log)
  end)
end)
