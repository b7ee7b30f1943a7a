-- wsbot.attach: `wsbot attach`, a prompt inside a running program. Lua that is typed runs there; lines that begin with
-- a colon are commands (wsbot.attach.commands).
local client = require "wsbot.control.client"
local commands = require "wsbot.attach.commands"
local console = require "wsbot.console"
local input = require "wsbot.terminal.input"
local screen = require "wsbot.terminal.screen"
local show = require "wsbot.terminal.show"

local LONGEST <const> = 1 << 20 -- bytes of a line of input

local failed = false -- some code has

local function fail(message)
  failed = true
  screen.note(message, "fault")
end

local function stop(status)
  screen.close()
  console.flush()
  os.exit(status, true)
end

------------------------------------------------------------------------------------------------------------ the program

local program, why = client.find(arg.operand)
local rpc
if program and program.silence then
  program, why = nil, ("%s (%d): %s"):format(program.name, program.pid, program.silence)
end
if program then rpc, why = client.connect(program.path) end
if not rpc then
  screen.note("wsbot attach: " .. why, "fault")
  stop(1)
end

function rpc.on.output(params)
  local text = show.escape(params.text, true):gsub("\n$", "")
  screen.write(params.worker and ("[%d] %s"):format(params.worker, text) or text)
end

function rpc.conn.on_close()
  screen.note("the program has ended, or ended the connection", "fault")
  stop(1)
end

--------------------------------------------------------------------------------------------------------------- the code

local session = { rpc = rpc, program = program, write = screen.write, fail = fail, stop = stop }

function rpc.on.events(params)
  if session.on_events then session.on_events(params) end
end

-- Waits for Ctrl-C, or, where there is no prompt, for the end of the program.
function session.interrupted()
  session.interrupt = host.future()
  session.interrupt:wait()
  session.interrupt = nil
end

-- Runs a line: Lua code, or a command. Waits for its end.
local function run(text)
  if text:find "^%s*$" then return end
  local name, rest = text:match "^%s*:(%w+)%s*(.-)%s*$"
  if name then return commands.run(session, name, rest) end
  local result, message = client.call(rpc, "run", { code = text, worker = session.worker }, client.FOREVER)
  if result == nil then return fail(message) end
  commands.show(session, result)
end

-- Does the text end within an expression or a statement?
local function is_unfinished(text)
  if text:find "^%s*:" or load("return " .. text) then return false end
  local _, message = load(text)
  return message ~= nil and message:find "<eof>$" ~= nil
end

------------------------------------------------------------------------------------------------------------- the prompt

local function complete(left)
  local names, stem = commands.complete(session, left)
  if #names == 0 then return end
  local common = names[1]
  for _, name in ipairs(names) do
    while name:sub(1, #common) ~= common do common = common:sub(1, -2) end
  end
  if #common > #stem then return screen.insert(common:sub(#stem + 1)) end
  if #names > 1 then screen.note(table.concat(names, "  ")) end
end

local function prompt()
  local first, more = program.name .. "> ", (" "):rep(#program.name - 1) .. ">> "
  local text, is_busy = "", false
  screen.note(("attached to %s, process %d; :help tells of the commands, Ctrl-D leaves"):format(program.name,
    program.pid))
  screen.open { prompt = first, history = "attach_history", completes = true }
  host.spawn(screen.follow_size)
  for what, line in screen.actions() do
    if what == "complete" and not is_busy then
      host.spawn(complete, line)
    elseif what == "interrupt" then
      text = ""
      screen.ask(first)
      if session.interrupt then
        session.interrupt:set()
      elseif is_busy then
        host.spawn(rpc.notify, rpc, "cancel") -- behind the call, which may not have been sent yet
      end
    elseif what == "end" then
      break
    elseif what == "line" then
      screen.sent(line)
      text = text .. (text == "" and "" or "\n") .. line
      if is_busy then
        screen.note("the line before still runs (Ctrl-C cancels it): this one was not run", "fault")
        text = ""
      elseif is_unfinished(text) then
        screen.ask(more)
      else
        local whole = text
        text, is_busy = "", true
        screen.ask(first)
        host.spawn(function()
          run(whole)
          is_busy = false
        end)
      end
    end
  end
end

-- Without a terminal: the lines of standard input, each whole piece of code in turn.
local function read_lines()
  local text = ""
  local whole = input.each_line(LONGEST, false, function(line)
    text = text .. (text == "" and "" or "\n") .. line
    if is_unfinished(text) then return end
    run(text)
    text = ""
  end)
  if not whole then fail "a line of the input is too long" end
  if text ~= "" then run(text) end
end

------------------------------------------------------------------------------------------------------------ the command

host.on_stop(function() -- Ctrl-C, where there is no prompt
  rpc.conn.on_close = nil
  if session.interrupt then session.interrupt:set() end
end)

local has_prompt = not arg.execute and screen.can_prompt()

if arg.execute then
  for _, code in ipairs(arg.execute) do run(code) end
elseif has_prompt then
  prompt()
else
  read_lines()
end
if session.wanted and not has_prompt then session.interrupted() end -- the log is shown until the command is ended
rpc.conn.on_close = nil
rpc.conn:close()
stop(failed and not has_prompt and 1 or 0)
