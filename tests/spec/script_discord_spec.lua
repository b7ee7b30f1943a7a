-- script_discord: scripts/discord.lua against a scripted gateway and REST interface, which do as Discord's
-- documentation has it. All messages are one stream of zlib, each with an empty block at its end.
-- Runs within the program that it tests.
local compress = require "wsbot.compress"
local json = require "wsbot.json"
local testing = require "wsbot.testing"

describe("scripts/discord.lua", function()
  local clock, gateway, site, bot, s, deflater, seq

  -- The session's next message; `cuts`: in how many messages of WebSocket it comes.
  local function tell(message, cuts)
    local bytes = deflater:push(json.encode(message), true)
    local size = math.ceil(#bytes / (cuts or 1))
    for at = 1, #bytes, size do s:send(bytes:sub(at, at + size - 1), "binary") end
  end

  local function dispatch(name, d, cuts)
    seq = seq + 1
    tell({ op = 0, s = seq, t = name, d = d }, cuts)
  end

  -- The next connection, which is greeted.
  local function greeted(from)
    s, deflater = (from or gateway):accept(), compress.deflater()
    assert.equal("v=10&encoding=json&compress=zlib-stream", s.request.query)
    tell { op = 10, s = json.null, t = json.null, d = { heartbeat_interval = 40000 } }
  end

  local function identifies()
    s:expect(function(data)
      local message = json.decode(data)
      assert.equal(2, message.op)
      assert.equal("secret", message.d.token)
      assert.equal(1 << 0 | 1 << 9 | 1 << 15, message.d.intents)
      assert.same({ 0, 1 }, message.d.shard)
      assert.equal("string", type(message.d.properties.os))
    end)
  end

  local function resumes(at)
    s:expect { op = 6, d = { token = "secret", session_id = "S1", seq = at } }
  end

  local function ready()
    seq = 0
    local user = { username = "robo", bot = true }
    dispatch("READY", { v = 10, session_id = "S1", resume_gateway_url = gateway.url, user = user })
    bot:expect "ready as robo"
  end

  local function hears(content, more)
    local d = { channel_id = "1190000000000000123", content = content, author = { username = "ada" } }
    for k, v in pairs(more or {}) do d[k] = v end
    dispatch("MESSAGE_CREATE", d)
  end

  local posts = "POST /channels/1190000000000000123/messages"

  local function welcome(remaining)
    local starts = { total = 1000, remaining = remaining, reset_after = 600000, max_concurrency = 1 }
    return { json = { url = gateway.url, shards = 1, session_start_limit = starts } }
  end

  -- The bot, with a REST interface that has other answers than the usual ones; `state`: a folder, as --state.
  local function start(answers, state)
    local routes = { ["GET /gateway/bot"] = welcome(999), [posts] = { json = { id = "1" } } }
    for route, answer in pairs(answers or {}) do routes[route] = answer end
    site = testing.http(routes)
    local env = { DISCORD_TOKEN = "secret", DISCORD_API = site.url }
    bot = testing.bot("scripts/discord.lua", { env = env, state = state })
  end

  local function start_and_identify(answers, state)
    start(answers, state)
    greeted()
    identifies()
    ready()
  end

  -- The next message is a heartbeat with that number.
  local function beats(number)
    s:expect { op = 1, d = number or json.null }
  end

  local function acknowledge()
    tell { op = 11, d = json.null }
  end

  before_each(function()
    clock, gateway = testing.clock(), testing.server()
  end)

  it("identifies, and answers who says !ping", function()
    start_and_identify()
    hears "hello"
    hears("!ping", { author = { username = "other", bot = true } })
    hears "!ping"
    bot:expect "answered ada"
    local welcomed, post = site.requests[1], site.requests[2]
    assert.equal(2, #site.requests)
    assert.equal("Bot secret", welcomed.headers.authorization)
    assert.matches("^DiscordBot %(https?://.+, .+%)$", welcomed.headers["user-agent"])
    assert.same({ content = "pong" }, post:json())
    assert.equal(0, bot:stop())
    s:expect_close(4000)
  end)

  it("takes messages that come in pieces, large ones, and events that it does not know", function()
    start_and_identify()
    dispatch("GUILD_CREATE", { members = ("many "):rep(100000) }, 7)
    dispatch("GUILD_CREATE", { name = "unknown op is next" }, 3)
    tell { op = 99, d = json.null }
    hears "!ping"
    bot:expect "answered ada"
  end)

  describe("its heart", function()
    it("beats with jitter, then in the interval, with the number of the latest event", function()
      start()
      greeted()
      identifies()
      clock:advance(40) -- somewhere in here is the first one
      beats(nil)
      acknowledge()
      ready()
      local first = s.received[2].time
      clock:advance(40)
      beats(1)
      acknowledge()
      assert.equal(40, math.floor(s.received[3].time - first + 0.5))
    end)

    it("beats at once when it is asked to, which is no beat of its own", function()
      start_and_identify()
      clock:advance(40)
      beats(1)
      acknowledge()
      tell { op = 1, d = json.null }
      beats(1)
      clock:advance(40)
      beats(1)
    end)

    it("has the session resumed when nobody answers it", function()
      start_and_identify()
      clock:advance(40)
      beats(1)
      clock:advance(40) -- in which no acknowledgement comes
      bot:expect("no heartbeat was answered", "closed: 4000 ")
      s:expect_close(4000)
      greeted()
      resumes(1)
    end)

    it("stops with its connection", function()
      start_and_identify()
      s:drop()
      bot:expect "closed: 1006 "
      gateway:answer { silent = true }
      clock:advance(200)
      assert.same({}, bot.errors)
      assert.is_nil(bot.output:find("no heartbeat", 1, true))
    end)
  end)

  describe("a session", function()
    it("is resumed after a drop, where the gateway says, and with a new stream", function()
      start()
      greeted()
      identifies()
      local other = testing.server()
      seq = 0
      dispatch("READY", { session_id = "S1", resume_gateway_url = other.url, user = { username = "robo" } })
      bot:expect "ready as robo"
      hears "!ping"
      bot:expect "answered ada"
      s:drop()
      bot:expect "closed: 1006 "
      clock:advance(5)
      greeted(other)
      resumes(2)
      hears "!ping" -- was missed
      dispatch("RESUMED", { _trace = json.array {} })
      bot:expect("resumed", "answered ada")
      clock:advance(40)
      beats(4)
    end)

    it("is resumed where sessions begin when nobody is there", function()
      start()
      greeted()
      identifies()
      local other = testing.server()
      seq = 0
      dispatch("READY", { session_id = "S1", resume_gateway_url = other.url, user = { username = "robo" } })
      bot:expect "ready as robo"
      other:answer { refuse = { status = 503 } }
      s:drop()
      clock:advance(5)
      greeted()
      resumes(1)
    end)

    it("is resumed when the gateway asks for that", function()
      start_and_identify()
      tell { op = 7, d = json.null }
      bot:expect "the gateway asks us to connect again"
      s:expect_close(4000)
      greeted()
      resumes(1)
    end)

    it("is resumed when it is invalid for the moment", function()
      start_and_identify()
      tell { op = 9, d = true }
      s:expect_close(4000)
      greeted()
      resumes(1)
    end)

    it("begins anew when it is invalid for good, after one to five seconds", function()
      start_and_identify()
      tell { op = 9, d = false }
      bot:expect "the session is invalid"
      s:expect_close(4000)
      clock:advance(0.9)
      assert.is_nil(gateway:try_accept(0))
      clock:advance(4.2)
      greeted()
      identifies()
    end)

    it("begins anew when its number is wrong or it is too old", function()
      start_and_identify()
      for _, code in ipairs { 4007, 4009 } do
        s:close(code, "no")
        bot:expect(("closed: %d no"):format(code))
        clock:advance(60)
        greeted()
        identifies()
        ready()
      end
    end)

    describe("that begins five seconds after the last one at the earliest", function()
      -- One has begun just now, and the next connection waits.
      local function wait_for_the_next()
        start_and_identify()
        s:close(4009, "too old")
        bot:expect "closed: 4009 too old"
        clock:advance(1)
        greeted()
        clock:advance(1)
      end

      -- How often it has begun one on this connection, whatever its heart does.
      local function beginnings()
        local count = 0
        for _, event in ipairs(s.received) do
          if event.kind == "text" and json.decode(event.data).op == 2 then count = count + 1 end
        end
        return count
      end

      it("begins then", function()
        wait_for_the_next()
        assert.equal(0, beginnings())
        clock:advance(4)
        assert.equal(1, beginnings())
      end)

      it("begins once, though a reload comes between", function()
        wait_for_the_next()
        assert.is_true(bot:reload())
        bot:expect "new code, same session"
        clock:advance(14)
        assert.equal(1, beginnings())
      end)

      it("begins by the next connection where this one is closed meanwhile", function()
        wait_for_the_next()
        s:drop()
        bot:expect "closed: 1006 "
        clock:advance(10)
        greeted()
        clock:advance(10)
        assert.equal(1, beginnings())
      end)
    end)

    it("is resumed when the gateway had too much of us", function()
      start_and_identify()
      s:close(4008, "too fast")
      bot:expect "closed: 4008 too fast"
      clock:advance(60)
      greeted()
      resumes(1)
    end)

    it("is resumed when the stream is broken", function()
      start_and_identify()
      s:send("\x07\0\0\xff\xff", "binary")
      s:expect_close(4000)
      assert.matches("the stream is broken: invalid block type", bot.output)
      greeted()
      resumes(1)
    end)

    it("outlives a reload, and so do its connection and the stream", function()
      start_and_identify()
      hears(("words that come again, "):rep(3000))
      assert.is_true(bot:reload())
      bot:expect "new code, same session"
      hears("!ping", { again = ("words that come again, "):rep(3000) }) -- by what came before the reload
      bot:expect "answered ada"
      clock:advance(40)
      beats(3)
      acknowledge()
      s:drop()
      bot:expect "closed: 1006 "
      clock:advance(5)
      greeted()
      resumes(3)
    end)

    it("outlives a reload in the middle of a message", function()
      start_and_identify()
      local bytes = deflater:push(json.encode { op = 0, s = 2, t = "MESSAGE_CREATE",
        d = { channel_id = "1190000000000000123", content = "!ping", author = { username = "ada" } } }, true)
      s:send(bytes:sub(1, 20), "binary")
      s:ping() -- answered when what is before it was taken
      clock:advance(0)
      assert.is_true(bot:reload())
      bot:expect "new code, same session"
      s:send(bytes:sub(21), "binary")
      bot:expect "answered ada"
    end)
  end)

  describe("with a folder for its state", function()
    local place = require "support.place"

    it("resumes after a restart what the last process had, though no session may begin", function()
      local folder = place.folder()
      start_and_identify(nil, folder)
      hears "hello"
      hears "!ping"
      bot:expect "answered ada"
      assert.equal(0, bot:stop())
      s:expect_close(4000) -- 1000 and 1001 would end the session
      start({ ["GET /gateway/bot"] = welcome(0) }, folder)
      greeted()
      resumes(3)
      hears "!ping"
      dispatch("RESUMED", { _trace = json.array {} })
      bot:expect("resumed", "answered ada")
    end)

    it("begins anew when the session has ended meanwhile", function()
      local folder = place.folder()
      start_and_identify(nil, folder)
      assert.equal(0, bot:stop())
      start(nil, folder)
      greeted()
      resumes(1)
      tell { op = 9, d = false }
      bot:expect("the session is invalid", "closed: 4000 ")
      clock:advance(5)
      greeted()
      identifies()
    end)
  end)

  describe("where it is too much", function()
    it("waits as long as it is told, and asks again", function()
      local limited = { message = "You are being rate limited.", retry_after = 2.5, global = false }
      start_and_identify {
        [posts] = { { status = 429, headers = { ["Retry-After"] = 3 }, json = limited }, { json = { id = "1" } } },
      }
      hears "!ping"
      clock:advance(2)
      assert.equal(2, #site.requests)
      clock:advance(1)
      bot:expect "answered ada"
      assert.equal(3, #site.requests)
    end)

    it("begins no session before it may", function()
      start { ["GET /gateway/bot"] = { welcome(0), welcome(1000) } }
      clock:advance(599)
      assert.equal(1, #site.requests)
      clock:advance(2)
      greeted()
      identifies()
    end)

    it("says why there is no answer", function()
      start_and_identify { [posts] = { status = 403, json = { message = "Missing Permissions", code = 50013 } } }
      hears "!ping"
      bot:expect "no answer: 403 Missing Permissions"
    end)
  end)

  describe("ends with 1", function()
    it("where REST does not know the token", function()
      start { ["GET /gateway/bot"] = { status = 401, json = { message = "401: Unauthorized", code = 0 } } }
      assert.equal(1, bot:wait())
      assert.matches("discord: 401 401: Unauthorized", bot.log)
    end)

    it("where the gateway does not, or an intent is not allowed", function()
      for _, code in ipairs { 4004, 4014 } do
        start()
        greeted()
        identifies()
        s:close(code, "no")
        assert.equal(1, bot:wait())
        bot:expect(("closed: %d no"):format(code))
      end
    end)
  end)

  it("says what it needs", function()
    bot = testing.bot("scripts/discord.lua", { env = { DISCORD_TOKEN = false } })
    assert.equal(2, bot:wait())
    assert.matches("usage: DISCORD_TOKEN=", bot.log)
  end)
end)
