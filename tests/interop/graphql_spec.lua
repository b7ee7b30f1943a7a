-- graphql: npm's graphql-ws, spoken to by scripts/graphql.lua.
local ledger = require "support.ledger"
local packages = require "support.packages"
local program = require "support.program"
local servers = require "support.servers"

local function graphql(server, args, token)
  return program.run({ "run", "scripts/graphql.lua", server.url, table.unpack(args) },
    { env = { GRAPHQL_TOKEN = token or false } })
end

ledger.describe("graphql-ws", "graphql", function(row)
  local function trial(name, kind, tell)
    it(name, row:story(kind, function()
      row:tell("version", packages.version "graphql-ws")
      row:tell("over", "ws")
      tell(servers.graphql())
    end))
  end

  trial("answers a query, with the token that was presented", "messages", function(server)
    local p = graphql(server, { "{ hello }" }, "secret")
    p:tells '{"hello":"Bearer secret"}'
    p:ends(0)
  end)

  trial("answers with a subscription of many results, to its end", "messages", function(server)
    local p = graphql(server, { "subscription($to: Int) { count(to: $to) }", '{"to":1000}' })
    for n = 1, 1000 do p:tells(('{"count":%d}'):format(n)) end
    p:ends(0)
  end)

  trial("says what is wrong", "messages", function(server)
    local p = graphql(server, { "{ nothing }" })
    p:complains 'graphql: Cannot query field "nothing" on type "Query".'
    p:ends(1)
    p = graphql(server, { "{ broken }" })
    p:tells '{"broken":null}'
    p:complains 'graphql: it is broken at ["broken"]'
    p:ends(0)
  end)

  trial("hears that we subscribe no more", "close", function(server)
    local p = graphql(server, { "subscription { tick }" })
    p:tells '{"tick":"one"}'
    p:kill "sigint"
    p:ends(0)
    server.program:tells "tick ended"
  end)

  trial("refuses a wrong token, for good", "close", function(server)
    local p = graphql(server, { "{ hello }" }, "wrong")
    p:complains "graphql: gave up: close code 4403"
    p:ends(1)
  end)

  trial("agrees on graphql-transport-ws", "subprotocol", function(server)
    local p = graphql(server, { "{ hello }" })
    p:tells '{"hello":"nobody"}'
    p:ends(0)
  end)
end)
