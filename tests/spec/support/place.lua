-- place: a folder for the files of a run; it goes when the run has ended.
local uv = require "luv"

local place = {}

place.root = assert(uv.fs_mkdtemp((os.getenv "TMPDIR" or "/tmp") .. "/wsbot-spec-XXXXXX"))
place.keeper = setmetatable({}, {
  __gc = function() -- not by luv, whose requests nobody would free any more
    os.execute(("rm -rf '%s'"):format(place.root))
  end,
})

local count = 0

-- A new folder with these files (texts by name), or empty.
function place.folder(files)
  count = count + 1
  local path = place.root .. "/" .. count
  assert(uv.fs_mkdir(path, tonumber("700", 8)))
  for name, text in pairs(files or {}) do place.file(path .. "/" .. name, text) end
  return path
end

-- Writes a file and returns its path. A path that does not begin with / is in a new folder.
function place.file(name, text)
  local path = name:sub(1, 1) == "/" and name or place.folder() .. "/" .. name
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  return path
end

-- The text of a file.
function place.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "a"
  file:close()
  return text
end

return place
