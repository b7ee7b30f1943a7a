-- wsbot.testing.replay: plays the server's side of recorded connections (`wsbot run --record FILE`) to a bot, which
-- must send what was sent in the record.
local json = require "wsbot.json"
local blame = require "wsbot.testing.blame"
local check = require "wsbot.testing.options"
local core = require "wsbot.testing.core"
local difference = require "wsbot.testing.difference"
local instrument = require "wsbot.testing.instrument"
local plainly = require("wsbot.number").plainly
local server = require "wsbot.testing.server"

local EXPECT <const> = 5 -- seconds that a message of the bot may come later than in the record

------------------------------------------------------------------------------------------------------------- the record

-- What an event must have beside its time and its connection.
local needed = {
  request = { target = "string" },
  response = { status = "number", headers = "table" },
  text = { data = "string" }, binary = { data = "string" }, ping = { data = "string" },
  close = { code = "number", reason = "string" },
}

local function is_event(event)
  if type(event.time) ~= "number" or type(event.connection) ~= "number" then return false end
  local said = event.event == "sent" or event.event == "received"
  for name, wanted in pairs(needed[said and event.kind or event.event] or {}) do
    if type(event[name]) ~= wanted then return false end
  end
  return not said or needed[event.kind] ~= nil or event.kind == "pong"
end

