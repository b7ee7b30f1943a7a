-- script_graphql: scripts/graphql.lua against a scripted server of graphql-transport-ws.
-- (tests/interop/graphql_spec.lua has npm's.)
-- Runs within the program that it tests.
local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/graphql.lua", function()
  local clock, server, bot, s, id

  local function tell(message)
    s:send(json.encode(message))
  end

  local function start(query, variables, token)
    bot = testing.bot("scripts/graphql.lua", { args = { server.url .. "/graphql", query, variables },
      env = { GRAPHQL_TOKEN = token or false } })
  end

  -- The next connection, up to connection_init.
  local function greeted(payload)
    s = server:accept()
    assert.equal("graphql-transport-ws", s.protocol)
    s:expect(function(data)
      assert.same({ type = "connection_init", payload = payload }, json.decode(data))
    end)
  end

  -- The same, up to the operation, whose id is `id` then.
  local function asked(query, variables, payload)
    greeted(payload)
    tell { type = "connection_ack" }
    s:expect(function(data)
      local message = json.decode(data)
      id = message.id
      assert.equal("string", type(id))
      assert.same({ id = id, type = "subscribe", payload = { query = query, variables = variables } }, message)
    end)
  end

  local function results(...)
    for _, data in ipairs { ... } do tell { id = id, type = "next", payload = { data = data } } end
  end

  before_each(function()
    clock, server = testing.clock(), testing.server()
  end)

  it("prints the results of an operation, and ends with it", function()
    start("query($n: Int) { hello }", '{"n":7}', "secret")
    asked("query($n: Int) { hello }", { n = 7 }, { Authorization = "Bearer secret" })
    results({ hello = 1 }, { hello = json.null })
    tell { id = "another", type = "next", payload = { data = { hello = 2 } } }
    tell { id = id, type = "complete" }
    s:expect_close(1000)
    assert.equal(0, bot:wait())
    bot:expect('{"hello":1}', '{"hello":null}')
  end)

  it("answers pings of the protocol", function()
    start "subscription { tick }"
    greeted()
    tell { type = "ping", payload = { a = 1 } }
    s:expect { type = "pong", payload = { a = 1 } }
    tell { type = "pong" }
    tell { type = "connection_ack", payload = {} }
    s:expect(function(data) return json.decode(data).type == "subscribe" end)
    tell { type = "ping" }
    s:expect { type = "pong" }
  end)

  it("shows errors beside results, and ends with 1 where there is nothing else", function()
    start "{ a b }"
    asked "{ a b }"
    local errors = { { message = "no b", path = { "b", 0 } } }
    tell { id = id, type = "next", payload = { data = { a = 1 }, errors = errors } }
    bot:expect '{"a":1}'
    assert.matches('graphql: no b at %["b",0%]', bot.log)
    tell { id = id, type = "error", payload = { { message = "it broke" }, { message = "twice" } } }
    s:expect_close(1000)
    assert.equal(1, bot:wait())
    assert.matches("graphql: it broke\ngraphql: twice", bot.log)
  end)

  it("subscribes again after a drop", function()
    start "subscription { tick }"
    asked "subscription { tick }"
    results { tick = 1 }
    bot:expect '{"tick":1}'
    local first = id
    s:drop()
    clock:advance(2)
    asked "subscription { tick }"
    assert.not_equal(first, id)
    results { tick = 2 }
    bot:expect '{"tick":2}'
  end)

  it("sends no mutation twice", function()
    start " mutation { pay }"
    greeted()
    s:drop() -- too early for the mutation
    clock:advance(2)
    asked " mutation { pay }"
    s:drop()
    clock:advance(4)
    greeted()
    tell { type = "connection_ack" }
    s:expect_close()
    assert.equal(1, bot:wait())
    assert.matches("the mutation may have been done, or not", bot.log)
  end)

  it("connects again where nothing acknowledges it", function()
    start "{ hello }"
    greeted()
    clock:advance(10)
    s:expect_close(4504)
    asked "{ hello }"
    clock:advance(20)
    assert.equal("open", s.state)
  end)

  it("tells the server when it is stopped", function()
    start "subscription { tick }"
    asked "subscription { tick }"
    assert.equal(0, bot:stop())
    s:expect { id = id, type = "complete" }
    s:expect_close(1000)
  end)

  it("keeps its operation over a reload", function()
    start "subscription { tick }"
    asked "subscription { tick }"
    assert.is_true(bot:reload())
    results { tick = 1 }
    bot:expect '{"tick":1}'
    tell { id = id, type = "complete" }
    s:expect_close(1000)
    assert.equal(0, bot:wait())
  end)

  it("waits on for its acknowledgement over a reload", function()
    start "{ hello }"
    greeted()
    assert.is_true(bot:reload())
    clock:advance(10)
    s:expect_close(4504)
    asked "{ hello }"
  end)

  it("ends with 1 where the protocol has it give up", function()
    for _, code in ipairs { 4400, 4401, 4403, 4406, 4409, 4429, 4500 } do
      start "{ hello }"
      greeted()
      s:close(code, "no")
      assert.equal(1, bot:wait())
      assert.matches(("graphql: closed: %d no\ngraphql: gave up: close code %d"):format(code, code), bot.log)
    end
  end)

  it("ends with 1 where the server speaks something else, and with 2 where there is no query", function()
    server:answer { protocols = {} }
    start "{ hello }"
    assert.equal(1, bot:wait())
    assert.matches("the server does not speak graphql%-transport%-ws", bot.log)
    start()
    assert.equal(2, bot:wait())
    assert.matches("usage: wsbot scripts/graphql.lua URL QUERY", bot.log)
  end)
end)
