-- wsbot.http: requests to web servers, for tasks that wait. Options are checked and written out here; wsbot.http.core
-- sends what is left, by libcurl.

local core = require "wsbot.http.core"
local given = require "wsbot.http.options"
local message_of = require "wsbot.http.message"
local serving = require "wsbot.http.serve"
local number = require "wsbot.number"
local fit = require "wsbot.shown"

local http = {}

local wrong, shown = given.wrong, given.shown

local DEFAULTS = { timeout = 30, connect_timeout = 10, max_size = 16 * 1024 * 1024 }
local REDIRECTS = 10

--------------------------------------------------------------------------------------------------- readers of options

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
  if value:find "[%c ]" then wrong("url '%s': it has a control character or a space", fit.address(value)) end
  if not value:find "^[hH][tT][tT][pP][sS]?://[^/?#]" then
    wrong("url '%s': it must begin with http:// or https:// and a host", fit.address(value))
  end
  return without_nobody(value)
end

local known = {
  url = a_url, method = a_method, headers = given.a_table, query = given.a_table,
  body = given.a_body, form = given.a_table, json = given.anything,
  timeout = given.seconds, connect_timeout = given.seconds, max_size = given.whole(1, 1 << 40),
  max_redirects = given.whole(0, 100), redirect_headers = given.a_flag,
  proxy = a_proxy, local_address = given.a_string, tls = a_tls, user = given.a_string, password = given.a_secret,
}

------------------------------------------------------------------------------------------------- what they are made of

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

-- Header lines as libcurl takes them: one without a value ends with ';'.
local function header_lines(headers)
  local lines, has_type = {}, false
  given.each_header(headers, function(name, value, key)
    has_type = has_type or key == "content-type"
    lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
  end)
  return lines, has_type
end

-- The options as the core takes them.
local function prepare(options)
  local request = given.read(options, known, "")
  if not request.url then wrong "url is missing" end
  request.method = request.method or "GET"
  for name, value in pairs(DEFAULTS) do
    request[name] = request[name] or value
  end
  local bodies = 0
  for _, name in ipairs { "body", "form", "json" } do
    if options[name] ~= nil then bodies = bodies + 1 end
  end
  if bodies > 1 then wrong "body, form and json exclude each other" end
  if request.password and not request.user then wrong "password needs user" end
  if request.query then request.url = with_query(request.url, request.query) end
  local has_type
  request.lines, has_type = header_lines(request.headers or {})
  local content_type
  if options.json ~= nil then
    request.body, content_type = given.to_json(options.json), "application/json"
  elseif request.form then
    request.body, content_type = pairs_of(request.form, "form"), "application/x-www-form-urlencoded"
  end
  if content_type and not has_type then table.insert(request.lines, "Content-Type: " .. content_type) end
  local reads = (request.method == "GET" or request.method == "HEAD") and not request.body
  if request.max_redirects and request.max_redirects > 0 and not reads and request.method ~= "POST" then
    wrong "max_redirects is for GET, HEAD and POST"
  end
  request.max_redirects = request.max_redirects or reads and REDIRECTS or 0
  return request
end

----------------------------------------------------------------------------------------------------------- the answers

local answer = {
  __name = "http.response",
  __index = message_of.methods,
  __tostring = function(res)
    return ("http.response: %d %s (%d bytes)"):format(res.status, res.reason, #res.body)
  end,
}

local function make_answer(parts)
  local res = message_of.make(parts, answer)
  res.ok = res.status >= 200 and res.status <= 299
  res.url = res.url:gsub("^(%a+://)[^/?#]*@", "%1")
  return res
end

------------------------------------------------------------------------------------------------------------- requests

-- `level` is that of the script's call, seen from the caller.
local function perform(what, options, level)
  local ok, request = given.try(prepare, options)
  if not ok then error(what .. ": " .. request, level + 1) end
  local can, why = pcall(core.check, what)
  if not can then error(why, level + 1) end
  local parts, word, message = core.perform(request)
  if parts then return make_answer(parts) end
  if word == "url" then error(("%s: url '%s': %s"):format(what, fit.address(request.url), message), level + 1) end
  if word == "library" then error(what .. ": " .. message, level + 1) end
  return nil, word, message
end

function http.request(options)
  if type(options) ~= "table" then
    error(("http.request: expected a table { url = ..., ... }, not %s"):format(type(options)), 2)
  end
  local res, word, message = perform("http.request", options, 2)
  return res, word, message
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

for _, method in ipairs { "GET", "HEAD", "DELETE" } do
  local name = method:lower()
  http[name] = function(url, options)
    local res, word, message = perform("http." .. name, spelt_out("http." .. name, method, url, nil, options), 2)
    return res, word, message
  end
end

for _, method in ipairs { "POST", "PUT", "PATCH" } do
  local name = method:lower()
  http[name] = function(url, body, options)
    local res, word, message = perform("http." .. name, spelt_out("http." .. name, method, url, body, options), 2)
    return res, word, message
  end
end

-- A web server: see wsbot.http.serve.
function http.serve(options)
  local server = serving.open("http.serve", options, 2)
  return server
end

return http
