-- testing.clock: hours in no time, and in the same order each time.
-- Runs within the program that it tests.
local testing = require "wsbot.testing"

describe("testing.clock", function()
  it("stands still until it is moved, for timers, sleeps and both clocks of the host", function()
    local clock = testing.clock()
    local now, time, told = host.now(), host.time(), {}
    host.spawn(function() host.sleep(5) told[#told + 1] = "slept" end)
    host.after(5, function() told[#told + 1] = "after" end)
    host.after(7.5, function() told[#told + 1] = "too late" end)
    clock:advance(0)
    assert.same({}, told)
    clock:advance(7)
    assert.same({ "after", "slept" }, told) -- the task first slept when the loop turned
    assert.is_true(math.abs(host.now() - now - 7) < 1e-6 and math.abs(host.time() - time - 7) < 1e-3)
    clock:close()
    local before = host.now()
    testing.eventually(function() return host.now() > before end)
    assert.is_false(pcall(clock.advance, clock, -1))
    clock = testing.clock()
    clock:advance(0.5)
    assert.equal("too late", told[3])
  end)

  it("is real again when it is closed, and goes on from where it stands", function()
    local clock = testing.clock()
    clock:advance(3600)
    local began, fired = os.clock(), false
    local timer = host.after(0.3, function() fired = true end)
    repeat until os.clock() - began > 0.31
    clock:close()
    host.sleep(0.01)
    assert.is_false(fired)
    assert.is_true(math.abs(host.time() - os.time()) < 2)
    assert.has_error(function() clock:advance(1) end, "clock:advance: the clock is closed")
    timer:cancel()
  end)

  describe("of a block", function()
    local clock
    setup(function() clock = testing.clock() end)
    it("is there for two tests, also if one", function() testing.clock():advance(1) end)
    it("has another", function()
      local now = host.now()
      assert.is_false(pcall(testing.eventually, function() return host.now() ~= now end, 0.01))
      clock:advance(1)
      assert.is_true(math.abs(host.now() - now - 1) < 1e-6)
    end)
  end)

  it("ends with its test", function()
    local before = host.now()
    testing.eventually(function() return host.now() > before end)
  end)

  it("lets a conversation come to its end at each moment before the next", function()
    local clock = testing.clock()
    local peer <close> = testing.server { on_message = function(s, n) if tonumber(n) > 0 then s:send(n) end end }
    local told = {}
    local conn = ws.connect { url = peer.url, on_message = function(c, n)
      told[#told + 1] = n
      c:send(tostring(math.tointeger(n) - 1))
    end }
    clock:advance(0)
    conn:send "20" -- twenty ways there and back, none of which takes time
    clock:advance(0)
    assert.equal("20 1 20", ("%s %s %d"):format(told[1], told[20], #told))
    local timers = {
      host.every(1, function() conn:send "3" end), host.every(1, function() told[#told + 1] = "tick" end),
    }
    clock:advance(2)
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.equal("tick 3 2 1 tick 3 2 1", table.concat(told, " ", 21))
    conn:close()
    clock:advance(0)
    assert.equal("closed", conn.state)
  end)

  it("drives a bot through a dead link, back-off up to a minute, and a resubscription", function()
    local clock = testing.clock()
    local peer <close> = testing.server()
    local bot <close> = testing.bot([[
      ws.connect { url = arg[1], ping_interval = 55, pong_timeout = 20, reconnect = { min = 1, max = 60 },
        on_error = function(_, word) print(word) end,
        on_websocket_connect = function(c) c:send "subscribe" end,
        on_close = function(_, _, _, record) waits = math.max(waits or 0, record.retry_in) end }
      host.every(3600, function() print(("the longest wait was %g s"):format(waits // 10 * 10)) end)
    ]], { args = { peer.url } })
    local s = peer:accept()
    s:expect "subscribe"
    clock:advance(10 * 55)
    assert.equal(10, s.pings)
    s:stall()
    peer:answer { refuse = { status = 502 } }
    clock:advance(55 + 20)
    bot:expect "ping_timeout"
    clock:advance(3600 - 11 * 55 - 20)
    assert.is_true(select(2, bot.output:gsub("handshake", "")) > 60)
    assert.matches("the longest wait was 50 s\n$", bot.output)
    peer:answer {}
    clock:advance(60)
    repeat s = peer:accept() until s.state == "open"
    s:expect "subscribe"
  end)

  -- What TCP waits for at the end of a connection that has this address, as Linux tells it (proc(5)); "02": to probe.
  local function timer_of(address)
    local port = ("%04X"):format(tonumber(address:match ":(%d+)$"))
    for line in io.lines "/proc/net/tcp" do
      -- (01: it is open)
      local timer = line:match("^%s*%d+: %x+:" .. port .. " %x+:%x+ 01 %x+:%x+ (%x+):")
      if timer then return timer end
    end
  end

  it("has TCP probe a connection that stays, with pings of its own or without", function()
    local clock = testing.clock()
    local peer <close> = testing.server()
    for _, interval in ipairs { 0, 4 } do
      local conn = ws.connect { url = peer.url, ping_interval = interval }
      local s = peer:accept()
      clock:advance(9.9)
      assert.not_equal("02", timer_of(conn.local_address)) -- one that is soon gone need not pay for it
      clock:advance(0.1)
      assert.equal("02", timer_of(conn.local_address))
      clock:advance(9.9)
      assert.equal(interval == 0 and 0 or 4, s.pings)
      conn:close()
      clock:advance(0)
      assert.is_nil(conn.local_address)
      assert.equal(peer.url:match "//(.*)/?$", conn.remote_address)
    end
  end)

  -- What a bot with three unlucky connections goes through in two hours.
  local function two_hours()
    local clock <close> = testing.clock()
    local began, told = host.now(), {}
    local peer <close> = testing.server {
      on_session = function(s)
        s:send "welcome"
        host.sleep(100 * math.random())
        s:drop()
      end,
    }
    local conns = {}
    for i = 1, 3 do
      conns[i] = ws.connect { url = peer.url, reconnect = true, ping_interval = 10, on_error = function() end,
        on_message = function() told[#told + 1] = ("%d open %.3f"):format(i, host.now() - began) end,
        on_close = function(_, code) told[#told + 1] = ("%d %d %.3f"):format(i, code, host.now() - began) end }
    end
    clock:advance(2 * 3600)
    for _, conn in ipairs(conns) do conn:destroy() end
    clock:advance(0)
    return told
  end

  it("gives the same run in the same order, with the same seed", function()
    local core = require "wsbot.testing.core"
    local runs = {}
    for i = 1, 2 do
      math.randomseed(core.seed(4711))
      runs[i] = two_hours()
    end
    assert.is_true(#runs[1] > 300)
    assert.same(runs[1], runs[2])
  end)

  it("does not wait for what never comes: a peer that is silent, or an address that is", function()
    local clock = testing.clock()
    local silent <close> = testing.server { silent = true }
    local told = {}
    ws.connect { url = silent.url, on_error = function(_, word) told[#told + 1] = word end }
    ws.connect { url = "ws://127.0.0.1:1", on_error = function(_, word) told[#told + 1] = word end }
    local restless = host.spawn(function() while true do host.sleep(0) end end)
    local before = os.clock()
    clock:advance(30)
    restless:cancel()
    assert.same({ "connect", "timeout" }, told)
    assert.is_true(os.clock() - before < 5)
  end)

  it("is what os.time and os.date tell, in a bot too", function()
    local real = os.time()
    local clock = testing.clock()
    local bot = testing.bot "host.every(3600, function() print(os.time(), os.date '!%H:%M:%S') end)"
    local began = os.time()
    assert.is_true(math.abs(began - real) <= 1)
    clock:advance(3600)
    assert.equal(began + 3600, os.time())
    assert.equal(os.date("!%H:%M:%S", began + 3600), os.date "!%H:%M:%S")
    assert.equal(("%d\t%s\n"):format(began + 3600, os.date "!%H:%M:%S"), bot.output)
    assert.equal(3600, os.time { year = 1970, month = 2, day = 1, hour = 13 }
      - os.time { year = 1970, month = 2, day = 1 })
    clock:close()
    assert.is_true(math.abs(os.time() - real) < 60)
    assert.has_error(function() os.date "%Ez" end, "bad argument #1 to 'date' (invalid conversion specifier '%Ez')")
  end)

  it("tells what is due, with its line, and goes to the next of it", function()
    local clock = testing.clock()
    local peer = testing.server()
    local fired = {}
    local conn <close> = ws.connect { name = "feed", url = peer.url, ping_interval = 20 }
    peer:accept()
    host.after(30, function() fired[#fired + 1] = "after" end)
    host.spawn(function() host.sleep(10) fired[#fired + 1] = "slept" end)
    testing.bot("\n host.every(25, print, 'beat')")
    clock:advance(0)
    local list = clock:pending()
    local told = {}
    for i, entry in ipairs(list) do
      told[i] = ("%g %s %s"):format(entry.left, entry.what, entry.file:match "[^/]*$")
    end
    assert.same({ "10 host.sleep testing_clock_spec.lua", "20 open connection 'feed' testing_clock_spec.lua",
      "25 host.every 'beat' bot", "30 host.after testing_clock_spec.lua" }, told)
    local here = debug.getinfo(1, "l").currentline
    assert.same({ here - 10, here - 13, 2, here - 11 }, { list[1].line, list[2].line, list[3].line, list[4].line })
    assert.equal(10, clock:next())
    assert.same({ "slept" }, fired)
    assert.equal("open", conn.state)
    assert.equal(10, clock:next())
    assert.equal(5, clock:next())
    assert.equal(5, clock:next())
    assert.same({ "slept", "after" }, fired)
  end)

  it("goes from one to the next of a hundred thousand", function()
    local clock = testing.clock()
    local n = 0
    local timers = {}
    for i = 1, 100000 do timers[i] = host.after(i, function() n = n + 1 end) end
    for i = 1, 5 do
      assert.equal(1, clock:next())
      assert.equal(i, n)
    end
    for _, timer in ipairs(timers) do timer:cancel() end
    assert.has_error(function() clock:advance(math.huge) end)
  end)

  it("has nothing to go to where nothing is due", function()
    local clock = testing.clock()
    assert.is_nil(clock:next())
    assert.same({}, clock:pending())
  end)
end)

-- A web server that takes its time, by a clock that nobody stops.
local function slow_server(seconds)
  local uv = require "luv"
  local server = uv.new_tcp()
  server:bind("127.0.0.1", 0)
  server:listen(16, function()
    local client = uv.new_tcp()
    server:accept(client)
    client:read_start(function(_, data)
      if not data then return client:close() end
      local timer = uv.new_timer()
      timer:start(math.floor(seconds * 1000), 0, function()
        timer:close()
        client:write "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
      end)
    end)
  end)
  return "http://127.0.0.1:" .. server:getsockname().port .. "/", server
end

describe("advance", function()
  it("waits for the answer to a request that is under way, which does not time out by it", function()
    local http = require "wsbot.http"
    local url <const>, server = slow_server(0.1)
    finally(function() server:close() end)
    local clock = testing.clock()
    local began, told = host.now(), nil
    host.spawn(function()
      local res, word = http.get(url, { timeout = 5 })
      told = res and { res.body, host.now() - began } or { word }
    end)
    host.sleep(0)
    clock:advance(60)
    assert.same({ "hello", 0 }, told)
  end)

  it("does so for a bot, and for what that asks for next", function()
    local url <const>, server = slow_server(0.02)
    finally(function() server:close() end)
    local clock = testing.clock()
    local bot = testing.bot([[
      local http = require "wsbot.http"
      local began = host.now()
      for _ = 1, 3 do print(http.get(arg[1]).body) end
      print(host.now() - began)
      host.every(10, function() print "tick" end)
    ]], { args = { url } })
    clock:advance(10)
    assert.equal("hello\nhello\nhello\n0.0\ntick\n", bot.output)
  end)
end)
