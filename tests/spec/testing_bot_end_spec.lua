-- testing.bot: how a bot ends, in every place where it may, and what is left of it then.
local place = require "support.place"
local testing = require "wsbot.testing"

local idle = " host.every(60, function() end)"

describe("a bot under test", function()
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
