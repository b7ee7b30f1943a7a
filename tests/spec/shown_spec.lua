-- What a terminal and a log get to see of what peers and scripts say: one line, controls escaped.
local it_tells = require "support.it_tells"
local log = require "support.log"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

-- Text that clears the screen, colours, rings, begins a line of its own and turns the direction round; and how it is
-- shown.
local RUDE = "a\27[2J\7\r\nwsbot: forged\127\xc2\x9b31m\x9b1m\u{202e}\u{2066}\u{200f}\u{61c}\u{2028}z"
local SHOWN = "a\\x1b[2J\\x07\\r\\nwsbot: forged\\x7f\\u{9b}31m\\x9b1m\\u{202e}\\u{2066}\\u{200f}\\u{61c}\\u{2028}z"

-- The part of it that a head of HTTP can carry.
local RUDE_FIELD, SHOWN_FIELD = RUDE:match "\127(.*)", SHOWN:match "\\x7f(.*)"

-- A close reason, which is UTF-8.
local RUDE_REASON, SHOWN_REASON = RUDE:gsub("\x9b1m", ""), SHOWN:gsub("\\x9b1m", "")

-- Nothing that a terminal would obey, nor a line that nobody wrote.
local function is_fit(text)
  assert.is_nil(text:find "[\0-\8\11-\31\127\x9b]")
  for _, mark in ipairs { "\u{202e}", "\u{2066}", "\u{200f}", "\u{61c}", "\u{2028}" } do
    assert.is_nil(text:find(mark, 1, true))
  end
  assert.is_nil(("\n" .. text):find("\nwsbot: forged", 1, true))
end

local function has(text, part)
  assert(text:find(part, 1, true), ("there is no %q in %q"):format(part, text))
end

-- A Lua literal of any bytes.
local function literal(text)
  return '"' .. text:gsub("[^%w ]", function(c) return ("\\x%02x"):format(c:byte()) end) .. '"'
end

