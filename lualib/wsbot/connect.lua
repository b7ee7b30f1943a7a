-- wsbot.connect: `wsbot connect`, a conversation by hand. Two tasks: one receives and shows, the other reads what is to
-- be sent. Whatever ends the connection, `finish` ends the program.
local console = require "wsbot.console"
local core = require "wsbot.connect.core"
local input = require "wsbot.terminal.input"
local json = require "wsbot.connect.json"
local options = require "wsbot.connect.options"
local say = require "wsbot.connect.say" -- a message of ws.connect in words of the command line
local plainly = require("wsbot.number").plainly
local screen = require "wsbot.terminal.screen"
local show = require "wsbot.terminal.show"
local trace = require "wsbot.connect.trace"

local DONE, NOT_CONNECTED, MISUSED, ENDED_BADLY, TOO_LATE = 0, 1, 2, 3, 4
local INTERRUPTED = 130 -- as shells have it

local LARGEST = 1024 * 1024 -- bytes of a message that is laid out
local BODY = 2048 -- bytes of the body that are shown, of an answer that refuses the handshake
local FLOOD = 64 * 1024 -- bytes of a trace that are not shown any more after Ctrl-C

local one, timeout = options.one, options.timeout

-------------------------------------------------------------------------------------------------------- how it came out

local conn
local is_open, is_late, was_told_to_close = false, false, false
local has_quit = false -- nothing is shown any more
local interruption = "interrupted" -- what is printed when we end an attempt
local misuse -- what was wrong with the input
local received = 0 -- messages
local failure, closing -- { word, message }, and { code, reason, record }

