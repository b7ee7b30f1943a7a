-- Errors of scripts: told with file and line, to on_error or on stderr, and the host lives on.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

describe("an error in a callback", function()
  it_tells("goes to on_error as callback, with file, line and traceback, and the conversation goes on", function()
    local p = peer.listen()
    local bot = program.bot([[
      local function deep() error "oops" end
      ws.connect(told { url = arg[1],
        on_message = function(_, data)
          if data == "bad" then deep() end
          say(data)
        end,
        on_error = function(c, code, message)
          say(code, c.state, message:match "^[^\n]*bot%.lua:1: oops\n" ~= nil, message:find "stack traceback" ~= nil)
          say(message:find "bot%.lua:4: in " ~= nil)
        end })
    ]], { p.url })
    local s = p:open()
    s:send "\x81\x04good\x81\x03bad\x81\x05after"
    bot:tells("connect", "open 101", "good", "callback open true true", "true", "after")
    s:finish()
    bot:tells 'close 1000 ""'
    bot:ends(0)
    assert.equal("", bot.err)
  end)

  it_tells("goes to stderr where there is no on_error", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_message = function(_, data)
        if data == "bad" then error "oops" end
        say(data)
      end }
    ]], { p.url })
    local s = p:open()
    s:text "bad"
    s:text "after"
    bot:tells "after"
    bot:complains "bot.lua:2: oops"
    bot:complains "stack traceback"
    s:finish()
    bot:ends(0)
  end)

  for _, name in ipairs { "on_connect", "on_websocket_connect", "on_ping", "on_pong", "on_close" } do
    it_tells("is told whichever it is: " .. name, function()
      local p = peer.listen()
      local bot = program.bot([[
        ws.connect { url = arg[1], [arg[2] ] = function(c) error("in " .. arg[2]) end,
          on_error = function(_, code, message) say(code, message:match "bot%.lua:1: [^\n]*") end }
      ]], { p.url, name })
      local s = p:open()
      s:ping "x"
      s:expect(0xA)
      s:pong "x"
      s:finish()
      bot:tells("callback bot.lua:1: in " .. name)
      bot:ends(0)
    end)
  end

  it_tells("in on_error itself goes to stderr, once", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1],
        on_message = function(_, data) if data == "bad" then error "first" end say(data) end,
        on_error = function() error "second" end,
        on_close = function() say "close" end }
    ]], { p.url })
    local s = p:open()
    s:text "bad"
    s:text "after"
    bot:tells "after"
    s:close()
    bot:tells "close"
    bot:ends(0)
    local _, first = bot.err:gsub("first", "")
    local _, second = bot.err:gsub("second", "")
    assert.is_true(first >= 1, bot.err)
    assert.equal(2, second, bot.err) -- for the callback's error, and for the reset
  end)

  it_tells("that ends no attempt is not in the record of its close", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1], on_message = function() error "x" end,
        on_error = function(_, code) say("error", code) end,
        on_close = function(_, code, _, record) say("close", code, record.error) end })
    ]], { p.url })
    local s = p:open()
    s:text "x"
    s:finish()
    bot:tells("connect", "open 101", "error callback", "close 1000 nil")
    bot:ends(0)
  end)

  it_tells("may be any value", function()
    local p = peer.listen()
    local bot = program.bot([[
      local errors = {
        table = { code = 7 },
        object = setmetatable({}, { __tostring = function() return "an object's own words" end }),
        number = 42,
        boolean = true,
      }
      ws.connect { url = arg[1], on_message = function(_, data) error(errors[data]) end,
        on_error = function(_, code, message) say(code, type(message), message:match "^[^\n]*") end }
    ]], { p.url })
    local s = p:open()
    for _, kind in ipairs { "table", "object", "number", "boolean", "nothing" } do
      s:text(kind)
    end
    bot:tells("~^callback string .*table", "callback string an object's own words", "~^callback string .*42",
      "~^callback string .*boolean", "~^callback string .*nil")
    s:finish()
    bot:ends(0)
  end)
end)

