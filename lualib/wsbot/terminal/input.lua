-- input: the lines of standard input, where that is no prompt.
local console = require "wsbot.console"

local input = {}

-- Calls take(line) with each line of the input, without its end (LF, or CR LF; LF alone with `as_bytes`), and at last
-- with what stands behind the last line end. Returns true at the end of the input; false where a line is longer than
-- `most` bytes.
function input.each_line(most, as_bytes, take)
  local parts, size = {}, 0
  local function add(text)
    parts[#parts + 1] = text
    size = size + #text
    return size <= most
  end
  for bytes in console.read do
    local from = 1
    for to in bytes:gmatch "()\n" do
      if not add(bytes:sub(from, to - 1)) then return false end
      local text = table.concat(parts)
      if not as_bytes then text = text:gsub("\r$", "") end
      parts, size = {}, 0
      from = to + 1
      take(text)
    end
    if not add(bytes:sub(from)) then return false end
  end
  if size > 0 then take(table.concat(parts)) end
  return true
end

return input
