-- relay: TLS, spoken by a server of wsbot.testing. What passes between it and the bot is cut at any byte, late, changed
-- or lost on the way.
local uv = require "luv"
local random = require "random"
local support = require "support.peer"
local story = require "support.story"
local testing = require "wsbot.testing"

local relay = {}

---------------------------------------------------------------------------------------------------- the server

local function act(s, r)
  local what = r:weighed { { 20, "nothing" }, { 3, "send" }, { 2, "ping" }, { 2, "stall" }, { 1, "slow" },
    { 1, "close" }, { 1, "half_close" }, { 1, "drop" }, { 1, "raw" } }
  if what == "send" then
    if not s:send(("s"):rep(r:one { 0, 1, 1000, 70000 })) then s:drop() end
  elseif what == "ping" then
    s:ping "from the server"
  elseif what == "stall" then
    s:stall()
    host.sleep(r:seconds(0.2))
    s:resume()
  elseif what == "slow" then
    s:read_slowly(r:one { 100, 100000 })
  elseif what == "close" then
    s:close(r:one { 1000, 1001, 4000 })
  elseif what == "raw" then
    s:send_raw(r:bytes(r:number(1, 100)))
  elseif what ~= "nothing" then
    s[what](s)
  end
end

-- The server of a round. Its sessions send back what comes.
function relay.server(seed, kind)
  local sessions, requests, streams = 0, 0, setmetatable({}, { __mode = "k" })
  return testing.server {
    tls = kind,
    answer = function()
      requests = requests + 1
      local r = random.stream(seed, "tls request " .. requests)
      local refusal = { status = r:one { 302, 401, 503 }, headers = { Location = "/elsewhere" } }
      return { compression = r:chance(50), silent = r:chance(3), refuse = r:chance(10) and refusal or nil }
    end,
    on_session = function(s)
      sessions = sessions + 1
      streams[s] = random.stream(seed, "tls session " .. sessions)
      act(s, streams[s])
    end,
    on_message = function(s, data, kind_of_message)
      if not s:send(data, kind_of_message) then return s:drop() end -- what is left out is not to be missed
      act(s, streams[s])
    end,
  }
end

---------------------------------------------------------------------------------------------------- the way there

local function dial(port)
  local stream, connected = uv.new_tcp(), nil
  stream:connect("127.0.0.1", port, function(err) connected = err or "connected" end)
  story.wait("the server to accept", function() return connected end)
  return support.session_of(stream)
end

-- A byte is another.
local function change(r, bytes)
  local at = r:number(1, #bytes)
  return bytes:sub(1, at - 1) .. string.char(bytes:byte(at) ~ (1 << r:number(0, 7))) .. bytes:sub(at + 1)
end

-- Carries bytes from one to the other until one of them ends.
local function carry(from, to, r)
  local cuts = r:chance(40) and r:one { 1, 5, 100, 2000 }
  while true do
    story.wait("bytes to carry", function() return #from.input > 0 or from.ended or to.ended end)
    if #from.input == 0 or to.ended then break end
    local bytes = from.input
    if cuts then bytes = bytes:sub(1, r:number(1, cuts)) end
    from.input = from.input:sub(#bytes + 1)
    if r:chance(1) then bytes = change(r, bytes) end
    to:send(bytes)
    if r:chance(3) then story.pause(r:seconds(0.1)) end
    if r:chance(1) then break end
  end
  if not to.ended and r:chance(50) then to:half_close() else to:close() end
end

-- Carries what the session says to the server, and back.
function relay.play(s, r, port)
  local server = dial(port)
  local back = random.stream(r:bits(), "back")
  local over = false
  story.beside(function()
    pcall(carry, server, s, back)
    over = true
  end)
  pcall(carry, s, server, r)
  story.wait("the way back to end", function() return over end)
  if r:chance(30) and not s.stream:is_closing() then s:reset() end
  server:close()
end

return relay
