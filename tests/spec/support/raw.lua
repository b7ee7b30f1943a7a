-- raw: a client of web servers, as bytes: it says what it is told to, right or wrong, and cuts what comes back into
-- answers.
local uv = require "luv"
local story = require "support.story"

local raw = {}

-- wait(what, look): how it is waited for; where there is no story, that is for others to say.
raw.wait = story.wait

local client = {}

-- What came and was not taken yet; what is long is put together once.
local function input(self)
  if #self.pieces > 1 then self.pieces = { table.concat(self.pieces) } end
  return self.pieces[1] or ""
end

local meta = { __index = function(self, name)
  return name == "input" and input(self) or client[name]
end }

local function take(self, n)
  local text = self.input
  self.pieces, self.size = { text:sub(n + 1) }, math.max(#text - n, 0)
  return text:sub(1, n)
end

-- Connects to a port of loopback.
function raw.connect(port)
  local self = setmetatable({ tcp = uv.new_tcp(), pieces = {}, size = 0 }, meta)
  local connected
  self.tcp:connect("127.0.0.1", port, function(err)
    connected = err or "connected"
  end)
  raw.wait("a connection", function() return connected end)
  if connected ~= "connected" then return nil, connected end
  self.tcp:nodelay(true)
  self:listen()
  return self
end

-- Reads what comes, or, with false, nothing for now.
function client:listen(on)
  if on == false then return self.tcp:read_stop() end
  self.tcp:read_start(function(err, data)
    if data then
      self.pieces[#self.pieces + 1], self.size = data, self.size + #data
      return
    end
    self.ended = err or "closed"
    self:close()
  end)
end

-- Sends bytes, without waiting until they are taken.
function client:send(bytes)
  self.tcp:write(bytes, function(err)
    self.failed = self.failed or err
  end)
  return self
end

-- All that it has said is on its way, or nothing is any more.
function client:taken()
  raw.wait("bytes to be taken", function() return self.failed or self.tcp:get_write_queue_size() == 0 end)
  return self
end

-- Says that it sends no more.
function client:shut()
  self.tcp:shutdown()
  return self
end

function client:reset()
  self.tcp:close_reset()
end

function client:close()
  if not self.tcp:is_closing() then self.tcp:close() end
end

-- The next answer: status, body, header lines by name in lower case. `bodiless`: it answers HEAD.
function client:answer(bodiless)
  local head = raw.wait("the head of an answer", function()
    local _, to = self.input:find("\r\n\r\n", 1, true)
    if not to and self.ended then error(("the connection ended (%s) with %q"):format(self.ended, self.input), 0) end
    return to and self.input:sub(1, to)
  end)
  take(self, #head)
  local headers = {}
  for name, value in head:gmatch "\n([^\r\n:]+): ([^\r\n]*)" do headers[name:lower()] = value end
  local status = tonumber(head:match "^HTTP/1%.1 (%d%d%d) ")
  local n = (bodiless or status < 200) and 0 or tonumber(headers["content-length"] or 0)
  raw.wait("the body of an answer", function() return self.size >= n or self.ended end)
  return status, take(self, n), headers
end

-- The next answer refuses, and is the last: its status, and its body without the line end.
function client:refusal()
  local status, body, headers = self:answer()
  if headers.connection ~= "close" or headers["content-type"] ~= "text/plain" then error("this is no refusal", 2) end
  self:ends()
  return status, (body:gsub("\n$", ""))
end

-- The server ends the connection, and says nothing more. Returns how: "closed", or an error.
function client:ends()
  raw.wait("the end of a connection", function() return self.ended end)
  if self.input ~= "" then error(("the server said more than that: %q"):format(self.input), 2) end
  return self.ended
end

-- A request of its own.
function client:ask(line, fields, body)
  local length = body and ("Content-Length: %d\r\n"):format(#body) or ""
  return self:send(("%s HTTP/1.1\r\nHost: h\r\n%s%s\r\n%s"):format(line, fields or "", length, body or ""))
end

return raw
