-- history: the lines typed at the prompt, in earlier runs as well. They are kept in a file that only its owner may
-- read, one entry on each line, with "\n" for a line end within an entry. Programs that run at the same time add to it
-- in turn.
local core = require "wsbot.connect.core"

local MOST = 1000 -- entries that are kept; the file is cut to them when it has twice as many
local LONGEST = 4096 -- bytes of an entry
local LARGEST = 2 * MOST * LONGEST -- bytes of the file that are looked at

local history = {}

local function encode(text)
  return (text:gsub("[\\\n]", { ["\\"] = "\\\\", ["\n"] = "\\n" }))
end

local function decode(line)
  return (line:gsub("\\(.)", function(c)
    return c == "n" and "\n" or c
  end))
end

-- The path of the file: WSBOT_HISTORY, with the name behind it where that is not "history"; else in the folder for
-- state of the XDG specification; nil: there is none.
local function find(name)
  local given = os.getenv "WSBOT_HISTORY"
  if given then return given ~= "" and given .. (name == "history" and "" or "." .. name) or nil end
  local state, home = os.getenv "XDG_STATE_HOME", os.getenv "HOME"
  if state and state:find "^/" then return state .. "/wsbot/" .. name end
  return home and home ~= "" and home .. "/.local/state/wsbot/" .. name or nil
end

-- The entries in the file, and whether there were too many.
local function read(path)
  local file = io.open(path, "r")
  if not file then return {}, false end
  local all = {}
  local size = file:seek "end" or 0
  file:seek("set", math.max(0, size - LARGEST))
  if size > LARGEST then file:read() end -- what is left of a line
  for line in file:lines() do
    if utf8.len(line) then all[#all + 1] = decode(line) end
  end
  file:close()
  return all, size > LARGEST or #all > 2 * MOST
end

local function rewrite(path, list)
  local file = io.open(path, "w")
  if not file then return end
  for _, text in ipairs(list) do
    file:write(encode(text), "\n")
  end
  file:close()
end

-- Opens the history that is kept in the file of that name. Returns the list of entries, the newest last, and a function
-- add(text) that puts one behind them. Where the file cannot be used, warn(message) is called, and the list has only
-- entries of this run.
function history.open(warn, name)
  local path = find(name)
  local list = {}
  if path then
    local ok, why = core.private(path)
    if not ok then
      warn(("cannot keep the history in %s: %s (WSBOT_HISTORY says where it is)"):format(path, why))
      path = nil
    else
      local all, too_many = read(path)
      table.move(all, math.max(1, #all - MOST + 1), #all, 1, list)
      if too_many then rewrite(path, list) end
    end
  end
  local function add(text)
    if text:find "^ " or text == list[#list] then return end
    list[#list + 1] = text
    if #list > MOST then table.remove(list, 1) end
    local file = path and #text <= LONGEST and io.open(path, "a")
    if not file then return end
    file:write(encode(text), "\n")
    file:close()
  end
  return list, add
end

return history
