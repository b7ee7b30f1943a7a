-- Sessions of TLS: kept for each server and configuration, resumed by the next connection, and no way around a check.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local tls = require "support.tls"

-- A bot that connects to one url after the other, again and again, so many times, and tells whether it resumes. It
-- begins a second time when there is a file `gate`, where that is given. Options of tls as source; CA is a path.
local function start(urls, times, options, gate)
  return program.bot(([[
    local CA, left, gate, at = arg[1], %d, os.getenv "GATE", 0
    ws.connect(told { tls = { %s }, close_timeout = 0.1,
      url = function()
        at = at + 1
        while at > 1 and gate and not io.open(gate) do host.sleep(0.01) end
        return arg[2 + (at - 1) %% (#arg - 1)]
      end,
      on_connect = function(c) say(c.tls.version, c.tls.resumed and "resumed" or "full") end,
      on_error = function(_, word, message) say("error", word, message) end,
      on_close = function(c)
        say "close"
        left = left - 1
        if left > 0 then c:reconnect() end
      end })
  ]]):format(times, options or "ca_file = CA"), { tls.cert "ca", table.unpack(urls) }, { env = { GATE = gate } })
end

-- The bot's first connection has a session; then another server (`changes` of the options) takes the place of `t`, and
-- the bot goes on.
local function with_another(t, times, changes, options)
  local gate = place.folder() .. "/gate"
  local bot = start({ t.url }, times, options, gate)
  t:serve()
  bot:tells("~full$", "open 101", "close")
  t = t:restart(changes)
  place.file(gate, "")
  return bot, t
end

for version, args in pairs { ["1.2"] = { "-tls1_2" }, ["1.3"] = { "-tls1_3" },
  ["1.2 without tickets"] = { "-tls1_2", "-no_ticket" } } do
  local number = version:sub(1, 3)

  describe("a session of TLS " .. version, function()
    it_tells("is resumed by each attempt that follows", function()
      local t = tls.listen { args = args }
      local bot = start({ t.url }, 4)
      for n = 1, 4 do
        t:serve()
        bot:tells(number .. (n == 1 and " full" or " resumed"), "open 101", "close")
      end
      bot:ends(0)
    end)

    it_tells("is each server's own", function()
      local a, b = tls.listen { args = args }, tls.listen { args = args }
      local bot = start({ a.url, b.url }, 4)
      for n = 1, 4 do
        (n % 2 == 1 and a or b):serve()
        bot:tells(number .. (n <= 2 and " full" or " resumed"), "open 101", "close")
      end
      bot:ends(0)
    end)

    it_tells("that the server does not know any more gives way to a new one", function()
      local t = tls.listen { args = args }
      local bot
      bot, t = with_another(t, number == "1.2" and 4 or 3)
      t:serve()
      bot:tells(number .. " full", "open 101", "close")
      if number == "1.2" then -- once more: the next offers 1.3, too
        t:serve()
        bot:tells("1.2 full", "open 101", "close")
      end
      t:serve()
      bot:tells(number .. " resumed", "open 101", "close")
      bot:ends(0)
    end)

    it_tells("does not help a server that has got another certificate since", function()
      local bot = with_another(tls.listen { args = args }, 2, { cert = "stranger" })
      bot:tells("~^error tls .*not trusted: Another Root", "close")
      bot:ends(0)
    end)

    it_tells("is not kept where the server was refused", function()
      local t = tls.listen { cert = "stranger", args = args }
      local bot = start({ t.url }, 3)
      for _ = 1, 3 do
        bot:tells("~^error tls .*not trusted", "close")
      end
      bot:ends(0)
    end)

    it_tells("is not kept where the key was another one", function()
      local t = tls.listen { args = args }
      local bot = start({ t.url }, 3, ("ca_file = CA, pin = %q"):format(tls.pin "client"))
      for _ = 1, 3 do
        bot:tells("~^error tls .*none of those in tls%.pin", "close")
      end
      bot:ends(0)
    end)

    it_tells("lives on through a reload", function()
      local t = tls.listen { args = args }
      local source = [[
        ws.connect { name = %q, url = arg[1], tls = { ca_file = arg[2] }, close_timeout = 0.1,
          on_websocket_connect = function(c) say(c.tls.version, c.tls.resumed and "resumed" or "full") end,
          on_close = function() end }
      ]]
      local bot = reloadable.start(source:format "a", { t.url, tls.cert "ca" })
      local s = t:open()
      bot:tells(number .. " full")
      bot:write_script(source:format "b")
      bot.bot:kill "sighup"
      s:expect_close(1001)
      s:send_close(1001)
      bot:reload_line()
      s = t:open()
      bot:tells(number .. " resumed")
      s:send_close(1000)
      s:expect_close(1000)
      bot:ends(0)
    end)
  end)
end

describe("a session of TLS 1.2", function()
  it_tells("is given up when the server speaks 1.3 only now", function()
    local bot, t = with_another(tls.listen { args = { "-tls1_2" } }, 3, { args = { "-tls1_3" } })
    bot:tells("~^error tls .*protocol_version", "close")
    t:serve()
    bot:tells("1.3 full", "open 101", "close")
    bot:ends(0)
  end)

  it_tells("does not hold a server to 1.2 that speaks 1.3 as well now", function()
    local bot, t = with_another(tls.listen { args = { "-tls1_2" } }, 3, { args = {} })
    for _, version in ipairs { "1.2", "1.3" } do
      t:serve()
      bot:tells(version .. " full", "open 101", "close")
    end
    bot:ends(0)
  end)
end)

describe("a session of TLS 1.3 without tickets", function()
  it_tells("is not resumed, and nothing claims it is", function()
    local t = tls.listen { args = { "-tls1_3", "-num_tickets", "0" } }
    local bot = start({ t.url }, 3)
    for _ = 1, 3 do
      t:serve()
      bot:tells("1.3 full", "open 101", "close")
    end
    bot:ends(0)
  end)

  it_tells("does not help a server that has got another key since", function()
    local t = tls.listen { args = { "-tls1_3", "-num_tickets", "0" } }
    local bot = with_another(t, 2, { cert = "rsa" }, ("ca_file = CA, pin = %q"):format(tls.pin "server"))
    bot:tells("~^error tls .*none of those in tls%.pin", "close")
    bot:ends(0)
  end)
end)
