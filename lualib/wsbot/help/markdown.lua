-- markdown: reads Markdown, as the chapters are written in it, into blocks, which a renderer shows. A block has a kind:
--   heading    level, text
--   paragraph  text
--   code       lines
--   list       items: lists of blocks
--   table      rows: lists of cells, each a text; the first row is the heading
--   terms      items: { term = text, blocks }; no Markdown of its own, made by commands, names, process
-- A text is a list of spans: { text = "...", style = "code", "strong", "emphasis" or nil }.
local markdown = {}

-------------------------------------------------------------------------------------------------------------- in a line

-- Each takes a text and where a mark stands in it, and gives spans and the place behind them; nil: it is no mark.

local function code(text, at)
  local ticks = text:match("^`+", at)
  local from, to = text:find("%f[`]" .. ticks .. "%f[^`]", at + #ticks)
  if not from then return nil end
  local inner = text:sub(at + #ticks, from - 1)
  return { { text = inner:match "^ (.*) $" or inner, style = "code" } }, to + 1
end

local function styled(style, inner)
  local spans = markdown.spans(inner)
  for _, span in ipairs(spans) do span.style = span.style or style end
  return spans
end

local function stars(text, at)
  local strong, behind = text:match("^%*%*(%S.-)%*%*()", at)
  if strong then return styled("strong", strong), behind end
  local emphasis
  emphasis, behind = text:match("^%*(%w[^*]*)%*()", at)
  local is_inner = at > 1 and text:find("^%w", at - 1)
  if emphasis and not is_inner and not emphasis:find "%s$" then return styled("emphasis", emphasis), behind end
end

-- The address is told where it leads out of the manual.
local function link(text, at)
  local inner, address, behind = text:match("^%[([^%]]+)%]%(([^)]+)%)()", at)
  if not inner then return nil end
  local spans = markdown.spans(inner)
  if address:find "^https?:" then spans[#spans + 1] = { text = " (" .. address .. ")" } end
  return spans, behind
end

local function escape(text, at)
  local char = text:match("^\\(%p)", at)
  if char then return { { text = char } }, at + 2 end
end

local readers = { ["`"] = code, ["*"] = stars, ["["] = link, ["\\"] = escape }
local MARK <const> = "[`*%[\\]" -- any of them

-- The spans of a text. Where `marks` is given, only these are read: "`" for that of a comment, where * is a star.
function markdown.spans(text, marks)
  local spans, at, plain = {}, 1, ""
  local mark = text:find(MARK)
  while mark do
    local char = text:sub(mark, mark)
    local found, behind
    if not marks or marks:find(char, 1, true) then found, behind = readers[char](text, mark) end
    plain = plain .. text:sub(at, found and mark - 1 or mark)
    if found then
      if plain ~= "" then spans[#spans + 1] = { text = plain } end
      table.move(found, 1, #found, #spans + 1, spans)
      plain = ""
    end
    at = behind or mark + 1
    mark = text:find(MARK, at)
  end
  plain = plain .. text:sub(at)
  if plain ~= "" then spans[#spans + 1] = { text = plain } end
  return spans
end

--------------------------------------------------------------------------------------------------------------- in lines

-- Each takes the lines and where a block may begin, and gives the block and the line behind it; nil: none begins there.

local function read_fence(lines, at)
  if not lines[at]:find "^```" then return nil end
  local block = { kind = "code", lines = {} }
  at = at + 1
  while lines[at] and not lines[at]:find "^```%s*$" do
    table.insert(block.lines, lines[at])
    at = at + 1
  end
  return block, at + 1
end

local function read_heading(lines, at, marks)
  local signs, text = lines[at]:match "^(#+) +(.-)%s*$"
  if signs then return { kind = "heading", level = #signs, text = markdown.spans(text, marks) }, at + 1 end
end

local function read_indented(lines, at)
  if not lines[at]:find "^    %S" then return nil end
  local block = { kind = "code", lines = {} }
  while lines[at] and (lines[at]:find "^    " or lines[at]:find "^%s*$") do
    table.insert(block.lines, lines[at]:sub(5))
    at = at + 1
  end
  while block.lines[#block.lines] == "" do table.remove(block.lines) end
  return block, at
end

-- A bar within code, or behind a \, is no border.
local function cells_of(line, marks)
  local cells, at, cell, ticks = {}, 2, "", false
  while at <= #line do
    local char = line:sub(at, at)
    if char == "`" then ticks = not ticks end
    if char == "\\" and line:sub(at + 1, at + 1) == "|" then
      cell, at = cell .. "|", at + 1
    elseif char == "|" and not ticks then
      cells[#cells + 1] = markdown.spans(cell:match "^%s*(.-)%s*$", marks)
      cell = ""
    else
      cell = cell .. char
    end
    at = at + 1
  end
  return cells
end

local function read_table(lines, at, marks)
  if not lines[at]:find "^|" then return nil end
  local block = { kind = "table", rows = {} }
  while lines[at] and lines[at]:find "^|" do
    if not lines[at]:find "^|[%s:|-]+$" then table.insert(block.rows, cells_of(lines[at], marks)) end
    at = at + 1
  end
  return block, at
end

-- The mark of an item, with the spaces around it.
local function mark_of(line)
  return line and (line:match "^ ? ? ?[*-] +%f[%S]" or line:match "^ ? ? ?%d+%. +%f[%S]")
end

-- The lines of an item, without its mark and without its indentation.
local function read_item(lines, at)
  local mark = mark_of(lines[at])
  local item = { lines[at]:sub(#mark + 1) }
  at = at + 1
  local indent = "^" .. (" "):rep(#mark)
  while lines[at] do
    local line = lines[at]
    local is_blank, is_inside = line:find "^%s*$", line:find(indent)
    if is_blank and not (lines[at + 1] and lines[at + 1]:find(indent)) then break end
    if not is_blank and not is_inside and mark_of(line) then break end
    item[#item + 1] = is_blank and "" or is_inside and line:sub(#mark + 1) or line:match "^%s*(.*)$"
    at = at + 1
  end
  return item, at
end

local function read_list(lines, at, marks)
  if not mark_of(lines[at]) then return nil end
  local block = { kind = "list", items = {} }
  while mark_of(lines[at]) do
    local item
    item, at = read_item(lines, at)
    table.insert(block.items, markdown.blocks(item, marks))
    while lines[at] and lines[at]:find "^%s*$" and mark_of(lines[at + 1]) do at = at + 1 end
  end
  return block, at
end

local function begins_block(line)
  return line:find "^```" or line:find "^#+ " or line:find "^|" or mark_of(line)
end

local function read_paragraph(lines, at, marks)
  local text = {}
  repeat
    text[#text + 1] = lines[at]:match "^%s*(.-)%s*$"
    at = at + 1
  until not lines[at] or lines[at]:find "^%s*$" or begins_block(lines[at])
  return { kind = "paragraph", text = markdown.spans(table.concat(text, " "), marks) }, at
end

local block_readers = { read_fence, read_heading, read_indented, read_table, read_list, read_paragraph }

local function lines_of(text)
  local lines = {}
  for line in (text .. "\n"):gmatch "(.-)\r?\n" do lines[#lines + 1] = line end
  return lines
end

-- The first block at that line or behind it, and the line behind the block; nil: there is none.
local function next_block(lines, at, marks)
  while lines[at] and not lines[at]:find "%S" do at = at + 1 end
  if not lines[at] then return nil end
  for _, read in ipairs(block_readers) do
    local block, behind = read(lines, at, marks)
    if block then return block, behind end
  end
end

-- The blocks of a text, or of a list of lines. For `marks` see markdown.spans.
function markdown.blocks(text, marks)
  local lines = type(text) == "string" and lines_of(text) or text
  local blocks = {}
  local block, at = next_block(lines, 1, marks)
  while block do
    blocks[#blocks + 1] = block
    block, at = next_block(lines, at, marks)
  end
  return blocks
end

---------------------------------------------------------------------------------------------------------------- of both

-- The text of spans without their styles.
function markdown.plain(spans)
  local all = {}
  for i, span in ipairs(spans) do all[i] = span.text end
  return table.concat(all)
end

-- The first sentence of a text in Markdown, which is that of its first paragraph.
function markdown.first_sentence(text, marks)
  local lines = lines_of(text)
  local block, at = next_block(lines, 1, marks)
  while block and block.kind ~= "paragraph" do block, at = next_block(lines, at, marks) end
  local plain = block and markdown.plain(block.text) or ""
  return plain:match "^(.-[.!?])%s" or plain
end

return markdown
