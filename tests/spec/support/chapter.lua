-- chapter: the chapters of the manual, as their readers have them: by section and example.
local place = require "support.place"

local chapter = {}

local FOLDER <const> = "lualib/manual/"

-- The paths of all chapters, in the order of their names.
function chapter.paths()
  local list = {}
  local pipe <close> = assert(io.popen("ls " .. FOLDER .. "*.md"))
  for path in pipe:lines() do list[#list + 1] = path end
  return list
end

-- The Lua in a document, block by block.
function chapter.examples(path)
  local list = {}
  for text in place.read(path):gmatch "\n```lua\n(.-)\n```" do list[#list + 1] = text .. "\n" end
  return list
end

-- The sections of a chapter that have Lua: { title, examples }. What stands before the first heading has the title "".
function chapter.sections(name)
  local list, here, block = {}, { title = "", examples = {} }, nil
  for line in place.read(FOLDER .. name .. ".md"):gmatch "([^\n]*)\n" do
    if block and line == "```" then
      here.examples[#here.examples + 1] = table.concat(block, "\n") .. "\n"
      block = nil
    elseif block then
      block[#block + 1] = line
    elseif line == "```lua" then
      block = {}
    elseif line:find "^##+ " then
      here = { title = line:match "^#+ (.*)", examples = {} }
    end
    if list[#list] ~= here and #here.examples > 0 then list[#list + 1] = here end
  end
  return list
end

return chapter
