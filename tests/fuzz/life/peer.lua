-- peer: the other side, which is not to be trusted. It takes what connects to its one port for what it is by its first
-- byte (TLS, SOCKS5, HTTP), answers, lies, cuts at any byte, stalls, resets. What the bot sends must be right always.
local uv = require "luv"
local random = require "random"
local relay = require "relay"
local support = require "support.peer"
local story = require "support.story"
local talk = require "talk"

local peer = {}

-- Ends the play of a connection from within.
local GONE <const> = {}

-- Waits until look() gives something, `seconds` at most, or the bot's side has ended: then the play is over.
local function wait(s, what, seconds, look)
  local timer, late = uv.new_timer(), false
  timer:start(math.ceil(seconds * 1000), 0, function() late = true end)
  local found = story.wait(what, function()
    return look() or s.ended and GONE or late and "late"
  end)
  timer:close()
  if found == GONE then error(GONE, 0) end
  return found ~= "late" and found or nil
end

-- Ends the connection in some way.
local function leave(s, r)
  local how = r:weighed { { 4, "close" }, { 4, "reset" }, { 2, "half_close" }, { 1, "stall" } }
  if how == "half_close" then
    s:half_close()
    wait(s, "the bot's end", 1, function() return false end)
    how = r:one { "close", "reset" }
  end
  if how == "stall" then wait(s, "the bot's end", 1000, function() return false end) end
  s[how](s)
  error(GONE, 0)
end