describe("an error with a long message", function()
  it_tells("is told whole, its traceback too", function()
    local bot = program.bot [[host.after(0, function() error(("x"):rep(20000)) end)]]
    bot:ends(0)
    assert.equal(20000, #bot.err:match "xxx+")
    assert.matches("stack traceback", bot.err)
  end)
end)

describe("an error in a timer", function()
  it_tells("goes to stderr, and every goes on", function()
    local bot = program.bot([[
      local n, timer = 0
      timer = host.every(0.01, function()
        n = n + 1
        if n == 3 then timer:cancel() say "done" end
        error("round " .. n)
      end)
      host.after(0.01, function() error { "a table" } end)
    ]])
    bot:tells "done"
    bot:ends(0)
    for n = 1, 3 do
      assert.matches("bot%.lua:%d+: round " .. n, bot.err)
    end
    assert.matches("stack traceback", bot.err)
    assert.matches("table", bot.err)
  end)

  it_tells("in host.on_stop does not keep the host from stopping", function()
    local bot = program.bot([[
      host.on_stop(function() error "no" end)
      host.on_stop(function() say "second" end)
      host.after(3600, function() end)
      host.after(0, host.stop)
    ]])
    bot:tells "second"
    bot:ends(0)
    assert.matches("bot%.lua:1: no", bot.err)
  end)
end)

describe("--strict", function()
  it_tells("ends the program with status 1 at an error in a callback", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_message = function() error "oops" end }
      host.after(3600, function() end)
    ]], { p.url }, { flags = { "--strict" } })
    local s = p:open()
    s:text "x"
    story.beside(function()
      pcall(s.answer_close, s)
    end)
    bot:ends(1)
    assert.matches("bot%.lua:1: oops", bot.err)
    assert.matches("stack traceback", bot.err)
  end)

  it_tells("ends it as well when on_error hears of the error", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], on_message = function() error "oops" end, on_error = function(_, code) say(code) end }
      host.after(3600, function() end)
    ]], { p.url }, { flags = { "--strict" } })
    local s = p:open()
    s:text "x"
    story.beside(function()
      pcall(s.answer_close, s)
    end)
    bot:tells "callback"
    bot:ends(1)
    assert.matches("bot%.lua:1: oops", bot.err)
  end)

  it_tells("ends it at an error in a timer", function()
    local bot = program.bot([[
      host.after(0, function() error "oops" end)
      host.after(3600, function() end)
    ]], {}, { flags = { "--strict" } })
    bot:ends(1)
    assert.matches("bot%.lua:1: oops", bot.err)
  end)

  it_tells("does not mind errors of the network", function()
    local bot = program.bot([[ws.connect(told { url = "ws://127.0.0.1:" .. arg[1] })]], { tostring(peer.dead_port()) },
      { flags = { "--strict" } })
    bot:tells("~^error connect", 'close 1006 ""')
    bot:ends(0)
  end)
end)

describe("an error at the start", function()
  it_tells("ends the program with status 1, and message and traceback on stderr", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect(told { url = arg[1] })
      host.after(0, function() say "never" end)
      local function deep() error "boom" end
      deep()
    ]], { p.url })
    bot:ends(1)
    assert.matches("bot%.lua:3: boom", bot.err)
    assert.matches("stack traceback", bot.err)
    assert.matches("bot%.lua:4: in main chunk", bot.err)
    assert.equal(0, p.count)
  end)

  it_tells("may be an object", function()
    local bot = program.bot [[error(setmetatable({}, { __tostring = function() return "own words" end }))]]
    bot:ends(1)
    assert.matches("own words", bot.err)
  end)

  it_tells("of syntax names file and line", function()
    local bot = program.bot "local x = = 5"
    bot:ends(1)
    assert.matches("bot%.lua:1: unexpected symbol near '='", bot.err)
  end)

  it_tells("of a module that lies beside the script names that module", function()
    local folder = place.folder()
    place.file(folder .. "/main.lua", "require 'wrong'")
    place.file(folder .. "/wrong.lua", "\n\nlocal x = = 5")
    local bot = program.run { folder .. "/main.lua" }
    bot:ends(1)
    assert.matches("wrong%.lua:3: unexpected symbol near '='", bot.err)
  end)

  it_tells("may be that there is no such script", function()
    local bot = program.run { "run", "/no/such/script.lua" }
    bot:ends(1)
    assert.matches("/no/such/script%.lua", bot.err)
  end)
end)

describe("running out", function()
  it_tells("of memory in a callback is survived", function()
    if program.is_sanitized() then return end -- it needs more than any limit leaves
    local p = peer.listen()
    local path = place.file("bot.lua", [[
      io.stdout:setvbuf "line"
      ws.connect { url = arg[1],
        on_message = function(_, data)
          if data == "bad" then data = ("x"):rep((1 << 31) - 1) end
          print(data)
        end,
        on_error = function(_, code, message) print(code, message:match "not enough memory" or message) end }
    ]])
    local bot = program.start("/bin/sh", { "-c", 'ulimit -v 1000000 && exec "$@"', "sh", program.wsbot, path, p.url })
    local s = p:open()
    s:text "bad"
    s:text "after"
    bot:tells("callback\tnot enough memory", "after")
    s:finish()
    bot:ends(0)
  end)

  it_tells("of the memory that --max-memory allows is survived", function()
    local p = peer.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1],
        on_message = function(_, data)
          if data == "bad" then
            local list = {}
            while true do list[#list + 1] = ("x"):rep(100000) .. #list end
          end
          say(data)
        end,
        on_error = function(_, code, message) say(code, message:match "not enough memory" or message) end }
    ]], { p.url }, { flags = { "--max-memory", "32" } })
    local s = p:open()
    for _ = 1, 3 do
      s:text "bad"
      s:text "after"
      bot:tells("callback not enough memory", "after")
    end
    s:finish()
    bot:ends(0)
  end)

  it_tells("of stack in a callback is survived", function()
    local p = peer.listen()
    local bot = program.bot([[
      local function forever() return 1 + forever() end
      ws.connect { url = arg[1],
        on_message = function(_, data) if data == "bad" then forever() end say(data) end,
        on_error = function(_, code, message) say(code, message:match "stack overflow" or message) end }
    ]], { p.url })
    local s = p:open()
    s:text "bad"
    s:text "after"
    bot:tells("callback stack overflow", "after")
    s:finish()
    bot:ends(0)
  end)
end)
