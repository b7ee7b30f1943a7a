-- wsbot.http.serve: http.serve: a web server whose handler is a function of the script. wsbot.http.serve.core listens
-- and reads; this module makes the request that a handler gets, and checks and writes out its answer.

local core = require "wsbot.http.serve.core"
local given = require "wsbot.http.options"
local message_of = require "wsbot.http.message"
local shown = require "wsbot.shown"

local DEFAULTS = { host = "127.0.0.1", port = 0, max_body = 1 << 20 }

----------------------------------------------------------------------------------------------------------- the requests

local request_meta = {
  __name = "http.request",
  __index = message_of.methods,
  __tostring = function(request)
    return ("http.request: %s %s (%d bytes)"):format(request.method, shown.line(request.path:sub(1, 200)),
      #request.body)
  end,
}

local function make_request(parts)
  local request = message_of.make(parts, request_meta)
  request.protocol, request.extensions = nil, nil -- fields that only handshakes have
  return request
end

------------------------------------------------------------------------------------------------------------ the answers

local answer_options = {
  status = given.whole(200, 999), headers = given.a_table, body = given.a_body, json = given.anything,
}

-- Checks an answer. Returns a list: the status, the header lines, whether Date is one of them, and the body.
local function prepare(answer)
  if type(answer) ~= "table" then
    given.wrong("an answer is a table { status =, headers =, body = or json = }, not %s", type(answer))
  end
  local read = given.read(answer, answer_options, "")
  if read.body and read.json ~= nil then given.wrong "body and json exclude each other" end
  local lines, has = {}, {}
  given.each_header(read.headers or {}, function(name, value, key)
    has[key] = true
    lines[#lines + 1] = name .. ": " .. value .. "\r\n"
  end)
  if read.json ~= nil and not has["content-type"] then lines[#lines + 1] = "Content-Type: application/json\r\n" end
  return { read.status or 200, table.concat(lines), has.date or false,
    read.json ~= nil and given.to_json(read.json) or read.body or "" }
end

-- Makes the function that answers requests by the script's handler. `what`: the function that the script has called,
-- for messages.
local function answerer(what, handler)
  return function(parts)
    local request = make_request(parts)
    local method, path = request.method, request.path -- which the handler may change
    local ok, answer = given.try(prepare, (handler(request)))
    if ok then return table.unpack(answer, 1, 4) end
    error(("%s: the answer to %s %s: %s"):format(what, method, shown.line(path:sub(1, 200)), answer), 0)
  end
end

------------------------------------------------------------------------------------------------------------- the server

local server = { __name = "http.server" }
server.__index = server

-- Stops to listen. Requests that are under way are answered; with `at_once` they are not.
function server:close(at_once)
  self.core:close(at_once)
end

function server.__close(self)
  self:close()
end

function server.__tostring(self)
  return "http.server: " .. self.url
end

local known = {
  host = given.a_string, port = given.whole(0, 65535), max_body = given.whole(0, 1 << 40), handler = given.a_function,
}

local function read(options)
  if type(options) ~= "table" then
    given.wrong("expected a table { port = ..., handler = ... }, not %s", type(options))
  end
  local values = given.read(options, known, "")
  if not values.handler then given.wrong "handler is missing" end
  for name, value in pairs(DEFAULTS) do
    if values[name] == nil then values[name] = value end
  end
  return values
end

-- The url by which a client on this machine reaches that address.
local function url_of(address)
  return "http://" .. address:gsub("^0%.0%.0%.0:", "127.0.0.1:"):gsub("^%[::%]:", "[::1]:"):gsub("%%", "%%25")
end

-- Begins to listen. `level` is that of the script's call, seen from the caller; `patient`: it is the server of a test
-- (host/net/http/server.h).
local function open(what, options, level, patient)
  local ok, values = given.try(read, options)
  if not ok then error(what .. ": " .. values, level + 1) end
  values.patient = patient
  values.handler = answerer(what, values.handler)
  local listening, why = core.serve(values)
  if not listening then error(what .. ": " .. why, level + 1) end
  local address, port = listening:address()
  return setmetatable({ core = listening, url = url_of(address), port = port }, server)
end

-- Is this a right answer? True, or false and what is wrong with it.
local function check(answer)
  return given.try(prepare, answer)
end

return { open = open, check = check }
