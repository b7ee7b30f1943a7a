-- rpc: a connection that speaks JSON-RPC, and the scripted peer at its other end, for specs within the program.
local assert = require "luassert"
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local testing = require "wsbot.testing"

local rpc = {}

local opened = {}

-- A connection to a peer, for as long as a test runs.
function rpc.connect(peer, options)
  local all = { url = peer.url }
  for name, value in pairs(options or {}) do all[name] = value end
  opened[#opened + 1] = ws.connect(all)
  return opened[#opened]
end

-- Ends those connections: for after_each.
function rpc.clean()
  for _ = 1, #opened do table.remove(opened):destroy() end
end

-- A connection that speaks it, the session at its other end, and the server of that.
function rpc.meet(options)
  local peer = testing.server()
  local speaks = jsonrpc.new(rpc.connect(peer, options))
  return speaks, peer:accept(), peer
end

-- The next message of the session, read.
function rpc.heard(session)
  return json.decode((session:receive()))
end

-- Answers the next call with these members. Returns the call.
function rpc.answer(session, members)
  local call = rpc.heard(session)
  members.jsonrpc, members.id = "2.0", call.id
  session:send(json.encode(members))
  return call
end

-- Runs a call in a task, and gives a function that waits for what it gave.
function rpc.begin(speaks, ...)
  local task = host.spawn(function(...) return { speaks:call(...) } end, ...)
  return function()
    local _, results = task:join()
    return results
  end
end

-- Nothing more was answered than this: what is sent last is answered next.
function rpc.nothing_more(session)
  session:send '{"jsonrpc":"2.0","method":"subtract","params":[0,0],"id":"last"}'
  assert.same({ jsonrpc = "2.0", result = 0, id = "last" }, rpc.heard(session))
end

return rpc
