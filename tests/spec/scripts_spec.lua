-- scripts: the examples in scripts/ do what they say, against the built-in echo peer or a scripted one. (hello.lua is
-- in command_spec and interop_spec; the longer ones have specs of their own: script_NAME_spec, scripts/feed_spec.lua.)
local cjson = require "cjson"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

describe("scripts/reload.lua", function()
  it_tells("answers differently on the same connection when it is edited", function()
    local place = require "support.place"
    local source = place.read "scripts/reload.lua"
    local path = place.file("reload.lua", source)
    local room = peer.listen()
    local p = program.run { "run", "--watch", path, room.url }
    local s = room:open()
    s:expect_text "hello, for the 1th time"
    s:text "hello, for the 1th time"
    p:tells("connected: id 1", "hello, for the 1th time")
    place.file(path, (source:gsub('greeting = "hello"', 'greeting = "good day"')))
    p:tells "new code, same connection: id 1"
    s:expect_text "good day, for the 2th time"
    p:kill "sigint"
    s:answer_close()
    p:ends(0)
    assert.matches("reload 1: kept 1: echo", p.err)
  end)
end)

describe("scripts/rooms.lua", function()
  it_tells("hears every line in every room, and ends by itself", function()
    local p = program.run { "run", "scripts/rooms.lua", program.echo().url }
    assert.equal(0, (p:wait()))
    for _, room in ipairs { "kitchen", "garden", "cellar" } do
      for _, line in ipairs { "good morning", "how are you?", "see you tomorrow" } do
        assert.truthy(p.out:find(room .. ": " .. line .. "\n", 1, true), p.out)
      end
      assert.truthy(p.out:find(room .. " closed (1000", 1, true), p.out)
    end
    assert.truthy(p.out:find("0 still open", 1, true), p.out)
  end)
end)

describe("scripts/load.lua", function()
  it_tells("sends as many messages as asked, and gets them back", function()
    local p = program.run { "run", "scripts/load.lua", program.echo().url, "20000" }
    p:tells "~^20000 messages there and back, %d+ in a second$"
    p:ends(0)
  end)

  it_tells("ends with 1 where nobody answers", function()
    local p = program.run { "run", "scripts/load.lua", "ws://127.0.0.1:1/", "1" }
    p:ends(1)
    assert.truthy(p.err:find("load: connect: cannot connect to 127.0.0.1:1", 1, true), p.err)
  end)
end)

describe("scripts/straight.lua", function()
  local function straight(url, patience)
    return program.run { "run", "scripts/straight.lua", url, "grace", patience }
  end

  it_tells("talks to itself through the echo peer, and ends", function()
    local p = straight(program.echo().url)
    p:tells("logged in: login grace", "the news: what is new?", "learned: 2 + 3 = 5", "done")
    p:ends(0)
  end)

  it_tells("logs in, asks, answers, and says goodbye", function()
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
  end)

  it_tells("goes when the others go", function()
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
  end)

  it_tells("does not wait for ever", function()
    local room = peer.listen()
    local p = straight(room.url, "0.05")
    room:open():expect_text "login grace"
    p:ends(1)
    assert.truthy(p.err:find('straight: no answer to "login grace": timeout', 1, true), p.err)
  end)

  it_tells("says why there is no answer, and ends with 1", function()
    local room = peer.listen()
    local p = straight(room.url)
    local s = room:open()
    s:expect_text "login grace"
    s:finish(4001, "who are you?")
    p:ends(1)
    assert.truthy(p.err:find('straight: no answer to "login grace": closed', 1, true), p.err)
  end)
end)

