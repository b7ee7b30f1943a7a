-- terminal: shows blocks (wsbot.help.markdown) as lines for a terminal: wrapped, tables in columns, and headings at the
-- left of all else.
local BODY <const> = 2       -- columns of indentation
local TERM_MOST <const> = 26 -- columns of a term that has its text beside it
local LEAST <const> = 12     -- columns that a cell of a table keeps

local codes = { heading = "1", strong = "1", emphasis = "4", code = "36" }

-- What shows blocks: width, measure and colours, of how it is to be done.
local terminal = {}
terminal.__index = terminal

function terminal:paint(style, text)
  local code = self.colours and codes[style]
  return code and ("\27[%sm%s\27[0m"):format(code, text) or text
end

------------------------------------------------------------------------------------------------------------------ lines

-- Puts a piece to the last word, or to a new one.
function terminal:put_piece(words, text, style, is_new)
  if is_new or #words == 0 then words[#words + 1] = { text = "", width = 0 } end
  local word = words[#words]
  word.text = word.text .. self:paint(style, text)
  word.width = word.width + self.measure(text)
end

-- The words of a text: each has its text, painted, and its width. A word may have pieces of several spans.
function terminal:words_of(spans)
  local words, is_new = {}, true
  for _, span in ipairs(spans) do
    for space, text in span.text:gmatch "(%s*)(%S*)" do
      is_new = is_new or space ~= ""
      if text ~= "" then
        self:put_piece(words, text, span.style, is_new)
        is_new = false
      end
    end
  end
  return words
end

-- A text in lines of that width; a word that is longer stays whole. Each line has its text and its width.
function terminal:wrap(spans, width)
  local lines, line = {}, nil
  for _, word in ipairs(self:words_of(spans)) do
    if line and line.width + 1 + word.width <= width then
      line.text, line.width = line.text .. " " .. word.text, line.width + 1 + word.width
    else
      line = { text = word.text, width = word.width }
      lines[#lines + 1] = line
    end
  end
  return lines
end

-- A text as one line.
function terminal:line(spans)
  return self:wrap(spans, math.huge)[1] or { text = "", width = 0 }
end

----------------------------------------------------------------------------------------------------------------- tables

function terminal:natural_widths(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, self:line(cell).width) end
  end
  return widths
end

-- What each column needs so that no word in it is too long.
function terminal:needed_widths(rows)
  local needed = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      needed[i] = needed[i] or LEAST
      for _, word in ipairs(self:words_of(cell)) do needed[i] = math.max(needed[i], word.width) end
    end
  end
  return needed
end

-- Takes from the widest column that has more than it needs, as long as all together are too wide.
local function fit(widths, needed, room)
  local sum = 2 * (#widths - 1)
  for _, width in ipairs(widths) do sum = sum + width end
  while sum > room do
    local widest
    for i, width in ipairs(widths) do
      if width > needed[i] and width > (widths[widest] or 0) then widest = i end
    end
    if not widest then break end
    widths[widest], sum = widths[widest] - 1, sum - 1
  end
  return widths
end

function terminal:put_row(out, row, widths, indent)
  local cells, height = {}, 1
  for i, cell in ipairs(row) do
    cells[i] = self:wrap(cell, widths[i])
    height = math.max(height, #cells[i])
  end
  for n = 1, height do
    local line = {}
    for i, cell in ipairs(cells) do
      local part = cell[n] or { text = "", width = 0 }
      line[i] = part.text .. (" "):rep(i < #cells and widths[i] - part.width or 0)
    end
    out[#out + 1] = (indent .. table.concat(line, "  ")):gsub("%s+$", "")
  end
end

local function as_heading(row)
  local cells = {}
  for i, cell in ipairs(row) do
    cells[i] = {}
    for n, span in ipairs(cell) do cells[i][n] = { text = span.text, style = "heading" } end
  end
  return cells
end

----------------------------------------------------------------------------------------------------------------- blocks

function terminal:put_text(out, spans, indent, first)
  for i, line in ipairs(self:wrap(spans, self.width - #indent)) do
    out[#out + 1] = (i == 1 and first or indent) .. line.text
  end
end

-- Each puts a block to the lines that are there.
local put = {}

function put.heading(self, out, block)
  for _, line in ipairs(self:wrap(block.text, self.width)) do out[#out + 1] = self:paint("heading", line.text) end
end

function put.paragraph(self, out, block, indent) self:put_text(out, block.text, indent) end

function put.code(self, out, block, indent)
  for _, line in ipairs(block.lines) do
    out[#out + 1] = line == "" and "" or indent .. "    " .. self:paint("code", line)
  end
end

function put.list(self, out, block, indent)
  for _, item in ipairs(block.items) do
    local lines = self:put_blocks({}, item, indent .. "  ")
    lines[1] = indent .. "- " .. (lines[1] or ""):sub(#indent + 3)
    table.move(lines, 1, #lines, #out + 1, out)
  end
end

function put.table(self, out, block, indent)
  local widths = fit(self:natural_widths(block.rows), self:needed_widths(block.rows), self.width - #indent)
  for i, row in ipairs(block.rows) do
    self:put_row(out, i == 1 and as_heading(row) or row, widths, indent)
    if i == 1 then
      local rules = {}
      for n, width in ipairs(widths) do rules[n] = ("-"):rep(width) end
      out[#out + 1] = indent .. table.concat(rules, "  ")
    end
  end
end

-- A term, and beside it its text; below it where the term is long.
function terminal:put_term(out, item, indent, column)
  local term = self:line(item.term)
  local lines = self:put_blocks({}, item, indent .. (" "):rep(column))
  if term.width + 2 <= column and lines[1] then
    lines[1] = indent .. term.text .. (" "):rep(column - term.width) .. lines[1]:sub(#indent + column + 1)
  else
    self:put_text(out, item.term, indent .. "    ", indent)
  end
  table.move(lines, 1, #lines, #out + 1, out)
end

function put.terms(self, out, block, indent)
  local column = 0
  for _, item in ipairs(block.items) do
    local width = self:line(item.term).width
    if width <= TERM_MOST then column = math.max(column, width + 2) end
  end
  if column == 0 then column = 4 end
  for _, item in ipairs(block.items) do self:put_term(out, item, indent, column) end
end

-- Between two blocks there is a line without text.
function terminal:put_blocks(out, blocks, indent)
  for i, block in ipairs(blocks) do
    if i > 1 then out[#out + 1] = "" end
    put[block.kind](self, out, block, indent)
  end
  return out
end

-- The blocks as a text. how: width; measure(text) -> columns; colours.
return function(blocks, how)
  local self = setmetatable(how, terminal)
  return table.concat(self:put_blocks({}, blocks, (" "):rep(BODY)), "\n") .. "\n"
end
