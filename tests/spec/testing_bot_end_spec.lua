-- testing.bot: how a bot ends, in every place where it may, and what is left of it then.
-- Runs within the program that it tests.
local place = require "support.place"
local testing = require "wsbot.testing"

local idle = " host.every(60, function() end)"

describe("a bot under test", function()
  describe("ends by os.exit", function()
    for where, source in pairs {
      ["a callback"] = "host.after(0, function() os.exit(3) end)",
      ["the main chunk"] = "os.exit(3)",
      ["a main chunk that has waited"] = "host.sleep(0) os.exit(3)",
      ["a coroutine"] = "coroutine.wrap(function() os.exit(3) end)()",
      ["what C calls"] = "host.after(0, function() table.sort({ 2, 1 }, function() os.exit(3) end) end)",
      ["what C calls in the main chunk"] = "string.gsub('x', '.', function() os.exit(3) end)",
      ["what C calls, protected"] = "host.sleep(0) string.gsub('x', '.', function() pcall(os.exit, 3) end)",
      ["a <close> variable of a cancelled task"] = [[
        local task = host.spawn(function()
          local _ <close> = setmetatable({}, { __close = function() os.exit(3) end })
          host.sleep(60)
        end)
        host.sleep(0)
        task:cancel()
      ]],
      ["a function of host.on_stop"] = "host.on_stop(function() os.exit(3) end) host.stop(4)",
      ["a function of host.on_reload"] = "host.on_reload(function() os.exit(3) end) host.reload()",
    } do
      it("in " .. where, function()
        local bot = testing.bot(source .. idle)
        assert.equal(3, bot:wait())
        assert.equal(0, #bot.errors)
        assert.equal("", bot.log)
      end)
    end

    it("and nothing of it runs any more", function()
      local bot = testing.bot [[
        host.spawn(function() os.exit(3) end)
        host.spawn(function() print "another task" os.exit(4) end)
        host.after(0, function() print "a timer" end)
      ]]
      assert.equal(3, bot:wait())
      assert.equal("", bot.output)
    end)

    it("which an error in a <close> variable does not hide", function()
      local bot = testing.bot [[
        local _ <close> = setmetatable({}, { __close = function() error "in closing" end })
        host.sleep(0)
        os.exit(3)
      ]]
      assert.equal(3, bot:wait())
      assert.matches("in closing", bot.errors[1])
    end)

    it("called by a finalizer as it ends", function()
      local bot = testing.bot("left = setmetatable({}, { __gc = function() os.exit(3) end })" .. idle)
      bot:close()
      assert.equal(0, bot.status)
    end)
  end)

  it("that is to stop is not reloaded", function()
    local bot = testing.bot([[
      host.on_stop(function() host.reload() print "stopping" host.sleep(0.05) print "stopped" end)
      host.after(0, function() host.stop(3) host.reload() end)
    ]] .. idle)
    testing.eventually(function() return bot.output ~= "" end)
    local ok, why = bot:reload(idle)
    assert.is_nil(ok)
    assert.equal("the bot is to end", why)
    assert.equal(3, bot:wait())
    assert.equal("stopping\nstopped\n", bot.output)
  end)

  it("has 10 s for its functions of host.on_stop", function()
    local clock = testing.clock()
    local bot = testing.bot("host.on_stop(function() host.sleep(3600) end)" .. idle)
    local stopping = host.spawn(function() return bot:stop() end)
    clock:advance(9)
    assert.is_true(bot.running)
    clock:advance(1)
    assert.same({ true, 0 }, { stopping:join() })
    assert.matches("its functions were not done within 10 s", bot.log)
  end)

  it("takes one step after the other, whoever asks for them", function()
    local bot = testing.bot(idle)
    local steps = {
      host.spawn(bot.reload, bot, "print 'a'" .. idle), host.spawn(bot.reload, bot, "error 'b'"),
      host.spawn(bot.reload, bot, "print 'c'" .. idle), host.spawn(bot.stop, bot),
    }
    local results = {}
    for i, step in ipairs(steps) do results[i] = select(2, step:join()) or "refused" end
    assert.same({ true, "refused", true, 0 }, results)
    assert.equal("a\nc\n", bot.output)
  end)

  it("lives as long as its handles of luv", function()
    local bot = testing.bot [[
      local timer = require "luv".new_timer()
      timer:start(50, 0, function() print "fired" timer:close() end)
    ]]
    assert.is_true(bot.running)
    assert.equal(0, bot:wait())
    assert.equal("fired\n", bot.output)
  end)

  it("that reloads itself does not take the test's answer away", function()
    local bot = testing.bot [[
      for i = 1, 3 do -- in each turn
        host.spawn(function()
          host.sleep(i / 1000)
          while true do host.reload() host.sleep(0) end
        end)
      end
    ]]
    for _ = 1, 50 do assert.is_nil(bot:reload "error 'no'") end
  end)

  it("does not answer what was asked before", function()
    for turns = 0, 4 do
      local bot <close> = testing.bot(idle)
      local asks = host.spawn(bot.reload, bot, "error 'no'")
      for _ = 1, turns do host.sleep(0) end
      asks:cancel()
      host.sleep(0.01)
      assert.is_true(bot:reload(idle))
    end
  end)

  it("cannot open luv any more when it has ended", function()
    local bot = testing.bot("left = setmetatable({}, { __gc = function() print(pcall(require, 'luv')) end })" .. idle)
    bot:close()
    assert.matches("^false\t.*luv: this generation of the script has ended", bot.output)
    host.sleep(0.01)
  end)

  it("that other threads still work for outlives what the test has of it", function()
    local fifo = place.folder() .. "/fifo"
    os.execute(("mkfifo '%s'"):format(fifo))
    testing.bot([[
      require "luv".fs_open(arg[1], "r", 420, function() end)
      left = setmetatable({}, { __gc = function() print("gone", os.getenv "HOME") end })
    ]] .. idle, { args = { fifo } }):close()
    collectgarbage()
    collectgarbage()
    io.open(fifo, "w"):close() -- which the thread has waited for
    host.sleep(0.05)
  end)
end)
