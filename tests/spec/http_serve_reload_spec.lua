-- http.serve across reloads: the socket, the connections and the requests of a server outlive its generation.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local raw = require "support.raw"
local reloadable = require "support.reloadable"
local story = require "support.story"
local testing = require "wsbot.testing"
local uv = require "luv"

local function free_port()
  local probe = uv.new_tcp()
  assert(probe:bind("127.0.0.1", 0))
  local port = probe:getsockname().port
  probe:close()
  return port
end

-- The source of generation n: a server on that port whose handler says so. `handler` goes before that.
local function source(port, n, handler, more)
  return ([[
    local http = require "wsbot.http"
    local server
    server = http.serve { port = %d, handler = function(request)
      %s
      return { body = "generation %d" }
    end }
    %s
    say("loaded %d")
  ]]):format(port, handler or "", n, more or "", n)
end

local function body_of(c)
  return (select(2, c:answer()))
end

local WAIT <const> = "if request.path == '/wait' then say 'waits' host.sleep(1000) end"

describe("after a reload", function()
  it_tells("a server has its socket and its connections still", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1))
    bot:tells "loaded 1"
    local c = raw.connect(port)
    for n = 1, 4 do
      if n > 1 then
        bot:takes_over(source(port, n), "kept 1: server 127.0.0.1:" .. port)
        bot:tells("loaded " .. n)
      end
      assert.equal("generation " .. n, body_of(c:ask "GET /"))
      assert.equal("generation " .. n, body_of(raw.connect(port):ask "GET /"))
    end
    bot:kill "sigterm"
    bot:ends(0)
    assert.equal("closed", c:ends())
  end)

  it_tells("a request that waited in the old code is answered by the new", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1, WAIT))
    bot:tells "loaded 1"
    local c = raw.connect(port):ask("POST /wait", nil, "body"):ask "GET /"
    bot:tells "waits"
    local half = raw.connect(port):send "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo"
    assert.equal("generation 1", body_of(raw.connect(port):ask "GET /"))
    bot:takes_over(source(port, 2, "if request.path == '/wait' then return { body = request.body .. ' kept' } end"),
      "cut 1 callback, 0 tasks")
    assert.equal("body kept", body_of(c))
    assert.equal("generation 2", body_of(c))
    assert.equal("generation 2", body_of(half:send "dy"))
    bot:tells "loaded 2"
  end)

  it_tells("one that the new code has no server for is refused, and so is its connection", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1, WAIT))
    bot:tells "loaded 1"
    local idle, c = raw.connect(port), raw.connect(port):ask "GET /wait"
    bot:tells "waits"
    assert.equal("generation 1", body_of(idle:ask "GET /"))
    local half = raw.connect(port):send "GET / HTTP/1.1\r\n"
    assert.equal("generation 1", body_of(raw.connect(port):ask "GET /"))
    bot:takes_over("host.every(1000, print) say 'loaded 2'", "closed 1: server 127.0.0.1:" .. port)
    for _, one in ipairs { c, half } do assert.same({ 503, "this server is about to end" }, { one:refusal() }) end
    assert.equal("closed", idle:ends())
    assert.is_nil((raw.connect(port)))
  end)

  it_tells("that failed nothing has changed", function()
    local port, other = free_port(), free_port()
    local bot = reloadable.start(source(port, 1, WAIT))
    bot:tells "loaded 1"
    local c = raw.connect(port):ask "GET /wait"
    bot:tells "waits"
    bot:fails_to(source(port, 2) .. source(other, 2) .. "error 'no'", "no")
    bot:tells("loaded 2", "loaded 2")
    bot:fails_to(source(port, 3) .. source(port, 3), "cannot listen twice on 127.0.0.1 port " .. port)
    bot:tells "loaded 3"
    local taken = uv.new_tcp()
    assert(taken:bind("127.0.0.1", other))
    assert(taken:listen(1, print))
    bot:fails_to(source(other, 4), ("http.serve: cannot listen on 127.0.0.1:%d: address already in use"):format(other))
    assert.equal("generation 1", body_of(raw.connect(port):ask "GET /"))
    assert.equal("", c.input)
    taken:close()
    bot:takes_over(source(port, 5), "kept 1")
    bot:tells "loaded 5"
    assert.equal("generation 5", body_of(c))
  end)

  it_tells("a server without a port has another one, which it knows at once", function()
    local bot = reloadable.start(source(0, 1, nil, "say(server.port)"))
    local first = tonumber(bot:line())
    bot:tells "loaded 1"
    bot:takes_over(source(0, 2, nil, "say(server.port) say(server.url)"), "opened 1: server .-closed 1: server ")
    local second = tonumber(bot:line())
    bot:tells("http://127.0.0.1:" .. second, "loaded 2")
    assert.is_nil((raw.connect(first)))
    assert.equal("generation 2", body_of(raw.connect(second):ask "GET /"))
  end)

  it_tells("one that both the old and the new code have closed is no more", function()
    local port, closed = free_port(), free_port()
    local bot = reloadable.start(source(port, 1, nil, "host.on_reload(function() server:close() end)"))
    bot:tells "loaded 1"
    bot:takes_over(source(port, 2, nil, ("http.serve { port = %d, handler = print }:close()"):format(closed)))
    bot:tells "loaded 2"
    assert.equal("generation 2", body_of(raw.connect(port):ask "GET /"))
    assert.is_nil((raw.connect(closed)))
  end)

  it_tells("a server may have another host", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1))
    bot:tells "loaded 1"
    local hosts = { "127.0.0.1", "0.0.0.0", "127.0.0.1" }
    for n = 2, 3 do
      local new = source(port, n):gsub("port = ", ("host = %q, port = "):format(hosts[n]))
      bot:takes_over(new, ("opened 1: server %s:%d; closed 1: server %s:%d"):format(hosts[n], port, hosts[n - 1], port))
      bot:tells("loaded " .. n)
      assert.equal("generation " .. n, body_of(raw.connect(port):ask "GET /"))
    end
  end)

  it_tells("no connection was refused meanwhile, nor left without an answer", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1, "host.sleep(0.002)"))
    bot:tells "loaded 1"
    local asked, answered, over = 0, 0, false
    for _ = 1, 4 do
      story.beside(function()
        while not over do
          local c = assert(raw.connect(port))
          asked = asked + 1
          local status, body = c:ask("GET /"):answer()
          assert.equal(200, status)
          assert.matches("^generation %d+$", body)
          answered = answered + 1
          c:close()
        end
      end)
    end
    for n = 2, 12 do
      bot:takes_over(source(port, n, "host.sleep(0.002)"), "kept 1")
      local before = answered
      story.wait("some answers", function() return answered >= before + 5 end)
    end
    over = true
    story.wait("the last answers", function() return asked == answered end)
  end)

  it_tells("what came while those who wait were let finish is answered by the new code", function()
    local port = free_port()
    local bot = reloadable.start(source(port, 1, "if request.path == '/wait' then say 'waits' host.sleep(0.3) end"), {},
      { flags = { "--reload-grace", "20" } })
    bot:tells "loaded 1"
    local c = raw.connect(port):ask "GET /wait"
    bot:tells "waits"
    bot:write_script(source(port, 2))
    bot:kill "sighup"
    story.pause(0.1)
    local held = raw.connect(port):ask "GET /"
    assert.equal("generation 1", body_of(c))
    assert.equal("generation 2", body_of(held))
  end)
