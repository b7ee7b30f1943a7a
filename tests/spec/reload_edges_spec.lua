-- reload, where it once went wrong: what a generation leaves behind, and what its connections were in the middle of.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local story = require "support.story"

describe("the last generation is gone, also where", function()
  -- A first generation with `last`, and a next one that lives long enough to notice what is left of it.
  local function follow(last, options)
    local bot = reloadable.start("host.every(100, print) say 'one'\n" .. last, {}, options)
    bot:tells "one"
    bot:takes_over "host.after(0.05, function() say 'two' host.stop() end)"
    return bot
  end

  for what, call in pairs {
    ["a timer"] = "host.after(0, print)",
    ["an every"] = "host.every(0.001, print)",
    ["a task"] = "host.spawn(print)",
    ["a connection"] = "ws.connect { url = 'ws://127.0.0.1:1' }",
  } do
    it_tells("a finalizer wants " .. what, function()
      local bot = follow(([[
        kept = setmetatable({}, { __gc = function() io.stderr:write(select(2, pcall(function() %s end)), "\n") end })
      ]]):format(call))
      bot:tells "two"
      bot:ends(0)
      assert.matches("this generation of the script has ended", bot.bot.err)
    end)
  end

  it_tells("the end of one of its tasks stops the program: that is not its affair any more", function()
    local bot = follow [[
      host.spawn(function()
        local _ <close> = setmetatable({}, { __close = function() host.stop(3) end })
        host.sleep(1000)
      end)
    ]]
    bot:tells "two"
    bot:ends(0)
  end)

  it_tells("-e waits, and the reload fails because it would wait again", function()
    local path = place.file(place.folder() .. "/bot.lua", program.prelude .. "say 'script'")
    local bot = program.run({ "-e", "host.after(0.01, host.reload) host.sleep(0.1) print 'waited'", path })
    bot:tells("waited", "script")
    bot:ends(0)
    assert.matches("reload failed.*only the script may wait", bot.err)
  end)

  it_tells("a failed reload had taken the signals", function()
    local bot = reloadable.start "host.on_stop(function() say 'graceful' end) host.every(100, print) say 'one'"
    bot:tells "one"
    for _ = 1, 2 do
      bot:fails_to([[
        local uv = require "luv"
        for _, name in ipairs { "sigterm", "sighup" } do uv.new_signal():start(name, print) end
        error "no"
      ]], "no")
    end
    bot:kill "sigterm"
    bot:tells "graceful"
    bot:ends(0)
  end)

  it_tells("its script went to another folder", function()
    local folder = place.folder()
    assert(require("luv").fs_mkdir(folder .. "/data", 448))
    place.file(folder .. "/bot.lua", program.prelude .. [[
      require "luv".chdir "data"
      say(host.reloads)
      if host.reloads < 2 then host.reload() else host.stop() end
    ]])
    local bot = program.run({ "run", "bot.lua" }, { cwd = folder })
    bot:tells("0", "1", "2")
    bot:ends(0)
  end)
end)

