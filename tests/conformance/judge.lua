-- judge: compares what a case says with what happened. What was sent is read by support.frame and inflate.lua, which
-- know nothing of wsbot.
local frame = require "support.frame"
local sha1 = require "support.sha1"
local bytes = require "conformance.bytes"
local inflate = require "conformance.inflate"

local judge = {}

local opcodes = { [1] = "text", [2] = "binary", [8] = "close", [9] = "ping", [10] = "pong" }

-- Reads one frame that wsbot sent; raises an error where a rule for senders is broken.
local function check_frame(f, case)
  local n = #f.payload
  assert(f.masked == (case.role == "client"), f.masked and "a server's frame is masked" or "a frame is not masked")
  assert(f.form == (n < 126 and 7 or n < 65536 and 16 or 64), "a length is not in its shortest form")
  assert(f.fin, "a fragment is sent")
  local what = assert(opcodes[f.opcode], "an opcode that there is not")
  assert(f.rsv == 0 or (f.rsv == 4 and f.opcode < 8 and case.agreed), "a reserved bit is set")
  assert(f.opcode < 8 or n <= 125, "a long control frame is sent")
  return what
end

-- The messages and control frames in `sent`, in order.
local function read_frames(sent, case)
  local list, stream = {}, nil
  local forgets, bits
  if case.agreed then
    local client = case.role == "client"
    forgets = client and case.agreed.client_forgets or not client and case.agreed.server_forgets
    bits = client and case.agreed.client_bits or case.agreed.server_bits
  end
  while #sent > 0 do
    local f, size = frame.read(sent)
    if not f then error(("%d bytes at the end are no whole frame"):format(#sent), 0) end
    sent = sent:sub(size + 1)
    local what = check_frame(f, case)
    local one = { what = what, code = 0, data = f.payload }
    if what == "close" then
      assert(#f.payload ~= 1, "half a close code is sent")
      one.code = #f.payload == 0 and 1005 or (">I2"):unpack(f.payload)
      one.data = f.payload:sub(3)
      assert(utf8.len(one.data), "a reason that is no UTF-8 is sent")
      assert(#sent == 0, "frames are sent behind a Close")
    elseif f.rsv == 4 then
      if not stream or forgets then stream = inflate.new(1 << bits) end
      one.data = inflate.message(stream, f.payload)
    end
    if case.agreed and case.offer and f.opcode < 8 then
      local compress = #one.data >= (case.role == "client" and case.offer.threshold or 64)
      if compress ~= (f.rsv == 4) then
        error(("%d bytes are sent %scompressed"):format(#one.data, compress and "un" or ""), 0)
      end
    end
    list[#list + 1] = one
  end
  return list
end

local function describe(one)
  if not one then return "nothing" end
  if one.what == "fault" or one.what == "refuses" then return one.what .. " " .. one.data end
  if one.what == "close" then
    return ("close %d %s"):format(one.code, one.any and "(any reason)" or bytes.show(one.data))
  end
  return one.what .. " " .. bytes.show(one.data)
end

local function same(a, b)
  return a and b and a.what == b.what and a.code == b.code and (a.any or a.data == b.data)
end

-- Adds to `wrong` where the two lists part.
local function compare(wrong, verb, expected, got)
  for i = 1, math.max(#expected, #got) do
    if not same(expected[i], got[i]) then
      wrong[#wrong + 1] = ("%s %s, and should have %s %s (no. %d)"):format(verb, describe(got[i]), verb,
        describe(expected[i]), i)
      return
    end
  end
end

-- Control frames may pass messages that wait to be sent (RFC 6455 5.5.3 asks for a Pong as soon as is practical), so
-- each kind is compared on its own. A Close stays the last of all: read_frames sees to it.
local function split(list)
  local messages, control = {}, {}
  for _, one in ipairs(list) do
    table.insert((one.what == "text" or one.what == "binary") and messages or control, one)
  end
  return messages, control
end

local function judge_request(wrong, case, request)
  for _, ask in ipairs(case.asks) do
    if (request:find(ask.pattern) ~= nil) == ask.never then
      wrong[#wrong + 1] = ("the request %s %q:\n%s"):format(ask.never and "has" or "lacks", ask.pattern, request)
    end
  end
end

-- The answer of a server: its status line and headers.
local function judge_answer(wrong, case, answer, key)
  local expected = case.answers or 101
  local status = answer:match "^HTTP/1%.1 (%d%d%d) [^\r\n]*\r\n"
  local function header(name)
    local value
    for line in answer:gmatch "\n([^\r\n]+)" do
      local key_of, text = line:match "^([^:]+):%s*(.-)%s*$"
      if key_of and key_of:lower() == name:lower() then
        if value then wrong[#wrong + 1] = name .. " is answered twice" end
        value = text
      end
    end
    return value
  end
  local function has(name, value)
    local got = header(name)
    if got ~= value then
      wrong[#wrong + 1] = ("the answer has %s: %s, and should have %s"):format(name, tostring(got), tostring(value))
    end
  end
  if tonumber(status) ~= expected then
    wrong[#wrong + 1] = ("the answer is %s, and should be %d"):format(tostring(status), expected)
  elseif expected == 101 then
    has("Upgrade", "websocket")
    has("Connection", "Upgrade")
    has("Sec-WebSocket-Accept", judge.accept(key))
    has("Sec-WebSocket-Protocol", case.chooses)
    has("Sec-WebSocket-Extensions", case.agrees)
  elseif expected == 426 then
    has("Sec-WebSocket-Version", "13") -- RFC 6455 4.4
  end
end

-- Sec-WebSocket-Accept for a key (RFC 6455 4.2.2).
function judge.accept(key)
  return sha1.base64(sha1.sum(key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
end

-- What a case should come to: told (nil where nobody hears) and sent. In the program, what does not end by itself is
-- closed with 1000 in the end.
function judge.expect(case, in_program)
  local told, sent = {}, { table.unpack(case.sends) }
  if case.refused then return { told = { { what = "fault", code = 0, data = "handshake" } }, sent = sent } end
  if (case.answers or 101) ~= 101 then return { told = {}, sent = sent } end
  told[1] = { what = "open", code = 0, data = case.chooses or "" }
  table.move(case.tells, 1, #case.tells, 2, told)
  if case.drops then
    told[#told + 1] = { what = "fault", code = 0, data = "reset" }
  elseif in_program and not case.ends then
    told[#told + 1] = { what = "close", code = 1000, data = "" }
    sent[#sent + 1] = told[#told]
  end
  return { told = told, sent = sent }
end

-- got: told (events; nil where nobody hears), sent (bytes), where there is one request (text), answer (text) and key,
-- at (the byte at which the end was told) and cuts (where another story was told). Returns nil, or what is wrong.
function judge.verdict(case, got, expected)
  local wrong = {}
  if got.request then judge_request(wrong, case, got.request) end
  if got.answer then judge_answer(wrong, case, got.answer, got.key) end
  if got.told then compare(wrong, "told", expected.told, got.told) end
  local ok, frames = pcall(read_frames, got.sent, case)
  if ok then
    local messages, control = split(expected.sent)
    local got_messages, got_control = split(frames)
    compare(wrong, "sent", messages, got_messages)
    compare(wrong, "sent", control, got_control)
  else
    wrong[#wrong + 1] = frames
  end
  if expected.at and got.at ~= expected.at and not (case.early and got.at > 0 and got.at < expected.at) then
    wrong[#wrong + 1] = ("the end is told at byte %d of the stream, and should be at %d"):format(got.at, expected.at)
  end
  for _, cut in ipairs(got.cuts or {}) do
    wrong[#wrong + 1] = ("cut at %d it is another story: %s"):format(cut.code, bytes.show(cut.data))
  end
  return wrong[1] and table.concat(wrong, "\n")
end

return judge
