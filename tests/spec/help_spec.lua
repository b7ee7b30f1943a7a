-- `wsbot help`: the manual on a terminal, and the man pages and completions that it makes.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local terminal = require "support.terminal"

local function help(...)
  local h = program.run { "help", ... }
  h.status = h:wait()
  return h
end

-- What it prints about a topic in a pipe.
local function shown(...)
  local h = help(...)
  assert.equal("", h.err)
  assert.equal(0, h.status)
  return h.out
end

-- The names of the files in a folder, without their end.
local function names_in(folder, ending)
  local list = {}
  local pipe <close> = assert(io.popen("ls " .. folder))
  for name in pipe:lines() do list[#list + 1] = name:match("^(.*)" .. ending .. "$") end
  return list
end

local function has(text, part)
  assert(text:find(part, 1, true), ("there is no %q in:\n%s"):format(part, text))
end

local chapters = names_in("lualib/manual", "%.md")

describe("wsbot help", function()
  it_tells("lists commands, chapters with their first sentences, and modules", function()
    local text = shown()
    for _, title in ipairs { "Commands", "Chapters", "Modules" } do assert.matches("\n" .. title .. "\n", text) end
    for _, command in ipairs { "run", "check", "connect", "ps", "attach", "inspect", "echo", "help", "test" } do
      assert.matches("\n  " .. command .. "%s%s+%l", text)
    end
    for _, chapter in ipairs(chapters) do assert.matches("\n  " .. chapter .. "%s%s+%u", text) end
    for _, module in ipairs { "ws", "host", "luv", "wsbot.json", "wsbot.testing" } do
      assert.matches("\n  " .. module:gsub("%.", "%%.") .. "%s%s+%S", text)
    end
    assert.matches("\n  reload%s+Hot reload: wsbot run %-%-watch bot%.lua loads the", text)
  end)

  it_tells("shows a chapter by its name or its title", function()
    local text = shown "reload"
    assert.matches("^Hot reload\n\n  wsbot run %-%-watch", text)
    has(text, shown("hot", "reload"))
    has(text, shown "HOT RELOAD")
    assert.matches("\n  See also: host%.reload, .*wsbot%.testing%.bot:reload\n$", text)
  end)

  it_tells("shows a command, an option, a variable and a module", function()
    local run = shown "run"
    has(run, "wsbot run [OPTIONS] SCRIPT [ARG...]\n")
    assert.matches("\nexit status\n\n  0  done", run)
    assert.matches("\n  %-%-workers N%s+run the script in N processes", run)
    assert.matches("\nenvironment\n", run)
    assert.matches("^wsbot run\n\n  %-%-watch .*\nwsbot ps\n\n  %-%-watch%[=SECONDS%] .*\nwsbot test\n\n  %-%-watch ",
      shown "--watch")
    assert.equal(shown "--jobs", shown "-j")
    has(shown("--", "--man"), "--man wsbot.1|wsbot-connect.1|wsbot.3lua")
    has(shown "WSBOT_TRACE", "WSBOT_TRACE")
    assert.matches("^wsbot%.json\n\n  JSON %(RFC 8259%)", shown "wsbot.json")
    has(shown "json", "json.decode(text, options)")
  end)

  it_tells("shows a name of the API with its types and defaults, as its users call it", function()
    local text = shown "conn:send"
    assert.matches("^ws%.connection:send%(data, kind%)\n\n  Sends a message", text)
    has(text, 'kind?: ws.kind|"blob"|"arraybuffer"')
    has(text, 'why_not: "closed"|"not_open"|"send_buffer_full"|"invalid_utf8"?')
    assert.equal(text, shown "ws.connection:send()")
    assert.matches("^host%.state%(name, initial, options%)\n", shown "host.state")
    has(shown "ws.options.close_timeout", "closing handshake; default 5")
    assert.matches('ws%.error\n.*"dns"%s+the name has no address', shown "ws.error")
    assert.matches("See also: ws%.connect\n$", shown "connect")
  end)

  it_tells("lists what has the same name", function()
    local text = shown "send"
    assert.matches("Several are called so", text)
    has(text, "ws.connection:send")
    has(text, "wsbot.testing.session:send")
  end)

  it_tells("shows what has one name, and is two things, at once and without a pointer to itself", function()
    local text = shown "testing.server"
    assert.matches("^wsbot%.testing%.server%(options%)\n\n  A WebSocket server", text)
    has(text, "  url: string\n")
    text = shown "host.queue"
    has(text, "host.queue(capacity)")
    assert.not_matches("See also", text)
  end)

  it_tells("lists the methods of a class with it", function()
    assert.matches("\nmethods\n\n  ws%.connection:send%(data, kind%)\n +Sends a message", shown "ws.connection")
    assert.matches("\nmethods\n\n  host%.queue:put%(value, timeout%)\n.*\n  host%.queue:take%(", shown "host.queue")
    assert.not_matches("\nmethods\n", shown "ws.options")
  end)

  it_tells("has all options with their defaults, made from their types", function()
    local text = shown "options"
    assert.matches("\nws%.options\n\n  option%s+default%s+what\n", text)
    assert.matches("\n  connect_timeout%s+10%s+seconds for names", text)
    assert.matches("\n  min_version%s+\"1%.2\"\n", text)
    assert.matches("\nhttp%.options\n.*\n  timeout%s+30%s+seconds for everything", text)
  end)

  it_tells("says what was probably meant by a topic that there is not", function()
    for wanted, meant in pairs { relaod = "reload", ["ws.conect"] = "ws.connect", ["--wokers"] = "--workers" } do
      local h = help(wanted)
      assert.equal(("wsbot help: there is no topic '%s' (did you mean '%s'?)\n`wsbot help` lists them\n"):format(wanted,
        meant), h.err)
      assert.equal(1, h.status)
      assert.equal("", h.out)
    end
    assert.matches("no topic 'quantum entanglement'\n", help("quantum", "entanglement").err)
    assert.matches("no topic '\\x1b%[2J'", help("\27[2J").err)
  end)

  it_tells("says which chapters speak of what is no topic, those that do it most first", function()
    for wanted, chapter in pairs { watchdog = "running", heartbeat = "cookbook", sighup = "reload" } do
      local h = help(wanted)
      assert.matches(("^wsbot help: there is no topic '%s'; chapters that speak of it: %s[%%l, ]*\n"):format(wanted,
        chapter), h.err)
      assert.equal(1, h.status)
    end
    for _, words in ipairs { { "exit", "status" }, { "exit", "code" } } do
      assert.matches("speak of it: status", help(table.unpack(words)).err)
    end
    for _, nothing in ipairs { "", " ", "[", "%" } do assert.not_matches("chapters", help(nothing).err) end
  end)

  it_tells("tells wrong use apart from a topic that there is not", function()
    for _, words in ipairs { { "--man" }, { "--man", "ls.1" }, { "--completion=csh" },
      { "--man", "wsbot.1", "reload" } } do
      local h = help(table.unpack(words))
      assert.equal(2, h.status)
      assert.matches("^wsbot help: [^\n]*\nusage: wsbot help %[TOPIC%]\n$", h.err)
    end
  end)
end)

describe("a text of wsbot help", function()
  -- What is left of a text without its code, which is further to the right.
  local function prose_of(text)
    local lines = {}
    for line in text:gmatch "[^\n]*" do
      if not line:find "^      " then lines[#lines + 1] = line end
    end
    return table.concat(lines, "\n")
  end

  for _, chapter in ipairs(chapters) do
    it_tells("has no Markdown left in it: " .. chapter, function()
      local text = shown(chapter)
      local prose = prose_of(text)
      for _, mark in ipairs { "`", "**", "](", "|--", "\n#", "\n|", "\n* ", "\27" } do
        local at = prose:find(mark, 1, true)
        assert(not at, ("%q is left in:\n%s"):format(mark, at and prose:sub(math.max(1, at - 200), at + 200)))
      end
      assert.not_matches("\n```", text)
      for line in prose:gmatch "[^\n]+" do
        assert(utf8.len(line) <= 80 or not line:find("%s", 60), "longer than 80 columns: " .. line)
      end
      assert.equal(place.read("lualib/manual/" .. chapter .. ".md"):match "^# ([^\n]*)", text:match "^[^\n]*")
    end)
  end

  it_tells("has tables in columns, whose cells are wrapped", function()
    local text = shown "reaching"
    has(text, "\n  word    tells\n  ------  ---")
    assert.matches("\n  conn    the phases of a connection, [^\n]*\n          %l", text)
  end)

  it_tells("is bold and wrapped at the width of a terminal, and plain where that is wanted", function()
    local env = { PAGER = "" }
    local t = terminal.run({ program.wsbot, "help", "host.sleep" }, { env = env })
    t:shows "\27[1mhost.sleep(seconds)\27[0m"
    t:leaves(0)
    t = terminal.run({ program.wsbot, "help", "host.first" }, { env = env })
    t:shows "Waits for the first of several tasks\r\n"
    t:leaves(0)
    for name, value in pairs { NO_COLOR = "1", TERM = "dumb" } do
      t = terminal.run({ program.wsbot, "help", "host.sleep" }, { env = { PAGER = "", [name] = value } })
      t:leaves(0)
      assert.not_matches("\27", t.out)
      has(t.out, "host.sleep(seconds)\r\n")
    end
  end)

  it_tells("goes through the pager on a terminal, which may end early", function()
    local t = terminal.run({ program.wsbot, "help", "reload" }, { env = { PAGER = "sed 's/^/> /'", NO_COLOR = "1" } })
    t:shows "> Hot reload\r\n"
    t:leaves(0)
    t = terminal.run({ program.wsbot, "help", "reload" }, { env = { PAGER = "head -1", NO_COLOR = "1" } })
    t:leaves(0)
    assert.matches("^Hot reload\r\n%[cooked%]\n$", t.out)
  end)

  it_tells("is shown without a pager where there is none", function()
    for name, value in pairs { PAGER = "no-such-pager", PATH = "/none" } do
      local t = terminal.run({ program.wsbot, "help", "host.sleep" }, { env = { [name] = value, NO_COLOR = "1" } })
      t:shows "host.sleep(seconds)\r\n"
      t:leaves(0)
    end
  end)

  it_tells("stays when Ctrl-C is pressed in the pager", function()
    local t = terminal.run({ program.wsbot, "help", "host.sleep" },
      { env = { PAGER = "kill -INT $PPID; cat", NO_COLOR = "1" } })
    t:shows "host.sleep(seconds)\r\n"
    t:leaves(0)
  end)

  it_tells("may be read in part, but is not lost in silence", function()
    local reader = program.start("/bin/sh", { "-c", '"$0" help run | head -1', program.wsbot })
    assert.equal(0, (reader:wait()))
    assert.equal("wsbot run [OPTIONS] SCRIPT [ARG...]\n", reader.out)
    assert.equal("", reader.err)
    local full = program.start("/bin/sh", { "-c", '"$0" help run >/dev/full', program.wsbot })
    full:wait()
    assert.equal(1, full.status)
    assert.matches("cannot write: no space left", full.err)
  end)
end)

----------------------------------------------------------------------------------------------------------- environment

-- Those of tests and of the host's own processes, which nobody sets by hand.
local internal = { no_proxy = true }

describe("the environment", function()
  it_tells("is told of each variable that the program reads", function()
    local text = shown "environment"
    local pipe <close> = assert(io.popen [[grep -rhoE "getenv *\(?\"[A-Za-z_]+\"" host lualib/wsbot]])
    local names = {}
    for line in pipe:lines() do names[line:match '"(.*)"'] = true end
    assert.is_true(names.WSBOT_LOG and names.PAGER)
    for name in pairs(names) do
      assert(internal[name] or text:find("%f[%w_]" .. name .. "%f[^%w_]"), name .. " is not told of")
    end
  end)
end)

------------------------------------------------------------------------------------------------------------- man pages

local pages = { "wsbot.1", "wsbot-connect.1", "wsbot.3lua" }

local function is_installed(command)
  return os.execute(("command -v %s >/dev/null 2>&1"):format(command)) == true
end

-- What a shell command says of a text in a file.
local function said_of(text, command)
  local path = place.file("page", text)
  local s = program.start("/bin/sh", { "-c", ("%s '%s'"):format(command, path) })
  assert.equal(0, (s:wait()))
  return s.out .. s.err
end

-- The options of a command, as its help has them.
local function options_of(command)
  local c = program.run { command, "--help" }
  c:wait()
  local list = {}
  for name in c.out:gmatch "\n  [^\n]-(%-%-[%w-]+)[^\n]*" do list[#list + 1] = name end
  return list
end

describe("a man page", function()
  for _, page in ipairs(pages) do
    it_tells("is clean for groff: " .. page, function()
      local text = shown("--man", page)
      assert.matches("^%.TH WSBOT", text)
      assert.matches("\n%.SH \"NAME\"\nwsbot%S* \\%- ", text)
      assert.not_matches("[\x80-\xff]", text)
      if not is_installed "groff" then return pending "groff is not installed" end
      assert.equal("", said_of(text, "groff -man -ww -z -Tutf8"))
    end)
  end

  it_tells("has every option of every command, and the usage of each", function()
    local text = shown("--man", "wsbot.1")
    for _, command in ipairs { "run", "check", "connect", "ps", "attach", "inspect", "echo", "help", "test" } do
      has(text, '.SS "wsbot ' .. command)
      for _, name in ipairs(options_of(command)) do
        has(text, ("\\fB%s\\fR"):format((name:gsub("%-", "\\-"))))
      end
    end
    for _, section in ipairs { "SYNOPSIS", "SIGNALS", "ENVIRONMENT", "FILES", "EXIT STATUS" } do
      has(text, '.SH "' .. section .. '"')
    end
    local connect = shown("--man", "wsbot-connect.1")
    for _, name in ipairs(options_of "connect") do has(connect, "\\fB" .. name:gsub("%-", "\\-") .. "\\fR") end
  end)

  it_tells("has every function of lualib/meta, with its parameters", function()
    local text = shown("--man", "wsbot.3lua")
    for _, file in ipairs(names_in("lualib/meta", "%.lua")) do
      local types = place.read("lualib/meta/" .. file .. ".lua")
      for name, parameters in types:gmatch "\nfunction [%w_]+([.:][%w_]+)(%b())" do
        has(text, name .. parameters .. '"\n')
      end
    end
    has(text, ".SS \"ws.connection:send(data, kind)\"\nSends a message, as text or binary")
  end)
end)

----------------------------------------------------------------------------------------------------------- completions

-- What bash completes at the end of these words, where this program runs as `wsbot`.
local function complete(...)
  local folder = place.folder()
  place.file(folder .. "/wsbot", '#!/bin/sh\n[ "$*" = "ps --names" ] && echo feed && echo 123\n')
  os.execute(("chmod +x '%s/wsbot'"):format(folder))
  local script = place.file("complete", shown("--completion", "bash") .. [[
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_wsbot
echo "${COMPREPLY[*]}"
]])
  local s = program.start("/bin/bash", { script, "wsbot", ... }, { cwd = place.folder(),
    env = { PATH = folder .. ":" .. os.getenv "PATH" } })
  assert.equal(0, (s:wait()))
  assert.equal("", s.err)
  return s.out:match "^(.*)\n$"
end

describe("completion", function()
  it_tells("by bash has commands, options, values, topics and programs", function()
    assert.equal("connect", complete "con")
    assert.equal("--watch --watch-also", complete("run", "--wat"))
    assert.equal("text json", complete("run", "--log-format", ""))
    assert.equal("json", complete("run", "--log-format", "=", "j"))
    assert.equal("", complete("run", "--workers", ""))
    assert.equal("feed 123", complete("attach", ""))
    assert.equal("feed", complete("inspect", "f"))
    assert.equal("reload", complete("help", "rel"))
    assert.equal("wss://", complete("connect", "wss"))
  end)

  for _, shell in ipairs { "bash", "zsh", "fish" } do
    it_tells("is right for " .. shell, function()
      local text = shown("--completion", shell)
      for _, name in ipairs(options_of "connect") do has(text, shell == "fish" and "-l " .. name:sub(3) or name) end
      if not is_installed(shell) then return pending(shell .. " is not installed") end
      assert.equal("", said_of(text, shell .. " -n"))
    end)
  end

  it_tells("asks for the programs that run", function()
    local env = { WSBOT_CONTROL = place.folder() .. "/sockets" }
    local bot = program.bot("say 'runs' host.every(3600, print)", {}, { env = env, flags = { "--name", "feed" } })
    bot:tells "runs"
    local ps = program.run({ "ps", "--names" }, { env = env })
    ps:tells("feed", tostring(bot.pid))
    ps:ends(0)
  end)
end)
