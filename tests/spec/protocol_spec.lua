-- The conversation after the handshake (RFC 6455 sections 5 to 8), as bytes on one side and as events on the other.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

-- A bot that tells of everything and sends back what it is sent (a text of 'echo:...' or binary), with more options
-- as source.
local function start(options)
  local p = peer.listen()
  local bot = program.bot(([[
    ws.connect(told { url = arg[1], max_message_size = 1 << 21, %s
      on_close = function(_, code, reason, record)
        say("close", code, show(reason), "sent", record.sent, record.phase, record.error)
      end })
  ]]):format(options or ""), { p.url })
  local s = p:open()
  bot:tells("connect", "open 101")
  return bot, s
end

local echo = "on_message = function(c, data, kind) say(kind, #data) c:send(data, kind) end,"

-- Some bytes that are not all alike.
local function filler(n)
  local piece = {}
  for i = 0, 250 do
    piece[#piece + 1] = string.char(32 + i % 90)
  end
  local text = table.concat(piece)
  return text:rep(n // #text + 1):sub(1, n)
end

---------------------------------------------------------------------------------------------------------------- lengths

describe("messages", function()
  for _, n in ipairs { 0, 1, 125, 126, 65535, 65536, 1 << 20 } do
    it_tells(("of %d bytes go both ways, in the shortest length form"):format(n), function()
      local bot, s = start(echo)
      local data = filler(n)
      s:post(frame.write { opcode = frame.TEXT, payload = data })
      s:expect_text(data)
      data = data:gsub("A", "\255")
      s:post(frame.write { opcode = frame.BINARY, payload = data })
      s:expect_binary(data)
      for _, kind in ipairs { "text ", "binary " } do
        bot:tells(kind .. n)
        if n >= 65535 then bot:tells "drain" end -- with its head that is more than 64 KB
      end
      s:finish()
      bot:tells 'close 1000 "" sent 1000 open nil'
      bot:ends(0)
    end)
  end

  it_tells("may come with their length in a longer form than needed", function()
    -- RFC 6455 5.2 asks the sender for the shortest form; what a receiver does with another is its own choice. Either
    -- is fine, but the bytes must not be misread.
    local bot, s = start()
    s:frame { opcode = frame.TEXT, payload = "abc", form = 16 }
    local line = bot:line()
    assert(line == 'text "abc"' or line:find "^error protocol", line)
  end)

  it_tells("each have a mask of their own, which nobody can guess", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_websocket_connect = function(c)
        for i = 1, 300 do c:send(tostring(i)) end
        c:close()
      end }
    ]], { p.url })
    local s = p:open()
    for i = 1, 300 do
      s:expect_text(tostring(i))
    end
    s:answer_close()
    local seen, different, zero = {}, 0, 0
    local bits = 0
    for _, mask in ipairs(s.masks) do
      if not seen[mask] then different = different + 1 end
      seen[mask] = true
      if mask == "\0\0\0\0" then zero = zero + 1 end
      local n = (">I4"):unpack(mask)
      while n > 0 do
        bits = bits + (n & 1)
        n = n >> 1
      end
    end
    assert.equal(301, #s.masks)
    assert(different >= 299, "masks are repeated")
    assert(zero <= 1, "masks are zero")
    assert(bits > 301 * 16 - 800 and bits < 301 * 16 + 800, "masks are not random: " .. bits .. " bits of " .. 301 * 32)
    bot:ends(0)
  end)

  it_tells("sent in one turn of the loop arrive in order, whole", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_websocket_connect = function(c)
        for i = 1, 1000 do c:send(("%d "):format(i):rep(i % 50)) end
      end }
    ]], { p.url })
    local s = p:open()
    for i = 1, 1000 do
      s:expect_text(("%d "):format(i):rep(i % 50))
    end
    s:finish()
    bot:ends(0)
  end)

  it_tells("in a burst are all delivered, in order", function()
    local bot, s = start [[
      on_message = function(c, data)
        n = (n or 0) + 1
        if tonumber(data) ~= n then say('wrong', data) end
      end,
    ]]
    local frames = {}
    for i = 1, 20000 do
      frames[i] = frame.write { payload = tostring(i) }
    end
    s:post(table.concat(frames))
    s:send_close(1000)
    s:expect_close(1000)
    s:close()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)
