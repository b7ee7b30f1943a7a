-- wsbot.inspect.gate: who may see the page, and how answers look. A page of another site, which the same browser shows,
-- can send requests here, and by a name of its own that leads to 127.0.0.1 it could read what comes back: so the Host,
-- the Origin and a token in the path must be right.
local crypto = require "wsbot.crypto"

local gate = {}
gate.__index = gate

local POLICY <const> = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
  .. "img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

local HEAD <const> = table.concat({
  "HTTP/1.1 %s", "Content-Type: %s", "Content-Length: %d", "Content-Security-Policy: " .. POLICY,
  "X-Content-Type-Options: nosniff", "Referrer-Policy: no-referrer", "Cache-Control: no-store",
  "Cross-Origin-Resource-Policy: same-origin", "Cross-Origin-Opener-Policy: same-origin", "Connection: close",
}, "\r\n")

-- A whole answer. more: a header line.
function gate.answer(status, kind, body, more)
  return HEAD:format(status, kind, #body) .. (more and "\r\n" .. more or "") .. "\r\n\r\n" .. body
end

local function refuse(status, why, more)
  return gate.answer(status, "text/plain", why .. "\n", more)
end

gate.MISDIRECTED = refuse("421 Misdirected Request", "this is served under another name")
gate.NOT_ALLOWED = refuse("405 Method Not Allowed", "only GET", "Allow: GET")
gate.NOT_FOUND = refuse("404 Not Found", "not found")
gate.FORBIDDEN = refuse("403 Forbidden", "not for pages of other sites")
gate.BUSY = refuse("503 Service Unavailable", "as many pages as may be are open")

-- The values of a head's field; none: an empty list.
local function values_of(head, wanted)
  local values = {}
  for name, value in head:gmatch "\n([^:\r\n]+):[ \t]*([^\r\n]-)[ \t]*%f[\r\n]" do
    if name:lower() == wanted then values[#values + 1] = value end
  end
  return values
end

local function has_one_of(head, name, right)
  local values = values_of(head, name)
  return #values == 1 and right[values[1]:lower()] == true
end

-- A gate with a token of its own.
function gate.new()
  return setmetatable({ token = crypto.base64url(crypto.random(16)), hosts = {}, origins = {} }, gate)
end

-- Takes the address that is served, "127.0.0.1:1234". The address of the page.
function gate:serve(address)
  local port = address:match ":(%d+)$"
  for _, host in ipairs { "127.0.0.1", "localhost" } do
    for _, name in ipairs { host .. ":" .. port, port == "80" and host or nil } do
      self.hosts[name], self.origins["http://" .. name] = true, true
    end
  end
  return ("http://%s/%s/"):format(address, self.token)
end

-- Lets a request in: the path behind the token, and the query; nil and the answer that it gets.
function gate:enter(method, target, head, is_upgrade)
  if not has_one_of(head, "host", self.hosts) then return nil, gate.MISDIRECTED end
  if method ~= "GET" then return nil, gate.NOT_ALLOWED end
  local token, path, query = target:match "^/([^/?]*)/([^?]*)%??(.*)$"
  if not token or not crypto.equal(token, self.token) then return nil, gate.NOT_FOUND end
  if is_upgrade and not has_one_of(head, "origin", self.origins) then return nil, gate.FORBIDDEN end
  return path, query
end

return gate
