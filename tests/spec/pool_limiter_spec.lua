-- A limit that the workers of a pool share.
local it_tells = require "support.it_tells"
local program = require "support.program"
local story = require "support.story"
local uv = require "luv"

local prelude <const> = [[
  local function limiter(name, n, per) return host.limiter { name = name, n = n, per = per, scope = "pool" } end
]]

local function run(source, workers, args)
  return program.bot(prelude .. source, args, { flags = { "--workers", tostring(workers) } })
end

describe("a limiter of a pool", function()
  it_tells("lets no more through than it says, all workers together", function()
    local bot = run([[
      local l = limiter("identify", 3, 0.5)
      for i = 1, 4 do
        l:take()
        say(host.now())
      end]], 3)
    local times = {}
    for i = 1, 12 do times[i] = tonumber(bot:line()) end
    bot:ends(0)
    table.sort(times)
    for i = 4, 12 do
      local span = times[i] - times[i - 3]
      assert.is_true(span > 0.45, span) -- they are told a little later than they were let through
    end
  end)

  it_tells("is another for each name, and gives up in time", function()
    local bot = run([[
      if host.worker == 1 then
        limiter("a", 1, 3600):take()
        say "a"
      else
        limiter("b", 1, 3600):take()
        say "b"
        say(limiter("b", 1, 3600):take(1, 0.05))
      end]], 2)
    local lines = { bot:line(), bot:line(), bot:line() }
    table.sort(lines)
    assert.same({ "a", "b", "nil timeout" }, lines)
    bot:ends(0)
  end)

  it_tells("counts what a worker has taken that was killed, to the end of its window", function()
    local bot = run([[
      if host.worker == 1 and not io.open(arg[1]) then
        limiter("a", 2, 2):take(2)
        say("taken", host.now())
        io.open(arg[1], "w"):close()
        require "luv".kill(require "luv".os_getpid(), "sigkill")
      elseif host.worker == 2 then
        while not io.open(arg[1]) do host.sleep(0.01) end
        limiter("a", 2, 2):take()
        say("next", host.now())
      end]], 2, { require("support.place").folder() .. "/taken" })
    local taken = bot:line():match "^taken (.*)"
    local next_one = bot:line():match "^next (.*)"
    assert.is_true(next_one - taken > 1.9, next_one - taken)
  end)

  it_tells("forgets who waited and is gone: a task that was cancelled, a generation that was reloaded", function()
    local bot = run([[
      local l = limiter("a", 1, 0.3)
      local waits = {}
      for i = 1, 20 do waits[i] = host.spawn(function() l:take() end) end
      if host.reloads == 0 then
        say "waits"
        host.every(3600, print)
        return
      end
      for _, task in ipairs(waits) do task:cancel() end
      l:take()
      say "through"]], 2)
    bot:tells("waits", "waits")
    local began = uv.now()
    bot:kill "sighup"
    bot:tells("through", "through")
    uv.update_time()
    assert.is_true(uv.now() - began < 5000) -- 40 of them would have taken 12 s
    bot:ends(0)
  end)

  it_tells("holds nothing up while its pool is stopped, and loses none who wait", function()
    local bot = run([[
      local l = limiter("a", 2000, 3600)
      say "ready"
      repeat host.sleep(0.02) until io.open(arg[1])
      local began, through = host.now(), 0
      for i = 1, 600 do
        host.spawn(function()
          assert(l:take())
          through = through + 1
        end)
      end
      host.sleep(0)
      say(host.now() - began < 2 and "goes on" or "stands")
      repeat host.sleep(0.02) until through == 600
      say "through"]], 2, { require("support.place").folder() .. "/stopped" })
    bot:tells("ready", "ready")
    bot:kill "sigstop"
    assert(io.open(bot.args[#bot.args], "w")):close()
    bot:tells("goes on", "goes on")
    bot:kill "sigcont"
    bot:tells("through", "through")
    bot:ends(0)
  end)

  it_tells("refuses those who wait when its pool is gone", function()
    local bot = run([[
      if host.worker == 2 then return end
      local told = host.future()
      limiter("a", 1, 3600):take()
      host.spawn(function()
        say("then", limiter("a", 1, 3600):take())
        told:set()
      end)
      host.on_stop(function() told:wait() end)
      say "waits"]], 2)
    bot:tells "waits"
    bot:kill "sigkill"
    bot:tells "then nil refused"
  end)

  it_tells("is there for the others while one worker floods the pool with claims that cost much", function()
    if program.is_sanitized() then story.skip "memory costs more than it would, with sanitizers" end
    local bot = run([[
      if host.worker == 1 then
        local function claim(n) -- as it goes through the pipe to the pool
          return string.pack("<BI4I8I8I8I8", string.byte "q", 33, 1, n, 1, 1) .. "x"
        end
        local pipe, block = require "luv".new_pipe(false), (claim(65536) .. claim(65535)):rep(2000)
        assert(pipe:open(3))
        local function write() pipe:write(block, write) end
        return write()
      end
      host.sleep(0.5)
      for i = 1, 6 do
        limiter("a", 10, 1):take()
        say "through"
      end]], 2)
    bot:tells("through", "through", "through", "through", "through", "through")
    bot:kill "sigkill"
  end)

  it_tells("needs no pool: there those of one name share, over reloads", function()
    local bot = program.bot(prelude .. [[
      limiter("a", 1, 0.4):take()
      say(host.now())
      if host.reloads == 0 then
        host.reload()
        host.every(3600, print)
      end]])
    local first, second = tonumber(bot:line()), tonumber(bot:line())
    assert.is_true(second - first > 0.35, second - first)
    bot:ends(0)
  end)

  it_tells("has room for so many names", function()
    local bot = run([[
      local refused
      for i = 1, 1100 do
        local ok, word = limiter("name " .. i, 1, 3600):take(1, 5)
        refused = refused or not ok and i .. " " .. word
      end
      if host.worker == 1 then say(refused ~= nil and "refused") end]], 1)
    bot:tells "refused"
    bot:ends(0)
  end)

  it_tells("refuses who wait beyond so many, and goes on", function()
    local bot = run([[
      local l, refused, last = limiter("a", 1, 3600), 0
      l:take(1, 0.01) -- by one of the two
      for _ = 1, 4100 do
        last = host.spawn(function()
          if select(2, l:take(1, 1)) == "refused" then refused = refused + 1 end
        end)
      end
      last:join()
      host.sleep(1)
      say(refused >= 4, limiter("b", 1, 1):take())]], 2)
    bot:tells("true true", "true true")
    bot:ends(0)
  end)

  it_tells("keeps the program alive while somebody waits, and no longer", function()
    local bot = run([[
      local l = limiter("a", 1, 0.2)
      l:take()
      l:take()
      say "done"]], 2)
    bot:tells("done", "done")
    bot:ends(0)
    assert.equal("", bot.err)
  end)
end)
