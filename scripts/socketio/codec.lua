-- socketio.codec: packets of Socket.IO 5 as text and attachments. It knows of no connection.
--
-- A packet has kind, namespace, and perhaps id and data, a table. Bytes in the data are values of codec.bytes: they
-- travel behind the text, in binary messages of their own.
local json = require "wsbot.json"

local codec = {}

-- What kinds are called, by their number; 5 and 6 are events and acknowledgements with attachments.
local kinds = { [0] = "connect", "disconnect", "event", "ack", "error", "event", "ack" }
local numbers = { connect = 0, disconnect = 1, event = 2, ack = 3 }
local MORE_WITH_ATTACHMENTS = 3

local MOST = 100 -- attachments of a packet

local Bytes = {}

function codec.bytes(data)
  return setmetatable({ bytes = data }, Bytes)
end

-- Puts what fn(table) gives in the place of each table in a value for which it gives something.
local function replace(value, fn)
  if type(value) ~= "table" then return value end
  local other = fn(value)
  if other then return other end
  for k, v in pairs(value) do value[k] = replace(v, fn) end
  return value
end

-- The text, and the list of attachments that must follow it. The data is changed.
function codec.write(packet)
  local attachments = {}
  local data = replace(packet.data, function(value)
    if getmetatable(value) ~= Bytes then return nil end
    table.insert(attachments, value.bytes)
    return { _placeholder = true, num = #attachments - 1 }
  end)
  local number, count = numbers[packet.kind], #attachments
  return table.concat {
    count > 0 and ("%d%d-"):format(number + MORE_WITH_ATTACHMENTS, count) or number,
    packet.namespace ~= "/" and packet.namespace .. "," or "",
    packet.id or "",
    data and json.encode(data) or "",
  }, attachments
end

-- The packet of a text, of which `missing` attachments are to come. Raises an error where it is none.
function codec.read(text)
  local number = tonumber(text:match "^[0-6]") or error("no packet of Socket.IO: " .. text:sub(1, 20), 0)
  local packet, at = { kind = kinds[number], namespace = "/", missing = 0, attachments = {} }, 2
  local function take(pattern)
    local found, after = text:match(pattern .. "()", at)
    at = after or at
    return found
  end
  if number > 4 then packet.missing = math.tointeger(take "^(%d+)%-") or MOST + 1 end
  if packet.missing > MOST then error("a packet of Socket.IO with too many attachments", 0) end
  packet.namespace = take "^(/[^,]*),?" or "/"
  packet.id = math.tointeger(take "^(%d+)")
  if at <= #text then packet.data = json.decode(text:sub(at)) end
  return packet
end

-- Gives a packet its next attachment.
function codec.attach(packet, data)
  packet.missing = packet.missing - 1
  table.insert(packet.attachments, data)
  if packet.missing > 0 then return end
  packet.data = replace(packet.data, function(value)
    local attachment = value._placeholder == true and packet.attachments[(math.tointeger(value.num) or -1) + 1]
    return attachment and codec.bytes(attachment)
  end)
end

-- The data for people: JSON, with <12 bytes> for bytes. The data is changed.
function codec.show(data)
  return json.encode(replace(data, function(value)
    return getmetatable(value) == Bytes and ("<%d bytes>"):format(#value.bytes)
  end))
end

return codec
