-- names: pages on the names of the API, by what lualib/meta says of them (wsbot.help.types). A page is a list of blocks
-- (wsbot.help.markdown).
local markdown = require "wsbot.help.markdown"

local names = {}

local function heading(level, text)
  return { kind = "heading", level = level, text = { { text = text } } }
end

-- The blocks of lines of a comment.
local function said(lines)
  return markdown.blocks(table.concat(lines, "\n"), "`")
end

local function add(blocks, more)
  return table.move(more, 1, #more, #blocks + 1, blocks)
end

-- "name?: string|number"
local function term_of(name, optional, type)
  local term = {}
  if name then term[1] = { text = name .. (optional and "?" or ""), style = "code" } end
  if name and type then term[2] = { text = ": " } end
  if type then term[#term + 1] = { text = type, style = "emphasis" } end
  return term
end

-- Fields, parameters and results.
local function terms_of(list)
  local terms = { kind = "terms", items = {} }
  for i, one in ipairs(list) do
    terms.items[i] = { term = term_of(one.name, one.optional, one.type), table.unpack(said(one.doc)) }
  end
  return terms
end

local function put_list(blocks, level, title, list)
  if #list == 0 then return end
  blocks[#blocks + 1] = heading(level, title)
  blocks[#blocks + 1] = terms_of(list)
end

-- "send(data, kind)", with the first sentence on it.
local function put_entries(blocks, level, title, entries)
  if #entries == 0 then return end
  local terms = { kind = "terms", items = {} }
  for i, entry in ipairs(entries) do
    local text = markdown.first_sentence(table.concat(entry.doc, "\n"), "`")
    terms.items[i] = { term = { { text = entry.name .. (entry.arguments or ""), style = "code" } },
      text ~= "" and { kind = "paragraph", text = { { text = text } } } or nil }
  end
  blocks[#blocks + 1] = heading(level, title)
  blocks[#blocks + 1] = terms
end

-------------------------------------------------------------------------------------------------------------- of a name

-- Each gives a page on an entry, whose headings begin at that level.
local pages = {}

pages["function"] = function(entry, level)
  local blocks = { heading(level, entry.name .. entry.arguments) }
  add(blocks, said(entry.doc))
  put_list(blocks, level + 1, "takes", entry.params)
  put_list(blocks, level + 1, "gives", entry.returns)
  return blocks
end

function pages.class(entry, level, methods)
  local blocks = { heading(level, entry.name) }
  add(blocks, said(entry.doc))
  if entry.parent then
    local text = ("It has what `%s` has as well."):format(entry.parent)
    blocks[#blocks + 1] = { kind = "paragraph", text = markdown.spans(text) }
  end
  put_list(blocks, level + 1, "fields", entry.fields)
  put_entries(blocks, level + 1, "methods", methods or {})
  return blocks
end

function pages.alias(entry, level)
  local blocks = { heading(level, entry.name) }
  add(blocks, said(entry.doc))
  blocks[#blocks + 1] = entry.type and { kind = "paragraph", text = term_of(nil, nil, entry.type) }
    or terms_of(entry.values)
  return blocks
end

-- A page on an entry, which for a class may list its methods.
function names.page(entry, level, methods)
  return pages[entry.kind](entry, level or 1, methods)
end

-- A page on a field of a class.
function names.field_page(class, field)
  return { heading(1, class .. "." .. field.name), terms_of { field } }
end

------------------------------------------------------------------------------------------------------------ of a module

-- A page on a module: what it is, and what is in it.
function names.module_page(module)
  local blocks = { heading(1, module.name) }
  add(blocks, said(module.doc))
  put_list(blocks, 2, "fields", module.fields)
  local functions, others = {}, {}
  for _, entry in ipairs(module.entries) do
    table.insert(entry.kind == "function" and functions or others, entry)
  end
  put_entries(blocks, 2, "functions", functions)
  put_entries(blocks, 2, "types", others)
  return blocks
end

-- All that is known of a module.
function names.whole_module(module)
  local blocks = { heading(1, module.name) }
  add(blocks, said(module.doc))
  if #module.fields > 0 then blocks[#blocks + 1] = terms_of(module.fields) end
  for _, entry in ipairs(module.entries) do
    local page = names.page(entry, 2)
    if #page > 1 or entry.kind == "function" then add(blocks, page) end
  end
  return blocks
end

------------------------------------------------------------------------------------------------------------- of options

-- What a text says of a default: "10"; and the text without that.
local function split_default(text)
  local before, at = text:match "^(.-)[;,.]?%s*[Dd]efault:?%s+()"
  if not at then return "", text end
  local to = (text .. " "):find("[;,.:]%s", at) or #text + 1
  return text:sub(at, to - 1), before == "" and text:sub(to):match "^[;,.:%s]*(.*)$" or before
end

-- A row: option, default, what it is, in short.
local function row_of(field)
  local text = markdown.plain(markdown.spans(table.concat(field.doc, " "), "`"))
  local default, rest = split_default(text)
  local short = rest:match "^(.-)[;.]%s" or rest:match "^(.-)%.?$"
  return { term_of(field.name), { { text = default } }, { { text = short } } }
end

local function option_table(fields)
  local rows = { { { { text = "option" } }, { { text = "default" } }, { { text = "what" } } } }
  for _, field in ipairs(fields) do
    if not field.name:find "^on_" then rows[#rows + 1] = row_of(field) end
  end
  return { kind = "table", rows = rows }
end

local function can_all_be_left_out(class)
  for _, field in ipairs(class.fields) do
    if not field.optional then return false end
  end
  return true
end

-- The class that a type names, where that is one of options.
local function class_in(type, classes)
  local class = not type:find("fun(", 1, true) and classes[type:match "[%w_]+%.[%w_.]+"]
  return class and can_all_be_left_out(class) and class or nil
end

-- The classes of options, each once: those that are called so, and behind them what they have as values.
local function option_classes(modules)
  local classes, list = {}, {}
  for _, module in ipairs(modules) do
    for _, entry in ipairs(module.entries) do
      if entry.kind == "class" then classes[entry.name] = entry end
    end
  end
  local function add_class(class)
    if class and classes[class.name] then list[#list + 1] = class end
    if class then classes[class.name] = nil end
  end
  for _, module in ipairs(modules) do
    for _, entry in ipairs(module.entries) do
      if entry.kind == "class" and entry.name:find "options$" then
        add_class(entry)
        for _, field in ipairs(entry.fields) do add_class(class_in(field.type, classes)) end
      end
    end
  end
  return list
end

-- A page on all options of functions, with their defaults.
function names.options_page(modules)
  local text = markdown.spans "In short; `wsbot help ws.options`, say, has types and all words."
  local blocks = { heading(1, "Options and their defaults"), { kind = "paragraph", text = text } }
  for _, class in ipairs(option_classes(modules)) do
    blocks[#blocks + 1] = heading(2, class.name)
    blocks[#blocks + 1] = option_table(class.fields)
  end
  return blocks
end

return names
