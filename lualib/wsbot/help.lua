-- wsbot.help: `wsbot help`, the manual on a terminal: chapters (lualib/manual), commands, and the names of the API
-- (lualib/meta), all of which are inside the program. It makes the man pages and completions as well.
local console = require "wsbot.console"

local WIDTH_MOST <const> = 100 -- columns that a line of text may have

-- Writes a text, and ends. A reader that goes early has had what it wanted.
local function finish(text, status)
  console.write(text)
  local ok, word, why = console.flush()
  if not ok and word ~= "EPIPE" then
    io.stderr:write("wsbot help: cannot write: ", why, "\n")
    status = 1
  end
  os.exit(status or 0, true)
end

if arg.man then finish(require "wsbot.help.man"(arg.man[#arg.man])) end
if arg.completion then finish(require "wsbot.help.completion"(arg.completion[#arg.completion])) end

local markdown = require "wsbot.help.markdown"
local render = require "wsbot.help.terminal"
local topics = require "wsbot.help.topics"

-------------------------------------------------------------------------------------------------------- how it is shown

-- What is set, and not empty.
local function env(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

local is_smart = console.output_is_terminal and (env "TERM" or "dumb") ~= "dumb"

local function measure(text)
  local columns = 0
  for _, code in utf8.codes(text) do columns = columns + math.max(0, console.width(code)) end
  return columns
end

local function text_of(blocks)
  return render(blocks, { width = math.min(console.size(), WIDTH_MOST), measure = measure,
    colours = is_smart and not env "NO_COLOR" })
end

-- The pager that shows a text; nil: none does.
local function find_pager()
  local wanted = os.getenv "PAGER"
  if wanted then return wanted:find "%S" and wanted end
  return os.execute "command -v less >/dev/null 2>&1" and "less -FRX" or nil
end

-- Has a pager show the text, from a file, so that a pager that ends early is as good as any. False: there is none.
local function page(text)
  local pager = find_pager()
  if not pager then return false end
  local path = os.tmpname()
  local file = io.open(path, "w")
  local is_written = file and file:write(text) and file:close()
  local _, how, status
  local command = ("export LESS=\"${LESS-FRX}\"; { %s; } < '%s'"):format(pager, path) -- LESS: it shows colours then
  if is_written then _, how, status = os.execute(command) end
  os.remove(path)
  return is_written and (how == "signal" or status < 126) -- 126 and 127 are the shell's: there is no such program
end

local function show(blocks)
  local text = text_of(blocks)
  if is_smart and page(text) then os.exit(0, true) end
  finish(text)
end

---------------------------------------------------------------------------------------------------------- what is shown

-- The pages of topics, one after the other, and where else such a name is.
local function join(list, others)
  local blocks = {}
  for _, topic in ipairs(list) do
    local its = topic.page()
    table.move(its, 1, #its, #blocks + 1, blocks)
  end
  local names, known = {}, {}
  for _, topic in ipairs(others) do
    if not known[topic.name] then names[#names + 1] = "`" .. topic.name .. "`" end
    known[topic.name] = true
  end
  if #names > 0 then
    local text = markdown.spans("See also: " .. table.concat(names, ", "))
    blocks[#blocks + 1] = { kind = "paragraph", text = text }
  end
  return blocks
end

-- What a reader may try in place of a topic that there is not.
local function advice(wanted)
  local chapters = topics.chapters_on(wanted)
  if #chapters > 0 then return "; chapters that speak of it: " .. table.concat(chapters, ", ") end
  local nearest = topics.nearest(wanted)
  return nearest and (" (did you mean '%s'?)"):format(nearest) or ""
end

local function fail(wanted)
  io.stderr:write(("wsbot help: there is no topic '%s'%s\n`wsbot help` lists them\n"):format(
    require "wsbot.shown".line(wanted), advice(wanted)))
  os.exit(1, true)
end

if not arg.topic then show(topics.page()) end

local wanted = table.concat(arg.topic, " ")
local sure, others = topics.find(wanted)
if #sure > 0 then show(join(sure, others)) end
if #others > 0 then show(topics.several_page(others)) end
fail(wanted)
