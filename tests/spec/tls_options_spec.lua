-- What tls = { ... } may ask for beside certificates: pinned keys, application protocols, CAs beside the system's.
-- Runs within the program that it tests.
local escape = require "support.escape"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local stories = require "support.tls_stories"
local tls = require "support.tls"

local start = tls.bot
local believes, doubts = stories.believes, stories.doubts

-- ws.connect with these options raises an error that has the text in it.
local function raises(name, options, text)
  it(name, function()
    local ok, message = pcall(ws.connect, { url = "wss://127.0.0.1:1", tls = options })
    assert.is_false(ok)
    assert.is_truthy(message:find(text, 1, true), message)
  end)
end

local function with_pin(...)
  local pins = {}
  for i, kind in ipairs { ... } do
    pins[i] = ("%q"):format(tls.pin(kind))
  end
  return "pin = { " .. table.concat(pins, ", ") .. " }"
end

describe("tls.pin", function()
  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    believes("is the server's public key " .. version, { args = { version } }, "ca_file = CA, " .. with_pin "server")
    doubts("is another one's " .. version, { args = { version } }, "ca_file = CA, " .. with_pin "client",
      "tls%.pin", escape(tls.pin "server"), "localhost", "Spec Root")
  end
  believes("may be an RSA key", { cert = "rsa" }, "ca_file = CA, " .. with_pin "rsa")
  believes("may be one of several", {}, "ca_file = CA, " .. with_pin("rsa", "server"))
  believes("may be a string", {}, ("ca_file = CA, pin = %q"):format(tls.pin "server"))
  believes("is enough with verify = false", { cert = "self_signed" }, "verify = false, " .. with_pin "self_signed")
  doubts("is checked with verify = false, too", { cert = "self_signed" }, "verify = false, " .. with_pin "server",
    escape(tls.pin "self_signed"))
  doubts("does not make up for an unknown issuer", { cert = "stranger" }, "ca_file = CA, " .. with_pin "stranger",
    "trust")

  it_tells("is checked for each configuration, though another one has a session", function()
    local t = tls.listen()
    local bot = program.bot([[
      local url, ca, pin = table.unpack(arg)
      ws.connect(told { url = url, tls = { ca_file = ca }, on_close = function()
        say "and now with a pin"
        ws.connect(told { url = url, tls = { ca_file = ca, pin = pin }, on_error = say })
      end })
    ]], { t.url, tls.cert "ca", tls.pin "client" })
    local s = t:open()
    s:send_close(1000)
    s:expect_close(1000)
    bot:tells("connect", "open 101", "and now with a pin", "~ tls .*tls%.pin", 'close 1006 ""')
    bot:ends(0)
  end)

  it_tells("and verify = false is no reason to warn", function()
    local bot = start(tls.listen({ cert = "self_signed" }).url, "verify = false, " .. with_pin "server")
    bot:wait()
    assert.equal("", bot.err)
  end)

  for name, pin in pairs {
    ["without its beginning"] = tls.pin("server"):sub(9), ["of another digest"] = "sha1//" .. ("A"):rep(27) .. "=",
    ["too short"] = "sha256//AAAA", ["no Base64"] = "sha256//" .. ("*"):rep(43) .. "=", ["no string"] = 5,
    ["an empty list"] = {}, ["a list with something else in it"] = { tls.pin "server", true },
    ["with a comma"] = tls.pin "server" .. "," .. tls.pin "server",
  } do
    raises("raises an error when it is " .. name, { pin = pin }, "tls.pin must be \"sha256//\"")
  end
end)

describe("tls.alpn", function()
  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    for name, options in pairs {
      ["that the server picks"] = { '"http/1.1"', "http/1.1", "http/1.1" },
      ["of which the server picks one"] = { '{ "h9", "http/1.1" }', "http/1.1", "http/1.1" },
      ["that the server knows nothing of"] = { '"http/1.1"', nil, "nil" },
    } do
      it_tells(("is a name %s (%s)"):format(name, version), function()
        local t = tls.listen { args = { version, options[2] and "-alpn", options[2] } }
        local bot = start(t.url, "ca_file = CA, alpn = " .. options[1], "on_connect = function(c) say(c.tls.alpn) end,")
        t:open():finish()
        bot:tells(options[3], "open 101", 'close 1000 "" open nil')
        bot:ends(0)
      end)
    end
    local other = { args = { version, "-alpn", "h2" } }
    doubts(("is refused by a server that speaks another one (%s)"):format(version), other,
      'ca_file = CA, alpn = "http/1.1"', "no_application_protocol", "tls%.alpn")
  end

  it_tells("is not what the server picked: that is refused", function()
    local p = peer.listen()
    local bot = start(p.url:gsub("^ws", "wss"), 'ca_file = CA, alpn = "http/1.1"')
    local s = p:accept()
    s:read(5)
    local extension = "\x00\x10\x00\x05\x00\x03\x02h9"
    local hello = "\x03\x03" .. ("r"):rep(32) .. "\x00\xc0\x2b\x00" .. (">s2"):pack(extension)
    s:send("\x16\x03\x03" .. (">s2"):pack("\x02" .. (">s3"):pack(hello)))
    bot:tells("~^error tls .*tls%.alpn", 'close 1006 "" tls tls')
    bot:ends(0)
  end)

  for name, alpn in pairs {
    ["is empty"] = "", ["has a comma"] = "a,b", ["has a NUL"] = "a\0b", ["is too long"] = ("x"):rep(256),
    ["is a number"] = 1, ["is no list"] = { a = "h2" },
  } do
    raises("raises an error when it " .. name, { alpn = alpn }, "tls.alpn must be the name of a protocol")
  end
end)

describe("tls.system_ca", function()
  -- The system's CAs, for the bot.
  local function bot(url, options, system)
    return start(url, options, nil, { env = { SSL_CERT_FILE = tls.cert(system) } })
  end

  local function is(name, options, system, cert, believed)
    it_tells(name, function()
      local t = tls.listen { cert = cert }
      local b = bot(t.url, options, system)
      if believed then
        t:open():finish()
        b:tells("connect", "open 101", 'close 1000 "" open nil')
      else
        b:tells("~^error tls .*trust", 'close 1006 "" tls tls')
      end
      b:ends(0)
    end)
  end
  is("has the system's CAs trusted beside ca_file", "ca_file = CA, system_ca = true", "other_ca", "stranger", true)
  is("has ca_file trusted beside the system's CAs", "ca_file = CA, system_ca = true", "other_ca", "server", true)
  is("is off by default: ca_file stands alone", "ca_file = CA", "other_ca", "stranger", false)
  is("is nothing new without ca_file", "system_ca = true", "other_ca", "stranger", true)
  raises("raises an error when it is a path", { system_ca = "/etc/ssl" }, "tls.system_ca must be true or false")
end)
