-- wsbot.jsonrpc: JSON-RPC 2.0 both ways, by the words and the examples of its specification.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local program = require "support.program"
local testing = require "wsbot.testing"

local opened = {}

-- A connection to a peer, for as long as a test runs.
local function connect(peer, options)
  local all = { url = peer.url }
  for name, value in pairs(options or {}) do all[name] = value end
  opened[#opened + 1] = ws.connect(all)
  return opened[#opened]
end

after_each(function()
  for _ = 1, #opened do table.remove(opened):destroy() end
end)

-- A connection that speaks it, the session at its other end, and the server of that.
local function meet(options)
  local peer = testing.server()
  local rpc = jsonrpc.new(connect(peer, options))
  return rpc, peer:accept(), peer
end

-- The next message of the session, read.
local function heard(session)
  return json.decode((session:receive()))
end

-- Answers the next call with these members. Returns the call.
local function answer(session, members)
  local call = heard(session)
  members.jsonrpc, members.id = "2.0", call.id
  session:send(json.encode(members))
  return call
end

-- Runs a call in a task, and gives a function that waits for what it gave.
local function begin(rpc, ...)
  local task = host.spawn(function(...) return { rpc:call(...) } end, ...)
  return function()
    local _, results = task:join()
    return results
  end
end

-- Nothing more was answered than this: what is sent last is answered next.
local function nothing_more(session)
  session:send '{"jsonrpc":"2.0","method":"subtract","params":[0,0],"id":"last"}'
  assert.same({ jsonrpc = "2.0", result = 0, id = "last" }, heard(session))
end

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
    local filler = ("x"):rep(1 << 16)
    for i = 1, 400 do
      session:send(('{"jsonrpc":"2.0","method":"slow","params":["%s"],"id":%d}'):format(filler, i))
    end
    local refused = {}
    for i = 1, 80 do
      local got = heard(session)
      assert.same({ code = -32000, message = "Server busy" }, got.error)
      refused[i] = got.id
    end
    assert.equal(256, begun)
    go:set()
    local seen = {}
    for _ = 1, 400 - #refused do
      local got = heard(session)
      assert.equal(json.null, got.result)
      assert.is_nil(seen[got.id])
      seen[got.id] = true
    end
    assert.equal(320, begun)
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

describe("a call", function()
  it("has its result, by position and by name, null and all", function()
    local rpc, session = meet()
    local sum, named, null = begin(rpc, "sum", { 1, 2 }), begin(rpc, "named", { a = "b" }), begin(rpc, "null")
    assert.same({ jsonrpc = "2.0", method = "sum", params = { 1, 2 }, id = 1 }, answer(session, { result = 3 }))
    assert.same({ a = "b" }, answer(session, { result = { big = 1190000000000000123 } }).params)
    assert.same({ jsonrpc = "2.0", method = "null", id = 3 }, answer(session, { result = json.null }))
    assert.same({ true, 3 }, sum())
    assert.same({ true, { big = 1190000000000000123 } }, named())
    assert.same({ true, json.null }, null())
  end)

  it("has the error of the peer, whatever that is", function()
    local rpc, session = meet()
    for _, e in ipairs { { code = 1, message = "m", data = { 1 } }, { code = 2, message = "n" }, {} } do
      local call = begin(rpc, "x")
      answer(session, { error = e })
      assert.same({ nil, "error", e }, call())
    end
    local call = begin(rpc, "x")
    answer(session, { error = "broken" })
    assert.same({ nil, "error", { code = -32603, message = "the peer's error is no object", data = "broken" } }, call())
    call = begin(rpc, "x")
    answer(session, { error = json.null, result = "well" })
    assert.same({ true, "well" }, call())
  end)

  it("has the answer that is its own, in whatever order and company they come", function()
    local rpc, session = meet()
    local calls, requests = {}, {}
    for i = 1, 5 do
      calls[i] = begin(rpc, "echo", { i })
      requests[i] = heard(session)
    end
    session:send(('[{"jsonrpc":"2.0","result":4,"id":%d},{"jsonrpc":"2.0","result":2,"id":%d.0}]'):format(
      requests[4].id, requests[2].id))
    session:send '{"jsonrpc":"2.0","result":"whose?","id":99}'
    session:send '{"jsonrpc":"2.0","result":"whose?","id":"x"}'
    session:send '{"jsonrpc":"2.0","result":"whose?"}'
    for _, i in ipairs { 5, 1, 3 } do session:send(json.encode { jsonrpc = "2.0", result = i, id = requests[i].id }) end
    for i = 1, 5 do assert.same({ true, i }, calls[i]()) end
  end)

  it("waits as long as it is told to, and a late answer is nobody's", function()
    local clock <close> = testing.clock()
    local rpc, session = meet()
    local usual, brief = begin(rpc, "a"), begin(rpc, "b", nil, 2)
    local first, second = heard(session), heard(session)
    clock:advance(2)
    assert.same({ nil, "timeout", "no answer came in time" }, brief())
    clock:advance(7.9)
    local done
    host.spawn(function() done = usual() end)
    clock:advance(0)
    assert.is_nil(done)
    clock:advance(0.2)
    assert.same({ nil, "timeout", "no answer came in time" }, done)
    session:send(json.encode { jsonrpc = "2.0", result = 1, id = second.id })
    local third = begin(rpc, "c")
    assert.same({ "c", first.id + 2 }, { answer(session, { result = "c" }).method, second.id + 1 })
    assert.same({ true, "c" }, third())
    assert.same({ nil, "timeout", "no answer came in time" }, { rpc:call("d", nil, 0) })
  end)

  it("fails with its connection, before on_close is called, which stays the script's", function()
    local seen = {}
    local rpc, session, peer = meet { reconnect = { min = 0.001, max = 0.01 }, on_close = function(conn, code)
      seen[#seen + 1] = code
      if #seen == 2 then conn:close() end
    end }
    local calls = { begin(rpc, "a"), begin(rpc, "b") }
    heard(session) heard(session)
    session:close(4000)
    for _, call in ipairs(calls) do
      assert.same({ nil, "closed", "the connection was closed before the answer came" }, call())
    end
    session = peer:accept()
    assert.same({ 4000 }, seen)
    local again = begin(rpc, "c")
    answer(session, { result = "on the next one" })
    assert.same({ true, "on the next one" }, again())
    local last = begin(rpc, "d")
    heard(session)
    session:close(4001)
    assert.equal("closed", last()[2])
    testing.eventually(function() return seen[2] end)
    assert.same({ 4000, 4001 }, seen)
    assert.same({ nil, "closed", "the connection is not open" }, { rpc:call "e" })
    assert.same({ nil, "closed" }, { rpc:notify "e" })
  end)

  it("may be made by the callback that logs in, and goes before what waits for that", function()
    local peer = testing.server()
    local conn = connect(peer)
    local rpc = jsonrpc.new(conn)
    local came
    conn.on_websocket_connect = function() came = { rpc:call("login", { key = "k" }) } end
    local early = begin(rpc, "early")
    local session = peer:accept()
    assert.equal("login", answer(session, { result = "welcome" }).method)
    assert.equal("early", answer(session, { result = "bird" }).method)
    assert.same({ true, "bird" }, early())
    assert.same({ true, "welcome" }, came)
  end)

  it("that logs in fails when the connection is lost meanwhile", function()
    local peer = testing.server()
    local order = {}
    local conn = connect(peer, { on_error = function() end,
      on_close = function() order[#order + 1] = "on_close" end })
    local rpc = jsonrpc.new(conn)
    conn.on_websocket_connect = function() order[#order + 1] = select(2, rpc:call "login") end
    local session = peer:accept()
    heard(session)
    session:drop()
    testing.eventually(function() return order[2] end)
    assert.same({ "closed", "on_close" }, order)
  end)

  it("waits while the connection is made, and fails with the attempt", function()
    local peer = testing.server()
    local conn = connect(peer)
    local rpc = jsonrpc.new(conn)
    local call = begin(rpc, "early")
    answer(peer:accept(), { result = 1 })
    assert.same({ true, 1 }, call())
    local refused = testing.server { refuse = { status = 503 } }
    local rpc2 = jsonrpc.new(connect(refused, { on_error = function() end }))
    assert.equal("closed", select(2, rpc2:call "early"))
  end)

  it("waits for room to be sent", function()
    local rpc, session = meet { max_send_buffer = 100000 }
    rpc.conn:opened()
    session:stall()
    local calls, text = {}, ("x"):rep(90000)
    for i = 1, 60 do calls[i] = begin(rpc, "big", { text }) end
    host.sleep(0)
    session:resume()
    for _ = 1, 60 do answer(session, { result = 1 }) end
    for _, call in ipairs(calls) do assert.same({ true, 1 }, call()) end
    assert.same({ nil, "send_buffer_full", "it is larger than max_send_buffer" }, { rpc:call("big", { text, text }) })
  end)

  it("made as one of a batch has its place there", function()
    local rpc, session = meet()
    local batch = host.spawn(function()
      return rpc:batch { { method = "a", params = { 1 } }, { method = "n", notify = true }, { method = "b" } }
    end)
    local sent = heard(session)
    assert.same({ { jsonrpc = "2.0", method = "a", params = { 1 }, id = 1 }, { jsonrpc = "2.0", method = "n" },
      { jsonrpc = "2.0", method = "b", id = 2 } }, sent)
    session:send '[{"jsonrpc":"2.0","error":{"code":5,"message":"no"},"id":2},{"jsonrpc":"2.0","result":"A","id":1}]'
    assert.same({ true, true, { { result = "A" }, {}, { error = { code = 5, message = "no" } } } }, { batch:join() })
    batch = host.spawn(function() return rpc:batch({ { method = "a" }, { method = "b" } }, 5) end)
    heard(session)
    session:send '{"jsonrpc":"2.0","result":"A","id":3}'
    session:close()
    assert.same({ true, nil, "closed", "the connection was closed before the answer came" }, { batch:join() })
    assert.same({ nil, "closed", "the connection is not open" }, { rpc:batch { { method = "a" } } })
  end)

  it("that is wrong is an error at its line", function()
    local rpc = meet()
    for _, call in ipairs {
      { "rpc:call: the method must be a string, not nil", rpc.call, rpc },
      { "rpc:call: params must be a table, not string", rpc.call, rpc, "m", "p" },
      { "rpc:call: .*value%[1%].* function", rpc.call, rpc, "m", { print } },
      { "rpc:call: timeout must be a number of seconds", rpc.call, rpc, "m", {}, -1 },
      { "rpc:notify: the method must be a string, not number", rpc.notify, rpc, 5 },
      { "rpc:batch: a list of calls is needed", rpc.batch, rpc, {} },
      { "rpc:batch: item 1 must be a table, not number", rpc.batch, rpc, { 5 } },
      { "rpc:batch: item 1: the method must be a string, not nil", rpc.batch, rpc, { {} } },
      { "jsonrpc.new: .*ws.connection expected", jsonrpc.new, {} },
      { "jsonrpc.new: the connection has an on_message already", jsonrpc.new, rpc.conn },
      { "jsonrpc.new: timeout must be more than 0 seconds", jsonrpc.new, rpc.conn, { timeout = 0 } },
    } do
      local ok, why = pcall(table.unpack(call, 2))
      assert.is_false(ok)
      assert.matches(call[1], why)
    end
    assert.has_error(function() rpc.conn:receive() end)
    assert.is_nil(next(rpc.calls.waiting))
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
