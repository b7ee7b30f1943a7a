-- --max-memory: what a script makes Lua keep, and what it makes the host keep for it, have one limit. Who asks for more
-- meets an error; the bot goes on, and what was open stays open.
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

local it_tells = function(name, body)
  it(name, story.of(body))
end

local flags = { flags = { "--max-memory", "64" } }

-- The most that it ever had in memory is not much more than it may have. (The program itself has 10 MB; a buffer that
-- grows is there twice.)
local function stayed_small(bot, most)
  if program.is_sanitized() then return end
  local status = place.read(("/proc/%d/status"):format(bot.pid))
  local peak = tonumber(status:match "VmHWM:%s*(%d+)") // 1024
  assert(peak < (most or 164), ("it had %d MB at its peak"):format(peak))
end

-- Runs a bot that does what `bomb` says when it is told "go" by its first connection, tells whether that was refused,
-- and is asked for a sign of life after; `second` is the url of arg[2].
local function is_refused(bomb, second)
  local p = peer.listen()
  local bot = program.bot(([[
    local function bomb(...) %s end
    ws.connect { url = arg[1], max_send_buffer = 1 << 40,
      on_message = function(c, data)
        if data ~= "go" then return say(data) end
        local fine, message = pcall(bomb, c)
        say(fine, message and message:match "not enough memory" or message)
      end }
  ]]):format(bomb), { p.url, second }, flags)
  local s = p:open()
  s:text "go"
  bot:tells "false not enough memory"
  s:text "still here"
  bot:tells "still here"
  stayed_small(bot)
  return bot, s
end

