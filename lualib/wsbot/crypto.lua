-- wsbot.crypto: hashes, signatures and what is made of them. What is slow, or must not leave traces, is C.
local core = require "wsbot.crypto.core"
local json = require "wsbot.json"

local crypto = {}
for name, fn in pairs(core) do crypto[name] = fn end

-- Sixteen bytes as a UUID, with its version and variant (RFC 9562 4) in place.
local function format(bytes, version)
  local b = { bytes:byte(1, 16) }
  b[7] = b[7] & 0x0F | version << 4
  b[9] = b[9] & 0x3F | 0x80
  return ("%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x"):format(table.unpack(b))
end

---A random UUID (RFC 9562 5.4).
function crypto.uuid()
  return format(core.random(16), 4)
end

local last, counter = 0, 0

---A UUID that begins with the time (RFC 9562 5.7): of those of this program each comes after the one before.
function crypto.uuid7()
  local now = host.time() * 1000 // 1 | 0
  if now > last then
    last, counter = now, string.unpack(">I2", core.random(2)) & 0x7FF
  else
    counter = counter + 1
    if counter > 0xFFF then last, counter = last + 1, 0 end
  end
  return format((">I6"):pack(last) .. (">I2"):pack(counter) .. core.random(8), 7)
end

local hmacs = { HS256 = "sha256", HS384 = "sha384", HS512 = "sha512" }

---A JSON Web Token (RFC 7519, RFC 7515): `key` is a secret for HS256 (the default), HS384 and HS512, and a private key
---in PEM for ES256, RS256 and EdDSA.
function crypto.jwt(claims, key, algorithm)
  algorithm = algorithm or "HS256"
  if type(claims) ~= "table" then error("crypto.jwt: claims must be a table, not " .. type(claims), 2) end
  if type(key) ~= "string" then error("crypto.jwt: the key must be a string, not " .. type(key), 2) end
  local header = core.base64url(('{"alg":"%s","typ":"JWT"}'):format(algorithm))
  local text = header .. "." .. core.base64url(json.encode(claims))
  local hash = hmacs[algorithm]
  if not hash and algorithm ~= "ES256" and algorithm ~= "RS256" and algorithm ~= "EdDSA" then
    error(("crypto.jwt: there is no algorithm '%s' (HS256, HS384, HS512, ES256, RS256, EdDSA)"):format(algorithm), 2)
  end
  local signature = hash and core.hmac(hash, key, text) or core.sign(algorithm, key, text)
  return text .. "." .. core.base64url(signature)
end

return crypto
