-- man: the man pages, made from what `wsbot help` tells.
local commands = require "wsbot.help.commands"
local core = require "wsbot.help.core"
local markdown = require "wsbot.help.markdown"
local names = require "wsbot.help.names"
local process = require "wsbot.help.process"
local roff = require "wsbot.help.roff"
local topics = require "wsbot.help.topics"

local function heading(level, text)
  return { kind = "heading", level = level, text = { { text = text } } }
end

local function paragraph(text)
  return { kind = "paragraph", text = markdown.spans(text, "`*") }
end

local function add(blocks, more)
  return table.move(more, 1, #more, #blocks + 1, blocks)
end

-- The name of the page, and what is behind it.
local function name_of(name, summary)
  return { heading(1, "NAME"), { kind = "paragraph", text = { { text = name .. " - " .. summary } } } }
end

-- "wsbot run [OPTIONS]", each on a line.
local function synopsis(usages)
  local blocks = { heading(1, "SYNOPSIS") }
  for _, usage in ipairs(usages) do
    local command, rest = usage:match "^(wsbot %l+)(.*)$"
    blocks[#blocks + 1] = { kind = "paragraph", text = { { text = command or "wsbot", style = "code" },
      { text = rest or usage:match "^wsbot(.*)$" } } }
  end
  return blocks
end

-- A page below a heading of its own.
local function section(title, page)
  return { heading(1, title), table.unpack(page, 2) }
end

local function see_also(...)
  local all = {}
  for i, page in ipairs { ... } do
    local name, number = page:match "^(.*)(%b())$"
    all[i] = ("**%s**%s"):format(name, number)
  end
  return { heading(1, "SEE ALSO"), paragraph(table.concat(all, ", ")) }
end

---------------------------------------------------------------------------------------------------------------- wsbot.1

-- A command among others.
local function command_section(command)
  local blocks = { heading(2, command.usage) }
  for _, block in ipairs(commands.body(command)) do
    if block.kind == "heading" then block = heading(3, markdown.plain(block.text)) end
    blocks[#blocks + 1] = block
  end
  return blocks
end

local manual <const> = "`wsbot help` has the manual: chapters, commands, and all names of the API, which are in "
  .. "**wsbot**(3lua) as well."

local function program_page()
  local usages, program = {}, commands.program
  for _, command in ipairs(commands.list) do table.insert(usages, command.name and #usages + 1 or 2, command.usage) end
  local blocks = name_of("wsbot", "runs Lua scripts that are WebSocket clients")
  add(blocks, synopsis(usages))
  add(blocks, { heading(1, "DESCRIPTION"), paragraph(program.help),
    paragraph(("`%s` is the same as `wsbot run`; %s."):format(program.usage, program.summary:match "; (.*)$")),
    paragraph(manual) })
  blocks[#blocks + 1] = heading(1, "OPTIONS")
  blocks[#blocks + 1] = commands.body(program)[3]
  blocks[#blocks + 1] = heading(1, "COMMANDS")
  for _, command in ipairs(commands.list) do
    if command.name then add(blocks, command_section(command)) end
  end
  add(blocks, section("SIGNALS", process.signals_page()))
  add(blocks, section("ENVIRONMENT", commands.environment_page()))
  add(blocks, section("FILES", process.files_page()))
  add(blocks, section("EXIT STATUS", commands.status_page()))
  return add(blocks, see_also("wsbot-connect(1)", "wsbot(3lua)", "lua(1)"))
end

-------------------------------------------------------------------------------------------------------- wsbot-connect.1

local function connect_page()
  local command = commands.connect
  local blocks = name_of("wsbot-connect", command.summary)
  add(blocks, synopsis { command.usage })
  blocks[#blocks + 1] = heading(1, "DESCRIPTION")
  for _, block in ipairs(commands.body(command)) do
    if block.kind == "heading" then block = heading(1, markdown.plain(block.text):upper()) end
    blocks[#blocks + 1] = block
  end
  add(blocks, { heading(1, "ENVIRONMENT"), commands.variable_terms(command.variables) })
  return add(blocks, see_also("wsbot(1)", "wsbot(3lua)"))
end

------------------------------------------------------------------------------------------------------------- wsbot.3lua

local legend <const> = "All of these are inside the program. `ws` and `host` are globals; the others are required by "
  .. "name. A `?` behind the name of an option or a parameter says that it may be left out, behind a type that it may "
  .. "be nil."

local function library_page()
  local blocks = name_of("wsbot", "the modules that scripts of wsbot have")
  add(blocks, { heading(1, "DESCRIPTION"),
    paragraph(legend) })
  for _, module in ipairs(topics.modules) do add(blocks, names.whole_module(module)) end
  return add(blocks, see_also("wsbot(1)"))
end

-------------------------------------------------------------------------------------------------------------- all pages

local pages = {
  ["wsbot.1"] = { name = "wsbot", section = "1", title = "wsbot", make = program_page },
  ["wsbot-connect.1"] = { name = "wsbot-connect", section = "1", title = "wsbot", make = connect_page },
  ["wsbot.3lua"] = { name = "wsbot", section = "3lua", title = "wsbot's modules for Lua", make = library_page },
}

-- A page as roff, by the name of its file.
return function(file)
  local page = pages[file]
  local head = { name = page.name, section = page.section, title = page.title, version = core.version }
  return roff(head, page.make())
end
