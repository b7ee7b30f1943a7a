-- `wsbot attach` on a terminal: its prompt.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local terminal = require "support.terminal"

-- A bot named "bot", and a prompt in it.
local function attach(source)
  local folder = place.folder()
  local env = { WSBOT_CONTROL = folder .. "/sockets", WSBOT_HISTORY = folder .. "/history", NO_COLOR = "1" }
  local bot = program.bot(source .. "\nsay 'runs' host.every(3600, print)", {}, { env = env })
  bot:tells "runs"
  local t = terminal.run({ program.wsbot, "attach", "bot" }, { env = env })
  t:shows "attached to bot, process "
  t:shows "bot> "
  return t, bot, folder
end

describe("the prompt of wsbot attach", function()
  it_tells("runs what is typed in the program, and shows what it gives", function()
    local t = attach "answer = 42"
    t:write "answer, { a = 1 }\r"
    t:shows "42, { a = 1 }"
    t:write "answer = 43\r"
    t:shows "bot> "
    t:write "answer\r"
    t:shows "43"
    t:write "\4"
    t:leaves(0)
  end)

  it_tells("asks for more where a statement is not finished", function()
    local t = attach ""
    t:write "for i = 1, 2 do\r"
    t:shows " >> "
    t:write "print('line', i)\r"
    t:shows " >> "
    t:write "end\r"
    t:shows "line\t1"
    t:shows "line\t2"
    t:write "\4"
    t:leaves(0)
  end)

  it_tells("completes names, fields and commands", function()
    local t = attach "exchange = { bids = {}, asks = {} }"
    t:write "exch\t"
    t:shows "exchange"
    t:write ".bi\t"
    t:shows "bids"
    t:write "\21exchange.\t"
    t:shows "asks  bids"
    t:write "\21:ti\t"
    t:shows ":timers"
    t:write "\r"
    t:shows "NAME  WHEN"
    t:write "\4"
    t:leaves(0)
  end)

  it_tells("keeps a history of its own", function()
    local t, _, folder = attach ""
    t:write "1 + 1\r"
    t:shows "2\r\n"
    t:write "\4"
    t:leaves(0)
    assert.equal("1 + 1\n", place.read(folder .. "/history.attach_history"))
  end)

  it_tells("cancels what waits by Ctrl-C, and goes on", function()
    local t = attach ""
    t:write "host.sleep(3600)\r"
    t:write "\3"
    t:shows "it was cancelled"
    t:write "1 + 1\r"
    t:shows "2\r\n"
    t:write "\4"
    t:leaves(0)
  end)

  it_tells("shows an error, and goes on", function()
    local t = attach ""
    t:write "nothing.at.all\r"
    t:shows "attempt to index a nil value (global 'nothing')"
    t:write ":nothing\r"
    t:shows "there is no command :nothing"
    t:write "1 + 1\r"
    t:shows "2\r\n"
    t:write "\4"
    t:leaves(0)
  end)

  it_tells("leaves with status 1 when the program ends", function()
    local t, bot = attach ""
    bot:kill "sigterm"
    t:shows "the program has ended"
    t:leaves(1)
  end)

  it_tells("shows nothing that could move the cursor", function()
    local t = attach ""
    t:write "print('\\27[2J', '\\r', '\\u{202e}')\r"
    t:shows [[\x1b[2J]]
    t:write "\4"
    t:leaves(0)
  end)
end)
