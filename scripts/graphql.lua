-- graphql: runs one operation at a GraphQL server over WebSocket (graphql-transport-ws), and prints its results.
--
--     wsbot scripts/graphql.lua ws://localhost:4000/graphql 'subscription { greetings }'
--     wsbot scripts/graphql.lua URL 'query($id: ID!) { user(id: $id) { name } }' '{"id":"7"}'
--
-- Results go to stdout, a line of JSON each; errors to stderr. A token in GRAPHQL_TOKEN is presented as the field
-- Authorization of connection_init. It ends when the operation does.
--
-- One idea: what was subscribed to is subscribed to again after a drop; a mutation is not, as it may have been done.
-- The protocol: https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md

local crypto = require "wsbot.crypto"
local json = require "wsbot.json"

local url, query, variables = arg[1], arg[2], arg[3] and json.decode(arg[3])
if not query then
  io.stderr:write("usage: wsbot scripts/graphql.lua URL QUERY [VARIABLES]\n")
  os.exit(2)
end
local token = os.getenv "GRAPHQL_TOKEN"

local conn = ws.connect {
  name = "graphql",
  url = url,
  protocols = { "graphql-transport-ws" },
  ping_interval = 30,
  reconnect = { max = 30, fatal = { 4004, 4005, 4400, 4401, 4403, 4406, 4409, 4429, 4500 } }, -- of the protocol
}

-- acknowledged: the server is ready for operations; id: of ours, where it runs; sent: it was at least once.
local state = host.state("operation", { acknowledged = false, sent = false })

local function send(message)
  conn:send(json.encode(message))
end

local function fail(...)
  io.stderr:write("graphql: ", table.concat({ ... }, ": "), "\n")
  host.stop(1)
end

local function complain(errors)
  for _, one in ipairs(errors) do
    io.stderr:write("graphql: ", one.message, one.path and " at " .. json.encode(one.path) or "", "\n")
  end
end

local waiting -- a timer

local function await_acknowledgement()
  waiting = host.after(10, function() conn:reconnect(0, 4504, "no acknowledgement") end)
end

--------------------------------------------------------------------------------------------------- what the server says

local handle = {}

function handle.connection_ack()
  state.acknowledged = true
  waiting:cancel()
  if state.sent and query:find "^%s*mutation" then
    return fail "the connection was lost: the mutation may have been done, or not"
  end
  state.id, state.sent = crypto.uuid(), true
  send { id = state.id, type = "subscribe", payload = { query = query, variables = variables } }
end

function handle.ping(message)
  send { type = "pong", payload = message.payload }
end

function handle.next(message)
  local result = message.payload
  if result.errors then complain(result.errors) end
  print(json.encode(result.data))
end

-- Either of these is the end of the operation.
function handle.error(message)
  complain(message.payload)
  state.id = nil
  conn:close(1000)
  host.stop(1)
end

function handle.complete()
  state.id = nil
  conn:close(1000)
end

function conn.on_message(_, data)
  local message = json.decode(data)
  local handler = handle[message.type]
  if not handler or (message.id and message.id ~= state.id) then return end
  handler(message)
end

--------------------------------------------------------------------------------------------------------- the connection

function conn.on_websocket_connect(self)
  if self.protocol ~= "graphql-transport-ws" then return fail "the server does not speak graphql-transport-ws" end
  send { type = "connection_init", payload = token and { Authorization = "Bearer " .. token } }
  await_acknowledgement()
end

function conn.on_adopt(self)
  io.stderr:write "graphql: new code, same operation\n"
  if self.state == "open" and not state.acknowledged then await_acknowledgement() end
end

host.on_stop(function() -- Ctrl-C
  if state.id and conn.state == "open" then send { id = state.id, type = "complete" } end
  conn:close(1000)
end)

function conn.on_error(_, code, message)
  io.stderr:write("graphql: ", code, ": ", message, "\n")
end

function conn.on_close(_, code, reason)
  state.acknowledged, state.id = false, nil
  if waiting then waiting:cancel() end
  if code ~= 1000 then io.stderr:write(("graphql: closed: %d %s\n"):format(code, reason)) end
end

function conn.on_give_up(_, why)
  fail("gave up", why)
end
