-- wsbot.testing.http: a web server on loopback, whose answers a test gives. It is a server of http.serve, so a bot gets
-- from it what it would get from that.
local instrument = require "wsbot.testing.instrument"
local serving = require "wsbot.http.serve"
local shown = require "wsbot.shown"

local MAX_BODY <const> = 64 << 20 -- bytes: a test server does not limit what a bot sends

local site = { __name = "wsbot.testing.http" }
site.__index = site

-- Closes the site; handlers that wait end with it.
function site:close()
  if not instrument.remove(self) then return end
  self.server:close(true)
end
site.__close = site.close

----------------------------------------------------------------------------------------------------------------- routes

-- Returns the function that answers the requests of a route; or nil and what is wrong.
local function answerer(route, value)
  if type(value) == "function" then return value end
  local meta = getmetatable(value)
  if type(meta) == "table" and meta.__call then return value end -- a spy or a stub
  if type(value) ~= "table" then
    return nil, ("the answer to %s must be a table, a list of them or a function, not %s"):format(route, type(value))
  end
  local list = #value > 0 and value or { value }
  for i, answer in ipairs(list) do
    local ok, why = serving.check(answer)
    if not ok then return nil, ("answer %d to %s: %s"):format(i, route, why) end
  end
  local next_one = 0
  return function()
    next_one = math.min(next_one + 1, #list) -- the last answer is for all requests that follow
    return list[next_one]
  end
end

-- "METHOD /path", or "/path" for every method.
local function read_key(key)
  local method, path = nil, key
  if type(key) == "string" and key:sub(1, 1) ~= "/" then method, path = key:match "^([%w!#$%%&'*+.^_`|~-]+) (/.*)$" end
  if type(path) ~= "string" or path:find "[%c ?#]" then return nil end
  return method and method:upper() .. " " .. path or path
end

local function read_routes(routes)
  if type(routes) ~= "table" then return nil, "a table of routes is needed, not " .. type(routes) end
  local read = {}
  for key, value in pairs(routes) do
    local route = read_key(key)
    if not route then
      return nil, ("a route is 'METHOD /path' or '/path', without a query, not %s"):format(
        type(key) == "string" and "'" .. shown.line(key:sub(1, 200)) .. "'" or type(key))
    end
    local answer, why = answerer(shown.line(route), value)
    if not answer then return nil, why end
    read[route] = answer
  end
  return read
end

-- Finds the answer for a request. One for GET is for HEAD as well.
local function find(routes, method, path)
  return routes[method .. " " .. path] or method == "HEAD" and routes["GET " .. path] or routes[path]
end

-- A web server on a free port of loopback.
return function(routes)
  local read, wrong = read_routes(routes)
  if not read then error("testing.http: " .. wrong, 2) end
  local self = setmetatable({ requests = {} }, site)
  local function handle(request)
    request.time = host.now()
    self.requests[#self.requests + 1] = request
    local answer = find(read, request.method, request.path)
    if answer then return answer(request) end
    return { status = 404, body = ("there is no %s %s here\n"):format(request.method, request.path) }
  end
  self.server = serving.open("testing.http", { handler = handle, max_body = MAX_BODY }, 2, true)
  self.url = self.server.url
  instrument.add(self)
  return self
end
