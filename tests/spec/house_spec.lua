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
      local there = os.execute(("test -e 'host/%s' -o -e '%s' -o -e 'host/net/%s' -o -e 'host/script/%s'")
        :format(path, path, path, path))
      if not there and not (found and path:find "^build") and not path:find "NAME" then wrong[#wrong + 1] = path end
    end
    assert.same({}, wrong)
  end)
end)
