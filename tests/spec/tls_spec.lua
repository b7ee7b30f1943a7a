-- wss://: who is believed and who is not, in words a person understands, and what TLS may look like on the other side.
local escape = require "support.escape"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local servers = require "support.servers"
local stories = require "support.tls_stories"
local tls = require "support.tls"

local start = tls.bot
local believes, doubts = stories.believes, stories.doubts

describe("a server's certificate", function()
  believes("is believed when it is of a CA in ca_file", { cert = "server" })
  believes("is believed for a name", { cert = "name_only", name = "localhost" })
  believes("is believed for an IPv4 address", { cert = "ipv4_only" })
  believes("is believed for an IPv6 address", { cert = "ipv6_only", host = "::1" })
  believes("is believed when an intermediate is between it and the CA", { cert = "chained" })
  believes("may be RSA's", { cert = "rsa" })

  it_tells("is believed when it is of a CA in ca_path", function()
    local t = tls.listen()
    local bot = start(t.url, ("ca_path = %q"):format(tls.hashed_folder("other_ca", "ca")))
    t:open():finish()
    bot:tells("connect", "open 101", 'close 1000 "" open nil')
    bot:ends(0)
  end)

  it_tells("that is self-signed is believed when it is in ca_file itself", function()
    local t = tls.listen { cert = "self_signed" }
    local bot = start(t.url, ("ca_file = %q"):format(tls.cert "self_signed"))
    t:open():finish()
    bot:tells("connect", "open 101", 'close 1000 "" open nil')
    bot:ends(0)
  end)

  doubts("is checked by default: the system's CAs do not know this one", { cert = "server" }, "", "trust", "Spec Root")
  doubts("is refused when its CA is another one", { cert = "stranger" }, nil, "trust", "Another Root")
  doubts("is refused when it is self-signed", { cert = "self_signed" }, nil, "self%-signed")
  doubts("is refused when it is over", { cert = "expired", name = "localhost" }, nil, "localhost", "expired", function()
    return escape(tls.day("expired", "to"))
  end, "Spec Root")
  doubts("is refused when it is not valid yet", { cert = "not_yet" }, nil, "valid", function()
    return escape(tls.day("not_yet", "from"))
  end)
  doubts("is refused when it is for another name", { cert = "wrong_name", name = "localhost" }, nil, "localhost",
    "other%.example")
  doubts("is refused when it has the name, but not the address", { cert = "name_only" }, nil, "127%.0%.0%.1")
  doubts("is refused when it has the address, but not the name", { cert = "ipv4_only", name = "localhost" }, nil,
    "localhost")
  doubts("is refused when it has another address", { cert = "ipv6_only" }, nil, "127%.0%.0%.1")
  doubts("is refused when it has an IPv4 address only", { cert = "ipv4_only", host = "::1" }, nil, "::1")
  doubts("is refused when the intermediate is missing", { cert = "chained", chain = false }, nil, "trust")
end)

describe("tls.verify = false", function()
  for _, cert in ipairs { "self_signed", "expired", "wrong_name", "stranger" } do
    believes("believes a server whose certificate is " .. cert, { cert = cert }, "verify = false")
  end

  it_tells("is warned of once, loudly", function()
    local t = tls.listen { cert = "self_signed" }
    local bot = program.bot([[
      local n = 0
      ws.connect(told { url = arg[1], tls = { verify = false }, close_timeout = 0.1, on_close = function(c)
        n = n + 1
        if n < 2 then c:reconnect() end
      end })
      ws.connect { url = "wss://127.0.0.1:1", tls = { verify = false }, on_error = function() end }
    ]], { t.url })
    for _ = 1, 2 do
      local s = t:open()
      s:send_close(1000)
      s:expect_close(1000)
      bot:tells("connect", "open 101")
    end
    bot:wait()
    local _, warnings = bot.err:gsub("verify", "")
    assert.equal(1, warnings, bot.err)
  end)
end)

describe("tls.server_name", function()
  it_tells("is sent, and it is what is verified", function()
    local t = tls.listen { args = { "-servername", "other.example", "-cert2", tls.cert "wrong_name", "-key2",
      tls.key "wrong_name" } }
    local bot = start(t.url, [[ca_file = CA, server_name = "other.example"]])
    local s = t:open()
    assert.same({ "127.0.0.1:" .. t.port }, s.request.headers.host)
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 "" open nil')
    bot:ends(0)
  end)

  doubts("must be in the certificate, even when the URL's host is", { cert = "server", name = "localhost" },
    [[ca_file = CA, server_name = "other.example"]], "other%.example")

  it_tells("is the URL's host by default, and none for an address", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = "wss://localhost:" .. arg[1], on_error = function() end, on_close = function()
        ws.connect { url = "wss://127.0.0.1:" .. arg[1], on_error = function() end }
      end }
    ]], { tostring(p.port) })
    local function hello_of(s)
      local head = s:read(5)
      return s:read((">I2"):unpack(head, 4))
    end
    local first = p:accept()
    assert.is_truthy(hello_of(first):find("localhost", 1, true))
    first:close()
    local second = p:accept()
    assert.is_falsy(hello_of(second):find("127.0.0.1", 1, true))
    second:close()
    bot:ends(0)
  end)
end)

