-- The command: its words, exit statuses and signals.
local it_tells = require "support.it_tells"
local log = require "support.log"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

describe("wsbot", function()
  it_tells("runs a script with its arguments, with or without the word run", function()
    local path = place.file("args.lua", "print(arg[0], #arg, arg[1], arg[2], arg[3], ...)")
    for _, line in ipairs { { "run", path, "a", "--strict", "c" }, { path, "a", "--strict", "c" } } do
      local bot = program.run(line)
      bot:tells(path .. "\t3\ta\t--strict\tc\ta\t--strict\tc")
      bot:ends(0)
    end
  end)

  it_tells("ends with 0 when a script is done, 1 when it fails, 2 when it is used wrongly", function()
    local good, bad = place.file("good.lua", ""), place.file("bad.lua", "error 'x'")
    for _, case in ipairs {
      { 0, { "run", good } },
      { 0, { good } },
      { 1, { "run", bad } },
      { 1, { bad } },
      { 1, { "run", "/no/such/file.lua" } },
      { 2, { "run" } },
      { 2, { "run", "--strict" } },
      { 2, { "run", "--nonsense", good } },
      { 2, { "run", "--strict=yes", good } },
      { 2, { "run", "--with-echo=x", good } },
      { 2, { "echo", "--nonsense" } },
      { 2, { "echo", "--port" } },
      { 2, { "echo", "--port", "many" } },
      { 2, { "echo", "--port", "65536" } },
      { 2, { "echo", "--tls-cert", "x.pem" } },
      { 2, { "echo", "stray" } },
      { 1, { "--nonsense" } },
    } do
      local bot = program.run(case[2])
      local status = bot:wait()
      assert(status == case[1],
        ("wsbot %s ends with %d and not %d"):format(table.concat(case[2], " "), status, case[1]))
      assert.equal(case[1] == 0, bot.err == "")
      if case[1] == 2 then assert.equal("", bot.out) end
    end
  end)

  it_tells("says what is missing, unexpected or wrong, and what would be right, for each command alike", function()
    for words, complaint in pairs {
      ["run"] = "missing SCRIPT",
      ["run --"] = "missing SCRIPT",
      ["run --workers"] = "missing value for --workers (N)",
      ["run --max-memory lots x"] = "a wrong value for --max-memory: 'lots' (MB: a whole number from 1 to 1048576)",
      ["run --log-format=xml x"] = "a wrong value for --log-format: 'xml' (text or json)",
      ["run --with-echo=x x"] = "a wrong value for --with-echo: 'x' (a port: a whole number from 0 to 65535)",
      ["run --strict=yes x"] = "option --strict takes no value: '--strict=yes'",
      ["run --nonsense x"] = "unknown option '--nonsense'",
      ["run --max-mem=5 x"] = "unknown option '--max-mem=5' (did you mean --max-memory?)",
      ["connect b --verbos"] = "unknown option '--verbos' (did you mean --verbose?)",
      ["connect"] = "missing URL",
      ["connect b b"] = "unexpected argument 'b'",
      ["connect b --ping"] = "missing value for --ping (SECONDS)",
      ["connect b --wait 1s"] = "a wrong value for --wait: '1s' (seconds, 0 or more)",
      ["connect b --timeout nan"] = "a wrong value for --timeout: 'nan' (seconds, 0 or more)",
      ["connect b -L=21"] = "a wrong value for --max-redirects: '21' (a whole number from 0 to 20)",
      ["connect b -Hx"] = "a wrong value for --header: 'x' (\"Name: value\")",
      ["connect b --resolve a:b"] = "a wrong value for --resolve: 'a:b' (HOST:PORT:ADDRESS)",
      ["connect b -4 -6"] = "--ipv4 and --ipv6 exclude each other",
      ["connect b --key x"] = "--cert and --key go together",
      ["echo b"] = "unexpected argument 'b' (the port is told by --port)",
      ["echo --port -1"] = "a wrong value for --port: '-1' (a whole number from 0 to 65535)",
      ["echo --tls-key x"] = "--tls-cert and --tls-key go together",
      ["test --test-timeout"] = "missing value for --test-timeout (SECONDS)",
      ["test --watch --test-timeout=0"] = "a wrong value for --test-timeout: '0' (seconds, more than 0)",
    } do
      local list = {}
      for word in words:gmatch "%S+" do list[#list + 1] = word end
      local bot = program.run(list)
      bot:ends(2)
      local told, usage = bot.err:match "^([^\n]*)\n(usage: [^\n]*)\n$"
      assert.equal(("wsbot %s: %s"):format(list[1], complaint), told)
      assert.equal("usage: wsbot " .. list[1], usage:match "^usage: wsbot %l+")
    end
  end)

  it_tells("says of an option that `lua` has not whose it is, which was meant, or where ours are told", function()
    for option, hint in pairs {
      ["--watch"] = "That is an option of `wsbot run`: write `wsbot run [OPTIONS] SCRIPT [ARG...]`",
      ["--workers=2"] = "That is an option of `wsbot run`: write `wsbot run [OPTIONS] SCRIPT [ARG...]`",
      ["--header=x"] = "That is an option of `wsbot connect`: write `wsbot connect [OPTIONS] URL`",
      ["--wacth"] = "Did you mean `wsbot run --watch`?",
      ["--max-memry=5"] = "Did you mean `wsbot run --max-memory`?",
      ["--strict-leaks"] = "That is an option of `wsbot test`: write `wsbot test [OPTIONS] [PATH...]`",
      ["--hlep"] = "Did you mean `wsbot --help`?",
      ["--verison"] = "Did you mean `wsbot --version`?",
      ["--nonsense"] = "`wsbot --help` tells of wsbot's own options",
      ["-x"] = "  -         stop handling options and execute stdin",
    } do
      local bot = program.run { option, "x.lua" }
      bot:ends(1)
      assert.equal(hint, bot.err:match "([^\n]*)\n$")
    end
  end)

  it_tells("says which command was probably meant by a word that is no file", function()
    for word, meant in pairs { conect = "connect", ehco = "echo", tset = "test", runn = "run" } do
      local bot = program.run({ word, "x" }, { cwd = place.folder() })
      bot:ends(1)
      assert.matches(("cannot open %s: [^\n]*\nDid you mean `wsbot %s`%%?\n$"):format(word, meant), bot.err)
    end
    local folder = place.folder()
    place.file(folder .. "/ehco", "error 'mine'")
    for _, word in ipairs { "ehco", "feed", "./conect", "conect.lua" } do
      local bot = program.run({ word }, { cwd = folder })
      bot:ends(1)
      assert.not_matches("Did you mean", bot.err)
    end
  end)

  it_tells("names what it does not understand", function()
    local bot = program.run { "run", "--strickt", "x.lua" }
    bot:ends(2)
    assert.matches("%-%-strickt", bot.err)
    assert.matches("usage:", bot.err)
  end)

  for _, line in ipairs { { "--help" }, { "run", "--help" }, { "echo", "--help" }, { "connect", "--help" } } do
    it_tells("explains itself: " .. table.concat(line, " "), function()
      local bot = program.run(line)
      assert.equal(0, (bot:wait()))
      assert.matches("usage:", bot.out)
      assert.matches("wsbot " .. (line[2] and line[1] or "run"), bot.out)
      assert.equal("", bot.err)
      if line[1] == "run" then
        assert.matches("%-%-strict", bot.out)
        assert.matches("exit status:\n  0  done[^\n]*\n  1  an error [^\n]*\n  2  wrong", bot.out)
        assert.matches("%-%-with%-echo", bot.out)
      elseif line[1] == "echo" then
        for _, option in ipairs { "host", "port", "tls%-cert", "tls%-key" } do
          assert.matches("%-%-" .. option, bot.out)
        end
      elseif line[1] == "connect" then
        for _, text in ipairs { "%-H, %-%-header LINE", "exit status:", "WSBOT_HISTORY", "%-%-record" } do
          assert.matches(text, bot.out)
        end
      end
    end)
  end

  it_tells("tells its version and those of what is inside", function()
    local bot = program.run { "--version" }
    assert.equal(0, (bot:wait()))
    for _, what in ipairs { "^wsbot %d+%.%d+", "Lua 5%.4", "libuv %d", "wolfSSL %d" } do
      assert.matches(what, bot.out)
    end
  end)

  it_tells("ends when nothing is alive, and not before", function()
    local bot = program.bot [[
      host.after(0.05, function() say "timer" host.after(0.05, function() say "last" end) end)
      say "script"
    ]]
    bot:tells("script", "timer", "last")
    bot:ends(0)
  end)

  it_tells("shows what a script prints before it waits, though nobody's terminal is there", function()
    local bot = program.run { place.file("print.lua", "print 'seen' host.after(3600, print)") }
    bot:tells "seen"
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("needs no standard input, output or error", function()
    for _, closed in ipairs { "<&-", "<&- >&- 2>&-", ">&-" } do
      local source = [[ws.connect { url = "ws://127.0.0.1:1", on_error = function() end }]]
      local shell = program.start("/bin/sh", { "-c", 'exec "$0" -e "$1" ' .. closed, program.wsbot, source })
      assert.same({ 0, 0 }, { shell:wait() })
    end
  end)

  it_tells("ends at once with os.exit", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_websocket_connect = function() os.exit(3) end }
      host.after(3600, function() end)
    ]], { p.url })
    p:open()
    bot:ends(3)
  end)

  it_tells("closes the state at os.exit when that is asked for", function()
    local bot = program.bot [[
      keep = setmetatable({}, { __gc = function() say "collected" end })
      host.after(0, function() os.exit(4, true) end)
    ]]
    bot:tells "collected"
    bot:ends(4)
  end)

  it_tells("finds modules beside the script, from whatever folder it is called", function()
    local folder = place.folder()
    place.file(folder .. "/main.lua", "print(require('helper'), package.path == os.getenv 'EXPECTED')")
    place.file(folder .. "/helper.lua", "return 'helped'")
    local expected = program.start(program.lua, { "-e", "io.write(package.path)" })
    expected:wait()
    local bot = program.run({ folder .. "/main.lua" }, { cwd = "/", env = { EXPECTED = expected.out } })
    bot:tells "helped\ttrue"
    bot:ends(0)
  end)
