-- wsbot.testing.server: the scripted peer: a WebSocket server on loopback, whose side a test plays, in a straight line
-- or by callbacks.
local core = require "wsbot.testing.core"
local difference = require "wsbot.testing.difference"
local instrument = require "wsbot.testing.instrument"
local number = require "wsbot.number"

local EXPECT <const> = 5 -- seconds that an answer may take, where nothing is said

local by_any_case = {
  __index = function(headers, name)
    return type(name) == "string" and rawget(headers, name:lower()) or nil
  end,
}

-- The request of an opening handshake, cut into parts.
local function read_request(head)
  local target = head:match "^%S+ (%S+)"
  local headers = setmetatable({}, by_any_case)
  for name, value in head:gmatch "\n([^\r\n:]+):[ \t]*([^\r\n]-)[ \t]*\r?%f[\n]" do
    local key = name:lower()
    headers[key] = rawget(headers, key) and rawget(headers, key) .. ", " .. value or value
  end
  return { target = target, path = target:match "^[^?]*", query = target:match "?(.*)", headers = headers, text = head }
end

---------------------------------------------------------------------------------------------------- bytes, cut as told

-- Cuts a text behind these offsets, or, with a number, into pieces of that size.
local function cut(text, places, what)
  local pieces, from = {}, 1
  if type(places) == "number" then
    if places < 1 then error(what .. ": pieces have 1 byte or more", 3) end
    for at = 1, math.max(#text, 1), places do pieces[#pieces + 1] = text:sub(at, at + places - 1) end
    return pieces
  end
  for _, place in ipairs(places or {}) do
    if place < from - 1 then error(what .. ": places are offsets in order", 3) end
    pieces[#pieces + 1] = text:sub(from, place)
    from = place + 1
  end
  pieces[#pieces + 1] = text:sub(from)
  return pieces
end

-- A frame of a server (RFC 6455 5.2).
local function frame(last, opcode, payload)
  local first, n = (last and 0x80 or 0) | opcode, #payload
  if n < 126 then return string.pack("BB", first, n) .. payload end
  if n < 0x10000 then return string.pack(">BBI2", first, 126, n) .. payload end
  return string.pack(">BBI8", first, 127, n) .. payload
end

-- A message as frames (RFC 6455 5.4).
local function fragments(data, kind, places)
  local parts, frames = cut(data, places, "session:send: fragments"), {}
  for i, part in ipairs(parts) do
    local opcode = i > 1 and 0 or kind == "binary" and 2 or 1
    frames[i] = frame(i == #parts, opcode, part)
  end
  return table.concat(frames)
end

------------------------------------------------------------------------------------------------------------- sessions

local session = {}

-- Methods that the C side has as they are.
for _, name in ipairs { "receive", "ping", "close", "stall", "resume", "drop", "half_close", "read_slowly" } do
  session[name] = function(self, ...)
    return self.core[name](self.core, ...)
  end
end

-- Sends bytes as they are; with `cuts`, piece by piece, each of which arrives before the next is sent.
function session:send_raw(bytes, cuts)
  if not cuts then return self.core:send_raw(bytes) end
  for _, piece in ipairs(cut(bytes, cuts, "session:send_raw: cuts")) do
    local ok, why = self.core:send_raw(piece)
    if not ok then return nil, why end
    core.settle()
  end
  return true
end

-- Sends a message, in these fragments and cuts where that is told.
function session:send(data, kind, how)
  if type(kind) == "table" then kind, how = nil, kind end
  if not how then return self.core:send(data, kind) end
  for name in pairs(how) do
    if name ~= "fragments" and name ~= "cuts" then error(("session:send: unknown option '%s'"):format(name), 2) end
  end
  return self:send_raw(fragments(data, kind, how.fragments), how.cuts)
end

local function why_none(kind, timeout, code, reason)
  if kind == "timeout" then return number.plainly(string.format, "nothing came for %g s", timeout) end
  if code == 1006 then return "the connection ended without a Close" end
  return ("the bot closed with %d %s"):format(code, reason)
end

local function decode(text)
  local found, cjson = pcall(require, "cjson")
  if not found then error("session:expect: a table needs the module cjson (Debian: apt install lua-cjson)", 3) end
  local ok, value = pcall(cjson.decode, text)
  if not ok then error("a message that is JSON was expected, and not " .. difference.quote(text), 3) end
  return value
end

-- The next message is this text, or the JSON of this table, or one that the function likes (by any result but false, or
-- by assertions of its own).
function session:expect(expected, timeout)
  timeout = timeout or EXPECT
  local data, kind, code, reason = self:receive(timeout)
  if not data then
    error(("expected %s, but %s"):format(type(expected) == "string" and difference.quote(expected) or "a message",
      why_none(kind, timeout, code, reason)), 2)
  end
  if core.callable(expected) then
    if expected(data, kind) == false then error("this is not what was expected: " .. difference.quote(data), 2) end
  elseif type(expected) == "table" then
    local differs = difference.of_tables(expected, decode(data))
    if differs then error(("%s\nin %s"):format(differs, difference.quote(data)), 2) end
  elseif data ~= expected then
    error(difference.of_texts(expected, data), 2)
  end
  return data, kind
end

-- The bot closes, with this code where one is given; no message comes before.
function session:expect_close(code, timeout)
  timeout = timeout or EXPECT
  local data, kind, got, reason = self:receive(timeout)
  local expected = "expected a Close" .. (code and " with " .. code or "")
  if data then error(("%s, but a message came: %s"):format(expected, difference.quote(data)), 2) end
  if kind == "timeout" or code and got ~= code then
    error(("%s, but %s"):format(expected, why_none(kind, timeout, got, reason)), 2)
  end
  return got, reason
end

local fields = {
  state = function(self) return self.core:state() end,
  protocol = function(self) return self.core:protocol() end,
  pings = function(self) return (self.core:counts()) end,
  pongs = function(self) return (select(2, self.core:counts())) end,
  received = function(self) return self.core:record() end,
}

local session_meta = {
  __index = function(self, name)
    return session[name] or fields[name] and fields[name](self)
  end,
  __name = "wsbot.testing.session",
}

-------------------------------------------------------------------------------------------------------------- servers

local server = { __name = "wsbot.testing.server" }
server.__index = server

-- The next connection whose opening handshake is done, or was refused.
function server:accept(timeout)
  local core_session, why = self.core:accept(timeout)
  if not core_session then return nil, why end
  return setmetatable({ core = core_session, request = read_request(core_session:head()) }, session_meta)
end

function server:close()
  if not instrument.remove(self) then return end
  self.closed = true
  self.core:close()
  for task in pairs(self.tasks) do
    if not pcall(task.cancel, task) then host.spawn(task.cancel, task) end -- it is the one that closes
  end
end
server.__close = server.close

-- Runs fn beside the test, for as long as the server is there.
local function beside(self, fn, ...)
  local task
  task = host.spawn(function(...)
    fn(...)
    self.tasks[task] = nil
  end, ...)
  core.disown()
  self.tasks[task] = true
end

local function play(self, one)
  local on = self.callbacks
  if on.on_session then on.on_session(one) end
  while not self.closed and (on.on_message or on.on_close) do
    local data, kind, code, reason = one:receive()
    if not data then
      if on.on_close then on.on_close(one, code, reason) end
      break
    end
    if on.on_message then on.on_message(one, data, kind) end
  end
end

local function play_all(self)
  while true do
    local one = self:accept()
    if not one then break end
    beside(self, play, self, one)
  end
end

local reasons = { [301] = "Moved Permanently", [302] = "Found", [400] = "Bad Request", [401] = "Unauthorized",
  [403] = "Forbidden", [404] = "Not Found", [410] = "Gone", [426] = "Upgrade Required", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [502] = "Bad Gateway", [503] = "Service Unavailable" }

local function lines_of(headers)
  local names, lines = {}, {}
  for name in pairs(headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = type(headers[name]) == "table" and headers[name] or { headers[name] }
    for _, value in ipairs(values) do
      lines[#lines + 1] = ("%s: %s\r\n"):format(name, number.text(value))
    end
  end
  return table.concat(lines)
end

-- A whole answer that says no.
local function refusal(refuse)
  if type(refuse) ~= "table" then return refuse end
  local status, body = refuse.status or 403, refuse.body or ""
  return ("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(status,
    refuse.reason or reasons[status] or "Refused", lines_of(refuse.headers), #body, body)
end

local known = { tls = true, protocols = true, compression = true, headers = true, refuse = true, silent = true,
  answer = true, on_session = true, on_message = true, on_close = true }

local function check(options, what)
  for name in pairs(options) do
    if not known[name] then error(("%s: unknown option '%s'"):format(what, name), 3) end
  end
end

local function answer_of(options)
  return {
    protocols = options.protocols, compression = options.compression, headers = lines_of(options.headers),
    refusal = refusal(options.refuse), silent = options.silent,
  }
end

-- From now on connections are answered like this: protocols, compression, headers, refuse, silent.
function server:answer(options)
  check(options, "server:answer")
  self.core:answer(answer_of(options))
end

-- Runs fn beside the test, for as long as the server is there. Returns the task.
server.beside = beside

-- A WebSocket server on a free port of loopback, whose side a test plays.
return function(options)
  options = options or {}
  check(options, "testing.server")
  local self = setmetatable({ callbacks = options, tasks = {} }, server)
  local what = answer_of(options)
  if options.answer then
    local function choose(head)
      local answer = options.answer(read_request(head)) or options
      check(answer, "the answer function of testing.server")
      local chosen = answer_of(answer)
      chosen.choose = what.choose
      self.core:answer(chosen)
    end
    what.choose = function(head)
      local ok, why = pcall(choose, head)
      if not ok then core.blame(why) end
    end
  end
  what.certificate = options.tls == true and "right" or options.tls or nil
  self.core = core.serve(what)
  self.url = (options.tls and "wss://" or "ws://") .. self.core:address()
  self.ca_file = self.core:ca_file()
  instrument.add(self)
  if options.on_session or options.on_message or options.on_close then beside(self, play_all, self) end
  return self
end
