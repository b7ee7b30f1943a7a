-- program: plays the cases to the whole program over loopback: those of a client to a bot, those of a server to
-- `wsbot echo`. Each is played whole, in random cuts and, where it is short, byte by byte.
local uv = require "luv"
local frame = require "support.frame"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local events = require "conformance.events"
local judge = require "conformance.judge"
local opening = require "conformance.opening"

local runner = {}

local LIMIT = 20000 -- milliseconds for one playing: only what is wrong takes so long
local SHORT <const> = 300 -- bytes that are sent one by one, too

-- Waits as story.wait does, but not for ever.
local function wait(what, look)
  local timer, late = uv.new_timer(), false
  timer:start(LIMIT, 0, function()
    late = true
  end)
  local a = story.wait(what, function()
    return look() or (late and "late")
  end)
  timer:close()
  if a == "late" then error("waited in vain for " .. what, 0) end
  return a
end

---------------------------------------------------------------------------------------------------------- the bytes

-- The pieces that `text` is sent in; the first `from` bytes stay together.
local cutters = {}

function cutters.whole(text)
  return { text }
end

function cutters.cut(text, from)
  local pieces, at = { text:sub(1, from) }, from + 1
  local most = math.max(8, (#text - from) // 12)
  while at <= #text do
    local n = math.random(1, math.random() < 0.3 and 3 or most)
    pieces[#pieces + 1] = text:sub(at, at + n - 1)
    at = at + n
  end
  return pieces
end

function cutters.bytes(text, from)
  local pieces = { text:sub(1, from) }
  for i = from + 1, #text do
    pieces[#pieces + 1] = text:sub(i, i)
  end
  return pieces
end

-- Sends pieces, each when the system has taken the one before. A peer that has gone takes no more.
local function send(s, pieces)
  for i, piece in ipairs(pieces) do
    local written
    s.transport.write(piece, function(err)
      written = err or "written"
    end)
    if wait("bytes to be taken", function() return written end) ~= "written" then return end
    if i % 8 == 0 then story.pause(0.001) end -- so that they are not all read at once
  end
end

-- Waits until `n` frames came, or a Close, or the end. s.frames and s.at remember how far it looked.
local function wait_for_frames(s, n)
  s.frames, s.at = s.frames or 0, s.at or 1
  wait(n .. " frames from the program", function()
    while not s.closed do
      local first, second = s.input:byte(s.at, s.at + 1)
      if not second then break end
      local length, size = second & 0x7F, 2
      if length == 126 then
        length, size = #s.input >= s.at + 3 and (">I2"):unpack(s.input, s.at + 2) or 1 << 62, 4
      elseif length == 127 then
        length, size = #s.input >= s.at + 9 and (">I8"):unpack(s.input, s.at + 2) or 1 << 62, 10
      end
      if second & 0x80 ~= 0 then size = size + 4 end
      s.wanted = s.at - 1 + size + length
      if #s.input < s.wanted then break end
      s.at, s.frames, s.closed = s.at + size + length, s.frames + 1, first & 15 == frame.CLOSE
    end
    return s.closed or s.frames >= n or s.ended
  end)
end

-- The conversation behind the heads: what is received is sent, in pieces, and what is said to it is awaited.
local function converse(case, s, text, from, how)
  local stream = text .. case.receives
  local said = 0
  for _, one in ipairs(case.says) do
    if one.what ~= "refuses" then said = said + 1 end
  end
  for _, one in ipairs(case.tells) do
    if one.what == "refuses" then said = said - 1 end
  end
  if #case.says > 0 then -- the script speaks first
    send(s, { text })
    wait_for_frames(s, said)
    stream, from = case.receives, 0
  end
  -- byte by byte what follows an end comes when that was told, else at once
  local late = how == "bytes" and case.ends
  send(s, cutters[how](late and stream or stream .. case.after, from))
  if case.drops then s:half_close() end
  wait_for_frames(s, case.ends and math.maxinteger or #case.sends)
  if late then send(s, { case.after }) end
  if not (case.ends or case.drops) then
    send(s, { frame.write { opcode = frame.CLOSE, payload = frame.close_payload(1000),
      mask = case.role == "server" and "\1\2\3\4" or nil } })
    wait_for_frames(s, math.maxinteger)
  end
end

---------------------------------------------------------------------------------------------------------- the client

-- Plays one connection after the other, and prints events as events.lua reads them.
local bot = [[
io.stdout:setvbuf("full", 1 << 16)
local plays, played = dofile(arg[2]), 0
local said = io.open(arg[3], "rb"):read "a"
local function tell(what, code, data)
  io.stdout:write(("%s %d %d\n"):format(what, code, #data), data, "\n")
  io.stdout:flush()
end
local function play()
  played = played + 1
  local p = plays[played]
  if not p then return end
  ws.connect {
    url = arg[1] .. p.url, max_message_size = p.limit, protocols = p.protocols, compression = p.compression,
    max_send_buffer = 1 << 27, max_receive_buffer = 1 << 27, connect_timeout = 60, handshake_timeout = 60,
    close_timeout = 60,
    on_websocket_connect = function(c)
      tell("open", 0, c.protocol or "")
      for _, s in ipairs(p.says) do
        local ok, sent
        local data = said:sub(s.first, s.last)
        if s.what == "close" then
          ok, sent = pcall(c.close, c, s.code, data), true
        elseif s.what == "ping" then
          ok, sent = pcall(c.ping, c, data)
        else
          ok, sent = pcall(c.send, c, data, s.what)
        end
        if not (ok and sent) then tell("refuses", 0, s.what) end
      end
    end,
    on_message = function(c, data, kind)
      if p.echoes then c:send(data, kind) end -- before it tells, which waits where that is not read yet
      tell(kind, 0, data)
    end,
    on_ping = function(_, data) tell("ping", 0, data) end,
    on_pong = function(_, data) tell("pong", 0, data) end,
    on_error = function(_, word) tell("fault", 0, word) end,
    on_close = function(_, code, reason) tell("close", code, reason) play() end,
  }
end
play()
]]

-- The options of a case, as source. What it says is added to `said`: { pieces, n = their bytes }.
local function options(case, said)
  local says, protocols, compression = {}, {}, "false"
  for _, one in ipairs(case.says) do
    says[#says + 1] = ("{ what = %q, code = %s, first = %d, last = %d }"):format(one.what,
      one.code ~= 1005 and tostring(one.code) or "nil", said.n + 1, said.n + #one.data)
    said[#said + 1], said.n = one.data, said.n + #one.data
  end
  for name in (case.protocols or ""):gmatch "[^,]+" do
    protocols[#protocols + 1] = ("%q"):format(name)
  end
  local o = case.offer
  if o then
    compression = ("{ server_no_context_takeover = %s, client_no_context_takeover = %s, server_max_window_bits = %s, "
      .. "client_max_window_bits = %s, threshold = %d }"):format(o.server_forgets, o.client_forgets, o.server_bits,
      o.client_bits, o.threshold)
  end
  return ("{ url = %q, limit = %d, echoes = %s, protocols = { %s }, compression = %s, says = { %s } },\n"):format(
    case.url, case.limit, case.echoes or false, table.concat(protocols, ", "), compression, table.concat(says, ", "))
end

-- What the bot told, as the codec would have told it: an error and the 1006 behind it are one fault.
local function as_story(told)
  local list = {}
  for i, event in ipairs(told) do
    local before = told[i - 1]
    local is_echo_of_fault = event.what == "close" and event.code == 1006 and event.data == "" and before
      and before.what == "fault"
    if not is_echo_of_fault then list[#list + 1] = event end
  end
  return list
end

local keys = {}

-- A Sec-WebSocket-Key is 16 bytes in Base64, and none is used twice (RFC 6455 4.1).
local function check_key(key)
  if not key:find "^[%w+/]+==$" or #key ~= 24 then error("not a Sec-WebSocket-Key: " .. key, 0) end
  if keys[key] then error("a Sec-WebSocket-Key is used twice", 0) end
  keys[key] = true
end

local function play_client(case, how, listener, told_of)
  local s = wait("the bot to connect", function()
    return table.remove(listener.waiting, 1)
  end)
  local told = told_of()
  local ok, message = pcall(function()
    local request = s:read_head()
    check_key(request.headers["sec-websocket-key"][1])
    local head = opening.head(case, s:accept_value())
    if case.refused then
      send(s, cutters[how](head .. case.after, 0))
      wait("the bot to give up", function() return s.ended end)
    else
      converse(case, s, head, case.is_opening and 0 or #head, how)
    end
  end)
  s:close()
  wait("the bot to tell the end", function()
    return told[#told] and told[#told].what == "close"
  end)
  if not ok then return message end
  return judge.verdict(case, { told = as_story(told), sent = s.input, request = s.request.text },
    judge.expect(case, true))
end

-- With sanitizers that takes long, and there the codec is given every cut.
local function ways(case)
  if program.is_sanitized() then return { "cut" } end
  local n = #case.receives + #case.after + (case.is_opening and #opening.head(case) or 0)
  if n <= SHORT then return { "whole", "cut", "bytes" } end
  return { "whole", "cut" }
end

local function run_clients(cases, done)
  local plays, lines, said = {}, {}, { n = 0 }
  for _, case in ipairs(cases) do
    for _, how in ipairs(ways(case)) do
      plays[#plays + 1] = { case = case, how = how }
      lines[#lines + 1] = options(case, said)
    end
  end
  if #plays == 0 then return end
  local listener, all = peer.listen(), {}
  local reader = events.reader(function(event)
    if not all[#all] or all[#all].over then all[#all + 1] = {} end
    table.insert(all[#all], event)
    all[#all].over = event.what == "close"
  end)
  local path = place.file("plays.lua", "return {\n" .. table.concat(lines) .. "}\n")
  local b = program.bot(bot, { listener.url, path, place.file("said", table.concat(said)) }, { on_out = reader })
  local count = 0
  for _, p in ipairs(plays) do
    count = count + 1
    local n = count
    if b.status then error("the bot has ended:\n" .. b.err, 0) end
    done(p.case, play_client(p.case, p.how, listener, function()
      all[n] = all[n] or {}
      return all[n]
    end), p.how)
  end
  story.wait("the bot to end", function() return b.status end)
  if b.status ~= 0 then error(("the bot ended with status %d:\n%s"):format(b.status, b.err), 0) end
end

---------------------------------------------------------------------------------------------------------- the server

-- A connection to the echo peer, as a session.
local function dial(port)
  local stream, transport = uv.new_tcp(), {}
  local connected
  stream:connect("127.0.0.1", port, function(err)
    connected = err or "connected"
  end)
  wait("the echo peer to accept", function() return connected end)
  stream:nodelay(true)
  function transport.write(data, finished)
    if stream:is_closing() then return finished "closed" end
    local request, err = stream:write(data, finished)
    if not request then finished(err) end
  end
  function transport.close()
    if not stream:is_closing() then stream:close() end
  end
  local s = peer.new_session(transport)
  stream:read_start(function(err, data)
    if data then transport.on_data(data) else transport.on_end(err or "eof") end
  end)
  return s
end

local function play_server(case, how, port)
  local s = dial(port)
  local answer
  local ok, message = pcall(function()
    local head = opening.head(case)
    if (case.answers or 101) ~= 101 then
      send(s, cutters[how](head .. case.after, 0))
      wait("the end of the answer", function() return s.ended end)
      answer, s.input = s.input, ""
      return
    end
    send(s, { head })
    local to = wait("an answer", function()
      return s.ended or select(2, s.input:find("\r\n\r\n", 1, true))
    end)
    if s.ended then error("the connection ended without an answer: " .. s.input, 0) end
    answer, s.input = s.input:sub(1, to), s.input:sub(to + 1)
    converse(case, s, "", 0, how)
    wait("the server to end the connection", function() return s.ended end) -- RFC 6455 7.1.1: it is the first to
    if s.ended ~= "eof" then error("the connection ended with " .. s.ended, 0) end
  end)
  s:close()
  if not ok then return message end
  return judge.verdict(case, { sent = s.input, answer = answer, key = opening.key }, judge.expect(case, true))
end

local function run_servers(cases, done)
  if #cases == 0 then return end
  local echo = program.run { "echo", "--port", "0" }
  local port = tonumber(echo:line():match "ws://127%.0%.0%.1:(%d+)")
  for _, case in ipairs(cases) do
    for _, how in ipairs(ways(case)) do
      done(case, play_server(case, how, port), how)
    end
  end
  echo:kill "sigterm"
  echo:wait()
end

-- Plays all cases, and calls done(case, nil or what is wrong, how) for each playing.
function runner.run(cases, done)
  local clients, servers = {}, {}
  for _, case in ipairs(cases) do
    if case.only ~= "codec" then table.insert(case.role == "client" and clients or servers, case) end
  end
  run_clients(clients, done)
  run_servers(servers, done)
end

return runner
