-- mqtt.codec: packets of MQTT 3.1.1 as bytes, what a client writes and what it reads. It knows of no connection.
-- The numbers in brackets are sections of the standard (OASIS, 2014).
local codec = {}

local CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK = 1, 2, 3, 4, 8, 9
local PINGREQ, PINGRESP, DISCONNECT = 12, 13, 14

---------------------------------------------------------------------------------------------------------------- writing

-- A length in groups of 7 bits, the lowest first; the top bit says that another follows [2.2.3].
function codec.length(n)
  assert(n < 1 << 28, "a packet of MQTT has less than 256 MiB")
  local bytes = ""
  repeat
    local group = n & 0x7f
    n = n >> 7
    bytes = bytes .. string.char(n > 0 and group | 0x80 or group)
  until n == 0
  return bytes
end

local function packet(kind, flags, body)
  return string.char(kind << 4 | flags) .. codec.length(#body) .. body
end

-- options: client_id, keep_alive (seconds), username, password. The session is a clean one [3.1].
function codec.connect(options)
  local flags, more = 0x02, ""
  if options.username then
    flags, more = flags | 0x80, more .. (">s2"):pack(options.username)
    if options.password then
      flags, more = flags | 0x40, more .. (">s2"):pack(options.password)
    end
  end
  return packet(CONNECT, 0, (">s2BBI2s2"):pack("MQTT", 4, flags, options.keep_alive or 0, options.client_id) .. more)
end

-- message: topic, payload, qos (0 or 1), retain; id and dup where qos is 1 [3.3].
function codec.publish(message)
  local qos = message.qos or 0
  local flags = (message.dup and 8 or 0) | qos << 1 | (message.retain and 1 or 0)
  local id = qos > 0 and (">I2"):pack(message.id) or ""
  return packet(PUBLISH, flags, (">s2"):pack(message.topic) .. id .. message.payload)
end

function codec.puback(id)
  return packet(PUBACK, 0, (">I2"):pack(id))
end

function codec.subscribe(id, filter, qos)
  return packet(SUBSCRIBE, 2, (">I2s2B"):pack(id, filter, qos))
end

function codec.pingreq()
  return packet(PINGREQ, 0, "")
end

function codec.disconnect()
  return packet(DISCONNECT, 0, "")
end

---------------------------------------------------------------------------------------------------------------- reading

-- What a server may send: each takes a body and returns a packet, or raises an error where the body is too short.
local readers = {}

readers[CONNACK] = function(body)
  local flags, code = ("BB"):unpack(body)
  return { type = "connack", session_present = flags & 1 == 1, code = code }
end

readers[PUBLISH] = function(body, flags)
  local qos, id = flags >> 1 & 3, nil
  assert(qos < 3)
  local topic, at = (">s2"):unpack(body)
  if qos > 0 then
    id, at = (">I2"):unpack(body, at)
  end
  return { type = "publish", topic = topic, payload = body:sub(at), qos = qos, id = id, dup = flags & 8 > 0,
    retain = flags & 1 > 0 }
end

readers[PUBACK] = function(body)
  return { type = "puback", id = (">I2"):unpack(body) }
end

readers[SUBACK] = function(body)
  local id, code = (">I2B"):unpack(body)
  return { type = "suback", id = id, code = code }
end

readers[PINGRESP] = function()
  return { type = "pingresp" }
end

-- Finds the packet at the front: its first byte, and where its body begins and ends; nothing where that is not to be
-- seen yet.
local function front(bytes)
  local length, shift = 0, 0
  for at = 2, 5 do
    local byte = bytes:byte(at)
    if not byte then return end
    length = length | (byte & 0x7f) << shift
    shift = shift + 7
    if byte < 0x80 then return bytes:byte(1), at + 1, at + length end
  end
  error("the length of a packet does not end", 0)
end

local reader = {}
reader.__index = reader

-- A reader is fed bytes in any pieces and gives packets: one may come in many pieces, one piece may hold many. `most`
-- is how large a packet may be.
function codec.reader(most)
  return setmetatable({ rest = "", most = most or 1 << 24 }, reader)
end

function reader:feed(bytes)
  self.rest = self.rest .. bytes
end

-- The next packet, or nil where there is no whole one. Raises an error where the bytes are no packet.
function reader:next()
  local first, from, to = front(self.rest)
  if not first then return nil end
  if to > self.most then error(("a packet of %d bytes is too large"):format(to), 0) end
  if to > #self.rest then return nil end
  local kind, flags = first >> 4, first & 15
  local body = self.rest:sub(from, to)
  self.rest = self.rest:sub(to + 1)
  local read = readers[kind]
  if not read or (flags ~= 0 and kind ~= PUBLISH) then
    error(("a server may not send 0x%02x"):format(first), 0)
  end
  local ok, result = pcall(read, body, flags)
  if not ok then error(("a packet 0x%02x is malformed"):format(first), 0) end
  return result
end

return codec