end)

---------------------------------------------------------------------------------------------------------- fragmentation

describe("a fragmented message", function()
  it_tells("is put together, and control frames between its fragments are answered at once", function()
    local bot, s = start()
    s:frame { fin = false, payload = "Hel" }
    s:ping "between"
    s:expect(frame.PONG, "between")
    s:frame { fin = false, opcode = frame.CONTINUATION, payload = "" }
    s:pong "stray"
    s:frame { fin = false, opcode = frame.CONTINUATION, payload = "l" }
    s:frame { opcode = frame.CONTINUATION, payload = "o" }
    bot:tells('ping "between"', 'pong "stray"', 'text "Hello"')
    s:frame { fin = false, opcode = frame.BINARY, payload = "\1" }
    s:frame { opcode = frame.CONTINUATION, payload = "\2" }
    bot:tells [[binary "\x01\x02"]]
    s:finish()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("may be of empty fragments", function()
    local bot, s = start()
    s:frame { fin = false, payload = "" }
    s:frame { fin = false, opcode = frame.CONTINUATION, payload = "" }
    s:frame { opcode = frame.CONTINUATION, payload = "" }
    bot:tells 'text ""'
    s:finish()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("of many fragments is put together in any cuts", function()
    story.seed()
    local bot, s = start(echo)
    local frames, text = {}, {}
    for i = 1, 300 do
      text[i] = ("%d,"):format(i)
      frames[i] = frame.write { fin = i == 300, opcode = i > 1 and 0 or 1, payload = text[i] }
    end
    s:send_cut(table.concat(frames))
    s:expect_text(table.concat(text))
    s:finish()
    bot:wait()
  end)

  it_tells("may be closed over, and is then never told", function()
    local bot, s = start()
    s:frame { fin = false, payload = "half" }
    s:finish(1001, "going")
    bot:tells 'close 1001 "going" sent 1001 open nil'
    bot:ends(0)
  end)
end)

------------------------------------------------------------------------------------------------------------------ UTF-8

-- The bot fails with this error and closes with this code; the peer ends the connection.
local function fails(bot, s, word, code, pattern)
  s:expect_close(code)
  s:close()
  bot:tells(("~^error %s .*%s"):format(word, pattern or ""), ("~^close 1006 \"\" sent %d open %s$"):format(code, word))
  bot:ends(0)
end

describe("text", function()
  it_tells("is UTF-8, across fragments and reads, cut anywhere", function()
    local bot, s = start(echo)
    local text = "κόσμε – 👋 ü\u{10FFFF}\u{FFFF}\u{0}"
    for at = 1, #text - 1 do
      s:frame { fin = false, payload = text:sub(1, at) }
      s:frame { opcode = frame.CONTINUATION, payload = text:sub(at + 1) }
      s:expect_text(text)
    end
    s:send_bytewise(frame.write { payload = text })
    s:expect_text(text)
    s:finish()
    bot:wait()
  end)

  for what, bytes in pairs {
    ["a lone continuation byte"] = "abc\x80",
    ["an overlong form"] = "\xc0\xaf",
    ["an overlong form of four bytes"] = "\xf0\x80\x80\xaf",
    ["a surrogate"] = "\xed\xa0\x80",
    ["a code point over U+10FFFF"] = "\xf4\x90\x80\x80",
    ["the byte FF"] = "\xff",
    ["an end in the middle of a code point"] = "abc\xe2\x82",
  } do
    it_tells("with " .. what .. " is refused with 1007", function()
      local bot, s = start()
      s:text(bytes)
      fails(bot, s, "invalid_utf8", 1007)
    end)

    it_tells("in fragments with " .. what .. " is refused with 1007", function()
      local bot, s = start()
      for i = 1, #bytes do
        s:post(frame.write { fin = i == #bytes, opcode = i == 1 and 1 or 0, payload = bytes:sub(i, i) })
      end
      fails(bot, s, "invalid_utf8", 1007)
    end)
  end

  it_tells("that can no longer be UTF-8 is refused before it is whole", function()
    local bot, s = start()
    s:frame { fin = false, payload = "good, then \xff bad" }
    fails(bot, s, "invalid_utf8", 1007)
  end)

  it_tells("in a frame that is not whole is refused as soon as it is wrong", function()
    local bot, s = start()
    s:send("\x81\x7e\x10\x00" .. "bad \xc0\x80")
    fails(bot, s, "invalid_utf8", 1007)
  end)

  it_tells("may be anything when it is binary", function()
    local bot, s = start()
    s:binary "\xff\xfe\x80"
    bot:tells [[binary "\xff\xfe\x80"]]
    s:finish()
    bot:wait()
  end)

  it_tells("that a script sends must be UTF-8 too; nothing is sent otherwise", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect { url = arg[1] }
      say(c:send "\xff")
      c.on_websocket_connect = function()
        say(c:send "\xc0\x80")
        say(c:send_text "\xed\xa0\x80")
        say(c:send_binary "\xff")
        c:close()
      end
    ]], { p.url })
    local s = p:open()
    s:expect_binary "\xff"
    s:answer_close()
    bot:tells("nil invalid_utf8", "nil invalid_utf8", "nil invalid_utf8", "true")
    bot:ends(0)
  end)
end)

-------------------------------------------------------------------------------------------------------- protocol errors

describe("a peer that breaks the protocol is told 1002:", function()
  local function breaks(name, bytes)
    it_tells(name, function()
      local bot, s = start()
      s:send(bytes)
      fails(bot, s, "protocol", 1002)
    end)
  end
  breaks("a masked frame", frame.write { payload = "x", mask = "abcd" })
  for bit = 0, 2 do
    breaks("RSV" .. 3 - bit, frame.write { rsv = 1 << bit, payload = "x" })
    breaks("RSV" .. 3 - bit .. " in a ping", frame.write { rsv = 1 << bit, opcode = frame.PING })
  end
  for _, opcode in ipairs { 3, 4, 5, 6, 7, 0xB, 0xC, 0xD, 0xE, 0xF } do
    breaks(("opcode 0x%X"):format(opcode), frame.write { opcode = opcode, payload = "x" })
  end
  breaks("a continuation of nothing", frame.write { opcode = frame.CONTINUATION, payload = "x" })
  breaks("a new message within a fragmented one",
    frame.write { fin = false, payload = "x" } .. frame.write { payload = "y" })
  breaks("a fragmented ping", frame.write { opcode = frame.PING, fin = false, payload = "x" })
  breaks("a ping of 126 bytes", frame.write { opcode = frame.PING, payload = ("x"):rep(126) })
  breaks("a length with its highest bit set", "\x82\x7f\x80\0\0\0\0\0\0\0")
  breaks("a Close with one byte", frame.write { opcode = frame.CLOSE, payload = "x" })
  for _, code in ipairs { 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535 } do
    breaks("a Close with code " .. code, frame.write { opcode = frame.CLOSE, payload = frame.close_payload(code) })
  end

  it_tells("a continuation after a whole message", function()
    local bot, s = start()
    s:send(frame.write { fin = false } .. frame.write { opcode = 0 } .. frame.write { opcode = 0 })
    s:expect_close(1002)
    s:close()
    bot:tells('text ""', "~^error protocol", '~^close 1006 "" sent 1002')
    bot:ends(0)
  end)

  it_tells("and what was whole before is delivered", function()
    local bot, s = start()
    s:send(frame.write { payload = "before" } .. frame.write { opcode = 3 } .. frame.write { payload = "after" })
    s:expect_close(1002)
    s:close()
    bot:tells('text "before"', "~^error protocol", "~^close 1006")
    bot:ends(0)
  end)

  it_tells("and whose Close has a reason that is not UTF-8, 1007", function()
    local bot, s = start()
    s:send_close(1000, "\xff")
    fails(bot, s, "invalid_utf8", 1007)
  end)
end)

describe("max_message_size", function()
  it_tells("refuses a frame that is larger by its head alone", function()
    local bot, s = start "max_message_size = 1000,"
    s:send("\x82\x7f" .. (">I8"):pack(1 << 40))
    fails(bot, s, "too_big", 1009, "max_message_size")
  end)

  it_tells("refuses a message that its fragments make larger", function()
    local bot, s = start "max_message_size = 1000,"
    s:frame { fin = false, opcode = frame.BINARY, payload = ("x"):rep(600) }
    s:frame { opcode = frame.CONTINUATION, payload = ("x"):rep(401) }
    fails(bot, s, "too_big", 1009)
  end)

  it_tells("lets a message of just that size through", function()
    local bot, s = start "max_message_size = 1000,"
    s:frame { fin = false, opcode = frame.BINARY, payload = ("x"):rep(600) }
    s:frame { opcode = frame.CONTINUATION, payload = ("x"):rep(400) }
    s:text(("y"):rep(1000))
    bot:tells("binary <1000 bytes>", "text <1000 bytes>")
    s:finish()
    bot:wait()
  end)
end)

---------------------------------------------------------------------------------------------------------------- closing

describe("the closing handshake", function()
  it_tells("begun by the peer is answered with its code", function()
    for _, code in ipairs { 1000, 1001, 1003, 1007, 1008, 1011, 1012, 1013, 1014, 3000, 4999 } do
      local bot, s = start()
      s:finish(code, "because")
      bot:tells(('close %d "because" sent %d open nil'):format(code, code))
      bot:ends(0)
    end
  end)

  it_tells("may be without a code: 1005", function()
    local bot, s = start()
    s:send_close()
    assert.is_nil((s:expect_close()))
    s:close()
    bot:tells '~^close 1005 "" sent %d+ open nil'
    bot:ends(0)
  end)

  it_tells("begun by the script sends its code and reason, and on_close has the peer's", function()
    local bot, s = start "on_message = function(c) say(c:close(4001, 'done ü')) end,"
    s:text "x"
    s:expect_close(4001, "done ü")
    s:send_close(4002, "all right")
    s:close()
    bot:tells("true", 'close 4002 "all right" sent 4001 open nil')
    bot:ends(0)
  end)

  it_tells("is 1000 when the script says no code", function()
    local bot, s = start "on_message = function(c) c:close() end,"
    s:text "x"
    assert.same({ 1000, "" }, { s:answer_close() })
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("refuses codes and reasons that may not be sent", function()
    local bot, s = start [[on_message = function(c)
      for _, a in ipairs {
        { 0 }, { 999 }, { 1004 }, { 1005 }, { 1006 }, { 1015 }, { 2999 }, { 5000 }, { 70000 }, { "x" },
        { 1000, ("x"):rep(124) }, { 1000, "\xff" }, { 1000, {} } } do
        say(pcall(c.close, c, table.unpack(a)) == false and c.state)
      end
      c:close(1000, ("x"):rep(123))
    end,]]
    s:text "x"
    s:expect_close(1000, ("x"):rep(123))
    for _ = 1, 13 do
      bot:tells "open"
    end
  end)

  it_tells("lets messages that are still on their way be told: they came before the peer's Close", function()
    local bot, s = start "on_ping = function(c) say 'closing' c:close() end,"
    s:send("\x89\0" .. frame.write { payload = "one" })
    s:expect(frame.PONG)
    s:expect_close(1000)
    s:text "two"
    s:send_close(1000)
    s:close()
    bot:tells("closing", 'text "one"', 'text "two"', 'close 1000 "" sent 1000 open nil')
    bot:ends(0)
  end)

  it_tells("ignores frames behind the peer's Close", function()
    local bot, s = start()
    s:send("\x88\x02\x03\xe8" .. frame.write { payload = "late" } .. "\x89\1p" .. "garbage")
    s:expect_close(1000)
    s:close()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("is done when the server ends the TCP connection, not before", function()
    local bot, s = start "close_timeout = 20,"
    s:send_close(1000)
    s:expect_close(1000)
    story.pause(0.1)
    assert.is_nil(s.ended, "the client has ended the connection first (RFC 6455 7.1.1)")
    assert.is_nil(bot.out:find("close", 1, true))
    s:half_close()
    s:expect_end()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("sends what the script said last, also where the server's end is right behind its Close", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], compression = false,
        on_message = function(conn)
          say "busy"
          io.read() -- until the end has come, too
          say(conn:send "last words")
        end,
        on_close = function(_, code, _, record) say(code, record.sent) end }
    ]], { p.url }, { stdin = true })
    local s = p:open()
    s:send(frame.write { payload = "hi" } .. frame.write { opcode = frame.CLOSE, payload = frame.close_payload(1000) })
    bot:tells "busy"
    s:half_close()
    bot:write "\n"
    s:expect_text "last words"
    s:expect_close(1000)
    s:expect_end()
    bot:tells("true", "1000 1000")
    bot:ends(0)
  end)

  it_tells("ends after close_timeout when the server does not end the connection", function()
    local bot, s = start "close_timeout = 0.2,"
    s:send_close(1000)
    s:expect_close(1000)
    s:expect_end()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("ends after close_timeout when a Close is never answered: 1006, and no error", function()
    local bot, s = start "close_timeout = 0.2, on_message = function(c) c:close() end,"
    s:text "x"
    s:expect_close(1000)
    s:expect_end()
    bot:tells '~^close 1006 "" sent 1000 %S+ nil'
    bot:ends(0)
  end)

  it_tells("may be cut off by the server after our Close: no error", function()
    local bot, s = start "on_message = function(c) c:close() end,"
    s:text "x"
    s:expect_close(1000)
    s:close()
    bot:tells '~^close 1006 "" sent 1000 %S+ nil'
    bot:ends(0)
  end)

  it_tells("flushes what was sent before it", function()
    local bot, s = start "on_message = function(c) for i = 1, 100 do c:send(('x'):rep(10000)) end c:close() end,"
    s:text "go"
    for _ = 1, 100 do
      s:expect_text(("x"):rep(10000))
    end
    s:answer_close()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)
end)

