-- Anything callable goes where a function is expected: busted's spies and stubs are tables with __call.
-- Runs within the program that it tests.
local match = require "luassert.match"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- A script with `callable(fn)`: a table that is no function, and does what fn does.
local callable = [[
  local function callable(fn) return setmetatable({}, { __call = function(_, ...) return fn(...) end }) end
]]

local function it_prints(name, source, ...)
  local expected = { ... }
  it_tells(name, function()
    local bot = program.bot(callable .. source)
    bot:tells(table.unpack(expected))
    bot:ends(0)
  end)
end

describe("a spy", function()
  it("is called as each callback, in the table and as a field, with its arguments", function()
    local peer = testing.server()
    local options = { url = peer.url }
    local names = { "on_connect", "on_websocket_connect", "on_message", "on_ping", "on_error" }
    for _, name in ipairs(names) do options[name] = spy.new() end
    local conn = ws.connect(options)
    local closed = spy.new()
    conn.on_close = closed
    assert.equal(closed, conn.on_close)
    local session = peer:accept()
    session:send "hello"
    session:ping "p"
    testing.eventually(function() return #options.on_ping.calls == 1 end)
    session:drop()
    testing.eventually(function() return conn.state == "closed" end)
    assert.spy(options.on_connect).was.called_with(conn)
    assert.equal(101, options.on_websocket_connect.calls[1].vals[2].status)
    assert.spy(options.on_message).was.called_with(conn, "hello", "text")
    assert.spy(options.on_ping).was.called_with(conn, "p")
    assert.spy(options.on_error).was.called_with(conn, "reset", match._)
    assert.spy(closed).was.called(1)
    assert.equal("reset", closed.calls[1].vals[4].error) -- who takes any number of arguments has the record, too
  end)

  it("gives url and headers, and is not taken for a list of headers", function()
    local peer = testing.server()
    local url = spy.new(function() return peer.url .. "/by-a-spy" end)
    local headers = spy.new(function() return { ["X-By"] = "spy" } end)
    local conn = ws.connect { url = url, headers = headers }
    local request = peer:accept().request
    assert.equal("/by-a-spy", request.path)
    assert.equal("spy", request.headers["x-by"])
    assert.spy(url).was.called_with(conn)
    assert.spy(headers).was.called_with(conn)
    conn:destroy()
  end)

  it("runs as a timer and as a task, which gives what it returns", function()
    local once, again, task = spy.new(), spy.new(), spy.new(function(a, b) host.sleep(0) return a + b end)
    host.after(0, once)
    local timer = host.every(0.001, again)
    assert.same({ true, 3 }, { host.spawn(task, 1, 2):join() })
    testing.eventually(function() return #once.calls == 1 and #again.calls > 1 end)
    timer:cancel()
    assert.spy(task).was.called_with(1, 2)
  end)

  it("is what tests take: session:expect, eventually, a server's answer and its callbacks", function()
    local on_message, answer = spy.new(), spy.new(function() return { headers = { ["X-By"] = "spy" } } end)
    local peer, other = testing.server { answer = answer }, testing.server { on_message = on_message }
    local conn = ws.connect { url = peer.url }
    local beside = ws.connect { url = other.url }
    local likes = spy.new(function(data) return data ~= "bad" end)
    local session = peer:accept()
    conn:send "good"
    session:expect(likes)
    assert.spy(likes).was.called_with("good", "text")
    conn:send "bad"
    assert.error_matches(function() session:expect(likes) end, "this is not what was expected")
    beside:send "x"
    testing.eventually(spy.new(function() return #on_message.calls == 1 end))
    assert.spy(answer).was.called(1)
    conn:destroy()
    beside:destroy()
  end)
end)

describe("a callable table", function()
  it_prints("is called when the program stops and when it reloads", [[
    host.on_stop(callable(function() host.sleep(0) say "on_stop" end))
    host.on_reload(callable(function() say "on_reload" end))
    host.after(0, callable(host.reloads == 0 and host.reload or host.stop))
  ]], "on_reload", "on_stop")

  it_prints("changes the shape of what outlives a reload", [[
    local state = host.state("s", { n = 1 }, callable(function(old) return { n = old.n + 1 } end))
    say(state.n)
    if host.reloads == 0 then host.after(0, host.reload) end
  ]], "1", "2")

  it_tells("is named where there is no memory to call it at the end", function()
    local path = place.file("bot.lua", callable .. [[
      local kept = {}
      host.on_stop(callable(function() for i = 1, math.huge do kept[i] = ("x"):rep(10000) .. i end end))
      host.stop()
    ]])
    local bot = program.run { "run", "--max-memory=10", path }
    bot:complains "host.on_stop: not enough memory for the function at "
    assert.matches("bot.lua:1", bot.err, 1, true)
    bot:wait()
  end)

  for what, source in pairs {
    ["on_message must be a function or something callable, not table"] =
      "ws.connect { url = 'ws://x', on_message = {} }",
    ["on_message must be a function or something callable, or nil, not table"] =
      "local conn <close> = setmetatable({ ws.connect { url = 'ws://127.0.0.1:1' } }, " ..
      "{ __close = function(t) t[1]:destroy() end }) conn[1].on_message = {}",
    ["url must be a string or a function that returns one, not table"] = "ws.connect { url = {} }",
    ["to 'after' (function or something callable expected, got table)"] = "host.after(0, {})",
    ["to 'spawn' (function or something callable expected, got table)"] = "host.spawn({})",
    ["bad argument #1 to 'on_stop' (function or something callable expected, got table)"] = "host.on_stop {}",
    ["to 'state' (table of options, function or something callable expected, got string)"] =
      "host.state('s', {}, 'x')",
  } do
    it("is not what any other table is: " .. what, function()
      assert.error_matches(assert(load(source)), what, 1, true)
    end)
  end
end)

describe("a field of a connection", function()
  local conn
  before_each(function() conn = ws.connect { url = "ws://127.0.0.1:1" } end)
  after_each(function() conn:destroy() end)

  it("that begins with on_ is a callback, or an error that tells the one that was meant", function()
    for name, meant in pairs { on_mesage = "on_message", on_closed = "on_close",
      on_websocket_conect = "on_websocket_connect" } do
      assert.has_error(function() conn[name] = print end,
        ("'%s' is no callback of a connection (did you mean '%s'?)"):format(name, meant))
    end
    assert.has_error(function() conn.on_ = nil end, "'on_' is no callback of a connection")
    assert.error_matches(function() conn["on_\n\27[1m"] = print end, "'on_\\n\\x1b[1m' is no callback", 1, true)
  end)

  it("of any other name is the script's", function()
    for _, name in ipairs { "onmessage", "On_message", "on", "mine", 1, true } do
      conn[name] = "x"
      assert.equal("x", conn[name])
      conn[name] = nil
      assert.is_nil(conn[name])
    end
  end)
end)
