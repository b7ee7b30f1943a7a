-- bytes: the notation for bytes that the table of cases is written in. What stands behind another is appended to it:
--     81 05, 8105      hex
--     'Hello'          text
--     u8:N u16:N u64:N a number, its highest byte first
--     words:N          N bytes of text that compresses as texts do; the same each time
--     noise:N          N bytes that hardly compress; the same each time
--     ( BYTES )        a group
--     len( BYTES )     behind the first byte of a frame: the length in its shortest form, and the payload
--     masked( BYTES )  the same with the mask 01 02 03 04, as a client must send it
--     deflate( BYTES ), deflate:LEVEL( BYTES )   compressed as a peer does that keeps to the extension of the case
-- and any of them may have *N behind it: so many times.
local frame = require "support.frame"

local bytes = {}

local vocabulary = {}
for word in ([[a the of and to in is it for on was with as they be at one have this from by hot but what some we can out
  other were all there when up use your how said an each she {"price":1 ,"size":2 } [0.25, null true "BTC-USD"]])
  :gmatch "%S+" do
  vocabulary[#vocabulary + 1] = word
end

-- Numbers that look random and are the same everywhere.
local function dice()
  local state = 1
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return (state >> 16) % n
  end
end

local makers = {}

function makers.words(n)
  local roll, parts, length = dice(), {}, 0
  while length < n do
    parts[#parts + 1] = vocabulary[roll(#vocabulary) + 1]
    length = length + #parts[#parts] + 1
  end
  return table.concat(parts, " "):sub(1, n)
end

function makers.noise(n)
  local roll, parts = dice(), {}
  for i = 1, n do
    parts[i] = string.char(roll(256))
  end
  return table.concat(parts)
end

function makers.u8(n)
  return string.char(n)
end

function makers.u16(n)
  return (">I2"):pack(n)
end

function makers.u64(n)
  return (">I8"):pack(n)
end

local function head(length, mask_bit)
  if length < 126 then return string.char(mask_bit | length) end
  if length < 65536 then return (">BI2"):pack(mask_bit | 126, length) end
  return (">BI8"):pack(mask_bit | 127, length)
end

local functions = {}

function functions.len(data)
  return head(#data, 0) .. data
end

function functions.masked(data)
  return head(#data, 0x80) .. "\1\2\3\4" .. frame.mask(data, "\1\2\3\4")
end

-- The bytes that `text` stands for. deflate(data, level) compresses.
function bytes.read(text, deflate)
  local at = 1

  local function wrong()
    error(("these are no bytes: %s"):format(text:sub(at, at + 60)), 0)
  end

  local function take(pattern)
    local from, to, a, b = text:find("^" .. pattern, at)
    if not from then return nil end
    at = to + 1
    return a or "", b
  end

  local sequence

  local function unit()
    local name, argument = take "(%a[%w]*):?(%d*)%("
    if name or take "%(" then
      local inner = sequence()
      if not take "%s*%)" then wrong() end
      if not name then return inner end
      if name == "deflate" then return deflate(inner, tonumber(argument) or 6) end
      if not functions[name] then wrong() end
      return functions[name](inner)
    end
    name, argument = take "(%a%w*):(%d+)"
    if name then
      if not makers[name] then wrong() end
      return makers[name](math.tointeger(tonumber(argument)))
    end
    local quoted = take "'([^']*)'"
    if quoted then return quoted end
    local hex = take "(%x%x)"
    if hex then return string.char(tonumber(hex, 16)) end
    wrong()
  end

  function sequence()
    local parts = {}
    take "%s*"
    while at <= #text and text:sub(at, at) ~= ")" do
      local one = unit()
      local times = take "%*(%d+)"
      parts[#parts + 1] = times and one:rep(tonumber(times)) or one
      take "%s*"
    end
    return table.concat(parts)
  end

  local all = sequence()
  if at <= #text then wrong() end
  return all
end

-- The same the other way round, on one line, for people. Long ones are cut.
function bytes.show(data)
  local short = #data > 64 and data:sub(1, 48) or data
  local text = short:find "^[%g ]*$" and "'" .. short .. "'" or (short:gsub(".", function(c)
    return ("%02x "):format(c:byte())
  end):gsub(" $", ""))
  return #data > 64 and ("%s... (%d bytes)"):format(text, #data) or text
end

return bytes