-- Sends bytes whole or in pieces, and at times not all of them.
local function say(s, r, bytes)
  local stop = r:chance(3) and r:number(0, #bytes) or #bytes
  local at, most = 1, r:weighed { { 6, #bytes + 1 }, { 2, 200 }, { 1, 3 } }
  while at <= stop do
    if s.ended then error(GONE, 0) end
    local to = math.min(stop, at + r:number(1, most) - 1, at + #bytes)
    if most == 3 and at > 60 then to = stop end
    s:send(bytes:sub(at, to))
    at = to + 1
    if most <= #bytes and r:chance(20) then story.pause(r:seconds(0.01)) end
  end
  if stop < #bytes then leave(s, r) end
end

---------------------------------------------------------------------------------------------------- heads

local function head(s, r, line, ...)
  say(s, r, table.concat({ "HTTP/1.1 " .. line, ... }, "\r\n") .. "\r\n\r\n")
end

-- Answers that are not 101, or only look like it.
local lies = {
  function(s, r) head(s, r, "403 No", "Content-Length: 3", "", "no!") end,
  function(s, r) head(s, r, "503 Later", "Retry-After: " .. r:one { "0", "1", "x", "-5", "99999999999999999999" }) end,
  function(s, r) head(s, r, "200 OK", "Transfer-Encoding: chunked", "", r:bytes(r:number(0, 3000))) end,
  function(s, r) head(s, r, r:one { "301", "302", "307" } .. " There", "Location: " .. r:one { "/", "/again", "//", "",
    "http://127.0.0.1:1/", "wss://" .. s.address, "ws://" .. s.address .. "/x", "\xff\0", ("l"):rep(40000) }) end,
  function(s, r) say(s, r, s:answer { without = { r:one { "Upgrade", "Connection", "Sec-WebSocket-Accept" } } }) end,
  function(s, r) say(s, r, s:answer { without = { "Sec-WebSocket-Accept" },
    with = { "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=" } }) end,
  function(s, r) say(s, r, s:answer { with = { "Sec-WebSocket-Extensions: " .. r:one { "x", "permessage-deflate; a=b",
    "permessage-deflate; server_max_window_bits=99", "permessage-deflate, permessage-deflate", ",;=" } } }) end,
  function(s, r) say(s, r, s:answer { with = { "Sec-WebSocket-Protocol: never" } }) end,
  function(s, r) say(s, r, s:answer { status = r:one { "HTTP/1.0 101 Old", "HTTP/1.1 101", "ICY 200", "" } }) end,
  function(s, r) say(s, r, s:answer { with = { "Set-Cookie: a=b; Path=/",
    "X: " .. ("h"):rep(r:one { 100, 40000 }) } }) end,
  function(s, r) say(s, r, ("HTTP/1.1 101 S\r\n" .. ("N: v\r\n"):rep(r:number(1, 500)))) end,
  function(s, r) say(s, r, r:bytes(r:number(1, 300)) .. "\r\n\r\n") end,
  function(s, r) for _ = 1, r:number(1, 5) do head(s, r, "100 Continue") end head(s, r, "101 Switching Protocols") end,
}

-- The opening handshake. Returns whether messages may be compressed, once it is done.
local function open(s, r)
  s:read_head()
  if r:chance(3) then leave(s, r) end
  if r:chance(12) then
    r:one(lies)(s, r)
    if r:chance(50) then leave(s, r) end
    wait(s, "the bot's end", 1000, function() return false end)
  end
  local with = {}
  local offer = s.request.headers["sec-websocket-extensions"]
  local is_compressed = offer ~= nil and r:chance(70)
  if is_compressed then with[1] = "Sec-WebSocket-Extensions: permessage-deflate" end
  local behind = r:chance(10) and talk.bytes(r, is_compressed) or ""
  say(s, r, s:answer { with = with, behind = behind })
  return is_compressed, behind ~= ""
end

---------------------------------------------------------------------------------------------------- proxies

local function socks(s, r)
  local function has_greeted() return #s.input >= 2 and #s.input >= 2 + s.input:byte(2) end
  if not wait(s, "a greeting", 5, has_greeted) then return end
  s.input = s.input:sub(3 + s.input:byte(2))
  say(s, r, r:weighed { { 8, "\5\0" }, { 1, "\5\xff" }, { 1, "\5\2" }, { 1, r:bytes(9) } })
  wait(s, "a request", 5, function() return #s.input >= 10 end)
  local size = s.input:byte(4) == 3 and 7 + s.input:byte(5) or s.input:byte(4) == 4 and 22 or 10
  wait(s, "a request", 5, function() return #s.input >= size end)
  s.input = s.input:sub(size + 1)
  say(s, r, r:weighed { { 8, "\5\0\0\1\0\0\0\0\0\0" }, { 1, "\5\0\0\3\4name\0\0" }, { 1, "\5\5\0\1\0\0\0\0\0\0" },
    { 1, r:bytes(30) } })
end

local function tunnel(s, r)
  s:read_head()
  local line = r:weighed { { 8, "200 OK" }, { 1, "407 Who" }, { 1, "502 Bad" }, { 1, r:bytes(40) } }
  head(s, r, line, "X-Proxy: yes")
end

---------------------------------------------------------------------------------------------------- the play

local function play(s, r, place)
  if r:chance(3) then leave(s, r) end
  for _ = 1, 3 do
    wait(s, "the first bytes", 1000, function() return #s.input > 0 end)
    local first = s.input:byte()
    if first == 0x16 then
      if r:chance(5) then say(s, r, "\x15\3\3\0\2\2" .. string.char(r:one { 40, 42, 70, 80, 112 })) end
      return relay.play(s, r, place.tls_port)
    elseif first == 5 then
      socks(s, r)
    elseif first == ("C"):byte() then
      tunnel(s, r)
    else
      break
    end
  end
  local is_compressed, is_tainted = open(s, r)
  talk.run { session = s, r = r, compressed = is_compressed, echoes = not is_tainted, say = say, wait = wait,
    leave = leave }
end

-- Listens for a round. place: seed, tls_port. Returns its address; what the bot does wrong goes to wrong(text).
function peer.start(place, wrong)
  local listener = support.listen()
  story.beside(function()
    local count = 0
    while true do
      local s = listener:accept()
      s.address = listener.address
      count = count + 1
      local r = random.stream(place.seed, "peer " .. count)
      story.beside(function()
        local ok, why = pcall(play, s, r, place)
        if not ok and type(why) == "table" and why.wrong then wrong(why.wrong) end
        if not s.stream:is_closing() then s:close() end
      end)
    end
  end)
  return listener.address
end

return peer