end)

describe("a bot under test", function()
  it("serves, reloads and stops as a program does", function()
    local port = free_port()
    local http = require "wsbot.http"
    local prelude = "local function say(...) print(...) end "
    local bot = testing.bot(prelude .. source(port, 1, "if request.path == '/wait' then host.sleep(1000) end"))
    local url = ("http://127.0.0.1:%d/"):format(port)
    assert.equal("generation 1", http.get(url).body)
    local answer
    host.spawn(function() answer = http.get(url .. "wait") end)
    assert.equal("generation 1", http.get(url).body)
    assert.is_true(bot:reload(prelude .. source(port, 2)))
    testing.eventually(function() return answer end)
    assert.equal("generation 2", answer.body)
    assert.is_nil((bot:reload(prelude .. source(port, 3) .. "error 'no'")))
    assert.equal("generation 2", http.get(url).body)
    assert.is_true(bot.running)
    assert.equal(0, bot:stop())
    local _, word = http.get(url)
    assert.equal("connect", word)
  end)

  it("ends with the server that was all it had", function()
    local bot = testing.bot [[
      local http = require "wsbot.http"
      local server
      server = http.serve { handler = function() server:close() return { body = "bye" } end }
      print(server.url)
    ]]
    assert.equal("bye", require("wsbot.http").get(bot.output:match "%S+").body)
    assert.equal(0, bot:wait())
  end)
end)

describe("a program", function()
  it_tells("is checked, and has no address, also where the running one has it", function()
    local taken = uv.new_tcp()
    assert(taken:bind("127.0.0.1", 0))
    assert(taken:listen(1, print))
    local port = taken:getsockname().port
    local path = place.file("bot.lua", [[
      local http = require "wsbot.http"
      http.serve { port = tonumber(arg[1]), handler = print }
      http.serve { host = "::1", handler = print }
    ]])
    local check = program.run { "check", path, tostring(port) }
    check:tells("server      127.0.0.1:" .. port, "server      [::1]:0")
    check:ends(0)
  end)

  it_tells("ends by os.exit from a handler, and by an error under --strict", function()
    for code, status in pairs { ["os.exit(3)"] = 3, ["os.exit(4, true)"] = 4, ["error 'strict'"] = 1 } do
      local bot = program.bot(([[
        local server = require "wsbot.http".serve { handler = function() host.sleep(0) %s end }
        say(server.port)
      ]]):format(code), {}, { flags = { "--strict" } })
      local port = tonumber(bot:line())
      local c = raw.connect(port):ask "GET /"
      bot:ends(status)
      story.wait("the end", function() return c.ended end)
    end
  end)
end)
