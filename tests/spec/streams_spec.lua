-- Streams whose readers are behind: stdout, stderr and --record. What a bot tells of never keeps it from its
-- connections; who reads slowly loses nothing of what is printed, and a line tells how much of a log he has lost.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local sorted = require "support.sorted"
local story = require "support.story"

-- Runs a line of the shell with a script and the url of a peer: $W is the program, $S the script, $U the url, and $GATE
-- a FIFO whose reader waits until the story opens the gate.
local function shell(line, source, url)
  local folder = place.folder()
  local gate, path = folder .. "/gate", place.file("bot.lua", source)
  assert(os.execute(("mkfifo '%s'"):format(gate)))
  local run = program.start("/bin/sh",
    { "-c", ("W='%s'; S='%s'; U='%s'; GATE='%s'; %s"):format(program.wsbot, path, url or "", gate, line) })
  function run.open_gate()
    assert(io.open(gate, "w")):close()
  end
  return run
end

-- A peer is answered so often while somebody reads nothing.
local function is_answered(session, times)
  for i = 1, times do
    session:ping("ping " .. i)
    session:expect(frame.PONG, "ping " .. i)
  end
end

local LINES = 5000 -- more than a pipe takes, each of a length of its own

local numbered = [[
  local function line(i) return i .. ("x"):rep(i % 100) end
]]

local function all_lines(first)
  local lines = {}
  for i = 1, LINES do
    lines[i] = (first or "") .. i .. ("x"):rep(i % 100) .. "\n"
  end
  return table.concat(lines)
end

