-- wsbot.http.session: http.session: what several requests have in common: a base for their addresses, headers, a few
-- options, and cookies, which connections may share (host/script/l_cookies.h).
local given = require "wsbot.http.options"
local new_jar = require "wsbot.http.cookies"
local prepare = require "wsbot.http.prepare"
local reference = require "wsbot.http.reference"

-- Options that a request has from its session, unless it has its own.
local COMMON = { "timeout", "connect_timeout", "max_size", "max_redirects", "redirect_headers", "proxy",
  "local_address", "tls", "retry" }

-- Headers that go to another origin than that of the base, too: they tell nothing that is for the base alone.
local HARMLESS = { accept = true, ["accept-language"] = true, ["user-agent"] = true }

local known = { base = prepare.known.url, headers = given.a_table }
for _, name in ipairs(COMMON) do known[name] = prepare.known[name] end

-- The headers of a request: those of the session, and its own, of which each replaces one of the same name.
local function headers_of(common, own, is_home)
  local all, has = {}, {}
  for name, value in pairs(own) do
    all[name] = value
    if type(name) == "string" then has[name:lower()] = true end
  end
  for name, value in pairs(common) do
    local key = name:lower()
    if not has[key] and (is_home or HARMLESS[key]) then all[name] = value end
  end
  return all
end

-- Makes what prepare needs of a session: its jar, and complete(options), which gives the options of a request.
local function new(options)
  local values = given.read(options, known, "")
  local base, common = values.base, values.headers or {}
  given.each_header(common, function() end) -- which checks them
  local headers = {}
  for name, value in pairs(common) do headers[name] = value end
  local session = { cookies = new_jar() }
  function session.complete(request)
    local all = {}
    for _, name in ipairs(COMMON) do all[name] = options[name] end
    for name, value in pairs(request) do all[name] = value end
    if base and type(all.url) == "string" then all.url = reference.resolve(base, all.url) end
    if all.headers == nil or type(all.headers) == "table" then
      local is_home = not base or type(all.url) ~= "string" or reference.origin(base) == reference.origin(all.url)
      all.headers = headers_of(headers, all.headers or {}, is_home)
    end
    return all
  end
  return session
end

return new
