-- soak: a bot whose peer drops, stalls, refuses and misbehaves at random, for WSBOT_SOAK seconds (2; a longer one
-- needs a WSBOT_SPEC_LIMIT beyond). No message between two drops is lost or told twice, there is never a second attempt
-- beside the first, and nothing grows.
local uv = require "luv"
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local process = require "support.process"
local program = require "support.program"
local story = require "support.story"

local SECONDS = tonumber(os.getenv "WSBOT_SOAK") or 2

-- The bot gets messages "CONNECTION NUMBER". It tells of whatever is wrong in them, and at each end, of which
-- connection the last message was and its number. Now and then it takes its time.
local source = [[
  local connection, number = 0, 0
  local function check(data)
    local c, n = data:match "^(%d+) (%d+)"
    c, n = math.tointeger(c), math.tointeger(n)
    if c < connection or n ~= (c == connection and number + 1 or 1) then
      say("wrong", data, "behind", connection, number)
    end
    connection, number = c, n
  end
  local conn
  conn = ws.connect {
    name = "soaked", reconnect = { min = 0.001, max = 0.005 }, ping_interval = 0.02, pong_timeout = 0.1,
    handshake_timeout = 0.1, close_timeout = 0.1, max_receive_buffer = 20000,
    url = function() host.sleep(0.001) return arg[1] end,
    headers = function() return { Time = tostring(host.now()) } end,
    on_message = function(_, data)
      check(data)
      if number % 50 == 49 then host.sleep(0.002) end
      if number % 1000 == 0 then conn:send(data) end
    end,
    on_error = function() end,
    on_close = function(_, code)
      if math.random() < 0.3 then host.sleep(0.001) end
      say("end", code, connection, number)
    end,
    on_give_up = function(_, why) say("gave up", why) end,
  }
  host.spawn(function() while true do host.sleep(0.001) end end)
  host.every(0.003, function() host.spawn(function() host.sleep(0.002) end) end)
]]

-- What the peer may do with a connection on which `number` messages were sent. True: the bot must have got all of them.
local ends = {
  function(s) s:reset() end,
  function(s) s:close() end,
  function(s) s:half_close() s:read_end() s:close() return true end,
  function(s) s:send "\x83" s:read_end() s:close() return true end,
  function(s)
    s:send_close(1001, "going")
    s:read_end()
    s:close()
    return true
  end,
  function(s) s:read_end() s:close() return true end, -- silence: pong_timeout
  function(s) s:send "\x82\x7e\x10\x00half" s:reset() end,
}

local refusals = {
  function(s) s:reset() end,
  function(s) s:read_head() s:reset() end,
  function(s)
    s:read_head()
    s:send "HTTP/1.1 503 No\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    s:close()
  end,
  function(s) s:read_head() s:send "garbage\r\n\r\n" s:close() end,
  function(s) s:read_head() s:read_end() s:close() end, -- silence: handshake_timeout
  function(s) s:read_head() s:send "HTTP/1.1 101 Swit" s:half_close() s:read_end() s:close() end,
}

describe("a soak", function()
  it_tells(("of %g seconds loses nothing and leaks nothing"):format(SECONDS), function()
    story.seed()
    local p = peer.listen()
    local told, wrong = {}, nil -- of each connection: the number of the last message
    local rest = ""
    local bot = program.bot(source, { p.url }, { on_out = function(piece)
      rest = rest .. (piece or "")
      for line in rest:gmatch "([^\n]*)\n" do
        local connection, number = line:match "^end %d+ (%d+) (%d+)"
        if connection then
          told[tonumber(connection)] = tonumber(number)
        else
          wrong = wrong or line
        end
      end
      rest = rest:match "[^\n]*$"
    end })
    local stop = uv.now() + SECONDS * 1000
    local connections, early, before = 0, nil, nil
    repeat
      uv.update_time()
      local s = p:accept()
      while #p.waiting > 0 do -- where this story was late for handshake_timeout; the one before has ended then
        story.pause(0.01)
        assert(s.ended, "there are two attempts at a time")
        s = p:accept()
      end
      if math.random() < 0.3 then
        refusals[math.random(#refusals)](s)
      else
        s:upgrade()
        connections = connections + 1
        local number = 0
        for _ = 1, math.random(0, 20) do
          local batch = {}
          for i = 1, math.random(1, 100) do
            number = number + 1
            local more = ("x"):rep(math.random(0, 200))
            batch[i] = frame.write { payload = ("%d %d %s"):format(connections, number, more) }
          end
          s:send(table.concat(batch))
        end
        local whole = ends[math.random(#ends)](s)
        if whole and number > 0 then
          local n = connections
          story.wait("the end to be told", function() return told[n] end)
          assert.equal(number, told[n])
        end
      end
      assert.equal("", bot.err)
      assert.is_nil(wrong)
      if connections == 50 then early, before = process.memory(bot.pid), process.descriptors(bot.pid) end
    until uv.now() > stop and connections > 60
    if not program.is_sanitized() then
      local now = process.memory(bot.pid)
      assert(now < early + 2, ("it grew from %.1f to %.1f MB in %d connections"):format(early, now, connections))
    end
    assert(process.descriptors(bot.pid) <= before + 2, "files are left open")
    bot:kill "sigkill"
  end)
end)
