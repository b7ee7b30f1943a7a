-- show: what a server sends, as a terminal may show it: nothing in it can move the cursor, ring, colour, or turn the
-- direction of the text round.
local show = {}

local short = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape_byte(c)
  return short[c] or ("\\x%02x"):format(c:byte())
end

local function escape_char(c)
  return ("\\u{%x}"):format(utf8.codepoint(c))
end

-- The same text with bytes that are no UTF-8 as escapes.
local function escape_invalid(text)
  local parts, from = {}, 1
  while true do
    local _, bad = utf8.len(text, from)
    if not bad then break end
    parts[#parts + 1] = text:sub(from, bad - 1) .. escape_byte(text:sub(bad, bad))
    from = bad + 1
  end
  return table.concat(parts) .. text:sub(from)
end

-- A text without control characters (C0, C1, DEL) and marks of direction. With `lines`, line ends and tabs stay.
function show.escape(text, lines)
  if not text:find "[%c\x7f-\xff]" then return text end
  text = text:gsub(lines and "[\0-\8\11-\31\127]" or "[\0-\31\127]", escape_byte)
  if not text:find "[\x80-\xff]" then return text end
  text = escape_invalid(text)
  text = text:gsub("\xc2[\x80-\x9f]", escape_char)
  text = text:gsub("\xe2\x80[\x8e\x8f\xa8-\xae]", escape_char)
  text = text:gsub("\xe2\x81[\xa6-\xa9]", escape_char)
  return (text:gsub("\xd8\x9c", escape_char))
end

local MOST = 512 -- bytes of a binary message that are shown

-- Bytes in hexadecimal, 16 a line, and what of them can be read.
function show.hex(bytes)
  local lines = {}
  for at = 1, math.min(#bytes, MOST), 16 do
    local row = bytes:sub(at, math.min(at + 15, MOST))
    local left = row:gsub(".", function(c)
      return ("%02x "):format(c:byte())
    end)
    lines[#lines + 1] = ("%06x  %-48s %s"):format(at - 1, left, (row:gsub("[^ -~]", ".")))
  end
  if #bytes > MOST then lines[#lines + 1] = ("... %d bytes more"):format(#bytes - MOST) end
  return table.concat(lines, "\n")
end

local codes = { sent = "32", received = "36", note = "2", fault = "31", key = "34", string = "32", number = "33",
  word = "35" }

-- A function paint(what, text) that gives the text its colour, or leaves it as it is.
function show.painter(colours)
  return function(what, text)
    return colours and codes[what] and ("\27[%sm%s\27[0m"):format(codes[what], text) or text
  end
end

return show