describe("a peer that does not read", function()
  it_tells("is given up close_timeout after the script's close", function()
    local bot, s = start [[
      max_send_buffer = 1 << 20, close_timeout = 0.3,
      on_message = function(c)
        while c:send(("x"):rep(10000)) do end
        c:close(1000)
      end, on_buffer_full = function() end, on_drain = function() end,
    ]]
    s:stop_reading()
    s:text "go"
    bot:tells '~^close 1006 "" sent 1000 %S+ nil'
    bot:ends(0)
  end)

  it_tells("does not keep its own messages from being delivered", function()
    local bot, s = start [[
      max_send_buffer = 1 << 20, on_buffer_full = function() end, on_drain = function() end,
      on_message = function(c, data)
        if data == "fill" then while c:send(("x"):rep(10000)) do end end
        say(data)
      end,
    ]]
    s:stop_reading()
    s:text "fill"
    s:ping "p"
    s:text "and on"
    bot:tells("fill", 'ping "p"', "and on")
    s:reset()
    bot:tells("~^error reset", "~^close 1006")
    bot:ends(0)
  end)
end)

describe("a connection that ends", function()
  it_tells("without a Close frame is a reset: 1006", function()
    local bot, s = start()
    s:text "last words"
    s:close()
    bot:tells('text "last words"', "~^error reset", '~^close 1006 "" sent nil open reset')
    bot:ends(0)
  end)

  it_tells("with RST is a reset: 1006", function()
    local bot, s = start()
    s:reset()
    bot:tells("~^error reset", '~^close 1006 "" sent nil open reset')
    bot:ends(0)
  end)

  it_tells("with a half-close is a reset, and the bot ends its side", function()
    local bot, s = start()
    s:half_close()
    s:read_end()
    bot:tells("~^error reset", '~^close 1006 "" sent nil open reset')
    bot:ends(0)
  end)

  it_tells("in the middle of a frame is a reset", function()
    local bot, s = start()
    s:send "\x81\x05hel"
    s:close()
    bot:tells("~^error reset", '~^close 1006 "" sent nil open reset')
    bot:ends(0)
  end)
end)

