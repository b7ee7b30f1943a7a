-- der: certificates taken apart and put together again (X.690, RFC 5280 4.1), for those that openssl does not make.
local der = {}

local SEQUENCE, BIT_STRING, VERSION, EXTENSIONS = 0x30, 0x03, 0xA0, 0xA3

local function length_of(n)
  if n < 128 then return string.char(n) end
  local bytes = (">I4"):pack(n):gsub("^\0+", "")
  return string.char(0x80 | #bytes) .. bytes
end

local function element(tag, content)
  return string.char(tag) .. length_of(#content) .. content
end

-- The content of the element at a place, and where it ends.
local function content_at(data, at)
  local n, from = data:byte(at + 1), at + 2
  if n >= 128 then
    local size = n & 127
    n, from = (">I" .. size):unpack(data, from), from + size
  end
  return data:sub(from, from + n - 1), from + n
end

-- The elements within a sequence, whole.
local function elements(sequence)
  local content, list, at = content_at(sequence, 1), {}, 1
  while at <= #content do
    local _, to = content_at(content, at)
    table.insert(list, content:sub(at, to - 1))
    at = to
  end
  return list
end

-- A certificate's body, which is signed, the algorithm, and the signature.
function der.certificate(data)
  local list = elements(data)
  return { body = list[1], algorithm = list[2], signature = content_at(list[3], 1):sub(2) }
end

function der.join(parts)
  return element(SEQUENCE, parts.body .. parts.algorithm .. element(BIT_STRING, "\0" .. parts.signature))
end

-- The body as it was in version 1.
function der.without_extensions(body)
  local kept = {}
  for _, each in ipairs(elements(body)) do
    local tag = each:byte()
    if tag ~= VERSION and tag ~= EXTENSIONS then table.insert(kept, each) end
  end
  return element(SEQUENCE, table.concat(kept))
end

-- A bit of it is another one.
function der.tampered(signature)
  return signature:sub(1, -2) .. string.char(signature:byte(-1) ~ 1)
end

return der
