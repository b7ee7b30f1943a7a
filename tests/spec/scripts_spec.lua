-- scripts: the examples in scripts/ do what they say, against the built-in echo peer or a scripted one. (hello.lua is
-- in command_spec and interop_spec; feed.lua, mqtt.lua and devtools.lua have specs of their own.)
local peer = require "support.peer"
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

describe("scripts/straight.lua", function()
  local function straight(url, patience)
    return program.run { "run", "scripts/straight.lua", url, "grace", patience }
  end

  it("talks to itself through the echo peer, and ends", story.of(function()
    local p = straight(echo())
    p:tells("logged in: login grace", "the news: what is new?", "learned: 2 + 3 = 5", "done")
    p:ends(0)
  end))

  it("logs in, asks, answers, and says goodbye", story.of(function()
    local room = peer.listen()
    local p = straight(room.url)
    local s = room:open()
    s:expect_text "login grace"
    s:text "welcome"
    p:tells "logged in: welcome"
    s:expect_text "what is new?"
    s:text "rain"
    s:text "20 + 22?" -- early: it is kept
    p:tells "the news: rain"
    s:expect_text "2 + 3?"
    s:expect_text "20 + 22 = 42"
    s:text "as if I knew"
    s:text "2 + 3 = 5"
    p:tells "learned: 2 + 3 = 5"
    s:expect_text "bye"
    s:text "bye"
    p:tells "done"
    assert.same({ 1000, "good night" }, { s:answer_close() })
    p:ends(0)
  end))

  it("goes when the others go", story.of(function()
    local room = peer.listen()
    local p = straight(room.url)
    local s = room:open()
    s:expect_text "login grace"
    s:text "welcome"
    s:expect_text "what is new?"
    s:text "rain"
    s:expect_text "2 + 3?"
    s:finish(1001)
    p:tells("logged in: welcome", "the news: rain", "done")
    p:ends(0)
  end))

  it("does not wait for ever", story.of(function()
    local room = peer.listen()
    local p = straight(room.url, "0.05")
    room:open():expect_text "login grace"
    p:ends(1)
    assert.truthy(p.err:find('straight: no answer to "login grace": timeout', 1, true), p.err)
  end))

  it("says why there is no answer, and ends with 1", story.of(function()
    local room = peer.listen()
    local p = straight(room.url)
    local s = room:open()
    s:expect_text "login grace"
    s:finish(4001, "who are you?")
    p:ends(1)
    assert.truthy(p.err:find('straight: no answer to "login grace": closed', 1, true), p.err)
  end))
end)
