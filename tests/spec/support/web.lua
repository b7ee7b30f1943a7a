-- web: HTTP between a bot and a scripted server (support.peer), as bytes.
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

local web = {}

-- A bot that has http, and tell(res, word, message), which tells of a result on one line.
function web.bot_of(source, args, options)
  return program.bot("local http = require 'wsbot.http' local function tell(res, word, message) if res then "
    .. "say(res.status, show(res.body)) else say(res, word, show(message)) end end " .. source, args, options)
end

-- Reads a request, its body included.
function web.take(s)
  local request = s:read_head()
  local size = request.headers["content-length"]
  request.body = size and s:read(tonumber(size[1])) or ""
  return request
end

-- An answer with its length. more: header lines.
function web.answer(status, body, more)
  local lines = { "HTTP/1.1 " .. status, "Content-Length: " .. #(body or ""), table.unpack(more or {}) }
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

-- Serves all that come, until the story ends: handler(session, request) for each request.
function web.serve(handler)
  local p = peer.listen()
  p.url = "http://" .. p.address
  story.beside(function()
    while true do
      local s = p:accept()
      story.beside(function()
        while true do
          story.wait("a request, or the end", function()
            return s.ended or s.input:find("\r\n\r\n", 1, true)
          end)
          if s.ended then return end
          handler(s, web.take(s))
        end
      end)
    end
  end)
  return p
end

-- A peer for one story that is told by hand.
function web.listen()
  local p = peer.listen()
  p.url = "http://" .. p.address
  return p
end

return web
