-- http.session: addresses, headers and cookies that requests have in common, and share with connections.
-- Runs within the program that it tests.
local http = require "wsbot.http"
local reference = require "wsbot.http.reference"
local testing = require "wsbot.testing"

-- fn raises an error that names the caller's line, and is this.
local function raises(message, fn)
  local ok, why = pcall(fn)
  assert.is_false(ok)
  local line = debug.getinfo(fn, "S").linedefined
  assert.equal(("tests/spec/http_session_spec.lua:%d: %s"):format(line, message), why)
end

-- A site that answers every request with the value of one of its headers.
local function mirror(header)
  return testing.http { ["GET /x"] = function(r) return { body = r.headers[header] or "none" } end }
end

-- The first piece of a stream, which is closed.
local function first_of(stream)
  local open <close> = stream
  return (open:read())
end

describe("an address", function()
  -- RFC 3986 5.4.1, then 5.4.2
  local examples = {
    ["g:h"] = "g:h", ["g"] = "http://a/b/c/g", ["./g"] = "http://a/b/c/g", ["g/"] = "http://a/b/c/g/",
    ["/g"] = "http://a/g", ["//g"] = "http://g", ["?y"] = "http://a/b/c/d;p?y", ["g?y"] = "http://a/b/c/g?y",
    ["#s"] = "http://a/b/c/d;p?q#s", ["g#s"] = "http://a/b/c/g#s", ["g?y#s"] = "http://a/b/c/g?y#s",
    [";x"] = "http://a/b/c/;x", ["g;x"] = "http://a/b/c/g;x", ["g;x?y#s"] = "http://a/b/c/g;x?y#s",
    [""] = "http://a/b/c/d;p?q", ["."] = "http://a/b/c/", ["./"] = "http://a/b/c/", [".."] = "http://a/b/",
    ["../"] = "http://a/b/", ["../g"] = "http://a/b/g", ["../.."] = "http://a/", ["../../"] = "http://a/",
    ["../../g"] = "http://a/g",
    ["../../../g"] = "http://a/g", ["../../../../g"] = "http://a/g", ["/./g"] = "http://a/g", ["/../g"] = "http://a/g",
    ["g."] = "http://a/b/c/g.", [".g"] = "http://a/b/c/.g", ["g.."] = "http://a/b/c/g..", ["..g"] = "http://a/b/c/..g",
    ["./../g"] = "http://a/b/g", ["./g/."] = "http://a/b/c/g/", ["g/./h"] = "http://a/b/c/g/h",
    ["g/../h"] = "http://a/b/c/h", ["g;x=1/./y"] = "http://a/b/c/g;x=1/y", ["g;x=1/../y"] = "http://a/b/c/y",
    ["g?y/./x"] = "http://a/b/c/g?y/./x", ["g?y/../x"] = "http://a/b/c/g?y/../x",
    ["g#s/./x"] = "http://a/b/c/g#s/./x", ["g#s/../x"] = "http://a/b/c/g#s/../x", ["http:g"] = "http:g",
  }

  for text, expected in pairs(examples) do
    it(("'%s' is resolved by RFC 3986"):format(text), function()
      assert.equal(expected, reference.resolve("http://a/b/c/d;p?q", text))
    end)
  end

  it("is resolved against a base without a path, and with nothing but a host", function()
    assert.equal("http://a/g", reference.resolve("http://a", "g"))
    assert.equal("http://a?y", reference.resolve("http://a", "?y"))
    assert.equal("http://u:p@a:8/g", reference.resolve("http://u:p@a:8?q", "g"))
    assert.equal("http://a//g", reference.resolve("http://a/b", "//a//g"))
  end)

  it("is resolved by a session, and by none without a base", function()
    local site = testing.http { ["GET /b/g"] = { body = "g" }, ["GET /g"] = { body = "root" } }
    local session = http.session { base = site.url .. "/b/c" }
    assert.equal("g", session.get("g").body)
    assert.equal("root", session:get("/g", { query = { a = 1 } }).body)
    assert.equal("a=1", site.requests[2].query)
    assert.equal("g", session:request { url = site.url .. "/b/g" }.body)
    assert.equal("root", session.request { url = "../g" }.body)
    raises("session.get: url 'g': it must begin with http:// or https:// and a host",
      function() return (http.session().get("g")) end)
    raises("session.get: url 'ftp://a/': it must begin with http:// or https:// and a host",
      function() return (session:get("ftp://a/")) end)
  end)
end)