describe("TLS", function()
  believes("may be 1.2", { args = { "-tls1_2" } })
  believes("may be 1.3", { args = { "-tls1_3" } })
  believes("may be 1.3 with another group at first", { args = { "-tls1_3", "-groups", "P-384" } })
  believes("may be 1.2 with AES only", { args = { "-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384" } })
  believes("may be 1.3 with min_version 1.3", { args = { "-tls1_3" } }, [[ca_file = CA, min_version = "1.3"]])
  doubts("1.2 is refused with min_version 1.3", { args = { "-tls1_2" } }, [[ca_file = CA, min_version = "1.3"]],
    "version")
  doubts("1.1 is refused", { args = { "-tls1_1", "-cipher", "ALL:@SECLEVEL=0" } }, nil, "version")
  doubts("without a common cipher is refused", { args = { "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA" } }, nil, "")

  it_tells("carries large messages both ways", function()
    local t = tls.listen()
    local bot = start(t.url, "ca_file = CA", "on_message = function(c, data, kind) c:send(data, kind) end,")
    local s = t:open()
    local data = ("0123456789abcdef"):rep(1 << 16)
    s:post("\x82\x7f" .. (">I8"):pack(#data) .. data)
    s:expect_binary(data)
    s:finish()
    bot:tells("connect", "open 101", "drain", 'close 1000 "" open nil')
    bot:ends(0)
  end)

  it_tells("waits while the script pauses, and loses nothing", function()
    local t = tls.listen()
    local bot = start(t.url, "ca_file = CA", [[on_message = function(c, data)
      say(#data)
      if data ~= "stop" then return end
      c:pause()
      host.after(0.1, function() say "resume" c:resume() end)
    end,]])
    local s = t:open()
    s:send "\x81\x04stop\x81\x05after"
    for n = 1, 40 do
      s:post(("\x82\x7f" .. (">I8"):pack(100000 + n)) .. ("x"):rep(100000 + n))
    end
    s:post "\x88\x02\x03\xe8"
    bot:tells("connect", "open 101", "4", "resume", "5")
    for n = 1, 40 do
      bot:tells(tostring(100000 + n))
    end
    s:expect_close(1000)
    s:close()
    bot:tells 'close 1000 "" open nil'
    bot:ends(0)
  end)

  it_tells("that ends with the server's life is a reset", function()
    local t = tls.listen()
    local bot = start(t.url, "ca_file = CA")
    local s = t:open()
    bot:tells("connect", "open 101")
    s:close()
    bot:tells("~^error reset", 'close 1006 "" open reset')
    bot:ends(0)
  end)

  it_tells("is spoken by the echo peer", function()
    local server = tls.echo()
    local bot = start(server.url, "ca_file = CA", [[
      on_websocket_connect = function(c) c:send(("x"):rep(100000)) c:send "hello" end,
      on_message = function(c, data) say(#data) if data == "hello" then c:close() end end,
    ]])
    bot:tells("connect", "100000", "5", 'close 1000 "" open nil')
    bot:ends(0)
    server:kill "sigterm"
    assert.equal(0, (server:wait()))
  end)
end)

describe("a file that cannot be read", function()
  local function names(option, path, more)
    it_tells(("is named in the error: tls.%s = %s"):format(option, path or "no PEM"), function()
      local p = peer.listen()
      local file = path or place.file("rubbish.pem", "this is no certificate\n")
      local bot = start(p.url:gsub("^ws", "wss"), ("%s = %q%s"):format(option, file, more and more() or ""))
      bot:tells("~^error tls .*" .. option .. ".*" .. escape(file), '~^close 1006 "" %S+ tls')
      bot:ends(0)
    end)
  end
  names("ca_file", "/no/such/ca.pem")
  names("ca_file")
  names("ca_path", "/no/such/folder")
  names("cert", "/no/such/cert.pem", function()
    return (", key = %q"):format(tls.key "client")
  end)
  names("key", "/no/such/key.pem", function()
    return (", cert = %q"):format(tls.cert "client")
  end)
  names("key", nil, function()
    return (", cert = %q"):format(tls.cert "client")
  end)
end)

describe("a server that", function()
  it_tells("speaks plain HTTP on wss:// is refused with words that help", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), "ca_file = CA")
    local s = p:accept()
    s:read(5)
    s:send "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    bot:tells("~^error tls .*TLS.*ws://", 'close 1006 "" tls tls')
    bot:ends(0)
  end)

  it_tells("sends garbage is refused", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), "ca_file = CA")
    local s = p:accept()
    s:read(5)
    s:send(("\x16\x03\x03\x00\x40" .. ("\xAA"):rep(64)))
    bot:tells("~^error tls ", 'close 1006 "" tls tls')
    bot:ends(0)
  end)

  it_tells("ends the connection in the TLS handshake is a reset", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), "ca_file = CA")
    local s = p:accept()
    s:read(5)
    s:close()
    bot:tells("~^error reset .*TLS", 'close 1006 "" tls reset')
    bot:ends(0)
  end)

  it_tells("says nothing in the TLS handshake meets connect_timeout", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), "ca_file = CA", "connect_timeout = 0.2,")
    local s = p:accept()
    bot:tells("~^error timeout .*0%.2 s.*connect_timeout", 'close 1006 "" tls timeout')
    s:read_end()
    bot:ends(0)
  end)

  it_tells("gives a resumed connection no new ticket is resumed again and again", function() -- as Node's does
    local server = servers.node { secure = true }
    local bot = program.bot([[
      local left = 5
      ws.connect(told { url = arg[1], tls = { ca_file = arg[2] },
        on_websocket_connect = function(c) say "open" c:close() end,
        on_close = function(c) left = left - 1 if left > 0 then c:reconnect() end end })
    ]], { server.url, server.ca })
    for _ = 1, 5 do
      bot:tells("connect", "open")
    end
    bot:ends(0)
  end)

  it_tells("sends an alert is refused with its name", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), "ca_file = CA")
    local s = p:accept()
    s:read(5)
    s:send "\x15\x03\x03\x00\x02\x02\x28"
    bot:tells("~^error tls .*handshake_failure", 'close 1006 "" tls tls')
    bot:ends(0)
  end)
end)