local function decode_lines(path)
  local file, why = io.open(path, "r")
  if not file then blame.raise("testing.replay: " .. why) end
  local events, n, head = {}, 0, nil
  local function wrong(text) blame.raise(("testing.replay: %s:%d: %s"):format(path, n, text)) end
  for line in file:lines "L" do
    n = n + 1
    if line:find "^%s*$" then goto continue end
    local ok, event = pcall(json.decode, line)
    if not ok and n > 1 and line:sub(-1) ~= "\n" then break end -- the program was ended while it wrote this
    if not ok or type(event) ~= "table" then wrong "this is not JSON" end
    event.line = n
    if not head and event.record ~= 1 then blame.raise(("testing.replay: %s is no record of wsbot"):format(path)) end
    if event.base64 then event.data = core.unbase64(event.base64) end
    if head and not is_event(event) then wrong "this is no event" end
    if head then events[#events + 1] = event end
    head = head or event
    ::continue::
  end
  if not head then blame.raise(("testing.replay: %s is empty"):format(path)) end
  return events
end

-- The attempts that reached the server, in order: { request =, response =, steps =, ending =, target = }.
local function read_attempts(path)
  local attempts, now = {}, {}
  for _, event in ipairs(decode_lines(path)) do
    local id, kind = event.connection, event.event
    local attempt = id and now[id]
    if kind == "connect" then
      now[id] = nil
    elseif kind == "request" then
      now[id] = { request = event, target = event.target, steps = {} }
      table.insert(attempts, now[id])
    elseif attempt and kind == "response" then
      attempt.response = event
    elseif attempt and kind == "end" then
      attempt.ending = event
      now[id] = nil
    elseif attempt then
      table.insert(attempt.steps, event)
    end
  end
  return attempts
end

local LEFT_OUT = "(left out)"

-- Has the request the target of the recorded one? Values in the query are not compared, and what was left out of the
-- record may be anything.
local function is_same_target(recorded, got)
  local function shape(target) return (target:gsub("=[^&]*", "=")) end
  local pattern = shape(recorded):gsub("%p", "%%%0"):gsub("%%%(left out%%%)", "[^/?&=]*")
  return shape(got):find("^" .. pattern .. "$") ~= nil
end

-- May the header be sent as the record has it? Not where a part of it was left out, nor where it would redirect out of
-- the test.
local function is_whole(key, value)
  return not value:find(LEFT_OUT, 1, true) and not (key == "location" and value:find("//", 1, true))
end

------------------------------------------------------------------------------------------------------ the server's side

-- Headers of a response that the handshake writes by itself: they are not taken from the record.
local owned = { upgrade = true, connection = true, ["sec-websocket-accept"] = true, ["content-length"] = true,
  ["sec-websocket-protocol"] = true, ["sec-websocket-extensions"] = true, ["transfer-encoding"] = true }

-- Returns how the request of an attempt is to be answered.
local function answer(attempt)
  local response = attempt.response
  if not response and attempt.ending and attempt.ending.error == "reset" then return { refuse = "" } end -- it hung up
  if not response then return { silent = true } end
  local headers, protocol, compression = {}, nil, false
  for _, header in ipairs(response.headers) do
    local name, value = header[1], header[2]
    local key = name:lower()
    if key == "sec-websocket-protocol" then protocol = value end
    if key == "sec-websocket-extensions" then compression = value:find "permessage%-deflate" ~= nil end
    if not owned[key] and is_whole(key, value) then
      headers[name] = headers[name] or {}
      table.insert(headers[name], value)
    end
  end
  if response.status ~= 101 then
    return { refuse = { status = response.status, reason = response.reason, headers = headers,
      body = response.body } }
  end
  local protocols = protocol ~= LEFT_OUT and { protocol } or nil -- nil: the first that is offered
  return { protocols = protocols, compression = compression, headers = headers }
end

-- Is the message that of the record? JSON of the same value is.
local function same(recorded, got)
  if recorded == got then return true end
  if not recorded:find "^%s*[%[{]" then return false end
  local read, a, b
  read, a = pcall(json.decode, recorded)
  if not read then return false end
  read, b = pcall(json.decode, got)
  return read and not difference.of_tables(a, b)
end

local function differs(self, event, text)
  error(("%s, line %d: %s"):format(self.path, event.line, text), 0)
end

-- Describes what the bot sent in the record.
local function said(event)
  if event.kind == "close" then return ("a Close with %d"):format(event.code) end
  return difference.quote(event.data)
end

-- Waits until the bot sends what it sent in the record.
local function expect(self, session, event, timeout)
  if event.kind == "ping" or event.kind == "pong" then return end -- the host sends these by itself, at its own times
  self.awaited[session] = event
  local data, kind, code, reason = session:receive(timeout)
  self.awaited[session] = nil
  local what = said(event)
  if event.kind == "close" and kind == "closed" then
    if code ~= event.code then differs(self, event, ("the bot closed with %d, and not %d"):format(code, event.code)) end
  elseif not data then
    differs(self, event, ("the bot did not send %s: %s"):format(what, kind == "closed"
      and ("it closed with %d %s"):format(code, reason) or plainly(string.format, "nothing came for %g s", timeout)))
  elseif event.kind == "close" then
    differs(self, event, ("the bot sent %s, and not %s"):format(difference.quote(data), what))
  elseif kind ~= event.kind then
    differs(self, event, ("the bot sent the %s message %s, and in the record it is the %s message %s"):format(kind,
      difference.quote(data), event.kind, what))
  elseif not (self.compare or same)(event.data, data) then
    differs(self, event, "the bot's answer is another one\n" .. difference.of_texts(event.data, data))
  end
end

-- Sends what the server sent in the record.
local function say(session, event)
  if event.kind == "text" or event.kind == "binary" then
    session:send(event.data, event.kind)
  elseif event.kind == "ping" then
    session:ping(event.data)
  elseif event.kind == "close" and event.code == 1005 then
    session:send_raw "\x88\0"
  elseif event.kind == "close" then
    session:close(event.code, event.reason)
  end
end

local function play(self, session, attempt)
  local from, began, last, closing = attempt.request.time, host.now(), attempt.request.time, false
  local function await(event)
    local due = self.speed and began + (event.time - from) / self.speed or 0
    if due > host.now() then host.sleep(due - host.now()) end
  end
  for _, event in ipairs(attempt.steps) do
    if closing then break end
    if event.event == "sent" then
      expect(self, session, event, (event.time - last) / (self.speed or 1) + EXPECT)
    else
      await(event)
      say(session, event)
    end
    closing = event.kind == "close"
    last = event.time
  end
  local ending = attempt.ending
  if ending and not closing and ending.error == "ping_timeout" then
    session:stall()
  elseif ending and not closing and attempt.response and attempt.response.status == 101 then
    await(ending)
    session:drop()
  end
end

---------------------------------------------------------------------------------------------------------------- replays

local replay = { __name = "wsbot.testing.replay" }
replay.__index = replay

local MOST <const> = 5 -- most events that are listed of those that were not played

-- Describes what of the record was not played yet.
local function left(self)
  local list = {}
  for _, event in pairs(self.awaited) do
    list[#list + 1] = ("%s, which the bot is to send (line %d)"):format(said(event), event.line)
  end
  for _, attempt in ipairs(self.attempts) do
    list[#list + 1] = ("a connection to %s (line %d)"):format(attempt.target, attempt.request.line)
  end
  if #list == 0 then return "nothing is left in it" end
  local more = #list > MOST and (", and %d more"):format(#list - MOST) or ""
  return "left in it is " .. table.concat(list, ", ", 1, math.min(#list, MOST)) .. more
end

-- Finds the attempt of the record that fits a request, and takes it out.
local function take(self, request)
  for i, attempt in ipairs(self.attempts) do
    if is_same_target(attempt.target, request.target) then return table.remove(self.attempts, i) end
  end
  self.failure = self.failure or ("%s: the bot connects to %s, which is not in the record (any more); %s"):format(
    self.path, request.target, left(self))
end

local function fail(self, why)
  self.failure = self.failure or why
end

-- Plays to all connections that come, to each in a task of its own.
local function play_all(self)
  while true do
    local session = self.server:try_accept()
    if not session then break end
    local attempt = self.taken[session.request.text]
    self.taken[session.request.text] = nil
    if attempt then
      self.playing = self.playing + 1
      self.server:beside(function()
        local ok, why = pcall(play, self, session, attempt)
        if not ok then
          fail(self, why)
          session:drop()
        end
        self.playing = self.playing - 1
      end)
    end
  end
end

-- Waits a turn of the loop; a clock that is stopped goes to what is due next, where the times of the record are kept.
local function go_on(self, turns)
  if not (self.speed and core.frozen()) then return core.turn("peer:finish", turns) end
  core.settle()
  local due = core.due()
  if due then core.move(due) end
end

-- Waits until all of the record was played. Raises an error where the bot differs.
function replay:finish()
  local turns = 0
  while not self.failure and (self.playing > 0 or #self.attempts > 0 or next(self.taken)) do
    turns = turns + 1
    local ok, why = pcall(go_on, self, turns)
    if not ok then
      blame.raise(("%s: not all of the record was played; %s\n%s"):format(self.path, left(self), why))
    end
  end
  local failure = self.failure
  self.failure = nil
  if failure then blame.raise(failure) end
end

-- Ends the replay. Where the bot differs and finish has not raised that, the test fails.
function replay:close()
  if not instrument.remove(self) then return end
  self:blame()
  self.server:close()
end
blame.callers(replay, "close")
replay.__close = replay.close

function replay:blame()
  if self.failure then core.blame(self.failure) end
  self.failure = nil
end

-- The path and query of the first connection of the record, with "left-out" where a part was left out.
local function first_target(attempts)
  local target = (attempts[1] and attempts[1].target or "/"):gsub("%(left out%)", "left-out")
  return target:find "^/[^%s#]*$" and target or "/"
end

local known = { speed = "number", compare = "function", tls = "boolean|string" }

-- Returns a server that plays the record. speed: 1: as fast as in the record, 10: ten times as fast; without it as fast
-- as the bot sends. compare(recorded, got): is this message of the bot right?
return blame.caller(function(path, options)
  options = options == nil and {} or options
  check("testing.replay", options, known)
  if type(path) ~= "string" then
    blame.raise("testing.replay: the path of a record is needed, and not " .. type(path))
  end
  if options.speed and options.speed <= 0 then blame.raise "testing.replay: speed is more than 0" end
  local self = setmetatable({ path = path, attempts = read_attempts(path), taken = {}, playing = 0, awaited = {},
    speed = options.speed, compare = options.compare }, replay)
  self.server = server {
    tls = options.tls,
    answer = function(request)
      local attempt = take(self, request)
      if not attempt then return { refuse = { status = 404, body = "not in the record" } } end
      self.taken[request.text] = attempt -- requests differ, as each has its own key
      return answer(attempt)
    end,
  }
  self.origin, self.ca_file = self.server.url, self.server.ca_file
  self.url = self.origin .. first_target(self.attempts)
  self.server:beside(play_all, self)
  instrument.add(self)
  return self
end)
