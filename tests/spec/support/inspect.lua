-- inspect: a bot that can be looked into, the page that `wsbot inspect` serves of it, and its WebSocket.
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local raw = require "support.raw"
local story = require "support.story"

local inspect = {}

local function environment(folder)
  return { WSBOT_CONTROL = folder .. "/wsbot" }
end

-- A bot, whose control socket is in a folder of its own; it runs. options: those of program.bot.
function inspect.bot(source, args, options)
  options = options or {}
  local folder = place.folder()
  options.env = environment(folder)
  local bot = program.bot(source .. " say 'runs'", args, options)
  bot.folder = folder
  bot:tells "runs"
  return bot
end

-- Runs the command.
function inspect.run(folder, ...)
  return program.run({ "inspect", ... }, { env = environment(folder) })
end

local methods = {}
methods.__index = methods

-- Opens the page of a folder's program, or of what the operand says.
function inspect.open(folder, operand, cwd)
  local p = program.run({ "inspect", operand }, { env = environment(folder), cwd = cwd })
  local url = p:line()
  local port, token = url:match "^http://127%.0%.0%.1:(%d+)/([%w_-]+)/$"
  return setmetatable({ program = p, url = url, port = tonumber(port), token = token, path = "/" .. token .. "/",
    folder = folder }, methods)
end

function methods:connect()
  return raw.connect(self.port)
end

-- A request on a connection of its own: status, body, headers. A path without a slash is below the token. `fields`
-- stand for the Host.
function methods:ask(line, fields)
  line = line:gsub("^GET (%l)", "GET " .. self.path .. "%1")
  local client = self:connect()
  client:send(("%s HTTP/1.1\r\n%s\r\n"):format(line, fields or ("Host: 127.0.0.1:%d\r\n"):format(self.port)))
  local status, body, headers = client:answer()
  client:ends()
  return status, body, headers
end

-- Asks for a WebSocket. The status.
function methods:upgrade(path, fields)
  local client = self:connect()
  client:send(("GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    .. "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n"):format(path, self.port,
    fields or ""))
  local status = client:answer()
  client:close()
  return status
end

---------------------------------------------------------------------------------------------------------- its WebSocket

local socket = {}
socket.__index = socket

-- Opens one, as the page does.
function methods:websocket()
  local origin = ("http://127.0.0.1:%d"):format(self.port)
  local conn = ws.connect { url = self.url:gsub("^http", "ws") .. "ws", origin = origin,
    max_message_size = 64 << 20, on_error = function() end }
  local made = setmetatable({ conn = conn, last = 0 }, socket)
  function conn.on_close(_, code, reason)
    made.end_code, made.end_reason = code, reason
    story.stir()
  end
  story.at_end(function() conn:destroy() end)
  return made
end

function socket:send(text)
  self.conn:send(text)
end

-- The next message, read.
function socket:receive()
  return json.decode((assert(self.conn:receive(20))))
end

-- Calls a method, and passes over all else that comes. Its result.
function socket:call(method, params)
  self.last = self.last + 1
  self:send(json.encode { id = self.last, method = method, params = params })
  local answer
  repeat answer = self:receive() until answer.id == self.last
  return answer.result or error(answer.error.message, 2)
end

function socket:close()
  self.conn:close()
end

-- Waits for its end: code and reason.
function socket:closed()
  story.wait("the end of a WebSocket", function() return self.end_code end)
  return self.end_code, self.end_reason
end

return inspect