describe("a script that keeps on making", function()
  local bombs = {
    ["timers with long names"] = [[for i = 1, 1000000 do host.every(1000, print, ("n"):rep(1000) .. i) end]],
    ["timers"] = [[while true do host.after(1000, print) end]],
    ["tasks"] = [[while true do host.spawn(function() host.sleep(1000) end) end]],
    ["connections with long urls"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/" .. ("u"):rep(3000) .. i, on_error = function() end }
      end]],
    ["connections with long names"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", name = ("n"):rep(3000) .. i, on_error = function() end }
      end]],
    ["connections with long headers"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", headers = { A = ("a"):rep(1000) .. i, B = { "b", ("b"):rep(2000) } },
          on_error = function() end }
      end]],
    ["connections with long lists"] = [[
      for i = 1, 100000 do
        ws.connect { url = "ws://127.0.0.1:1/", protocols = { ("p"):rep(1000) .. i }, tls = { ca_file = ("f"):rep(3000) },
          resolve = { ["name" .. i] = { "127.0.0.1", "::1" } }, on_error = function() end }
      end]],
    ["strings"] = [[local s = "x" while true do s = s:rep(2) end]],
    ["one large string"] = [[return ("x"):rep(1 << 30)]],
    ["tables"] = [[local t = {} while true do t[#t + 1] = { t } end]],
    ["tables in a <close>"] = [[
      local t = {}
      local x <close> = setmetatable({}, { __close = function() while true do t[#t + 1] = { t } end end })]],
    ["names of files"] = [[local t = {} while true do t[#t + 1] = ("f"):rep(4000) .. #t pcall(loadfile, t[#t]) end]],
    ["bots under test"] = [[
      local testing = require "wsbot.testing"
      for i = 1, 100000 do
        testing.bot("while true do host.sleep(1000) end", { args = { ("a"):rep(10000) .. i } })
      end]],
  }
  local names = {}
  for name in pairs(bombs) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    it_tells(name .. " meets an error, and goes on", function()
      local bot = is_refused(bombs[name])
      bot:kill "sigterm"
      bot:wait()
      assert.same({ 0, 0 }, { bot.status, bot.signal })
    end)
  end

  it_tells("timers that are garbage is not refused", function()
    local bot = program.bot([[
      for i = 1, 2000 do host.every(1000, print, ("n"):rep(100000)):cancel() end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)

  it_tells("connections that are garbage is not refused", function()
    local bot = program.bot([[
      for i = 1, 2000 do 
        ws.connect { url = "ws://127.0.0.1:1/", name = ("n"):rep(100000) .. i }:destroy()
        host.sleep(0)
      end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)

  it_tells("connections with the same options pays for these once", function()
    local bot = program.bot([[
      for i = 1, 2000 do
        ws.connect { url = "ws://127.0.0.1:1/", headers = { A = ("a"):rep(60000) }, on_error = function() end }
      end
      say "done"
    ]], {}, flags)
    bot:tells "done"
    bot:ends(0)
  end)
end)

describe("messages that wait to be sent", function()
  -- 3 GB to a peer that reads nothing, and what went before is all there.
  local function stalled(count, size)
    local p, q = peer.listen(), peer.listen()
    local bot = program.bot(([[
      local other = ws.connect { url = arg[2], max_send_buffer = 1 << 40, compression = false,
        on_close = function(_, code) say("closed", code) end }
      ws.connect { url = arg[1],
        on_message = function(_, data)
          if data ~= "go" then return say(data, other.state) end
          local sent, fine, message = 0
          fine, message = pcall(function()
            for _ = 1, %d do
              assert(other:send(("x"):rep(%d)))
              sent = sent + 1
            end
          end)
          say(fine, message:match "not enough memory" or message)
          say(sent)
        end }
    ]]):format(count, size), { p.url, q.url }, flags)
    local s, t = p:open(), q:open()
    t:stop_reading()
    s:text "go"
    bot:tells "false not enough memory"
    local sent = tonumber(bot:line())
    assert(sent > 10, sent .. " were sent")
    s:text "still here"
    bot:tells "still here open"
    stayed_small(bot, 264)
    local bytes = #t.input
    t.transport.on_data = function(data)
      bytes = bytes + #data
    end
    t:start_reading()
    story.wait("all that was sent", function()
      return bytes >= sent * (size + 8)
    end)
    t:reset()
    bot:tells "closed 1006"
    s:text "again"
    bot:tells "again closed"
    s:finish()
    bot:ends(0)
  end

  it_tells("are refused past it, and none that was taken is lost", function()
    stalled(3000, 2 ^ 20 // 1)
  end)

  it_tells("are refused past it where they are small", function()
    stalled(30000000, 1000)
  end)

  it_tells("are refused past it before the handshake", function()
    is_refused([[
      local c = ws.connect { url = arg[2], max_send_buffer = 1 << 40 }
      for _ = 1, 3000 do assert(c:send(("x"):rep(1 << 20))) end]], peer.listen().url)
  end)

  it_tells("are refused past it on many connections together", function()
    is_refused([[
      local all = {}
      for i = 1, 100 do all[i] = ws.connect { url = arg[2] } end
      for _ = 1, 3000 do
        for _, c in ipairs(all) do assert(c:send(("x"):rep(10000))) end
      end]], peer.listen().url)
  end)

  it_tells("and were sent make room for others", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect { url = arg[1], max_send_buffer = 1 << 40, compression = false }
      local part, left = ("x"):rep(10 << 20), 10
      function c.on_websocket_connect()
        c:send(part)
        c:send(part)
        c:send("more?")
      end
      function c.on_message()
        left = left - 1
        if left == 0 then return c:close() end
        c.on_websocket_connect()
      end
      function c.on_close(_, code) say(code) end
    ]], { p.url }, flags)
    local s = p:open()
    local n = 0
    s.transport.on_data = function(data)
      n = n + #data
    end
    for i = 1, 9 do
      story.wait("20 MB", function()
        return n >= i * (20 << 20)
      end)
      s:text "more"
    end
    story.wait("all", function()
      return n >= 10 * (20 << 20)
    end)
    s.transport.on_data = nil
    stayed_small(bot, 264)
    s:reset()
    bot:wait()
  end)

  it_tells("as pings are refused past it", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], max_send_buffer = 1 << 40, on_message = function(c)
        local fine, message = pcall(function() while true do assert(c:ping(("p"):rep(125))) end end)
        say(fine, message:match "not enough memory" or message, c.state)
      end }
    ]], { p.url }, flags)
    local s = p:open()
    s:stop_reading()
    s:text "go"
    bot:tells "false not enough memory open"
    stayed_small(bot, 264)
    s:reset()
    bot:ends(0)
  end)
end)

-- A bot that is told to stop while it keeps as much as it may; `more` is in its script.
local function is_stopped(more)
  local bot = program.bot(more .. [[
    kept = {}
    local small = {}
    for i = 1, 10000 do small[i] = false end
    local function fill()
      pcall(function() while true do kept = { kept } end end)
      pcall(function() for i = 1, 10000 do small[i] = "s" .. i end end) -- to the last byte
      io.stdout:write "full\n"
    end
    host.after(1000, print)
    host.after(0, fill)
  ]], {}, flags)
  bot:tells "full"
  bot:kill "sigterm"
  return bot
end

describe("a bot that keeps as much as it may, and is told to stop,", function()
  it_tells("stops", function()
    is_stopped(""):ends(0)
  end)

  it_tells("has memory for its functions of host.on_stop", function()
    local bot = is_stopped [[
      host.on_stop(function() say("on_stop", #("x"):rep(1000000)) end)
      host.on_stop(function() host.sleep(0.01) say "on_stop again" end)
    ]]
    bot:tells("on_stop 1000000", "on_stop again")
    bot:ends(0)
  end)

  it_tells("names those of them that there is none for", function()
    local bot = is_stopped [[
      host.on_stop(function() while true do kept = { kept } end end)
      host.on_stop(function() local t = {} end)
    ]]
    bot:ends(0)
    assert.matches("host.on_stop: not enough memory for the function at %S*bot.lua:1\n", bot.err)
  end)
end)

describe("what a peer sends", function()
  -- The head of a frame of so many bytes.
  local function large(size)
    return "\x82\x7f" .. (">I8"):pack(size)
  end

  it_tells("ends with its connection where a message is too large, and the others stay", function()
    local p = peer.listen()
    local bot = program.bot([[
      for n = 1, 8 do
        ws.connect { url = arg[1], on_message = function(_, data) say(#data) end,
          on_error = function(_, code, message) say(code, message) end,
          on_close = function() end }
      end
    ]], { p.url }, flags)
    local sessions = {}
    for n = 1, 8 do
      sessions[n] = p:open()
    end
    for n = 1, 8 do
      sessions[n]:post(large(16000000) .. ("x"):rep(15000000))
    end
    for _ = 1, 4 do
      bot:tells "~^too_big no memory for a message, of which %d+ bytes had come %(%-%-max%-memory%)"
    end
    stayed_small(bot, 264)
    for _, s in ipairs(sessions) do
      s:reset()
    end
    bot:wait()
  end)

  it_tells("is not read while it is held for a script that is behind, and nothing is lost", function()
    local p = peer.listen()
    local bot = program.bot([[
      local conns, got = {}, 0
      for n = 1, 8 do conns[n] = ws.connect { url = arg[1], max_receive_buffer = 1 << 40 } end
      ws.connect { url = arg[1], on_message = function(c)
        for _, conn in ipairs(conns) do
          for data in conn:messages() do
            if data == "last" then break end
            got = got + #data
          end
        end
        say(got)
        for _, conn in ipairs(conns) do conn:close() end
        c:close()
      end }
    ]], { p.url }, flags)
    local sessions = {}
    for n = 1, 9 do
      sessions[n] = p:open()
    end
    local many = (large(70000) .. ("x"):rep(70000)):rep(300) .. "\x81\x04last"
    for n = 1, 8 do
      sessions[n]:post(many)
    end
    story.pause(1)
    stayed_small(bot, 164)
    sessions[9]:text "go"
    bot:tells(("%d"):format(8 * 300 * 70000))
    stayed_small(bot, 200)
    for n = 1, 9 do
      sessions[n]:reset()
    end
    bot:wait()
  end)
end)

describe("a generation that is loaded by a reload", function()
  it_tells("has a limit of its own, and the old one goes on where it is passed", function()
    local p = peer.listen()
    local source = [[
      ws.connect { url = arg[1], name = "feed", on_message = function(_, data) say(data) end }
      host.on_reload(function() local t = {} while true do t[#t + 1] = { t } end end)
    ]]
    local bot = reloadable.start(source, { p.url }, flags)
    local s = p:open()
    assert.matches("not enough memory", bot:reload(source .. [[
      host.state("all", (function() local t = {} while true do t[#t + 1] = { t } end end)())
    ]]))
    assert.matches("not enough memory", bot:reload(source .. [[
      setmetatable({}, { __gc = function() local t = {} while true do t[#t + 1] = { t } end end })
      for n = 1, 100000 do ws.connect { url = arg[1], name = ("n"):rep(3000) .. n } end
    ]]))
    s:text "still here"
    bot:tells "still here"
    bot:takes_over(source, "kept 1")
    s:text "and here"
    bot:tells "and here"
    s:finish()
    bot:ends(0)
  end)
end)

describe("a finalizer that wants more than there is", function()
  it_tells("is a warning", function()
    is_refused [[
      warn "@on"
      setmetatable({}, { __gc = function() local t = {} while true do t[#t + 1] = { t } end end })
      collectgarbage()
      local t = {}
      while true do t[#t + 1] = { t } end]]
  end)
end)

describe("a bot under test", function()
  it_tells("has its limit in common with its test", function()
    is_refused [[
      local testing = require "wsbot.testing"
      local bot, why = testing.bot("local t = {} while true do t[#t + 1] = { t } end")
      error(why)]]
  end)

  it_tells("that prints without end meets it", function()
    is_refused [[
      local testing = require "wsbot.testing"
      testing.bot("while true do print(('x'):rep(10000)) end")]]
    is_refused [[
      local testing = require "wsbot.testing"
      testing.bot("while io.write(('x'):rep(10000)) do end error 'not enough memory'")]]
  end)
end)

describe("requests of wsbot.http", function()
  -- A server that gives each request `size` bytes.
  local function server(size)
    local p = peer.listen()
    story.beside(function()
      while true do
        local s = p:accept()
        s:read_head()
        s:post(("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"):format(size) .. ("x"):rep(size))
      end
    end)
    return "http://" .. p.address
  end

  it_tells("whose answers are more than there may be fail, and the others do not", function()
    local bot = program.bot([[
      local http = require "wsbot.http"
      local results, tasks = { fine = 0, too_big = 0 }, {}
      for n = 1, 20 do
        tasks[n] = host.spawn(function()
          local response, word = http.get(arg[1])
          response = response and "fine" or word
          results[response] = (results[response] or 0) + 1
        end)
      end
      for _, task in ipairs(tasks) do task:join() end
      say(results.too_big > 0, (http.get(arg[1]) or {}).status)
    ]], { server(15000000) }, flags)
    bot:tells "true 200"
    bot:ends(0)
  end)

  it_tells("with bodies that are more than there may be are refused", function()
    is_refused([[
      local http = require "wsbot.http"
      local body, failed = ("x"):rep(5000000)
      for n = 1, 100 do
        host.spawn(function()
          local fine, message = pcall(http.post, arg[2], body)
          failed = failed or not fine and message
        end)
      end
      for _ = 1, 1000 do
        if failed then error(failed, 0) end
        host.sleep(0.01)
      end]], "http://" .. peer.listen().address)
  end)
end)
