-- script_jsonrpc: scripts/jsonrpc.lua with a server that answers as it is told to. tests/interop has it with another's.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local program = require "support.program"
local testing = require "wsbot.testing"

local function start(...)
  return program.run { "run", "scripts/jsonrpc.lua", ... }
end

local function heard(session)
  return json.decode((session:receive()))
end

describe("scripts/jsonrpc.lua", function()
  it_tells("calls a method and prints its result", function()
    local peer = testing.server()
    local c = start(peer.url, "add", "[1, 2]")
    local session = peer:accept()
    assert.same({ jsonrpc = "2.0", method = "add", params = { 1, 2 }, id = 1 }, heard(session))
    session:send '{"jsonrpc":"2.0","result":{"sum":9007199254740993},"id":1}'
    c:tells '{"sum":9007199254740993}'
    assert.is_nil(session:receive())
    c:ends(0)
  end)

  it_tells("calls several at once, and fails where one does", function()
    local peer = testing.server()
    local c = start(peer.url, "time", "add", '{"a": 1}')
    local session = peer:accept()
    local batch = heard(session)
    assert.same({ "time", "add", { a = 1 } }, { batch[1].method, batch[2].method, batch[2].params })
    session:send [[ [{"jsonrpc":"2.0","result":12,"id":1},
                    {"jsonrpc":"2.0","error":{"code":-32602,"message":"no b"},"id":2}] ]]
    c:tells "12"
    assert.is_nil(session:receive())
    c:ends(1)
    assert.equal("jsonrpc: add: error -32602: no b\n", c.err)
  end)

  it_tells("listens, answers, and calls again when it is connected again", function()
    local peer = testing.server()
    local c = start("--listen", peer.url, "subscribe", '["heads"]')
    for round = 1, 2 do
      local session = peer:accept()
      assert.same({ "heads" }, heard(session).params)
      session:send(('{"jsonrpc":"2.0","result":"0xcd%d","id":%d}'):format(round, round))
      session:send '{"jsonrpc":"2.0","method":"head","params":{"number":7}}'
      c:tells(('"0xcd%d"'):format(round), 'head {"number":7}')
      session:send '{"jsonrpc":"2.0","method":"ping","id":"p"}'
      assert.same({ jsonrpc = "2.0", result = "pong", id = "p" }, heard(session))
      session:close(1001)
    end
    c:kill "sigterm"
    c:ends(0)
  end)

  it_tells("says what went wrong", function()
    local peer = testing.server()
    local c = start(peer.url, "add")
    local session = peer:accept()
    heard(session)
    session:close()
    c:ends(1)
    assert.matches("jsonrpc: closed: ", c.err)
    for _, args in ipairs { {}, { peer.url }, { peer.url, "add", "[1" }, { peer.url, "[1]" } } do
      c = start(table.unpack(args))
      c:ends(2)
      assert.matches("^jsonrpc: ", c.err)
    end
    c = start(testing.server { refuse = { status = 403 } }.url, "add")
    c:ends(1)
    assert.matches("^jsonrpc: handshake: .*403", c.err)
  end)
end)
