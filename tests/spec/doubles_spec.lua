-- busted's spies, stubs and mocks on connections, which are userdata; and what a script itself puts in place of their
-- methods.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- A connection that is open, and its session.
local function pair()
  local peer = testing.server()
  local conn = ws.connect { url = peer.url }
  local session = peer:accept()
  testing.eventually(function() return conn.state == "open" end)
  return conn, session
end

-- Has looked up its methods so often that those have a place of their own.
local function make_busy(conn)
  for _ = 1, 300 do assert.is_function(conn.send) end
end

describe("a method of a connection", function()
  local conn, session
  before_each(function() conn, session = pair() end)
  after_each(function() conn:destroy() end)

  for _, how in ipairs { "new", "busy" } do
    it("is what the script puts in its place, of this connection alone, until that is nil: a " .. how .. " one",
      function()
        local other = pair()
        local method = conn.send
        if how == "busy" then make_busy(conn) make_busy(other) end
        local sent = {}
        function conn:send(data)
          sent[#sent + 1] = data
          return method(self, "<" .. data .. ">")
        end
        conn.close = function() return "not now" end
        assert.is_true(conn:send "a")
        session:expect "<a>"
        assert.equal("not now", conn:close())
        assert.equal(method, other.send)
        if how == "busy" then make_busy(conn) end
        conn:send "b"
        session:expect "<b>"
        assert.same({ "a", "b" }, sent)
        conn.send = nil
        assert.equal(method, conn.send)
        assert.equal("not now", conn:close())
        conn.close = nil
        if how == "busy" then make_busy(conn) end
        conn:send "c"
        session:expect "c"
        conn:close()
        session:expect_close(1000)
        other:destroy()
      end)
  end

  it("is back as well when it is put there itself, and never anything that cannot be called", function()
    local method = conn.send
    conn.send = print
    conn.send = method
    make_busy(conn)
    conn:send "x"
    session:expect "x"
    for _, value in ipairs { 5, "x", {}, true, conn } do
      assert.error_matches(function() conn.send = value end,
        "send must be a function or something callable, or nil, not " .. type(value))
    end
  end)

  it("is the script's own in the next generation only where that says so", function()
    local peer = testing.server()
    local bot = testing.bot([[
      conn = ws.connect { name = "feed", url = arg[1], on_message = function(c, data) c:send(data) end }
      conn.send = function(self, data) self:send_text("doubled " .. data) end
    ]], { args = { peer.url } })
    local s = peer:accept()
    s:send "a"
    s:expect "doubled a"
    bot:reload "ws.connect { name = 'feed', url = arg[1], on_message = function(c, data) c:send(data) end }"
    s:send "b"
    s:expect "b"
  end)

  it("can be spied on: it does what it did", function()
    local send = spy.on(conn, "send")
    assert.is_true(conn:send "hello")
    session:expect "hello"
    assert.spy(send).was.called_with(conn, "hello")
    assert.spy(conn.send).returned_with(true)
    send:revert()
    conn:send "unseen"
    session:expect "unseen"
    assert.spy(send).was.called(1)
    make_busy(conn)
  end)

  it("can be stubbed, as a callback and a field of one's own can", function()
    local method = conn.send
    local send = stub(conn, "send").returns(nil, "closed")
    local heard = stub(conn, "on_message")
    local mine = stub(conn, "mine", 5)
    assert.same({ nil, "closed" }, { conn:send "hello" })
    assert.stub(send).was.called_with(conn, "hello")
    send.on_call_with(conn, "special").returns "seen"
    assert.equal("seen", conn:send "special")
    session:send "news"
    testing.eventually(function() return #heard.calls == 1 end)
    assert.stub(heard).was.called_with(conn, "news", "text")
    assert.equal(5, conn.mine())
    for _, one in ipairs { send, heard, mine } do one:revert() end
    assert.equal(method, conn.send)
    assert.is_nil(conn.on_message)
    assert.is_nil(conn.mine)
    conn:send "first"
    session:expect "first"
  end)

  it("is restored by a snapshot", function()
    local method, heard = conn.send, function() end
    conn.on_message = heard
    local snapshot = assert:snapshot()
    stub(conn, "send")
    spy.on(conn, "close")
    stub(conn, "on_message")
    snapshot:revert()
    assert.equal(heard, conn.on_message)
    assert.equal(method, conn.send)
    conn:send "hello"
    session:expect "hello"
    conn:close(4000)
    session:expect_close(4000)
  end)

  it("is doubled with all others by a mock", function()
    local before = {}
    for _, name in ipairs { "send", "close", "receive", "messages" } do before[name] = conn[name] end
    assert.equal(conn, mock(conn, true))
    assert.is_nil(conn:send "hello")
    assert.is_nil(conn:close())
    assert.equal("open", conn.state)
    assert.stub(conn.send).was.called_with(conn, "hello")
    mock.clear(conn)
    assert.stub(conn.send).was_not.called()
    mock.revert(conn)
    for name, method in pairs(before) do assert.equal(method, conn[name]) end
    assert.equal(conn, mock(conn))
    conn:send "seen"
    session:expect "seen"
    assert.spy(conn.send).was.called(1)
    mock.revert(conn)
    assert.equal(before.send, conn.send)
  end)

  it("leaves the doubles of all else as they are", function()
    local t = { f = function() return 1 end }
    stub(t, "f").returns(2)
    assert.equal(2, t.f())
    t.f:revert()
    mock(t)
    assert.equal(1, t.f())
    assert.spy(t.f).was.called(1)
    mock.revert(t)
    assert.stub(stub()).was_not.called()
    assert.has_error(function() stub(5, "f") end)
    assert.has_error(function() stub(io.stdout, "write") end)
  end)
end)

describe("busted with wsbot as its interpreter", function()
  it_tells("stubs connections where wsbot.testing is at hand", function()
    local folder = place.folder()
    for _, name in ipairs { "a_spec.lua", "b_spec.lua" } do
      place.file(folder .. "/" .. name, [[
        require "wsbot.testing"
        it("stubs", function()
          local conn = ws.connect { url = "ws://127.0.0.1:1", on_error = function() end }
          stub(conn, "send").returns "stubbed"
          assert.equal("stubbed", conn:send "x")
          conn:destroy()
        end)
      ]])
    end
    local p = program.start("/usr/bin/env", { "busted", "--lua=" .. program.wsbot, "-o", "TAP", "." },
      { cwd = folder })
    p:tells("ok 1 - stubs", "ok 2 - stubs", "1..2")
    p:ends(0)
  end)
end)
