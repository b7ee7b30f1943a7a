-- conn.tls: what a script can read of the TLS that its connection has.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local tls = require "support.tls"

local tell = [[
  local function tell(c)
    local t = c.tls
    if not t then return say "no tls" end
    local cert = t.certificate or {}
    say(t.version, t.cipher, t.resumed, t.alpn, cert.subject, cert.issuer, cert.not_after, cert.pin)
  end
]]

-- Tells c.tls where it is first of use, and where there is none any more.
local function start(url, options)
  return program.bot(tell .. ([[
    local c = ws.connect(told { url = arg[1], tls = { ca_file = arg[2], %s }, on_connect = tell })
    tell(c)
    function c.on_close(c) tell(c) end
  ]]):format(options or ""), { url, tls.cert "ca" })
end

describe("conn.tls", function()
  for version, args in pairs {
    ["1.2 ECDHE-ECDSA-AES128-GCM-SHA256"] = { "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256" },
    ["1.3 TLS_AES_256_GCM_SHA384"] = { "-tls1_3", "-ciphersuites", "TLS_AES_256_GCM_SHA384" },
  } do
    it_tells("tells version, cipher and certificate: " .. version, function()
      local t = tls.listen { args = args }
      local bot = start(t.url)
      t:open():finish()
      local name = version:gsub("ECDHE%-ECDSA%-AES128", "TLS_ECDHE_ECDSA_WITH_AES_128"):gsub("-", "_")
      bot:tells("no tls", ("%s false nil localhost Spec Root %d %s"):format(name, tls.not_after "server",
        tls.pin "server"), "open 101", "no tls")
      bot:ends(0)
    end)
  end

  it_tells("has the pin of an RSA key, too", function()
    local t = tls.listen { cert = "rsa" }
    local bot = start(t.url)
    t:open():finish()
    bot:tells("no tls", "~ " .. tls.pin("rsa"):gsub("%p", "%%%0") .. "$", "open 101", "no tls")
    bot:ends(0)
  end)

  it_tells("shows the certificate, though it is not verified", function()
    local t = tls.listen { cert = "self_signed" }
    local bot = start(t.url, "verify = false")
    t:open():finish()
    bot:tells("no tls", "~ localhost localhost ", "open 101", "no tls")
    bot:ends(0)
  end)

  for _, version in ipairs { "-tls1_2", "-tls1_3" } do
    it_tells("has the certificate of a resumed session " .. version, function()
      local t = tls.listen { args = { version } }
      local bot = program.bot(tell .. [[
        local n = 0
        ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, on_connect = tell, close_timeout = 0.1,
          on_close = function(c)
            n = n + 1
            if n < 2 then c:reconnect() end
          end })
      ]], { t.url, tls.cert "ca" })
      for n = 1, 2 do
        local s = t:open()
        bot:tells(("~%s nil localhost Spec Root %%d+ %s$"):format(n == 2, tls.pin("server"):gsub("%p", "%%%0")),
          "open 101")
        s:send_close(1000)
        s:expect_close(1000)
      end
      bot:ends(0)
    end)
  end

  it_tells("is nil on a plain connection, and read-only", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect(told { url = arg[1], on_connect = function(c)
        say(c.tls, select(2, pcall(function() c.tls = 1 end)))
      end })
    ]], { p.url })
    p:open():finish()
    bot:tells("~nil .*'tls' of a connection can be read, not set", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)
end)
