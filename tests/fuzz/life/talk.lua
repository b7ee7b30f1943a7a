-- talk: what the peer says and hears once the opening handshake is done. It sends back whatever comes, and between that
-- says what servers say, and what none should.
local frame = require "support.frame"
local story = require "support.story"

local talk = {}

---------------------------------------------------------------------------------------------------- what it says

-- Raw deflate (RFC 1951) without a library: a text as it is, in a stored block and the empty one whose end RFC 7692
-- leaves out.
local function stored(data)
  return ("<BI2I2"):pack(0, #data, ~#data & 0xffff) .. data .. "\0"
end

-- One byte, and then 258 like it for every 13 bits: with the fixed codes the length 258 is 11000101, the distance 1 is
-- 00000, each written from its highest bit.
local function bomb(times)
  local bits = { "0", "10", "10010001" } -- not the last block, fixed codes, 'a'
  bits[#bits + 1] = ("1100010100000"):rep(times)
  bits[#bits + 1] = "0000000" -- its end
  bits[#bits + 1] = "000" -- the empty stored block
  local text = table.concat(bits)
  text = text .. ("0"):rep(-#text % 8)
  return (text:gsub("........", function(byte)
    return string.char(tonumber(byte:reverse(), 2))
  end))
end

local sizes = { 0, 1, 125, 126, 5000, 65535, 65536, 200000 }
local codes = { 1000, 1001, 1008, 1012, 3000, 4999, 0, 999, 1004, 1005, 1006, 1015, 5000, 65535 }

local function fragments(r, data, opcode)
  local parts = {}
  for i = 1, 3 do
    local part = data:sub(i, i == 3 and -1 or i)
    parts[#parts + 1] = frame.write { opcode = i == 1 and opcode or 0, fin = i == 3, payload = part }
    if r:chance(30) then parts[#parts + 1] = frame.write { opcode = frame.PING, payload = "between" } end
  end
  return table.concat(parts)
end

-- What is right. The function gives bytes.
local right = {
  function(r) return frame.write { payload = ("text"):rep(r:one(sizes) // 4) } end,
  function(r) return frame.write { opcode = frame.BINARY, payload = r:bytes(r:one(sizes)) } end,
  function(r) return fragments(r, "f\xc3\xa4ragments", frame.TEXT) end,
  function(r) return frame.write { opcode = frame.PING, payload = r:bytes(r:one { 0, 4, 125 }) } end,
  function(r) return frame.write { opcode = frame.PONG, payload = r:bytes(r:one { 0, 4, 125 }) } end,
  function(r) return frame.write { payload = "flood" }:rep(r:number(1, 2000)) end,
  function(r) return frame.write { opcode = frame.PING }:rep(r:number(1, 300)) end,
}

-- What is not, or ends the conversation.
local wrong = {
  function(r) return frame.write { opcode = frame.CLOSE, payload = frame.close_payload(r:one(codes), "reason") } end,
  function(r) return frame.write { opcode = frame.CLOSE, payload = r:bytes(r:one { 0, 1, 2, 125 }) } end,
  function(r) return frame.write { opcode = r:one { 3, 7, 11, 15 }, payload = "reserved" } end,
  function(r) return frame.write { rsv = r:number(1, 7), payload = "bits" } end,
  function() return frame.write { mask = "mask", payload = "masked" } end,
  function() return frame.write { opcode = 0, payload = "continues nothing" } end,
  function() return frame.write { fin = false, payload = "one" } .. frame.write { payload = "another" } end,
  function(r) return frame.write { form = 64, length = r:one { 1 << 40, 1 << 62, -1, 5 }, payload = "short" } end,
  function(r) return frame.write { form = r:one { 16, 64 }, payload = "long form" } end,
  function(r) return frame.write { payload = "\xff" .. r:bytes(20) } end,
  function(r) return frame.write { opcode = frame.PING, fin = r:chance(50), payload = r:bytes(126) } end,
  function(r) return r:bytes(r:number(1, 500)) end,
  function(r) return frame.write { rsv = 4, opcode = frame.BINARY, payload = r:bytes(r:number(0, 300)) } end,
}

-- What is compressed: the text as it is, in fragments, or a bomb.
local compressed = {
  function(r) return frame.write { rsv = 4, payload = stored(("c"):rep(r:number(0, 3000))) } end,
  function()
    return frame.write { rsv = 4, fin = false, payload = stored "first" }
      .. frame.write { opcode = 0, payload = stored "last" }
  end,
  function(r) return frame.write { rsv = 4, payload = bomb(r:one { 10, 1000, 70000 }) } end,
  function(r) return frame.write { rsv = 4, payload = bomb(4000) }:rep(r:number(1, 20)) end,
  function() return frame.write { rsv = 4, payload = "" } end,
}

-- Bytes that a server might send, and whether what it sends back later can still be understood: what it has compressed
-- itself is in the window of all that follows.
function talk.bytes(r, is_compressed)
  if r:chance(8) then return r:one(wrong)(r), false end
  if is_compressed and r:chance(5) then return r:one(compressed)(r), false end
  return r:one(right)(r), true
end

---------------------------------------------------------------------------------------------------- what it hears

local function complain(...)
  error({ wrong = "the bot sent " .. (...):format(select(2, ...)) }, 0)
end

-- Checks a frame by RFC 6455 5.2 and 5.4. `t.opens` is the first frame of a message of which not all has come.
local function check(t, f)
  local is_control = f.opcode >= 8
  if t.closed then complain("opcode %d behind its Close", f.opcode) end
  if not f.masked then complain "a frame without a mask" end
  if f.opcode > 10 or f.opcode > 2 and f.opcode < 8 then complain("opcode %d", f.opcode) end
  if is_control and (not f.fin or #f.payload > 125) then complain "a control frame of more than 125 bytes" end
  if f.rsv ~= 0 and not (f.rsv == 4 and t.compressed and not is_control and f.opcode ~= 0) then
    complain("reserved bits %d in opcode %d", f.rsv, f.opcode)
  end
  if f.opcode == 0 and not t.opens then complain "a fragment of nothing" end
  if (f.opcode == 1 or f.opcode == 2) and t.opens then complain "a message within another" end
  if f.opcode == 1 and f.rsv == 0 and f.fin and not utf8.len(f.payload) then complain "a text that is not UTF-8" end
end

-- The Close of the bot is answered, or not.
local function on_close(t, f)
  local r, s = t.r, t.session
  t.closed = true
  if #f.payload == 1 then complain "a Close of one byte" end
  if r:chance(80) then
    t.say(s, r, frame.write { opcode = frame.CLOSE, payload = f.payload })
    if r:chance(80) then s:close() end
  end
  if r:chance(50) then t.leave(s, r) end
end

local function echo(t, f)
  if f.opcode ~= 0 then t.opens = f end
  if t.echoes then
    local again = frame.write { opcode = f.opcode, rsv = f.rsv, fin = f.fin, payload = f.payload }
    if t.r:chance(80) then t.session:post(again) else t.say(t.session, t.r, again) end
  end
  if f.fin then t.opens = nil end
end

local function hear(t, f)
  check(t, f)
  if f.opcode == frame.CLOSE then
    on_close(t, f)
  elseif f.opcode == frame.PING then
    if t.r:chance(90) then t.session:post(frame.write { opcode = frame.PONG, payload = f.payload }) end
  elseif f.opcode ~= frame.PONG then
    echo(t, f)
  end
end

-- Takes the frames that are there.
local function hear_all(t)
  local s = t.session
  local from = 1
  while true do
    local f, size = frame.read(from == 1 and s.input or s.input:sub(from))
    if not f then break end
    s.input, from = s.input:sub(from + size), 1
    hear(t, f)
  end
end

-- Something of its own accord.
local function act(t)
  local r, s = t.r, t.session
  if r:chance(60) then
    if t.opens then return end -- an echo is under way, in fragments
    local bytes, is_harmless = talk.bytes(r, t.compressed)
    t.echoes = t.echoes and is_harmless
    return t.say(s, r, bytes)
  end
  local what = r:weighed { { 6, "pause" }, { 4, "deaf" }, { 1, "leave" } }
  if what == "leave" then return t.leave(s, r) end
  if what == "deaf" then s:stop_reading() end
  story.pause(r:seconds(0.2))
  if what == "deaf" then s:start_reading() end
end

-- t: session, r (its choices), compressed (that was agreed on), echoes (it sends back what comes); say, wait and leave
-- are the peer's.
function talk.run(t)
  local s, r = t.session, t.r
  while true do
    hear_all(t)
    local seen = #s.input
    t.wait(s, "something from the bot", 0.005 + r:seconds(0.1), function() return #s.input > seen end)
    hear_all(t)
    if r:chance(30) then act(t) end
  end
end

return talk
