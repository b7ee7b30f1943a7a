-- peer: a scripted server. A session is one connection to it, as bytes: it answers the opening handshake as it is
-- told to, speaks frames whole, in pieces or wrong, and ends as servers do when they are well, or not. It knows
-- nothing of wsbot's own codec.
local uv = require "luv"
local frame = require "support.frame"
local place = require "support.place"
local sha1 = require "support.sha1"
local story = require "support.story"

local peer = {}

local session = {}

-- `session.input`, what came and was not taken, is put together when somebody looks at it; not before there are
-- `session.wanted` bytes of it.
function session:__index(key)
  if key ~= "input" then return session[key] end
  self.input = table.concat(self.pieces)
  self.pieces, self.have, self.wanted = {}, 0, 0
  return self.input
end

-- Wraps a connection. `transport` has write(bytes, done), close(), and what else it can: shutdown(done), reset(),
-- read(on).
local function new_session(transport)
  local self = setmetatable({ transport = transport, input = "", pieces = {}, have = 0, wanted = 0, masks = {} },
    session)
  local function forget_input()
    local input = rawget(self, "input")
    if input then table.insert(self.pieces, 1, input) end
    self.input = nil
  end
  transport.on_data = function(data)
    self.pieces[#self.pieces + 1], self.have = data, self.have + #data
    if #(rawget(self, "input") or "") + self.have >= self.wanted then forget_input() end
  end
  transport.on_end = function(how)
    forget_input()
    self.ended = self.ended or how
  end
  return self
end
peer.new_session = new_session

---------------------------------------------------------------------------------------------------------------- bytes

-- Sends bytes, and waits until the system has taken them.
function session:send(bytes)
  local written
  self.transport.write(bytes, function(err)
    written = err or "written"
  end)
  story.wait("the bot's side to take bytes", function()
    return written
  end)
  return self
end

-- Sends bytes, without waiting until they are taken.
function session:post(bytes)
  self.transport.write(bytes, function() end)
  return self
end

-- Sends bytes one by one, each in a segment of its own.
function session:send_bytewise(bytes)
  for i = 1, #bytes do
    self:send(bytes:sub(i, i))
    if i % 8 == 0 then story.pause(0.001) end -- so that they are not all read at once
  end
  return self
end

-- Sends bytes in random cuts (call story.seed before).
function session:send_cut(bytes)
  local at = 1
  while at <= #bytes do
    local n = math.random(1, math.random() < 0.5 and 3 or 200)
    self:send(bytes:sub(at, at + n - 1))
    at = at + n
    if math.random() < 0.3 then story.pause(0.001) end
  end
  return self
end

-- Takes n bytes that the bot sent.
function session:read(n)
  story.wait(n .. " bytes from the bot", function()
    if #self.input >= n then return true end
    self.wanted = n
    if self.ended then error(("the bot's side ended (%s) before %d bytes came"):format(self.ended, n), 0) end
  end)
  local bytes = self.input:sub(1, n)
  self.input = self.input:sub(n + 1)
  return bytes
end

-- Waits for the end of what the bot sends: "eof", or the name of an error ("ECONNRESET"), and the bytes that came
-- before.
function session:read_end()
  story.wait("the bot to end the connection", function()
    return self.ended
  end)
  return self.ended, self.input
end

-- The bot ends the connection, without another byte.
function session:expect_end()
  local how, rest = self:read_end()
  if rest ~= "" then error(("the bot sent %d more bytes before its end: %q"):format(#rest, rest:sub(1, 100)), 2) end
  if how ~= "eof" then error("the bot ended the connection with " .. how, 2) end
end

-- Says that nothing more will be sent; the bot may still speak.
function session:half_close()
  local done
  self.transport.shutdown(function(err)
    done = err or "done"
  end)
  story.wait("a half-close", function()
    return done
  end)
end

-- Ends the connection with RST.
function session:reset()
  self.transport.reset()
end

-- Ends the connection.
function session:close()
  self.transport.close()
end

function session:stop_reading()
  self.transport.read(false)
end

function session:start_reading()
  self.transport.read(true)
end

------------------------------------------------------------------------------------------------- the opening handshake

-- Reads the head of the request: text, line (the first), method, target, headers (by name in lower case: a list of
-- values) and names (of the headers, as written, in order).
function session:read_head()
  local _, to = story.wait("the request of the opening handshake", function()
    local _, last = self.input:find("\r\n\r\n", 1, true)
    if last then return true, last end
    if self.ended then error("the bot's side ended before its request: " .. self.ended, 0) end
  end)
  local text = self.input:sub(1, to)
  self.input = self.input:sub(to + 1)
  local request = { text = text, headers = {}, names = {} }
  request.line = text:match "^(.-)\r\n"
  request.method, request.target = request.line:match "^(%S+) (%S+) HTTP/1%.1$"
  for name, value in text:sub(#request.line + 3):gmatch "([^\r\n:]+):[ \t]*(.-)[ \t]*\r\n" do
    local key = name:lower()
    request.headers[key] = request.headers[key] or {}
    table.insert(request.headers[key], value)
    table.insert(request.names, name)
  end
  self.request = request
  return request
end

-- Sec-WebSocket-Accept for the request that was read.
function session:accept_value()
  local key = self.request.headers["sec-websocket-key"][1]
  return sha1.base64(sha1.sum(key .. "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
end

-- The head of an answer. options: status (the first line), without (a set of header names to leave out), with (more
-- header lines, after the usual ones), lines (all header lines), behind (bytes that follow at once).
function session:answer(options)
  options = options or {}
  local lines = { options.status or "HTTP/1.1 101 Switching Protocols" }
  if options.lines then
    table.move(options.lines, 1, #options.lines, 2, lines)
  else
    local without = {}
    for _, name in ipairs(options.without or {}) do
      without[name] = true
    end
    if not without.Upgrade then lines[#lines + 1] = "Upgrade: websocket" end
    if not without.Connection then lines[#lines + 1] = "Connection: Upgrade" end
    if not without["Sec-WebSocket-Accept"] then
      lines[#lines + 1] = "Sec-WebSocket-Accept: " .. self:accept_value()
    end
  end
  for _, line in ipairs(options.with or {}) do
    lines[#lines + 1] = line
  end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (options.behind or "")
end

-- Reads the request and answers it. Returns the session.
function session:upgrade(options)
  self:read_head()
  return self:send(self:answer(options))
end

--------------------------------------------------------------------------------------------------------------- frames

-- Sends one frame (see support.frame).
function session:frame(f)
  return self:send(frame.write(f))
end

function session:text(data)
  return self:frame { opcode = frame.TEXT, payload = data }
end

function session:binary(data)
  return self:frame { opcode = frame.BINARY, payload = data }
end

function session:ping(data)
  return self:frame { opcode = frame.PING, payload = data }
end

function session:pong(data)
  return self:frame { opcode = frame.PONG, payload = data }
end

function session:send_close(code, reason)
  return self:frame { opcode = frame.CLOSE, payload = frame.close_payload(code, reason) }
end

-- Reads a frame, which must be one that a client may send.
function session:read_frame()
  local _, f, size = story.wait("a frame from the bot", function()
    local f, size = frame.read(self.input)
    if f then return true, f, size end
    self.wanted = size or 0
    if self.ended then error(("the bot's side ended (%s) before another frame"):format(self.ended), 0) end
  end)
  self.input = self.input:sub(size + 1)
  assert(f.masked, "a client's frame must be masked")
  assert(f.rsv == 0, "a reserved bit is set and no extension was agreed on")
  local n = #f.payload
  assert(f.form == (n < 126 and 7 or n < 65536 and 16 or 64), "the length is not written in its shortest form")
  assert(f.opcode < 8 or (f.fin and n <= 125), "a control frame must be whole and short")
  table.insert(self.masks, f.mask)
  return f
end

local function shorten(data)
  return #data > 100 and ("<%d bytes>"):format(#data) or ("%q"):format(data)
end

-- The next frame has this opcode and, where it is given, this payload. Returns the frame.
function session:expect(opcode, payload)
  local f = self:read_frame()
  if f.opcode ~= opcode or (payload and f.payload ~= payload) then
    error(("the bot sent opcode 0x%X %s and not 0x%X %s"):format(f.opcode, shorten(f.payload), opcode,
      payload and shorten(payload) or "(anything)"), 2)
  end
  assert(f.fin, "a fragment came")
  return f
end

function session:expect_text(data)
  return self:expect(frame.TEXT, data)
end

function session:expect_binary(data)
  return self:expect(frame.BINARY, data)
end

-- The next frame is a Close. Without arguments any code and reason may be in it; they are returned.
function session:expect_close(code, reason)
  local f = self:expect(frame.CLOSE)
  local got = #f.payload >= 2 and (">I2"):unpack(f.payload) or nil
  local why = f.payload:sub(3)
  if code and got ~= code then error(("the bot closed with %s (%s) and not %d"):format(got, why, code), 2) end
  if reason and why ~= reason then error(("the bot's reason is %q and not %q"):format(why, reason), 2) end
  return got, why
end

-- The whole closing handshake, begun by this side, and the end of the connection.
function session:finish(code, reason)
  self:send_close(code or 1000, reason)
  self:expect_close(code or 1000)
  self:close()
end

-- The same, begun by the bot. Returns its code and reason.
function session:answer_close()
  local code, reason = self:expect_close()
  self:send_close(code, reason)
  self:close()
  return code, reason
end

--------------------------------------------------------------------------------------------------------------- sockets

local function over_stream(stream)
  local transport = {}
  local function on_read(err, data)
    if data then
      transport.on_data(data)
    else
      transport.on_end(err or "eof")
    end
  end
  function transport.write(bytes, done)
    if stream:is_closing() then return done "closed" end
    local request, err = stream:write(bytes, done)
    if not request then done(err) end
  end
  function transport.shutdown(done)
    local request, err = stream:shutdown(done)
    if not request then done(err) end
  end
  function transport.close()
    transport.on_end "closed here"
    if not stream:is_closing() then stream:close() end
  end
  function transport.reset()
    transport.on_end "closed here"
    stream:close_reset()
  end
  function transport.read(on)
    if on then
      stream:read_start(on_read)
    else
      stream:read_stop()
    end
  end
  return transport
end

-- Wraps a socket that is connected.
function peer.session_of(stream)
  local transport = over_stream(stream)
  local s = new_session(transport)
  s.stream = stream
  transport.read(true)
  return s
end

local listener = {}
listener.__index = listener

local function on_connection(self)
  local stream = self.is_pipe and uv.new_pipe(false) or uv.new_tcp()
  self.server:accept(stream)
  if not self.is_pipe then stream:nodelay(true) end
  local s = peer.session_of(stream)
  self.count = self.count + 1
  table.insert(self.waiting, s)
end

-- Opens a peer. options: host (127.0.0.1), socket (true: a Unix socket).
function peer.listen(options)
  options = options or {}
  local self = setmetatable({ waiting = {}, count = 0, is_pipe = options.socket }, listener)
  if options.socket then
    self.server = uv.new_pipe(false)
    self.path = place.folder() .. "/peer.sock"
    assert(self.server:bind(self.path))
    self.url = "ws+unix://" .. self.path
  else
    local host = options.host or "127.0.0.1"
    self.server = uv.new_tcp()
    assert(self.server:bind(host, 0))
    self.port = self.server:getsockname().port
    self.address = (host:find ":" and "[" .. host .. "]" or host) .. ":" .. self.port
    self.url = "ws://" .. self.address
  end
  assert(self.server:listen(512, function()
    on_connection(self)
  end))
  return self
end

-- The next connection, as bytes.
function listener:accept()
  story.wait("the bot to connect", function()
    return self.waiting[1]
  end)
  return table.remove(self.waiting, 1)
end

-- The next connection, its opening handshake done. Returns the session; session.request is what the bot asked for.
function listener:open(options)
  return self:accept():upgrade(options)
end

-- Nobody listens there any more.
function listener:close()
  if not self.server:is_closing() then self.server:close() end
end

-- A port of 127.0.0.1 where nobody listens. It is none of those that the system gives to whoever wants any, so that no
-- other suite, and no connection, takes it between here and its use.
function peer.dead_port()
  local port
  repeat
    local high, low = uv.random(2):byte(1, 2)
    port = 10000 + (high << 8 | low) % 22768 -- up to 32767: above are those that the system gives
    local probe = uv.new_tcp()
    local is_free = probe:bind("127.0.0.1", port) and probe:listen(1, function() end)
    local closed
    probe:close(function()
      closed = true
    end)
    story.wait("a socket to close", function()
      return closed
    end)
  until is_free
  return port
end

-- A url there.
function peer.dead_url()
  return "ws://127.0.0.1:" .. peer.dead_port()
end

return peer
