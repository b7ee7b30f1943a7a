-- Requests that are sent again: retry, by Retry-After and by back-off, and `previous`, which asks for what has changed.
-- Runs within the program that it tests.
local http = require "wsbot.http"
local testing = require "wsbot.testing"

-- A site that gives these answers to /x, one after the other.
local function site_of(...)
  return testing.http { ["/x"] = { ... } }
end

local function busy(status, retry_after)
  return { status = status, body = "busy", headers = retry_after and { ["Retry-After"] = retry_after } }
end

-- Starts a request in a task. Returns a table whose `res` is there when it has ended, and whose `at` says when.
local function start(options)
  local got = {}
  host.spawn(function()
    got.res, got.word, got.message = http.request(options)
    got.at = host.now()
  end)
  return got
end

local function requests(site, n)
  testing.eventually(function() return #site.requests >= n end)
  assert.equal(n, #site.requests)
end

describe("a request to a server that is busy", function()
  it("is sent once, unless the script asks for more", function()
    local site = site_of(busy(503, 0), { body = "x" })
    assert.equal(503, http.get(site.url .. "/x").status)
    assert.equal(1, #site.requests)
  end)

  it("is sent again after what Retry-After says, whatever its method and status", function()
    local clock = testing.clock()
    local site = site_of(busy(429, 7), busy(503, 3), { body = "x" })
    local got = start { url = site.url .. "/x", method = "POST", json = { a = 1 }, retry = 2 }
    local began = host.now()
    requests(site, 1)
    clock:advance(6.9)
    requests(site, 1)
    clock:advance(0.1)
    requests(site, 2)
    clock:advance(3)
    testing.eventually(function() return got.at end)
    assert.same({ 200, "x" }, { got.res.status, got.res.body })
    assert.near(10, got.at - began, 0.01)
    assert.same({ '{"a":1}', '{"a":1}', '{"a":1}' },
      { site.requests[1].body, site.requests[2].body, site.requests[3].body })
  end)

  it("is sent again at a date, at once where it is past", function()
    local clock = testing.clock()
    local function date(after) return os.date("!%a, %d %b %Y %H:%M:%S GMT", math.floor(host.time()) + after) end
    local n, times = 0, {}
    local answers = { busy(503, date(-10)), busy(503, date(20)), { body = "x" } }
    local site = testing.http { ["/x"] = function() n = n + 1 times[n] = host.now() return answers[n] end }
    local got = start { url = site.url .. "/x", retry = 5 }
    testing.eventually(function() return n == 2 end)
    clock:advance(21)
    testing.eventually(function() return got.at end)
    assert.equal("x", got.res.body)
    assert.near(0, times[2] - times[1], 0.01)
    assert.near(19.5, times[3] - times[2], 1.5)
  end)

  it("waits as a reconnection does where there is no Retry-After, or none that can be read", function()
    local clock = testing.clock()
    local site = site_of(busy(503), busy(503, "soon"), { body = "x" })
    local got = start { url = site.url .. "/x", retry = 2 }
    requests(site, 1)
    testing.eventually(function() return #clock:pending() > 0 end)
    clock:advance(1) -- full jitter: up to 1 s, then up to 2 s
    testing.eventually(function() return got.at or #site.requests == 2 and #clock:pending() > 0 end)
    clock:advance(2)
    testing.eventually(function() return got.at end)
    assert.equal("x", got.res.body)
  end)

  it("is answered with the last answer when all tries are used up", function()
    local site = site_of(busy(503, 0))
    local res = http.get(site.url .. "/x", { retry = 3 })
    assert.same({ 503, "busy", 4 }, { res.status, res.body, #site.requests })
  end)

  it("is answered at once where the wait goes beyond its timeout", function()
    testing.clock()
    local site = site_of(busy(503, 31), { body = "x" })
    assert.equal(503, http.get(site.url .. "/x", { retry = 1 }).status)
    site = site_of(busy(503, 5), { body = "x" })
    assert.equal(503, http.get(site.url .. "/x", { retry = 1, timeout = 5 }).status)
    assert.equal(1, #site.requests)
  end)

  it("has one timeout for all its tries", function()
    local clock = testing.clock()
    local site = site_of(busy(503, 4))
    local got = start { url = site.url .. "/x", retry = 10, timeout = 10 }
    for n = 1, 3 do
      requests(site, n)
      if n < 3 then clock:advance(4) end
    end
    testing.eventually(function() return got.at end)
    assert.equal(503, got.res.status)
  end)

  it("is not sent again for other statuses, nor after a failure", function()
    local site = site_of({ status = 500, headers = { ["Retry-After"] = 0 } })
    assert.equal(500, http.get(site.url .. "/x", { retry = 5 }).status)
    assert.equal(1, #site.requests)
    site:close()
    assert.equal("connect", (select(2, http.get(site.url .. "/x", { retry = 5 }))))
  end)

  it("ends with its task while it waits", function()
    local clock = testing.clock()
    local site = site_of(busy(503, 10), { body = "x" })
    local task = host.spawn(function() http.get(site.url .. "/x", { retry = 1 }) end)
    requests(site, 1)
    testing.eventually(function() return #clock:pending() > 0 end)
    task:cancel()
    clock:advance(20)
    requests(site, 1)
  end)

  it("is of a bot, whose clock the test has", function()
    local clock = testing.clock()
    local site = site_of(busy(503, 20), { body = "x" })
    local bot = testing.bot([[print(require "wsbot.http".get(arg[1], { retry = 1 }).body)]],
      { args = { site.url .. "/x" } })
    requests(site, 1)
    clock:advance(20)
    testing.eventually(function() return bot.output == "x\n" end)
    bot:stop()
  end)
end)

describe("an answer that came before", function()
  local function versions()
    local version = 1
    local site = testing.http { ["GET /x"] = function(request)
      local tag = ('"v%d"'):format(version)
      if request.headers["if-none-match"] == tag then return { status = 304, headers = { ETag = tag } } end
      return { body = "version " .. version, headers = { ETag = tag, ["Last-Modified"] = "yesterday" } }
    end }
    return site, function() version = version + 1 end
  end

  it("is the answer where the server says that nothing has changed", function()
    local site, change = versions()
    local first = http.get(site.url .. "/x")
    local second = http.get(site.url .. "/x", { previous = first })
    assert.is_true(rawequal(first, second))
    assert.equal("yesterday", site.requests[2].headers["if-modified-since"])
    change()
    local third = http.get(site.url .. "/x", { previous = second })
    assert.same({ 200, "version 2" }, { third.status, third.body })
  end)

  it("may have no version, and own headers go first", function()
    local site = versions()
    local plain = testing.http { ["GET /x"] = { body = "x" } }
    local res = http.get(plain.url .. "/x")
    assert.equal("x", http.get(plain.url .. "/x", { previous = res }).body)
    local first = http.get(site.url .. "/x")
    local again = http.get(site.url .. "/x", { previous = first, headers = { ["if-none-match"] = '"none"' } })
    assert.equal("version 1", again.body)
    assert.equal(304, http.get(site.url .. "/x", { headers = { ["If-None-Match"] = '"v1"' } }).status)
  end)

  it("is an answer, and of what is read", function()
    local ok, why = pcall(http.get, "http://127.0.0.1:1/", { previous = {} })
    assert.same({ false, "http.get: previous must be an answer of http.get or http.request" }, { ok, why })
    local site = testing.http { ["/x"] = { body = "x" } }
    ok, why = pcall(http.post, site.url .. "/x", "b", { previous = http.get(site.url .. "/x") })
    assert.same({ false, "http.post: previous is for GET and HEAD" }, { ok, why })
  end)
end)
