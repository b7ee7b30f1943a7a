-- wsbot.jsonrpc: calls, and how they end. (What a peer calls is in jsonrpc_spec.)
-- Runs within the program that it tests.
local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local support = require "support.rpc"
local testing = require "wsbot.testing"

local answer, begin, connect, heard, meet = support.answer, support.begin, support.connect, support.heard, support.meet

after_each(support.clean)

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

  it("logs in on the next transport of a rotation as well", function()
    local peer = testing.server()
    local conn = connect(peer, { rotate = { overlap = 0.01 } })
    local rpc = jsonrpc.new(conn)
    local logins = 0
    conn.on_websocket_connect = function() logins = logins + (rpc:call "login" and 1 or 0) end
    answer(peer:accept(), { result = "welcome" })
    testing.eventually(function() return logins == 1 end)
    host.sleep(0)
    assert(conn:rotate())
    local session = peer:accept()
    assert.equal("login", answer(session, { result = "welcome back" }).method)
    testing.eventually(function() return conn.rotation == 2 end)
    assert.equal(2, logins)
    local call = begin(rpc, "on the second")
    answer(session, { result = 2 })
    assert.same({ true, 2 }, call())
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

  it("has its answer while a callback waits, once the script's pause is over", function()
    local go = host.future()
    local rpc, session = meet { on_websocket_connect = function() go:wait() end }
    rpc.conn:opened()
    local first = host.spawn(function() return rpc.conn:ping() end)
    assert.same({ true, true }, { first:join() })
    rpc.conn:pause()
    session:send '{"jsonrpc":"2.0","method":"note","params":[1]}'
    local noted
    function rpc.on.note(params) noted = params[1] end
    session:ping()
    for _ = 1, 20 do host.sleep(0) end
    assert.is_nil(noted)
    rpc.conn:resume()
    testing.eventually(function() return noted end)
    go:set()
    host.sleep(0)
  end)

  it("works again on a connection that had ended for good", function()
    local rpc, session, peer = meet()
    session:close()
    testing.eventually(function() return rpc.conn.state == "closed" end)
    host.sleep(0)
    collectgarbage()
    rpc.conn:reconnect()
    local call = begin(rpc, "again")
    answer(peer:accept(), { result = 1 })
    assert.same({ true, 1 }, call())
  end)

  it("fails where the script destroys the connection, in whatever place", function()
    local rpc, session = meet()
    local call = begin(rpc, "a")
    heard(session)
    rpc.conn:destroy()
    assert.equal("closed", call()[2])
    local second, other = meet()
    function second.on.go() second.conn:destroy() end
    call = begin(second, "b")
    heard(other)
    other:send '{"jsonrpc":"2.0","method":"go","id":1}'
    assert.equal("closed", call()[2])
  end)

  it("is the script's to lose: on_message may be set to another", function()
    local rpc, session = meet()
    local got
    rpc.conn.on_message = function(_, text) got = text end
    local call = begin(rpc, "a", nil, 0.02)
    heard(session)
    session:send '{"jsonrpc":"2.0","result":1,"id":1}'
    testing.eventually(function() return got end)
    assert.equal("timeout", call()[2])
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

  it("belongs to the transport that it went out on, and so does an answer", function()
    local rpc, old, peer = meet { rotate = { overlap = 1000 } }
    local release = host.future()
    rpc.on.slow = function() return select(2, release:wait()) end
    rpc.conn:opened()
    old:send '{"jsonrpc":"2.0","method":"slow","id":"of the old"}'
    local asked_of_old = begin(rpc, "asked of the old")
    heard(old)
    rpc.conn:rotate()
    local next = peer:accept()
    testing.eventually(function() return rpc.conn.rotation == 2 end)
    local asked_of_next = begin(rpc, "asked of the next")
    local id = heard(next).id
    release:set "done"
    assert.same({ jsonrpc = "2.0", result = "done", id = "of the old" }, heard(old))
    old:close()
    assert.same({ nil, "closed", "the connection was closed before the answer came" }, asked_of_old())
    next:send(json.encode { jsonrpc = "2.0", result = 1, id = id })
    assert.same({ true, 1 }, asked_of_next())
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