describe("a session", function()
  it("has http's functions, with a dot or a colon", function()
    local site = testing.http { ["/x"] = function(r) return { body = r.method .. " " .. r.body } end }
    local session = http.session { base = site.url }
    for _, method in ipairs { "get", "delete" } do
      assert.equal(method:upper() .. " ", session[method]("/x").body)
      assert.equal(method:upper() .. " ", session[method](session, "/x").body)
    end
    for _, method in ipairs { "post", "put", "patch" } do
      assert.equal(method:upper() .. " b", session[method]("/x", "b").body)
      assert.equal(method:upper() .. " b", session[method](session, "/x", "b").body)
    end
    assert.equal(200, session:head("/x").status)
    assert.equal("GET ", first_of(session:stream { url = "/x" }))
    assert.equal("GET ", first_of(session.stream { url = "/x" }))
    assert.equal("http.session: " .. site.url, tostring(session))
    for name in pairs(http) do assert.is_function(session[name], name) end
  end)

  it("gives each request its headers, and those of the request go first", function()
    local site = mirror "x-key"
    local session = http.session { base = site.url, headers = { ["X-Key"] = "common", ["User-Agent"] = "bot" } }
    assert.equal("common", session.get("/x").body)
    assert.equal("own", session.get("/x", { headers = { ["x-key"] = "own" } }).body)
    assert.equal("bot", site.requests[2].headers["user-agent"])
    local other = mirror "x-key"
    assert.equal("none", session.get(other.url .. "/x").body) -- what is for one origin is not for another
    assert.equal("bot", other.requests[1].headers["user-agent"])
    assert.equal("own", session.get(other.url .. "/x", { headers = { ["X-Key"] = "own" } }).body)
    local free = http.session { headers = { ["X-Key"] = "common" } }
    assert.equal("common", free.get(other.url .. "/x").body)
  end)

  it("takes options for all its requests, and names those that are wrong", function()
    local site = testing.http { ["GET /x"] = { { status = 503, headers = { ["Retry-After"] = 0 } }, { body = "x" } } }
    assert.equal("x", http.session { base = site.url, retry = 1 }.get("/x").body)
    local function refuses(options, message)
      local ok, why = pcall(http.session, options)
      assert.is_false(ok)
      assert.matches(message, why)
    end
    refuses({ bace = "http://a" }, "^http%.session: unknown option 'bace' %(did you mean 'base'%?%)$")
    refuses({ base = "/x" }, "^http%.session: base '/x': it must begin with http://")
    refuses({ headers = { ["a b"] = "1" } }, "header 'a b': its name is not a header name")
    refuses({ headers = { a = "1\r\n" } }, "header 'a': its value has a control character")
    refuses(5, "expected a table")
  end)
end)

