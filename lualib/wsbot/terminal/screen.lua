-- screen: where things are shown: messages on standard output, notes on standard error, and on a terminal both above
-- the line that is being typed, which stays.
local console = require "wsbot.console"
local editor = require "wsbot.terminal.editor"
local history = require "wsbot.terminal.history"
local show = require "wsbot.terminal.show"

local PASTES_MARKED, PASTES_PLAIN = "\27[?2004h", "\27[?2004l"

local term = os.getenv "TERM"
local is_smart = term ~= nil and term ~= "" and term ~= "dumb"
local no_color = os.getenv "NO_COLOR"
local colours = is_smart and (no_color == nil or no_color == "")

local screen = {
  is_terminal = console.output_is_terminal,
  paint = show.painter(colours and console.output_is_terminal),
}
local paint_note = show.painter(colours and console.error_is_terminal)

local line, remember -- the editor while there is a prompt, and what adds to its history

-- Returns what shows this text above the prompt. It may be written over what is drawn there.
local function around(text)
  return line:hide() .. text .. line:draw()
end

-- Writes a message and a line end; waits where the reader of the output is slow. Returns true, or nil, a word and a
-- message.
function screen.write(text)
  return console.write(line and around(text .. "\n") or text .. "\n")
end

-- Shows something that is no message: `what` is "note" or "fault". Does not wait.
function screen.note(text, what)
  text = show.escape(text, true)
  if line and console.error_is_terminal then
    console.put(around(paint_note(what or "note", text) .. "\n"))
  else
    io.stderr:write(paint_note(what or "note", text), "\n")
  end
end

-- May there be a prompt?
function screen.can_prompt()
  return console.input_is_terminal and console.output_is_terminal and is_smart
end

-- Shows a prompt from now on. options: prompt ("> "); history: the name of its file; completes: Tab is an action, and
-- not a tab.
function screen.open(options)
  local list
  list, remember = history.open(screen.note, options.history)
  line = editor.new { prompt = options.prompt, paint = screen.paint, width = console.width, size = console.size,
    history = list, completes = options.completes }
  console.raw(true)
  console.put(PASTES_MARKED .. line:draw())
end

-- Draws the prompt anew at each change of the terminal's size. Never returns.
function screen.follow_size()
  while true do
    console.resized()
    if line then console.put(line:draw()) end
  end
end

-- Takes the prompt away.
function screen.close()
  if not line then return end
  console.put(line:hide() .. PASTES_PLAIN)
  line = nil
  console.flush()
  console.raw(false)
end

local function suspend()
  console.put(line:hide() .. PASTES_PLAIN)
  console.flush()
  console.suspend()
  console.put(PASTES_MARKED)
end

-- An iterator over what the user does by keys from now on: "line" and its text, "end" (Ctrl-D), "interrupt" (Ctrl-C),
-- "complete" and what is left of the cursor (Tab).
-- Waits for each; nil: there is no terminal any more.
function screen.actions()
  local actions = {}
  return function()
    while line do
      local action = table.remove(actions, 1)
      if not action then
        local bytes = console.read()
        if not bytes or not line then return nil end
        actions = line:feed(bytes)
        console.put(line:draw())
      elseif action[1] == "suspend" then
        suspend()
        console.put(line:draw())
      else
        return table.unpack(action)
      end
    end
  end
end

-- The line was sent: it stays on the terminal, and in the history.
function screen.sent(text)
  remember(text)
  console.put(around(screen.paint("sent", line.prompt) .. show.escape(text, true) .. "\n"))
end

-- Changes the prompt.
function screen.ask(prompt)
  line.prompt = prompt
  console.put(line:draw())
end

-- Puts a text into the line, at the cursor.
function screen.insert(text)
  line:insert(text)
  console.put(line:draw())
end

return screen
