-- roff: writes blocks (wsbot.help.markdown) as a man page, in the macros of man(7). Nothing in a text is taken for a
-- request or an escape, and what is not ASCII is written by its code.
local markdown = require "wsbot.help.markdown"

local escapes = { ["\\"] = "\\(rs", ["-"] = "\\-", ["'"] = "\\(aq", ["`"] = "\\(ga", ["^"] = "\\(ha", ["~"] = "\\(ti" }

local function coded(char)
  return ("\\[u%04X]"):format(utf8.codepoint(char))
end

-- A text as it is to be read. A line may end behind a bar: types are long words.
local function escape(text)
  return (text:gsub("[\\%-'`^~]", escapes):gsub("|", "|\\:"):gsub("[\xc2-\xf4][\x80-\xbf]+", coded))
end

local fonts = { code = "\\fB%s\\fR", strong = "\\fB%s\\fR", emphasis = "\\fI%s\\fR" }

local function line_of(spans)
  local all = {}
  for i, span in ipairs(spans) do
    local text = escape(span.text)
    all[i] = (fonts[span.style] or "%s"):gsub("%%s", (text:gsub("%%", "%%%%")))
  end
  return (table.concat(all):gsub("%s+", " "):gsub("^%s", ""):gsub("^[.']", "\\&%0"))
end

local put = {}

local function put_blocks(out, blocks)
  for i, block in ipairs(blocks) do put[block.kind](out, block, i == 1) end
end

function put.heading(out, block)
  local text = escape(markdown.plain(block.text)):gsub('"', "\\(dq")
  if block.level > 2 then
    out[#out + 1] = ".PP\n" .. text .. ":"
    return
  end
  out[#out + 1] = (block.level == 1 and ".SH " or ".SS ") .. '"' .. text .. '"'
end

-- Behind a heading, and at the beginning of an item, no space is wanted.
function put.paragraph(out, block, is_first)
  local last = out[#out]
  if not is_first and not last:find "^%.S[HS] " then out[#out + 1] = ".PP" end
  out[#out + 1] = line_of(block.text)
end

function put.code(out, block)
  out[#out + 1] = ".PP\n.RS 4\n.EX"
  for _, line in ipairs(block.lines) do
    out[#out + 1] = escape(line):gsub("^%.", "\\&.")
  end
  out[#out + 1] = ".EE\n.RE"
end

-- What belongs to a mark or a term: its first paragraph stands there, and the rest is indented.
local function put_item(out, blocks)
  local first = blocks[1]
  local has_text = first and first.kind == "paragraph"
  out[#out + 1] = has_text and line_of(first.text) or "\\&"
  if #blocks < (has_text and 2 or 1) then return end
  out[#out + 1] = ".RS"
  put_blocks(out, table.move(blocks, has_text and 2 or 1, #blocks, 1, {}))
  out[#out + 1] = ".RE"
end

function put.list(out, block)
  for _, item in ipairs(block.items) do
    out[#out + 1] = ".IP \\(bu 2"
    put_item(out, item)
  end
end

function put.terms(out, block)
  for _, item in ipairs(block.items) do
    out[#out + 1] = ".TP\n" .. line_of(item.term)
    put_item(out, item)
  end
end

-- Without tbl(1): what stands first in a row is a term.
function put.table(out, block)
  for i = 2, #block.rows do
    local rest = {}
    for n, cell in ipairs(block.rows[i]) do
      if n > 1 then
        if n > 2 then rest[#rest + 1] = { text = "; " } end
        table.move(cell, 1, #cell, #rest + 1, rest)
      end
    end
    out[#out + 1] = ".TP\n" .. line_of(block.rows[i][1])
    out[#out + 1] = line_of(rest)
  end
end

-- A page. head: name, section, title (of the manual), version.
return function(head, blocks)
  local out = { (".TH %s %s \"\" \"wsbot %s\" \"%s\""):format(escape(head.name:upper()), head.section,
    head.version, head.title), ".\\\" Made by wsbot help --man.", ".nh", ".ad l" }
  put_blocks(out, blocks)
  return table.concat(out, "\n") .. "\n"
end
