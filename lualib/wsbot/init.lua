-- wsbot.init: `wsbot init DIR`, a project to begin with. All files are looked for before one is written, and where one
-- cannot be written those before it are taken away again: there is a whole project, or nothing.
local core = require "wsbot.init.core"
local files = require "wsbot.init.files"

local function fail(message)
  io.stderr:write("wsbot init: ", message, "\n")
  os.exit(1, true)
end

-- A word of the command line for a shell, where it needs quotes.
local function quoted(word)
  if not word:find "[^%w%./_+-]" then return word end
  return "'" .. word:gsub("'", "'\\''") .. "'"
end

-- The folder of the types: the installed one beside the program, else that of the source tree in which it was built.
local function find_meta()
  local folder = (core.program() or ""):match "^(.*)/[^/]*$"
  for _, place in ipairs { "/../share/wsbot/meta", "/../lualib/meta" } do
    local meta = folder and core.real(folder .. place)
    if meta and core.is_there(meta .. "/ws.lua") then return meta end
  end
end

-- What the bot is called: as its folder, but for what does not go into the name of a service.
local function name_of(folder)
  local name = folder:match("[^/]*$"):gsub("[^%w_.-]", "-"):gsub("^[.-]+", ""):sub(1, 64)
  return name ~= "" and name or "bot"
end

-- Folders have a slash at their end.
local function make(path, text)
  if text then return core.file(path, text) end
  return core.folder(path)
end

local function remove(made)
  for i = #made, 1, -1 do os.remove(made[i]) end
end

-- Writes the files of the list, in folders that are made where they are missing; `made` has what was made before.
local function write(folder, list, made)
  for _, file in ipairs(list) do
    local path = folder .. "/" .. file.path
    local done, why = make(path, file.text)
    if done == nil then
      remove(made)
      fail(("cannot make %s: %s; nothing was written"):format(path, why))
    end
    if done then made[#made + 1] = path end
  end
end

local function refuse_what_is_there(folder, list, made)
  for _, file in ipairs(list) do
    local path = folder .. "/" .. file.path
    if file.text and core.is_there(path) then
      remove(made)
      fail(path .. " is there already: nothing was written. Move it away, or choose another folder")
    end
  end
end

local function tell(folder, list, meta)
  local paths = {}
  for _, file in ipairs(list) do
    if file.text then paths[#paths + 1] = file.path end
  end
  print(("%s has now %s.\n\nNext:\n"):format(folder, table.concat(paths, ", ")))
  if folder ~= "." then print("    cd " .. quoted(folder)) end
  print "    wsbot test                                    # its spec: all is well"
  print "    wsbot run --watch --with-echo bot.lua         # it runs; edit bot.lua, and save"
  if folder == "." then print "    wsbot check bot.lua                           # what it declares" end
  if meta then return end
  print("\nThe types of wsbot (share/wsbot/meta) were not found beside the program. To have your editor know them, add"
    .. "\ntheir folder to workspace.library in .luarc.json.")
end

local folder, made = arg.operand:gsub("(.)/+$", "%1"), {}
local was_made, why = core.folder(folder)
if was_made == nil then
  fail(("cannot use the folder %s: %s%s"):format(folder, why,
    why == "No such file or directory" and " (the folder above it has to be there)" or ""))
end
if was_made then made[1] = folder end

local meta = find_meta()
local list = files.of(name_of(assert(core.real(folder))), meta)
refuse_what_is_there(folder, list, made)
write(folder, list, made)
tell(folder, list, meta)
os.exit(0, true)
