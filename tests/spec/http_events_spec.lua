-- Server-sent events of http.stream: what servers may do to a stream of them. (Their rules: tests/unit/test_sse.c.)
local it_tells = require "support.it_tells"
local program = require "support.program"
local story = require "support.story"
local testing = require "wsbot.testing"
local http = require "wsbot.http"
local web = require "support.web"

local bot_of, take, listen = web.bot_of, web.take, web.listen

local HEAD <const> = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"

local PRINT <const> = [[
  local s <close> = http.stream { url = arg[1], max_size = tonumber(arg[2]) }
  local ok, why = pcall(function()
    for event in s:events() do say(event.event, show(event.data), show(event.id)) end
  end)
  say(ok, why)
]]

-- A bot that tells of the events it gets of such a server: send(session).
local function events(name, send, ...)
  local lines = { ... }
  it_tells(name, function()
    local p = listen()
    local bot = bot_of(PRINT, { p.url, "1000" })
    local s = p:accept()
    take(s)
    send(s)
    bot:tells(table.unpack(lines))
    bot:ends(0)
  end)
end

describe("events", function()
  events("come with their types, data and ids, and one that is not whole is dropped", function(s)
    s:send(HEAD .. ": hello\n\nevent: add\ndata: one\ndata: two\nid: 7\n\ndata:three\r\n\r\nretry: 5\rdata: four\r\r"
      .. "id\ndata: five\n\ndata: never")
    s:close()
  end, [[add "one\x0atwo" "7"]], 'message "three" "7"', 'message "four" "7"', 'message "five" ""', "true nil")

  events("come byte by byte, after a byte order mark, within chunks of one byte", function(s)
    s:send "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    for c in ("\xEF\xBB\xBFid: 1\r\nevent: x\r\ndata: a\r\ndata: b\r\n\r\ndata: c\n\n"):gmatch "." do
      s:send("1\r\n" .. c .. "\r\n")
    end
    s:send "0\r\n\r\n"
  end, [[x "a\x0ab" "1"]], 'message "c" "1"', "true nil")

  events("are told one by one, as they come", function(s)
    s:send(HEAD .. "data: 1\n\n")
    s:send "data: 2\r\n\r" -- a LF is not waited for
    story.pause(0.05)
    s:send "\nid: x"
    s:close()
  end, 'message "1" ""', 'message "2" ""', "true nil")

  events("of which the line has no end are an error", function(s)
    s:post(HEAD .. "data: 1\n\ndata: " .. ("x"):rep(2000))
  end, 'message "1" ""', "~^false .*bot%.lua:%d+: stream:events: too_big: a line .*max_size, which is 1000")

  events("of which the data has no end are an error", function(s)
    s:post(HEAD .. ("data: 0123456789\n"):rep(200))
  end, "~^false .*too_big")

  events("whose comments have no end hold up nothing", function(s)
    s:send(HEAD)
    for _ = 1, 500 do s:send((": " .. ("c"):rep(100) .. "\n"):rep(100)) end
    s:send "data: 1\n\n"
    s:close()
  end, 'message "1" ""', "true nil")

  events("of a stream that breaks end with an error", function(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\ndata: 1\n\ndata: 2"
    s:close()
  end, 'message "1" ""', "~^false .*bot%.lua:%d+: stream:events: reset: ")

  it_tells("that came with the end, while the script was busy with those before, are told", function()
    local p = listen()
    local bot = bot_of([[
      local s <close> = http.stream { url = arg[1] }
      for event in s:events() do
        say(event.data)
        if event.data == "1" then http.get(arg[1] .. "/go") end
      end
      say "end"
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD .. "data: 1\n\n: the rest of the piece")
    bot:tells "1"
    local go = p:accept()
    take(go)
    s:send "\ndata: 2\n\n"
    s:close()
    story.pause(0.1)
    go:send(web.answer "200 OK")
    bot:tells("2", "end")
    bot:ends(0)
  end)

  it_tells("end where the script closes the stream, and leave the rest to read", function()
    local p = listen()
    local bot = bot_of([[
      local s <close> = http.stream { url = arg[1] }
      for event in s:events() do say(event.data) break end
      for event in s:events() do say(event.data) break end
      say(show(s:read()))
      for event in s:events() do say(event.data) s:close() end
      say "done"
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(HEAD .. "data: 1\n\ndata: 2\n\nrest")
    bot:tells("1", "2", '"rest"')
    s:send "\ndata: 3\n\ndata: 4\n\n"
    bot:tells("3", "done")
    s:expect_end()
    bot:ends(0)
  end)
end)

describe("a test", function()
  it_tells("ends the streams that it opened, and says so where it is strict", function()
    local p = listen()
    local run = program.test(([[
      local http = require "wsbot.http"
      local open
      describe("a test", function()
        it("opens one", function()
          open = http.stream { url = "%s" }
          print(open:read())
        end)
        it("finds it closed", function() assert.same({ nil, "closed" }, { nil, (select(2, open:read())) }) end)
      end)
    ]]):format(p.url), "--strict-leaks")
    local s = p:accept()
    take(s)
    s:send(HEAD .. "data")
    s:read_end()
    run:wait()
    assert.matches("left open: 1 stream\n", run.out)
    assert.matches("1 success / 0 failures / 1 error", run.out)
  end)
end)

describe("testing.http", function()
  it("serves events and streams", function()
    local site = testing.http { ["GET /feed"] = { headers = { ["Content-Type"] = "text/event-stream" },
      body = "data: 1\n\nevent: end\ndata: 2\nid: x\n\n" } }
    local stream <close> = http.stream { url = site.url .. "/feed" }
    local seen = {}
    for event in stream:events() do seen[#seen + 1] = event end
    assert.same({ { event = "message", data = "1", id = "" }, { event = "end", data = "2", id = "x" } }, seen)
  end)
end)
