-- Garbage: what is collected too late, or too early. Under --max-memory Lua collects it where it is refused an object,
-- but not for what grows: stacks of coroutines (from 5.4.5 on), buffers for text.
local capped = require "support.capped"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

-- A script that leaves all collecting to the limit, and does the same again and again.
local function goes_on(name, body)
  it_tells(name, function()
    local bot = program.bot(([[
      collectgarbage "stop"
      local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
      for i = 1, 60000 do %s end
      say "done"
    ]]):format(body), {}, capped.flags)
    bot:tells "done"
    bot:ends(0)
  end)
end

describe("garbage up to the limit", function()
  goes_on("leaves room for stacks", [[
    coroutine.wrap(function() local s = ("x"):rep(i % 700) return s, deep(i % 300) end)()
  ]])

  goes_on("leaves room for texts that are put together", [[local s = ("x"):rep(1100 + i % 900) .. i]])

  goes_on("leaves room for lists", [[local t = {} for k = 1, i % 40 do t[k] = k end]])
end)

describe("a heap that grows large", function()
  it_tells("takes no timer away whose function has just returned", function()
    local bot = program.bot [[
      host.after(0, function()
        kept = {}
        for i = 1, 200000 do kept[i] = { i } end
      end)
      host.after(0, function() say "done" end)
    ]]
    bot:tells "done"
    bot:ends(0)
  end)

  it_tells("runs finalizers as code of the script's, which may start tasks and connections", function()
    local bot = program.bot([[
      host.after(0, function()
        kept = {}
        setmetatable({}, { __gc = function()
          host.spawn(function() say("spawned", host.now() > 0) end)
          ws.connect { url = arg[1], on_error = function(_, word) say(word) end }
        end })
        for i = 1, 200000 do kept[i] = { i } end
      end)
    ]], { peer.dead_url() })
    bot:tells("spawned true", "connect")
    bot:ends(0)
  end)
end)
