-- The opening handshake against servers that answer in every way there is.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local servers = require "support.servers"
local story = require "support.story"
local tls = require "support.tls"

-- A bot that tells of everything, and of the answer in the record of its close.
local source = [[
  ws.connect(told { url = arg[1], handshake_timeout = tonumber(arg[2]), protocols = { "v1.chat", "v2.chat" },
    on_close = function(c, code, reason, record)
      say("close", code, show(reason), record.phase, record.error)
      if record.response then
        local r = record.response
        say("response", r.status, r.reason, r.headers["x-why"], #(r.body or ""), show((r.body or ""):sub(1, 20)))
      end
    end })
]]

local function start(timeout)
  local p = peer.listen()
  local bot = program.bot(source, { p.url, timeout or "20" })
  return bot, p:accept()
end

-- The answer is taken, and the conversation works.
local function accepted(name, options)
  it_tells(name, function()
    local bot, s = start()
    s:read_head()
    s:send(type(options) == "function" and options(s) or s:answer(options))
    s:text "hello"
    s:finish()
    bot:tells("connect", "open 101", 'text "hello"', 'close 1000 "" open nil')
    bot:wait()
  end)
end

-- The answer is refused: the error matches, and the connection is ended.
local function refused(name, options, pattern, response)
  it_tells(name, function()
    local bot, s = start()
    s:read_head()
    s:send(type(options) == "function" and options(s) or s:answer(options))
    bot:tells("connect", "~^error handshake .*" .. pattern, 'close 1006 "" handshake handshake')
    if response then bot:tells(response) end
    s:read_end()
    assert.equal(0, (bot:wait()))
  end)
end

-- What a server does with a plain request, or a bot's TLS, that is not what it speaks.
local misled = {
  { "ws", "answers with an alert", "handshake \"the answer is not HTTP/1%.x, but an alert of TLS", function(s)
    s:send "\x15\3\1\0\2\2\x46"
  end },
  { "ws", "ends the connection without a byte", "reset \"the server ended the connection", function(s)
    s:close()
  end },
  { "ws", "resets the connection", "reset \"the connection broke", function(s)
    s:reset()
  end },
  { "ws", "says so in plain HTTP", "handshake \"the server answered 400 Bad Request", function(s)
    s:send "HTTP/1.1 400 Bad Request\r\nContent-Length: 55\r\n\r\n"
    s:send "<p>The plain HTTP request was sent to HTTPS port</p>   "
  end },
  { "wss", "ends the connection without a byte", "reset \"the server ended the connection in the TLS", function(s)
    s:close()
  end },
}

describe("an address that takes TLS for plain, or plain for TLS, is told so where the server", function()
  for _, case in ipairs(misled) do
    local scheme, how, told, act = table.unpack(case)
    it_tells(how .. ", for " .. scheme .. "://", function()
      local p = peer.listen()
      local bot = program.bot("ws.connect(told { url = arg[1], on_close = print })", { scheme .. "://" .. p.address })
      local s = p:accept()
      s:read(16)
      act(s)
      if scheme == "ws" then bot:tells "connect" end
      bot:tells(("~^error %s.* %%(is it a %s:// address%%?%%)"):format(told, scheme == "ws" and "wss" or "ws"), "~1006")
      bot:ends(0)
    end)
  end

  for name, start_server in pairs {
    ["openssl s_server"] = tls.listen,
    nginx = function() return servers.nginx("ws://127.0.0.1:1", { secure = true }) end,
  } do
    it_tells("is " .. name, function()
      local url = start_server().url:gsub("^wss:", "ws:")
      local bot = program.bot("ws.connect(told { url = arg[1], on_close = print })", { url })
      bot:tells("connect", "~^error .* %(is it a wss:// address%?%)", "~1006")
      bot:ends(0)
    end)
  end

  it_tells("has said something: then nothing of TLS is", function()
    local bot, s = start()
    s:read_head()
    s:send "HTTP/1.1 "
    s:close()
    bot:tells("connect", "~^error reset", "~^close")
    assert.is_nil(bot.out:find("wss://", 1, true))
    assert.equal(0, (bot:wait()))
  end)
end)

describe("an answer with 101", function()
  accepted("is taken when it is as in the RFC", {})
  accepted("may write Upgrade and Connection in any case", function(s)
    return s:answer { lines = { "UPGRADE: WebSocket", "connection: uPGRADE",
      "sec-websocket-accept: " .. s:accept_value() } }
  end)
  accepted("may list other tokens besides", function(s)
    return s:answer { lines = { "Upgrade: foo/1.0, websocket", "Connection: keep-alive", "Connection: x, Upgrade , y",
      "Sec-WebSocket-Accept:   " .. s:accept_value() .. "  \t" } }
  end)
  accepted("may have an empty reason", { status = "HTTP/1.1 101 " })
  accepted("may have no reason at all", { status = "HTTP/1.1 101" })
  accepted("may have another reason", { status = "HTTP/1.1 101 Web Socket Protocol Handshake" })
  accepted("may come with many other headers",
    { with = { "Server: x", "Date: today", "Set-Cookie: a=b", "Set-Cookie: c=d",
    "X-Empty:", "X-Long: " .. ("y"):rep(8000) } })
  accepted("may come behind 100 and 103", function(s)
    return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" .. s:answer()
  end)
  refused("must say Upgrade", { without = { "Upgrade" } }, "Upgrade")
  refused("must say Connection", { without = { "Connection" } }, "Connection")
  refused("must say Upgrade: websocket", function(s)
    return s:answer { without = { "Upgrade" }, with = { "Upgrade: websockets" } }
  end, "Upgrade")
  refused("must have an Accept", { without = { "Sec-WebSocket-Accept" } }, "Accept")
  refused("must have the right Accept", { without = { "Sec-WebSocket-Accept" },
    with = { "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" } }, "Accept")
  refused("must have the Accept in the right case", function(s)
    local value = s:accept_value()
    local other = value:gsub("%a", function(c)
      return c:lower() == c and c:upper() or c:lower()
    end)
    return s:answer { without = { "Sec-WebSocket-Accept" }, with = { "Sec-WebSocket-Accept: " .. other } }
  end, "Accept")
  refused("may choose no subprotocol that was not offered", { with = { "Sec-WebSocket-Protocol: v3.chat" } },
    "v3%.chat")
  refused("may not choose a subprotocol in another case", { with = { "Sec-WebSocket-Protocol: V1.CHAT" } }, "V1%.CHAT")
  refused("may not choose two subprotocols", { with = { "Sec-WebSocket-Protocol: v1.chat, v2.chat" } }, "protocol")
  refused("may use no extension that was not offered",
    { with = { "Sec-WebSocket-Extensions: x-other" } }, "x%-other")
end)

describe("an answer", function()
  it_tells("with a subprotocol that was offered sets conn.protocol", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], protocols = { "v1.chat", "v2.chat" },
        on_websocket_connect = function(c) say(c.protocol) end }
    ]], { p.url })
    p:open({ with = { "Sec-WebSocket-Protocol: v2.chat" } }):finish()
    bot:tells "v2.chat"
    bot:ends(0)
  end)

  it_tells("without a subprotocol leaves conn.protocol nil, though one was offered", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], protocols = { "v1.chat" }, on_websocket_connect = function(c) say(c.protocol) end }
    ]], { p.url })
    p:open():finish()
    bot:tells "nil"
    bot:ends(0)
  end)

  refused("200 is refused, even with everything else in order",
    { status = "HTTP/1.1 200 OK", with = { "Content-Length: 0" } },
    "200", '~^response 200 OK nil 0')
  refused("with another status is reported with its status, reason, headers and body",
    function()
      return "HTTP/1.1 503 Come back later\r\nX-Why: full\r\nContent-Length: 9\r\n\r\ntoo many!"
    end, "503", 'response 503 Come back later full 9 "too many!"')
  refused("that redirects is not followed", function()
    return "HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:1/\r\nX-Why: moved\r\nContent-Length: 0\r\n\r\n"
  end, "302", 'response 302 Found moved 0 ""')
  refused("in chunks is put together", function()
    return "HTTP/1.1 401 Unauthorized\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x=y\r\n, world\r\n0\r\n\r\n"
  end, "401", 'response 401 Unauthorized nil 12 "hello, world"')
  refused("with a long body is reported with its first 4 KB", function()
    return "HTTP/1.1 500 Oh\r\nContent-Length: 100000\r\n\r\n" .. ("b"):rep(100000)
  end, "500", 'response 500 Oh nil 4096 "bbbbbbbbbbbbbbbbbbbb"')

  it_tells("whose body ends with the connection is reported as well", function()
    local bot, s = start()
    s:read_head()
    s:send "HTTP/1.0 404 Not Found\r\nX-Why: lost\r\n\r\nnothing"
    s:send " here"
    s:close()
    bot:tells("connect", "~^error handshake .*404", 'close 1006 "" handshake handshake',
      'response 404 Not Found lost 12 "nothing here"')
    assert.equal(0, (bot:wait()))
  end)

  for name, head in pairs {
    ["has no length and no end"] = "HTTP/1.1 403 Forbidden\r\n\r\n",
    ["is shorter than it should be"] = "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\n",
    ["has a chunk without an end"] = "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n",
    ["is that of a 200 with all fields of a 101"] = false,
  } do
    it_tells("whose body " .. name .. " is reported a second after its head", function()
      local bot, s = start "20"
      s:read_head()
      s:send(head or s:answer { status = "HTTP/1.1 200 OK" })
      local began = host.now()
      s:send "half"
      bot:tells("connect", "~^error handshake .*" .. (head and "403 Forbidden" or "200 OK"),
        'close 1006 "" handshake handshake', ('~^response %d+ %w+ nil 4 "half"'))
      assert(host.now() - began < 5)
      assert.equal(0, (bot:wait()))
    end)
  end

  it_tells("whose body never comes is reported when handshake_timeout is over", function()
    local bot, s = start "0.3"
    s:read_head()
    s:send "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\nhalf"
    bot:tells("connect", "~^error handshake .*404", 'close 1006 "" handshake handshake',
      'response 404 Not Found nil 4 "half"')
    assert.equal(0, (bot:wait()))
  end)

  refused("in HTTP/1.0 is no upgrade", { status = "HTTP/1.0 101 Switching Protocols" }, "")
  refused("that is no HTTP is refused", function()
    return "SSH-2.0-OpenSSH_9.2\r\n"
  end, "")
  refused("with a status that is no number is refused", { status = "HTTP/1.1 abc Switching" }, "")
  refused("with a header line that is none is refused", { with = { "no colon here" } }, "")
  refused("with a NUL in it is refused", { with = { "X: a\0b" } }, "")
  refused("with white space before a colon is refused", { with = { "X-Name : v" } }, "")
  refused("whose head goes on over 32 KB is refused", function(s)
    return s:answer { with = { "X-Big: " .. ("x"):rep(33000) } }
  end, "32 KB")

  it_tells("whose head never ends is refused at 32 KB, not kept", function()
    local bot, s = start()
    s:read_head()
    s:send("HTTP/1.1 101 Switching Protocols\r\n")
    story.beside(function()
      pcall(function()
        while not s.ended do
          s:send("X: " .. ("y"):rep(1000) .. "\r\n")
        end
      end)
    end)
    bot:tells("connect", "~^error handshake .*32 KB", 'close 1006 "" handshake handshake')
    s:read_end()
    bot:wait()
  end)
