-- The chapters "Coming from ...", "Connections", "Hot reload", "Running it for real" and "How it ends": each of their
-- examples runs, with the peer that it is for; and what the tables of the first and of "Hot reload" say is so.
-- Runs within the program that it tests.
local chapter = require "support.chapter"
local http = require "wsbot.http"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- Runs an example as a bot, whose server is played here. The bot, and the server.
local function play(text, options)
  local peer = testing.server()
  return testing.bot((text:gsub("wss://example%.org", (peer.url:gsub("/$", "")))), options), peer
end

local stories = {}

stories["coming: From Node 1"] = function(text)
  local clock <close> = testing.clock()
  local bot, peer = play(text)
  for i = 1, 2 do
    local session = peer:accept()
    session:expect '{"subscribe":"trades"}'
    session:send("trade " .. i)
    session:send("\0", "binary")
    bot:expect("text\ttrade " .. i, "binary\t\0")
    session:close(1001)
    clock:advance(1)
  end
end

stories["coming: From Python 1"] = function(text)
  local clock <close> = testing.clock()
  local bot, peer = play(text)
  for i = 1, 2 do
    local session = peer:accept()
    session:expect '{"subscribe":"trades"}'
    session:send("trade " .. i)
    bot:expect("trade " .. i)
    session:drop()
    clock:advance(1)
  end
end

stories["coming: From Workerman 1"] = function(text)
  local clock <close> = testing.clock()
  local bot <close>, peer = play(text)
  local session = peer:accept()
  session:expect "hello"
  session:send "good morning"
  bot:expect "good morning"
  clock:advance(55)
  testing.eventually(function() return session.pings == 1 end)
  session:drop()
  clock:advance(1)
  peer:accept():expect "hello"
  assert.matches("^reset\t", bot.output:match "reset.*")
end

stories["connections: Events 1"] = function(text)
  local clock <close> = testing.clock()
  local bot <close>, peer = play(text)
  local session = peer:accept()
  session:expect "hello"
  session:send "good"
  session:send("morning", "binary")
  bot:expect("text\tgood", "binary\tmorning")
  session:drop()
  clock:advance(1)
  peer:accept():expect "hello"
  assert.matches("\nreset\t[^\n]+\n1006\t\n$", bot.output)
end

stories["connections: Everything may wait 1"] = function(text)
  local bot, peer = play(text)
  local session = peer:accept()
  session:expect "hello"
  session:send "good morning"
  session:close(4000, "until later")
  assert.equal(0, bot:wait())
  assert.equal("text\tgood morning\n4000\tuntil later\n", bot.output)
end

stories["connections: When one side is behind 1"] = function(text)
  local bot, peer = play(text)
  local session = peer:accept()
  for number = 1, 100 do session:expect(("%d "):format(number):rep(10000)) end
  session:expect_close(1000)
  assert.equal(0, bot:wait())
end

stories["connections: When it ends 1"] = function(text)
  local clock <close> = testing.clock()
  local bot, peer = play(text)
  local session = peer:accept()
  session:ping()
  testing.eventually(function() return session.pongs == 1 end) -- it is open for the bot as well
  session:drop()
  clock:advance(1)
  peer:accept():close(4003)
  assert.equal(0, bot:wait())
  assert.matches("^1006 in phase open, again in %d s\n4003 in phase %l+, again in %-1 s\ngave up: [^\n]+\n$",
    bot.output)
end

stories["reload: What lives, what dies, what to do again 1"] = function(text)
  local clock <close> = testing.clock()
  local bot <close>, peer = play(text)
  local session = peer:accept()
  session:expect "login"
  assert(bot:reload()) -- in the middle of the login
  session:expect "login"
  session:send "welcome"
  session:expect "subscribe"
  assert(bot:reload()) -- after it
  session:ping()
  testing.eventually(function() return session.pongs == 1 end)
  session:close(1001)
  for _, fail in ipairs { function() session:drop() end, function() session:send "no" end } do
    clock:advance(4) -- the second wait is 2 s at most
    session = peer:accept()
    session:expect "login"
    fail()
  end
  session:expect_close(4000)
  clock:advance(4)
  session = peer:accept()
  session:expect "login"
  session:send "welcome"
  session:expect "subscribe"
