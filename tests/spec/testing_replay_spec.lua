-- Recording (`wsbot run --record`) and testing.replay.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- Records what a bot says to a peer. Returns the file, its lines, and what the bot printed.
local function record(source, answer, flags)
  local peer <close> = testing.server(answer or { on_message = function(s, data) s:send(data:upper()) end })
  local path = place.folder() .. "/record.jsonl"
  local bot = program.bot(source, { peer.url }, { flags = { "--record", path, table.unpack(flags or {}) } })
  bot:wait()
  local events = {}
  for line in io.lines(path) do events[#events + 1] = require "cjson".decode(line) end
  return path, events, bot
end

local secretive = [[
  ws.connect { url = arg[1]:gsub("//", "//user:hunter2@") .. "/private?token=hunter2&room=hunter2&hunter2",
    headers = { Cookie = "hunter2", ["X-Api-Key"] = "hunter2", Accept = "text/plain" },
    protocols = { "v1", "bearer.token.hunter2.and.more.of.it.so.that.it.is.long" },
    on_websocket_connect = function(c) c:close() end }
]]

describe("wsbot run --record", function()
  it_tells("keeps a record that was there to its owner as well", function()
    local path = place.file("record.jsonl", '{"record":1}\nold\n')
    require "luv".fs_chmod(path, tonumber("644", 8))
    program.run({ "run", "--record", path, place.file("bot.lua", "") }):wait()
    assert.equal("600", ("%o"):format(require "luv".fs_stat(path).mode & tonumber("777", 8)))
    assert.matches("^{[^\n]*}\n$", place.read(path))
  end)

  it_tells("does not write over a file that is no record, as a script in its place", function()
    local path = place.file("bot.lua", "print 'not lost'")
    local bot = program.run { "run", "--record", path, path }
    assert.equal(2, (bot:wait()))
    assert.matches("cannot write [^\n]*/bot.lua: this file is no record, and is not written over\n$", bot.err)
    assert.equal("print 'not lost'", place.read(path))
  end)

  it_tells("writes handshakes, messages both ways, closes and times as JSON lines", function()
    local _, events = record [[
      ws.connect { url = arg[1] .. "/chat",
        on_websocket_connect = function(c) c:send "hellö\n" c:send("\xff\0", "binary") end,
        on_message = function(c, _, kind) if kind == "text" then c:send "bye" c:close(4001, "done") end end }
    ]]
    local told, last = {}, 0
    for i = 2, #events do
      local e = events[i]
      assert.is_true(e.time >= last and e.connection == 1)
      last = e.time
      local what = e.kind or e.status or e.target or e.attempt or e.code
      local data = e.data or e.base64 or e.kind == "close" and ("%d %s"):format(e.code, e.reason) or ""
      told[#told + 1] = ("%s %s %s"):format(e.event, type(what) == "number" and ("%d"):format(what) or what, data)
    end
    assert.equal(1, events[1].record)
    assert.matches("^wsbot %d", events[1].program)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT", events[1].started)
    -- the answer to the binary message may come before or after the goodbye
    local said = "\n" .. table.concat(told, "\n") .. "\n"
    assert.matches("^\nconnect 1 \nrequest /chat \nresponse 101 \nsent text hellö\n\nsent binary /wA=\n", said)
    assert.matches("\nreceived text HELLö\n\n.*sent text bye\nsent close 4001 done\n.*end 4001 \n$", said)
  end)

  it_tells("leaves secrets out of headers and queries, and keeps the file to its owner", function()
    local path, events = record(secretive)
    assert.is_nil(place.read(path):find "hunter2")
    assert.matches("/private?token=(left out)&room=(left out)&(left out)", events[2].url, 1, true)
    local headers = {}
    for _, header in ipairs(events[3].headers) do headers[header[1]] = header[2] end
    assert.equal("(left out)", headers.Cookie)
    assert.equal("(left out)", headers.Authorization)
    assert.equal("text/plain", headers.Accept)
    assert.equal("v1, (left out)", headers["Sec-WebSocket-Protocol"])
    assert.equal("600", ("%o"):format(require "luv".fs_stat(path).mode & tonumber("777", 8)))
  end)

  it_tells("leaves them out of where a server redirects to", function()
    local path, events = record([[
      for most = 0, 2, 2 do
        ws.connect { url = arg[1], max_redirects = most, on_error = function() end }
      end
    ]], { refuse = { status = 302, headers = { Location = "/login?code=hunter2#hunter2" } } })
    assert.is_nil(place.read(path):find "hunter2")
    local messages = {}
    for _, e in ipairs(events) do messages[#messages + 1] = e.message end
    table.sort(messages)
    assert.same({ "the server answered 302 Found: it redirects to /login (see max_redirects)",
      "the server redirects to /login: one more than max_redirects allows (2)" }, messages)
  end)

  it_tells("keeps them where that is asked for", function()
    local _, events = record(secretive, nil, { "--record-secrets" })
    assert.equal("/private?token=hunter2&room=hunter2&hunter2", events[3].target)
  end)

  it_tells("has a connection whose url function failed, without a url", function()
    local _, events = record [[
      local conn
      conn = ws.connect { url = function() error "no url" end, on_error = function() conn:destroy() end }
    ]]
    assert.equal("connect", events[2].event)
    assert.is_nil(events[2].url)
  end)

  it_tells("has what a new generation sends before it takes over", function()
    local path = record [[
      local conn = ws.connect { name = "feed", url = arg[1],
        on_websocket_connect = function() host.reload() end,
        on_message = function(c) c:close() end }
      if host.reloads == 1 then conn:send "again" end
    ]]
    assert.matches('"event":"sent","kind":"text","data":"again"', place.read(path), 1, true)
  end)

  it_tells("has what a refusal said, and connections that failed", function()
    local _, events = record([[
      ws.connect { url = arg[1], on_error = function()
        ws.connect { url = "ws://127.0.0.1:1", on_error = function() end }
      end }
    ]], { refuse = { status = 403, headers = { ["X-Why"] = "secret", Server = "s" }, body = "go away" } })
    local response, failed = events[4], events[#events]
    assert.same({ 403, "Forbidden", "go away" }, { response.status, response.reason, response.body })
    assert.same({ "connect", 2 }, { failed.error, failed.connection })
  end)

  it_tells("tells what cannot be written", function()
    local bot = program.run { "run", "--record", "/nowhere/at/all", place.file("bot.lua", "") }
    assert.equal(2, (bot:wait()))
    assert.matches("record: cannot write /nowhere/at/all: No such file or directory", bot.err)
    local path = place.file("bot.lua", "ws.connect { url = 'ws://127.0.0.1:1' }")
    bot = program.run { "run", "--record", "/dev/full", path }
    bot:wait()
    assert.matches("record: cannot write /dev/full: No space left on device", bot.err)
    bot = program.run { "run", "--record", "/dev/full",
      place.file("bot.lua", "host.sleep(0.05) io.stderr:write 'later' os.exit()") }
    bot:wait()
    assert.matches("cannot write /dev/full: No space left on device; the record ends here\nlater$", bot.err)
  end)
end)

----------------------------------------------------------------------------------------------------------------------

local head = [=[
{"record":1,"program":"wsbot","started":"2026-01-01T00:00:00Z"}
{"time":0,"connection":1,"event":"connect","attempt":1,"url":"ws://h/feed?token=(left out)"}
{"time":0.01,"connection":1,"event":"request","target":"/feed?token=(left out)","headers":[["Host","h"]]}
{"time":0.1,"connection":1,"event":"response","status":101,"headers":[["Sec-WebSocket-Protocol","v2"],["X","y"]]}
]=]

local session = head .. [[
{"time":0.2,"connection":1,"event":"sent","kind":"text","data":"{\"subscribe\":\"trades\",\"id\":1}"}
{"time":1,"connection":1,"event":"received","kind":"text","data":"trade 1"}
{"time":60,"connection":1,"event":"received","kind":"binary","base64":"AP8="}
{"time":60.1,"connection":1,"event":"sent","kind":"text","data":"thanks for 2"}
{"time":60.2,"connection":1,"event":"received","kind":"close","code":4000,"reason":"that is all"}
{"time":60.3,"connection":1,"event":"end","code":4000}
]]

local bot = [[
  ws.connect { url = arg[1] .. "/feed?token=new", protocols = { "v1", "v2" },
    on_websocket_connect = function(c, r) print(c.protocol, r.headers.x) c:send('{"id":1,"subscribe":"%s"}') end,
    on_message = function(c, data, kind)
      n = (n or 0) + 1
      print(data, kind)
      if kind == "binary" then c:send("thanks for " .. n) end
    end,
    on_close = function(_, code, reason) print(code, reason) end }
]]

describe("testing.replay", function()
  it("plays a server that gives no answer to the handshake, or hangs up instead", function()
    for _, word in ipairs { "reset", "timeout" } do
      local peer <close> = testing.replay(place.file("r.jsonl", ([[
{"record":1,"program":"wsbot","started":"2026-01-01T00:00:00Z"}
{"time":0,"connection":1,"event":"connect","attempt":1,"url":"ws://x/"}
{"time":0,"connection":1,"event":"request","target":"/","headers":[]}
{"time":1,"connection":1,"event":"end","code":1006,"error":"%s","message":"it failed"}
]]):format(word)))
      local failed
      ws.connect { url = peer.url, handshake_timeout = 0.1, on_error = function(_, code) failed = code end }
      testing.eventually(function() return failed end)
      assert.equal(word, failed)
      peer:finish()
    end
  end)

  it("plays the server's side to a bot, as fast as it answers", function()
    local peer <close> = testing.replay(place.file("r.jsonl", session))
    local b <close> = testing.bot(bot:format "trades", { args = { peer.origin } })
    peer:finish()
    assert.equal(0, b:wait())
    assert.equal("v2\ty\ntrade 1\ttext\n\0\xff\tbinary\n4000\tthat is all\n", b.output)
  end)

  it("plays what was recorded without its secrets to a bot that has others", function()
    local recorded = session:gsub("/feed%?token=%(left out%)", "/hooks/(left out)/feed?token=(left out)&(left out)")
      :gsub('%["Sec%-WebSocket%-Protocol","v2"%],', '["Sec-WebSocket-Protocol","(left out)"],["Location","//h/"],')
    local peer <close> = testing.replay(place.file("r.jsonl", recorded))
    local path = "/hooks/" .. ("9f86d081"):rep(4) .. "/feed?token=new&9f86d081"
    local source = bot:gsub("/feed%?token=new", path):gsub('"v1", "v2"', '"v1"')
    local b <close> = testing.bot(source:format "trades", { args = { peer.origin } })
    peer:finish()
    assert.equal(0, b:wait())
    assert.equal("v1\ty\ntrade 1\ttext\n\0\xff\tbinary\n4000\tthat is all\n", b.output)
  end)

  it("plays it as it was in virtual time, or at another speed", function()
    local clock = testing.clock()
    for _, speed in ipairs { 1, 10 } do
      local peer <close> = testing.replay(place.file("r.jsonl", session), { speed = speed })
      local b <close> = testing.bot(bot:format "trades", { args = { peer.origin } })
      clock:advance(59 / speed)
      assert.equal("v2\ty\ntrade 1\ttext\n", b.output)
      clock:advance(2 / speed)
      peer:finish()
      assert.matches("4000\tthat is all\n$", b.output)
    end
  end)

  it("shows how an answer differs", function()
    local peer <close> = testing.replay(place.file("r.jsonl", session))
    local b <close> = testing.bot(bot:format "books", { args = { peer.origin } })
    local ok, why = pcall(peer.finish, peer)
    assert.is_false(ok)
    assert.matches([[r.jsonl, line 5: the bot's answer is another one
expected "{"subscribe":"trades","id":1}"
     got "{"id":1,"subscribe":"books"}"
            ^ (they part at byte 3)]], why, 1, true)
    assert.equal("v2\ty\n", b.output:match "^[^\n]*\n")
  end)

  it("lets a function say what is the same", function()
    local peer <close> = testing.replay(place.file("r.jsonl", session), {
      compare = function(recorded, got) return #recorded == #got + 1 or recorded == got end,
    })
    local b <close> = testing.bot(bot:format "books", { args = { peer.origin } })
    peer:finish()
    assert.equal(0, b:wait())
  end)

  it("tells what the bot did not send, or sent instead of a Close, and where it connects that nobody did", function()
    local function why(record_text, source)
      local peer <close> = testing.replay(place.file("r.jsonl", record_text))
      local b <close> = testing.bot(source, { args = { peer.origin } })
      local ok, message = pcall(peer.finish, peer)
      assert.is_false(ok, b.output)
      return message
    end
    assert.matches('line 5: the bot did not send "{"subscribe".*: it closed with 1000', why(session,
      "local c = ws.connect { url = arg[1] .. '/feed?token=1' } c.on_websocket_connect = function() c:close() end"))
    assert.matches("line 5: the bot sent \"more\", and not a Close with 1000", why(head
      .. '{"time":1,"connection":1,"event":"sent","kind":"close","code":1000,"reason":""}\n',
      "ws.connect { url = arg[1] .. '/feed?token=1' }:send 'more'"))
    assert.matches("connects to /other, which is not in the record %(any more%); left in it is a connection to "
      .. "/feed%?token=%(left out%) %(line 3%)$",
      why(session, "ws.connect { url = arg[1] .. '/other', on_error = print }"))
    assert.matches('line 5: the bot sent the binary message "a", and in the record it is the text message "{"sub', why(
      session, "ws.connect { url = arg[1] .. '/feed?token=1' }:send('a', 'binary')"))
  end)

  it_tells("tells what is left in the record where a test ends before it, for want of time", function()
    local function tells(act, pattern)
      local run = program.test(([[
        local testing = require "wsbot.testing"
        it("replays", function()
          local peer = testing.replay(%q)
          local bot = testing.bot(%q, { args = { peer.origin } })
          peer:finish()
        end)
      ]]):format(place.file("r.jsonl", session), act), "-o", "plainTerminal", "--test-timeout=0.5")
      assert.equal(1, (run:wait()))
      assert.matches("some_spec.lua:5: .*not all of the record was played; left in it is " .. pattern, run.out)
      assert.matches("took over 0.5 s", run.out)
    end
    tells("host.every(60, print)", "a connection to /feed%?token=%(left out%) %(line 3%)\n")
    tells("ws.connect { url = arg[1] .. '/feed?token=1' }", '"{"subscribe".*}", which the bot is to send %(line 5%)\n')
  end)

  it("keeps the times of the record, of which a stopped clock makes nothing", function()
    testing.clock()
    local began = host.now()
    local peer <close> = testing.replay(place.file("r.jsonl", session), { speed = 1 })
    testing.bot(bot:format "trades", { args = { peer.origin } })
    peer:finish()
    assert.is_true(host.now() - began >= 1)
  end)

  it("plays refusals, resets and several connections", function()
    local text = head .. [=[
{"time":1,"connection":1,"event":"end","code":1006,"error":"reset","message":"x"}
{"time":2,"connection":1,"event":"connect","attempt":2,"url":"ws://h/feed?token="}
{"time":2,"connection":1,"event":"request","target":"/feed?token=","headers":[]}
{"time":2,"connection":1,"event":"response","status":503,"reason":"Busy","headers":[["Retry-After","1"]],"body":"later"}
{"time":2,"connection":1,"event":"end","code":1006,"error":"handshake","message":"x"}
{"time":3,"connection":1,"event":"request","target":"/feed?token=","headers":[]}
{"time":3,"connection":1,"event":"response","status":101,"reason":"","headers":[]}
{"time":3,"connection":2,"event":"request","target":"/other","headers":[]}
{"time":3,"connection":2,"event":"response","status":101,"reason":"","headers":[]}
{"time":4,"connection":2,"event":"received","kind":"text","data":"to the other"}
{"time":4,"connection":1,"event":"received","kind":"text","data":"to the first"}
]=]
    local clock = testing.clock()
    local peer <close> = testing.replay(place.file("r.jsonl", text))
    local b <close> = testing.bot([[
      local function say(c, m) print(c.name, m) end
      ws.connect { name = "first", url = arg[1] .. "/feed?token=x", reconnect = true, on_message = say,
        on_error = function(_, word, m) print(word, m:match "%d%d%d[^,]*") end }
      ws.connect { name = "other", url = arg[1] .. "/other", on_message = say }
    ]], { args = { peer.origin } })
    clock:advance(10)
    peer:finish()
    local others = b.output:gsub("other\tto the other\n", "", 1) -- who comes when: that is between the two
    assert.equal("reset\tnil\nhandshake\t503 Busy\nfirst\tto the first\n", others)
    assert.matches("other\tto the other\n", b.output)
  end)

  it("plays what mosquitto said to scripts/mqtt.lua", function()
    local peer <close> = testing.replay("tests/spec/records/mosquitto.jsonl", {
      compare = function(recorded, got) -- but for the client id, which is another one each time
        local id = "wsbot%-%x+"
        return recorded:gsub(id, "") == got:gsub(id, "")
      end,
    })
    local b <close> = testing.bot("scripts/mqtt.lua", { args = { peer.url, "house/+/light" } })
    testing.eventually(function() return b.output:find "off" end)
    assert.equal("house/kitchen/light: on\nhouse/hall/light: off\n", b.output)
    b:stop()
    peer:finish()
  end)

  it_tells("fails the test that does not ask", function()
    local path = place.file("r.jsonl", session)
    local run = program.test(([[
      local testing = require "wsbot.testing"
      it("replays", function()
        local peer = testing.replay(%q)
        local c = ws.connect { url = peer.url }
        c:send "something else"
        testing.eventually(function() return c.state == "closed" end)
      end)
    ]]):format(path), "-o", "plainTerminal")
    assert.equal(1, (run:wait()))
    assert.matches("r.jsonl, line 5: the bot's answer is another one", run.out)
  end)

  it("says of a file what is wrong with it", function()
    local function why(text)
      local ok, message = pcall(testing.replay, place.file("r.jsonl", text))
      assert.is_false(ok)
      return message
    end
    assert.matches("r.jsonl is empty", why "")
    assert.matches("r.jsonl:1: this is not JSON", why "x")
    assert.matches("r.jsonl is no record of wsbot", why "{}")
    assert.matches("r.jsonl:2: this is not JSON", why '{"record":1}\n[\n')
    for _, event in ipairs { '"time":0', '"time":0,"connection":1,"event":"request"', '"connection":1,"event":"end"',
      '"time":0,"connection":1,"event":"sent","kind":"text","data":null',
      '"time":0,"connection":1,"event":"response"', '"time":0,"connection":1,"event":"sent"' } do
      assert.matches("r.jsonl:2: this is no event", why('{"record":1}\n{' .. event .. "}"))
    end
    local cut = testing.replay(place.file("r.jsonl", '{"record":1}\n{"time":1,"conn')) -- it was ended while it wrote
    cut:finish()
    assert.matches("No such file", select(2, pcall(testing.replay, "/nowhere")))
    assert.matches("unknown option 'sped'", select(2, pcall(testing.replay, "/nowhere", { sped = 1 })))
  end)
end)
