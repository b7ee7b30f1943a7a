-- Ciphers: each of those we offer, against OpenSSL, with the keys of TLS changed in between, many connections in turns,
-- and records that somebody changes on the way. AES-GCM may be another library's (net/tls/aes.c).
local uv = require "luv"
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local echo = [[
  ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, max_message_size = 64 << 20, max_send_buffer = 64 << 20,
    on_message = function(c, data, kind) c:send(data, kind) end })
]]

local function of_1_3(suite)
  return { "-tls1_3", "-ciphersuites", suite }
end

local function of_1_2(suite)
  return { "-tls1_2", "-cipher", suite }
end

-- args: of s_server; chosen: as s_server calls it; large: the bytes of the largest message. Through s_server 10 MB take
-- seconds: once with either library's AES or ChaCha20 is enough.
local ciphers = {
  { chosen = "TLS_AES_128_GCM_SHA256", large = 10000000, args = of_1_3 "TLS_AES_128_GCM_SHA256" },
  { chosen = "TLS_AES_256_GCM_SHA384", args = of_1_3 "TLS_AES_256_GCM_SHA384" },
  { chosen = "TLS_CHACHA20_POLY1305_SHA256", large = 10000000, args = of_1_3 "TLS_CHACHA20_POLY1305_SHA256" },
  { chosen = "ECDHE-ECDSA-AES128-GCM-SHA256", args = of_1_2 "ECDHE-ECDSA-AES128-GCM-SHA256" },
  { chosen = "ECDHE-ECDSA-AES256-GCM-SHA384", args = of_1_2 "ECDHE-ECDSA-AES256-GCM-SHA384" },
  { chosen = "ECDHE-ECDSA-CHACHA20-POLY1305", args = of_1_2 "ECDHE-ECDSA-CHACHA20-POLY1305" },
  { chosen = "ECDHE-RSA-AES128-GCM-SHA256", cert = "rsa", args = of_1_2 "ECDHE-RSA-AES128-GCM-SHA256" },
}

-- The next connection to a loud server: what it tells of the handshake, and the session behind the opening handshake.
local function open(t)
  local s = t.session
  local from = story.wait("a request", function()
    return s.input:find("GET / HTTP/1.1\r\n", 1, true)
  end)
  local told = s.input:sub(1, from - 1)
  s.input = s.input:sub(from)
  return s:upgrade(), told
end

