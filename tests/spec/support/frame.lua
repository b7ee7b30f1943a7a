-- frame: frames of RFC 6455 section 5.2 written and read by the letter of the RFC, knowing nothing of wsbot's codec.
-- A frame is { fin, rsv (0 to 7), opcode, masked, mask (4 bytes or nil), payload, form (7, 16 or 64: how its length
-- was written) }.
local frame = {}

frame.CONTINUATION, frame.TEXT, frame.BINARY, frame.CLOSE, frame.PING, frame.PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

-- XORs bytes with a mask of 4 bytes.
function frame.mask(bytes, mask)
  local word = ("<I8"):unpack(mask .. mask)
  local padded = bytes .. ("\0"):rep(-#bytes % 8)
  local out, unpack, pack = {}, string.unpack, string.pack
  for at = 1, #padded, 8 do
    out[#out + 1] = pack("<i8", unpack("<i8", padded, at) ~ word)
  end
  return table.concat(out):sub(1, #bytes)
end

-- The bytes of a frame. What is left out: fin is true, rsv 0, opcode text, payload empty, no mask, the shortest
-- length form. `length` says another length than the payload has.
function frame.write(f)
  local payload = f.payload or ""
  local length = f.length or #payload
  local form = f.form or (length < 126 and 7 or length < 65536 and 16 or 64)
  local first = (f.fin == false and 0 or 0x80) | (f.rsv or 0) << 4 | (f.opcode or frame.TEXT)
  local mask_bit = f.mask and 0x80 or 0
  local head
  if form == 7 then
    head = ("BB"):pack(first, mask_bit | length)
  elseif form == 16 then
    head = (">BBI2"):pack(first, mask_bit | 126, length)
  else
    head = (">BBI8"):pack(first, mask_bit | 127, length)
  end
  if f.mask then return head .. f.mask .. frame.mask(payload, f.mask) end
  return head .. payload
end

-- Reads the frame at the front of `bytes`: the frame and how many bytes it took, or nil where it is not whole.
function frame.read(bytes)
  if #bytes < 2 then return nil end
  local first, second = bytes:byte(1, 2)
  local f = { fin = first & 0x80 ~= 0, rsv = first >> 4 & 7, opcode = first & 15, masked = second & 0x80 ~= 0,
    form = 7 }
  local length, at = second & 0x7f, 3
  if length >= 126 then
    local size = length == 126 and 2 or 8
    if #bytes < 2 + size then return nil end
    f.form = size * 8
    length, at = (">I" .. size):unpack(bytes, 3)
  end
  if f.masked then
    if #bytes < at + 3 then return nil end
    f.mask, at = bytes:sub(at, at + 3), at + 4
  end
  if #bytes < at + length - 1 then return nil, at + length - 1 end
  f.payload = bytes:sub(at, at + length - 1)
  if f.masked then f.payload = frame.mask(f.payload, f.mask) end
  return f, at + length - 1
end

-- The payload of a Close frame.
function frame.close_payload(code, reason)
  return code and (">I2"):pack(code) .. (reason or "") or ""
end

return frame
