-- reload_luv: what a script does with luv ends with its generation; an address that it binds goes to the next one.
local it_tells = require "support.it_tells"
local place = require "support.place"
local reloadable = require "support.reloadable"
local story = require "support.story"
local uv = require "luv"

-- Connects, and gives what the server says.
local function hear(new, connect)
  local stream, heard, ended = new(), "", false
  connect(stream, function(err)
    if err then ended = err return end
    stream:read_start(function(_, data)
      heard = heard .. (data or "")
      if not data then ended = true end
    end)
  end)
  story.wait("the server to speak", function() return ended end)
  stream:close()
  return ended == true and heard or ended
end

local function say_on_accept(server, handle, n)
  return ([[
    local uv = require "luv"
    local server = %s
    say(server:%s)
    say(server:listen(16, function()
      local client = uv.%s
      server:accept(client)
      client:write("generation %d", function() client:close() end)
    end))
  ]]):format(server, handle, server:match "new_%w+" .. (server:find "tcp" and "()" or "(false)"), n)
end

describe("a listener of luv", function()
  it_tells("on a fixed port is the next generation's after a reload", function()
    local probe = uv.new_tcp()
    assert(probe:bind("127.0.0.1", 0))
    local port = probe:getsockname().port
    probe:close()
    local function bot_of(n)
      return say_on_accept("uv.new_tcp()", ("bind('127.0.0.1', %d)"):format(port), n)
    end
    local function connect(stream, done)
      stream:connect("127.0.0.1", port, done)
    end
    local bot = reloadable.start(bot_of(1))
    bot:tells("0", "0")
    assert.equal("generation 1", hear(uv.new_tcp, connect))
    for n = 2, 4 do
      bot:takes_over(bot_of(n))
      bot:tells("0", "0")
      assert.equal("generation " .. n, hear(uv.new_tcp, connect))
    end
    bot:fails_to(bot_of(5) .. " error 'no'", "no")
    assert.equal("generation 4", hear(uv.new_tcp, connect))
  end)

  it_tells("on a path is as well", function()
    local path = place.folder() .. "/socket"
    local function bot_of(n)
      return say_on_accept("uv.new_pipe(false)", ("bind(%q)"):format(path), n)
    end
    local function connect(stream, done)
      stream:connect(path, done)
    end
    local bot = reloadable.start(bot_of(1))
    bot:tells("0", "0")
    bot:takes_over(bot_of(2))
    bot:tells("0", "0")
    assert.equal("generation 2", hear(function() return uv.new_pipe(false) end, connect))
  end)

  it_tells("that another program keeps is told", function()
    local server = uv.new_tcp()
    assert(server:bind("127.0.0.1", 0))
    assert(server:listen(1, function() end))
    local bot = reloadable.start "say 'on' host.every(10, print)"
    bot:tells "on"
    bot:reload(say_on_accept("uv.new_tcp()", ("bind('127.0.0.1', %d)"):format(server:getsockname().port), 2))
    story.poll("that it is told", function()
      return bot.bot.err:find "error luv: uv_tcp_t: [^\n]*, also after the take%-over: EADDRINUSE"
    end)
    server:close()
  end)
end)

it_tells("a UDP socket of luv goes on in the next generation", function()
  local probe = uv.new_udp()
  assert(probe:bind("127.0.0.1", 0))
  local port = probe:getsockname().port
  probe:close()
  local function bot_of(n)
    return ([[
      local socket = require "luv".new_udp()
      say(socket:bind("127.0.0.1", %d))
      say(socket:recv_start(function(_, data) if data then say(data, %d) end end))
    ]]):format(port, n)
  end
  local bot = reloadable.start(bot_of(1))
  bot:tells("0", "0")
  local sender = uv.new_udp()
  local function send(text)
    sender:send(text, "127.0.0.1", port, function() end)
  end
  send "a"
  bot:tells "a 1"
  bot:takes_over(bot_of(2))
  bot:tells("0", "0")
  send "b"
  bot:tells "b 2"
  sender:close()
end)
