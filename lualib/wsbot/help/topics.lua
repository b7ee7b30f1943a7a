-- topics: what `wsbot help` knows of: chapters, commands, options, variables, modules and the names in them. A topic
-- has a name, a summary, and page(), which gives a list of blocks (wsbot.help.markdown).
local commands = require "wsbot.help.commands"
local core = require "wsbot.help.core"
local markdown = require "wsbot.help.markdown"
local meant = require "wsbot.meant"
local names = require "wsbot.help.names"
local process = require "wsbot.help.process"
local types = require "wsbot.help.types"

local topics = {}

local groups = {} -- lists of topics, for the list of all
local first = {}  -- topics by words that are surely meant
local second = {} -- by words that may be: a name without its module

local function note(index, word, topic)
  word = word:lower()
  index[word] = index[word] or {}
  for _, known in ipairs(index[word]) do
    if known == topic then return end
  end
  table.insert(index[word], topic)
end

-- A topic that is found by its name.
local function new(name, summary, page)
  local topic = { name = name, summary = summary, page = page }
  note(first, name, topic)
  return topic
end

local function add_group(title, list)
  groups[#groups + 1] = { title = title, list = list }
end

---------------------------------------------------------------------------------------------------------- what there is

local function read_commands()
  local list = {}
  for _, command in ipairs(commands.list) do
    if command.name then
      list[#list + 1] = new(command.name, command.summary, function() return commands.page(command) end)
    end
    for _, option in ipairs(command.options) do
      if option.name and not first[option.name] then
        local topic = new(option.name, option.help, function() return commands.option_page(option.name) end)
        note(second, option.name:sub(3), topic)
      end
    end
  end
  for _, command in ipairs(commands.list) do
    for _, option in ipairs(command.options) do
      if option.short then note(first, option.short, first[option.name][1]) end
    end
  end
  add_group("Commands", list)
end

local function read_chapters()
  local list = {}
  for _, chapter in ipairs(core.manual) do
    local title = chapter.text:match "^# ([^\n]*)" or chapter.name
    local summary = title .. ": " .. markdown.first_sentence(chapter.text)
    local topic = new(chapter.name, summary, function() return markdown.blocks(chapter.text) end)
    note(first, title, topic)
    list[#list + 1] = topic
  end
  add_group("Chapters", list)
end

local function summary_of(doc)
  return markdown.first_sentence(table.concat(doc, "\n"), "`")
end

-- "wsbot.testing.server:accept" is found by "testing.server:accept", "server:accept" and "accept" as well.
local function note_parts(topic)
  local rest = topic.name:match "[.:](.*)$"
  while rest do
    note(second, rest, topic)
    rest = rest:match "[.:](.*)$"
  end
end

-- What users call what the types call otherwise.
local nicknames = { connection = "conn", response = "resp" }

-- The methods of what a class stands for, among the entries of its module.
local function methods_of(class, entries)
  local methods, prefix = {}, class.name .. ":"
  for _, entry in ipairs(entries) do
    if entry.name:sub(1, #prefix) == prefix then methods[#methods + 1] = entry end
  end
  return methods
end

local function read_entry(entry, entries)
  local topic = new(entry.name, summary_of(entry.doc), function()
    return names.page(entry, 1, methods_of(entry, entries))
  end)
  note_parts(topic)
  if entry.alias then
    local owner, rest = entry.alias:match "^([%w_]+)(.*)$"
    note(second, entry.alias, topic)
    if nicknames[owner] then note(second, nicknames[owner] .. rest, topic) end
  end
  for _, field in ipairs(entry.fields or {}) do
    local one = new(entry.name .. "." .. field.name, summary_of(field.doc), function()
      return names.field_page(entry.name, field)
    end)
    note_parts(one)
    local nickname = nicknames[entry.name:match "[^.]*$"]
    if nickname then note(second, nickname .. "." .. field.name, one) end
  end
end

local function read_modules()
  local list = {}
  for _, module in ipairs(topics.modules) do
    local summary = summary_of(module.doc):gsub(": local .*$", ".")
    local topic = new(module.name, summary, function() return names.module_page(module) end)
    local short = module.name:match "[^.]*$"
    note(first[short] and second or first, short, topic)
    list[#list + 1] = topic
    for _, field in ipairs(module.fields) do
      note_parts(new(module.class .. "." .. field.name, summary_of(field.doc), function()
        return names.field_page(module.class, field)
      end))
    end
    for _, entry in ipairs(module.entries) do read_entry(entry, module.entries) end
  end
  add_group("Modules", list)
end

local lists <const> = {
  { "options", "all options of ws.connect, and of other functions, with their defaults", function()
    return names.options_page(topics.modules)
  end },
  { "environment", "variables of the environment that are read", commands.environment_page },
  { "files", "files that are read and written", process.files_page },
  { "signals", "what signals do", process.signals_page },
  { "status", "exit statuses of all commands", commands.status_page },
}

-- Where there is a chapter of that name, it tells more.
local function read_lists()
  local list, variables = {}, commands.variables()
  for _, one in ipairs(lists) do
    if not first[one[1]] then list[#list + 1] = new(table.unpack(one)) end
  end
  for _, variable in ipairs(variables) do
    for name in variable.name:gmatch "[%w_]+" do note(first, name, first.environment[1]) end
  end
  add_group("Lists", list)
end

local ranks <const> = { ws = 1, host = 2 } -- which come first

topics.modules = types.read(core.types)
table.sort(topics.modules, function(a, b)
  local x, y = ranks[a.name] or 3, ranks[b.name] or 3
  return x < y or x == y and a.name < b.name
end)
read_commands()
read_chapters()
read_modules()
read_lists()

------------------------------------------------------------------------------------------------------------ to find one

-- The topics that this may be: those that are surely meant, and others. The first list is empty where several may be.
function topics.find(wanted)
  wanted = wanted:lower():gsub("%(%)$", "")
  local sure, others, of_name = first[wanted] or {}, {}, {}
  for _, topic in ipairs(sure) do of_name[topic.name] = true end
  for _, topic in ipairs(second[wanted] or {}) do
    if not of_name[topic.name] then others[#others + 1] = topic end
  end
  if #sure > 0 then return sure, others end
  for _, topic in ipairs(others) do
    if topic.name ~= others[1].name then return sure, others end
  end
  return others, {} -- a function, and what it gives
end

-- A topic of nearly that name; nil: there is none.
function topics.nearest(wanted)
  local all = {}
  for _, index in ipairs { first, second } do
    local words = {}
    for word in pairs(index) do words[#words + 1] = word end
    table.sort(words)
    table.move(words, 1, #words, #all + 1, all)
  end
  return meant.nearest(wanted:lower(), all)
end

-- How often words begin with this, which is not empty, in a text.
local function count(text, wanted)
  local times = 0
  local from, to = text:find(wanted, 1, true)
  while from do
    if from == 1 or not text:find("^%w", from - 1) then times = times + 1 end
    from, to = text:find(wanted, to + 1, true)
  end
  return times
end

-- Names of the chapters that speak of something, those that do it most first; three at most.
function topics.chapters_on(wanted)
  local list, times = {}, {}
  if not wanted:find "%w" then return list end
  for _, chapter in ipairs(core.manual) do
    times[chapter.name] = count(chapter.text:lower(), wanted:lower())
    if times[chapter.name] > 0 then list[#list + 1] = chapter.name end
  end
  table.sort(list, function(a, b) return times[a] > times[b] or times[a] == times[b] and a < b end)
  return table.move(list, 1, 3, 1, {})
end

local function terms_of(list)
  local terms = { kind = "terms", items = {} }
  for i, topic in ipairs(list) do
    terms.items[i] = { term = { { text = topic.name, style = "code" } },
      topic.summary ~= "" and { kind = "paragraph", text = { { text = topic.summary } } } or nil }
  end
  return terms
end

local function heading(text)
  return { kind = "heading", level = 1, text = { { text = text } } }
end

local function paragraph(text)
  return { kind = "paragraph", text = markdown.spans(text) }
end

local introduction <const> = "`wsbot help TOPIC` shows one of these, an option (`--workers`), a variable of the "
  .. "environment, or a name of the API (`ws.connect`, `conn:send`, `json.get`)."

-- A page that lists all topics but single names.
function topics.page()
  local blocks = { paragraph(introduction) }
  for _, group in ipairs(groups) do
    blocks[#blocks + 1] = heading(group.title)
    blocks[#blocks + 1] = terms_of(group.list)
  end
  return blocks
end

-- A page on several topics of one name.
function topics.several_page(list)
  return { paragraph "Several are called so:", terms_of(list) }
end

-- Names of the topics that topics.page lists.
function topics.names()
  local all = {}
  for _, group in ipairs(groups) do
    for _, topic in ipairs(group.list) do all[#all + 1] = topic.name end
  end
  return all
end

return topics
