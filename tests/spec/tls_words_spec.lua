-- What is wrong with a certificate, told so that one knows what to do: whose it is, its place in the chain, the rule
-- that it breaks, and the way out.
local escape = require "support.escape"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local stories = require "support.tls_stories"
local tls = require "support.tls"

-- The error is this sentence, in which $FROM, $TO, $TODAY and $PIN stand for what only the certificate can tell.
local function says(name, server, expected, options)
  stories.doubts(name, server, options, function()
    local kind = server.cert
    local text = escape(expected:gsub("\n%s*", " "):gsub(" $", "")):gsub("%%%$(%u+)", {
      FROM = escape(tls.day(kind, "from")), TO = escape(tls.day(kind, "to")), TODAY = "%d+%-%d+%-%d+",
      PIN = escape(tls.pin(kind)),
    })
    return "^error tls " .. text .. "$"
  end)
end

describe("the error tells that a certificate", function()
  says("has expired", { cert = "expired", name = "localhost" },
    [[the certificate of localhost expired on $TO (today is $TODAY by this machine's clock): the server needs a new one
    [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("is not valid yet", { cert = "not_yet" },
    [[the certificate of 127.0.0.1 is not valid before $FROM (today is $TODAY by this machine's clock: is it right?)
    [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("is for another name", { cert = "wrong_name", name = "localhost" },
    [[the certificate of localhost is for another name: other.example, www.other.example
    (tls.server_name says which one is meant) [no. 1 of 1: other.example, signed by Spec Root] ]])
  says("is for names and addresses, and has no subject", { cert = "nameless" },
    [[the certificate of 127.0.0.1 is for another name: localhost, a.example, 10.0.0.1
    (tls.server_name says which one is meant) [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("has a common name alone", { cert = "common_name", name = "localhost" },
    [[the certificate of localhost names no host: it has no subjectAltName, and a common name does not count
    (RFC 9525); the server needs one that is made with subjectAltName=DNS:... or IP:...
    [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("has an address as if it were a name", { cert = "address_as_name" },
    [[the certificate of 127.0.0.1 is for another name: 127.0.0.1
    (as a name: an address has to be an IP address of its subjectAltName)
    [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("has a name that would paint the terminal", { cert = "rude" },
    [[the certificate of 127.0.0.1 is for another name: rude.example
    (tls.server_name says which one is meant) [no. 1 of 1: a\x1b[31mred, signed by Spec Root] ]])
  says("is self-signed", { cert = "self_signed" },
    [[the certificate of 127.0.0.1 is self-signed and not trusted; trust it with tls.ca_file,
    or its key alone with tls.pin = "$PIN" and verify = false [no. 1 of 1: localhost, signed by localhost] ]])
  says("is from an unknown issuer", { cert = "stranger" },
    [[the certificate of 127.0.0.1 is from an issuer that is not trusted: Another Root
    (the server sends no intermediate certificate: should it?); trust it with tls.ca_file,
    or its key alone with tls.pin = "$PIN" and verify = false [no. 1 of 1: localhost, signed by Another Root] ]])
  says("is from an unknown issuer in the end", { cert = "chained" },
    [[the certificate of 127.0.0.1 is from issuers that are not trusted: Spec Root, by way of Spec Intermediate;
    trust it with tls.ca_file, or its key alone with tls.pin = "$PIN" and verify = false
    [no. 1 of 2: localhost, signed by Spec Intermediate] ]], "")
  says("lacks the intermediate one", { cert = "chained", chain = false },
    [[the certificate of 127.0.0.1 is from an issuer that is not trusted: Spec Intermediate
    (the server sends no intermediate certificate: should it?); trust it with tls.ca_file,
    or its key alone with tls.pin = "$PIN" and verify = false
    [no. 1 of 1: localhost, signed by Spec Intermediate] ]])
  says("is signed by one that is no CA's", { cert = "under_server" },
    [[the certificate of 127.0.0.1 is signed by localhost, who is no authority (CA); trust it with tls.ca_file,
    or its key alone with tls.pin = "$PIN" and verify = false [no. 1 of 2: localhost, signed by localhost] ]])
  says("is not the issuer's work", { cert = "tampered" },
    [[the certificate of 127.0.0.1 is not signed by the key of its issuer Spec Root that is trusted: it is forged or
    damaged, or the issuer has another key now (is tls.ca_file old?) [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("is not for servers", { cert = "for_clients" },
    [[the certificate of 127.0.0.1 is not for servers: its extended key usage has no serverAuth
    [no. 1 of 1: localhost, signed by Spec Root] ]])
  says("has a short key", { cert = "short_key", args = { "-tls1_2", "-cipher", "ALL:@SECLEVEL=0" } },
    [[the certificate of 127.0.0.1 has a key that is too short to be safe: RSA of 512 bits, and 2048 is the least
    (tls.allow_weak = true accepts it all the same) [no. 1 of 1: localhost, signed by Spec Root] ]])

  stories.doubts("is not the server's: an intermediate one is over", { cert = "under_old" }, nil, function()
    return "^error tls the certificate of Spec Old Intermediate, which vouches for 127%.0%.0%.1, expired on "
      .. tls.day("old_intermediate", "to"):gsub("%-", "%%-")
      .. " .* %[no%. 2 of 2: Spec Old Intermediate, signed by Spec Root%]$"
  end)
end)

describe("the error tells that a server", function()
  -- A ServerHello of TLS 1.1 (RFC 4346 7.4.1.3), which a server sends that knows of nothing newer.
  for options, words in pairs {
    [""] = "1%.2 and newer", ['min_version = "1.3"'] = "1%.3 and newer .*tls%.min_version",
  } do
    it_tells("speaks TLS 1.1 only: " .. words, function()
      local p = peer.listen()
      local bot = tls.bot(p.url:gsub("^ws", "wss"), options)
      local s = p:accept()
      s:read(5)
      local hello = "\3\2" .. ("r"):rep(32) .. "\0\xc0\x13\0"
      s:send("\x16\3\2" .. (">s2"):pack("\2" .. (">s3"):pack(hello)))
      bot:tells("~^error tls .*another version of TLS.*" .. words, 'close 1006 "" tls tls')
      bot:ends(0)
    end)
  end
end)
