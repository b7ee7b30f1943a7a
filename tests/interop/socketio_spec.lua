-- socketio: npm's socket.io, spoken to by scripts/socketio.lua.
local ledger = require "support.ledger"
local packages = require "support.packages"
local place = require "support.place"
local program = require "support.program"
local servers = require "support.servers"

local function socketio(server, args, token)
  return program.run({ "run", "scripts/socketio.lua", server.url, table.unpack(args) },
    { env = { SOCKETIO_TOKEN = token or false } })
end

ledger.describe("socket.io", "socketio", function(row)
  local function trial(name, kind, tell)
    it(name, row:story(kind, function()
      row:tell("version", packages.version "socket.io")
      row:tell("over", "ws")
      tell(servers.socketio())
    end))
  end

  trial("sends events back, with bytes in them, and acknowledges them", "messages", function(server)
    local p = socketio(server, { "/", "say", '"hello"', '{"deep":[[],{}]}', "@LICENSE", "null", "@LICENSE" })
    local bytes = ('"<%d bytes>"'):format(#place.read "LICENSE")
    local echo = ('"hello",{"deep":[[],{}]},%s,null,%s]'):format(bytes, bytes)
    p:tells("joined /", '["said",' .. echo, "say: [" .. echo)
    p:kill "sigint"
    p:tells "closed: 1001 "
    p:ends(0)
    server.program:tells "left / transport close"
  end)

  trial("asks us, and sends us out of a namespace that we were let into", "messages", function(server)
    local p = socketio(server, { "/chat", "ask" }, "secret")
    p:tells("joined /chat", '["time"]', '["told","number"]', "ask: []", "closed: 1000 ")
    p:ends(0)
    server.program:tells "left /chat server namespace disconnect"
  end)

  trial("refuses who may not join", "close", function(server)
    local p = socketio(server, { "/chat" })
    p:complains "socketio: /chat: who are you?"
    p:tells "closed: 1001 "
    p:ends(1)
  end)

  trial("has its pings answered", "ping", function(server)
    local p = socketio(server, { "/" })
    p:tells("joined /", '["alive",4]')
  end)
end)
