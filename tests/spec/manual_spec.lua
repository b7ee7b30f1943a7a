-- What is written about the program, against the program: README.md, lualib/manual/ and lualib/meta/.
-- Runs within the program that it tests.
local chapter = require "support.chapter"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local proxies = require "support.proxies"
local testing = require "wsbot.testing"
local tls = require "support.tls"

local examples = chapter.examples
local documents = { "README.md", table.unpack(chapter.paths()) }

-- Options of `wsbot run` that are described, and not built yet. Once one is, it goes from here.
local TO_COME <const> = {}

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
    for _, path in ipairs(documents) do
      local has_lists = path:find "testing" -- of calls, not all of which are statements
      for i, text in ipairs(has_lists and {} or examples(path)) do
        assert(load(text, ("=%s, example %d"):format(path, i), "t"))
      end
    end
  end)

  it("have lines that fit a screen, and lead to chapters that are there", function()
    local known = {}
    for _, path in ipairs(documents) do known[path:match "[^/]*$"] = true end
    for _, path in ipairs(documents) do
      local text = place.read(path)
      for line in text:gmatch "[^\n]+" do
        assert(utf8.len(line) <= 150, ("%s: a line of %d columns: %s"):format(path, utf8.len(line), line))
      end
      for name in text:gmatch "%]%(([%w_-]+%.md)%)" do assert(known[name], ("%s leads to %s"):format(path, name)) end
      for name in text:gmatch "lualib/manual/([%w_-]+%.md)" do
        assert(known[name], ("%s leads to %s"):format(path, name))
      end
    end
  end)

  it("are all named by README.md, where it says where to go on", function()
    local order = place.read("README.md"):match "\n## Where to go on\n(.-)\n## "
    for _, path in ipairs(chapter.paths()) do
      assert(order:find("`" .. path:match "([^/]*)%.md$" .. "`", 1, true), path)
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
          local there = help[command]:find("%f[%S]" .. option:gsub("%p", "%%%0") .. "%f[^%w-]")
          assert(there or command == "run" and TO_COME[option],
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
