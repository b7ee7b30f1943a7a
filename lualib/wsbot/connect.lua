-- wsbot.connect: `wsbot connect`, a conversation by hand. host/app/cli.c has its options, and reads them into `arg`;
-- the values are judged here. Two tasks: one receives and shows, the other reads what is to be sent.
local console = require "wsbot.console"
local input = require "wsbot.connect.input"
local json = require "wsbot.connect.json"
local screen = require "wsbot.connect.screen"
local show = require "wsbot.connect.show"
local trace = require "wsbot.connect.trace"

local DONE, NOT_CONNECTED, MISUSED, ENDED_BADLY, TOO_LATE = 0, 1, 2, 3, 4
local INTERRUPTED = 130 -- as shells have it

local LONGEST = 16 * 1024 * 1024 -- bytes of a line to send, and of all that waits to be sent
local LARGEST = 1024 * 1024 -- bytes of a message that is laid out

-- Ends before anything has begun.
local function refuse(text)
  io.stderr:write("wsbot connect: ", show.escape(text), "\n")
  os.exit(MISUSED, true)
end

---------------------------------------------------------------------------------------------------------- the options

local function flag(name)
  return arg[name] ~= nil
end

-- The last of those given.
local function value(name)
  return arg[name] and arg[name][#arg[name]]
end

local function seconds(name, least)
  local text = value(name)
  local number = tonumber(text)
  if not text then return nil end
  if number and number >= least and number <= 1e9 then return number end
  refuse(("a wrong value for --%s: '%s' (seconds)"):format(name, text))
end

local function file(name)
  local path = value(name)
  local opened, why = io.open(path or "/dev/null")
  if not opened then refuse(("--%s: cannot open %s"):format(name, why)) end
  opened:close()
  return path
end

local function headers()
  local all = {}
  for _, line in ipairs(arg.header or {}) do
    local name, text = line:match "^([^:]+):%s*(.-)%s*$"
    if not name then refuse(("a wrong value for --header: '%s' (\"Name: value\")"):format(line)) end
    all[name] = all[name] or {}
    table.insert(all[name], text)
  end
  return all
end

local function protocols()
  local all = {}
  for _, list in ipairs(arg.subprotocol or {}) do
    for name in list:gmatch "[^,%s]+" do all[#all + 1] = name end
  end
  return all
end

local is_binary, is_base64, is_json, is_verbose = flag "binary", flag "base64", flag "json", flag "verbose"
local one = flag "one"
local wait, timeout = seconds("wait", 0), seconds("timeout", 0)
if flag "cert" ~= flag "key" then refuse "--cert and --key go together" end

-- What ws.connect takes.
local options = {
  url = arg.url,
  headers = headers(),
  protocols = protocols(),
  binary_type = is_binary and ws.ARRAYBUFFER or ws.BLOB,
  ping_interval = seconds("ping", 0),
  connect_timeout = timeout and math.max(timeout, 10), -- which may be more than the 10 s of each
  handshake_timeout = timeout and math.max(timeout, 10),
  max_send_buffer = LONGEST,
  proxy = value "proxy",
}
if options.url:find "^wss:" then
  options.tls = { ca_file = file "ca", cert = file "cert", key = file "key", verify = not flag "insecure" }
end

----------------------------------------------------------------------------------------------------- how it came out

local conn
local is_open, is_late, was_told_to_close = false, false, false
local misuse -- what was wrong with the input
local received = 0 -- messages
local failure, closing -- { word, message }, and { code, reason, record }

-- The exit status, and what to tell of it: nil where the messages say it all.
local function outcome()
  if misuse then return MISUSED, misuse end
  if one and received > 0 then return DONE end
  if is_late then return TOO_LATE, ("no %s within %g s"):format(is_open and "message" or "connection", timeout) end
  local word, message = table.unpack(failure or {})
  if not is_open then
    return word == "timeout" and TOO_LATE or NOT_CONNECTED, word and word .. ": " .. message or "interrupted"
  end
  if failure then return ENDED_BADLY, word .. ": " .. message end
  local code, reason = table.unpack(closing)
  local text = ("closed: %d%s"):format(code, reason ~= "" and " " .. reason or "")
  if code == 1000 or code == 1001 or code == 1005 then return DONE, nil, text end
  if code == 1006 and was_told_to_close then return DONE, nil, "closed, without an answer of the server" end
  return ENDED_BADLY, text
end

local function finish()
  local status, fault, note = outcome()
  if fault then
    screen.note("wsbot connect: " .. show.escape(fault), "fault")
  elseif note and (is_verbose or screen.can_prompt()) then
    screen.note("* " .. show.escape(note))
  end
  screen.close()
  local ok, word, message = console.flush()
  if not ok and word ~= "EPIPE" then
    screen.note("wsbot connect: cannot write the output: " .. message, "fault")
    status = status == DONE and MISUSED or status
  end
  os.exit(status, true)
end

local function close()
  was_told_to_close = true
  conn:close()
end

------------------------------------------------------------------------------------------------------------- sending

local gate -- while the output is full: a task that ends when there is room

local function open_gate()
  if gate then gate:cancel() end
  gate = nil
end

-- Sends a line as a message; where much waits to be sent already, it waits too if it `may_wait`. true; or nil, and why
-- the line is not sent, or nothing where the connection has ended.
local function send(text, may_wait)
  if is_binary and is_base64 then
    text = console.unbase64(text)
    if not text then return nil, "it is not Base64" end
  end
  while true do
    local ok, why = conn:send(text)
    if ok then return true end
    if why == "invalid_utf8" then return nil, "it is not UTF-8; --binary sends bytes as they are" end
    if why ~= "send_buffer_full" then return nil end
    if not may_wait then return nil, "the server does not take what was sent before" end
    gate = host.spawn(host.sleep, 1e9)
    gate:join()
  end
end

-- The input has ended: the connection is closed when all of it is written, and `wait` is over.
local function end_input()
  while conn.state == "open" and conn.buffered_amount > 0 do
    host.sleep(0.01)
  end
  host.sleep(wait or 0)
  if not one then close() end
end

local function send_lines()
  local number = 0
  local function fail(why)
    misuse = ("line %d of the input cannot be sent: %s"):format(number, why)
    close()
  end
  local whole = input.each_line(LONGEST, function(text)
    number = number + 1
    if misuse or conn.state ~= "open" then return end
    local _, why = send(text, true)
    if why then fail(why) end
  end)
  if not whole then
    number = number + 1
    fail(("it has more than %d bytes"):format(LONGEST))
  end
  if not misuse then end_input() end
end

local function prompt()
  screen.open()
  for what, text in screen.actions() do
    if what == "interrupt" and was_told_to_close then
      screen.close()
      os.exit(INTERRUPTED, true)
    elseif what ~= "line" then
      close()
    elseif text ~= "" then
      screen.sent(text)
      local _, why = send(text, false) -- the keys are read on
      if why then screen.note("this line was not sent: " .. why, "fault") end
    end
  end
  close()
end

----------------------------------------------------------------------------------------------------------- receiving

-- A message as it is shown.
local function shown(data, kind)
  if kind == "binary" and is_base64 then
    data = console.base64(data)
  elseif is_json and #data <= LARGEST and utf8.len(data) then
    local laid_out = json.layout(data, function(what, token)
      return screen.paint(what, screen.is_terminal and show.escape(token) or token)
    end)
    if laid_out then return laid_out end
  end
  if not screen.is_terminal then return data end
  if kind == "binary" and not is_base64 then return ("binary, %d bytes\n%s"):format(#data, show.hex(data)) end
  return show.escape(data, true)
end

local function receive()
  for data, kind in conn:messages() do
    if not (one and received > 0) then
      received = received + 1
      local mark = screen.can_prompt() and screen.paint("received", "< ") or ""
      if not screen.write(mark .. shown(data, kind)) or one then close() end -- nobody reads it any more: see finish
    end
  end
  finish()
end

----------------------------------------------------------------------------------------------------------- the whole

if is_verbose then
  console.trace(function(record)
    for _, line in ipairs(trace.lines(record)) do
      screen.note(line)
    end
  end)
end

function options.on_connect(c)
  if not is_verbose then return end
  screen.note("* connected to " .. tostring(c.remote_address))
  for _, line in ipairs(c.tls and trace.tls(c.tls) or {}) do
    screen.note(line)
  end
end

function options.on_websocket_connect(c)
  is_open = true
  if screen.can_prompt() and not is_verbose then
    screen.note(("* open%s (Ctrl-D closes)"):format(c.protocol and ", subprotocol " .. show.escape(c.protocol) or ""))
  end
  if flag "no-input" then return end
  host.spawn(screen.can_prompt() and prompt or send_lines)
end

options.on_drain = open_gate

function options.on_error(_, word, message)
  failure = { word, message }
end

function options.on_close(_, ...)
  closing = { ... }
  open_gate()
end

local ok, made = pcall(ws.connect, options)
if not ok then refuse((made:gsub("^.-ws%.connect: ", ""))) end
conn = made

local conversation = host.spawn(receive)

host.spawn(function()
  console.hangup()
  close()
end)

if timeout then
  host.after(timeout, function()
    if is_open and not (one and received == 0) then return end
    is_late = true
    conn:destroy()
  end)
end

host.on_stop(function() -- Ctrl-C: it is closed with 1000, and a second one ends the program
  close()
  conversation:join()
end)
conversation:join()
os.exit(NOT_CONNECTED, true) -- it has failed, and that was told: else `finish` ends the program
