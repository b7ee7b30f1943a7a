-- check: `wsbot check SCRIPT` says what a reload would find, and begins nothing of it.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

local function check(source, ...)
  local p = program.run { "check", place.file("bot.lua", source), ... }
  return p:wait(), p.out, p.err
end

describe("wsbot check", function()
  it_tells("prints what a script declares, without secrets, and begins nothing", function()
    local server = peer.listen()
    local status, out, err = check([[
      ws.connect { url = arg[1], name = "feed" }
      ws.connect { url = "wss://user:password@example.com/feed?token=secret" }
      ws.connect { url = function() error "called" end }
      host.every(0.5, function() error "called" end, "tick")
      host.after(3, print)
      host.state("orders", {})
      host.spawn(error, "called")
      host.on_stop(function() print "stopped" end)
      host.sleep(0.01)
      print "went on"
    ]], server.url)
    assert.equal("", err)
    local lines = {}
    for line in out:gmatch "[^\n]+" do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({
      "connection  (url is a function)",
      "connection  feed  " .. server.url,
      "connection  wss://***@example.com/feed?token=***",
      "state       orders",
      "timer       after 3 s",
      "timer       tick  every 0.5 s",
    }, lines)
    assert.equal(0, status)
    assert.equal(0, server.count)
  end)

  it_tells("fails where a reload would, with the error", function()
    for source, message in pairs {
      ["x = = 1"] = "unexpected symbol near '='",
      ["local function f() error 'no' end f()"] = "bot.lua:1: no\nstack traceback:",
      ["os.exit(0)"] = "os.exit was called",
      ["ws.connect { url = 'http://x' }"] = "url",
    } do
      local status, out, err = check(source)
      assert.matches(message, err)
      assert.equal("", out)
      assert.equal(1, status)
    end
    local p = program.run { "check", "no-such.lua" }
    assert.equal(1, (p:wait()))
    assert.matches("cannot open no%-such.lua: No such file or directory", p.err)
  end)

  it_tells("wants a script", function()
    local p = program.run { "check" }
    assert.equal(2, (p:wait()))
    assert.matches("^wsbot check: missing SCRIPT\n", p.err)
  end)

  it_tells("prints what a timer was set for, however long the script then takes", function()
    local status, out = check [[
      host.after(1, print)
      local began = os.clock()
      repeat until os.clock() > began + 0.1
      host.sleep(0)
    ]]
    assert.equal("timer       after 1 s\n", out)
    assert.equal(0, status)
  end)

  it_tells("says after a second that the script still loads", function()
    local go = place.folder() .. "/go"
    local p = program.run { "check", place.file("bot.lua", ("repeat local file = io.open %q until file"):format(go)) }
    assert.matches("bot.lua:1: nothing else", p:complains "warn still loading after 1 s, at ")
    place.file(go, "")
    p:ends(0)
  end)
end)
