-- wsbot.control.inside: what runs in the bot's own generation for a client of the control socket. Each function gets a
-- text, and put(text), which shows something at once; what it returns is shown at the end.
local host = require "host"
local value = require "wsbot.value"

local RESULT <const> = 1 << 20 -- bytes

local inside = {}

-- The connections, by their names and ids.
local function connections()
  local all = {}
  for _, conn in ipairs(value.connections()) do all[conn.name or conn.id] = conn end
  return all
end

-- What the code sees: all globals, print, which shows in the prompt, and `conns`. What it assigns is a global.
local function environment(put)
  local env = { conns = connections() }
  function env.print(...)
    local texts = table.pack(...)
    for i = 1, texts.n do texts[i] = tostring(texts[i]) end
    put(table.concat(texts, "\t") .. "\n")
  end
  return setmetatable(env, { __index = _G, __newindex = _G })
end

local function compile(code, env)
  local fn = load("return " .. code, "=attach", "t", env)
  if fn then return fn end
  local why
  fn, why = load(code, "=attach", "t", env)
  return fn or error(why, 0)
end

-- Runs Lua code: an expression, or statements. What it gives, as text.
function inside.run(code, put)
  local results = table.pack(compile(code, environment(put))())
  local texts, size = {}, 0
  for i = 1, results.n do
    texts[i] = value.text(results[i])
    size = size + #texts[i]
    if size > RESULT then
      texts[i] = ("... (%d of %d values are shown)"):format(i - 1, results.n)
      break
    end
  end
  return table.concat(texts, ", ")
end

-- The value that a path of names leads to, without metamethods.
local function follow(path)
  local at = setmetatable({ conns = connections() }, { __index = _G })
  local first = true
  for name in path:gmatch "[%w_]+" do
    if type(at) ~= "table" then return nil end
    at = first and at[name] or not first and rawget(at, name)
    first = false
  end
  return at
end

-- Of a connection.
local fields <const> = { "binary_type", "buffered_amount", "bytes_in", "bytes_out", "closed", "id", "latency",
  "local_address", "messages_in", "messages_out", "name", "protocol", "remote_address", "rotation", "state", "tls",
  "url" }

local function add_names(found, names, stem)
  for name in pairs(names) do
    if type(name) == "string" and name:find "^[%a_][%w_]*$" and name:sub(1, #stem) == stem then found[name] = true end
  end
end

-- How the last word of a line may go on: names, one on each line.
function inside.complete(line)
  local found, list = {}, {}
  line = line:sub(-200) -- a pattern that is not anchored looks from each place of it
  local path, stem = line:match "([%a_][%w_%.]*)[.:]([%w_]*)$"
  if not path then
    stem = line:match "([%a_][%w_]*)$" or ""
    add_names(found, _G, stem)
    add_names(found, { conns = true }, stem)
  else
    local at = follow(path)
    if type(at) == "table" then add_names(found, at, stem) end
    local methods = value.methods(at)
    local names = methods and table.move(fields, 1, #fields, #methods + 1, methods) or {}
    for i = #names, 1, -1 do names[names[i]] = true end
    add_names(found, names, stem)
  end
  for name in pairs(found) do list[#list + 1] = name end
  table.sort(list)
  return table.concat(list, "\n", 1, math.min(#list, 200))
end

-- host.state: each name with its value.
function inside.state()
  local lines = {}
  for name in value.states():gmatch "(%Z+)%z" do lines[#lines + 1] = name .. " = " .. value.text(host.state(name)) end
  table.sort(lines)
  return table.concat(lines, "\n")
end

return inside
