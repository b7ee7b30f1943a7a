-- wsbot.http.stream: the answer of http.stream, as scripts see it. wsbot.http.core reads it.
local core = require "wsbot.http.core"
local message_of = require "wsbot.http.message"

local methods = core.methods -- read, events, close
methods.all = message_of.methods.all

local meta = {
  __name = "http.stream",
  __index = methods,
  __close = methods.close,
  __tostring = function(res)
    return ("http.stream: %d %s"):format(res.status, res.reason)
  end,
}

-- Ends the stream of a task that is cancelled while it waits for the head.
local opening_meta = {
  __close = function(opening)
    if opening.stream then opening.stream:close() end
  end,
}

-- Sends a request, and waits for the head of its answer: a table for wsbot.response, or nil, word, message.
local function open(request)
  local stream, word, message = core.stream(request)
  if not stream then return nil, word, message end
  local opening <close> = setmetatable({ stream = stream }, opening_meta)
  local parts
  parts, word, message = stream:head(request.left, request.timeout)
  if not parts then return nil, word, message end
  opening.stream = nil
  parts.core, parts.body = stream, nil
  return parts
end

local function make(parts)
  return message_of.make(parts, meta)
end

return { open = open, make = make }
