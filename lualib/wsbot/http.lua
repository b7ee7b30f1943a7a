-- wsbot.http: requests to web servers, for tasks that wait. Options are checked and written out by wsbot.http.prepare;
-- wsbot.http.core sends what is left, by libcurl.

local core = require "wsbot.http.core"
local host = require "host"
local given = require "wsbot.http.options"
local message_of = require "wsbot.http.message"
local new_session = require "wsbot.http.session"
local prepare = require "wsbot.http.prepare"
local serving = require "wsbot.http.serve"
local streaming = require "wsbot.http.stream"
local fit = require "wsbot.shown"

local http = {}

local now, sleep = host.now, host.sleep

------------------------------------------------------------------------------------------------------------ the answers

local answer = {
  __name = "http.response",
  __index = message_of.methods,
  __tostring = function(res)
    return ("http.response: %d %s (%d bytes)"):format(res.status, res.reason, #res.body)
  end,
}

local function make_answer(parts)
  return message_of.make(parts, answer)
end

-- What all answers have.
local function complete(res)
  res.ok = res.status >= 200 and res.status <= 299
  res.url = res.url:gsub("^(%a+://)[^/?#]*@", "%1")
  return res
end

--------------------------------------------------------------------------------------------------------------- requests

local whole = { open = core.perform, make = make_answer } -- as wsbot.http.stream has it for streams

local BUSY = { [429] = true, [503] = true }

local function retry_after(parts)
  for i = 1, #parts, 2 do
    if parts[i]:lower() == "retry-after" then return parts[i + 1] end
  end
end

-- Sends a request, once more and again where the server is too busy and the script wants that.
local function ask(request, kind)
  local ends = now() + request.timeout
  for tries = 0, math.huge do
    request.left = ends - now()
    local parts, word, message = kind.open(request)
    if not parts or not BUSY[parts.status] or tries >= request.retry then return parts, word, message end
    local delay = core.delay(tries, retry_after(parts))
    if now() + delay >= ends then return parts end
    if parts.core then parts.core:close() end
    sleep(delay)
  end
end

-- `level` is that of the script's call, seen from the caller.
local function perform(what, options, session, kind, level)
  local ok, request = given.try(prepare.request, options, session)
  if not ok then error(what .. ": " .. request, level + 1) end
  local can, why = pcall(core.check, what)
  if not can then error(why, level + 1) end
  local parts, word, message = ask(request, kind)
  if parts and parts.status == 304 and request.previous then return request.previous end
  if parts then return complete(kind.make(parts)) end
  if word == "url" then error(("%s: url '%s': %s"):format(what, fit.address(request.url), message), level + 1) end
  if word == "library" then error(what .. ": " .. message, level + 1) end
  return nil, word, message
end

-- Makes the table of options of a call that has url, and perhaps body, as arguments before it.
local function spelt_out(what, method, url, body, options)
  if options ~= nil and type(options) ~= "table" then
    error(("%s: options must be a table, not %s"):format(what, type(options)), 3)
  end
  local all = { url = url, method = method, body = body }
  for name, value in pairs(options or {}) do
    if name == "method" or all[name] ~= nil then
      error(("%s: the option %s is told by the call itself"):format(what, name), 3)
    end
    all[name] = value
  end
  return all
end

-- Adds the functions that send requests to a table, `prefix` in messages; they are of a session, or of none.
local function add_functions(to, prefix, session)
  for name, kind in pairs { request = whole, stream = streaming } do
    local what = prefix .. name
    to[name] = function(options)
      if type(options) ~= "table" then
        error(("%s: expected a table { url = ..., ... }, not %s"):format(what, type(options)), 2)
      end
      local res, word, message = perform(what, options, session, kind, 2)
      return res, word, message
    end
  end
  for _, method in ipairs { "GET", "HEAD", "DELETE" } do
    local name = method:lower()
    local what = prefix .. name
    to[name] = function(url, options)
      local res, word, message = perform(what, spelt_out(what, method, url, nil, options), session, whole, 2)
      return res, word, message
    end
  end
  for _, method in ipairs { "POST", "PUT", "PATCH" } do
    local name = method:lower()
    local what = prefix .. name
    to[name] = function(url, body, options)
      local res, word, message = perform(what, spelt_out(what, method, url, body, options), session, whole, 2)
      return res, word, message
    end
  end
end

add_functions(http, "http.")

--------------------------------------------------------------------------------------------------- sessions and servers

local session_meta = {
  __name = "http.session",
  __tostring = function(self)
    return "http.session" .. (self.base and ": " .. fit.address(self.base) or "")
  end,
}

-- Requests that have things in common: see wsbot.http.session. Its functions may be called with a dot or a colon.
function http.session(options)
  if options ~= nil and type(options) ~= "table" then
    error("http.session: expected a table { base = ..., headers = ... }, not " .. type(options), 2)
  end
  local ok, session = given.try(new_session, options or {})
  if not ok then error("http.session: " .. session, 2) end
  local functions, self = { serve = http.serve, session = http.session }, {}
  add_functions(functions, "session.", session)
  for name, fn in pairs(functions) do
    self[name] = function(first, ...)
      if first == self then return fn(...) end
      return fn(first, ...)
    end
  end
  self.cookies, self.base = session.cookies, options and options.base
  return setmetatable(self, session_meta)
end

-- A web server: see wsbot.http.serve.
function http.serve(options)
  local server = serving.open("http.serve", options, 2)
  return server
end

return http
