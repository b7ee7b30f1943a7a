-- The map of host/ (host/README.md) names every file that is there, and none that is not.
local place = require "support.place"

local function files_of(folder)
  local list = {}
  local pipe <close> = assert(io.popen("find " .. folder .. " -type f -name '*.[ch]'"))
  for path in pipe:lines() do list[#list + 1] = path:sub(#folder + 2) end
  table.sort(list)
  return list
end

describe("the map of the house", function()
  local map = place.read "host/README.md"

  it("names every file, by its name in backticks", function()
    local known, missing = {}, {}
    for name in map:gmatch "`([%w_/.]+)`" do
      known[name:gsub("%.[ch]$", ""):match "[^/]*$"] = true
    end
    known["main"] = map:find("main.c", 1, true) ~= nil
    for _, file in ipairs(files_of "host") do
      local stem = file:match "([^/]*)%.[ch]$"
      if not known[stem] then missing[#missing + 1] = file end
    end
    assert.same({}, missing)
  end)

  it("names no file that is not there", function()
    local wrong = {}
    for path in map:gmatch "`([%w_]+/[%w_/.]*)`" do
      local found = path:find "^tests/" or path:find "^lualib/" or path:find "^build" or path:find "NAME"
      local tests = {}
      for i, folder in ipairs { "host/", "", "host/net/", "host/script/", "host/app/" } do
        tests[i] = ("-e '%s%s'"):format(folder, path)
      end
      local there = os.execute("test " .. table.concat(tests, " -o "))
      if not there and not (found and path:find "^build") and not path:find "NAME" then wrong[#wrong + 1] = path end
    end
    assert.same({}, wrong)
  end)
end)

-- What a kind of option (host/net/option.h) is for an editor, and as what its default is written.
local types = {
  FLAG = "boolean", NOT = "boolean", SECONDS = "number", TIMEOUT = "number", FACTOR = "number", BYTES = "integer",
  WHOLE = "integer", TEXT = "string", SECRET = "string", NAME = "string", ORIGIN = "string",
  LIST = "string|string[]", CODES = "integer[]", PROTOCOLS = "string[]", PROXY = "string|false",
  BINARY = '"blob"|"arraybuffer"', HEADERS = "table<string, string|string[]>|fun(conn: ws.connection): table",
  URL = "string|fun(conn: ws.connection): string", RESOLVE = "table<string, string|string[]>",
  ROWS = "ws.%s", SWITCHED = "boolean|ws.%s", COOKIES = "boolean|http.session",
}
local boolean = { FLAG = true, NOT = true, SWITCHED = true, COOKIES = true }

local function default_of(kind, usual)
  if boolean[kind] then return usual and "true" or "false" end
  if usual == "DEFLATE_THRESHOLD" then return "64" end
  return usual and usual:gsub(" %* MIB$", " MiB")
end

-- The rows: { name, kind, default }, by table: "" for those of ws.connect itself.
local function rows_of(...)
  local rows = {}
  for _, file in ipairs { ... } do
    for row in place.read(file):gmatch '    {("[%w_.]+", OPTION_.-)},\n' do
      local full, kind = row:match '^"([%w_.]+)", OPTION_(%u+)'
      local group, name = full:match "^(.*)%.(.*)$"
      rows[#rows + 1] = { name or full, kind, default_of(kind, row:match "%.usual = ([^,}]+)"), group = group or "" }
    end
  end
  return rows
end

describe("an option of ws.connect", function()
  local rows = rows_of("host/net/dial/options.c", "host/net/tls/options.c")
  local meta = place.read("lualib/meta/ws.lua"):gsub("([^\n])\n%-%-%-([^@])", "%1 %2")
  local classes = { [""] = "options", compression = "compression", reconnect = "reconnect", rotate = "rotate",
    tls = "tls" }

  local function class(name) return assert(meta:match("%-%-%-@class ws%." .. name .. "\n(.-\n)\n"), name) end

  it("has its type, and the default that it is said to have, in lualib/meta/ws.lua", function()
    assert.is_true(#rows > 40)
    for _, row in ipairs(rows) do
      local name, kind, default = table.unpack(row)
      local line = class(classes[row.group]):match("%-%-%-@field " .. name .. "%?? ([^\n]*)\n")
      assert(line, name .. " has no @field")
      local expected = types[kind] and types[kind]:format(name)
      assert(not expected or line:sub(1, #expected) == expected, ("%s: not %s, but %s"):format(name, expected, line))
      local says = line:lower():match "default ([^;:.,]*)"
      assert(not default or (not says and boolean[kind]) or (says and says:find(default:lower(), 1, true) == 1),
        ("%s: no default %s in: %s"):format(name, default, line))
    end
  end)

  it("has a row, where it has a type", function()
    local known = {}
    for _, row in ipairs(rows) do known[classes[row.group] .. "." .. row[1]] = true end
    for _, name in pairs(classes) do
      for field in class(name):gmatch "@field ([%w_]+)" do
        assert(field:find "^on_" or known[name .. "." .. field], name .. "." .. field .. " has no row")
      end
    end
  end)
end)

-- The words of an alias of LuaCATS: ---| "dns"
local function words_of(file, alias)
  local words = {}
  local lines = place.read(file):match("%-%-%-@alias " .. alias:gsub("%.", "%%.") .. "\n(.-)\n\n")
  for word in lines:gmatch '%-%-%-| "([%w_]+)"' do words[word] = true end
  return words
end

describe("a word", function()
  local fault_words = place.read("host/base/err.c"):match "fault_words%[FAULT_KINDS%] = (%b{})"

  it("of on_error stands in lualib/meta/ws.lua, and nothing else does", function()
    local words = {}
    local kinds = place.read("host/base/err.h"):match "what on_error tells.-\n(.-)\n\n"
    for kind in kinds:gmatch "FAULT_[%u_0-9]+" do words[fault_words:match("%[" .. kind .. '%] = "([%w_]+)"')] = true end
    assert.same(words, words_of("lualib/meta/ws.lua", "ws.error"))
  end)

  it("of http is one of the program's", function()
    for word in pairs(words_of("lualib/meta/http.lua", "http.error")) do
      assert(fault_words:find('"' .. word .. '"', 1, true), word)
    end
  end)

  it("is the name of a callback where a connection has one of that name", function()
    local named, typed = {}, {}
    local names = place.read("host/script/ws/arguments.c"):match "callback_names%[CALLBACKS%] = (%b{})"
    for name in names:gmatch '"(on_[%w_]+)"' do named[name] = true end
    local class = place.read("lualib/meta/ws.lua"):match "%-%-%-@class ws%.options\n(.-)\n\n"
    for name in class:gmatch "@field (on_[%w_]+)" do typed[name] = true end
    assert.same(named, typed)
  end)
end)