---------------------------------------------------------------------------------------------------------------- sending

describe("send", function()
  it_tells("answers nil and closed when there is no connection", function()
    local bot = program.bot([[
      local c = ws.connect(told { url = "ws://127.0.0.1:1", on_error = function() end, on_close = function(c)
        say(c:send "x")
        say(c:ping())
        say(c:close())
      end })
    ]])
    bot:tells("nil closed", "nil closed", "true")
    bot:ends(0)
  end)

  it_tells("raises on what is no data", function()
    local bot = program.bot([[
      local c = ws.connect { url = "ws://127.0.0.1:1" }
      for _, f in ipairs { function() c:send() end, function() c:send {} end, function() c.send("x") end,
        function() c:send("x", "utf-16") end, function() c:ping(("x"):rep(126)) end } do
        local ok, message = pcall(f)
        say(ok, message:find "^.-bot%.lua:%d+:" ~= nil)
      end
      host.stop()
    ]])
    bot:tells("false true", "false true", "false true", "false true", "false true")
    bot:ends(0)
  end)

  it_tells("takes a number, as string functions do", function()
    local bot, s = start "on_message = function(c) c:send(42) end,"
    s:text "x"
    s:expect_text "42"
    s:finish()
    bot:tells 'close 1000 "" sent 1000 open nil'
    bot:ends(0)
  end)

  it_tells("refuses what would pass max_send_buffer: on_buffer_full tells once, on_drain when all is sent", function()
    local p = peer.listen()
    local bot = program.bot([[
      local piece, n = ("x"):rep(100000), 0
      ws.connect(told { url = arg[1], max_send_buffer = 1000000, on_ping = function(c)
        local ok, why
        repeat
          ok, why = c:send(piece)
          if ok then n = n + 1 end
        until not ok
        say(why, c.buffered_amount <= 1000000)
        say(c:send(piece))
        say(c:send "what fits may still go")
      end, on_drain = function(c)
        say("drain", c.buffered_amount)
        c:send("n = " .. n)
      end })
    ]], { p.url })
    local s = p:open()
    s:stop_reading()
    s:ping()
    bot:tells("connect", "open 101", "send_buffer_full true", "nil send_buffer_full", "true", "full")
    s:start_reading()
    local n, f = 0
    repeat
      f = s:read_frame()
      if #f.payload == 100000 then n = n + 1 end
    until f.payload == "n = " .. n
    assert.is_true(n >= 9)
    bot:tells "drain 0"
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
  end)

  it_tells("takes what max_send_buffer says: by default, all that may be received can be sent back", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function(c, data) say(c:send(data)) end })
    ]], { p.url })
    local s = p:open()
    local data = ("*"):rep(16 << 20)
    s:text(data)
    s:expect_text(data)
    s:finish()
    bot:tells("connect", "open 101", "true", "drain", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("counts what waits for the handshake against max_send_buffer too", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect { url = arg[1], max_send_buffer = 1000 }
      say(c:send(("x"):rep(900)))
      say(c:send(("x"):rep(900)))
      say(c:send(("y"):rep(2000)))
    ]], { p.url })
    local s = p:open()
    s:expect_text(("x"):rep(900))
    s:finish()
    bot:tells("true", "nil send_buffer_full", "nil send_buffer_full")
    bot:ends(0)
  end)
