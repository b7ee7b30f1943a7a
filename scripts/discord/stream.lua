-- discord.stream: what the gateway calls zlib-stream: all messages of a connection are one stream of zlib, each ending
-- with an empty block. What is needed to go on with it lies in a plain table, for host.state: what came of a message
-- that has not ended, and the last 32 KB of what all before gave.
local compress = require "wsbot.compress"

local stream = {}
stream.__index = stream

-- Goes on with the stream of that table, or begins one where it is empty.
function stream.open(state)
  local self = setmetatable({ state = state }, stream)
  if state.window then
    self.inflater = compress.inflater { format = "raw", dictionary = state.window }
  else
    self:begin()
  end
  return self
end

-- A connection begins.
function stream:begin()
  self.state.bytes, self.state.window = "", nil
  self.inflater = compress.inflater()
end

-- Takes what a message of WebSocket brings. The text of the gateway's message; nil where it goes on; nil and why it is
-- broken.
function stream:push(data)
  local state = self.state
  state.bytes = state.bytes .. data
  if state.bytes:sub(-4) ~= "\0\0\xff\xff" then return nil end
  local text, why = self.inflater:push(state.bytes)
  if not text then return nil, why end
  state.bytes, state.window = "", ((state.window or "") .. text):sub(-32768)
  return text
end

return stream
