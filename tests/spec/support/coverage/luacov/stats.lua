-- The file of a stand-in for LuaCov, in LuaCov's own format: for each file a line max:path and a line with the count of
-- each of its lines up to max, which may be 0.
local stats = {}

-- Counts by path and line; none where there is no file.
function stats.load(name)
  local data, file = {}, io.open(name)
  while file do
    local head, counts = file:read("l", "l")
    if not counts then break end
    local lines = {}
    for count in counts:gmatch "%d+" do lines[#lines + 1] = tonumber(count) end
    data[head:match "^%d+:(.*)"] = lines
  end
  if file then file:close() end
  return data
end

-- Numbers from 1 to the greatest key, with a 0 for each that is missing.
local function filled(lines)
  local most, list = 0, {}
  for line in pairs(lines) do most = math.max(most, line) end
  for line = 1, most do list[line] = lines[line] or 0 end
  return list
end

function stats.save(name, data)
  local file <close> = assert(io.open(name, "w"))
  for path, lines in pairs(data) do
    local list = filled(lines)
    file:write(#list, ":", path, "\n", table.concat(list, " "), " \n")
  end
end

return stats
