-- types: reads the types of lualib/meta (LuaCATS), as they are inside the program. What it gives is a list of modules:
--   name     "wsbot.calls"
--   class    "calls": what names in it begin with
--   doc      lines of Markdown, of which only ` is a mark
--   fields   as those of a class
--   entries  in the order of the file; each has a kind and a name:
--     class     "calls.options", parent, doc, fields: { name, optional, type, doc }
--     alias     "ws.kind", doc, and type or values: { type, doc }
--     function  "ws.connection:send", alias = "connection:send", arguments = "(data, kind)", doc, params: as fields,
--               returns: { type, name, doc }
local types = {}

-------------------------------------------------------------------------------------------------------- types in a line

local read_type

-- One type without others beside it: "x", fun(...): y, { ... }, (a|b), table<k, v>, name.
local function read_atom(text, at)
  local behind = text:match('^"[^"]*"()', at) or text:match("^%b{}()", at) or text:match("^%b()()", at)
  if behind then return behind end
  behind = text:match("^fun%b()()", at)
  if not behind then return text:match("^[%w_.]+%b<>()", at) or text:match("^[%w_.]+()", at) end
  local result = text:match("^: ?()", behind)
  while result do
    behind = read_type(text, result)
    result = text:match("^, ()", behind)
  end
  return behind
end

-- The place behind the type that begins at `at`; nil: none begins there.
function read_type(text, at)
  local behind = read_atom(text, at)
  while behind do
    behind = text:match("^[%[%]?]+()", behind) or behind
    local next_one = text:match("^|()", behind)
    if not next_one then break end
    behind = read_atom(text, next_one)
  end
  return behind
end

-- "string? data  what came" -> "string?", "data  what came"
local function split(text)
  local behind = read_type(text, 1) or #text + 1
  return text:sub(1, behind - 1), text:sub(behind):match "^%s*(.-)%s*$"
end

-------------------------------------------------------------------------------------------------------------- the lines

local module -- that is being read
local owners -- classes, by the names of the locals that stand for them
local block  -- what stands above a function or a class, as far as it was read

-- Takes the class or alias that was read, if one was, and begins anew.
local function finish()
  local entry = block and (block.class or block.alias)
  if entry then
    entry.doc = block.doc
    table.insert(module.entries, entry)
  end
  block = { doc = {}, params = {}, returns = {} }
end

local tags = {}

function tags.class(rest)
  local name, parent = rest:match "^([%w_.]+):? ?(.*)$"
  block.class = { kind = "class", name = name, parent = parent ~= "" and parent or nil, fields = {} }
end

function tags.field(rest)
  local name, optional, text = rest:match "^(%S-)(%??) (.*)$"
  if name:find "^%[" then name, optional, text = rest:match "^(%b[])(%??) (.*)$" end
  local type, doc = split(text)
  local field = { name = name, optional = optional ~= "", type = type, doc = { doc } }
  table.insert(block.class.fields, field)
  block.more = field.doc
end

function tags.alias(rest)
  if block.alias then finish() end
  local name, text = rest:match "^(%S+) ?(.*)$"
  block.alias = { kind = "alias", name = name, values = {}, type = text ~= "" and split(text) or nil }
end

function tags.param(rest)
  local name, optional, text = rest:match "^([%w_.]+)(%??) (.*)$"
  local type, doc = split(text)
  local param = { name = name, optional = optional ~= "", type = type, doc = { doc } }
  table.insert(block.params, param)
  block.more = param.doc
end

tags["return"] = function(rest)
  local type, text = split(rest)
  local name, doc = text:match "^([%w_]+)%s*(.*)$"
  if text:find "^%.%.%." then name, doc = "...", text:match "^%.%.%.%s*(.*)$" end
  local result = { type = type, name = name, doc = { doc or text } }
  table.insert(block.returns, result)
  block.more = result.doc
end

-- A line that begins with ---
local function read_comment(line)
  local tag, rest = line:match "^@(%l+) ?(.*)$"
  if tag then
    if tags[tag] then tags[tag](rest) end
    return
  end
  local value, doc = line:match '^| (%b"") *#? ?(.*)$'
  if value then
    table.insert(block.alias.values, { type = value, doc = { doc } })
  else
    table.insert(block.more or block.doc, block.more and line:match "^%s*(.*)$" or line)
  end
end

---------------------------------------------------------------------------------------------------------------- modules

-- A line of Lua, or none, below a block.
local function read_code(line)
  local owned = line:match "^local ([%w_]+) = {}$" or line:match "^([%w_]+) = {}$"
  local owner, mark, name, arguments = line:match "^function ([%w_]+)([.:])([%w_]+)(%b()) end$"
  if owned and block.class then
    owners[owned] = block.class.name
  elseif owned then
    owners[owned], module.class, module.doc = owned, module.name, block.doc
  elseif owner then
    table.insert(module.entries, { kind = "function", name = owners[owner] .. mark .. name,
      alias = owner .. mark .. name, arguments = arguments, doc = block.doc, params = block.params,
      returns = block.returns })
  end
  finish()
end

-- The class that stands for the module itself: its text and fields are the module's.
local function take_main()
  for i, entry in ipairs(module.entries) do
    if entry.kind == "class" and (entry.name == module.name or "wsbot." .. entry.name == module.name) then
      module.class, module.doc, module.fields = entry.name, entry.doc, entry.fields
      table.remove(module.entries, i)
      return
    end
  end
end

-- Reads a file.
local function read(text)
  module, owners, block = { entries = {}, fields = {}, name = text:match "^%-%-%-@meta (%S+)" }, {}, nil
  finish()
  for line in text:gmatch "([^\n]*)\n" do
    local comment = line:match "^%-%-%-([^-].*)$" or line == "---" and ""
    if comment and not comment:find "^@meta" then
      read_comment(comment)
    elseif not comment then
      read_code(line)
    end
  end
  take_main()
  return module
end

-- The modules of a list of { name, text }, in its order.
function types.read(files)
  local modules = {}
  for i, file in ipairs(files) do modules[i] = read(file.text) end
  return modules
end

return types
