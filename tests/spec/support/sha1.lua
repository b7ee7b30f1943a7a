-- sha1: SHA-1 (FIPS 180-4) and Base64 (RFC 4648), for the peer's side of the opening handshake.
local sha1 = {}

local function rotate(x, n)
  x = x & 0xffffffff
  return (x << n | x >> (32 - n)) & 0xffffffff
end

-- The 20 bytes of the sum of `text`.
function sha1.sum(text)
  local a0, b0, c0, d0, e0 = 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0
  local bits = #text * 8
  text = text .. "\x80" .. ("\0"):rep((55 - #text) % 64) .. (">I8"):pack(bits)
  for at = 1, #text, 64 do
    local w = table.pack((">" .. ("I4"):rep(16)):unpack(text, at))
    for i = 17, 80 do
      w[i] = rotate(w[i - 3] ~ w[i - 8] ~ w[i - 14] ~ w[i - 16], 1)
    end
    local a, b, c, d, e = a0, b0, c0, d0, e0
    for i = 1, 80 do
      local f, k
      if i <= 20 then
        f, k = (b & c) | (~b & d), 0x5a827999
      elseif i <= 40 then
        f, k = b ~ c ~ d, 0x6ed9eba1
      elseif i <= 60 then
        f, k = (b & c) | (b & d) | (c & d), 0x8f1bbcdc
      else
        f, k = b ~ c ~ d, 0xca62c1d6
      end
      a, b, c, d, e = (rotate(a, 5) + (f & 0xffffffff) + e + k + w[i]) & 0xffffffff, a, rotate(b, 30), c, d
    end
    a0, b0, c0, d0, e0 = a0 + a, b0 + b, c0 + c, d0 + d, e0 + e
    a0, b0, c0, d0, e0 = a0 & 0xffffffff, b0 & 0xffffffff, c0 & 0xffffffff, d0 & 0xffffffff, e0 & 0xffffffff
  end
  return (">I4I4I4I4I4"):pack(a0, b0, c0, d0, e0)
end

local letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

-- `bytes` in Base64.
function sha1.base64(bytes)
  local out = {}
  for at = 1, #bytes, 3 do
    local a, b, c = bytes:byte(at, at + 2)
    local n = a << 16 | (b or 0) << 8 | (c or 0)
    for i, shift in ipairs { 18, 12, 6, 0 } do
      local digit = (n >> shift & 63) + 1
      local given = i <= 2 or (i == 3 and b) or (i == 4 and c)
      out[#out + 1] = given and letters:sub(digit, digit) or "="
    end
  end
  return table.concat(out)
end

return sha1
