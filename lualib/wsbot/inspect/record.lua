-- wsbot.inspect.record: a file that --record has written, which the page reads in pieces.
local json = require "wsbot.json"

local PIECE <const> = 1 << 20    -- bytes
local LARGEST <const> = 256 << 20 -- of a file: the page keeps all of it
local FIRST_LINE <const> = 4096

local record = {}
record.__index = record

-- Is this how a record begins?
local function is_first_line(line)
  local ok, value = pcall(json.decode, line)
  return ok and type(value) == "table" and value.record == 1
end

-- Opens a file. nil and why not; the third result: there is no such file.
function record.open(path)
  local file, why = io.open(path, "rb")
  if not file then return nil, why, true end
  local size = file:seek "end"
  file:seek "set"
  local text = size and file:read(FIRST_LINE)
  if not text or not is_first_line(text:match "^[^\n]*") then
    file:close()
    return nil, path .. " is no record, as `wsbot run --record` writes them"
  end
  if size > LARGEST then
    file:close()
    return nil, ("%s has %d MiB: a record to look at has %d at most"):format(path, size >> 20, LARGEST >> 20)
  end
  return setmetatable({ file = file, size = size, name = path:match "[^/]*$", path = path }, record)
end

-- The bytes from a place on; "" where there are none.
function record:piece(from)
  if from >= self.size or not self.file:seek("set", from) then return "" end
  return self.file:read(math.min(PIECE, self.size - from)) or ""
end

return record
