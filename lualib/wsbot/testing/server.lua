-- wsbot.testing.server: the scripted peer: a WebSocket server on loopback whose side a test plays, in a straight line
-- or by callbacks.
local json = require "wsbot.json"
local blame = require "wsbot.testing.blame"
local core = require "wsbot.testing.core"
local difference = require "wsbot.testing.difference"
local instrument = require "wsbot.testing.instrument"
local number = require "wsbot.number"
local check = require "wsbot.testing.options"

local EXPECT <const> = 5 -- seconds to wait for what the bot sends, where no timeout is given

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

----------------------------------------------------------------------------------------------------- bytes, cut as told

-- Cuts a text behind these offsets, or, with a number, into pieces of that size.
local function cut(text, places, what)
  local pieces, from = {}, 1
  if type(places) == "number" then
    if places < 1 then blame.raise(what .. ": pieces have 1 byte or more") end
    for at = 1, math.max(#text, 1), places do pieces[#pieces + 1] = text:sub(at, at + places - 1) end
    return pieces
  end
  for _, place in ipairs(places or {}) do
    if place < from - 1 then blame.raise(what .. ": places are offsets in order") end
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

--------------------------------------------------------------------------------------------------------------- sessions

local session = {}

-- Methods that only call those of the C side.
function session:receive(timeout) return self.core:receive(timeout) end
function session:ping(data) return self.core:ping(data) end
function session:close(code, reason) return self.core:close(code, reason) end
function session:stall() return self.core:stall() end
function session:resume() return self.core:resume() end
function session:drop() return self.core:drop() end
function session:half_close() return self.core:half_close() end
function session:read_slowly(bytes_per_second) return self.core:read_slowly(bytes_per_second) end

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

-- Sends a message; `how` may say in which fragments and cuts.
function session:send(data, kind, how)
  if type(kind) == "table" then kind, how = nil, kind end
  if not how then return self.core:send(data, kind) end
  for name in pairs(how) do
    if name ~= "fragments" and name ~= "cuts" then blame.raise(("session:send: unknown option '%s'"):format(name)) end
  end
  return self:send_raw(fragments(data, kind, how.fragments), how.cuts)
end

blame.callers(session, "receive", "ping", "close", "stall", "resume", "drop", "half_close", "read_slowly", "send_raw",
  "send")

local function why_none(kind, timeout, code, reason)
  if kind == "timeout" then return number.plainly(string.format, "nothing came for %g s", timeout) end
  if code == 1006 then return "the connection ended without a Close" end
  return ("the bot closed with %d %s"):format(code, reason)
end

local function decode(text)
  local ok, value = pcall(json.decode, text)
  if not ok then blame.raise("a message that is JSON was expected, and not " .. difference.quote(text)) end
  return value
end

-- Waits for the next message, which must be this text, or JSON of this table, or one that the function accepts (by any
-- result but false, or by assertions of its own).
function session:expect(expected, timeout)
  local callable = expected ~= nil and core.callable(expected)
  if not callable and type(expected) ~= "string" and type(expected) ~= "table" then
    blame.raise("session:expect: a text, a table or a function is needed, and not " .. type(expected))
  end
  timeout = timeout or EXPECT
  local data, kind, code, reason = self:receive(timeout)
  if not data then
    blame.raise(("expected %s, but %s"):format(type(expected) == "string" and difference.quote(expected) or "a message",
      why_none(kind, timeout, code, reason)))
  end
  if callable then
    if expected(data, kind) == false then blame.raise("this is not what was expected: " .. difference.quote(data)) end
  elseif type(expected) == "table" then
    local differs = difference.of_tables(expected, decode(data))
    if differs then blame.raise(("%s\nin %s"):format(differs, difference.quote(data))) end
  elseif data ~= expected then
    blame.raise(difference.of_texts(expected, data))
  end
  return data, kind
end

-- Waits until the bot closes, with this code where one is given; a message before that is an error.
function session:expect_close(code, timeout)
  timeout = timeout or EXPECT
  local data, kind, got, reason = self:receive(timeout)
  local expected = "expected a Close" .. (code and " with " .. code or "")
  if data then blame.raise(("%s, but a message came: %s"):format(expected, difference.quote(data))) end
  if kind == "timeout" or code and got ~= code then
    blame.raise(("%s, but %s"):format(expected, why_none(kind, timeout, got, reason)))
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

---------------------------------------------------------------------------------------------------------------- servers

local server = { __name = "wsbot.testing.server" }
server.__index = server

-- The next connection whose opening handshake is done, or was refused; or nil and "timeout" or "closed".
function server:try_accept(timeout)
  local core_session, why = self.core:accept(timeout)
  if not core_session then return nil, why end
  return setmetatable({ core = core_session, request = read_request(core_session:head()) }, session_meta)
end

blame.callers(server, "try_accept")

-- The same; raises an error where none comes.
function server:accept(timeout)
  local one, why = self:try_accept(timeout)
  if one then return one end
  blame.raise(why == "closed" and "no connection comes: the server is closed"
    or number.plainly(string.format, "no connection came within %g s", timeout))
end

function server:close()
  if not instrument.remove(self) then return end
  self.closed = true
  self.core:close()
  for task in pairs(self.tasks) do
    if not pcall(task.cancel, task) then host.spawn(task.cancel, task) end -- it is the task that calls this
  end
end
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
    local one = self:try_accept()
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

local of_refusal = { status = "number", reason = "string", headers = "table", body = "string" }

-- A whole HTTP response that refuses the handshake.
local function refusal(what, refuse)
  if type(refuse) ~= "table" then return refuse end
  check(what .. ": refuse", refuse, of_refusal)
  local status, body = refuse.status or 403, refuse.body or ""
  return ("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(status,
    refuse.reason or reasons[status] or "Refused", lines_of(refuse.headers), #body, body)
end

local known = { tls = "boolean|string", protocols = "table", compression = "boolean", headers = "table",
  refuse = "table|string", silent = "boolean", answer = "function", on_session = "function", on_message = "function",
  on_close = "function" }

local function answer_of(what, options)
  check(what, options, known)
  return {
    protocols = options.protocols, compression = options.compression, headers = lines_of(options.headers),
    refusal = refusal(what, options.refuse), silent = options.silent,
  }
end

-- From now on connections are answered like this: protocols, compression, headers, refuse, silent.
function server:answer(options)
  self.core:answer(answer_of("server:answer", options))
end

-- Runs fn beside the test, for as long as the server is there. Returns the task.
server.beside = beside

-- A WebSocket server on a free port of loopback, whose side a test plays.
local function open(options)
  options = options == nil and {} or options
  local what = answer_of("testing.server", options)
  local self = setmetatable({ callbacks = options, tasks = {} }, server)
  if options.answer then
    local function choose(head)
      local answer = options.answer(read_request(head)) or options
      local chosen = answer_of("the answer function of testing.server", answer)
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

blame.callers(server, "answer", "close")
server.__close = server.close

return blame.caller(open)
