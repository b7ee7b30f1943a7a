-- Peers that mean harm, or are broken beyond belief. In each spec the bot has a friend besides, on a connection of its
-- own, who is answered before, during and after; and what the host ever took of memory stays within its caps.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local process = require "support.process"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local MB <const> = 1 << 20

---------------------------------------------------------------------------------------------------------- the besieged

-- The friend sends Lua, and gets its result. tell(options) adds to `told` what the record of the close says.
local source = [[
  function tell(options)
    options.on_close = options.on_close or function(_, code, reason, record)
      say("close", code, show(reason), "sent", record.sent, record.phase, record.error)
      local r = record.response
      if r then say("response", r.status, #r.body) end
    end
    return told(options)
  end
  ws.connect { url = arg[1],
    on_message = function(c, order) c:send(tostring((select(2, pcall(load(order)))))) end,
    on_close = function(_, code) if code ~= 1000 then say("the friend is lost", code) end end }
]]

local siege = { room = 4 } -- MB that an attack may cost
siege.__index = siege

-- A spec: body(b, foe) is told of a bot that is besieged, and of who is about to do it.
local function it_holds_against(name, body)
  it_tells(name, function()
    local friend, foe = peer.listen(), peer.listen()
    local b = setmetatable({ bot = program.bot(source, { friend.url }), foe = foe, asked = 0 }, siege)
    b.friend = friend:open()
    b:is_well()
    b.before = process.peak(b.bot.pid)
    body(b, foe)
  end)
end

-- The friend has it do something (Lua), and gets this answer.
function siege:does(order, answer)
  self.friend:text(order)
  self.friend:expect_text(answer or "nil")
end

function siege:is_well()
  self.asked = self.asked + 1
  self:does("return " .. self.asked, tostring(self.asked))
end

-- It connects to its foe, with these options (source), as `conn`. Returns the session.
function siege:connects(options, url)
  self:does(("conn = ws.connect(tell { url = %q, %s })"):format(url or self.foe.url, options or ""))
  local s = self.foe:accept()
  if not url then self.bot:tells "connect" end
  return s
end

-- The same, and the opening handshake is done. `answer` are options of session:answer.
function siege:opens(options, answer)
  local s = self:connects(options)
  s:upgrade(answer)
  self.bot:tells "open 101"
  return s
end

local deflated = { with = { "Sec-WebSocket-Extensions: permessage-deflate" } }

-- It is sent the same bytes so many times, and is well in the midst of that.
function siege:suffers(s, bytes, times)
  for i = 1, times do
    s:send(bytes)
    if i == times // 2 then self:is_well() end
  end
end

-- It is sent the same bytes for ever.
local function pour(s, bytes)
  story.beside(function()
    local failed
    repeat
      local written
      s.transport.write(bytes, function(err)
        written, failed = true, err
      end)
      story.wait("poured bytes to be taken", function()
        return written
      end)
    until failed or s.ended
  end)
end

-- It took no more than its room for all that; from now on, `room` is what it may take.
function siege:is_within(room)
  local now = process.peak(self.bot.pid)
  local grew = ("it grew from %.1f to %.1f MB"):format(self.before, now)
  assert(program.is_sanitized() or now < self.before + self.room, grew)
  self.before, self.room = now, room
end

-- The attack is over. It told these lines, is well, took no more memory than it may, and nothing keeps it alive.
function siege:survives(...)
  self.bot:tells(...)
  self:is_well()
  self:is_within()
  self.friend:finish()
  self.bot:ends(0)
end

-- The same, where it is the bot that ended the conversation: with this error and close code.
function siege:refuses(s, word, code)
  s:expect_close(code)
  self:is_well()
  s:close()
  self:survives("~^error " .. word, ('close 1006 "" sent %d open %s'):format(code, word))
end

local counting = "on_message = function(_, data) n, last = (n or 0) + 1, #data end,"

----------------------------------------------------------------------------------------------------------------- floods

describe("a bot holds against a flood", function()
  it_holds_against("of small messages that each take their time: others have their turns amid them", function(b)
    b:does [[
      local luv = require "luv"
      turns, n = 0, 0
      local each = luv.new_prepare()
      each:start(function() turns = turns + 1 end)
      each:unref()]]
    local s = b:opens [[on_message = function()
      local began = host.now()
      repeat until host.now() - began > 0.00005
      n, first, last = n + 1, first or turns, turns
    end,]]
    s:post(frame.write({ opcode = frame.TEXT, payload = "tick" }):rep(5000)) -- a quarter of a second
    s:finish()
    b:does([[return n .. " messages in " .. (last - first < 8 and last - first or "8 turns at least")]],
      "5000 messages in 8 turns at least")
    b:survives('close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("of pings, whose pongs are read late: the last one is answered", function(b)
    b.room = 8 -- a backlog of pongs, and twice that while it grows
    local s = b:opens "on_ping = function() n = (n or 0) + 1 end,"
    s:stop_reading()
    b:suffers(s, frame.write { opcode = frame.PING, payload = ("p"):rep(125) }:rep(10000), 30)
    s:ping(("q"):rep(125))
    story.poll("all pings to be taken", function()
      b.friend:text "return n"
      return b.friend:read_frame().payload == "300001"
    end)
    s:start_reading()
    local size = 2 + 4 + 125 -- of each pong
    story.wait("the pong of the last ping", function()
      local last = #s.input % size == 0 and frame.read(s.input:sub(-size))
      return last and last.payload == ("q"):rep(125)
    end)
    s.input = ""
    s:finish()
    b:survives('close 1000 "" sent 1000 open nil')
  end)

  for name, case in pairs {
    ["of pongs that nobody asked for"] = { "\x8a\x00", "on_pong = function() n = (n or 0) + 1 end," },
    ["of empty messages"] = { "\x81\x00", counting },
    ["of empty compressed messages"] = { "\xc2\x01\x00", counting },
  } do
    it_holds_against(name, function(b)
      local s = b:opens(case[2], deflated)
      b:suffers(s, case[1]:rep(30000), 10)
      s:send_close(1000)
      s:expect_close(1000)
      s:close()
      b:does("return n", "300000")
      b:survives('close 1000 "" sent 1000 open nil')
    end)
  end

  it_holds_against("of messages that nobody takes: max_receive_buffer", function(b)
    b.room = 8
    local s = b:connects "max_receive_buffer = 1 << 20,"
    b:does "conn.on_message = nil"
    s:upgrade()
    b.bot:tells "open 101"
    pour(s, ("\x82\x00"):rep(MB))
    b:is_well()
    b:does "conn.on_message = function(c) n = (n or 0) + 1 if n == 300000 then c:destroy() end end"
    s:read_end()
    b:survives('close 1006 "" sent nil open nil')
  end)

  it_holds_against("of empty fragments, a million of them in one message", function(b)
    local s = b:opens()
    s:frame { fin = false, payload = "" }
    b:suffers(s, ("\x00\x00"):rep(100000), 10)
    s:frame { opcode = frame.CONTINUATION, payload = "at last" }
    s:finish()
    b:survives('text "at last"', 'close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("of one-byte fragments, 300,000 in one message", function(b)
    local s = b:opens()
    s:frame { fin = false, payload = "" }
    b:suffers(s, ("\x00\x01x"):rep(10000), 30)
    s:frame { opcode = frame.CONTINUATION, payload = "y" }
    s:finish()
    b:survives("text <300001 bytes>", 'close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("of frames and garbage behind a Close", function(b)
    local s = b:opens()
    s:send_close(1000, "bye")
    s:expect_close(1000)
    b:suffers(s, ("\x81\x04late\x89\x00\x08garbage\x88\x02\x03\xe9\xff"):rep(50000), 10)
    s:close()
    b:survives('close 1000 "bye" sent 1000 open nil')
  end)

  it_holds_against("of garbage without end behind a Close: close_timeout", function(b)
    local s = b:opens "close_timeout = 0.2,"
    s:send_close(1000)
    pour(s, ("\xff\x81\x04late"):rep(10000))
    s:expect_close(1000)
    b:is_well()
    b:survives('close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("of garbage without end behind a breach of the protocol: close_timeout", function(b)
    local s = b:opens "close_timeout = 0.2,"
    pour(s, ("\xff\x81\x04late"):rep(10000))
    s:expect_close(1002)
    b:is_well()
    b:survives("~^error protocol", 'close 1006 "" sent 1002 open protocol')
  end)

  it_holds_against("of messages without end, instead of the answer to its Close: close_timeout", function(b)
    local s = b:opens(counting .. "close_timeout = 0.2,")
    pour(s, ("\x81\x04more"):rep(10000))
    b:does("return conn:close(4000)", "true")
    s:expect_close(4000)
    b:is_well()
    b:survives('close 1006 "" sent 4000 open nil')
  end)
end)

describe("a bot understands", function()
  it_holds_against("a conversation that comes byte by byte", function(b)
    local s = b:opens(nil, deflated)
    local text = ("κόσμε 👋 "):rep(100)
    s:send_bytewise(frame.write { payload = text } .. frame.write { fin = false, opcode = frame.BINARY, payload = "ab" }
      .. frame.write { opcode = frame.PING, payload = "between" }
      .. frame.write { opcode = frame.CONTINUATION, payload = ("c"):rep(300) } .. "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"
      .. frame.write { opcode = frame.CLOSE, payload = "\x0f\xa0enough" })
    s:expect(frame.PONG, "between")
    s:expect_close(4000)
    s:close()
    b:survives(("text <%d bytes>"):format(#text), 'ping "between"', "binary <302 bytes>", 'text "Hello"',
      'close 4000 "enough" sent 4000 open nil')
  end)
end)

---------------------------------------------------------------------------------------------------------- the handshake

describe("a bot refuses an answer", function()
  -- It is sent `bytes`, and then `more` without end, until it has had enough.
  local function refused(name, bytes, more, word, options, response)
    it_holds_against(name, function(b)
      local s = b:connects("handshake_timeout = 0.3," .. (options or ""))
      s:read_head()
      s:send(bytes)
      pour(s, more)
      b:is_well()
      s:read_end()
      b.bot:tells("~^error " .. word)
      b:survives(('close 1006 "" sent nil handshake %s'):format(word:match "^%l+"), response)
    end)
  end

  local patient = "handshake_timeout = 20,"
  refused("whose first line never ends", "HTTP/1.1 101 ", ("x"):rep(65536), "handshake .*32 KB", patient)
  refused("whose header line never ends", "HTTP/1.1 101 Yes\r\nX: ", ("x"):rep(65536), "handshake .*32 KB", patient)
  refused("whose header lines never end", "HTTP/1.1 101 Yes\r\n", ("X:\r\n"):rep(9999), "handshake .*32 KB", patient)
  refused("of 257 header lines", "HTTP/1.1 101 Yes\r\n" .. ("X: y\r\n"):rep(257) .. "\r\n", "\x82\x00",
    "handshake .*256 header lines", patient)
  refused("that is garbage", "\0\xff", ("\0\xff\r\n"):rep(10000), "handshake", patient)
  refused("that never comes for all the 1xx before it", "", "HTTP/1.1 103 Wait\r\n\r\n", "timeout .*handshake_timeout")

  for _, status in ipairs { 200, 400 } do
    local head = ("HTTP/1.1 %d What\r\n"):format(status)
    local body, response = ("b"):rep(65536), ("response %d 4096"):format(status)
    refused(status .. " with a body without end", head .. "\r\n", body, "handshake .*" .. status, patient, response)
    refused(status .. " with a body of 2^60 bytes", head .. "Content-Length: 1152921504606846976\r\n\r\n", body,
      "handshake .*" .. status, patient, response)
    refused(status .. " with a chunk without end", head .. "Transfer-Encoding: chunked\r\n\r\nffffffffff\r\n", body,
      "handshake .*" .. status, patient, response)
    refused(status .. " with one-byte chunks without end", head .. "Transfer-Encoding: chunked\r\n\r\n",
      ("1\r\nb\r\n"):rep(1000), "handshake .*" .. status, patient, response)
  end
  refused("503 with the extension of a chunk without end, in time",
    "HTTP/1.1 503 What\r\nTransfer-Encoding: chunked\r\n\r\n5;", ("x"):rep(65536), "handshake .*503", nil,
    "response 503 0")

  it_holds_against("that comes byte by byte and is never whole, in time", function(b)
    local s = b:connects "handshake_timeout = 0.3,"
    s:read_head()
    story.beside(function()
      local answer = s:answer()
      for i = 1, #answer - 1 do
        s:send(answer:sub(i, i))
        story.pause(0.005)
      end
    end)
    b:is_well()
    s:read_end()
    b:survives("~^error timeout .*0%.3 s.*handshake_timeout", 'close 1006 "" sent nil handshake timeout')
  end)

  it_holds_against("that 200 connections never get, and all of them are told", function(b, foe)
    b:does(([[
      timeouts, closed = 0, 0
      for i = 1, 200 do
        ws.connect { url = %q, handshake_timeout = 0.5,
          on_error = function(_, word) if word == "timeout" then timeouts = timeouts + 1 end end,
          on_close = function(_, code, _, record)
            if code == 1006 and record.phase == "handshake" then closed = closed + 1 end
            if closed == 200 then say(timeouts, closed) end
          end }
      end
    ]]):format(foe.url))
    local sessions = {}
    for i = 1, 200 do
      sessions[i] = foe:accept()
    end
    b:is_well()
    for _, s in ipairs(sessions) do
      s:read_end()
    end
    b:survives("200 200")
  end)
end)

---------------------------------------------------------------------------------------------------------------- silence

describe("a bot waits for no one", function()
  it_holds_against("who is silent after 101 and does not answer pings", function(b)
    local s = b:opens "ping_interval = 0.05, pong_timeout = 0.2,"
    s:expect(frame.PING)
    b:is_well()
    s:read_end()
    b:survives("~^error ping_timeout .*pong_timeout", 'close 1006 "" sent nil open ping_timeout')
  end)

  it_holds_against("who is silent after 101 and is sent no pings: it can close", function(b)
    local s = b:opens "close_timeout = 0.2,"
    story.pause(0.1)
    b:does("return conn.state", "open")
    b:does("return conn:close(1000)", "true")
    s:expect_close(1000)
    b:does("return conn.state", "closing")
    s:expect_end()
    b:survives('close 1006 "" sent 1000 open nil')
  end)

  -- The bot sends until there is no room, and goes on trying, to a peer that does not read. What it may have buffered
  -- is more than the system takes, so that it stays full.
  local function fills(b)
    b.room = 60 -- max_send_buffer, half as much again while it grows, and the message that does not fit
    b:does([[
      local piece, ok, why = ("x"):rep(100000)
      large = ("x"):rep(16 << 20)
      repeat ok, why = conn:send_binary(piece) until not ok
      return why
    ]], "send_buffer_full")
    b.bot:tells "full"
    for _ = 1, 20 do
      b:does("return select(2, conn:send_binary(large))", "send_buffer_full")
    end
    b:does("return conn.buffered_amount <= 16 << 20", "true")
  end

  it_holds_against("who reads nothing: max_send_buffer", function(b)
    local s = b:opens "compression = false,"
    s:stop_reading()
    fills(b)
    s:text "still heard"
    b.bot:tells 'text "still heard"'
    s:reset()
    b:survives("~^error reset", 'close 1006 "" sent nil open reset')
  end)

  it_holds_against("who reads nothing, over TLS: max_send_buffer", function(b)
    local t = tls.listen()
    b:does(("conn = ws.connect(tell { url = %q, compression = false, tls = { ca_file = %q } })"):format(t.url,
      tls.cert "ca"))
    local s = t:open()
    b.bot:tells("connect", "open 101")
    s:text "before"
    b.bot:tells 'text "before"'
    t.program:kill "sigstop"
    fills(b)
    t.program:kill "sigkill"
    b:survives("~^error reset", 'close 1006 "" sent nil open reset')
  end)
end)

----------------------------------------------------------------------------------------------------------- sudden ends

describe("a bot is told", function()
  local reset = { "~^error reset", 'close 1006 "" sent nil open reset' }
  local early = { "~^error reset", 'close 1006 "" sent nil handshake reset' }

  -- Where a connection may end: what comes before (the session is returned), and what is told then.
  local stages = {
    ["before the request is read"] = { early, function(b)
      return b:connects()
    end },
    ["before the answer"] = { early, function(b)
      local s = b:connects()
      s:read_head()
      return s
    end },
    ["inside the head of the answer"] = { early, function(b)
      local s = b:connects()
      s:read_head()
      return s:send "HTTP/1.1 101 Switching Protocols\r\nUpgra"
    end },
    ["after 101"] = { reset, function(b)
      return b:opens()
    end },
    ["inside the head of a frame"] = { reset, function(b)
      return b:opens():send "\x82\x7f\0\0"
    end },
    ["inside a frame"] = { reset, function(b)
      return b:opens():send "\x82\x05hel"
    end },
    ["inside a fragmented message"] = { reset, function(b)
      return b:opens():send "\x02\x05hello\x00\x03, w"
    end },
    ["inside a compressed message"] = { reset, function(b)
      return b:opens(nil, deflated):send "\x42\x03\xf2\x48\xcd"
    end },
    ["when the bot has sent its Close"] = { { 'close 1006 "" sent 4000 open nil' }, function(b)
      local s = b:opens "close_timeout = 20,"
      b:does("return conn:close(4000)", "true")
      s:expect_close(4000)
      return s
    end },
    ["when the peer has sent its Close"] = { { 'close 1001 "going" sent 1001 open nil' }, function(b)
      local s = b:opens "close_timeout = 20,"
      s:send_close(1001, "going")
      s:expect_close(1001)
      return s
    end },
    ["when it has refused what the peer sent"] = {
      { "~^error protocol", 'close 1006 "" sent 1002 open protocol' },
      function(b)
        local s = b:opens "close_timeout = 20,"
        s:send "\xf1\x00"
        s:expect_close(1002)
        return s
      end,
    },
  }
  for name, stage in pairs(stages) do
    it_holds_against("of a half-close " .. name, function(b)
      local s = stage[2](b)
      s:half_close()
      s:read_end()
      b:survives(table.unpack(stage[1]))
    end)

    it_holds_against("of an RST " .. name, function(b)
      stage[2](b):reset()
      b:survives(table.unpack(stage[1]))
    end)
  end
end)

---------------------------------------------------------------------------------------------------------------- lengths

describe("a bot refuses by its head alone", function()
  local function refused(name, bytes, word, code, options, answer)
    it_holds_against(name, function(b)
      local s = b:opens(options, answer)
      s:send(bytes)
      b:refuses(s, word, code)
    end)
  end

  local function head(length, first)
    return (first or "\x82") .. "\x7f" .. (">I8"):pack(length)
  end

  local most = ("max_message_size = %d,"):format(1 << 62)
  refused("a frame of 2^63-1 bytes", head(math.maxinteger), "too_big", 1009)
  refused("a frame of 2^63-1 bytes, whatever is allowed", head(math.maxinteger), "too_big", 1009, most)
  refused("a frame of 2^63 bytes", head(math.mininteger), "protocol", 1002, most)
  refused("a frame of 2^64-1 bytes", head(-1), "protocol", 1002, most)
  refused("a frame of 16 MB and a byte", head(16 * MB + 1), "too_big", 1009)
  refused("a frame of max_message_size and a byte", "\x82\x7e\x03\xe9", "too_big", 1009, "max_message_size = 1000,")
  refused("a second byte where one is allowed", "\x82\x02", "too_big", 1009, "max_message_size = 1,")
  refused("a fragment that brings the sum to 2^63", "\x02\x01x" .. head(math.maxinteger, "\x80"), "too_big", 1009, most)
  refused("a fragment that brings the sum to 16 MB and a byte", "\x02\x01x" .. head(16 * MB, "\x00"), "too_big", 1009)
  refused("a compressed frame that could never be inflated to less", head(2 * MB, "\xc2"), "too_big", 1009,
    "max_message_size = 1 << 20,", deflated)

  it_holds_against("the one byte more, when max_message_size has come in fragments", function(b)
    b.room = 12
    local s = b:opens "max_message_size = 4 << 20,"
    s:send "\x02\x00"
    b:suffers(s, "\x00\x7e\x40\x00" .. ("x"):rep(16384), 256)
    s:ping "all taken"
    s:expect(frame.PONG, "all taken")
    b.bot:tells 'ping "all taken"'
    s:send "\x80\x01"
    b:refuses(s, "too_big", 1009)
  end)
end)

describe("a bot takes no memory", function()
  it_holds_against("for a terabyte that is allowed and announced, but does not come", function(b)
    local s = b:opens "max_message_size = 1 << 41,"
    s:send("\x82\x7f" .. (">I8"):pack(1 << 40) .. ("x"):rep(MB))
    b:is_well()
    s:reset()
    b:survives("~^error reset", 'close 1006 "" sent nil open reset')
  end)

  it_holds_against("that it does not give back for messages that break off at their cap, 50 times", function(b, foe)
    b.room = 8
    b:does(([[
      ends, words = 0, {}
      conn = ws.connect { url = %q, max_message_size = 2 << 20,
        on_error = function(_, word) words[word] = (words[word] or 0) + 1 end,
        on_close = function(c, code)
          ends = ends + 1
          if ends < 50 then c:reconnect(0) end
          if ends == 50 then say(words.reset, code) end
        end }
    ]]):format(foe.url))
    local part = "\x00\x7f" .. (">I8"):pack(1 << 18) .. ("x"):rep(1 << 18)
    for round = 1, 50 do
      local s = foe:open()
      s:send "\x02\x00"
      b:suffers(s, part, 8)
      s:ping()
      s:expect(frame.PONG)
      s:reset()
      if round == 5 then b:is_within(1) end
    end
    b:survives "50 1006"
  end)
end)

------------------------------------------------------------------------------------------------------------------ bombs

-- Bytes of a string of bits, the first the lowest.
local function of_bits(bits)
  return (bits .. ("0"):rep(-#bits % 8)):gsub("%d%d%d%d%d%d%d%d", function(eight)
    return string.char(tonumber(eight:reverse(), 2))
  end)
end

-- A compressed message that inflates to `size` bytes of "a", or up to 2063 less: one block of the fixed code that has
-- an "a", then copies of 258 bytes from one byte back. Eight copies take 13 bytes.
local function bomb(size)
  local copy, start = "11000101" .. "00000", "010" .. "10010001"
  local some = of_bits(start .. copy:rep(16))
  local at = 16 - #start -- a copy has come so far when the second byte ends
  local finish = copy:sub(at % 13 + 1) .. "0000000" .. "000" -- the end of the block, and an empty stored one
  local times = (size - 1 - 258 * 1) // (8 * 258)
  return some:sub(1, 2) .. some:sub(3, 15):rep(times) .. of_bits(finish), 1 + 258 * (8 * times + 1)
end

describe("a bot defuses", function()
  local cap = "max_message_size = 1 << 20,"

  it_holds_against("a bomb of 300 MB in 2 MB", function(b)
    b.room = 28
    local s = b:opens(nil, deflated)
    local data = bomb(300 * MB)
    assert(#data < 2 * MB)
    s:post(frame.write { opcode = frame.BINARY, rsv = 4, payload = data })
    b:refuses(s, "too_big", 1009)
  end)

  it_holds_against("a bomb whose frame is announced and whose end never comes", function(b)
    local s = b:opens(cap, deflated)
    s:send("\xc2\x7f" .. (">I8"):pack(MB) .. bomb(2 * MB))
    b:refuses(s, "too_big", 1009)
  end)

  it_holds_against("a bomb in one-byte fragments", function(b)
    local s = b:opens(cap, deflated)
    s:post("\x42\x00" .. bomb(2 * MB):gsub(".", "\x00\x01%0"))
    b:refuses(s, "too_big", 1009)
  end)

  it_holds_against("nothing at all, compressed without end", function(b)
    local s = b:opens(cap .. "close_timeout = 20,", deflated)
    s:send "\x42\x00"
    pour(s, "\x00\x7e\x3f\xfc" .. ("\x00\x00\x00\xff\xff"):rep(3276))
    b:is_well()
    b:refuses(s, "too_big", 1009)
  end)

  it_holds_against("200 bombs in a row that are just small enough", function(b)
    b.room = 16 -- and what the script has not collected yet
    local s = b:opens(cap .. counting, deflated)
    local data, size = bomb(MB)
    b:suffers(s, frame.write { opcode = frame.BINARY, rsv = 4, payload = data }, 200)
    s:finish()
    b:does("return n", "200")
    b:does("return last", tostring(size))
    b:survives('close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("bombs that come at once: others have their turns amid each of them", function(b)
    b.room = 80
    b:does [[
      local luv = require "luv"
      turns, marks = 0, {}
      local each = luv.new_prepare()
      each:start(function() turns = turns + 1 end)
      each:unref()]]
    local s = b:opens("on_message = function(_, data) marks[#marks + 1] = turns end,", deflated)
    s:post(frame.write({ opcode = frame.BINARY, rsv = 4, payload = (bomb(8 * MB)) }):rep(8))
    s:finish()
    b:does([[
      local least = math.huge
      for i = 2, #marks do least = math.min(least, marks[i] - marks[i - 1]) end
      return #marks .. " messages " .. (least < 4 and least or "4 turns apart at least")
    ]], "8 messages 4 turns apart at least")
    b:survives('close 1000 "" sent 1000 open nil')
  end)

  it_holds_against("a message of 100,000 final blocks", function(b)
    local s = b:opens(cap, deflated)
    s:post(frame.write { opcode = frame.BINARY, rsv = 4, payload = ("\x03\x00"):rep(100000) .. "\x00" })
    b:is_well()
    s:finish()
    b:survives('binary ""', 'close 1000 "" sent 1000 open nil')
  end)
end)

-------------------------------------------------------------------------------------------------------------------- TLS

describe("a bot refuses in the TLS handshake", function()
  -- It connects by TLS to a peer that knows nothing of TLS. attack(s) comes after its first bytes.
  local function refused(name, attack, word, options)
    it_holds_against(name, function(b)
      local s = b:connects(("tls = { ca_file = %q }, connect_timeout = %s,"):format(tls.cert "ca", options or "20"),
        b.foe.url:gsub("^ws", "wss"))
      s:read(5)
      attack(s)
      b:is_well()
      b.bot:tells("~^error " .. word)
      b:survives(('close 1006 "" sent nil tls %s'):format(word:match "^%l+"))
    end)
  end

  local function endless(bytes)
    return function(s)
      pour(s, bytes)
    end
  end

  refused("an RST", function(s)
    s:reset()
  end, "reset")
  refused("garbage without end", endless(("\xaa\x55\0"):rep(20000)), "tls")
  refused("records without end that have nothing in them", endless(("\x16\x03\x03\0\0"):rep(10000)), "tls")
  refused("warnings without end", endless(("\x15\x03\x03\0\x02\x01\x5a"):rep(10000)), "tls")
  refused("a ServerHello of 16 MB", function(s)
    s:send "\x16\x03\x03\0\x04\x02\xff\xff\xff"
    pour(s, "\x16\x03\x03\x40\0" .. ("\x03"):rep(16384))
  end, "tls")
  refused("a record that comes byte by byte, in time", function(s)
    s:send "\x16\x03\x03\x40\0"
    story.beside(function()
      while not s.ended do
        s:send "\x02"
        story.pause(0.01)
      end
    end)
  end, "timeout .*connect_timeout", "0.3")
end)