-- A message of n bytes, by digits: a loud s_server takes some letters for commands.
local function binary(n)
  return frame.write { opcode = frame.BINARY, payload = ("0123456789"):rep(n // 10 + 1):sub(1, n) }
end

local function goes_round(s, n)
  s:post(binary(n))
  s:expect_binary(("0123456789"):rep(n // 10 + 1):sub(1, n))
end

for _, cipher in ipairs(ciphers) do
  describe(cipher.chosen, function()
    local function listen()
      return tls.listen { loud = true, cert = cipher.cert, args = cipher.args }
    end

    it_tells("carries messages of all sizes both ways", function()
      local t = listen()
      local bot = program.bot(echo, { t.url, tls.cert "ca" })
      local s, told = open(t)
      assert.matches("CIPHER is " .. cipher.chosen:gsub("%-", "%%-") .. "\n", told)
      for n = 0, 40 do
        goes_round(s, n)
      end
      for _, n in ipairs { 16368, 16384, 16400, 65535, cipher.large or 1000000 } do
        goes_round(s, n)
      end
      s:finish()
      bot:tells("connect", "open 101", "drain", "drain", 'close 1000 ""') -- two of more than 64 KB, with their heads
      bot:ends(0)
    end)

    it_tells("goes on when the connection is made again, and resumed", function()
      local t = listen()
      local bot = program.bot([[
        local n = 0
        ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, close_timeout = 0.1,
          on_message = function(c, data, kind) c:send(data, kind) end,
          on_close = function(c)
            n = n + 1
            if n < 4 then c:reconnect() end
          end })
      ]], { t.url, tls.cert "ca" })
      for n = 1, 4 do
        local s, told = open(t)
        assert.equal(n > 1, told:find("Reused session", 1, true) ~= nil)
        goes_round(s, 100)
        goes_round(s, 20000)
        bot:tells("connect", "open 101")
        s:send_close(1000)
        s:expect_close(1000)
      end
      bot:ends(0)
    end)
  end)
end

for _, cipher in ipairs { ciphers[1], ciphers[2], ciphers[3] } do
  it_tells(cipher.chosen .. " takes new keys as often as the peer likes", function()
    local t = tls.listen { loud = true, args = cipher.args }
    local bot = program.bot(echo, { t.url, tls.cert "ca" })
    local s = open(t)
    goes_round(s, 1000)
    for n = 1, 30 do
      s:send(n % 3 == 0 and "k\n" or "K\n") -- K: the bot shall have a new one, too
      story.pause(0.01) -- or it is read with what comes next, and is no command
      s:post(binary(n * 500)) -- one record, so that s_server's word is before or behind the answer, and not in it
      story.wait("the message, and what s_server says of its key", function()
        s.input = s.input:gsub("Read BLOCK\n", "")
        local from, to = s.input:find("SSL_do_handshake -> 1\n", 1, true)
        local rest = from and s.input:sub(1, from - 1) .. s.input:sub(to + 1)
        if not rest or not frame.read(rest) then return end
        s.input = rest
        return true
      end)
      s:expect_binary()
      goes_round(s, n)
    end
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)
end

it_tells("what is fast here goes first, with either version", function()
  local kinds = {}
  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    local t = tls.listen { loud = true, args = { version } }
    local bot = program.bot(echo, { t.url, tls.cert "ca" })
    local s, told = open(t)
    table.insert(kinds, told:match "CIPHER is %S*(CHACHA20)" or told:match "CIPHER is %S*(AES.?128.GCM)")
    s:finish()
    bot:wait()
  end
  assert.equal(2, #kinds)
  assert.equal(kinds[1]:sub(1, 3), kinds[2]:sub(1, 3))
end)

-- Stands between the bot and a server on `port`. Of the next record of data that comes from the server once `change` is
-- set, change(record) is passed on.
local function stand_between(port)
  local self = { listener = peer.listen() }
  self.url = self.listener.url:gsub("^ws", "wss")
  local function pass(record)
    if self.change and record:byte() == 23 then
      record, self.change = self.change(record), nil
    end
    self.bot:post(record)
  end
  story.beside(function()
    self.bot = self.listener:accept()
    local server, input = uv.new_tcp(), ""
    server:connect("127.0.0.1", port, function(err)
      assert(not err, err)
      server:read_start(function(_, data)
        if not data then return self.bot:close() end
        input = input .. data
        while #input >= 5 and #input >= 5 + (">I2"):unpack(input, 4) do
          local size = 5 + (">I2"):unpack(input, 4)
          pass(input:sub(1, size))
          input = input:sub(size + 1)
        end
      end)
      local transport = self.bot.transport
      transport.on_data = function(data)
        server:write(data)
      end
      transport.on_data(self.bot.input)
    end)
  end)
  return self
end

local function with_byte(record, at)
  at = at < 0 and #record + 1 + at or at
  return record:sub(1, at - 1) .. string.char(record:byte(at) ~ 0x10) .. record:sub(at + 1)
end

-- Places in a record: behind its head, which has 5 bytes. 1.2 has 8 bytes of the nonce there.
local places = { ["its first byte"] = 6, ["a byte of its text"] = 20, ["its tag"] = -16, ["its last byte"] = -1 }

for _, cipher in ipairs(ciphers) do
  if not cipher.cert then
    for name, at in pairs(places) do
      it_tells(("%s: a record is refused when somebody changes %s"):format(cipher.chosen, name), function()
        local t = tls.listen { loud = true, args = cipher.args }
        local between = stand_between(t.port)
        local bot = program.bot(echo, { between.url, tls.cert "ca" })
        local s = open(t)
        goes_round(s, 1000)
        between.change = function(record)
          return with_byte(record, at)
        end
        s:text "never heard"
        bot:tells("connect", "open 101", "~^error tls .*wolfSSL", 'close 1006 ""')
        bot:ends(0)
        t.program:complains "fatal:bad record mac"
      end)
    end
  end

  it_tells(cipher.chosen .. ": a record that comes twice is refused", function()
    local t = tls.listen { loud = true, cert = cipher.cert, args = cipher.args }
    local between = stand_between(t.port)
    local bot = program.bot(echo, { between.url, tls.cert "ca" })
    local s = open(t)
    goes_round(s, 1000)
    between.change = function(record)
      return record .. record
    end
    s:text "once"
    bot:tells("connect", "open 101", "~^error tls .*wolfSSL", 'close 1006 ""')
    bot:ends(0)
  end)
end

it_tells("a hundred connections take turns, and none gets another one's", function()
  local server = tls.echo()
  local bot = program.bot([[
    local left, open = 100, 0
    local conns = {}
    for n = 1, left do
      local turns = 0
      local function payload() return ("%d %d "):format(n, turns):rep(turns * 300) end
      local function turn()
        turns = turns + 1
        if turns == 10 then return conns[n]:close() end
        conns[n]:send(payload())
      end
      conns[n] = ws.connect { url = arg[1], tls = { ca_file = arg[2] },
        on_websocket_connect = function()
          open = open + 1
          if open == left then for m = 1, left do conns[m].turn() end end
        end,
        on_message = function(_, data)
          assert(data == payload(), "another's")
          turn()
        end,
        on_close = function(_, code)
          assert(code == 1000, code)
          left = left - 1
          if left == 0 then say "done" end
        end }
      conns[n].turn = turn
    end
  ]], { server.url, tls.cert "ca" })
  bot:tells "done"
  bot:ends(0)
  server:kill "sigterm"
  server:wait()
end)
