-- wsbot.testing: what tests of bots need beside busted.
local core = require "wsbot.testing.core"

local testing = {}

local clock = {}
clock.__index = clock

-- Stops the clock of the program: from now on only clock:advance moves it, until clock:close.
---@return wsbot.testing.clock
function testing.clock()
  core.freeze()
  return setmetatable({}, clock)
end

-- Moves the clock by so many seconds. What is due on the way happens at its time and in its order, and after each step
-- the loop turns once.
---@param seconds number
function clock.advance(_, seconds)
  if math.type(seconds) == nil or seconds < 0 then error("clock:advance: seconds must be a number, 0 or more", 2) end
  local left = core.nanoseconds(seconds)
  core.turn()
  while true do
    local due = core.due()
    if not due or due > left then break end
    core.move(due)
    left = left - due
    core.turn()
  end
  core.move(left)
  core.turn()
end

-- The clock is the real one again, and goes on from where it stands.
function clock.close()
  core.thaw()
end
clock.__close = clock.close

---------------------------------------------------------------------------------------------------- the scripted peer

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

local function quote(data)
  if #data > 200 then return ("%q... (%d bytes)"):format(data:sub(1, 200), #data) end
  return ("%q"):format(data)
end

-- Says where two texts part.
local function difference(expected, got)
  local at = 1
  while at <= #expected and expected:byte(at) == got:byte(at) do at = at + 1 end
  return ("expected %s\n     got %s\n(they part at byte %d)"):format(quote(expected), quote(got), at)
end

local session = {}

-- Methods that the C side has as they are.
for _, name in ipairs { "receive", "send", "send_raw", "ping", "close", "stall", "resume", "drop" } do
  session[name] = function(self, ...)
    return self.core[name](self.core, ...)
  end
end

-- The next message is this text, or one that the function likes (by a true result, or by assertions of its own).
function session:expect(expected, timeout)
  local data, kind, code, reason = self:receive(timeout or EXPECT)
  if not data then
    local why = kind == "timeout" and ("nothing came for %g s"):format(timeout or EXPECT)
      or ("the bot closed with %d %s"):format(code, reason)
    error(("expected %s, but %s"):format(type(expected) == "string" and quote(expected) or "a message", why), 2)
  end
  if type(expected) == "function" then
    local result = expected(data, kind)
    if result == false then error("this is not what was expected: " .. quote(data), 2) end
  elseif data ~= expected then
    error(difference(expected, data), 2)
  end
  return data, kind
end

local fields = {
  state = function(self) return self.core:state() end,
  pings = function(self) return (self.core:counts()) end,
  pongs = function(self) return (select(2, self.core:counts())) end,
}

local session_meta = {
  __index = function(self, name)
    return session[name] or fields[name] and fields[name](self)
  end,
  __name = "wsbot.testing.session",
}

local server = {}
server.__index = server
server.__name = "wsbot.testing.server"

-- The next connection whose opening handshake is done, or was refused.
function server:accept(timeout)
  local core_session, why = self.core:accept(timeout)
  if not core_session then return nil, why end
  return setmetatable({ core = core_session, request = read_request(core_session:head()) }, session_meta)
end

function server:close()
  self.core:close()
end
server.__close = server.close

local reasons = { [301] = "Moved Permanently", [302] = "Found", [400] = "Bad Request", [401] = "Unauthorized",
  [403] = "Forbidden", [404] = "Not Found", [410] = "Gone", [429] = "Too Many Requests",
  [500] = "Internal Server Error", [502] = "Bad Gateway", [503] = "Service Unavailable" }

local function lines_of(headers)
  local names, lines = {}, {}
  for name in pairs(headers or {}) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local values = type(headers[name]) == "table" and headers[name] or { headers[name] }
    for _, value in ipairs(values) do
      lines[#lines + 1] = ("%s: %s\r\n"):format(name, value)
    end
  end
  return table.concat(lines)
end

local known = { protocols = true, compression = true, headers = true, refuse = true }

-- A WebSocket server on a free port of loopback, whose side a test plays.
function testing.server(options)
  options = options or {}
  for name in pairs(options) do
    if not known[name] then error(("testing.server: unknown option '%s'"):format(name), 2) end
  end
  local refuse, refusal = options.refuse, nil
  if refuse then
    local status, body = refuse.status or 403, refuse.body or ""
    refusal = ("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s"):format(status,
      refuse.reason or reasons[status] or "Refused", lines_of(refuse.headers), #body, body)
  end
  local self = { core = core.serve {
    protocols = options.protocols, compression = options.compression, headers = lines_of(options.headers),
    refusal = refusal,
  } }
  self.url = "ws://" .. self.core:address()
  return setmetatable(self, server)
end

return testing
