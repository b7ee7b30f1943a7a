-- The report of a stand-in for LuaCov, in the shape of LuaCov's own: each file with the counts before its lines, *0
-- where one has not run, and a summary.
local stats = require "luacov.stats"

local reporter = {}

-- Is there something in the line that may run? What only begins or ends a block does not.
local function has_code(line)
  line = line:gsub("%-%-.*", ""):gsub("[%s)}%],;]", "")
  return line ~= "" and line ~= "end" and line ~= "else" and not line:find "^localfunction[%w_]+%("
end

local rule = ("="):rep(78)

local function write_heading(report, text)
  report:write(rule, "\n", text, "\n", rule, "\n")
end

-- Returns how many lines ran, and how many did not.
local function write_file(report, path, counts, width)
  local hits, missed, n = 0, 0, 0
  write_heading(report, path)
  for line in io.lines(path) do
    n = n + 1
    local mark = (" "):rep(width)
    if has_code(line) and (counts[n] or 0) > 0 then
      hits, mark = hits + 1, ("%" .. width .. "d"):format(counts[n])
    elseif has_code(line) then
      missed, mark = missed + 1, ("*"):rep(width - 1) .. "0"
    end
    report:write(line == "" and "" or mark .. " " .. line, "\n")
  end
  report:write "\n"
  return hits, missed
end

local function most(data)
  local count = 0
  for _, counts in pairs(data) do count = math.max(count, table.unpack(counts)) end
  return count
end

function reporter.report(configuration, includes)
  local data, paths = stats.load(configuration.statsfile), {}
  for path in pairs(data) do
    if includes(path) then paths[#paths + 1] = path end
  end
  table.sort(paths)
  local report <close> = assert(io.open(configuration.reportfile, "w"))
  local summary, width = {}, #tostring(most(data)) + 1
  for _, path in ipairs(paths) do
    local hits, missed = write_file(report, path, data[path], width)
    summary[#summary + 1] = ("%s %d %d %.2f%%\n"):format(path, hits, missed, 100 * hits / (hits + missed))
  end
  write_heading(report, "Summary")
  report:write("\nFile Hits Missed Coverage\n", table.concat(summary))
end

return reporter