describe("scripts/chat.lua", function()
  local function chat(room, env, ...)
    return program.run({ "run", "scripts/chat.lua", room.url, "kitchen", ... }, { env = env or {} })
  end

  -- The next connection, with the bot in the room.
  local function enter(room, p, name)
    local s = room:open()
    assert.same({ join = "kitchen", name = name or "robo" }, cjson.decode(s:expect_text().payload))
    p:tells "in kitchen"
    return s
  end

  local function hears(s, from, text)
    s:text(cjson.encode { from = from, text = text })
  end

  local function says(s, pattern)
    local text = cjson.decode(s:expect_text().payload).text
    assert.truthy(text:find(pattern), text)
    return text
  end

  it_tells("knows its commands", function()
    local room = peer.listen()
    local p = chat(room, { CHAT_SECONDS = "0.000001" })
    local s = enter(room, p)
    hears(s, "ada", "!help")
    says(s, "^I know !help, !remind SECONDS TEXT, !roll 2d6, !time$")
    hears(s, "ada", "!time")
    says(s, "^It is %d%d:%d%d:%d%d UTC$")
    hears(s, "ada", "!roll 3d2")
    local a, b, c, sum = says(s, "^ada rolls"):match "^ada rolls (%d) %+ (%d) %+ (%d) = (%d)$"
    assert.equal(tonumber(sum), a + b + c)
    for _, wrong in ipairs { "", " dice", " 0d6", " 21d6", " 1d1", " 1d" .. ("9"):rep(30) } do
      hears(s, "ada", "!roll" .. wrong)
      says(s, "^ada: up to 20 dice")
    end
    p:tells("ada: !help", "ada: !time", "ada: !roll 3d2", "ada: !roll")
    p:kill "sigint"
    assert.equal(1001, (s:answer_close()))
  end)

  it_tells("reminds, three times a person at once", function()
    local room = peer.listen()
    local p = chat(room, { CHAT_SECONDS = "0.000001" })
    local s = enter(room, p)
    for _ = 1, 3 do
      hears(s, "ada", "!remind 3600 the laundry")
      says(s, "^ada: I will$")
    end
    hears(s, "ada", "!remind 0 to breathe")
    says(s, "^ada: three at a time")
    hears(s, "bob", "!remind soon")
    says(s, "^bob: as in !remind 60 tea")
    hears(s, "bob", "!remind 99999999 to live")
    says(s, "^bob: as in")
    for _ = 1, 4 do -- each makes room for the next
      hears(s, "bob", "!remind 0 tea is  ready ")
      says(s, "^bob: I will$")
      says(s, "^bob: tea is  ready$")
    end
  end)

  it_tells("answers when it is mentioned, and never itself", function()
    local room = peer.listen()
    local p = chat(room, nil, "Robo-2")
    local s = enter(room, p, "Robo-2")
    hears(s, "ada", "is robo-3 here? robo-22? !help")
    hears(s, "Robo-2", "Robo-2 !help")
    hears(s, "Robo-2", "!help")
    s:text '{"joined":"bob"}'
    hears(s, "bob", "hello, @robo-2!")
    says(s, "^bob: yes%?")
    p:tells("ada: is robo-3 here? robo-22? !help", "Robo-2: Robo-2 !help", "Robo-2: !help", "bob: hello, @robo-2!")
  end)

  it_tells("answers five at once and no more", function()
    local room = peer.listen()
    local p = chat(room, { CHAT_SECONDS = "1000" })
    local s = enter(room, p)
    for _ = 1, 8 do
      hears(s, "eve", "!time")
    end
    for _ = 1, 5 do
      says(s, "^It is")
      p:tells "eve: !time"
    end
    for _ = 6, 8 do
      p:tells("eve: !time", "(no answer: too much at once)")
    end
    s:finish(1000) -- with not a word before the bot's Close
  end)

  it_tells("outlives what makes no sense, and comes back after a drop", function()
    local room = peer.listen()
    local p = chat(room)
    local s = enter(room, p)
    s:text "no JSON"
    p:complains "json.decode: line 1"
    hears(s, "ada", "robo?")
    says(s, "^ada: yes%?")
    p:tells "ada: robo?"
    s:reset()
    p:tells "closed: 1006 "
    s = enter(room, p)
    s:finish(1008, "banned")
    p:tells "closed: 1008 banned"
    s = enter(room, p)
    p:kill "sigint"
    s:answer_close()
    p:tells "closed: 1001 "
    p:ends(0)
  end)

  it_tells("gives up where it may not enter", function()
    local room = peer.listen()
    local p = chat(room)
    room:accept():upgrade { status = "HTTP/1.1 403 Forbidden", lines = { "Content-Length: 0" } }
    p:tells "closed: 1006 "
    p:ends(1)
    assert.truthy(p.err:find("chat: gave up: status 403", 1, true), p.err)
  end)
end)