describe("what a script logs", function()
  it_tells("is one line, with controls escaped", function()
    local bot = program.bot(("host.log.info(%s, 'a\\tb') host.log.warn 'next'"):format(literal(RUDE)))
    bot:ends(0)
    assert.equal(("info %s\ta\tb\nwarn next\n"):format(SHOWN), log.untimed(bot.err))
  end)

  it_tells("is not cut at a NUL", function()
    local bot = program.bot [[host.log.info("a\0b")]]
    bot:ends(0)
    assert.equal("info a\\x00b\n", log.untimed(bot.err))
  end)

  it_tells("is one line of valid JSON that a terminal may show as well", function()
    local bot = program.bot(("host.log.info(%s)"):format(literal(RUDE)), nil, { flags = { "--log-format", "json" } })
    bot:ends(0)
    is_fit(bot.err)
    has(bot.err, [["a\u001b[2J\u0007\u000d\nwsbot: forged\u007f\u009b31m]] .. "\u{fffd}"
      .. [[1m\u202e\u2066\u200f\u061c\u2028z"}]])
    assert.matches("^[^\n]*\n$", bot.err)
  end)

  it_tells("stays as it is where the script prints it", function()
    local bot = program.bot(("io.write(%s) warn('@on') warn(%s)"):format(literal(RUDE), literal(RUDE)))
    assert.equal(0, (bot:wait()))
    assert.equal(RUDE, bot.out)
    assert.equal(("Lua warning: %s\n"):format(SHOWN), bot.err)
  end)
end)

describe("an error of a script", function()
  it_tells("forges no line of the log, and keeps its traceback", function()
    local bot = program.bot(("host.after(0, function() error(%s) end)"):format(literal(RUDE)))
    bot:ends(0)
    is_fit(bot.err)
    has(bot.err, ("bot.lua:1: %s\nstack traceback:\n\t"):format(SHOWN))
    for line in log.untimed(bot.err):gmatch "[^\n]+" do
      assert(line:find "^error " or line:find "^\t" or line == "stack traceback:", line)
    end
  end)

  it_tells("in the main chunk is told so, too", function()
    local bot = program.bot(("error(%s)"):format(literal(RUDE)))
    bot:ends(1)
    is_fit(bot.err)
    has(bot.err, ("bot.lua:1: %s\nstack traceback:\n\t"):format(SHOWN))
  end)

  it_tells("whose functions have rude names has a traceback all the same", function()
    local bot = program.bot(("local rude = %s _G[rude] = function() error 'x' end "):format(literal(RUDE))
      .. "host.after(0, function() local f = _G[rude] f() f = nil end)")
    bot:ends(0)
    is_fit(bot.err)
    has(bot.err, SHOWN)
  end)

  it_tells("that has lines of its own which are indented keeps them", function()
    local bot = program.bot [[require "no.such.module"]]
    bot:ends(1)
    has(bot.err, "module 'no.such.module' not found:\n\tno field package.preload['no.such.module']\n\t")
  end)
end)

-- Runs a bot that nobody hears, and one that hears: what it prints of the error is fit to be shown as well.
local function is_shown(url, serve, part, options)
  local source = "ws.connect { url = arg[1], max_redirects = 1, protocols = { 'v1' }, %s }"
  local deaf = program.bot(source:format(options or ""), { url })
  serve()
  deaf:ends(0)
  is_fit(deaf.err)
  has(deaf.err, part)
  options = "on_error = function(_, _, message) io.write(message) end, " .. (options or "")
  local bot = program.bot(source:format(options), { url })
  serve()
  assert.equal(0, (bot:wait()))
  is_fit(bot.out)
  has(bot.out, part)
end

describe("what a peer says in", function()
  it_tells("the reason of a refusal is escaped", function()
    local p = peer.listen()
    is_shown(p.url, function()
      p:open({ status = "HTTP/1.1 403 " .. RUDE_FIELD, lines = { "Content-Length: 0" } }):close()
    end, "the server answered 403 " .. SHOWN_FIELD)
  end)

  it_tells("a Location is escaped", function()
    local p = peer.listen()
    is_shown(p.url, function()
      p:open({ status = "HTTP/1.1 302 Found", lines = { "Location: ftp://h/" .. RUDE_FIELD } }):close()
    end, "the server redirects to 'ftp://h/" .. SHOWN_FIELD)
  end)

  it_tells("a subprotocol is escaped", function()
    local p = peer.listen()
    is_shown(p.url, function()
      p:open({ with = { "Sec-WebSocket-Protocol: " .. RUDE_FIELD } }):close()
    end, "a subprotocol that was not offered: " .. SHOWN_FIELD)
  end)

  it_tells("an extension is escaped", function()
    local p = peer.listen()
    is_shown(p.url, function()
      p:open({ with = { "Sec-WebSocket-Extensions: " .. RUDE_FIELD } }):close()
    end, "\\u{9b}31m")
  end)

  it_tells("the answer of a proxy is escaped", function()
    local p = peer.listen()
    is_shown("ws://server.example/", function()
      p:open({ status = "HTTP/1.1 403 " .. RUDE_FIELD, lines = { "Content-Length: 0" } }):close()
    end, "403 " .. SHOWN_FIELD, ("proxy = 'http://%s'"):format(p.address))
  end)
end)

describe("wsbot connect", function()
  local function connect(url, words)
    local line = { "connect", table.unpack(words or {}) }
    line[#line + 1] = url
    return program.run(line, { stdin = "" })
  end

  it_tells("escapes why a connection was refused", function()
    local p = peer.listen()
    local c = connect(p.url, { "-v" })
    p:open({ status = "HTTP/1.1 403 " .. RUDE_FIELD, lines = { "Server: " .. RUDE_FIELD, "Content-Length: 4" },
      behind = "\27[2J" }):close()
    c:ends(1)
    is_fit(c.err)
    has(c.err, "wsbot connect: handshake: the server answered 403 " .. SHOWN_FIELD)
    has(c.err, "< \\x1b[2J\n")
  end)

  it_tells("escapes a close reason", function()
    local p = peer.listen()
    local c = connect(p.url, { "-v", "-n" })
    p:open():finish(4000, RUDE_REASON)
    c:ends(3)
    is_fit(c.err)
    has(c.err, "wsbot connect: closed: 4000 " .. SHOWN_REASON)
  end)

  it_tells("leaves messages as they are in a pipe", function()
    local p = peer.listen()
    local c = connect(p.url, { "-n", "--base64" })
    local s = p:open()
    s:text "\27[2J\u{202e}"
    s:finish(1000)
    assert.equal(0, (c:wait()))
    assert.equal("\27[2J\u{202e}\n", c.out)
  end)
end)

describe("wsbot test", function()
  it_tells("escapes texts that an assertion shows", function()
    local test = ("it('x', function() assert.equal('plain', %s) end)"):format(literal(RUDE))
    local spec = place.file("rude_spec.lua", test)
    local t = program.run { "test", "-o", "plainTerminal", spec }
    t:wait()
    assert.is_nil(t.out:find "[\27\7\127\x9b]")
    has(t.out, "a\\x1b[2J")
  end)
end)