-- The status line of an answer that refuses the handshake, and the beginning of its body. Nothing with --verbose, which
-- has shown both.
local function answer_lines()
  local response = closing and closing[3].response
  if is_open or options.verbose or not response or response.status == 101 then return {} end
  local lines = { "< " .. show.escape(response.text:match "^[^\r\n]*") }
  local body = response.body or ""
  if body:find "[\0-\8\14-\26\28-\31]" then -- it may be compressed
    lines[2] = ("< (%d bytes that are no text)"):format(#body)
    return lines
  end
  for line in body:sub(1, BODY):gmatch "[^\r\n]+" do
    lines[#lines + 1] = "< " .. show.escape(line)
  end
  if #body > BODY then lines[#lines + 1] = "< ..." end
  return lines
end

-- Returns the exit status, and the messages to print: of a failure, and of the close; nil where nothing is to be said.
local function outcome()
  if misuse then return MISUSED, misuse end
  if one and received > 0 then return DONE end
  if is_late then
    return TOO_LATE, plainly(string.format, "no %s within %g s", is_open and "message" or "connection", timeout)
  end
  local word, message = table.unpack(failure or {})
  if word == "timeout" then return TOO_LATE, "timeout: " .. message end
  if not is_open then return NOT_CONNECTED, word and word .. ": " .. message or interruption end
  if failure then return ENDED_BADLY, word .. ": " .. message end
  local code, reason = table.unpack(closing)
  local text = ("closed: %d%s"):format(code, reason ~= "" and " " .. reason or "")
  local lost = has_quit and 0 or conn.messages_in - received -- ws.connect keeps no more than that for a slow reader
  if lost > 0 then return ENDED_BADLY, ("%d messages are lost: they came faster than they were read"):format(lost) end
  if code == 1000 or code == 1001 or code == 1005 then return DONE, nil, text end
  if code == 1006 and was_told_to_close then return DONE, nil, "closed, without an answer of the server" end
  return ENDED_BADLY, text
end

local function finish()
  local status, fault, note = outcome()
  if fault then
    screen.note(table.concat({ "wsbot connect: " .. show.escape(fault), table.unpack(answer_lines()) }, "\n"), "fault")
  elseif note and (options.verbose or screen.can_prompt()) then
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

-- Closes the connection where what still comes is not wanted.
local function quit()
  has_quit = true
  close()
  conn:pause() -- what comes now is thrown away
end

---------------------------------------------------------------------------------------------------------------- sending

-- Waits until the server has taken what was sent; gives up where it takes nothing for too long.
local function drain()
  local left, since = conn.buffered_amount, host.now()
  while conn.state == "open" and conn.buffered_amount > 0 do
    host.sleep(0.01)
    if conn.buffered_amount < left then
      left, since = conn.buffered_amount, host.now()
    elseif host.now() - since > options.patience then
      failure = { "timeout", plainly(string.format, "the server has taken nothing of what was sent for %g s",
        options.patience) }
      conn:destroy()
    end
  end
end

-- Sends a line as a message. Where much waits to be sent already, this waits too if it `may_wait`. Returns true; or
-- nil, and why the line is not sent, or nothing where the connection has ended.
local function send(text, may_wait)
  if options.binary and options.base64 then
    text = core.unbase64(text)
    if not text then return nil, "it is not Base64" end
  end
  while true do
    local ok, why = conn:send(text)
    if ok then return true end
    if why == "invalid_utf8" then return nil, "it is not UTF-8; --binary sends bytes as they are" end
    if why ~= "send_buffer_full" then return nil end
    if not may_wait then return nil, "the server does not take what was sent before" end
    drain()
  end
end

-- The input has ended: the connection is closed when all of it is written, and --wait is over.
local function end_input()
  drain()
  host.sleep(options.wait)
  if not one then close() end
end

local function send_lines()
  local number = 0
  local function fail(why)
    misuse = ("line %d of the input cannot be sent: %s"):format(number, why)
    close()
  end
  local whole = input.each_line(options.longest, options.binary and not options.base64, function(text)
    number = number + 1
    if misuse or conn.state ~= "open" then return end
    local _, why = send(text, true)
    if why then fail(why) end
  end)
  if not whole then
    number = number + 1
    fail(("it has more than %d bytes"):format(options.longest))
  end
  if not misuse then end_input() end
end

local function prompt()
  screen.open { prompt = "> ", history = "history" }
  host.spawn(screen.follow_size)
  for what, text in screen.actions() do
    if what == "interrupt" and was_told_to_close then
      screen.close()
      os.exit(INTERRUPTED, true)
    elseif what == "interrupt" then
      quit()
    elseif what ~= "line" then
      close()
    elseif text ~= "" then
      screen.sent(text)
      local _, why = send(text, false) -- keys are read meanwhile
      if why then screen.note("this line was not sent: " .. why, "fault") end
    end
  end
  close()
end

-------------------------------------------------------------------------------------------------------------- receiving

-- Returns a message as it is to be shown.
local function shown(data, kind)
  if kind == "binary" and options.base64 then
    data = core.base64(data)
  elseif options.json and #data <= LARGEST and utf8.len(data) then
    local laid_out = json.layout(data, function(what, token)
      return screen.paint(what, screen.is_terminal and show.escape(token) or token)
    end)
    if laid_out then return laid_out end
  end
  if not screen.is_terminal then return data end
  if kind == "binary" and not options.base64 then return ("binary, %d bytes\n%s"):format(#data, show.hex(data)) end
  return show.escape(data, true)
end

local function receive()
  for data, kind in conn:messages() do
    if not (has_quit or one and received > 0) then
      received = received + 1
      local mark = screen.can_prompt() and screen.paint("received", "< ") or ""
      if not screen.write(mark .. shown(data, kind)) or one then quit() end -- nobody reads it any more: see finish
    end
  end
  finish()
end

-------------------------------------------------------------------------------------------------------------- the whole

if options.verbose then
  console.trace(function(record)
    if has_quit and #record > FLOOD then return end
    local lines = trace.lines(record)
    if #lines > 0 then screen.note(table.concat(lines, "\n")) end
  end)
end

local how = options.connection

function how.on_connect(c)
  if not options.verbose then return end
  local lines = c.tls and trace.tls(c.tls) or {}
  screen.note(table.concat({ "* connected to " .. show.escape(tostring(c.remote_address)), table.unpack(lines) }, "\n"))
end

function how.on_websocket_connect(c)
  is_open = true
  if screen.can_prompt() and not options.verbose then
    screen.note(("* open%s (%s closes)"):format(c.protocol and ", subprotocol " .. show.escape(c.protocol) or "",
      options.no_input and "Ctrl-C" or "Ctrl-D"))
  end
  if options.no_input then return end
  host.spawn(screen.can_prompt() and prompt or send_lines)
end

function how.on_error(_, word, message)
  failure = { word, say(message) }
end

function how.on_close(_, ...)
  closing = { ... }
end

local ok, made = pcall(ws.connect, how)
if not ok then options.refuse(say((made:gsub("^.-ws%.connect: ", "")))) end
conn = made

local conversation = host.spawn(receive)

host.spawn(function()
  console.hangup()
  interruption = "nobody reads the output"
  quit()
end)

if timeout then
  host.after(timeout, function()
    if is_open and not (one and received == 0) then return end
    is_late = true
    conn:destroy()
  end)
end

host.on_stop(function() -- Ctrl-C: it is closed with 1000, and a second one ends the program
  quit()
  conversation:join()
end)
conversation:join()
os.exit(NOT_CONNECTED, true) -- the conversation has failed, and that was reported: otherwise `finish` ends the program
