-- scripts: the examples in scripts/ do what they say, against the built-in echo peer. (hello.lua is in command_spec
-- and interop_spec.)
local program = require "support.program"
local story = require "support.story"

-- Starts the echo peer and returns its url.
local function echo()
  local line = program.run({ "echo", "--port", "0" }):line()
  return assert(line:match "ws://%S+", line)
end

describe("scripts/rooms.lua", function()
  it("hears every line in every room, and ends by itself", story.of(function()
    local p = program.run { "run", "scripts/rooms.lua", echo() }
    assert.equal(0, (p:wait()))
    for _, room in ipairs { "kitchen", "garden", "cellar" } do
      for _, line in ipairs { "good morning", "how are you?", "see you tomorrow" } do
        assert.truthy(p.out:find(room .. ": " .. line .. "\n", 1, true), p.out)
      end
      assert.truthy(p.out:find(room .. " closed (1000", 1, true), p.out)
    end
    assert.truthy(p.out:find("0 still open", 1, true), p.out)
  end))
end)

describe("scripts/load.lua", function()
  it("sends as many messages as asked, and gets them back", story.of(function()
    local p = program.run { "run", "scripts/load.lua", echo(), "20000" }
    p:tells "~^20000 messages there and back, %d+ in a second$"
    p:ends(0)
  end))

  it("ends with 1 where nobody answers", story.of(function()
    local p = program.run { "run", "scripts/load.lua", "ws://127.0.0.1:1/", "1" }
    p:ends(1)
    assert.truthy(p.err:find("load: connect: cannot connect to 127.0.0.1:1", 1, true), p.err)
  end))
end)
