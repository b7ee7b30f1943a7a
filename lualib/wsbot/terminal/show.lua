-- show: what a server sends, as a terminal may show it: nothing in it can move the cursor, ring, colour, or turn the
-- direction of the text round.
local shown = require "wsbot.shown"

local show = {}

-- A text without control characters (C0, C1, DEL) and marks of direction. With `lines`, line ends and tabs stay.
function show.escape(text, lines)
  return (lines and shown.lines or shown.line)(text)
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
