-- client: a connection of the spec's own, which waits for what it expects and says what came instead.
local assert = require "luassert"
local story = require "support.story"

local client = {}

local methods = {}
methods.__index = methods

local function why(self)
  local ended = self.ended
  if ended then return ("it ended: %s %s: %s"):format(ended.code, ended.reason, ended.record.message) end
  return "it is " .. self.conn.state
end

-- Begins a connection to one of support.servers. options: those of ws.connect, and path (what follows the url's /).
-- Compression is offered only where they say so.
function client.start(server, options)
  options = options or {}
  local self = setmetatable({ pings = {}, pongs = {}, errors = {} }, methods)
  local all = {
    url = server.url .. (options.path or ""),
    tls = { ca_file = server.ca },
    compression = false,
    on_websocket_connect = function(_, response) self.response = response end,
    on_ping = function(_, data) table.insert(self.pings, data) end,
    on_pong = function(_, data) table.insert(self.pongs, data) end,
    on_error = function(_, word, message) table.insert(self.errors, { word = word, message = message }) end,
    on_close = function(_, code, reason, record) self.ended = { code = code, reason = reason, record = record } end,
  }
  for name, fn in pairs(all) do
    if type(fn) == "function" then
      all[name] = function(...)
        fn(...)
        story.stir()
      end
    end
  end
  for name, value in pairs(options) do
    if name ~= "path" then all[name] = value end
  end
  self.conn = ws.connect(all)
  story.at_end(function()
    self.conn:destroy()
  end)
  return self
end

-- The same; it is to open.
function client.open(server, options)
  local self = client.start(server, options)
  story.wait("the opening handshake with " .. server.url, function()
    return self.response or self.ended
  end)
  if not self.response then error(why(self), 2) end
  return self
end

-- Sends a message, of kind "text" where it says no other.
function methods:send(data, kind)
  assert(self.conn:send(data, kind or "text"))
end

-- The next message, and its kind.
function methods:receive()
  local data, kind = self.conn:receive()
  if not data then error("no message: " .. why(self), 2) end
  return data, kind
end

local function show(data)
  return #data > 100 and ("%q... (%d bytes)"):format(data:sub(1, 100), #data) or ("%q"):format(data)
end

-- The next message is this, of kind "text" where it says no other.
function methods:expect(data, kind)
  local got, got_kind = self:receive()
  kind = kind or "text"
  if got ~= data or got_kind ~= kind then
    error(("%s %s came, and not %s %s"):format(got_kind, show(got), kind, show(data)), 2)
  end
end

-- Sends a ping, and waits for its pong.
function methods:ping(data)
  local before = #self.pongs
  assert(self.conn:ping(data))
  story.wait("a pong", function()
    return #self.pongs > before or self.ended
  end)
  assert.equal(data, self.pongs[before + 1], why(self))
end

-- Waits for the end of the connection: its code, reason and record.
function methods:ends()
  story.wait("the end of the connection", function()
    return self.ended
  end)
  return self.ended.code, self.ended.reason, self.ended.record
end

-- Waits until the server has closed it, with this code and reason.
function methods:is_closed(code, reason)
  self:ends()
  assert.same({ code, reason }, { self.ended.code, self.ended.reason })
  assert.same({}, self.errors)
end

-- Closes it; the server is to answer with the same code.
function methods:close(code, reason)
  self.conn:close(code, reason)
  assert.equal(code, (self:ends()))
  assert.same({}, self.errors)
end

return client
