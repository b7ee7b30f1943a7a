-- jsonrpc: wsbot.jsonrpc and scripts/jsonrpc.lua with npm's jayson.
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local ledger = require "support.ledger"
local packages = require "support.packages"
local program = require "support.program"
local servers = require "support.servers"
local story = require "support.story"

local function connect(server)
  local conn = ws.connect { url = server.url }
  story.at_end(function() conn:destroy() end)
  return jsonrpc.new(conn)
end

ledger.describe("jayson", "jayson", function(row)
  local function trial(name, tell)
    it(name, row:story("messages", function()
      row:tell("version", packages.version "jayson")
      row:tell("over", "ws")
      tell(servers.jayson())
    end))
  end

  trial("answers calls, by position and by name", function(server)
    local rpc = connect(server)
    assert.same({ true, 3 }, { rpc:call("add", { 1, 2 }) })
    assert.same({ true, 5 }, { rpc:call("add", { a = 2, b = 3 }) })
    assert.same({ true, { text = "é\n", list = { 1, 2.5, json.null } } },
      { rpc:call("echo", { text = "é\n", list = { 1, 2.5, json.null } }) })
  end)

  trial("tells errors, its own and those of its methods", function(server)
    local rpc = connect(server)
    assert.same({ nil, "error", { code = 42, message = "it failed", data = { 7 } } }, { rpc:call("fails", { 7 }) })
    local _, word, e = rpc:call("no such method", {})
    assert.same({ "error", -32601 }, { word, e.code })
  end)

  trial("answers batches, notifications among them", function(server)
    local rpc = connect(server)
    local ok, answers = rpc:batch {
      { method = "add", params = { 1, 2 } },
      { method = "echo", params = { "unheard" }, notify = true },
      { method = "fails", params = {} },
      { method = "add", params = { 3, 4 } },
    }
    assert.is_true(ok)
    assert.same({ 3, 42, 7 }, { answers[1].result, answers[3].error.code, answers[4].result })
  end)

  trial("may be waited for, and may keep somebody waiting", function(server)
    local rpc = connect(server)
    assert.is_true(rpc:notify("add", { 1, 2 }))
    assert.same({ nil, "timeout", "no answer came in time" }, { rpc:call("never", {}, 0.05) })
    local tasks = {}
    for i = 1, 200 do tasks[i] = host.spawn(function() return rpc:call("add", { i, i }) end) end
    for i = 1, 200 do assert.same({ true, true, 2 * i }, { tasks[i]:join() }) end
  end)

  trial("is called from the command line", function(server)
    local url = server.url
    local one = program.run { "scripts/jsonrpc.lua", url, "add", "[40, 2]" }
    one:tells "42"
    one:ends(0)
    local three = program.run { "scripts/jsonrpc.lua", url, "add", "[1, 2]", "fails", "[]", "add", '{"a": 1, "b": 1}' }
    three:tells("3", "2")
    three:ends(1)
    assert.equal("jsonrpc: fails: error 42: it failed\n", three.err)
  end)
end)
