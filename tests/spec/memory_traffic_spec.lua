-- --max-memory: what a script makes Lua keep, and what it makes the host keep for it, have one limit. Who asks for more
-- meets an error; the bot goes on, and what was open stays open. Here: what is sent, what comes, and requests.
local capped = require "support.capped"
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

local flags, is_refused, stayed_small = capped.flags, capped.is_refused, capped.stayed_small

describe("messages that wait to be sent", function()
  -- 1 to 3 GB to a peer that reads nothing, and what went before is all there.
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
    stayed_small(bot, 232)
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
    stalled(1000, 2 ^ 20 // 1)
  end)

  it_tells("are refused past it where they are small", function()
    stalled(3000000, 1000)
  end)

  it_tells("are refused past it before the handshake", function()
    is_refused([[
      local c = ws.connect { url = arg[2], max_send_buffer = 1 << 40 }
      for _ = 1, 1000 do assert(c:send(("x"):rep(1 << 20))) end]], peer.listen().url)
  end)

  it_tells("are refused past it on many connections together", function()
    is_refused([[
      local all = {}
      for i = 1, 100 do all[i] = ws.connect { url = arg[2] } end
      for _ = 1, 1000 do
        for _, c in ipairs(all) do assert(c:send(("x"):rep(10000))) end
      end]], peer.listen().url)
  end)

  it_tells("and were sent make room for others", function()
    local p = peer.listen()
    local bot = program.bot([[
      local c = ws.connect { url = arg[1], max_send_buffer = 1 << 40, compression = false }
      local part, left = ("x"):rep(5 << 20), 10
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
      story.wait("10 MB", function()
        return n >= i * (10 << 20)
      end)
      s:text "more"
    end
    story.wait("all", function()
      return n >= 10 * (10 << 20)
    end)
    s.transport.on_data = nil
    stayed_small(bot, 232)
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
    stayed_small(bot, 232)
    s:reset()
    bot:ends(0)
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
      sessions[n]:post(large(8000000) .. ("x"):rep(7500000))
    end
    for _ = 1, 4 do
      bot:tells "~^too_big no memory for a message, of which %d+ bytes had come %(%-%-max%-memory%)"
    end
    stayed_small(bot, 232)
    for _, s in ipairs(sessions) do
      s:reset()
    end
    bot:wait()
  end)

  it_tells("is counted as it is inflated, turn by turn, and there is memory for telling what ended it", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], max_message_size = 1 << 30,
        on_error = function(_, code, message) say(code, message) end }
    ]], { p.url }, flags)
    local s = p:open { with = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    local copies = "\x05\xa3\x60\x14\x8c\x82\x51\x30\x0a\x46\xc1\x28\x18" -- 8 of 258 bytes from one byte back
    local zipped = "\x4a\x1c" .. copies:rep(80000)
    s:post("\xc2\x7f" .. (">I8"):pack(#zipped + 1) .. zipped)
    local came = bot:line():match "^too_big no memory for a message, of which (%d+) bytes had come %(%-%-max%-memory%)"
    assert(tonumber(came) < 34 << 20, came)
    stayed_small(bot)
    s:reset()
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
    local many = (large(70000) .. ("x"):rep(70000)):rep(150) .. "\x81\x04last"
    for n = 1, 8 do
      sessions[n]:post(many)
    end
    story.pause(1)
    stayed_small(bot, 132)
    sessions[9]:text "go"
    bot:tells(("%d"):format(8 * 150 * 70000))
    stayed_small(bot, 168)
    for n = 1, 9 do
      sessions[n]:reset()
    end
    bot:wait()
  end)

  it_tells("is read on after a ping that came while much was kept and a callback waited", function()
    local p = peer.listen()
    local bot = program.bot([[
      kept = {}
      for i = 1, 20 do kept[i] = ("k"):rep(1 << 20) end
      ws.connect { url = arg[1], on_message = function(c, data)
        say(data)
        if data == "wait" then
          c:send "waits"
          repeat host.sleep(0.001) until c.bytes_in > 300
        end
      end }
    ]], { p.url }, flags)
    local s = p:open()
    s:text "wait"
    s:expect_text "waits"
    s:ping(("p"):rep(125))
    s:ping(("p"):rep(125))
    bot:tells "wait"
    s:expect(frame.PONG)
    s:expect(frame.PONG)
    s:text "more"
    bot:tells "more"
    s:finish()
    bot:ends(0)
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
        s:post(("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"):format(size) .. ("x"):rep(size))
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
      local last, word, message = http.get(arg[1])
      say(results.too_big > 0, last and last.status or word .. message)
    ]], { server(7500000) }, flags)
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
