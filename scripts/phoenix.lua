-- phoenix: joins a channel of a Phoenix server, prints what is said there, and may say something itself.
--
--     wsbot scripts/phoenix.lua ws://localhost:4000/socket/websocket room:lobby
--     wsbot scripts/phoenix.lua ws://localhost:4000/socket/websocket room:lobby new_msg '{"body":"hello"}'
--
-- PHOENIX_TOKEN goes as the parameter `token` to the server's connect/3.
--
-- One idea: a push is a function that waits for its reply, which is known by its ref. Who joined once joins again:
-- after a drop, and when the channel has crashed on the server.
-- The protocol: https://hexdocs.pm/phoenix/writing_a_channels_client.html

local calls = require "wsbot.calls"
local json = require "wsbot.json"

local url, topic, event, payload = arg[1], arg[2], arg[3], arg[4] and json.decode(arg[4]) or {}
if not topic then
  io.stderr:write("usage: wsbot scripts/phoenix.lua URL TOPIC [EVENT [PAYLOAD]]\n")
  os.exit(2)
end

local function address()
  local token = os.getenv "PHOENIX_TOKEN"
  local query = "vsn=2.0.0"
  if token then
    query = query .. "&token=" .. token:gsub("[^%w%-._~]", function(c) return ("%%%02X"):format(c:byte()) end)
  end
  return url .. (url:find("?", 1, true) and "&" or "?") .. query
end

local channel = host.state "channel" -- join: the ref of our joining; joined: that was granted; pushed: EVENT was
local pending = calls.new { timeout = 10 }

local conn = ws.connect { name = "phoenix", url = address, reconnect = { max = 30 } }

----------------------------------------------------------------------------------------------------------------- pushes

-- Waits for the reply: its response; or nil, "error" and the response, nil and "timeout" or "failed".
local function push(to, name, content)
  local ref, answer = pending:open()
  if name == "phx_join" then channel.join = ref end
  local join = to == topic and tostring(channel.join) or json.null
  conn:send(json.encode { join, tostring(ref), to, name, content })
  local ok, reply = answer:wait()
  if not ok then return nil, reply end
  if reply.status ~= "ok" then return nil, "error", json.encode(reply.response) end
  return reply.response
end

local function say()
  channel.pushed = true
  local response, word, why = push(topic, event, payload)
  print(("%s: %s"):format(event, response and json.encode(response) or why or word))
end

local delays = { 1, 2, 5, 10 } -- seconds before another try to join

local function join(delay)
  host.sleep(delay)
  for try = 1, math.huge do
    local response, word, why = push(topic, "phx_join", {})
    if response then break end
    if word == "failed" then return end -- the connection is lost: the next one joins
    io.stderr:write("phoenix: ", topic, ": ", why or word, "\n")
    if word == "error" then return host.stop(1) end
    host.sleep(delays[math.min(try, #delays)])
  end
  channel.joined = true
  print("joined " .. topic)
  if event and not channel.pushed then say() end
end

local joining -- the task

local function rejoin(delay)
  channel.joined = false
  if joining then joining:cancel() end
  joining = host.spawn(join, delay)
end

-- The server ends a connection that it has not heard of for a minute, and we one that does not answer.
host.every(30, function()
  if conn.state ~= "open" then return end
  local _, word = push("phoenix", "heartbeat", {})
  if word == "timeout" then
    print "no heartbeat: connecting again"
    conn:reconnect()
  end
end, "heartbeat")

------------------------------------------------------------------------------------------------------------- what comes

local handle = {}

function handle.phx_error()
  print(topic .. " has crashed: joining again")
  rejoin(1)
end

function handle.phx_close()
  print(topic .. " is closed")
  host.stop()
end

function conn.on_message(_, data)
  local join_ref, ref, to, name, content = table.unpack(json.decode(data), 1, 5)
  if name == "phx_reply" then return pending:answer(math.tointeger(ref), content) end
  local is_old = join_ref ~= json.null and join_ref ~= tostring(channel.join) -- said before we joined again
  if to ~= topic or is_old then return end
  local handler = handle[name]
  if handler then return handler() end
  print(("%s %s"):format(name, json.encode(content)))
end

--------------------------------------------------------------------------------------------------------- the connection

function conn.on_websocket_connect()
  rejoin(0)
end

function conn.on_adopt(self)
  print "new code, same connection"
  if self.state == "open" and not channel.joined then rejoin(0) end
end

function conn.on_error(_, code, message)
  io.stderr:write("phoenix: ", code, ": ", message, "\n")
end

function conn.on_close(_, code, reason)
  channel.joined = false
  pending:fail_all "closed"
  print(("closed: %d %s"):format(code, reason))
end

function conn.on_give_up(_, why)
  io.stderr:write("phoenix: gave up: ", why, "\n")
  host.stop(1)
end
