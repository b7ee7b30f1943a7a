-- tls.cert and tls.key: the certificate by which a server knows the bot.
local escape = require "support.escape"
local it_tells = require "support.it_tells"
local tls = require "support.tls"

-- A server that wants a certificate of the CA.
local function listen(version)
  return tls.listen { args = { "-Verify", "1", "-verify_return_error", "-CAfile", tls.cert "ca", version } }
end

local function with(cert, key, more)
  return ("ca_file = CA, cert = %q, key = %q%s"):format(cert, key, more or "")
end

for _, version in ipairs { "-tls1_2", "-tls1_3" } do
  describe("a client certificate (" .. version:sub(2) .. ")", function()
    local function is_shown(name, make)
      it_tells(name, function()
        local t = listen(version)
        local bot = tls.bot(t.url, make())
        t:open():finish()
        bot:tells("connect", "open 101", 'close 1000 "" open nil')
        bot:ends(0)
      end)
    end

    -- In TLS 1.3 the server's refusal comes behind the handshake.
    local function is_refused(name, make, pattern)
      it_tells(name, function()
        local bot = tls.bot(listen(version).url, make())
        local line = bot:line()
        if version == "-tls1_3" then
          assert.equal("connect", line)
          line = bot:line()
        end
        assert.matches("^error tls .*" .. pattern, line)
        bot:tells '~^close 1006 "" %S+ tls'
        bot:ends(0)
      end)
    end

    is_shown("is shown to a server that asks for it", function()
      return with(tls.cert "client", tls.key "client")
    end)
    is_shown("may be RSA's", function()
      return with(tls.cert "rsa_client", tls.key "rsa_client")
    end)
    is_shown("may have its key encrypted", function()
      return with(tls.cert "client", tls.key("client", "secret"), ", key_password = 'secret'")
    end)
    is_shown("may have an RSA key that is encrypted", function()
      return with(tls.cert "rsa_client", tls.key("rsa_client", "secret"), ", key_password = 'secret'")
    end)
    is_refused("that is missing is what the error says", function()
      return "ca_file = CA"
    end, "client certificate %(tls%.cert and tls%.key%)")
    is_refused("of an issuer that the server does not know is refused", function()
      return with(tls.cert "stranger", tls.key "stranger")
    end, "unknown_ca: it does not know the issuer of our certificate")
    is_refused("that is over is refused", function()
      return with(tls.cert "old_client", tls.key "old_client")
    end, "certificate_expired: our certificate expired")
  end)
end

describe("a client certificate that does not load is an error, and no connection is made", function()
  local function fails(name, make, pattern)
    it_tells(name, function()
      local cert, key, more = make()
      local bot = tls.bot(tls.listen().url, with(cert, key, more))
      local line = bot:line()
      assert.matches("^error tls .*" .. escape(key) .. ".*" .. pattern, line)
      assert.is_nil(line:find("hunter2", 1, true))
      bot:tells 'close 1006 "" tls tls'
      bot:ends(0)
    end)
  end

  for _, kind in ipairs { "client", "rsa_client" } do
    fails(kind .. ": the password is wrong", function()
      return tls.cert(kind), tls.key(kind, "secret"), ", key_password = 'hunter2'"
    end, "does not open with tls%.key_password")
    fails(kind .. ": the password is missing", function()
      return tls.cert(kind), tls.key(kind, "secret")
    end, "an encrypted one needs tls%.key_password")
    fails(kind .. ": the key is another one's", function()
      return tls.cert(kind), tls.key(kind == "client" and "server" or "rsa")
    end, "not the key of the certificate in tls%.cert")
  end
  fails("the key is of another kind", function()
    return tls.cert "client", tls.key "rsa"
  end, "not the key of the certificate in tls%.cert")
  fails("the key is encrypted with scrypt", function()
    return tls.cert "client", tls.key("client", "secret", "-scrypt"), ", key_password = 'secret'"
  end, "scrypt")
end)
