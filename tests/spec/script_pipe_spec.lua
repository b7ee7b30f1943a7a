-- script_pipe: scripts/pipe.lua between two scripted servers, one of which may be slow, or away.
-- Runs within the program that it tests.
local testing = require "wsbot.testing"

describe("scripts/pipe.lua", function()
  local one, other, bot, a, b

  local function start()
    bot = testing.bot("scripts/pipe.lua", { args = { one.url, other.url } })
    a, b = one:accept(), other:accept()
    testing.eventually(function() return select(2, bot.output:gsub("open: ", "")) == 2 end)
  end

  before_each(function()
    one, other = testing.server(), testing.server()
  end)

  local filling = ("x"):rep(65528)

  -- Sends messages of 64 KB, numbered from the one behind `before`, until no more are taken. Returns how many it sent.
  local function fill(session, before)
    local n = 0
    while session:send(("%08d"):format(before + n + 1) .. filling, "binary") do n = n + 1 end
    return n
  end

  local function are_there(session, n)
    for i = 1, n do
      local data = assert(session:receive(20))
      assert.equal(i, math.tointeger(data:sub(1, 8)))
    end
  end

  it("brings text and bytes from each side to the other, in order", function()
    start()
    a:send "one"
    a:send("\xff\0", "binary")
    b:send "back"
    assert.same({ "one", "text" }, { b:receive() })
    assert.same({ "\xff\0", "binary" }, { b:receive() })
    assert.same({ "back", "text" }, { a:receive() })
    assert.equal(0, bot:stop())
    a:expect_close(1001)
    b:expect_close(1001)
  end)

  it("does not read a side while the other does not take what it got", function()
    start()
    b:stall()
    local n, idle = 0, 0
    while idle < 200 do -- turns of the loop
      local more = fill(a, n)
      n, idle = n + more, more > 0 and 0 or idle + 1
      assert.is_true(n < 4096, "it has read 256 MB") -- and more than any sockets hold
      host.sleep(0)
    end
    b:resume()
    are_there(b, n)
  end)

  it("keeps what comes for a side that is away", function()
    local clock = testing.clock()
    start()
    b:drop()
    testing.eventually(function() return bot.output:find("closed: " .. other.url, 1, true) end)
    a:send "early"
    clock:advance(2)
    b = other:accept()
    b:expect "early"
    a:send "late"
    b:expect "late"
  end)

  it("loses nothing in a reload, though it waits", function()
    start()
    b:stall()
    local n = fill(a, 0)
    assert.is_true(bot:reload())
    b:resume()
    are_there(b, n)
    b:send "and back"
    a:expect "and back"
  end)

  it("ends with 1 where a side is refused, and says what it needs", function()
    other:answer { refuse = { status = 403 } }
    bot = testing.bot("scripts/pipe.lua", { args = { one.url, other.url } })
    assert.equal(1, bot:wait())
    assert.matches("pipe: gave up " .. other.url .. ": status 403", bot.log)
    bot = testing.bot("scripts/pipe.lua", { args = { one.url } })
    assert.equal(2, bot:wait())
    assert.matches("usage: wsbot scripts/pipe.lua URL URL", bot.log)
  end)
end)