describe("cookies", function()
  it("are sent where they belong, and by their session alone", function()
    local site = testing.http {
      ["GET /a/set"] = { headers = { ["Set-Cookie"] = { "id=7; Path=/", "deep=1", "gone=1; Max-Age=0",
        "far=1; Domain=x.org", "tls=1; Secure", "old=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT" } } },
      ["GET /x"] = function(r) return { body = r.headers.cookie or "none" } end,
      ["GET /a/x"] = function(r) return { body = r.headers.cookie or "none" } end,
    }
    local session, other = http.session { base = site.url }, http.session { base = site.url }
    assert.equal("none", session.get("/x").body)
    session.get("/a/set")
    assert.equal("id=7", session.get("/x").body)
    assert.equal("deep=1; id=7", session.get("/a/x").body)
    assert.equal("mine=1; id=7", session.get("/x", { headers = { Cookie = "mine=1" } }).body)
    assert.equal("id=7", first_of(session.stream { url = "/x" }))
    assert.equal("none", session.get((site.url:gsub("127%.0%.0%.1", "localhost")) .. "/x").body)
    assert.equal("none", other.get("/x").body)
    assert.equal("none", http.get(site.url .. "/x").body)
  end)

  it("that a redirect sets go along with it, and to no other host", function()
    local other = mirror "cookie"
    local there = other.url:gsub("127%.0%.0%.1", "localhost")
    local site = testing.http {
      ["POST /login"] = { status = 303, headers = { Location = "/home", ["Set-Cookie"] = "sid=1; HttpOnly" } },
      ["GET /home"] = function(r) return { body = r.headers.cookie } end,
      ["GET /away"] = { status = 302, headers = { Location = there .. "/x", ["Set-Cookie"] = "sid=2" } },
    }
    local session = http.session { base = site.url }
    assert.equal("sid=1", session.post("/login", "user=u", { max_redirects = 1 }).body)
    assert.equal("none", session.get("/away").body)
    assert.equal("sid=2", session.get("/home").body)
  end)

  it("belong to an address of IPv6 as to a name, over HTTP and WebSocket", function()
    local function handler(r)
      return { body = r.headers.cookie or "none", headers = { ["Set-Cookie"] = "six=1" } }
    end
    local ok, server = pcall(http.serve, { host = "::1", handler = handler })
    if not ok then return pending "there is no ::1 here" end
    local session = http.session { base = server.url }
    session.get("/x")
    assert.equal("six=1", session.get("/x").body)
    local cookie
    ws.connect { url = server.url:gsub("http", "ws"), cookies = session, on_error = function() end,
      on_close = function(_, _, _, record) cookie = record.response.body end }
    testing.eventually(function() return cookie end)
    assert.equal("six=1", cookie)
    server:close(true)
  end)

  it("expire by the clock of the test", function()
    local clock = testing.clock()
    local site = testing.http { ["GET /set"] = { headers = { ["Set-Cookie"] = "a=1; Max-Age=60" } },
      ["GET /x"] = function(r) return { body = r.headers.cookie or "none" } end }
    local session = http.session { base = site.url }
    session.get("/set")
    assert.equal("a=1", session.get("/x").body)
    clock:advance(61)
    assert.equal("none", session.get("/x").body)
  end)

  it("are shared with connections, both ways", function()
    local clock = testing.clock()
    local site = testing.http { ["GET /login"] = { headers = { ["Set-Cookie"] = "sid=1; Path=/" } },
      ["GET /x"] = function(r) return { body = r.headers.cookie or "none" } end }
    local peer = testing.server { headers = { ["Set-Cookie"] = "node=a; Path=/" } }
    local session = http.session { base = site.url }
    session.get("/login")
    local conn = ws.connect { url = peer.url, cookies = session, reconnect = { min = 1 },
      on_error = function() end }
    clock:advance(0)
    local first = peer:accept(0)
    assert.equal("sid=1", first.request.headers.cookie)
    testing.eventually(function() return conn.state == "open" end)
    assert.equal("sid=1; node=a", session.get("/x").body)
    first:drop()
    clock:advance(1)
    assert.equal("sid=1; node=a", peer:accept(0).request.headers.cookie)
    local second = ws.connect { url = peer.url, cookies = session.cookies }
    clock:advance(0)
    assert.equal("sid=1; node=a", peer:accept(0).request.headers.cookie)
    second:close()
    conn:close()
    session = nil -- luacheck: ignore
    collectgarbage()
    raises("ws.connect: cookies must be true, false or a session of http, not table",
      function() return (ws.connect { url = peer.url, cookies = {} }) end)
  end)

  it("of a session outlive it in its connections, and are gone after a reload", function()
    local site = testing.http { ["GET /set"] = { headers = { ["Set-Cookie"] = "a=1; Path=/" } } }
    local peer = testing.server()
    local source = [[
      local session = require "wsbot.http".session { base = arg[1] }
      if host.reloads == 0 then session.get("/set") end
      ws.connect { url = arg[2], name = "feed", cookies = session, reconnect = { min = 0.001 },
        on_error = function() end }
    ]]
    local bot = testing.bot(source, { args = { site.url, peer.url } })
    local first = peer:accept()
    assert.equal("a=1", first.request.headers.cookie)
    assert(bot:reload(source))
    first:drop()
    assert.is_nil(peer:accept().request.headers.cookie)
    bot:stop()
  end)

  it("of a server that sets more and more leave room for a request, and for the cookies of others", function()
    local site = testing.http {
      ["GET /set"] = function(r)
        local set = {}
        for i = 1, 20 do set[i] = ("c%s-%d=%s"):format(r.query, i, ("x"):rep(2000)) end
        return { headers = { ["Set-Cookie"] = set } }
      end,
      ["GET /x"] = function(r) return { body = r.headers.cookie or "none" } end,
    }
    local session = http.session()
    local there = site.url:gsub("127%.0%.0%.1", "localhost")
    session.get(there .. "/set?0")
    for n = 1, 5 do session.get(site.url .. "/set?" .. n) end
    local sent = session.get(site.url .. "/x").body
    assert.is_true(#sent <= 16384)
    assert.matches("c5%-20=x+$", sent)
    assert.matches("c0%-20=x+$", session.get(there .. "/x").body)
  end)
end)
