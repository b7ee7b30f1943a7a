-- json: texts and tables, without a connection; by wsbot.json, or by cjson.
--
--     wsbot tests/bench/clients/json.lua MODULE MODE FILE COUNT SIZE KIND      see ../README.md
local module, mode, path, count, _, kind = table.unpack(arg)
local there, json = pcall(require, module)
if not there then
  io.stderr:write("no module ", module, "\n")
  os.exit(1)
end
if mode == "start" then
  print "up"
  host.stop()
  return
end
count = math.tointeger(count)

local texts = {}
for line in io.lines(path) do texts[#texts + 1] = line end

-- What a feed handler asks for, of `d`, and by pointers; "last": what stands at the end.
local fields = {
  trade = { "d.p, d.q, d.E", "/data/p", "/data/q", "/data/E" },
  depth = { "d.E, d.u, d.b[1][1]", "/data/E", "/data/u", "/data/b/0/0" },
  last = { "d.u, d.a[1][1], d.a[40][2]", "/data/u", "/data/a/0/0", "/data/a/39/1" },
}

local function each(list, from, to, call)
  local n = #list
  for i = from, to do call(list[i % n + 1]) end
end

local modes = {}

function modes.decode(from, to)
  each(texts, from, to, json.decode)
end

local values
function modes.encode(from, to)
  if not values then
    values = {}
    for i, text in ipairs(texts) do values[i] = json.decode(text) end
  end
  each(values, from, to, json.encode)
end

function modes.get(from, to)
  if not json.get then return modes.read(from, to, json.decode) end
  local get, n, _, a, b, c = json.get, #texts, table.unpack(fields[kind])
  for i = from, to do
    local x, y, z = get(texts[i % n + 1], a, b, c) -- luacheck: ignore
  end
end

function modes.view(from, to)
  if not json.view then os.exit(77) end
  modes.read(from, to, json.view)
end

-- Written out, as a bot would have it.
function modes.read(from, to, make)
  local code = [[
    local texts, make, from, to = ...
    local n = #texts
    for i = from, to do
      local d = make(texts[i % n + 1]).data
      local x, y, z = ]] .. fields[kind][1] .. " end"
  assert(load(code))(texts, make, from, to)
end

modes[mode](1, count // 10) -- does not count
local began = os.clock()
modes[mode](1, count)
print(("result %.3f %d"):format((os.clock() - began) * 1e6, count))
os.exit(0)