end

stories["running: Secrets 1"] = function(text)
  local folder = place.folder { ["exchange-key"] = "of systemd\n" }
  for key, env in pairs { ["of systemd"] = { CREDENTIALS_DIRECTORY = folder, EXCHANGE_KEY = "another" },
    ["of the environment"] = { CREDENTIALS_DIRECTORY = false, EXCHANGE_KEY = "of the environment" } } do
    local _ <close>, peer = play(text, { env = env })
    assert.equal("Bearer " .. key, peer:accept().request.headers.authorization)
  end
end

stories["running: Several workers, several machines 1"] = function(text)
  local bot <close>, peer = play(text)
  local markets = {}
  for i = 1, 4 do markets[i] = peer:accept().request.query end
  table.sort(markets)
  assert.same({ "market=BTC-EUR", "market=ETH-EUR", "market=SOL-EUR", "market=XRP-EUR" }, markets)
  assert.is_true(bot.running)
end

stories["running: Several workers, several machines 2"] = function(text)
  local script = place.file("bot.lua", "local markets = { 'a', 'b', 'c', 'd', 'e' }\nlocal start = print\n" .. text)
  local shares = {}
  for shard = 1, 2 do
    local p <close> = io.popen(("%s run --shard %d/2 --workers 2 %s"):format(program.wsbot, shard, script))
    for market in p:read "a":gmatch "%a" do shares[#shares + 1] = market end
  end
  table.sort(shares)
  assert.same({ "a", "b", "c", "d", "e" }, shares)
end

-- What is durable is there in the next process.
local function outlives(text)
  local folder = place.folder()
  for _, expected in ipairs { "0\n", "7\n" } do
    local bot = testing.bot(text .. "\nprint(session.seq)\nsession.seq = 7", { state = folder })
    bot:wait()
    assert.equal(expected, bot.output)
  end
end
stories["reload: What outlives the process 1"] = outlives
stories["running: State 1"] = outlives

stories["status: Exit statuses 1"] = function(text)
  local bot, peer = play(text)
  peer:accept():close(4004, "no such market")
  assert.equal(78, bot:wait())
  assert.matches("gave up:", bot.log)
end

describe("an example of a chapter", function()
  for _, name in ipairs { "coming", "connections", "reload", "running", "status" } do
    for _, section in ipairs(chapter.sections(name)) do
      for i, text in ipairs(section.examples) do
        local title = ("%s: %s %d"):format(name, section.title, i)
        it("does what the chapter says: " .. title, function()
          assert(stories[title], "it has no story here")(text)
        end)
      end
    end
  end
end)

-- All types, one after the other: what editors know.
local meta
do
  local pipe <close> = assert(io.popen "cat lualib/meta/*.lua")
  meta = pipe:read "a"
end

local function has_function(name) return meta:find("\nfunction " .. name .. "(", 1, true) end
local function has_field(name) return meta:find("%-%-%-@field " .. name .. "%f[^%w_]") end

-- Words of the second column that name nothing by themselves.
local WORDS <const> = { kind = true, stderr = true, timeout = true, response = true, data = true }
-- What variables are called there: the type that their methods have.
local TYPES <const> = { conn = "connection", b = "connection" }

-- The first name in a piece of code of the second column that is not there; nil: all are.
local function find_wrong(code)
  code = code:gsub('"[^"]*"', '""')
  for owner, mark, name in code:gmatch "%f[%w_](%l+)([.:])([%l_%d]+)%f[^%w_]" do
    local there = has_function((TYPES[owner] or owner) .. mark .. name) or (mark == "." and has_field(name))
    local is_lua = owner == "os" and os[name] or owner == "wsbot" or name:find "^on_" or owner == "a"
    if not there and not is_lua then return owner .. mark .. name end
  end
  for name in code:gmatch "%f[%w_](on_[%l_]+)" do
    if not has_field(name) and not has_function("host." .. name) then return name end
  end
  local alone = code:match "^([%l_]+)$" or code:match "^([%l_]+) = "
  if alone and not has_field(alone) and not WORDS[alone] and alone ~= "nil" and _G[alone] == nil then return alone end
end

describe("the chapter for those who come from elsewhere", function()
  it("names what there is", function()
    local rows = 0
    for line in place.read("lualib/manual/coming.md"):gmatch "\n(| [^\n]*)" do
      local ours = line:match "^| .- | (.-) | .*|$"
      for code in ours:gmatch "`([^`]+)`" do
        local wrong = not code:find "^wsbot " and find_wrong(code)
        assert(not wrong, ("%s has a name that is not there: %s"):format(code, wrong))
      end
      rows = rows + 1
    end
    assert.is_true(rows > 100)
  end)

  it("would find a name that is not there", function()
    for _, code in ipairs { "conn:sent()", "host.never", "on_open", "max_size_of_all", "http.gets", "conn.ready" } do
      assert.is_string(find_wrong(code), code)
    end
  end)
end)

-- A bot that tells what it finds when it is loaded, and what goes on in it.
local LIVES <const> = [[
  local conn = ws.connect { name = "feed", url = arg[1], reconnect = true }
  local away = ws.connect { name = "away", url = "ws://127.0.0.1:1", reconnect = { min = 50 },
    on_error = function() end }
  local calls = require("wsbot.calls").new()
  local limiter = host.limiter(1, 100)
  local kept = host.state("kept", { loads = 0 })
  kept.loads, global = kept.loads + 1, (global or 0) + 1
  host.counter("loads"):add()
  print("loads", kept.loads, global, conn.mine, limiter:take(1, 0))
  conn.mine = "mine"

  function conn.on_websocket_connect(self)
    kept.id = self.id
    self:send(tostring((calls:open())))
  end
  function conn.on_adopt(self) print("adopted", self.state, self.id == kept.id) end
  function conn.on_message(_, text) print("answered", calls:answer(math.tointeger(text), true)) end
  function away.on_adopt(self) print("adopted", self.state) end

  host.after(10, function() print "after" end)
  host.every(10, function() print "without a name" end)
  host.every(10, function() print "named" end, "named")
  host.spawn(function()
    local _ <close> = setmetatable({}, { __close = function() print "cut off" end })
    host.sleep(1000)
  end)
  host.on_reload(function() print "on_reload" end)
]]

describe("the chapter on running a bot", function()
  it_tells("names metrics that are there", function()
    local p = program.run { "run", "--status", "0", place.file("bot.lua", [[
      ws.connect { url = "ws://127.0.0.1:1", reconnect = true }
      host.every(1, function() end)
    ]]) }
    local url = p:complains("info status on "):match "info status on (%S+)"
    local metrics = assert(http.get(url .. "/metrics")).body
    local count = 0
    for name in place.read("lualib/manual/running.md"):gmatch "wsbot_[%l_]+" do
      assert(metrics:find("\n# TYPE " .. name .. " ", 1, true), name)
      count = count + 1
    end
    assert.is_true(count > 10)
    p:kill "sigterm"
    p:ends(0)
  end)
end)

describe("at a reload", function()
  it("lives and dies what the chapter says", function()
    local clock = testing.clock()
    local peer = testing.server()
    local bot = testing.bot(LIVES, { args = { peer.url } })
    local session = peer:accept()
    local question = session:receive()
    bot:expect "loads\t1\t1\tnil\ttrue"
    clock:advance(5)
    assert(bot:reload())
    bot:expect("loads\t2\t1\tnil\ttrue", "on_reload", "cut off", "adopted\topen\ttrue", "adopted\twaiting")
    session:send(question)
    bot:expect "answered\tfalse"
    clock:advance(5)
    bot:expect "named"
    clock:advance(5)
    bot:expect("after", "without a name")
    assert.matches("kept 2: feed, away; cut 0 callbacks, 1 task", bot.log)
  end)
end)
