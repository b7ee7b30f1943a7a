-- What an answer to the opening handshake asks of the next request: redirects, and cookies.
-- Runs within the program that it tests.
local testing = require "wsbot.testing"

-- Connects, and returns the connection and what it told, line by line; told.over: it has ended.
local function connect(options)
  local told = {}
  local function note(...)
    told[#told + 1] = table.concat({ ... }, " ")
  end
  options.on_websocket_connect = function(_, response) note("open", response.status) end
  options.on_error = function(_, word, message) note(word, message) end
  options.on_close = function(_, code, _, record)
    note("close", code, record.phase)
    told.over = not record.retry_in
  end
  return ws.connect(options), told
end

local function ended(told)
  testing.eventually(function() return told.over end)
end

-- A server that answers with a redirect.
local function leads_to(location, options)
  options = options or {}
  options.refuse = { status = options.status or 302, headers = { Location = location } }
  options.status = nil
  return testing.server(options)
end

describe("a redirect", function()
  it("is not followed unless that is asked for, and the message says so", function()
    local target = testing.server()
    local server = leads_to(target.url .. "/there")
    local _, told = connect { url = server.url }
    ended(told)
    assert.matches("^handshake the server answered 302 Found: it redirects to " .. target.url:gsub("%p", "%%%0")
      .. "/there %(see max_redirects%)$", told[1])
    assert.equal("close 1006 handshake", told[2])
  end)

  for _, status in ipairs { 301, 302, 303, 307, 308 } do
    it(("%d is followed within the attempt"):format(status), function()
      local target = testing.server()
      local server = leads_to("http" .. target.url:sub(3) .. "/there?x=1#fragment", { status = status })
      local conn, told = connect { url = server.url .. "/here", max_redirects = 1 }
      local session = target:accept()
      assert.equal("/there", session.request.path)
      assert.equal("x=1", session.request.query)
      assert.equal(target.url:match "//(.*)", session.request.headers.host)
      conn:send "hello"
      assert.equal("hello", session:receive())
      assert.same({ "open 101" }, told)
      assert.equal(server.url .. "/here", conn.url)
      assert.equal(target.url:match "//(.*)", conn.remote_address)
      conn:close()
    end)
  end

  it("is followed so many times, and no more", function()
    local target = testing.server()
    local second = leads_to(target.url)
    local first = leads_to(second.url)
    local conn = connect { url = first.url, max_redirects = 2 }
    target:accept()
    conn:close()
    local _, told = connect { url = first.url, max_redirects = 1 }
    ended(told)
    assert.matches("^handshake the server redirects to ws:.*: one more than max_redirects allows %(1%)$", told[1])
    assert.equal("close 1006 handshake", told[2])
  end)

  it("that leads in a circle comes to an end", function()
    local server = testing.server { refuse = { status = 307, headers = { Location = "/again" } } }
    local _, told = connect { url = server.url, max_redirects = 5 }
    ended(told)
    assert.matches("^handshake the server redirects to /again: one more than max_redirects allows %(5%)$", told[1])
  end)

  it("begins anew with each attempt", function()
    local target = testing.server { refuse = { status = 503 } }
    local server = leads_to(target.url)
    local _, told = connect { url = server.url, max_redirects = 1,
      reconnect = { min = 0.001, max = 0.001, attempts = 2 } }
    ended(told)
    assert.equal("handshake the server answered 503 Service Unavailable", told[5])
  end)

  it("takes the url's user along on the same server", function()
    local server = testing.server {
      answer = function(request)
        if request.path == "/feed" then return {} end
        return { refuse = { status = 302, headers = { Location = "feed" } } }
      end,
    }
    local conn = connect { url = server.url:gsub("//", "//user:secret@") .. "/login", max_redirects = 1 }
    assert.equal("/login", server:accept().request.path)
    local request = server:accept().request
    assert.equal("/feed", request.path)
    assert.equal("Basic dXNlcjpzZWNyZXQ=", request.headers.authorization)
    conn:close()
  end)

  it("takes no credentials, cookies or Host of the script's to another origin", function()
    local target = testing.server()
    local server = leads_to(target.url)
    local url = server.url:gsub("//", "//user:secret@")
    local conn = connect { url = url, max_redirects = 1,
      headers = { Cookie = "session=secret", Authorization = "Bearer secret", Host = "inside" } }
    local headers = target:accept().request.headers
    assert.is_nil(headers.authorization)
    assert.is_nil(headers.cookie)
    assert.equal(target.url:match "//(.*)", headers.host)
    conn:close()
  end)

  -- What a script sends that is not for everybody.
  local function personal(url, more)
    local options = {
      url = url, max_redirects = 5, origin = "https://inside.example", protocols = { "v2.chat", ("k"):rep(32) },
      headers = {
        ["X-Api-Key"] = "secret", ["Proxy-Authorization"] = "Basic secret", Authorization = "Bearer secret",
        Cookie = "session=secret", ["User-Agent"] = "bot/1", Accept = "*/*", ["accept-language"] = "en",
      },
    }
    for name, value in pairs(more or {}) do options[name] = value end
    return (connect(options))
  end

  it("takes to another origin what is harmless, and nothing else that the script sends", function()
    local target = testing.server()
    local conn = personal(leads_to(target.url).url)
    local headers = target:accept().request.headers
    for _, name in ipairs { "x-api-key", "proxy-authorization", "authorization", "cookie", "origin" } do
      assert.is_nil(headers[name], name)
    end
    assert.equal("bot/1", headers["user-agent"])
    assert.equal("*/*", headers.accept)
    assert.equal("en", headers["accept-language"])
    assert.equal("v2.chat", headers["sec-websocket-protocol"])
    conn:close()
  end)

  it("takes the script's headers along where it says that they are for all, but no credentials", function()
    local target = testing.server()
    local conn = personal(leads_to(target.url).url, { redirect_headers = true })
    local headers = target:accept().request.headers
    assert.equal("secret", headers["x-api-key"])
    assert.equal("https://inside.example", headers.origin)
    for _, name in ipairs { "proxy-authorization", "authorization", "cookie" } do
      assert.is_nil(headers[name], name)
    end
    assert.equal("v2.chat", headers["sec-websocket-protocol"])
    conn:close()
  end)

  it("on the same origin takes all of it", function()
    local server = testing.server {
      answer = function(request)
        return request.path == "/feed" and {} or { refuse = { status = 302, headers = { Location = "/feed" } } }
      end,
    }
    local conn = personal(server.url)
    server:accept()
    local headers = server:accept().request.headers
    for _, name in ipairs { "x-api-key", "proxy-authorization", "authorization", "cookie", "origin" } do
      assert.is_string(headers[name], name)
    end
    assert.equal("v2.chat, " .. ("k"):rep(32), headers["sec-websocket-protocol"])
    conn:close()
  end)

  it("that leads back brings no credentials back: a stranger has chosen the address", function()
    local home, stranger
    home = testing.server {
      answer = function(request)
        if request.path == "/transfer" then return {} end
        return { refuse = { status = 302, headers = { Location = stranger.url } } }
      end,
    }
    stranger = leads_to(home.url .. "/transfer")
    local conn = personal(home.url:gsub("//", "//user:secret@") .. "/feed")
    assert.equal("Bearer secret", home:accept().request.headers.authorization)
    local request = home:accept().request
    assert.equal("/transfer", request.path)
    for _, name in ipairs { "x-api-key", "authorization", "cookie" } do
      assert.is_nil(request.headers[name], name)
    end
    conn:close()
  end)

  it("that leads away is forgotten by the next attempt", function()
    local stranger = testing.server { refuse = { status = 503 } }
    local home = leads_to(stranger.url)
    local conn = personal(home.url, { reconnect = { min = 0.001, max = 0.001, attempts = 1 } })
    assert.equal("Bearer secret", home:accept().request.headers.authorization)
    assert.equal("Bearer secret", home:accept().request.headers.authorization)
    conn:close()
  end)

  it("is told without the query, and without a user and password", function()
    local _, told = connect { url = leads_to("ws://user:secret@h:0/there?jwt=secret").url, max_redirects = 1 }
    ended(told)
    assert.equal("handshake the server redirects to 'ws://***@h:0/there': the port must be a number from 1 to 65535",
      told[1])
  end)

  it("from wss to ws is never followed", function()
    local target = testing.server()
    local server = leads_to(target.url, { tls = true })
    local _, told = connect { url = server.url, tls = { ca_file = server.ca_file }, max_redirects = 5 }
    ended(told)
    assert.matches("^handshake the server redirects from wss to ws, which is not followed: ws://127", told[1])
  end)

  it("from ws to wss is, and verified", function()
    local target = testing.server { tls = true }
    local server = leads_to("https" .. target.url:sub(4))
    local conn, told = connect { url = server.url, tls = { ca_file = target.ca_file }, max_redirects = 1 }
    target:accept()
    testing.eventually(function() return told[1] == "open 101" end)
    conn:close()
    local _, why = connect { url = server.url, max_redirects = 1 }
    ended(why)
    assert.matches("^tls ", why[1])
    assert.equal("close 1006 tls", why[2])
  end)

  for location, why in pairs {
    ["ftp://h/"] = "'ftp://h/': it is not of http or https",
    ["ws://h:0/"] = "'ws://h:0/': the port must be a number from 1 to 65535",
    ["ws://"] = "'ws://': it has no host",
  } do
    it("to " .. location .. " is an error that says why", function()
      local server = leads_to(location)
      local _, told = connect { url = server.url, max_redirects = 1 }
      ended(told)
      assert.equal("handshake the server redirects to " .. why, told[1])
    end)
  end
end)

describe("cookies", function()
  local function cookie_of(session) return session.request.headers.cookie end

  it("are kept for the next attempt where that is asked for", function()
    local clock = testing.clock()
    local server = testing.server { headers = { ["Set-Cookie"] = { "id=7; Path=/; HttpOnly", "node=a; Max-Age=60" } } }
    local conn = connect { url = server.url, cookies = true, headers = { Cookie = "mine=1" }, reconnect = { min = 1 } }
    clock:advance(0)
    local session = server:accept(0)
    assert.equal("mine=1", cookie_of(session))
    session:drop()
    clock:advance(1)
    session = server:accept(0)
    assert.equal("mine=1; id=7; node=a", cookie_of(session))
    clock:advance(120)
    session:drop()
    clock:advance(1)
    assert.equal("mine=1; id=7", cookie_of(server:accept(0)))
    conn:close()
  end)

  it("are not, where it is not", function()
    local clock = testing.clock()
    local server = testing.server { headers = { ["Set-Cookie"] = "id=7" } }
    local conn = connect { url = server.url, reconnect = { min = 1 } }
    clock:advance(0)
    server:accept(0):drop()
    clock:advance(1)
    assert.is_nil(cookie_of(server:accept(0)))
    conn:close()
  end)

  it("that a redirect sets go along", function()
    local server = testing.server {
      answer = function(request)
        if request.path == "/feed" then return {} end
        return { refuse = { status = 302, headers = { Location = "/feed", ["Set-Cookie"] = "step=1" } } }
      end,
    }
    local conn = connect { url = server.url .. "/login", cookies = true, max_redirects = 1 }
    testing.eventually(function() return conn.state == "open" end)
    assert.equal("/login", server:accept().request.path)
    local session = server:accept()
    assert.equal("/feed", session.request.path)
    assert.equal("step=1", cookie_of(session))
    conn:close()
  end)

  it("of a server that sets more and more still leave room for a request", function()
    local n = 0
    local server = testing.server {
      answer = function()
        n = n + 1
        local set = {}
        for i = 1, 7 do set[i] = ("c%d-%d=%s"):format(n, i, ("x"):rep(4000)) end
        return n == 4 and {} or { refuse = { status = 302, headers = { Location = "/" .. n, ["Set-Cookie"] = set } } }
      end,
    }
    local conn = connect { url = server.url, cookies = true, max_redirects = 3 }
    for _ = 1, 3 do server:accept() end
    assert.matches("c3%-7=x+$", cookie_of(server:accept()))
    conn:close()
  end)
end)
