-- The chapter "Cookbook": each of its examples runs, with the peer that it is for, and prints what it says.
-- Runs within the program that it tests.
local crypto = require "wsbot.crypto"
local etcd = require "support.etcd"
local json = require "wsbot.json"
local place = require "support.place"
local testing = require "wsbot.testing"

-- The examples by their titles, and the titles in their order.
local examples, titles = {}, {}
for title, text in place.read("lualib/manual/cookbook.md"):gmatch "\n### ([^\n]+)\n.-\n```lua\n(.-)\n```" do
  titles[#titles + 1], examples[title] = title, text
end

-- Runs an example with a peer; `words` are replaced in it. The bot, its first session, and the peer.
local function cook(title, words)
  local peer = testing.server()
  local text = examples[title]:gsub("wss://example%.org", (peer.url:gsub("/$", "")))
  for word, by in pairs(words or {}) do text = text:gsub(word, (by:gsub("%%", "%%%%"))) end
  local bot = testing.bot(text, { env = { API_KEY = "k" } })
  return bot, text:find(peer.url:match ":%d+", 1, true) and peer:accept(), peer
end

local function prints(bot, text)
  testing.eventually(function() return bot.output:find(text, 1, true) end)
end

-- What stands behind `-->` in an example, line by line.
local function promised(text)
  local lines = {}
  for line in text:gmatch "%-%->%s+([^\n]+)" do lines[#lines + 1] = line end
  return table.concat(lines, "\n")
end

local stories = {}

stories["JSON with ids of 64 bits"] = "prints"
stories["Three fields of a large message"] = "prints"
stories["To sign a request"] = "prints"
stories["A JSON Web Token"] = "prints"

stories["A stream that is compressed as a whole"] = function(title)
  local bot, session = cook(title)
  local deflater = require("wsbot.compress").deflater()
  local first = deflater:push('{"op":10}', true)
  session:send(first:sub(1, 5), "binary")
  session:send(first:sub(6), "binary")
  session:send(deflater:push('{"op":11}', true), "binary")
  prints(bot, '{"op":10}\n{"op":11}\n')
end

stories["To wait for the answer to question 17"] = function(title)
  local bot, session = cook(title)
  session:send(json.encode { re = json.decode((session:receive())).id, body = "noon" })
  prints(bot, "true\tnoon")
end

stories["JSON-RPC"] = function(title)
  local bot, session = cook(title)
  assert.equal("login", json.decode((session:receive())).method)
  session:send '{"jsonrpc":"2.0","result":true,"id":1}'
  assert.same({ jsonrpc = "2.0", method = "subscribe", params = { "ticks" } }, json.decode((session:receive())))
  session:send '{"jsonrpc":"2.0","method":"tick","params":{"price":7}}'
  prints(bot, "tick\t7")
  bot:stop()
  bot, session = cook(title)
  session:receive()
  session:send '{"jsonrpc":"2.0","error":{"code":1,"message":"who?"},"id":1}'
  assert.is_nil(session:receive())
  bot:stop()
end

stories["The first of two"] = function(title)
  local bot, session = cook(title)
  session:send "hello"
  prints(bot, "answer\thello")
  bot, session = cook(title)
  session:close(4001)
  prints(bot, "closed\t4001")
end

stories["No more than five messages in two seconds"] = function(title)
  local clock <close> = testing.clock()
  local _, session = cook(title)
  for i = 1, 5 do session:expect("message " .. i) end
  clock:advance(1.9)
  assert.equal("closed", select(2, session:receive(0)) == "timeout" and "closed" or "a message came too early")
  clock:advance(0.2)
  session:expect "message 6"
  session:expect "message 7"
end

stories["A queue between tasks"] = function(title)
  local bot, session = cook(title)
  for i = 1, 9 do session:send("job " .. i) end
  local done = {}
  for i = 1, 9 do done[i] = session:receive() end
  table.sort(done)
  for i = 1, 9 do assert.equal("done: job " .. i, done[i]) end
  bot:stop()
end

stories["To send more than the network takes"] = function(title)
  local _, session = cook(title)
  for _ = 1, 64 do assert.equal(64 * 1024, #session:receive()) end
end

stories["On a schedule"] = function(title)
  local clock <close> = testing.clock()
  local bot, session = cook(title)
  clock:advance(3600)
  local heard = {}
  for _ = 1, 121 do heard[#heard + 1] = session:receive() end
  assert.matches("it is %d%d:00", table.concat(heard, " "))
  bot:stop()
end

stories["To log in whenever it is connected"] = function(title)
  local bot, session, peer = cook(title)
  for _ = 1, 2 do
    assert.same({ op = "auth", key = "k" }, json.decode((session:receive())))
    assert.equal("subscribe", json.decode((session:receive())).op)
    session:close(1001)
    session = peer:accept()
  end
  bot:stop()
end

stories["A fresh token for each attempt"] = function(title)
  local count = 0
  local site = testing.http { ["POST /token"] = function()
    count = count + 1
    return { json = { token = "t" .. count } }
  end }
  local bot, session, peer = cook(title, { ["https://example%.org"] = site.url })
  assert.equal("token=t1", session.request.query)
  session:close(1001)
  assert.equal("token=t2", peer:accept().request.query)
  bot:stop()
end

stories["A heartbeat of the protocol's own"] = function(title)
  local clock <close> = testing.clock()
  local bot, session, peer = cook(title)
  for _ = 1, 2 do
    clock:advance(10)
    session:expect '{"op":"heartbeat"}'
    session:send '{"op":"heartbeat_ack"}'
  end
  clock:advance(10)
  session:expect '{"op":"heartbeat"}'
  clock:advance(10)
  assert.is_nil(session:receive())
  peer:accept()
  bot:stop()
end

stories["A gap in the sequence of an order book"] = function(title)
  local bot, session = cook(title)
  session:expect '{"op":"snapshot"}'
  session:send '{"type":"delta","seq":6,"book":{"1":1}}'
  session:send '{"type":"snapshot","seq":7,"book":{"100":2}}'
  session:send '{"type":"delta","seq":7,"book":{"100":9}}'
  session:send '{"type":"delta","seq":8,"book":{"100":0,"101":3}}'
  prints(bot, '8\t{"101":3}')
  session:send '{"type":"delta","seq":10,"book":{}}'
  session:expect '{"op":"snapshot"}'
  bot:stop()
end

stories["A new connection before the server cuts the old one"] = function(title)
  local clock = testing.clock()
  local bot, old, peer = cook(title)
  old:expect "subscribe"
  clock:advance(23 * 3600)
  local session = peer:accept()
  session:expect "subscribe"
  old:expect "unsubscribe"
  old:send "twice"
  prints(bot, "1\ttwice\n")
  session:send "twice"
  prints(bot, "2\ttwice\n")
  clock:advance(10)
  assert.is_nil(old:receive())
  session:drop()
  clock:advance(1)
  peer:accept()
  prints(bot, "nothing came for ")
  bot:stop()
end

stories["A webhook that becomes a message"] = function(title)
  local http = require "wsbot.http"
  local bot, session = cook(title, { ["http%.serve {"] = "local server = http.serve {", ["port = 8080"] = "port = 0",
    ["end }$"] = "end }\nprint(server.url)" })
  prints(bot, "http://")
  local url = bot.output:match "http://%S+"
  local function post(signature)
    return http.post(url, "order", { headers = { ["X-Signature"] = signature } }).status
  end
  assert.equal(403, post "wrong")
  assert.equal(204, post(crypto.hex(crypto.hmac("sha256", "secret", "order"))))
  session:expect "order"
  bot:stop()
end

stories["A limit that all machines share"] = function(title)
  local e = etcd.new()
  local words = { ["http://127%.0%.0%.1:2379"] = e.url }
  local _, first = cook(title, words)
  first:expect "identify"
  local clock = testing.clock()
  local _, second = cook(title, words)
  testing.eventually(function() return e:count "watch" > 0 end)
  e:ends(e:lease())
  testing.eventually(function()
    clock:advance(1)
    return e:count "lease/grant" == 2
  end)
  second:expect "identify"
end

stories["One holder among many machines"] = function(title)
  local e = etcd.new()
  local words = { ["http://127%.0%.0%.1:2379"] = e.url }
  local first, session = cook(title, words)
  prints(first, "holds it, token 101")
  session:send "7.5"
  session:expect "101 buy at 7.5"
  local second = cook(title, words)
  testing.eventually(function() return e:count "watch" > 0 end)
  first:stop()
  prints(second, "holds it, token 102")
end

stories["A graceful stop"] = function(title)
  local _, session = cook(title)
  session:send "enough"
  session:expect "cancel all orders"
  assert.is_nil(session:receive())
end

describe("the cookbook", function()
  for _, title in ipairs(titles) do
    it("has a recipe: " .. title, function()
      local story = assert(stories[title], "it has no story here")
      if story ~= "prints" then return story(title) end
      local bot = cook(title)
      assert.equal(promised(examples[title]), (bot.output:gsub("\t", " "):gsub("\n$", "")))
    end)
  end
end)