end)

describe("host.log", function()
  it_tells("writes lines to stderr, as print would show the values", function()
    local bot = program.bot [[
      host.log.info("an", "info", 1, nil, true)
      host.log.warn("a warning", setmetatable({}, { __tostring = function() return "of its own" end }))
      host.log.error "an error"
      host.log.debug "perhaps"
      say "out"
    ]]
    bot:tells "out"
    bot:ends(0)
    assert.matches("an\tinfo\t1\tnil\ttrue\n", bot.err)
    assert.matches("a warning\tof its own\n", bot.err)
    assert.matches("an error\n", bot.err)
  end)

  it_tells("writes one line each, from the level of WSBOT_LOG on", function()
    local script = [[
      host.log.debug "d" host.log.info("two\nlines") host.log.warn "w" host.log.error "e"
    ]]
    for level, expected in pairs {
      debug = "debug d\ninfo two\\nlines\nwarn w\nerror e\n",
      info = "info two\\nlines\nwarn w\nerror e\n",
      warn = "warn w\nerror e\n",
      error = "error e\n",
      off = "",
    } do
      local bot = program.bot(script, {}, { env = { WSBOT_LOG = level } })
      bot:ends(0)
      assert.equal(expected, log.untimed(bot.err))
    end
  end)

  it_tells("has the time of this place, with milliseconds, and the level before the message", function()
    local bot = program.bot("host.log.warn 'w'", {}, { env = { TZ = "XYZ-5:30" } })
    local began = os.time()
    bot:ends(0)
    local stamp = bot.err:match "^(%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d)%.%d%d%d warn w\n$"
    assert.is_string(stamp)
    local seen = {}
    for at = began - 1, os.time() do seen[os.date("!%Y-%m-%d %H:%M:%S", at + 19800)] = true end
    assert.is_true(seen[stamp])
  end)

  it_tells("leaves the time to the journal, which reads the level off each line", function()
    local script = [[
      host.log.debug "d" host.log.info "" host.log.warn "w"
      host.after(0, function() error "e" end)
    ]]
    local sink = place.file("journal", "")
    local run = ("exec 2>'%s'; export WSBOT_LOG=debug JOURNAL_STREAM=$(stat -L -c %s /proc/self/fd/2); exec '%s' '%s'")
      :format(sink, "%s", program.wsbot, place.file("bot.lua", script))
    for stream, is_journal in pairs { ["%d:%i"] = true, ["%d:1"] = false, ["%i"] = false } do
      local bot = program.start("/bin/sh", { "-c", run:format(stream) })
      bot:ends(0)
      local text = place.read(sink)
      if is_journal then
        assert.matches("^<7>d\n<6>\n<4>w\n<3>[^\n]*bot.lua:2: e\n<3>stack traceback:\n<3>\t", text)
        for line in text:gmatch "[^\n]+" do assert.matches("^<%d>", line) end
      else
        assert.matches("^debug d\ninfo \nwarn w\nerror ", log.untimed(text))
      end
    end
  end)

  it_tells("writes JSON with --log-format json, errors of the script as well", function()
    local cjson = require "cjson"
    local bot = program.bot([[
      host.log.warn('"quoted"\n\\ \xff \1 é', 7)
      host.after(0, function() error "in a timer" end)
      host.after(0.01, function() local x = nil; x() end)
      host.spawn(function() error { "no text" } end)
    ]], {}, { flags = { "--log-format", "json" } })
    bot:ends(0)
    local lines = {}
    for line in bot.err:gmatch "[^\n]+" do
      lines[#lines + 1] = cjson.decode(line)
      assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", lines[#lines].time)
    end
    assert.equal(4, #lines)
    assert.equal("warn", lines[1].level)
    assert.equal('"quoted"\n\\ \u{fffd} \1 é\t7', lines[1].message)
    assert.matches("in a timer\nstack traceback:\n", lines[2].message .. lines[3].message)
    assert.equal("error", lines[4].level)
  end)

  it_tells("writes all of a long line", function()
    local bot = program.bot [[host.log.info(("x"):rep(100000))]]
    bot:ends(0)
    assert.equal(100000, #bot.err:match "x+")
  end)
end)

describe("host.stop", function()
  it_tells("stops gracefully with the status that is given", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function() host.stop(5) say "still in the callback" end })
      host.every(0.01, function() end)
      host.on_stop(function() say "on_stop" end)
    ]], { p.url })
    local s = p:open()
    s:text "x"
    assert.equal(1001, s:answer_close())
    bot:tells("connect", "open 101", "still in the callback", "on_stop", 'close 1001 ""')
    bot:ends(5)
  end)
