-- commands: pages on the commands, by the tables of host/app/cli_table.c and cli_variables.c. A page is a list of
-- blocks (wsbot.help.markdown).
local core = require "wsbot.help.core"
local markdown = require "wsbot.help.markdown"

local commands = { list = core.commands, program = core.commands[#core.commands] }

for _, command in ipairs(commands.list) do
  if command.name then commands[command.name] = command end
end

local function heading(level, text)
  return { kind = "heading", level = level, text = markdown.spans(text, "`") }
end

local function paragraph(text)
  return { kind = "paragraph", text = markdown.spans(text, "`") }
end

-------------------------------------------------------------------------------------------------- the help of a command

-- "  0  done" below a line "exit status:" are terms; lines that are further to the right go on with them.
local function read_terms(lines)
  local terms = { kind = "terms", items = {} }
  for i = 2, #lines do
    local term, text = lines[i]:match "^  (%S+) +(.*)$"
    local last = terms.items[#terms.items]
    if term then
      table.insert(terms.items, { term = { { text = term, style = "code" } }, said = text })
    else
      last.said = last.said .. " " .. lines[i]:match "^%s*(.*)$"
    end
  end
  for _, item in ipairs(terms.items) do item[1] = paragraph(item.said) end
  return terms
end

local function blocks_of(lines)
  local title = lines[1]:match "^(%l[^.]*):$"
  if title and lines[2] and lines[2]:find "^  %S" then return { heading(2, title), read_terms(lines) } end
  return { paragraph(table.concat(lines, " ")) }
end

-- The help of a command as blocks.
local function help_of(command)
  local blocks, lines = {}, {}
  for line in (command.help .. "\n\n"):gmatch "(.-)\n" do
    if line ~= "" then
      lines[#lines + 1] = line
    elseif #lines > 0 then
      for _, block in ipairs(blocks_of(lines)) do blocks[#blocks + 1] = block end
      lines = {}
    end
  end
  return blocks
end

-- The terms below the heading "exit status"; nil: there are none.
function commands.status(command)
  local is_next = false
  for _, block in ipairs(help_of(command)) do
    if is_next then return block end
    is_next = block.kind == "heading" and markdown.plain(block.text) == "exit status"
  end
end

------------------------------------------------------------------------------------------------------------ its options

-- "-x", "--proxy" "URL"
local function option_term(option)
  local term = {}
  if option.short then term = { { text = option.short, style = "code" }, { text = ", " } } end
  term[#term + 1] = { text = option.name, style = "code" }
  if option.value then
    local form = option.optional and "[=%s]" or " %s"
    term[#term + 1] = { text = form:format(option.value), style = "emphasis" }
  end
  return term
end

local function put_options(blocks, command)
  local terms
  for _, option in ipairs(command.options) do
    if option.heading or not terms then
      blocks[#blocks + 1] = heading(2, option.heading or "options")
      terms = { kind = "terms", items = {} }
      blocks[#blocks + 1] = terms
    end
    if option.name then table.insert(terms.items, { term = option_term(option), paragraph(option.help) }) end
  end
end

function commands.variable_terms(variables)
  local terms = { kind = "terms", items = {} }
  for i, variable in ipairs(variables) do
    terms.items[i] = { term = { { text = variable.name, style = "code" } }, paragraph(variable.help) }
  end
  return terms
end

-- What is told of a command, below its usage.
function commands.body(command)
  local blocks = help_of(command)
  put_options(blocks, command)
  return blocks
end

function commands.page(command)
  local blocks = { heading(1, command.usage), table.unpack(commands.body(command)) }
  if #command.variables > 0 then
    blocks[#blocks + 1] = heading(2, "environment")
    blocks[#blocks + 1] = commands.variable_terms(command.variables)
  end
  return blocks
end

-- The commands that have this option, "--watch" or "-j", each with it.
function commands.with_option(name)
  local found = {}
  for _, command in ipairs(commands.list) do
    for _, option in ipairs(command.options) do
      local is_it = option.name == name or option.short == name
      if is_it and (command.name or name ~= "--help") then
        found[#found + 1] = { command = command, option = option }
      end
    end
  end
  return found
end

-- A page on an option, with which commands have it.
function commands.option_page(name)
  local blocks = {}
  for _, one in ipairs(commands.with_option(name)) do
    blocks[#blocks + 1] = heading(1, "wsbot" .. (one.command.name and " " .. one.command.name or ""))
    blocks[#blocks + 1] = { kind = "terms", items = { { term = option_term(one.option), paragraph(one.option.help) } } }
  end
  return blocks
end

-------------------------------------------------------------------------------------------------------- of all commands

-- All variables, each once, with the commands that read it.
function commands.variables()
  local all, known = {}, {}
  for _, command in ipairs(commands.list) do
    for _, variable in ipairs(command.variables) do
      local one = known[variable.name]
      if not one then
        one = { name = variable.name, help = variable.help, commands = {} }
        known[one.name], all[#all + 1] = one, one
      end
      table.insert(one.commands, command.name)
    end
  end
  table.sort(all, function(a, b) return a.name < b.name end)
  return all
end

function commands.environment_page()
  local variables = commands.variables()
  for _, variable in ipairs(variables) do
    variable.help = ("%s (%s)"):format(variable.help, table.concat(variable.commands, ", "))
  end
  return { heading(1, "Environment"), commands.variable_terms(variables) }
end

function commands.status_page()
  local blocks = { heading(1, "Exit status") }
  for _, command in ipairs(commands.list) do
    local status = commands.status(command)
    if status then
      blocks[#blocks + 1] = heading(2, "wsbot " .. command.name)
      blocks[#blocks + 1] = status
    end
  end
  return blocks
end

return commands
