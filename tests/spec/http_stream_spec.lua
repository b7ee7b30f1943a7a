-- http.stream: an answer in pieces, and as server-sent events, from servers that are slow, endless or broken.
local it_tells = require "support.it_tells"
local process = require "support.process"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"
local web = require "support.web"

local bot_of, take, answer, serve, listen = web.bot_of, web.take, web.answer, web.serve, web.listen

local HEAD <const> = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

local function chunk(text)
  return ("%x\r\n%s\r\n"):format(#text, text)
end

describe("a stream", function()
  it_tells("gives the head, then each piece as it comes, and nil at the end", function()
    local p = listen()
    local bot = bot_of([[
      local s <close> = http.stream { url = arg[1], headers = { ["X-Key"] = "k" } }
      say(s.status, s.reason, s.ok, s.headers["x-one"], #s:all "Set-Cookie", s.url == arg[1] .. "/", tostring(s))
      for piece in function() return s:read() end do say(show(piece)) end
      say(s:read()) say(select("#", s:read()))
    ]], { p.url })
    local s = p:accept()
    local request = take(s)
    assert.same({ "k" }, request.headers["x-key"])
    assert.is_nil(request.headers["accept-encoding"])
    s:send "HTTP/1.1 200 Fine\r\nX-One: 1\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n"
    bot:tells "200 Fine true 1 2 true http.stream: 200 Fine"
    for _, piece in ipairs { "one", "two\0" } do
      s:send(chunk(piece))
      bot:tells(piece == "one" and '"one"' or [["two\x00"]])
    end
    s:send "0\r\n\r\n"
    bot:tells("nil", "1")
    bot:ends(0)
  end)

  it_tells("may be of any method, and of an answer that is none of 2xx", function()
    local p = serve(function(s, request)
      s:send(answer("404 No", request.method .. request.body))
    end)
    local bot = bot_of([[
      local s = http.stream { url = arg[1], method = "POST", json = { stream = true } }
      say(s.status, s.ok, s:read())
    ]], { p.url })
    bot:tells '404 false POST{"stream":true}'
    bot:ends(0)
  end)

  it_tells("waits with its timeout for the head alone", function()
    local p = listen()
    local bot = bot_of([[
      say(http.stream { url = arg[1] .. "/never", timeout = 0.3 })
      local s = http.stream { url = arg[1], timeout = 0.5 }
      say(s:read(0.05)) say(s:read(0))
      host.sleep(0.6)
      say "later"
      say(s:read())
    ]], { p.url })
    local never = p:accept()
    take(never)
    bot:tells "~^nil timeout no answer came within 0%.3 s"
    never:expect_end()
    local s = p:accept()
    take(s)
    s:send(HEAD)
    bot:tells("nil timeout nothing came in that time", "nil timeout nothing came in that time", "later")
    s:send "late"
    bot:tells "late"
    s:close()
    bot:ends(0)
  end)

  it_tells("has no answer whose head is cut off, nor has a request", function()
    local p = listen()
    local bot = bot_of("tell(http.stream { url = arg[1] }) tell(http.get(arg[1]))", { p.url })
    for _ = 1, 2 do
      local s = p:accept()
      take(s)
      s:send "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
      s:close()
      bot:tells "~^nil reset .*within the head of its answer"
    end
    bot:ends(0)
  end)

  it_tells("gives what came before it broke, then why it did, again and again", function()
    local p = listen()
    local bot = bot_of([[
      for _ = 1, 2 do
        local s = http.stream { url = arg[1] }
        local text, piece, word, message = "", ""
        while piece do
          text = text .. piece
          piece, word, message = s:read()
        end
        local _, again = s:read()
        say(text, word == again and word, #message > 0)
      end
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhalf")
    s:close()
    bot:tells "half reset true"
    s = p:accept()
    take(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    s:reset()
    bot:tells "half reset true"
    bot:ends(0)
  end)

  it_tells("fails as a request does where there is no answer, or a bad one", function()
    local p = listen()
    local bot = bot_of([[for _ = 1, 3 do say(select(2, http.stream { url = arg[1] })) end
      say(pcall(http.stream, { url = "http://[::1" })) say(pcall(http.stream, { url = arg[1], tymeout = 1 }))
      say(pcall(http.stream))]], { p.url })
    local s = p:accept()
    take(s)
    s:close()
    bot:tells "~^reset "
    s = p:accept()
    take(s)
    s:post("HTTP/1.1 200 OK\r\n" .. ("X-Filler: " .. ("x"):rep(1000) .. "\r\n"):rep(400))
    bot:tells "~^too_big the headers"
    s = p:accept()
    take(s)
    s:post("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(2 ^ 20))
    bot:tells "~^too_big a header .* 100 KB"
    bot:tells("~^false .*http%.stream: url", "~^false .*did you mean 'timeout'", "~^false http%.stream: expected a")
    bot:ends(0)
  end)

  it_tells("follows redirects, and gives nothing of their bodies", function()
    local p = serve(function(s, request)
      if request.target == "/to" then return s:send(answer("302 Found", "elsewhere", { "Location: /here" })) end
      s:send(answer("200 OK", "here"))
    end)
    local bot = bot_of([[
      local s = http.stream { url = arg[1] .. "/to" }
      say(s.status, s.url:match "[^/]*$", s:read())
    ]], { p.url })
    bot:tells "200 here here"
    bot:ends(0)
  end)

  it_tells("asks again where the server is busy", function()
    local n = 0
    local p = serve(function(s)
      n = n + 1
      s:send(n == 1 and answer("503 Busy", "no", { "Retry-After: 0" }) or answer("200 OK", "yes"))
    end)
    local bot = bot_of([[local s = http.stream { url = arg[1], retry = 1 } say(s.status, s:read())]], { p.url })
    bot:tells "200 yes"
    bot:ends(0)
  end)
end)

describe("a misuse of a stream", function()
  it_tells("is told at the line of the script", function()
    local p = listen()
    local bot = bot_of([[
      local s = http.stream { url = arg[1] }
      say(pcall(function() s:read(-1) end))
      say(pcall(function() s.read() end))
      say(pcall(table.sort, { 1, 2, 3 }, function() s:read() end))
      say(pcall(table.sort, { 1, 2, 3 }, function() for _ in s:events() do end end))
      local next_event = s:events()
      say(next_event().data, next_event())
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD .. "data: 1\n\n")
    s:close()
    bot:tells("~^false .*bot%.lua:%d+: bad argument #1 to 'read' %(seconds must be a number, 0 or more%)",
      "~^false .*bot%.lua:%d+: bad argument #1 to 'read' %(wsbot%.http%.stream expected",
      "~^false .*bot%.lua:%d+: stream:read: cannot wait here.*a sort comparator",
      "~^false .*bot%.lua:%d+: stream:events: cannot wait here", "1 nil")
    bot:ends(0)
  end)
end)

describe("a reader that is slow", function()
  it_tells("makes the server wait, and no memory grow", function()
    local p = listen()
    local bot = bot_of([[
      local s <close> = http.stream { url = arg[1] }
      say(#s:read() > 0)
      io.read()
      local n = 0
      for piece in function() return s:read() end do n = n + #piece end
      say(n > 30 * 2^20)
    ]], { p.url }, { stdin = true })
    local s = p:accept()
    take(s)
    s:send(HEAD .. "x")
    bot:tells "true"
    local before, sent, taken = process.memory(bot.pid), 0, 0
    local piece = ("x"):rep(2 ^ 20)
    local function put()
      s.transport.write(piece, function(err) taken = taken + (err and 0 or #piece) end)
      sent = sent + #piece
    end
    for _ = 1, 40 do put() end
    local last
    repeat -- until the server's side is stuck
      last = taken
      story.pause(0.2)
    until taken == last
    assert(taken < sent, "all was taken, though nobody read")
    if not program.is_sanitized() then
      local grown = process.memory(bot.pid) - before
      assert(grown < 4 * 2 ^ 20, grown .. " bytes more")
    end
    bot:write "\n"
    story.wait("the rest to be taken", function() return taken == sent end)
    s:close()
    bot:tells "true"
    bot:ends(0)
  end)

  it_tells("that is fast lets others have their turns", function()
    local p = listen()
    local bot = bot_of([[
      local s <close> = http.stream { url = arg[1] }
      local ticks = 0
      local timer = host.every(0.001, function() ticks = ticks + 1 end)
      local n, pieces = 0, 0
      for piece in function() return s:read() end do n, pieces = n + #piece, pieces + 1 end
      timer:cancel()
      say(n, ticks > 10)
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD)
    for _ = 1, 50 do s:send(("x"):rep(2 ^ 20)) end
    s:close()
    bot:tells "52428800 true"
    bot:ends(0)
  end)
end)

describe("the life of a stream", function()
  it_tells("ends when it is closed, leaves its scope, is collected, or its task is cancelled", function()
    local p = listen()
    local bot = bot_of([[
      local s = http.stream { url = arg[1] .. "/close" }
      local reader = host.spawn(function() return s:read() end)
      host.sleep(0)
      s:close() s:close()
      say(reader:join())
      say(s:read())
      do local scoped <close> = http.stream { url = arg[1] .. "/scope" } end
      say "left"
      http.stream { url = arg[1] .. "/gc" }
      collectgarbage() collectgarbage()
      say "collected"
      local inside = host.future()
      local task = host.spawn(function()
        local s <close> = http.stream { url = arg[1] .. "/task" }
        inside:set()
        s:read()
      end)
      inside:wait()
      host.sleep(0)
      task:cancel()
      local opening = host.spawn(function() http.stream { url = arg[1] .. "/head" } end)
      http.get(arg[1] .. "/go")
      opening:cancel()
      say "cancelled"
    ]], { p.url })
    local function next_one()
      local s = p:accept()
      take(s)
      s:send(HEAD)
      return s
    end
    local s = next_one()
    bot:tells("true nil closed the stream was closed by the script", "nil closed the stream was closed by the script")
    s:expect_end()
    next_one():expect_end()
    bot:tells "left"
    next_one():expect_end()
    bot:tells "collected"
    next_one():expect_end()
    local opening, go = p:accept(), p:accept()
    if take(opening).target == "/go" then opening, go = go, opening end
    go:send(answer("200 OK", ""))
    bot:tells "cancelled"
    opening:read_end()
    bot:ends(0)
  end)

  it_tells("does not keep the program alive where nobody reads, and does where a task does", function()
    local p = listen()
    local bot = bot_of([[s = http.stream { url = arg[1] } say(s:read())]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD)
    story.pause(0.1)
    s:send "one"
    bot:tells "one"
    bot:ends(0)
    s:read_end()
  end)

  it_tells("ends with the program, and leaks nothing, where its server has to wait", function()
    local p = listen()
    local bot = bot_of([[
      s = http.stream { url = arg[1] }
      t = http.stream { url = arg[1] }
      http.get(arg[1] .. "/go")
    ]], { p.url })
    for _ = 1, 2 do
      local s = p:accept()
      take(s)
      s:post(HEAD .. ("x"):rep(2 ^ 20))
    end
    local go = p:accept()
    take(go)
    story.pause(0.1) -- both are held up by now
    go:send(answer "200 OK")
    bot:ends(0)
  end)

  it_tells("ends with its generation", function()
    local p = listen()
    local bot = reloadable.start([[
      local http = require "wsbot.http"
      host.spawn(function() local s = http.stream { url = arg[1] } say(s:read()) say(s:read()) end)
      host.every(1000, function() end)
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD .. "old")
    bot:tells "old"
    bot:takes_over [[say "new" host.every(1000, function() end)]]
    bot:tells "new"
    s:expect_end()
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("leaves nothing of 200 streams", function()
    local p = serve(function(s, request)
      if request.target == "/reset" then
        s:send(HEAD .. "x")
        s:reset()
      elseif request.target == "/open" then
        s:send(HEAD .. "x")
      else
        s:send(answer("200 OK", ("x"):rep(10000)))
      end
    end)
    local bot = bot_of([[
      local function some(n)
        for i = 1, n do
          local s = http.stream { url = arg[1] .. (i % 3 == 0 and "/open" or i % 3 == 1 and "/reset" or "/whole") }
          if s and i % 2 == 0 then s:read() end
          if s and i % 5 > 0 then s:close() end
        end
        collectgarbage() collectgarbage()
        host.sleep(0.1)
      end
      some(50) say "some" io.read() some(200) say "many" io.read()
    ]], { p.url }, { stdin = true })
    bot:tells "some"
    local before = process.descriptors(bot.pid)
    bot:write "\n"
    bot:tells "many"
    local after = process.descriptors(bot.pid)
    assert(after <= before + 16, ("%d descriptors, %d before"):format(after, before)) -- which are kept for the next
    bot:write "\n"
    bot:ends(0)
  end)
end)
