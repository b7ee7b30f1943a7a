-- wsbot.jsonrpc: JSON-RPC 2.0 both ways, by the words and the examples of its specification.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local program = require "support.program"
local support = require "support.rpc"
local testing = require "wsbot.testing"

local answer, heard, meet, nothing_more = support.answer, support.heard, support.meet, support.nothing_more

after_each(support.clean)

local function subtract(params)
  return (params[1] or params.minuend) - (params[2] or params.subtrahend)
end

describe("a peer that calls", function()
  local function serve(options)
    local rpc, session, peer = meet(options)
    rpc.on.subtract = subtract
    return rpc, session, peer
  end

  -- Section 7 of the specification.
  local examples = {
    { '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
      '{"jsonrpc": "2.0", "result": 19, "id": 1}' },
    { '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
      '{"jsonrpc": "2.0", "result": -19, "id": 2}' },
    { '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
      '{"jsonrpc": "2.0", "result": 19, "id": 3}' },
    { '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
      '{"jsonrpc": "2.0", "result": 19, "id": 4}' },
    { '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}' },
    { '{"jsonrpc": "2.0", "method": "foobar"}' },
    { '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}',
      '{"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "1"}' },
    { '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]',
      '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}' },
    { '{"jsonrpc": "2.0", "method": 1, "params": "bar"}',
      '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}' },
    { '[ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method" ]',
      '{"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}, "id": null}' },
    { '[]', '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}' },
    { '[1]', '[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]' },
    { '[1,2,3]', '[{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},'
      .. '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},'
      .. '{"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null}]' },
    { [[ [ {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
           {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
           {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
           {"foo": "boo"},
           {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
           {"jsonrpc": "2.0", "method": "get_data", "id": "9"} ] ]],
      [[ [ {"jsonrpc": "2.0", "result": 7, "id": "1"},
           {"jsonrpc": "2.0", "result": 19, "id": "2"},
           {"jsonrpc": "2.0", "error": {"code": -32600, "message": "Invalid Request"}, "id": null},
           {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}, "id": "5"},
           {"jsonrpc": "2.0", "result": ["hello", 5], "id": "9"} ] ]] },
    { [[ [ {"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
           {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]} ] ]] },
  }
  for i, example in ipairs(examples) do
    it(("is answered as the specification has it, example %d"):format(i), function()
      local rpc, session = serve()
      local noted = 0
      rpc.on.update = function() noted = noted + 1 end
      rpc.on.notify_hello, rpc.on.notify_sum = rpc.on.update, rpc.on.update
      rpc.on.sum = function(p) return p[1] + p[2] + p[3] end
      rpc.on.get_data = function() return { "hello", 5 } end
      session:send(example[1])
      if example[2] then assert.same(json.decode(example[2]), heard(session)) end
      nothing_more(session)
      assert.equal(({ [5] = 1, [14] = 1, [15] = 2 })[i] or 0, noted)
    end)
  end

  it("gets its ids back as they were, to the last digit", function()
    local rpc, session = serve()
    rpc.on.id = function() end
    for _, id in ipairs { "1", "0", "-7", '"a"', '"\\u00e9\\n"', "null", "9007199254740993", "9223372036854775807",
      "18446744073709551617", "1.5", "0.12345678901234567890123", '""' } do
      session:send(('{"id":%s,"jsonrpc":"2.0","method":"id"}'):format(id))
      local text = session:receive()
      assert.equal(json.encode(json.decode(id)), json.encode(json.decode(text).id))
      if id:find "^%d" then assert.truthy(text:find('"id":' .. id .. "}", 1, true), text) end
    end
    session:send '[{"jsonrpc":"2.0","method":"id","id":1}, {"jsonrpc":"2.0","method":"id","id":98765432109876543210}]'
    assert.truthy(session:receive():find('"id":98765432109876543210', 1, true))
  end)

  it("has no id that is none, and the right one where the rest is wrong", function()
    local _, session = serve()
    for request, id in pairs {
      ['{"jsonrpc":"2.0","method":"subtract","params":[1,1],"id":[1]}'] = json.null,
      ['{"jsonrpc":"2.0","method":"subtract","params":[1,1],"id":{}}'] = json.null,
      ['{"jsonrpc":"2.0","method":"subtract","params":[1,1],"id":true}'] = json.null,
      ['{"jsonrpc":"2.0","method":"subtract","params":7,"id":7}'] = 7,
      ['{"jsonrpc":"1.0","method":"subtract","params":[1,1],"id":"x"}'] = "x",
      ['{"method":"subtract","id":8}'] = 8,
      ['{"jsonrpc":"2.0","method":null,"id":9}'] = 9,
      ['"hello"'] = json.null, ["null"] = json.null, ["false"] = json.null, ["{}"] = json.null,
    } do
      session:send(request)
      local got = heard(session)
      assert.equal(-32600, got.error.code, request)
      assert.equal(id, got.id, request)
    end
    for _, text in ipairs { "", " ", "{", "\0", "nul", '{"id":1}}' } do
      session:send(text)
      assert.equal(-32700, heard(session).error.code, text)
    end
  end)

  it("may use binary messages", function()
    local _, session = serve()
    session:send('{"jsonrpc":"2.0","method":"subtract","params":[3,1],"id":1}', "binary")
    local text, kind = session:receive()
    assert.equal(2, json.decode(text).result)
    assert.equal("text", kind)
  end)

  it("gets null, false, an empty list, and the error that a handler raises", function()
    local rpc, session = serve()
    rpc.on.none = function() end
    rpc.on.no = function() return false end
    rpc.on.list = function() return json.array {} end
    rpc.on.callable = setmetatable({}, { __call = function(_, params) return params.x end })
    rpc.on.fails = function() error { code = 42, message = "no such order", data = { id = 7 } } end
    for method, result in pairs { none = json.null, no = false, list = {}, callable = "y" } do
      session:send(('{"jsonrpc":"2.0","method":"%s","params":{"x":"y"},"id":1}'):format(method))
      assert.same({ jsonrpc = "2.0", id = 1, result = result }, heard(session))
    end
    session:send '{"jsonrpc":"2.0","method":"fails","id":1}'
    assert.same({ jsonrpc = "2.0", id = 1, error = { code = 42, message = "no such order", data = { id = 7 } } },
      heard(session))
    session:send '{"jsonrpc":"2.0","method":"fails"}'
    nothing_more(session)
  end)

  it("does not wait for another, nor for a callback of the script", function()
    local go = host.future()
    local rpc, session = serve { on_websocket_connect = function() go:wait() end }
    rpc.on.slow = function() return select(2, go:wait()) end
    session:send '{"jsonrpc":"2.0","method":"slow","id":1}'
    session:send([[ [{"jsonrpc":"2.0","method":"slow","id":2},
                     {"jsonrpc":"2.0","method":"subtract","params":[5,1],"id":3}] ]])
    nothing_more(session)
    go:set "at last"
    assert.same({ jsonrpc = "2.0", id = 1, result = "at last" }, heard(session))
    assert.same({ { jsonrpc = "2.0", id = 2, result = "at last" }, { jsonrpc = "2.0", id = 3, result = 4 } },
      heard(session))
  end)

  it("is refused what is beyond all measure, and answered again after that", function()
    local rpc, session = serve()
    local go, begun = host.future(), 0
    rpc.on.slow = function()
      begun = begun + 1
      go:wait()
    end
    local filler = ("x"):rep(1 << 15)
    for i = 1, 600 do
      session:send(('{"jsonrpc":"2.0","method":"slow","params":["%s"],"id":%d}'):format(filler, i))
    end
    local refused = {}
    for i = 1, 88 do
      local got = heard(session)
      assert.same({ code = -32000, message = "Server busy" }, got.error)
      refused[i] = got.id
    end
    assert.equal(256, begun)
    go:set()
    local seen = {}
    for _ = 1, 600 - #refused do
      local got = heard(session)
      assert.equal(json.null, got.result)
      assert.is_nil(seen[got.id])
      seen[got.id] = true
    end
    assert.equal(512, begun)
    assert.equal(0, rpc.server.bytes)
    nothing_more(session)
    session:send("[" .. ("1,"):rep(10000) .. "1]")
    assert.equal(-32600, heard(session).error.code)
  end)

  it("does not have us read a batch again for each of its ids", function()
    local rpc, session = serve()
    rpc.on.id = function() end
    local list = {}
    for i = 1, 5000 do list[i] = ('{"jsonrpc":"2.0","method":"id","id":0.%d000000000000000001}'):format(i) end
    session:send("[" .. table.concat(list, ",") .. "]")
    local text = session:receive()
    assert.equal(5000, #json.decode(text))
    assert.truthy(text:find('"id":0.5000000000000000000001}', 1, true))
  end)

  it("that is gone is not answered on the next connection", function()
    local rpc, session, peer = serve { reconnect = { min = 0.001, max = 0.01 }, on_error = function() end }
    local go, done = host.future(), nil
    rpc.on.slow = function()
      go:wait()
      done = true
    end
    session:send '{"jsonrpc":"2.0","method":"slow","id":1}'
    nothing_more(session)
    session:drop()
    session = peer:accept()
    go:set()
    testing.eventually(function() return done end)
    nothing_more(session)
  end)

  it_tells("hears no more of a handler's own error than that there was one", function()
    local peer = testing.server()
    local bot = program.bot([[
      local rpc = require("wsbot.jsonrpc").new(ws.connect { url = arg[1] })
      function rpc.on.add(params) return params.a + 1 end
      function rpc.on.what() return print end
      function rpc.on.odd() error { code = "E1" } end
      function rpc.on.data() error { code = 1, message = "m", data = print } end
      function rpc.on.bye() rpc.conn:close() end
    ]], { peer.url })
    local session = peer:accept()
    for i, method in ipairs { "add", "what", "odd", "data" } do
      session:send(('{"jsonrpc":"2.0","method":"%s","params":{"a":"secret"},"id":%d}'):format(method, i))
      assert.same({ jsonrpc = "2.0", id = i, error = { code = -32603, message = "Internal error" } }, heard(session))
    end
    session:send '{"jsonrpc":"2.0","method":"bye"}'
    assert.is_nil(session:receive())
    bot:ends(0)
    assert.matches("bot%.lua:2: attempt to add a 'string' with a 'number'", bot.err)
    assert.matches("in function <[^\n]*bot%.lua:2>", bot.err)
    assert.matches('the answer of "what": ', bot.err)
    assert.matches('the answer of "data": ', bot.err)
    assert.matches("error object is a table", bot.err)
  end)
end)

describe("a peer that talks nonsense", function()
  it_tells("does not fill the log", function()
    local peer = testing.server()
    local bot = program.bot([[
      local rpc = require("wsbot.jsonrpc").new(ws.connect { url = arg[1], max_send_buffer = 100000 })
      function rpc.on.bye() rpc.conn:close() end
    ]], { peer.url })
    local session = peer:accept()
    for i = 1, 50 do
      session:send(('{"jsonrpc":"2.0","error":{"code":-32700,"message":"\\u0000%d"},"id":null}'):format(i))
      session:send('{"error":7}')
      session:send(("[" .. ("1,"):rep(3000) .. "1]"))
    end
    host.spawn(function()
      for _ in function() return (session:receive()) end do end
    end)
    session:send '{"jsonrpc":"2.0","method":"bye"}'
    bot:ends(0)
    assert.matches("it could not read a message %(error %-32700: [^\n]*1%)\n", bot.err)
    assert.matches("an answer of %d+ bytes is not sent: send_buffer_full\n", bot.err)
    assert.equal(2, select(2, bot.err:gsub("\n", "")))
  end)
end)

describe("a reload", function()
  it("lets on_adopt wait for an answer", function()
    local peer = testing.server()
    local source = [[
      local conn = ws.connect { url = arg[1], name = "rpc" }
      local rpc = require("wsbot.jsonrpc").new(conn)
      function conn.on_adopt() print("adopted", rpc:call "hello") end
    ]]
    local bot = testing.bot(source, { args = { peer.url } })
    local session = peer:accept()
    assert(bot:reload(source .. "-- again"))
    answer(session, { result = "hi" })
    testing.eventually(function() return bot.output:find "adopted\ttrue\thi" end)
  end)

  it("goes on with the connection, and takes no answer to the old code for one to the new", function()
    local peer = testing.server()
    local source = [[
      local rpc = require("wsbot.jsonrpc").new(ws.connect { url = arg[1], name = "rpc" })
      function rpc.on.who() return "WHO" end
      host.spawn(function() print("WHO", rpc:call "hello") end)
    ]]
    local bot = testing.bot((source:gsub("WHO", "old")), { args = { peer.url } })
    local session = peer:accept()
    local old = heard(session)
    assert(bot:reload((source:gsub("WHO", "new"))))
    local new = heard(session)
    session:send '{"jsonrpc":"2.0","method":"who","id":1}'
    assert.equal("new", heard(session).result)
    session:send(json.encode { jsonrpc = "2.0", result = "to the old", id = old.id })
    session:send(json.encode { jsonrpc = "2.0", result = "to the new", id = new.id })
    testing.eventually(function() return bot.output:find "new\ttrue\tto the new" end)
    assert.is_nil(bot.output:find "old")
  end)

  it("may have handlers and requests that wait", function()
    local peer = testing.server()
    local source = [[
      local rpc = require("wsbot.jsonrpc").new(ws.connect { url = arg[1], name = "rpc" })
      function rpc.on.slow() host.sleep(3600) end
      function rpc.on.quick() return "VERSION" end
    ]]
    local bot = testing.bot((source:gsub("VERSION", "1")), { args = { peer.url } })
    local session = peer:accept()
    for i = 1, 300 do session:send(('{"jsonrpc":"2.0","method":"slow","id":%d}'):format(i)) end
    session:send '{"jsonrpc":"2.0","method":"nothing","id":0}'
    assert.equal(0, heard(session).id)
    assert(bot:reload((source:gsub("VERSION", "2"))))
    session:send '{"jsonrpc":"2.0","method":"quick","id":301}'
    assert.same({ jsonrpc = "2.0", result = "2", id = 301 }, heard(session))
  end)
end)
