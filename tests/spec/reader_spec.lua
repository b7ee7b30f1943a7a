-- reader: a bot that reads in a straight line sees what a callback sees: each message that was whole before the
-- connection's end is its to answer, and the answer still goes out.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local tls = require "support.tls"

local function text(data)
  return frame.write { opcode = frame.TEXT, payload = data }
end

local function close(code)
  return frame.write { opcode = frame.CLOSE, payload = frame.close_payload(code) }
end

local N = 5
local messages, answers = {}, {}
for i = 1, N do
  messages[i], answers[i] = text("message " .. i), "answer to message " .. i
end
messages = table.concat(messages)

-- Bots that answer each message. The first is what the others are measured by.
local opened = "{ url = arg[1], tls = { verify = false }, on_error = function() end }"
local bots = {
  { "on_message", "local conn = ws.connect " .. opened .. [[
      function conn.on_message(c, data) c:send("answer to " .. data) end
    ]] },
  { "conn:messages", "local conn = ws.connect " .. opened .. [[
      for data in conn:messages() do conn:send("answer to " .. data) end
    ]] },
  { "conn:receive", "local conn = ws.connect " .. opened .. [[
      conn:opened()
      while true do
        local data = conn:receive(30)
        if not data then break end
        conn:send("answer to " .. data)
      end
    ]] },
  { "several readers", "local conn = ws.connect " .. opened .. [[
      for _ = 1, 3 do
        host.spawn(function()
          for data in conn:messages() do conn:send("answer to " .. data) end
        end)
      end
    ]] },
  { "a reader in on_websocket_connect", "local conn = ws.connect " .. opened .. [[
      function conn.on_websocket_connect(c)
        for data in c:messages() do c:send("answer to " .. data) end
      end
    ]] },
  { "a login by receive, then on_message", "local conn = ws.connect " .. opened .. [[
      function conn.on_websocket_connect(c)
        c:send("answer to " .. c:receive())
        function c.on_message(_, data) c:send("answer to " .. data) end
      end
    ]] },
  { "a login by receive, then a reader", "local conn = ws.connect " .. opened .. [[
      function conn.on_websocket_connect(c)
        c:send("answer to " .. c:receive())
        host.spawn(function()
          for data in conn:messages() do conn:send("answer to " .. data) end
        end)
      end
    ]] },
  { "a login by receive that fails, then on_message", "local conn = ws.connect " .. opened .. [[
      local function answer(c, data) c:send("answer to " .. data) end
      function conn.on_websocket_connect(c)
        answer(c, c:receive())
        c.on_message = answer
        error "no"
      end
    ]] },
  { "a reader that spawns one more for each", "local conn = ws.connect " .. opened .. [[
      local function read()
        local data = conn:receive()
        if not data then return end
        conn:send("answer to " .. data)
        host.spawn(read)
      end
      read()
    ]] },
  { "a reader beside on_ping and on_pong", "local conn = ws.connect " .. opened .. [[
      function conn.on_ping() end
      function conn.on_pong() end
      for data in conn:messages() do conn:send("answer to " .. data) end
    ]] },
}

local function open(source, more)
  local p = peer.listen()
  local bot = program.bot(source, { p.url })
  return bot, p:open(more)
end

local function expect_answers(s)
  for i = 1, N do
    s:expect_text(answers[i])
  end
end

-- How it ends: the bytes behind the messages, and what is to come back behind the answers.
local ends = {
  { "a Close", close(1000), 1000 },
  { "a Close with a reason of its own", frame.write { opcode = 8, payload = frame.close_payload(4000, "enough") },
    4000 },
  { "an illegal frame", frame.write { opcode = 0xB }, 1002 },
  { "a reserved bit", frame.write { opcode = frame.TEXT, rsv = 2, payload = "x" }, 1002 },
  { "a text that is not UTF-8", text "\xff", 1007 },
  { "a continuation of nothing", frame.write { opcode = 0, payload = "x" }, 1002 },
  { "a close code that may not be sent", close(1005), 1002 },
}

for _, kind in ipairs(bots) do
  local name, source = kind[1], kind[2]
  describe(name .. ": what was whole is answered", function()
    for _, how in ipairs(ends) do
      it_tells("before " .. how[1], function()
        local bot, s = open(source)
        s:send(messages .. how[2])
        expect_answers(s)
        s:expect_close(how[3])
        s:close()
        bot:wait()
      end)
    end

    it_tells("before the end of a peer that says no more", function()
      local bot, s = open(source)
      s:post(messages)
      s:half_close()
      expect_answers(s)
      s:expect_end()
      bot:wait()
    end)

    it_tells("with pings between", function()
      local bot, s = open(source)
      local ping = frame.write { opcode = frame.PING, payload = "p" }
      s:send(messages:gsub("message 3", "%0" .. ping) .. close(1000))
      for i = 1, N do
        s:expect_text(answers[i])
        if i == 3 then s:expect(frame.PONG, "p") end
      end
      s:expect_close(1000)
      s:close()
      bot:wait()
    end)
  end)
end

for _, kind in ipairs(bots) do
  local name, source = kind[1], kind[2]
  it_tells(name .. ": what was whole is answered over TLS, too", function()
    local server = tls.listen()
    local bot = program.bot(source, { server.url })
    local s = server:open()
    s:send(messages .. close(1000))
    expect_answers(s)
    s:expect_close(1000)
    s:close()
    bot:wait()
  end)
end

it_tells("on_ping and on_pong run between the messages around them, as they do beside an on_message", function()
  local p = peer.listen()
  local bot = program.bot("local conn = ws.connect " .. opened .. [[
    function conn.on_ping(_, data) print("ping " .. data) end
    function conn.on_pong(_, data) print("pong " .. data) end
    for data in conn:messages() do print(data) end
  ]], { p.url })
  local s = p:open()
  s:send(text "one" .. frame.write { opcode = frame.PING, payload = "a" } .. text "two"
    .. frame.write { opcode = frame.PONG, payload = "b" } .. text "three" .. close(1000))
  bot:tells("one", "ping a", "two", "pong b", "three")
  s:close()
  bot:wait()
end)

it_tells("readers of one connection take turns", function()
  local p = peer.listen()
  local bot = program.bot("local conn = ws.connect " .. opened .. [[
    for number = 1, 2 do
      host.spawn(function()
        for data in conn:messages() do print(number, data) end
      end)
    end
  ]], { p.url })
  local s = p:open()
  s:send(text "one" .. text "two" .. text "three" .. text "four" .. close(1000))
  bot:tells("1\tone", "2\ttwo", "1\tthree", "2\tfour")
  s:close()
  bot:wait()
end)

it_tells("a reader has what was compressed, and what came in one segment with the handshake", function()
  local p = peer.listen()
  local bot = program.bot("local conn = ws.connect " .. opened .. [[
    for data in conn:messages() do conn:send("answer to " .. data) end
  ]], { p.url })
  local s = p:accept()
  s:read_head()
  s:send(s:answer { with = { "Sec-WebSocket-Extensions: permessage-deflate" },
    behind = "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00" .. text "plain" .. frame.write { opcode = 0xB } })
  s:expect_text "answer to Hello"
  s:expect_text "answer to plain"
  s:expect_close(1002)
  s:close()
  bot:wait()
end)
