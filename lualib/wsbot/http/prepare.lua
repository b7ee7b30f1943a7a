-- wsbot.http.prepare: makes of the options of a request what wsbot.http.core takes.
local given = require "wsbot.http.options"
local multipart = require "wsbot.http.multipart"
local number = require "wsbot.number"
local fit = require "wsbot.shown"

local wrong, shown = given.wrong, given.shown

local DEFAULTS = { timeout = 30, connect_timeout = 10, max_size = 16 * 1024 * 1024, retry = 0 }
local REDIRECTS = 10
local BODIES = { "body", "form", "json", "multipart" }

----------------------------------------------------------------------------------------------------- readers of options

local function a_method(value, name)
  if not given.is_token(given.a_string(value, name)) then wrong("%s '%s' is not a token", name, shown(value)) end
  return value:upper()
end

-- An address without an empty user and password, which libcurl would send.
local function without_nobody(url)
  return (url:gsub("^(%a[%w+.-]*://):?@", "%1"))
end

local function a_proxy(value, name)
  if value == false then return "" end
  if type(value) ~= "string" then wrong("%s must be a string or false, not %s", name, type(value)) end
  if value == "" or value:find "[%c ]" then wrong("%s '%s' is not the address of a proxy", name, fit.address(value)) end
  return without_nobody(value)
end

local function a_version(value, name)
  value = tostring(value)
  if value ~= "1.2" and value ~= "1.3" then wrong('%s must be "1.2" or "1.3"', name) end
  return value
end

local tls_options = {
  ca_file = given.a_string, ca_path = given.a_string, cert = given.a_string, key = given.a_string,
  key_password = given.a_secret, verify = given.a_flag, min_version = a_version,
}

local function a_tls(value, name)
  local tls = given.read(given.a_table(value, name), tls_options, "tls.")
  if tls.cert and not tls.key then wrong "tls.cert needs tls.key" end
  if tls.key and not tls.cert then wrong "tls.key needs tls.cert" end
  tls.no_verify = tls.verify == false
  tls.only_1_3 = tls.min_version == "1.3"
  return tls
end

local function a_url(value, name)
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  if value:find "[%c ]" then wrong("%s '%s': it has a control character or a space", name, fit.address(value)) end
  if not value:find "^[hH][tT][tT][pP][sS]?://[^/?#]" then
    wrong("%s '%s': it must begin with http:// or https:// and a host", name, fit.address(value))
  end
  return without_nobody(value)
end

-- An answer that came before: what it says of its version goes along.
local function an_answer(value, name)
  local meta = getmetatable(value)
  if type(meta) ~= "table" or meta.__name ~= "http.response" then
    wrong("%s must be an answer of http.get or http.request", name)
  end
  return value
end

local known = {
  url = a_url, method = a_method, headers = given.a_table, query = given.a_table,
  body = given.a_body, form = given.a_table, json = given.anything, multipart = given.a_table,
  retry = given.whole(0, 1000), previous = an_answer,
  timeout = given.seconds, connect_timeout = given.seconds, max_size = given.whole(1, 1 << 40),
  max_redirects = given.whole(0, 100), redirect_headers = given.a_flag,
  proxy = a_proxy, local_address = given.a_string, tls = a_tls, user = given.a_string, password = given.a_secret,
}

-------------------------------------------------------------------------------------------------- what they are made of

local function encode(text)
  return (text:gsub("[^%w._~-]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

-- A table, encoded for a query or a form.
local function pairs_of(map, what)
  local parts = {}
  given.each(map, what, function(name, value)
    local kind = type(value)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" then
      wrong("%s '%s' must be a string, a number, a boolean or a list of them, not %s", what, shown(name), kind)
    end
    parts[#parts + 1] = encode(name) .. "=" .. encode(number.text(value))
  end)
  return table.concat(parts, "&")
end

local function with_query(url, query)
  local text = pairs_of(query, "query")
  if text == "" then return url end
  local before, fragment = url:match "^([^#]*)(.*)$"
  local joint = not before:find("?", 1, true) and "?" or before:find "[?&]$" and "" or "&"
  return before .. joint .. text .. fragment
end

-- Header lines as libcurl takes them: one without a value ends with ';'. Also returns a set of their names.
local function header_lines(headers)
  local lines, has = {}, {}
  given.each_header(headers, function(name, value, key)
    has[key] = true
    lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
  end)
  return lines, has
end

-- Writes the body. Returns its type, where it has one of its own.
local function write_body(request, has)
  if request.json ~= nil then
    request.body = given.to_json(request.json)
    return "application/json"
  elseif request.form then
    request.body = pairs_of(request.form, "form")
    return "application/x-www-form-urlencoded"
  elseif request.multipart then
    if has["content-type"] then wrong "header 'Content-Type': multipart writes its own, with a boundary" end
    local content_type
    request.body, content_type = multipart(request.multipart)
    return content_type
  end
end

-- Asks for the answer only if it is another one than the previous (RFC 9110 13.1).
local function ask_for_change(request, has)
  local seen = request.previous.headers
  if request.method ~= "GET" and request.method ~= "HEAD" then wrong "previous is for GET and HEAD" end
  local function add(name, value)
    if value and not has[name:lower()] then table.insert(request.lines, name .. ": " .. value) end
  end
  add("If-None-Match", seen.etag)
  add("If-Modified-Since", seen["last-modified"])
end

local function check_redirects(request)
  local reads = (request.method == "GET" or request.method == "HEAD") and not request.body
  if request.max_redirects and request.max_redirects > 0 and not reads and request.method ~= "POST" then
    wrong "max_redirects is for GET, HEAD and POST"
  end
  request.max_redirects = request.max_redirects or reads and REDIRECTS or 0
end

local function check_together(request)
  local bodies = 0
  for _, name in ipairs(BODIES) do
    if request[name] ~= nil then bodies = bodies + 1 end
  end
  if bodies > 1 then wrong "body, form, json and multipart exclude each other" end
  if request.password and not request.user then wrong "password needs user" end
end

-- The options as the core takes them. `session`: whose request it is, or nil (wsbot.http.session).
local function prepare(options, session)
  if session then options = session.complete(options) end
  local request = given.read(options, known, "")
  if not request.url then wrong "url is missing" end
  request.method = request.method or "GET"
  request.cookies = session and session.cookies
  for name, value in pairs(DEFAULTS) do
    request[name] = request[name] or value
  end
  check_together(request)
  if request.query then request.url = with_query(request.url, request.query) end
  local has
  request.lines, has = header_lines(request.headers or {})
  local content_type = write_body(request, has)
  if content_type and not has["content-type"] then table.insert(request.lines, "Content-Type: " .. content_type) end
  if request.previous then ask_for_change(request, has) end
  check_redirects(request)
  return request
end

return { request = prepare, known = known }
