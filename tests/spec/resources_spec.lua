-- What connections cost is given back: file descriptors and memory are, at the end, as at the start.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local process = require "support.process"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local descriptors, memory = process.descriptors, process.memory

-- A bot that, told a number of rounds by the connection to arg[1], opens arg[3] connections to arg[2] so many times;
-- each says hello and is closed when that has come back.
local source = [[
  local each = tonumber(arg[3])
  local options = arg[4] and { ca_file = arg[4] } or nil
  local function round(done)
    local closed, fine = 0, 0
    for n = 1, each do
      ws.connect { url = arg[2], tls = options, on_websocket_connect = function(c) c:send("hello " .. n) end,
        on_message = function(c, data)
          if data == "hello " .. n then fine = fine + 1 end
          c:close()
        end,
        on_error = function(_, code, message) say("error", code, message) end,
        on_close = function(_, code)
          if code ~= 1000 then say("close", code) end
          closed = closed + 1
          if closed == each then
            if fine ~= each then say("only", fine) end
            host.after(0, done)
          end
        end }
    end
  end
  ws.connect { url = arg[1], on_message = function(_, data)
    local left = tonumber(data)
    local function go()
      if left == 0 then
        collectgarbage()
        collectgarbage()
        return say "done"
      end
      left = left - 1
      round(go)
    end
    go()
  end }
]]

-- Measures the bot and its server before and after.
local function stays(rounds, each, secure)
  local control = peer.listen()
  local server = secure and tls.echo() or program.echo()
  local bot = program.bot(source, { control.url, server.url, tostring(each), secure and tls.cert "ca" or nil })
  local s = control:open()
  local function run(n)
    s:text(tostring(n))
    bot:tells "done"
    story.poll("the server to have closed its side", function()
      return descriptors(server.pid) < each
    end)
    return { bot = memory(bot.pid), server = memory(server.pid) }
  end
  run(0)
  local bot_open, server_open = descriptors(bot.pid), descriptors(server.pid)
  local early = run(rounds // 10)
  local late = run(rounds - rounds // 10)
  story.poll("the server to have closed all", function()
    return descriptors(server.pid) <= server_open
  end)
  assert.equal(bot_open, descriptors(bot.pid))
  if not program.is_sanitized() then
    for who in pairs(early) do
      assert(late[who] < early[who] + 6, ("the %s grew from %.1f to %.1f MB"):format(who, early[who], late[who]))
    end
  end
  s:finish()
  bot:ends(0)
  server:kill "sigterm"
  server:ends(0)
end

describe("200 connections, opened and closed 50 times,", function()
  it_tells("leave descriptors and memory as they were", function()
    stays(50, 200)
  end)
end)

describe("20 connections over TLS, opened and closed 20 times,", function()
  it_tells("leave descriptors and memory as they were", function()
    stays(20, 20, true)
  end)
end)

describe("a soft limit of open files", function()
  it_tells("is raised to the hard one, for the children as well", function()
    local path = place.file("bot.lua", [[print(io.popen("ulimit -Sn; ulimit -Hn"):read "a")]])
    local limited = 'ulimit -Sn 64; ulimit -Hn 500; exec "$@"'
    local bot = program.start("/bin/sh", { "-c", limited, "sh", program.wsbot, path })
    bot:tells("500", "500", "")
    bot:ends()
  end)
end)

describe("a start for which there are no descriptors", function()
  it_tells("is one line and status 1", function()
    for limit = 5, 8 do
      local bot = program.start("/bin/sh", { "-c", 'ulimit -n "$1"; shift; exec "$@"', "sh", tostring(limit),
        program.wsbot, "-e", "print 'hello'" }, { env = { ASAN_OPTIONS = "detect_leaks=0" } }) -- which opens files
      assert.same({ 1, 0 }, { bot:wait() })
      assert.equal("wsbot: cannot start: too many open files\n", bot.err)
    end
  end)
end)

describe("attempts that fail", function()
  it_tells("leave descriptors and memory as they were", function()
    local control = peer.listen()
    local bot = program.bot([[
      local function attempt(left)
        if left == 0 then collectgarbage() collectgarbage() return say "done" end
        ws.connect { url = "ws://127.0.0.1:" .. arg[2], on_error = function() end,
          on_close = function() attempt(left - 1) end }
      end
      ws.connect { url = arg[1], on_message = function(_, data) attempt(tonumber(data)) end }
    ]], { control.url, tostring(peer.dead_port()) })
    local s = control:open()
    s:text "500"
    bot:tells "done"
    local open, before = descriptors(bot.pid), memory(bot.pid)
    s:text "5000"
    bot:tells "done"
    assert.equal(open, descriptors(bot.pid))
    if not program.is_sanitized() then
      assert(memory(bot.pid) < before + 3, ("it grew from %.1f to %.1f MB"):format(before, memory(bot.pid)))
    end
    s:finish()
    bot:ends(0)
  end)
end)

describe("a peer that sends pings and reads nothing", function()
  it_tells("does not make the bot grow", function()
    local control = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect { url = arg[1], on_message = function() say "measure" end }
    ]], { control.url })
    local s = control:open()
    s:text "measure"
    bot:tells "measure"
    local before = memory(bot.pid)
    s:stop_reading()
    local burst = ("\x89\x7d" .. ("p"):rep(125)):rep(10000)
    for _ = 1, 40 do
      s:send(burst)
    end
    s:text "measure"
    bot:tells "measure"
    if not program.is_sanitized() then
      assert(memory(bot.pid) < before + 8, ("it grew from %.1f to %.1f MB"):format(before, memory(bot.pid)))
    end
    s:reset()
    bot:ends(0)
  end)
