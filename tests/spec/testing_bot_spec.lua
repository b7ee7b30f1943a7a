-- testing.bot: a whole script under test, in a generation of its own.
-- Runs within the program that it tests.
local place = require "support.place"
local testing = require "wsbot.testing"

local echo = [[
  ws.connect { name = "feed", url = arg[1], on_message = function(c, data) c:send(data .. " from %s") end }
]]

describe("testing.bot", function()
  it("runs a source, with arguments, variables, and its output at hand", function()
    local bot <close> = testing.bot([[
      print("hello", arg[0], arg[1], ...)
      io.write("a ", os.getenv "TOKEN", " ", os.getenv "HOME" or "none", "\n")
      io.stdout:write("b\n")
      io.stderr:write("oops\n")
      host.log.warn("beware")
      print(io.read "a")
    ]], { args = { "x", 2 }, env = { TOKEN = "t", HOME = false } })
    assert.equal("hello\tbot\tx\tx\t2\na t none\nb\n\n", bot.output)
    assert.equal("oops\nwarn beware\n", bot.log)
    assert.equal(0, bot:wait())
    assert.is_false(bot.running)
  end)

  it("runs a file, and finds modules beside it", function()
    local path = place.file("bot.lua", "print(host.script, require 'part')")
    place.file(path:match "^(.*)/" .. "/part.lua", "return 'a part'")
    local bot = testing.bot(path)
    assert.equal(path .. "\ta part\t" .. path:gsub("bot.lua$", "part.lua") .. "\n", bot.output)
  end)

  it("knows its file, also after another source was refused", function()
    local path = place.file("bot.lua", "host.on_reload(function() print(host.script) end) host.every(60, print)")
    local bot = testing.bot(path)
    assert.is_nil(bot:reload "error 'no'")
    assert.is_true(bot:reload "host.every(60, print)")
    assert.equal(path .. "\n", bot.output)
  end)

  it("has in its log what became of a connection", function()
    local bot = testing.bot "ws.connect { url = 'ws://127.0.0.1:1' }"
    bot:wait()
    assert.equal("warn 127.0.0.1: connect: cannot connect to 127.0.0.1:1: connection refused " ..
      "(set on_error to handle this)\n", bot.log)
  end)

  it("has a state of its own", function()
    shared = 1 -- luacheck: ignore
    local bot = testing.bot "print(shared, host.reloads, ws and ws.connect ~= nil)"
    assert.equal("nil\t0\ttrue\n", bot.output)
  end)

  it("takes new code over without losing its sockets, or changes nothing", function()
    local peer <close> = testing.server()
    local bot <close> = testing.bot(echo:format "the old", { args = { peer.url } })
    local s = peer:accept()
    s:send "a"
    s:expect "a from the old"
    assert.is_true(bot:reload(echo:format "the new"))
    s:send "b"
    s:expect "b from the new"
    for source, message in pairs {
      ["error 'no'"] = "bot:1: no\nstack traceback:.*",
      ["("] = "bot:1: unexpected symbol near <eof>",
      ["os.exit(3)"] = "bot:1: os.exit was called.*",
      ["host.state('s').f = print error 'late'"] = "bot:1: late.*",
    } do
      local ok, why = bot:reload(source)
      assert.is_nil(ok)
      assert.matches("^" .. message .. "$", why)
    end
    s:send "c"
    s:expect "c from the new"
    assert.matches("reload 1: kept 1: feed\n", bot.log)
    assert.matches("reload failed, the old code goes on: bot:1: no\n", bot.log)
  end)

  it("reloads its file", function()
    local path = place.file("bot.lua", "print 'one' host.every(1, print)")
    local bot <close> = testing.bot(path)
    place.file(path, "print('two', host.reloads) host.every(1, print)")
    assert.is_true(bot:reload())
    assert.equal("one\ntwo\t1\n", bot.output)
  end)

  it("keeps host.state over a reload, and may ask for one itself", function()
    local bot <close> = testing.bot [[
      local s = host.state("s", { n = 0 })
      s.n = s.n + 1
      print(s.n)
      if s.n < 3 then host.reload() end
      host.every(1, function() end)
    ]]
    testing.eventually(function() return bot.output == "1\n2\n3\n" end)
  end)

  it("stops as at SIGTERM", function()
    local peer <close> = testing.server()
    local bot <close> = testing.bot([[
      local c = ws.connect { url = arg[1], on_close = function(c, code) print("close", code) c:reconnect(0) end }
      host.on_stop(function() c:send "bye" host.sleep(0.001) print "stops" end)
    ]], { args = { peer.url } })
    local s = peer:accept()
    assert.equal(0, bot:stop())
    s:expect "bye"
    s:expect_close(1001)
    assert.equal("stops\nclose\t1001\n", bot.output)
    assert.same({ nil, "timeout" }, { peer:try_accept(0) })
  end)

  it("ends as a program does: when nothing is left, by os.exit, host.stop, or an error", function()
    assert.equal(0, testing.bot("print 'x'"):wait())
    assert.equal(7, testing.bot("host.sleep(0.001) os.exit(7)"):wait())
    assert.equal(8, testing.bot("os.exit(8, true)"):wait())
    assert.equal(9, testing.bot("host.after(0, function() host.stop(9) end) host.sleep(100)"):wait())
    local bot = testing.bot "host.sleep(0.001) error 'late'"
    assert.equal(1, bot:wait())
    assert.matches("bot:1: late\nstack traceback", bot.errors[1])
  end)

  it("raises the error of a script that does not load", function()
    local function refused(message, ...)
      local ok, why = pcall(testing.bot, ...)
      assert.is_false(ok)
      assert.matches(message, why)
    end
    refused("^bot:1: attempt to perform arithmetic on a nil value\nstack traceback", "local x = nil + 1")
    refused("^bot:1: unexpected symbol near '%?'$", "?")
    refused(": cannot open nowhere/bot.lua", "nowhere/bot.lua")
    refused("a path or a source", 7)
    refused("unknown option 'arg'", "", { arg = {} })
  end)

  it("has its errors at hand, and those that nobody looks at fail the test", function()
    local bot = testing.bot "host.after(0, function() error 'boom' end)"
    testing.eventually(function() return #bot.errors == 1 end)
    assert.matches("bot:1: boom", bot.errors[1])
    assert.matches("error bot:1: boom", bot.log)
  end)

  describe("with durable state", function()
    local counts = [[
      local s = host.state("s", { n = 0 }, { durable = true })
      s.n = s.n + 1
      host.every(100, print)
      print(s.n)
    ]]

    it("has it over reloads, and no longer", function()
      for _ = 1, 2 do
        local bot <close> = testing.bot(counts)
        assert.is_true(bot:reload())
        assert.equal("1\n2\n", bot.output)
      end
    end)

    it("keeps it in the folder that it is given, for the next bot, and for no other meanwhile", function()
      local folder = place.folder() .. "/kept"
      local bot <close> = testing.bot(counts, { state = folder })
      assert.is_true(bot:reload())
      assert.has_error(function() testing.bot(counts, { state = folder }) end,
        ("--state: %s is in use: each program needs a folder of its own"):format(folder))
      assert.equal(0, bot:stop())
      assert.equal("3\n", testing.bot(counts, { state = folder }).output)
    end)

    it("says in its log what is not plain data", function()
      local bot = testing.bot [[
        local s = host.state("s", {}, { durable = true })
        host.after(0, function() s.f = print end)
      ]]
      bot:wait()
      assert.matches('host%.state "s"%.f is a function: until that is mended', bot.log)
    end)

    it("has that written while its clock stands still", function()
      local clock, folder = testing.clock(), place.folder() .. "/kept"
      testing.bot(counts, { state = folder })
      testing.eventually(function()
        local written <close> = io.open(folder .. "/state.db-wal")
        return written and written:seek "end" > 0
      end)
      assert.equal(1, #clock:pending()) -- its timer alone
    end)
  end)

  it("follows the test's clock, and its seed", function()
    local clock = testing.clock()
    local source = [[
      host.every(3600, function() print(os.getenv "X", host.now() - began, math.random(1000)) end)
      began = host.now()
    ]]
    local bots = { testing.bot(source, { env = { X = 1 } }), testing.bot(source, { env = { X = 2 } }) }
    clock:advance(2 * 3600)
    assert.matches("^1\t3600.0\t%d+\n1\t7200.0\t%d+\n$", bots[1].output)
    assert.matches("^2\t3600.0\t%d+\n2\t7200.0\t%d+\n$", bots[2].output)
  end)

  it("leaves nothing behind when it is closed, whatever it was about to do", function()
    local peer <close> = testing.server()
    do
      local bot <close> = testing.bot(echo:format "it" .. [[
        host.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() print "closed" end })
          host.sleep(100)
        end)
        host.sleep(100)
      ]], { args = { peer.url } })
      peer:accept():send "x"
      bot:close()
      bot:close()
      assert.equal("closed\n", bot.output)
    end
  end)
end)