describe("a connection", function()
  it_tells("that was closing and is not declared again does not reconnect", function()
    local p = peer.listen()
    local bot = reloadable.start([[
      ws.connect { name = "feed", url = arg[1], reconnect = { min = 0.001 }, close_timeout = 20,
        on_message = function(c) c:reconnect(0) say "closing" end }
    ]], { p.url })
    local s = p:open()
    s:text "again"
    s:expect_close()
    bot:tells "closing"
    bot:takes_over "host.every(100, print)"
    s:send_close(1000)
    s:close()
    story.pause(0.05)
    assert.equal(1, p.count)
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("keeps the headers that its function gave to the attempt under way", function()
    local p = peer.listen()
    local bot = reloadable.start([[
      ws.connect { name = "feed", url = arg[1],
        headers = function() return { Token = "of " .. host.reloads } end, reconnect = { min = 0.001 },
        on_close = function(_, code) say(code) end,
        on_websocket_connect = function(c) say("open", c.id, host.reloads) end }
    ]], { p.url })
    local s = p:accept()
    assert.equal("of 0", s:read_head().headers.token[1])
    bot:takes_over(nil, "kept 1")
    s:send(s:answer())
    bot:tells "open 1 1"
    s:reset()
    bot:tells "1006"
    s = p:accept()
    assert.equal("of 1", s:read_head().headers.token[1])
    bot:kill "sigkill"
  end)

  it_tells("whose compression changes in the handshake is judged by what it had asked for", function()
    local p = peer.listen()
    local source = [[
      ws.connect { name = "feed", url = arg[1], compression = %s, reconnect = { min = 0.001 },
        on_websocket_connect = function(c) say("open", host.reloads) end,
        on_close = function(_, code) say(code) end }
    ]]
    local bot = reloadable.start(source:format "true", { p.url })
    local s = p:accept()
    assert.matches("permessage%-deflate", s:read_head().text)
    bot:takes_over(source:format "false", "kept 1")
    s:send(s:answer { with = { "Sec-WebSocket-Extensions: permessage-deflate" } })
    bot:tells "open 1"
    bot:takes_over(source:format "{ server_max_window_bits = 9 }", "kept 1") -- the last word is the one that counts
    s:reset()
    bot:tells "1006"
    s = p:accept()
    assert.matches("server_max_window_bits=9", s:read_head().text)
    bot:kill "sigkill"
  end)

  it_tells("sends what two generations have sent, also where that is more than one may have waiting", function()
    local p = peer.listen()
    local source = [[
      local conn = ws.connect { name = "feed", url = arg[1], compression = false, max_send_buffer = 12000000,
        on_message = function(c) say(c:send(("o"):rep(12000000))) end,
        on_drain = function() say "drained" end }
      if host.reloads == 1 then say(conn:send(("n"):rep(12000000)), conn:send "too much") end
    ]]
    local bot = reloadable.start(source, { p.url })
    local s = p:open()
    s:stop_reading()
    s:text "send"
    bot:tells "true"
    bot:takes_over(nil, "kept 1")
    assert.matches("^true nil send_buffer_full", bot:line())
    s:start_reading()
    s:expect_text(("o"):rep(12000000))
    s:expect_text(("n"):rep(12000000))
    bot:tells "drained"
    bot:kill "sigkill"
  end)
end)

describe("host.state", function()
  it_tells("knows two names apart that differ behind a NUL, and takes a list with holes", function()
    local source = [[
      local a, b = host.state "a\0x", host.state "a\0y"
      say(a == b, a.list and #a.list, a.list and a.list[3])
      a.list = { 1, nil, 3 }
      host.every(100, print)
    ]]
    local bot = reloadable.start(source)
    bot:tells "false nil nil"
    bot:takes_over(source)
    bot:tells "false 3 3"
    bot:kill "sigterm"
    bot:ends(0)
  end)
end)

describe("a next generation that never comes to its end", function()
  it_tells("is interrupted by SIGINT: the reload fails, and the old code goes on", function()
    local p = peer.listen()
    local bot = reloadable.start("ws.connect(told { url = arg[1] })", { p.url })
    local s = p:open()
    bot:tells("connect", "open 101")
    for _, rest in ipairs { "while true do end", "pcall(function() while true do end end) error 'x'" } do
      bot:write_script("say 'busy' " .. rest)
      bot:kill "sighup"
      bot:tells "busy"
      bot:kill "sigint"
      assert.matches("reload failed", bot:reload_line())
    end
    s:text "still there"
    bot:tells 'text "still there"'
    bot:kill "sigint" -- which is for the program again
    assert.equal(1001, s:answer_close())
    bot:tells 'close 1001 ""'
  end)
end)

describe("--watch", function()
  it_tells("forgets the files that the running generation has not loaded", function()
    local folder = place.folder()
    place.file(folder .. "/old.lua", "return 1")
    local bot = reloadable.start("require 'old' say 'one'", {}, { folder = folder, flags = { "--watch" } })
    bot:tells "one"
    bot:write_script "say 'two'"
    bot:tells "two"
    bot:reload_line()
    place.file(folder .. "/old.lua", "return 222")
    story.pause(0.1)
    bot:write_script "say 'three'"
    bot:tells "three"
    assert.matches("^info reload 2", bot:reload_line())
    bot:kill "sigterm"
    bot:ends(0)
  end)
end)

describe("the memory of the generations that have gone", function()
  -- What connections keep lay between the objects of the generation that made it, and left holes there where the next
  -- found no room.
  it_tells("is that of the next, among connections whose messages come and go", function()
    if program.is_sanitized() then story.skip "memory is not what it would be, with sanitizers" end
    local echo = program.echo()
    local bot = program.bot([[
      local n <const>, first <const>, last <const> = host.reloads, 50, 400
      math.randomseed(n)
      local is_quiet = n == first or n == first + 1 or n >= last
      local function speak(c, i)
        if not is_quiet then c:send(("z"):rep(math.random(10, i % 10 == 0 and 60000 or 2000))) end
      end
      for i = 1, 200 do
        ws.connect { name = "c" .. i, url = arg[1], compression = false, headers = { Name = "bot " .. i },
          on_websocket_connect = function(c) speak(c, i) end, on_adopt = function(c) speak(c, i) end,
          on_message = function(c, data) if math.random() < 0.5 then c:send(data) end end }
      end
      for i = 1, 20 do host.every(0.001 * i, function() end, "tick " .. i) end
      host.after(n == first + 1 and 0 or n == last + 1 and 0 or is_quiet and 1.1 or 0.003, function()
        if is_quiet and n ~= first and n ~= last then
          say(io.open("/proc/self/status"):read "a":match "VmRSS:%s+(%d+)")
        end
        if n > last then host.stop() else host.reload() end
      end)
    ]], { echo.url }, { env = { WSBOT_LOG = "error" } })
    local first, last = tonumber(bot:line()), tonumber(bot:line())
    assert(last < first + 1300, ("%d kB became %d"):format(first, last))
    bot:wait()
    echo:kill "sigterm"
    echo:wait()
  end)
end)