end)

describe("a signal", function()
  for _, signal in ipairs { "sigterm", "sigint" } do
    it_tells(signal .. " stops: on_stop runs, Close 1001 is sent and answered, exit 0", function()
      local p = peer.listen()
      local bot = program.bot([[
        local conn = ws.connect(told { url = arg[1] })
        host.on_stop(function() say "first" conn:send "last words" end)
        host.on_stop(function() say "second" end)
        host.every(3600, function() end)
      ]], { p.url })
      local s = p:open()
      bot:tells("connect", "open 101")
      bot:kill(signal)
      s:expect_text "last words"
      assert.equal(1001, s:answer_close())
      bot:tells("first", "second", 'close 1001 ""')
      bot:ends(0)
    end)
  end

  it_tells("stops a program with nothing but a timer set", function()
    local bot = program.bot [[
      host.every(3600, function() end)
      host.after(0, function() say "ready" end)
    ]]
    bot:tells "ready"
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("does not wait for a peer that does not answer, longer than close_timeout", function()
    local p = peer.listen()
    local bot = program.bot([[ws.connect(told { url = arg[1], close_timeout = 0.2 })]], { p.url })
    local s = p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigterm"
    s:expect_close(1001)
    bot:tells 'close 1006 ""'
    bot:ends(0)
  end)

  it_tells("ends attempts that are under way, and those that wait", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_connect = function() say "connected" end }
      ws.connect { url = "ws://127.0.0.1:" .. arg[2], on_error = function() end, on_close = function(c)
        c:reconnect(3600)
        say "waiting"
      end }
    ]], { p.url, tostring(peer.dead_port()) })
    p:accept():read_head()
    local lines = { bot:line(), bot:line() }
    table.sort(lines)
    assert.same({ "connected", "waiting" }, lines)
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("that is a second one ends at once", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], close_timeout = 3600 })
      host.on_stop(function() say "stopping" end)
    ]], { p.url })
    local s = p:open()
    bot:tells("connect", "open 101")
    bot:kill "sigterm"
    bot:tells "stopping"
    s:expect_close(1001)
    bot:kill "sigterm"
    local status, number = bot:wait()
    assert(number == 15 or status == 128 + 15, "status " .. status .. ", signal " .. number)
  end)

  it_tells("SIGINT raises interrupted! in Lua code that has kept the loop from turning", function()
    local bot = program.bot [[
      say "busy"
      local ok, message = pcall(function() while true do end end)
      say(ok, message)
      host.after(0.01, function() say "and the loop turns" end)
    ]]
    bot:tells "busy"
    bot:kill "sigint"
    bot:tells("~^false .*interrupted!", "and the loop turns")
    bot:ends(0)
  end)

  it_tells("SIGINT ends a main chunk that is busy, with a traceback", function()
    local bot = program.bot [[
      say "busy"
      while true do end
    ]]
    bot:tells "busy"
    bot:kill "sigint"
    bot:ends(1)
    assert.matches("interrupted!", bot.err)
    assert.matches("bot%.lua:2: in main chunk", bot.err)
  end)

  it_tells("SIGINT raises interrupted! in a callback that is busy, and the host lives on", function()
    local bot = program.bot [[
      host.after(0, function() say "busy" while true do end end)
      host.after(0.01, function() say "alive" end)
    ]]
    bot:tells "busy"
    bot:kill "sigint"
    bot:tells "alive"
    bot:ends(0)
    assert.matches("interrupted!", bot.err)
  end)

  it_tells("SIGTERM while Lua is busy ends at the second one", function()
    local bot = program.bot [[
      say "busy"
      while true do end
    ]]
    bot:tells "busy"
    story.poll("its end", function() -- signals that are not taken yet are one, so it is sent again and again
      bot:kill "sigterm"
      return bot.status
    end)
    local status, number = bot:wait()
    assert(number == 15 or status == 128 + 15, "status " .. status .. ", signal " .. number)
  end)
