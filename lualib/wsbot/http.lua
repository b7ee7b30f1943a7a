-- wsbot.http: requests to web servers, for tasks that wait. Options are checked and written out here; wsbot.http.core
-- sends what is left, by libcurl.

local core = require "wsbot.http.core"
local number = require "wsbot.number"
local response = require "wsbot.response"
local fit = require "wsbot.shown"

local http = {}

local DEFAULTS = { timeout = 30, connect_timeout = 10, max_size = 16 * 1024 * 1024 }
local REDIRECTS = 10

---------------------------------------------------------------------------------------------------------- what is wrong

-- Raised as an error of the function `what`, at the place in the script that called it.
local mistake = {}

local function wrong(format, ...)
  error(setmetatable({ message = format:format(...) }, mistake), 0)
end

-- A text as an error may show it: cut and escaped.
local function shown(text)
  return fit.line(text:sub(1, 200))
end

-- How many letters must be added, removed or changed to make b of a.
local function distance(a, b)
  local row = {}
  for j = 0, #b do
    row[j] = j
  end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local change = corner + (a:byte(i) == b:byte(j) and 0 or 1)
      corner = row[j]
      row[j] = math.min(change, corner + 1, row[j - 1] + 1)
    end
  end
  return row[#b]
end

local function check_names(options, known, prefix)
  for name in pairs(options) do
    if type(name) ~= "string" then wrong("options have names; found a value at [%s]", tostring(name)) end
    if not known[name] then
      local best, least = nil, #name // 3 + 2
      for candidate in pairs(known) do
        local d = #name <= 40 and distance(name, candidate) or math.huge
        if d < least or (d == least and best and candidate < best) then best, least = candidate, d end
      end
      local meant = best and (" (did you mean '%s%s'?)"):format(prefix, best) or ""
      wrong("unknown option '%s%s'%s", prefix, shown(name), meant)
    end
  end
end

--------------------------------------------------------------------------------------------------- readers of options

local function a_secret(value, name)
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  if value:find("\0", 1, true) then wrong("%s has a NUL in it", name) end
  return value
end

local function a_string(value, name)
  if a_secret(value, name):find "[\r\n]" then wrong("%s has a CR or LF in it", name) end
  return value
end

local function seconds(value, name)
  if type(value) ~= "number" then wrong("%s must be a number, not %s", name, type(value)) end
  if value <= 0 or value ~= value then wrong("%s must be more than 0 seconds", name) end
  return value
end

local function whole(least, most)
  return function(value, name)
    local n = type(value) == "number" and math.tointeger(value)
    if not n or n < least or n > most then
      wrong("%s must be a whole number from %d to %d, not %s", name, least, most, tostring(value))
    end
    return n
  end
end

-- RFC 9110 5.6.2
local function is_token(text)
  return text:find "^[%w!#$%%&'*+.^_`|~-]+$"
end

local function a_method(value, name)
  if not is_token(a_string(value, name)) then wrong("%s '%s' is not a token", name, shown(value)) end
  return value:upper()
end

-- An address without the user and password that are both empty, which libcurl would send.
local function without_nobody(url)
  return (url:gsub("^(%a[%w+.-]*://):?@", "%1"))
end

local function a_proxy(value, name)
  if value == false then return "" end
  if type(value) ~= "string" then wrong("%s must be a string or false, not %s", name, type(value)) end
  if value == "" or value:find "[%c ]" then wrong("%s '%s' is not the address of a proxy", name, fit.address(value)) end
  return without_nobody(value)
end

local function a_flag(value, name)
  if type(value) ~= "boolean" then wrong("%s must be true or false, not %s", name, type(value)) end
  return value
end

local function a_table(value, name)
  if type(value) ~= "table" then wrong("%s must be a table, not %s", name, type(value)) end
  return value
end

local function a_version(value, name)
  value = tostring(value)
  if value ~= "1.2" and value ~= "1.3" then wrong('%s must be "1.2" or "1.3"', name) end
  return value
end

local tls_options = {
  ca_file = a_string, ca_path = a_string, cert = a_string, key = a_string, key_password = a_secret,
  verify = a_flag, min_version = a_version,
}

local function read(options, known, prefix)
  check_names(options, known, prefix)
  local values, names = {}, {}
  for name in pairs(options) do
    names[#names + 1] = name
  end
  table.sort(names) -- so that the first error is always the same
  for _, name in ipairs(names) do
    values[name] = known[name](options[name], prefix .. name)
  end
  return values
end

local function a_tls(value, name)
  local tls = read(a_table(value, name), tls_options, "tls.")
  if tls.cert and not tls.key then wrong "tls.cert needs tls.key" end
  if tls.key and not tls.cert then wrong "tls.key needs tls.cert" end
  tls.no_verify = tls.verify == false
  tls.only_1_3 = tls.min_version == "1.3"
  return tls
end

local function anything(value)
  return value
end

local function a_body(value, name)
  if type(value) == "table" then wrong("%s must be a string, not a table (json = or form = write one out)", name) end
  if type(value) ~= "string" then wrong("%s must be a string, not %s", name, type(value)) end
  return value
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
  url = a_url, method = a_method, headers = a_table, query = a_table,
  body = a_body, form = a_table, json = anything,
  timeout = seconds, connect_timeout = seconds, max_size = whole(1, 1 << 40), max_redirects = whole(0, 100),
  proxy = a_proxy, local_address = a_string, tls = a_tls, user = a_string, password = a_secret,
  redirect_headers = a_flag,
}

------------------------------------------------------------------------------------------------- what they are made of

local function sorted_names(map, what)
  local names = {}
  for name in pairs(map) do
    if type(name) ~= "string" then wrong("%s must map names to values; found a %s as a name", what, type(name)) end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

-- Calls add(name, value) for all entries, ordered by name; a list has an entry for each of its values.
local function each(map, what, add)
  for _, name in ipairs(sorted_names(map, what)) do
    local values = map[name]
    if type(values) ~= "table" then
      add(name, values)
    else
      for _, value in ipairs(values) do
        add(name, value)
      end
    end
  end
end

local function encode(text)
  return (text:gsub("[^%w._~-]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

-- A table as it stands in a query or a form.
local function pairs_of(map, what)
  local parts = {}
  each(map, what, function(name, value)
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

local owned = { ["content-length"] = true, ["transfer-encoding"] = true, connection = true, upgrade = true }

local function header_lines(headers)
  local lines, has_type = {}, false
  each(headers, "headers", function(name, value)
    if type(value) ~= "string" and type(value) ~= "number" then
      wrong("header '%s' must be a string or a list of strings, not %s", shown(name), type(value))
    end
    value = number.text(value):match "^[ \t]*(.-)[ \t]*$"
    if not is_token(name) then wrong("header '%s': its name is not a header name", shown(name)) end
    if value:gsub("\t", ""):find "%c" then
      wrong("header '%s': its value has a control character (CR, LF, NUL, ...)", shown(name))
    end
    if owned[name:lower()] then wrong("header '%s': it is the host's to send", name) end
    has_type = has_type or name:lower() == "content-type"
    lines[#lines + 1] = value == "" and name .. ";" or name .. ": " .. value
  end)
  return lines, has_type
end

-- cjson learns what a decimal point is when it is loaded, and reads numbers by that. It is called where it is right.
local function decoder(cjson)
  local plain = pcall(number.plainly, cjson.decode, "[0.5]")
  return plain and function(text)
    return number.plainly(cjson.decode, text)
  end or cjson.decode
end

local function to_json(value)
  local found, cjson = pcall(require, "cjson")
  if not found then wrong("json needs the module cjson (Debian: lua-cjson):\n%s", cjson) end
  local ok, text = pcall(number.plainly, cjson.encode, value)
  if not ok then wrong("json: %s", text) end
  return text
end

-- The options as the core takes them.
local function prepare(options)
  local request = read(options, known, "")
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
    request.body, content_type = to_json(options.json), "application/json"
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

local methods = {}

---Decodes the body: the value, or nil and a message.
function methods:json()
  local found, cjson = pcall(require, "cjson")
  if not found then error("http: json() needs the module cjson (Debian: lua-cjson):\n" .. cjson, 2) end
  local ok, value = pcall(decoder(cjson), self.body)
  if not ok then return nil, "the body is not JSON: " .. value end
  return value
end

---The values of all header lines of that name, in order.
function methods:all(name)
  local values = {}
  for i = 1, #self.lines, 2 do
    if self.lines[i]:lower() == name:lower() then values[#values + 1] = self.lines[i + 1] end
  end
  return values
end

local answer = {
  __name = "http.response",
  __index = methods,
  __tostring = function(res)
    return ("http.response: %d %s (%d bytes)"):format(res.status, res.reason, #res.body)
  end,
}

local function make_answer(parts)
  local lines = table.move(parts, 1, #parts, 1, {})
  local res = response(parts)
  res.lines = lines
  res.ok = res.status >= 200 and res.status <= 299
  res.url = res.url:gsub("^(%a+://)[^/?#]*@", "%1")
  return setmetatable(res, answer)
end

------------------------------------------------------------------------------------------------------------- requests

-- `level` is that of the script's call, seen from the caller.
local function perform(what, options, level)
  local ok, request = pcall(prepare, options)
  if not ok then
    if getmetatable(request) ~= mistake then error(request, 0) end
    error(what .. ": " .. request.message, level + 1)
  end
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

-- The options of a call that has its url, and perhaps its body, before them.
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

return http
