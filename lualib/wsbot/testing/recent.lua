-- wsbot.testing.recent: the last events on the connections of a test, a line each, to be shown when it fails.
local core = require "wsbot.testing.core"

local recent = { forget = core.forget }

local WIDTH <const> = 110 -- characters of a line

-- A text of the record, which has its controls escaped; no more of it than fits.
local function cut(text)
  local stop = utf8.offset(text, WIDTH + 1)
  return stop and stop <= #text and text:sub(1, stop - 1) .. "..." or text
end

local function field(line, name)
  return line:match('"' .. name .. '":"(.-)"[,}]') or line:match('"' .. name .. '":(%d+)') or ""
end

-- What a line says behind the time and the connection.
local told = {
  connect = function(line) return "connects to " .. field(line, "url") end,
  request = function(line) return "-> request " .. field(line, "target") end,
  response = function(line) return ("<- %s %s"):format(field(line, "status"), field(line, "reason")) end,
}

told["end"] = function(line)
  local why = field(line, "error")
  if why ~= "" then why = (", %s: %s"):format(why, field(line, "message")) end
  return ("ends: %s%s"):format(field(line, "code"), why)
end

local function say(line, arrow)
  local kind, size = field(line, "kind"), field(line, "size")
  local text = line:match '"data":(".*)}$' or line:match '"reason":(".*)}$' or line:match '"base64":"(.*)"}$' or ""
  if kind == "close" then text = field(line, "code") .. " " .. text end
  if size ~= "" then kind = ("%s of %s bytes"):format(kind, size) end
  return ("%s %s %s"):format(arrow, kind, text)
end

function told.sent(line) return say(line, "->") end
function told.received(line) return say(line, "<-") end

-- These lines as a text, or "" where there was no event.
function recent.text()
  local lines, count = core.recent()
  if count == 0 then return "" end
  local list = { count > #lines and ("\nthe last %d of %d events:"):format(#lines, count) or "\nwhat passed:" }
  for _, line in ipairs(lines) do
    local seconds, id, event = line:match '^{"time":(%d+%.%d%d%d)%d*,"connection":(%d+),"event":"(%a+)"'
    list[#list + 1] = cut(("%9s  #%s  %s"):format(seconds, id, told[event](line)))
  end
  return table.concat(list, "\n")
end

return recent