end)

describe("an error of the protocol names the value:", function()
  for name, case in pairs {
    ["the close code"] = { { opcode = frame.CLOSE, payload = "\x0b\xb7" }, "protocol close code 2999" },
    ["the opcode"] = { { opcode = 0xB }, "protocol a frame of opcode 0xB" },
    ["the reserved bit"] = { { opcode = frame.PING, rsv = 2 }, "protocol a ping frame with RSV2 set" },
    ["the size and the limit"] = { { opcode = frame.BINARY, length = 5000 },
      "too_big a message of 5000 bytes, over max_message_size %(1000%)" },
    ["the byte that is not UTF-8, and where"] = { { payload = "a\u{e9}\xff" },
      "invalid_utf8 a text message .* byte 0xff at offset 3" },
  } do
    it_tells(name, function()
      local p = peer.listen()
      local bot = program.bot([[
        ws.connect { url = arg[1], max_message_size = 1000,
          on_error = function(_, word, message) say(word, message) end,
          on_close = function(_, _, _, record) say(record.error, record.message) end }
      ]], { p.url })
      local s = p:open()
      s:frame(case[1])
      bot:tells("~^" .. case[2])
      local close = s:read_frame()
      assert.equal(frame.CLOSE, close.opcode)
      assert.matches(case[2]:match " (.*)", close.payload)
      s:close()
      bot:tells("~^" .. case[2])
      bot:ends(0)
    end)
  end
end)