end)

describe("wsbot echo", function()
  it_tells("tells where it listens, and sends back what it gets", function()
    local server = program.run { "echo", "--port", "0" }
    local url = server:line():match "ws://127%.0%.0%.1:%d+"
    assert.is_string(url)
    local bot = program.bot([[
      local sizes, n = { 0, 1, 125, 126, 65535, 65536, 3000000 }, 0
      local function next_one(c)
        n = n + 1
        if n > #sizes then return c:close() end
        c:send_binary(("\xfe"):rep(sizes[n]))
      end
      ws.connect(told { url = arg[1], on_websocket_connect = function(c) c:send "hello" end,
        on_message = function(c, data, kind)
          if kind == "text" then say(data) else say(kind, #data, data == ("\xfe"):rep(#data)) end
          next_one(c)
        end })
    ]], { url })
    bot:tells("connect", "hello", "binary 0 true", "binary 1 true", "binary 125 true", "binary 126 true",
      "binary 65535 true", "binary 65536 true", "binary 3000000 true", 'close 1000 ""')
    bot:ends(0)
    server:kill "sigint"
    server:ends(0)
  end)

  it_tells("listens on the host that is given", function()
    local server = program.run { "echo", "--port", "0", "--host", "::1" }
    local url = server:line():match "ws://%[::1%]:%d+"
    assert.is_string(url)
    local bot = program.bot([[
      ws.connect { url = arg[1], on_websocket_connect = function(c) c:send "hi" end,
        on_message = function(c, data) say(data) c:close() end }
    ]], { url })
    bot:tells "hi"
    bot:ends(0)
  end)

  it_tells("says so when the port is taken", function()
    local p = peer.listen()
    local server = program.run { "echo", "--port", tostring(p.port) }
    assert.equal(1, (server:wait()))
    assert.matches(tostring(p.port), server.err)
    assert.matches("in use\n%-%-port P takes another, %-%-port 0 any that is free\n$", server.err)
  end)

  it_tells("says what else may be done when the port of --with-echo is taken", function()
    local p = peer.listen()
    local bot = program.run { "run", "--with-echo=" .. p.port, place.file("nothing.lua", "") }
    bot:ends(1)
    assert.matches("in use\n%-%-with%-echo=PORT takes another, %-%-with%-echo=0 any that is free; without it [^\n]*\n$",
      bot.err)
  end)

  it_tells("closes its clients with 1001 when it is stopped", function()
    local server = program.echo()
    local bot = program.bot([[ws.connect(told { url = arg[1] })]], { server.url })
    bot:tells("connect", "open 101")
    server:kill "sigterm"
    bot:tells 'close 1001 ""'
    bot:ends(0)
    server:ends(0)
  end)

  it_tells("is found in the program of a bot too: run --with-echo", function()
    local path = place.file("with.lua", [[
      io.stdout:setvbuf "line"
      ws.connect { url = "ws://127.0.0.1:" .. arg[1], on_websocket_connect = function(c) c:send "hi" end,
        on_message = function(c, data) print(data) c:close() end }
    ]])
    local port = tostring(peer.dead_port())
    local bot = program.run { "run", "--with-echo=" .. port, path, port }
    bot:tells "hi"
    bot:ends(0) -- the echo peer does not keep it alive
    local other = program.run { "run", "--with-echo=0", place.file("nothing.lua", "") }
    other:ends(0)
    assert.matches("ws://127%.0%.0%.1:%d+", other.err)
  end)
end)

describe("scripts/hello.lua", function()
  it_tells("greets the echo peer, prints what comes, and ends with Ctrl-C", function()
    local bot = program.script("scripts/hello.lua", { program.echo().url })
    story.wait("a greeting", function()
      return bot.out:find "hello"
    end)
    bot:kill "sigint"
    assert.equal(0, (bot:wait()))
    assert.equal("", bot.err)
  end)

  it_tells("connects again a second after a close", function()
    local p = peer.listen()
    local bot = program.run { "run", "scripts/hello.lua", p.url }
    local s = p:open()
    assert.matches("hello", s:expect(1).payload)
    s:finish(1000)
    s = p:open()
    s:expect(1)
    bot:kill "sigint"
    assert.equal(1001, s:answer_close())
    assert.equal(0, (bot:wait()))
  end)
end)
