-- testing.http: a web server whose answers a test gives.
-- Runs within the program that it tests.
local http = require "wsbot.http"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local testing = require "wsbot.testing"

-- What a request gets, on one line.
local function tell(res, word, message)
  if not res then return word .. ": " .. message end
  return res.status .. " " .. res.body
end

describe("testing.http", function()
  it("answers by method and path, with a table or a function", function()
    local site = testing.http {
      ["POST /login"] = { status = 201, json = { token = "t" } },
      ["GET /x"] = function(request) return { body = request.query .. request.headers["X-Name"] } end,
      ["/any"] = { body = "any" },
    }
    assert.matches("^http://127%.0%.0%.1:%d+$", site.url)
    local res = http.post(site.url .. "/login", nil, { json = { user = "u" } })
    assert.same({ 201, "t", "application/json" }, { res.status, res:json().token, res.headers["content-type"] })
    assert.equal("200 a=1n", tell(http.get(site.url .. "/x?a=1", { headers = { ["X-Name"] = "n" } })))
    assert.equal("200 any", tell(http.put(site.url .. "/any", "p")))
    assert.equal("200 any", tell(http.get(site.url .. "/any?q")))
    assert.equal(200, http.head(site.url .. "/x", { headers = { ["X-Name"] = "n" } }).status)
  end)

  it("keeps the requests, those included that it has no answer to", function()
    local clock = testing.clock()
    local site = testing.http { ["GET /x"] = {} }
    assert.same({}, site.requests)
    assert.equal("200 ", tell(http.get(site.url .. "/x?a", { headers = { A = "b" } })))
    clock:advance(7)
    assert.equal("404 there is no POST /x here\n", tell(http.post(site.url .. "/x", "body")))
    assert.equal("404 there is no GET /x/ here\n", tell(http.get(site.url .. "/x/")))
    local first, second = site.requests[1], site.requests[2]
    assert.same({ "GET", "/x", "a", "b", "" }, { first.method, first.path, first.query, first.headers.a, first.body })
    assert.same({ "POST", "/x", "", "body" }, { second.method, second.path, second.query, second.body })
    assert.equal(7, math.floor(second.time - first.time + 0.5))
    assert.is_nil((second:json()))
    assert.equal(3, #site.requests)
  end)

  it("gives the answers of a list one after the other, the last one to all that follow", function()
    local site = testing.http { ["GET /x"] = { { status = 503 }, { status = 429, headers = { ["Retry-After"] = 1 } },
      { body = "at last" } } }
    local got = {}
    for i = 1, 4 do got[i] = tell(http.get(site.url .. "/x")) end
    assert.same({ "503 ", "429 ", "200 at last", "200 at last" }, got)
  end)

  it("takes a spy or a stub for a function", function()
    local answers = spy.new(function() return { body = "spied" } end)
    local site = testing.http { ["GET /x"] = answers }
    assert.equal("200 spied", tell(http.get(site.url .. "/x")))
    assert.spy(answers).was.called(1)
  end)

  it("waits by the stopped clock", function()
    local clock = testing.clock()
    local site = testing.http { ["GET /slow"] = function() host.sleep(3600) return { body = "slow" } end }
    local got
    host.spawn(function() got = tell(http.get(site.url .. "/slow", { timeout = 90000 })) end)
    testing.eventually(function() return site.requests[1] end)
    clock:advance(3599)
    assert.is_nil(got)
    clock:advance(2)
    testing.eventually(function() return got end)
    assert.equal("200 slow", got)
  end)

  it("has the patience of a day: a connection of a bot is not ended by a clock that moves", function()
    local clock = testing.clock()
    local site = testing.http { ["GET /x"] = { body = "x" } }
    for _ = 1, 3 do
      assert.equal("200 x", tell(http.get(site.url .. "/x")))
      clock:advance(3600)
    end
  end)

  it("serves a bot", function()
    local site = testing.http { ["POST /login"] = { json = { token = "secret" } } }
    local peer = testing.server()
    testing.bot([[
      local http = require "wsbot.http"
      local token = http.post(arg[1] .. "/login", nil, { json = { user = "u" } }):json().token
      ws.connect { url = arg[2], headers = { Authorization = "Bearer " .. token } }
    ]], { args = { site.url, peer.url } })
    assert.equal("Bearer secret", peer:accept().request.headers.authorization)
    assert.same({ user = "u" }, site.requests[1]:json())
  end)

  it("listens no more once it is closed, and ends what waits", function()
    local ended = false
    local site = testing.http { ["GET /slow"] = function()
      local _ <close> = setmetatable({}, { __close = function() ended = true end })
      host.sleep(1000)
    end }
    local got
    host.spawn(function() got = tell(http.get(site.url .. "/slow")) end)
    testing.eventually(function() return site.requests[1] end)
    site:close()
    site:close()
    assert.is_true(ended)
    testing.eventually(function() return got end)
    assert.matches("^503 ", got)
    assert.matches("^connect: ", tell(http.get(site.url)))
  end)

  it("may be closed by its own function", function()
    local site
    site = testing.http { ["GET /x"] = function() site:close() return { body = "x" } end }
    local got = tell(http.get(site.url .. "/x"))
    assert.equal("503 this server is about to end\n", got)
  end)

  describe("in a setup", function()
    local site, bot, go_on
    setup(function()
      site = testing.http { ["GET /slow"] = function()
        while not go_on do host.sleep(0.001) end
        return { body = "slow" }
      end }
      bot = testing.bot([[print(require("wsbot.http").get(arg[1] .. "/slow").body)]], { args = { site.url } })
    end)
    it("is asked in one test", function()
      testing.eventually(function() return site.requests[1] end)
    end)
    it("and answers in the next", function()
      go_on = true
      bot:expect "slow"
    end)
  end)

  it("says what is wrong with its routes, at the line of the test", function()
    for text, routes in pairs {
      ["a table of routes is needed, not nil"] = { nil },
      ["a route is 'METHOD /path' or '/path', without a query, not 'GET'"] = { { GET = {} } },
      ["a route is 'METHOD /path' or '/path', without a query, not 'GET /x?a'"] = { { ["GET /x?a"] = {} } },
      ["a route is 'METHOD /path' or '/path', without a query, not 'GET x'"] = { { ["GET x"] = {} } },
      ["a route is 'METHOD /path' or '/path', without a query, not number"] = { { {} } },
      ["the answer to GET /x must be a table, a list of them or a function, not string"] = { { ["get /x"] = "x" } },
      ["answer 1 to GET /x: unknown option 'statsu' (did you mean 'status'?)"] = { { ["GET /x"] = { statsu = 1 } } },
      ["answer 2 to GET /x: body must be a string, not number"] = { { ["GET /x"] = { {}, { body = 1 } } } },
      ["answer 1 to GET /x: header 'A': its value has a control character (CR, LF, NUL, ...)"] = {
        { ["GET /x"] = { headers = { A = "b\n" } } } },
    } do
      local ok, why = pcall(function() testing.http(routes[1]) end)
      assert.is_false(ok)
      assert.matches("testing_http_spec.lua:%d+: testing.http: ", why)
      assert.equal(text, why:match "testing.http: (.*)")
    end
  end)

  it_tells("does not keep a program, though a client stays on", function()
    local bot = program.bot [[
      local uv, site = require "luv", require "wsbot.testing".http {}
      local client = uv.new_tcp()
      client:connect("127.0.0.1", tonumber(site.url:match "%d+$"), function()
        client:write "no request\r\n\r\n"
        client:read_start(function(_, data)
          if data then say(data:match "%d%d%d ") return end
          client:unref()
          site:close()
        end)
      end)
    ]]
    bot:tells "400 "
    bot:ends(0)
  end)

  it_tells("fails the test where a function fails, and where its answer is none", function()
    local path = place.file("failing_spec.lua", [[
      local http, testing = require "wsbot.http", require "wsbot.testing"
      it("fails by an error", function()
        local site = testing.http { ["GET /x"] = function() error "of the route" end }
        assert.equal(500, http.get(site.url .. "/x").status)
      end)
      it("fails by an answer that is none", function()
        local site = testing.http { ["GET /x"] = function() return 1 end }
        assert.equal(500, http.get(site.url .. "/x").status)
      end)
      it("does not fail by what nobody asked for", function()
        local site = testing.http {}
        assert.equal(404, http.get(site.url .. "/x").status)
      end)
      it("leaves a server", function() http.serve { handler = print } end)
    ]])
    local p = program.run { "test", "-o", "plainTerminal", path }
    p:wait()
    assert.matches("2 successes / 0 failures / 2 errors", p.out)
    assert.matches("failing_spec.lua:3: of the route", p.out)
    assert.matches("testing.http: the answer to GET /x: an answer is a table .-, not number", p.out)
    assert.matches("leaves a server left open: 1 server", p.err)
  end)
end)
