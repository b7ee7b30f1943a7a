-- The coroutine library as scripts see it: what the host runs is outside of any coroutine, as lua's main chunk is.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

-- Says what a yield to nobody gives, and what the library says of where it is.
local outside = [[
  local function outside(where)
    local _, main = coroutine.running()
    say(where, main, coroutine.isyieldable(), pcall(coroutine.yield, 1))
  end
]]
local function told(where)
  return where .. " true false false attempt to yield from outside a coroutine"
end

describe("a yield to nobody", function()
  it_tells("is lua's error, which pcall catches, in the main chunk, tasks, timers and callbacks", function()
    local p = peer.listen()
    local bot = program.bot(outside .. [[
      outside "main"
      host.spawn(outside, "task"):join()
      host.spawn(function() host.sleep(0) outside "task that has waited" end):join()
      host.after(0, function() outside "timer" end)
      host.sleep(0.001)
      ws.connect { url = function() outside "url" return arg[1] end, on_error = function() end,
        on_close = function() outside "callback" host.stop() end }
      host.on_stop(function() outside "on_stop" end)
    ]], { p.url })
    p:accept():close()
    bot:tells(told "main", told "task", told "task that has waited", told "timer", told "url", told "callback",
      told "on_stop")
    bot:ends(0)
  end)

  it_tells("is uncaught the error that lua tells, without a place", function()
    local ours = program.run { "-e", "coroutine.yield(1)" }
    local stock = program.start(program.lua, { "-e", "coroutine.yield(1)" })
    assert.equal(1, (ours:wait()))
    assert.equal(1, (stock:wait()))
    assert.equal(stock.err:match "^[^:]+: ([^\n]*)", ours.err:match "^[^:]+: ([^\n]*)")
  end)

  it_tells("fails its test, and no other", function()
    local run = program.test([[
      it("yields", function() coroutine.yield(1) end)
      it("catches that", function() assert.same({ false, "attempt to yield from outside a coroutine" },
        { pcall(coroutine.yield, 1) }) end)
      describe("a block", function()
        before_each(function() coroutine.yield() end)
        it("does not begin", function() end)
      end)
      it("is fine behind", function() host.sleep(0) end)
    ]], "-o", "TAP")
    assert.equal(1, (run:wait()))
    assert.matches("not ok 1 %- yields.*\nok 2 %- catches that.*\nnot ok 3 .*\nok 4 %- is fine behind\n1%.%.4", run.out)
  end)
end)

describe("a coroutine of the script's own", function()
  it_tells("yields as ever, in tasks too, and around waits", function()
    local bot = program.bot(outside .. [[
      host.spawn(function()
        local co = coroutine.create(function(a)
          local co, main = coroutine.running()
          say(type(co), main, coroutine.isyieldable(), coroutine.isyieldable(co))
          host.sleep(0)
          local b = coroutine.yield(a + 1)
          host.sleep(0)
          return b + 1
        end)
        say(coroutine.resume(co, 1))
        say(coroutine.isyieldable(co), coroutine.isyieldable(), coroutine.status(co))
        say(coroutine.resume(co, 10))
      end):join()
      outside "behind"
    ]])
    bot:tells("thread false true true", "true 2", "true false suspended", "true 11", told "behind")
    bot:ends(0)
  end)

  it_tells("cannot yield across a call of C, which is lua's error, too", function()
    local bot = program.bot [[
      say(coroutine.wrap(function() return pcall(string.gsub, "a", ".", coroutine.yield) end)())
    ]]
    bot:tells "false attempt to yield across a C-call boundary"
    bot:ends(0)
  end)
end)