end)

describe("what comes with the answer", function()
  it_tells("in one segment is delivered: frames behind the head", function()
    local bot, s = start()
    s:read_head()
    s:send(s:answer { behind = "\x81\x05hello\x82\x02\0\1\x88\x05\x03\xe8bye" })
    s:expect_close(1000)
    s:close()
    bot:tells("connect", "open 101", 'text "hello"', [[binary "\x00\x01"]], 'close 1000 "bye" open nil')
    bot:wait()
  end)

  it_tells("is the same byte by byte", function()
    local bot, s = start()
    s:read_head()
    local frames = "\x81\x05hello\x89\x01p\x88\x05\x03\xe8bye"
    s:send_bytewise("HTTP/1.1 100 Continue\r\n\r\n" .. s:answer { behind = frames })
    s:expect(0xA, "p")
    s:expect_close(1000)
    s:close()
    bot:tells("connect", "open 101", 'text "hello"', 'ping "p"', 'close 1000 "bye" open nil')
    bot:wait()
  end)

  it_tells("is the same in random cuts", function()
    story.seed()
    for _ = 1, 5 do
      local bot, s = start()
      s:read_head()
      local frames = "\x81\x7e\x01\x2c" .. ("a"):rep(300) .. "\x01\x03abc\x89\x01p\x80\x03def\x88\x05\x03\xe8bye"
      s:send_cut(s:answer { behind = frames })
      s:expect(0xA, "p")
      s:expect_close(1000)
      s:close()
      bot:tells("connect", "open 101", "text <300 bytes>", 'ping "p"', 'text "abcdef"', 'close 1000 "bye" open nil')
      bot:wait()
    end
  end)
end)

