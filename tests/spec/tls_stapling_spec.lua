-- tls.stapling: beside its certificate, a server shows what the CA says of that today (OCSP, RFC 6066 8).
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local stories = require "support.tls_stories"
local tls = require "support.tls"

local believes, doubts = stories.believes, stories.doubts

describe("an OCSP response that a server announces and does not show", function()
  -- ServerHello with the extension (RFC 6066 8), Certificate, and ServerKeyExchange where the response should be.
  it_tells("is missed, and the error says what to do", function()
    local p = peer.listen()
    local bot = tls.bot(p.url:gsub("^ws", "wss"), "ca_file = CA")
    local s = p:accept()
    s:read(5)
    local hello = "\3\3" .. ("r"):rep(32) .. "\0\xc0\x2b\0" .. (">s2"):pack "\0\5\0\0"
    local certificates = (">s3"):pack(tls.der "server")
    for _, message in ipairs { "\2" .. (">s3"):pack(hello), "\11" .. (">s3"):pack((">s3"):pack(certificates)),
      "\12\0\0\1\0" } do
      s:send("\x16\3\3" .. (">s2"):pack(message))
    end
    local line = bot:line()
    -- (wolfSSL 5.7 does without it, as RFC 6066 has it, and so comes to the next message, which is empty)
    assert(line:find "^error tls .*announced.*tls%.stapling = false" or line:find "malformed buffer", line)
    bot:tells 'close 1006 "" tls tls'
    bot:ends(0)
  end)
end)

for _, version in ipairs { "-tls1_2", "-tls1_3" } do
  describe("an OCSP response that a server shows (" .. version:sub(2) .. ")", function()
    local function shows(kind, ...)
      return { cert = kind, args = { version, "-status_file", tls.ocsp_response(...) } }
    end

    believes("is asked for, and may say that all is well", shows("server", "server"))
    believes("may be on a certificate of an intermediate CA", shows("chained", "chained"))
    doubts("may say that the certificate was revoked", shows("revoked", "revoked"), nil,
      "the certificate.* was revoked", "OCSP", "%[no%. 1 of 1: localhost, signed by Spec Root%]$")
    doubts("must be on this certificate", shows("server", "rsa"), nil, "OCSP response that is not valid",
      "tls%.stapling = false", "localhost, signed by Spec Root")
    doubts("must be of the certificate's issuer", shows("server", "server", "other_ca"), nil,
      "OCSP response that is not valid")
    believes("is not asked for with stapling = false", shows("revoked", "revoked"), "ca_file = CA, stapling = false")
    believes("is not asked for with verify = false", shows("revoked", "revoked"), "verify = false")
    believes("may be missing", { args = { version } })
  end)
end