describe("a reader of stdout who is behind", function()
  local writers = {
    ["print"] = "print(line(i))",
    ["io.write"] = "io.write(line(i), '\\n')",
    ["io.stdout:write"] = "assert(io.stdout:write(line(i), '\\n') == io.stdout)",
    ["print in a coroutine"] = "coroutine.wrap(function() print(line(i)) end)()",
    ["a flush after each line"] = "io.write(line(i), '\\n') io.flush()",
  }
  for name, writer in sorted(writers) do
    it_tells("keeps no ping from its answer, and loses nothing: " .. name, function()
      local p = peer.listen()
      local bot = shell("$W $S $U | { cat $GATE; cat; }", numbered .. ([[
        local conn = ws.connect { url = arg[1] }
        for i = 1, %d do %s end
        conn:close()]]):format(LINES, writer), p.url)
      local session = p:open()
      is_answered(session, 200)
      bot.open_gate()
      assert.equal(1000, session:answer_close())
      assert.equal(0, (bot:wait()))
      assert.equal(all_lines(), bot.out)
    end)
  end

  it_tells("keeps no ping from its answer where the code that prints cannot wait", function()
    local p = peer.listen()
    local bot = shell("$W $S $U | { cat $GATE; cat; }", [[
      local conn = ws.connect { url = arg[1] }
      local text = ("x"):rep(999)
      table.sort({ 1, 2, 3 }, function(a, b) for i = 1, 100 do print(text) end return a < b end)
      host.spawn(function() print "behind that" conn:close() end)]], p.url)
    local session = p:open()
    is_answered(session, 200)
    bot.open_gate()
    assert.equal(1000, session:answer_close())
    assert.equal(0, (bot:wait()))
    assert.matches("^x+\n.*\nbehind that\n$", bot.out)
  end)

  it_tells("gets the lines of many tasks whole, and each task's in order", function()
    local bot = shell("$W $S | { cat $GATE; cat; }", [[
      for t = 1, 20 do
        host.spawn(function()
          for i = 1, 100 do print(t, i, ("x"):rep(t * 50), "end") end
        end)
      end
      host.after(0, function() io.stderr:write "waits\n" end)]])
    bot:complains "waits"
    bot.open_gate()
    assert.equal(0, (bot:wait()))
    local last, count = {}, 0
    for line in bot.out:gmatch "[^\n]+" do
      local t, i, x = line:match "^(%d+)\t(%d+)\t(x+)\tend$"
      assert.equal((last[t] or 0) + 1, tonumber(i))
      assert.equal(t * 50, #x)
      last[t], count = tonumber(i), count + 1
    end
    assert.equal(2000, count)
  end)

  it_tells("gets the rest when a script has come to its end", function()
    local bot = shell("$W $S | { cat $GATE; cat; }", numbered .. ([[
      io.stderr:write "waits\n"
      for i = 1, %d do io.write(line(i), "\n") end]]):format(LINES))
    bot:complains "waits"
    bot.open_gate()
    assert.equal(0, (bot:wait()))
    assert.equal(all_lines(), bot.out)
  end)

  it_tells("gets what was printed before what other programs write", function()
    local bot = shell("$W $S | { cat $GATE; cat; }", numbered .. ([[
      for i = 1, %d do
        if i == 10 then io.stderr:write "waits\n" end
        io.write(line(i), "\n")
      end
      os.execute "echo one"
      io.write "two\n"
      io.popen("cat", "w"):write("three\n"):close()
      io.write "four\n"
      os.exit(7)]]):format(LINES))
    bot:complains "waits"
    bot.open_gate()
    bot:wait()
    assert.equal(all_lines() .. "one\ntwo\nthree\nfour\n", bot.out)
  end)
end)

describe("a reader of stdout who never reads", function()
  it_tells("does not keep a bot from being stopped", function()
    local p = peer.listen()
    local bot = shell("{ $W $S $U & echo $! >&2; wait $!; echo ended $? >&2; } | cat $GATE", [[
      ws.connect { url = arg[1] }
      host.on_stop(function() io.stderr:write "stopping\n" end)
      while true do print(("x"):rep(1000)) end]], p.url)
    local session = p:open()
    is_answered(session, 100)
    os.execute("kill " .. bot.err:match "%d+")
    assert.equal(1001, session:answer_close())
    bot:complains "stopping\nended 0\n"
    bot.open_gate()
  end)

  it_tells("does not keep os.exit from its end", function()
    local bot = shell("{ $W $S; echo ended $? >&2; } | cat $GATE", [[
      host.after(0.1, function() os.exit(3) end)
      while true do io.write(("x"):rep(1000)) end]])
    bot:complains "ended 3\n"
    bot.open_gate()
  end)
end)

describe("a reader of stderr who is behind", function()
  it_tells("keeps no ping from its answer, gets all lines that fit, and hears how many did not", function()
    local p = peer.listen()
    local bot = shell("$W $S $U 2>&1 >/dev/null | { cat $GATE; cat; }", [[
      local conn = ws.connect { url = arg[1] }
      for i = 1, 3000 do host.log.warn(i, ("x"):rep(1000)) end
      function conn.on_message(_, data) host.log.info(data) end]], p.url)
    local session = p:open()
    is_answered(session, 200)
    bot.open_gate()
    story.wait("what was kept", function()
      return bot.out:find "were dropped"
    end)
    session:text "goes on"
    story.wait("the next line", function()
      return bot.out:find "goes on\n"
    end)
    local count = 0
    for i in bot.out:gmatch "warn (%d+)\tx+\n" do
      count = count + 1
      assert.equal(count, tonumber(i))
    end
    assert.is_true(count * 1000 > 1 << 20)
    assert.equal(3000 - count, tonumber(bot.out:match "warn (%d+) lines of the log were dropped"))
    session:finish()
    bot:wait()
  end)
end)

describe("--record", function()
  local talkative = [[
    local conn = ws.connect { url = arg[1] }
    function conn.on_websocket_connect(c)
      for i = 1, 100 do c:send(i .. ("x"):rep(1000)) end
    end]]

  local function fifo()
    local path = place.folder() .. "/record"
    assert(os.execute(("mkfifo '%s'"):format(path)))
    return path
  end

  -- The numbers of the messages that were sent, or received, as they are in a record.
  local function numbers(text, how)
    local list = {}
    for line in text:gmatch "[^\n]+" do
      local i = line:match(('"%s","kind":"text","data":"(%%d+)x+"}$'):format(how or "sent"))
      list[#list + 1] = tonumber(i)
    end
    return list
  end

  local function talk(session, messages)
    for i = 1, messages do
      session:expect_text(i .. ("x"):rep(1000))
    end
    session:ping "still there?"
    session:expect(frame.PONG, "still there?")
  end

  it_tells("does not wait for the reader of a FIFO, who gets all from the beginning", function()
    local p, path = peer.listen(), fifo()
    local bot = program.bot(talkative, { p.url }, { flags = { "--record", path } })
    local session = p:open()
    talk(session, 100)
    local reader = program.start("/bin/cat", { path })
    story.wait("the last event", function()
      return reader.out:find '"kind":"ping"'
    end)
    session:finish()
    bot:wait()
    reader:wait()
    assert.equal("", bot.err)
    assert.equal(100, #numbers(reader.out))
    assert.matches('^{"record":1,', reader.out)
    assert.matches('"event":"end"[^\n]*\n$', reader.out)
  end)

  it_tells("ends in time where nobody reads the FIFO, and says so", function()
    local p, path = peer.listen(), fifo()
    local bot = program.bot(talkative, { p.url }, { flags = { "--record", path } })
    local session = p:open()
    talk(session, 100)
    session:finish()
    bot:wait()
    assert.equal(0, bot.status)
    bot:complains "was not written to its end"
  end)

  it_tells("drops lines beyond what may wait for a slow reader, and tells how many", function()
    local p, path = peer.listen(), fifo()
    local bot = program.bot("ws.connect { url = arg[1], on_message = function() end }", { p.url },
      { flags = { "--record", path } })
    local session = p:open()
    for i = 1, 40 do
      session:text(i .. ("x"):rep(1 << 20))
    end
    bot:complains "not written as fast as events come"
    local pieces, size = {}, 0
    local reader = program.start("/bin/cat", { path }, { on_out = function(data)
      pieces[#pieces + 1] = data
      size = size + #(data or "")
    end })
    story.wait("what had waited", function()
      return size > 16 << 20
    end)
    session:ping "goes on"
    session:expect(frame.PONG, "goes on")
    session:finish()
    bot:wait()
    reader:wait()
    local text = table.concat(pieces)
    local there = numbers(text, "received")
    for i, n in ipairs(there) do
      assert.is_true(i == 1 and n == 1 or n > there[i - 1])
    end
    local lost = tonumber(bot.err:match "(%d+) lines were dropped")
    assert.is_true(#there >= 16 and #there < 40 and lost >= 40 - #there)
    assert.matches('"event":"end"[^\n]*\n$', text)
  end)

  it_tells("is whole when a script leaves by os.exit, or fails", function()
    for _, ending in ipairs { "os.exit(0)", "os.exit(0, true)", "error 'x'" } do
      local p, path = peer.listen(), place.folder() .. "/record"
      local bot = program.bot(([[
        local conn = ws.connect { url = arg[1] }
        assert(conn:opened(5))
        for i = 1, 100 do conn:send(i .. ("x"):rep(1000)) end
        conn:drain()
        %s]]):format(ending), { p.url }, { flags = { "--record", path } })
      p:open()
      bot:wait()
      assert.equal(100, #numbers(place.read(path)))
    end
  end)
end)