describe("a server", function()
  it_tells("that ends the connection without an answer is a reset", function()
    local bot, s = start()
    s:read_head()
    s:close()
    bot:tells("connect", "~^error reset", 'close 1006 "" handshake reset')
    assert.equal(0, (bot:wait()))
  end)

  it_tells("that ends it in the middle of its answer is a reset", function()
    local bot, s = start()
    s:read_head()
    s:send "HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs"
    s:close()
    bot:tells("connect", "~^error reset", 'close 1006 "" handshake reset')
    bot:wait()
  end)

  it_tells("that answers with RST is a reset", function()
    local bot, s = start()
    s:read_head()
    s:reset()
    bot:tells("connect", "~^error reset", 'close 1006 "" handshake reset')
    bot:wait()
  end)

  it_tells("that says nothing meets handshake_timeout", function()
    local bot, s = start "0.2"
    s:read_head()
    bot:tells("connect", "~^error timeout .*0%.2 s.*handshake_timeout", 'close 1006 "" handshake timeout')
    s:expect_end()
    bot:wait()
  end)

  it_tells("that goes on saying little meets it too: it is for the whole step", function()
    local bot, s = start "0.3"
    s:read_head()
    s:send "HTTP/1.1 101 Switching Protocols\r\n"
    story.beside(function()
      pcall(function()
        while not s.ended do
          s:send "X: y\r\n"
          story.pause(0.05)
        end
      end)
    end)
    bot:tells("connect", "~^error timeout", 'close 1006 "" handshake timeout')
    s:read_end()
    bot:wait()
  end)
end)
