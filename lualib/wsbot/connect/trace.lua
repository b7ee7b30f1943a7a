-- trace: what --verbose shows: the heads of the handshake and each message, ping and Close both ways, with its time in
-- seconds. It reads the lines of a record (host/net/conn/record.h), from which secrets are left out already.
local json = require "wsbot.json"
local plainly = require("wsbot.number").plainly
local show = require "wsbot.terminal.show"

local MOST = 1024 * 1024 -- bytes of a record that are shown at once: some thousand messages

local trace = {}

local function add_head(lines, mark, first, headers)
  lines[#lines + 1] = mark .. " " .. show.escape(first)
  for _, header in ipairs(headers) do
    lines[#lines + 1] = ("%s %s: %s"):format(mark, show.escape(header[1]), show.escape(header[2]))
  end
end

-- The size of what a Base64 text stands for.
local function bytes_in(base64)
  return #base64 // 4 * 3 - #base64:match "=*$"
end

local function frame(event, mark)
  local what
  if event.kind == "close" then
    what = (event.code == 1005 and "close" or "close " .. event.code)
      .. (event.reason ~= "" and ' "' .. show.escape(event.reason) .. '"' or "")
  else
    what = ("%s, %d bytes"):format(event.kind, event.data and #event.data or bytes_in(event.base64))
  end
  return plainly(string.format, "%s %9.3f %s", mark, event.time, what)
end

local tell = {}

function tell.connect(event, lines)
  lines[#lines + 1] = "* connecting to " .. show.escape(event.url)
end

function tell.request(event, lines)
  add_head(lines, ">", "GET " .. event.target .. " HTTP/1.1", event.headers)
end

function tell.response(event, lines)
  add_head(lines, "<", ("HTTP/1.1 %d %s"):format(event.status, event.reason), event.headers)
  if event.body then
    for line in event.body:gmatch "[^\r\n]+" do
      lines[#lines + 1] = "< " .. show.escape(line)
    end
  end
end

function tell.sent(event, lines)
  lines[#lines + 1] = frame(event, ">")
end

function tell.received(event, lines)
  lines[#lines + 1] = frame(event, "<")
end

-- What to show of these lines of a record, as a list of lines. Of very many lines only the first are shown: all of them
-- would keep the loop from turning.
function trace.lines(record)
  local lines, more = {}, 0
  local stop = #record > MOST and record:find("\n", MOST, true) or #record
  for line in record:sub(1, stop):gmatch "[^\n]+" do
    local event = json.decode(line)
    if event and tell[event.event] then tell[event.event](event, lines) end
  end
  for _ in record:gmatch("\n", stop + 1) do
    more = more + 1
  end
  if more > 0 then lines[#lines + 1] = ("* and %d more at once: too many to be shown"):format(more) end
  return lines
end

-- The lines that describe the TLS of a connection (conn.tls).
function trace.tls(tls)
  local lines = { ("* TLS %s, %s%s"):format(tls.version, tls.cipher, tls.resumed and ", resumed" or "") }
  local function add(name, value)
    if value then lines[#lines + 1] = ("*   %s: %s"):format(name, show.escape(value)) end
  end
  add("alpn", tls.alpn)
  local certificate = tls.certificate or {}
  add("subject", certificate.subject)
  add("issuer", certificate.issuer)
  add("not after", certificate.not_after and os.date("!%Y-%m-%d %H:%M:%S UTC", certificate.not_after))
  add("pin", certificate.pin)
  return lines
end

return trace