end)

describe("a flood", function()
  it_tells("leaves timers and others their turn", function()
    local p = peer.listen()
    local bot = program.bot([[
      local n, most = 0, 0
      local conn = ws.connect { url = arg[1], on_message = function() n = n + 1 end }
      local function turn()
        n, most = 0, math.max(most, n)
        if conn.state ~= "closed" then return host.after(0, turn) end
        say(most <= 2 * (512 * 1024 / 3 + 1), most) -- what two reads have room for: the rest of the last, and one more
      end
      turn()
    ]], { p.url })
    local s = p:open()
    local many = ("\x81\x01x"):rep(100000)
    for _ = 1, 40 do
      s:post(many)
    end
    s:finish()
    bot:tells "~^true "
    bot:ends(0)
  end)
end)

describe("a large message that the script has no memory for", function()
  it_tells("does not stay", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_message = function(_, data) say(data) end }
      ws.connect { url = arg[1], max_message_size = 1 << 30, on_error = function(_, code) say(code) end }
    ]], { p.url }, { flags = { "--max-memory", "4" } })
    local s, t = p:open(), p:open()
    t:post("\x82\x7f" .. (">I8"):pack(60000000) .. ("x"):rep(60000000))
    bot:tells "too_big"
    s:text "after"
    bot:tells "after"
    if not program.is_sanitized() then
      local now = memory(bot.pid)
      assert(now < 40, ("%.1f MB are left"):format(now))
    end
    t:reset()
    s:finish()
    bot:ends(0)
  end)
end)

describe("the collector", function()
  local function grows(first)
    return first .. [[
      local kept = {}
      host.after(0, function()
        for n = 1, 50000 do kept[n] = { n } end
        host.after(0, function()
          kept = nil
          host.after(0, function() say(collectgarbage(arg[1])) end)
        end)
      end)
    ]]
  end

  it_tells("is generational, however large the heap is", function()
    local bot = program.bot(grows "", { "generational" })
    bot:tells "generational"
    bot:ends(0)
  end)

  it_tells("is what the script has made it", function()
    local bot = program.bot(grows "collectgarbage 'incremental'", { "incremental" })
    bot:tells "incremental"
    bot:ends(0)
  end)
end)

describe("a million messages", function()
  it_tells("leave memory as it was", function()
    local control = peer.listen()
    local bot = program.bot([[
      local n = 0
      ws.connect { url = arg[1], on_message = function(_, data)
        n = n + 1
        if data == "measure" then collectgarbage() say(n) end
      end }
    ]], { control.url })
    local s = control:open()
    local burst = ("\x81\x05hello\x82\x7e\x01\x00" .. ("x"):rep(256)):rep(10000)
    local function send(times)
      for _ = 1, times do
        s:send(burst)
      end
      s:text "measure"
      bot:line()
      return memory(bot.pid)
    end
    local early = send(5)
    local late = send(45)
    if not program.is_sanitized() then
      assert(late < early + 6, ("it grew from %.1f to %.1f MB"):format(early, late))
    end
    s:finish()
    bot:ends(0)
  end)
end)

describe("strings of one size after the other, of 20 MB each,", function()
  it_tells("take the memory of those before", function()
    local bot = program.bot([[
      for size = 24, 440, tonumber(arg[1]) do
        local all = {}
        for i = 1, 20 * 2 ^ 20 // (size + 40) do all[i] = ("x"):rep(size) .. i end
        all = nil
        collectgarbage()
      end
      host.sleep(0) -- SIGTERM would interrupt code that has not waited for long
      say "done"
      host.every(1, function() end)
    ]], { program.is_sanitized() and "130" or "16" }) -- with sanitizers, where nothing is measured, few sizes
    bot:tells "done"
    if not program.is_sanitized() then
      assert(memory(bot.pid) < 100, ("it has %.1f MB"):format(memory(bot.pid)))
    end
    bot:kill "sigterm"
    bot:ends(0)
  end)
end)

describe("100 idle connections over TLS, after a message of 60 KB each way,", function()
  it_tells("keep the memory of the message that came, and none of the one that went", function()
    local server = tls.echo()
    local bot = program.bot([[
      local conns, open, back = {}, 0, 0
      local function done(what)
        host.after(0.1, function()
          collectgarbage()
          say(what)
        end)
      end
      for n = 1, 100 do
        conns[n] = ws.connect { url = arg[1], tls = { ca_file = arg[2] }, compression = false,
          on_websocket_connect = function()
            open = open + 1
            if open == 100 then done "open" end
          end,
          on_message = function()
            back = back + 1
            if back == 100 then done "back" else conns[back + 1]:send(("x"):rep(60000)) end
          end }
      end
      host.after(1, function() conns[1]:send(("x"):rep(60000)) end)
    ]], { server.url, tls.cert "ca" })
    bot:tells "open"
    local before = memory(bot.pid)
    bot:tells "back"
    if not program.is_sanitized() then
      local after = memory(bot.pid)
      assert(after < before + 9, ("they have %.1f MB, and had %.1f"):format(after, before))
    end
    bot:kill "sigterm"
    bot:ends(0)
    server:kill "sigterm"
    server:ends(0)
  end)
end)
