-- What is written about the program, against the program: README.md, lualib/manual/ and lualib/meta/.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local proxies = require "support.proxies"
local testing = require "wsbot.testing"
local tls = require "support.tls"

local documents = { "README.md", "lualib/manual/asking.md", "lualib/manual/cookbook.md", "lualib/manual/inside.md",
  "lualib/manual/protection.md", "lualib/manual/reaching.md", "lualib/manual/reload.md", "lualib/manual/serving.md",
  "lualib/manual/testing.md" }

-- The Lua in a document, block by block.
local function examples(path)
  local list = {}
  for text in place.read(path):gmatch "\n```lua\n(.-)\n```" do list[#list + 1] = text end
  return list
end

local function replace(text, words)
  for word, by in pairs(words) do
    local at, to = text:find(word, 1, true)
    while at do
      text = text:sub(1, at - 1) .. by .. text:sub(to + 1)
      at, to = text:find(word, at + #by, true)
    end
  end
  return text
end

describe("the documents", function()
  it("hold Lua without mistakes", function()
    -- in that on testing some are mere lists
    for _, path in ipairs { "README.md", "lualib/manual/asking.md", "lualib/manual/cookbook.md",
      "lualib/manual/reaching.md",
      "lualib/manual/serving.md" } do
      for i, text in ipairs(examples(path)) do
        assert(load(text, ("=%s, example %d"):format(path, i), "t"))
      end
    end
  end)

  it_tells("use options that the command has", function()
    local help = {}
    for _, command in ipairs { "run", "connect", "echo", "test" } do
      local c = program.run { command, "--help" }
      c:wait()
      help[command] = c.out
    end
    for _, path in ipairs(documents) do
      for command, rest in place.read(path):gmatch "wsbot (%l+)( [^\n`#]*)" do
        for option in (help[command] and command ~= "test" and rest or ""):gmatch "%f[%S]%-%-?[%w-]+" do
          assert(help[command]:find("%f[%S]" .. option:gsub("%p", "%%%0") .. "%f[^%w-]"),
            ("%s: wsbot %s has no %s"):format(path, command, option))
        end
      end
    end
  end)
end)

describe("the chapter on asking by HTTP", function()
  -- What each example prints of this site, by a word that it has.
  local expected = { ["export.csv"] = "", events = "message\tone\t7\nmessage\ttwo\t7\n", upload = "201\n",
    orders = "200\n", rules = "the same\n", session = "Ada\nhello\n" }

  local function new_site()
    return testing.http {
      ["GET /export"] = { body = "a,b\n1,2\n" },
      ["GET /events"] = { body = "id: 7\ndata: one\n\ndata: two\n\n" },
      ["POST /upload"] = function(request)
        return { status = request.body:find('filename="plot.png"', 1, true) and 201 or 400 }
      end,
      ["POST /orders"] = { { status = 429, headers = { ["Retry-After"] = 0 } }, { status = 200 } },
      ["GET /rules.json"] = function(request)
        return { status = request.headers["if-none-match"] == "v1" and 304 or 200, headers = { ETag = "v1" } }
      end,
      ["POST /api/login"] = { headers = { ["Set-Cookie"] = "sid=1; Path=/" } },
      ["GET /api/users/me"] = function(request)
        return { json = { name = request.headers.cookie == "sid=1" and "Ada" or "nobody" } }
      end,
    }
  end

  for _, example in ipairs(examples "lualib/manual/asking.md") do
    local word
    for name in pairs(expected) do
      if example:find(name, 1, true) and (name ~= "rules" or not word) then word = name end
    end
    it("asks: " .. word, function()
      local site, feed = new_site(), testing.server()
      local file = place.folder() .. "/export.csv"
      local bot = testing.bot(replace(example, { ["wss://example.org"] = feed.url, ["https://example.org"] = site.url,
        ['"export.csv"'] = ("%q"):format(file), ['os.getenv "PASSWORD"'] = '"pw"' }))
      if word == "session" then
        local session = feed:accept()
        assert.equal("sid=1", session.request.headers.cookie)
        session:send "hello"
      end
      testing.eventually(function() return bot.output == expected[word] end)
      if word == "export.csv" then
        testing.eventually(function() return select(2, pcall(place.read, file)) == "a,b\n1,2\n" end)
      end
      bot:stop()
    end)
  end
end)

describe("the chapter on reaching a server", function()
  for _, example in ipairs(examples "lualib/manual/reaching.md") do
    it_tells("reaches one: " .. (example:match "tls = [^\n]*" or example:match "url = [^\n]*"), function()
      local target = testing.server { tls = example:find("tls = ", 1, true) ~= nil }
      local server = target
      if example:find("max_redirects", 1, true) then
        server = testing.server { refuse = { status = 302, headers = { Location = target.url } } }
      end
      local pin
      if target.ca_file then
        ws.connect { url = target.url, tls = { ca_file = target.ca_file }, on_connect = function(conn)
          pin = conn.tls.certificate.pin
          conn:close()
        end }
        testing.eventually(function() return pin end)
      end
      local url = server.url
      if example:find("resolve", 1, true) then url = url:gsub("127%.0%.0%.1", "example.org") end
      local proxy = example:find("proxy = ", 1, true) and proxies.tinyproxy { login = "user:pw" }
      local bot = testing.bot(replace(example, {
        ["wss://example.org"] = url,
        ["203.0.113.7"] = "127.0.0.1",
        ["http://user:pw@proxy.example.org:3128"] = proxy or "",
        ["own-ca.pem"] = target.ca_file or "",
        ["bot.pem"] = tls.cert "client",
        ["bot-key.pem"] = tls.key "client",
        ["sha256//PinOfTheKeyNow="] = pin or "",
        ["sha256//PinOfTheNextKey="] = tls.pin "client",
      }))
      if server ~= target then server:accept() end
      assert(target:accept(), "nobody came")
      bot:stop()
    end)
  end
end)
