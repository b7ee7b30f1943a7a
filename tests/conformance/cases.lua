-- cases: reads the table of cases, tests/conformance/*.txt, in the order of their names. How it is written:
--
-- Cases are parted by empty lines; '#' begins a comment line. "section NAME" stands before the cases of a section. The
-- first line of a case is its name, which says the rule. Then come lines that begin with a word. BYTES are written as
-- bytes.lua tells. Where {x} stands in a case, "for x = 1 | 2 | 3" makes three of it; "for x y = 1 a b | 2 c" sets x to
-- the first word and y to the rest.
--
--   role client|server     whose side is played; client where it is left out. A server sends back each message.
--   only codec|program     the case is not played to the other
--   limit N                max_message_size; 16 MB where it is left out
--   echoes                 each message told from here on is sent back: tells stands for sends too
--
-- What is offered and agreed on:
--   url PATH               behind the address; / where it is left out
--   protocols A,B          what the script offers
--   compression WORDS      what the script offers: "no", or parameters as the extension has them; "threshold=N" too
--   extension [PARAMS]     the peer agrees on permessage-deflate with these parameters (a client peer asks for it)
--   first LINE             the first line of the peer's head, in place of the usual one
--   without NAME           the head lacks the usual line of that name
--   with LINE              the head has this line too; in it and in `first` \t \r \n \0 \\ and \s (a space) may stand
--   before BYTES           what comes before the head
--   head BYTES             the whole head. ACCEPT stands for the right Sec-WebSocket-Accept here and in `with`
--   asks PATTERN           the client's request has this (a Lua pattern);  asks not PATTERN
--
-- What happens. Without any of these the connection opens, and is closed with 1000 behind it all:
--   says text|binary|ping BYTES,  says close CODE BYTES      what the script sends when the connection is open
--   receives BYTES         what comes; several lines are one stream. A fault, or the end, is told at its last byte
--   early                  the fault is told at that byte or before
--   then BYTES             what comes behind that, and must mean nothing
--   drops                  the peer ends the connection there, without a Close
--   refused                the client refuses the answer
--   answers STATUS         what a server answers; 101 where it is left out
--   chooses PROTOCOL       the subprotocol in use
--   agrees [VALUE]         the Sec-WebSocket-Extensions of a server's answer; none where it is left out
--   tells text|binary|ping|pong BYTES,  tells close CODE BYTES,  tells fault KIND,  tells refuses WHAT
--   sends text|binary|ping|pong BYTES,  sends close [CODE BYTES]
--   fails KIND             the same as tells fault KIND, and sends close with the code that is due, whatever the reason
local uv = require "luv"
local bytes = require "conformance.bytes"

local cases = {}

local due = { protocol = 1002, invalid_utf8 = 1007, too_big = 1009 }
local escapes = { t = "\t", r = "\r", n = "\n", ["0"] = "\0", ["\\"] = "\\", s = " " }

local function unescape(text)
  return (text:gsub("\\(.)", escapes))
end

local function yes()
  return true
end

local directives = {}

-- Directives that set a field, and how its value is read.
for name, read in pairs {
  role = tostring, only = tostring, limit = tonumber, echoes = yes, url = tostring,
  protocols = tostring, compression = tostring, first = unescape, answers = tonumber, chooses = tostring,
  agrees = tostring, refused = yes, drops = yes, early = yes,
} do
  directives[name] = function(case, rest)
    case[name] = read(rest)
  end
end

function directives.extension(case, rest)
  case.extension = rest == "" and "permessage-deflate" or "permessage-deflate; " .. rest
end

function directives.without(case, rest)
  case.without[rest:lower()] = true
end

directives["with"] = function(case, rest)
  table.insert(case.with, unescape(rest))
end

function directives.asks(case, rest)
  local never = rest:match "^not (.*)"
  table.insert(case.asks, { pattern = never or rest, never = never ~= nil })
end

function directives.before(case, rest, read)
  case.before = case.before .. read(rest)
end

function directives.head(case, rest, read)
  case.head = (case.head or "") .. read(rest)
end

function directives.receives(case, rest, read)
  case.receives = case.receives .. read(rest)
end

directives["then"] = function(case, rest, read)
  case.after = case.after .. read(rest)
end

-- An event, or a frame: "close 1000 'bye'", "text 'x'", "fault protocol".
local function event(rest, read)
  local what, more = rest:match "^(%a+)%s*(.*)"
  if what == "fault" or what == "refuses" then return { what = what, code = 0, data = more } end
  if what == "close" then
    local code, reason = more:match "^(%d*)%s*(.*)"
    return { what = what, code = tonumber(code) or 1005, data = read(reason) }
  end
  if not (what == "text" or what == "binary" or what == "ping" or what == "pong") then
    error("there is no such event: " .. rest, 0)
  end
  return { what = what, code = 0, data = read(more) }
end

function directives.says(case, rest, read)
  table.insert(case.says, event(rest, read))
end

function directives.sends(case, rest, read)
  table.insert(case.sends, event(rest, read))
end

function directives.tells(case, rest, read)
  local one = event(rest, read)
  table.insert(case.tells, one)
  if case.echoes and (one.what == "text" or one.what == "binary") then table.insert(case.sends, one) end
  if one.what == "fault" or one.what == "close" then case.ends = true end
end

function directives.fails(case, rest, read)
  directives.tells(case, "fault " .. rest, read)
  table.insert(case.sends, { what = "close", code = assert(due[rest], rest), any = true })
end

-- The value of a parameter in `params`: a number, true where it has none, nil where it is not there.
local function parameter(params, name)
  for one in (params or ""):gmatch "[^;]+" do
    local key, value = one:match "^%s*([%w_]+)=?\"?(%d*)"
    if key == name then return tonumber(value) or true end
  end
  return nil
end

-- What is agreed on: windows, and whose context is kept.
local function agreed(case)
  local function bits(name)
    local answer = parameter(case.agrees or case.extension, name)
    local offer = parameter(case.compression, name)
    return math.min(math.tointeger(answer) or 15, math.tointeger(offer) or 15)
  end
  return {
    server_bits = bits "server_max_window_bits", client_bits = bits "client_max_window_bits",
    server_forgets = parameter(case.agrees or case.extension, "server_no_context_takeover") or false,
    client_forgets = parameter(case.agrees or case.extension, "client_no_context_takeover") or false,
  }
end

-- What the script offers, for either runner: nil where it offers nothing.
local function offer(case)
  if case.compression == "no" then return nil end
  return {
    server_forgets = parameter(case.compression, "server_no_context_takeover") or false,
    client_forgets = parameter(case.compression, "client_no_context_takeover") or false,
    server_bits = math.tointeger(parameter(case.compression, "server_max_window_bits")),
    client_bits = math.tointeger(parameter(case.compression, "client_max_window_bits")),
    threshold = parameter(case.compression, "threshold") or 64,
  }
end

-- One case from its lines, { text, number } each. squeeze(case, data, level) compresses what the peer sends.
local function build(lines, values, section, squeeze)
  local case = { section = section, role = "client", limit = 16 << 20, url = "/", before = "", receives = "",
    after = "", without = {}, with = {}, asks = {}, says = {}, tells = {}, sends = {} }
  local function fill(text)
    return (text:gsub("{(%w+)}", values))
  end
  local function read(text)
    return bytes.read(text, function(data, level)
      return squeeze(case, data, level)
    end)
  end
  case.name = fill(lines[1].text)
  for i = 2, #lines do
    local word, rest = fill(lines[i].text):match "^(%S+)%s*(.*)"
    local ok, message = pcall(directives[word] or error, case, rest, read)
    if not ok then error(("%s: %s: %s"):format(lines[i].where, word, message), 0) end
    if word == "role" and rest == "server" then case.echoes = true end
    if word == "extension" or word == "compression" or word == "agrees" then case.agreed = agreed(case) end
  end
  case.offer = offer(case)
  -- cases that are about the handshake itself are cut within it too
  case.is_opening = case.head or case.first or #case.with > 0 or next(case.without) or case.before ~= ""
  return case
end

-- Takes "for x y = 1 a | 2 b" lines out of `lines`, and calls add(values) for each combination.
local function each(lines, add)
  local loops = {}
  for i = #lines, 2, -1 do
    local names, values = lines[i].text:match "^for ([%w ]-)%s*=%s*(.*)"
    if names then
      table.insert(loops, 1, { names = names, values = values })
      table.remove(lines, i)
    end
  end
  local function set(n, values)
    if n > #loops then return add(values) end
    local names = {}
    for name in loops[n].names:gmatch "%w+" do
      names[#names + 1] = name
    end
    for one in (loops[n].values .. "|"):gmatch "%s*(.-)%s*|" do
      local rest = one
      for i = 1, #names - 1 do
        values[names[i]], rest = rest:match "^(%S+)%s*(.*)"
      end
      values[names[#names]] = rest
      set(n + 1, values)
    end
  end
  set(1, {})
end

local function read_file(path, state, squeeze, list)
  local lines, number = {}, 0
  local function finish()
    if #lines == 0 then return end
    local block = lines
    lines = {}
    each(block, function(values)
      list[#list + 1] = build(block, values, state.section, squeeze)
    end)
  end
  for line in io.lines(path) do
    number = number + 1
    local text = line:match "^%s*(.-)%s*$"
    local section = #lines == 0 and text:match "^section (.*)"
    if section then
      state.section = section
    elseif text == "" then
      finish()
    elseif text:sub(1, 1) ~= "#" then
      lines[#lines + 1] = { text = text, where = ("%s:%d"):format(path, number) }
    end
  end
  finish()
end

-- All cases of a folder, or those whose section or name has `wanted` in it.
function cases.read(folder, squeeze, wanted)
  local names, list = {}, {}
  local entries = assert(uv.fs_scandir(folder))
  for name in uv.fs_scandir_next, entries do
    if name:find "%.txt$" then names[#names + 1] = name end
  end
  table.sort(names)
  local state = { section = "" }
  for _, name in ipairs(names) do
    read_file(folder .. "/" .. name, state, squeeze, list)
  end
  if not wanted then return list end
  local some = {}
  for _, case in ipairs(list) do
    if (case.section .. ": " .. case.name):find(wanted, 1, true) then some[#some + 1] = case end
  end
  return some
end

return cases
