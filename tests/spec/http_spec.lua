-- wsbot.http: what a request sends, what comes of its answer, and what of servers that give none, or a bad one.
local uv = require "luv"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local process = require "support.process"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"
local web = require "support.web"

local bot_of, take, answer, serve, listen = web.bot_of, web.take, web.answer, web.serve, web.listen

local function gzip(text)
  local path = place.file("body", text)
  assert(os.execute(("gzip -9 '%s'"):format(path)))
  return place.read(path .. ".gz")
end

-------------------------------------------------------------------------------------------------------------- requests

describe("a request", function()
  it_tells("gets an answer", function()
    local p = listen()
    local bot = bot_of([[
      local res, word = http.get(arg[1] .. "/path?x=1#part")
      say(res.status, res.reason, res.ok, res.headers["content-TYPE"], res.headers.nothing, word)
      say(show(res.body), res.url == arg[1] .. "/path?x=1#part", tostring(res))
      say(table.concat(res:all "Set-Cookie", "|"), res.headers["set-cookie"])
    ]], { p.url })
    local s = p:accept()
    local request = take(s)
    assert.equal("GET /path?x=1 HTTP/1.1", request.line)
    assert.same({ p.address }, request.headers.host)
    assert.matches("^wsbot/", request.headers["user-agent"][1])
    assert.is_nil(request.headers["content-type"])
    s:send(answer("200 Very well", "hello\0", { "Content-Type: text/plain", "Set-Cookie: a=1", "set-cookie: b=2" }))
    bot:tells("200 Very well true text/plain nil nil", [["hello\x00" true http.response: 200 Very well (6 bytes)]],
      "a=1|b=2 a=1, b=2")
    bot:ends(0)
  end)

  it_tells("posts a body as it is", function()
    local p = listen()
    local bot = bot_of([[tell(http.post(arg[1], "a\0b\r\n", { headers = { ["Content-Type"] = "x/y" } }))
      tell(http.post(arg[1], ""))
      tell(http.put(arg[1], "put"))
      tell(http.delete(arg[1]))
      tell(http.patch(arg[1], ("x"):rep(2^21)))
      tell(http.request { url = arg[1], method = "options" })]], { p.url })
    local s = p:accept()
    for _, expected in ipairs { { "POST", "a\0b\r\n", "x/y" }, { "POST", "" }, { "PUT", "put" }, { "DELETE", "" },
      { "PATCH", ("x"):rep(2 ^ 21) }, { "OPTIONS", "" } } do
      local request = take(s)
      assert.equal(expected[1], request.method)
      assert.equal(expected[2], request.body)
      assert.same(expected[3] and { expected[3] } or nil, request.headers["content-type"])
      assert.is_nil(request.headers.expect)
      s:send(answer("200 OK", "ok"))
      bot:tells '200 "ok"'
    end
    bot:ends(0)
  end)

  it_tells("sends HEAD, and waits for no body", function()
    local p = listen()
    local bot = bot_of([[local res = http.head(arg[1])
      say(res.status, #res.body, res.headers["content-length"])]], { p.url })
    local s = p:accept()
    assert.equal("HEAD", take(s).method)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
    bot:tells "200 0 99999999999"
    bot:ends(0)
  end)

  it_tells("writes JSON and reads it", function()
    local p = listen()
    local bot = bot_of([[
      local res = http.post(arg[1], nil, { json = { name = "bot", list = { 1, 2 } } })
      say(res:json().token)
      say(http.post(arg[1], nil, { json = false, headers = { ["content-type"] = "application/x+json" } }):json())
      say(http.get(arg[1]):json())
    ]], { p.url })
    local s = p:accept()
    local request = take(s)
    assert.same({ "application/json" }, request.headers["content-type"])
    assert.same({ name = "bot", list = { 1, 2 } }, require "cjson".decode(request.body))
    s:send(answer("201 Created", '{"token":"abc"}'))
    bot:tells "abc"
    request = take(s)
    assert.same({ "application/x+json" }, request.headers["content-type"])
    assert.equal("false", request.body)
    s:send(answer("200 OK", "[1"))
    bot:tells "~^nil the body is not JSON: "
    take(s)
    s:send(answer("200 OK", '"text"'))
    bot:tells "text"
    bot:ends(0)
  end)

  it_tells("percent-encodes query and form", function()
    local p = listen()
    local bot = bot_of([[
      local odd = { ["a b"] = "ä&=", list = { "x", 2, true }, n = 1.5, empty = {} }
      tell(http.get(arg[1] .. "/q", { query = odd }))
      tell(http.get(arg[1] .. "/q?a=1#f", { query = { b = "/" } }))
      tell(http.post(arg[1] .. "/f", nil, { form = odd }))
    ]], { p.url })
    local s = p:accept()
    local expected = "a%20b=%C3%A4%26%3D&list=x&list=2&list=true&n=1.5"
    assert.equal("/q?" .. expected, take(s).target)
    s:send(answer("200 OK", "1"))
    assert.equal("/q?a=1&b=%2F", take(s).target)
    s:send(answer("200 OK", "2"))
    local request = take(s)
    assert.equal(expected, request.body)
    assert.same({ "application/x-www-form-urlencoded" }, request.headers["content-type"])
    s:send(answer("200 OK", "3"))
    bot:tells('200 "1"', '200 "2"', '200 "3"')
    bot:ends(0)
  end)

  it_tells("sends headers, several of a name and empty ones among them", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1], { headers = { ["X-List"] = { "v1", "v2" }, ["X-Empty"] = "",
      ["X-Number"] = 5, Host = "other.example", Accept = "text/plain", ["User-Agent"] = "me" } }))]], { p.url })
    local s = p:accept()
    local request = take(s)
    assert.same({ "v1", "v2" }, request.headers["x-list"])
    assert.same({ "" }, request.headers["x-empty"])
    assert.same({ "5" }, request.headers["x-number"])
    assert.same({ "other.example" }, request.headers.host)
    assert.same({ "text/plain" }, request.headers.accept)
    assert.same({ "me" }, request.headers["user-agent"])
    s:send "HTTP/1.1 204 No Content\r\n\r\n"
    bot:tells '204 ""'
    bot:ends(0)
  end)

  it_tells("says nothing of a user without a name and a password", function()
    local p = serve(function(s, request)
      s:send(answer("200 OK", (request.headers.authorization or request.headers["proxy-authorization"] or {})[1]))
    end)
    local bot = bot_of([[
      local empty, colon = (arg[1]:gsub("//", "//@")), (arg[1]:gsub("//", "//:@"))
      tell(http.get(empty)) tell(http.get(colon)) tell(http.get("http://far.example", { proxy = colon }))
    ]], { p.url })
    bot:tells('200 ""', '200 ""', '200 ""')
    bot:ends(0)
  end)

  it_tells("says who it is with Basic authorization", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1], { user = "me", password = "p:w" }))
      local res = http.get((arg[1]:gsub("//", "//me:p%%3Aw@")))
      say(res.url == arg[1] .. "/")]], { p.url })
    local s = p:accept()
    for _ = 1, 2 do
      assert.same({ "Basic bWU6cDp3" }, take(s).headers.authorization)
      s:send(answer("200 OK", "in"))
    end
    bot:tells('200 "in"', "true")
    bot:ends(0)
  end)

  it_tells("uses the connection of the last one", function()
    local p = serve(function(s, request)
      s:send(answer("200 OK", request.target))
    end)
    local bot = bot_of([[for n = 1, 3 do tell(http.get(arg[1] .. "/" .. n)) end]], { p.url })
    bot:tells('200 "/1"', '200 "/2"', '200 "/3"')
    bot:ends(0)
    assert.equal(1, p.count)
  end)

  it_tells("goes out again where the kept connection was closed meanwhile", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1])) io.read() tell(http.get(arg[1]))]], { p.url }, { stdin = true })
    local s = p:accept()
    take(s)
    s:send(answer("200 OK", "1"))
    bot:tells '200 "1"'
    s:close()
    bot:write "\n"
    s = p:accept()
    take(s)
    s:send(answer("200 OK", "2"))
    bot:tells '200 "2"'
    bot:ends(0)
  end)
end)

--------------------------------------------------------------------------------------------------------------- answers

describe("an answer", function()
  it_tells("of 4xx or 5xx is no failure", function()
    local p = serve(function(s, request)
      s:send(answer(request.target:sub(2) .. " No", "why"))
    end)
    local bot = bot_of([[for _, status in ipairs { 404, 503 } do
      local res = http.get(arg[1] .. "/" .. status) say(res.status, res.ok, res.body) end]], { p.url })
    bot:tells("404 false why", "503 false why")
    bot:ends(0)
  end)

  it_tells("may come in chunks, in pieces, after 103, with folded headers and trailers", function()
    local p = listen()
    local bot = bot_of([[local res = http.get(arg[1]) tell(res) say(res.headers.folded, res.headers.late)]], { p.url })
    local s = p:accept()
    take(s)
    s:send_bytewise("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
      .. "Folded: a\r\n  b\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\nLate: yes\r\n\r\n")
    bot:tells('200 "hello world"', "a b yes")
    bot:ends(0)
  end)

  it_tells("may end with the connection", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1]))]], { p.url })
    local s = p:accept()
    take(s)
    s:send "HTTP/1.1 200 OK\r\n\r\nall of it"
    s:close()
    bot:tells '200 "all of it"'
    bot:ends(0)
  end)

  it_tells("is decompressed", function()
    local p = listen()
    local bot = bot_of([[local res = http.get(arg[1]) say(#res.body, res.body == ("wsbot "):rep(10000))]], { p.url })
    local s = p:accept()
    assert.matches("gzip", take(s).headers["accept-encoding"][1])
    s:send(answer("200 OK", gzip(("wsbot "):rep(10000)), { "Content-Encoding: gzip" }))
    bot:tells "60000 true"
    bot:ends(0)
  end)
end)

-- What comes of an answer that is sent so, by send(session).
local function results(name, options, send, ...)
  local lines = { ... }
  it_tells(name, function()
    local p = listen()
    local bot = bot_of(("tell(http.get(arg[1], { %s }))"):format(options), { p.url })
    local s = p:accept()
    take(s)
    send(s)
    bot:tells(table.unpack(lines))
    bot:ends(0)
  end)
end

describe("an answer is too big", function()
  results("when it says so", "max_size = 1000", function(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\nx"
  end, "~^nil too_big .*1001.*1000")
  results("when it goes on", "max_size = 1000", function(s)
    s:send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3E8\r\n" .. ("x"):rep(1000) .. "\r\n1\r\ny")
  end, "~^nil too_big .*1000")
  results("when it grows to be, by decompression", "max_size = 1000000", function(s)
    s:send(answer("200 OK", gzip(("\0"):rep(1000001)), { "Content-Encoding: gzip" }))
  end, "~^nil too_big .*1000000")
  results("but not when it just fits", "max_size = 1000", function(s)
    s:send(answer("200 OK", ("x"):rep(1000)))
  end, "200 <1000 bytes>")
  results("in one header, which has no end", "", function(s)
    s:post("HTTP/1.1 200 OK\r\nX: " .. ("x"):rep(2 ^ 20))
  end, "~^nil too_big .*100 KB")
  results("in its headers", "", function(s)
    s:post("HTTP/1.1 200 OK\r\n" .. ("X-Filler: " .. ("x"):rep(1000) .. "\r\n"):rep(300))
  end, "~^nil too_big .*headers")
end)

describe("an answer is a failure", function()
  results("reset, when the connection ends within its body", "", function(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    s:close()
  end, "~^nil reset ")
  results("reset, when the connection ends within a chunk", "", function(s)
    s:send "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nA\r\nhalf"
    s:close()
  end, "~^nil reset ")
  results("reset, when the connection breaks within its body", "", function(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    s:reset()
  end, "~^nil reset ")
  results("reset, when there is none", "", function(s)
    s:close()
  end, "~^nil reset ")
  results("http, when it is something else", "", function(s)
    s:send "SSH-2.0-server\r\n"
  end, "~^nil http ")
  results("http, when it cannot be decompressed", "", function(s)
    s:send(answer("200 OK", "this is not gzip", { "Content-Encoding: gzip" }))
  end, "~^nil http ")
  -- (a second: by then it is connected, and has heard the half)
  results("timeout, when none comes", "timeout = 1", function() end, "~^nil timeout .*no answer.* 1 s")
  results("timeout, when it stops", "timeout = 1", function(s)
    s:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
  end, "~^nil timeout .*4 bytes.* 1 s")
end)

describe("a request fails", function()
  it_tells("with connect, where nobody listens", function()
    local bot = bot_of([[tell(http.get(arg[1]))]], { "http://127.0.0.1:" .. peer.dead_port() })
    bot:tells "~^nil connect .*127%.0%.0%.1"
    bot:ends(0)
  end)

  it_tells("with dns, where there is no such name", function()
    local bot = bot_of([[tell(http.get "http://no-such-name.invalid/")]])
    bot:tells "~^nil dns .*no%-such%-name%.invalid"
    bot:ends(0)
  end)

  it_tells("with timeout, where the handshake of TLS is not answered within connect_timeout", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1], { connect_timeout = 0.2 }))]], { (p.url:gsub("http", "https")) })
    bot:tells "~^nil timeout "
    bot:ends(0)
  end)
end)

------------------------------------------------------------------------------------------------------------- redirects

describe("redirects", function()
  -- /N leads to /N-1, and /0 is the end; /to?URL leads there.
  local function maze()
    return serve(function(s, request)
      local n, to = request.target:match "^/(%d+)$", request.target:match "^/to%?(.*)$"
      if n == "0" then
        s:send(answer("200 OK", request.method .. (request.headers.authorization or { " plain" })[1]))
      else
        s:send(answer("302 Found", "elsewhere", { "Location: " .. (to or ("/%d"):format(n - 1)) }))
      end
    end)
  end

  it_tells("are followed ten times", function()
    local p = maze()
    local bot = bot_of([[local res = http.get(arg[1] .. "/10") tell(res) say(res.url == arg[1] .. "/0")
      tell(http.get(arg[1] .. "/11"))]], { p.url })
    bot:tells('200 "GET plain"', "true", "~^nil http .*10")
    bot:ends(0)
  end)

  it_tells("are followed as often as the script says", function()
    local p = maze()
    local bot = bot_of([[tell(http.get(arg[1] .. "/2", { max_redirects = 1 }))
      local res = http.get(arg[1] .. "/2", { max_redirects = 0 })
      say(res.status, res.headers.location, res.body)]], { p.url })
    bot:tells("~^nil http ", "302 /1 elsewhere")
    bot:ends(0)
  end)

  it_tells("of a POST are not followed unless asked for, and then by GET", function()
    local p = maze()
    local bot = bot_of([[tell(http.post(arg[1] .. "/1", "x"))
      tell(http.post(arg[1] .. "/1", "x", { max_redirects = 1 }))]], { p.url })
    bot:tells('302 "elsewhere"', '200 "GET plain"')
    bot:ends(0)
  end)

  it_tells("lead to http and https only", function()
    local p = maze()
    local secret = place.file("secret", "secret")
    local bot = bot_of([[tell(http.get(arg[1] .. "/to?file://" .. arg[2]))
      tell(http.get(arg[1] .. "/to?ftp://127.0.0.1/x"))]], { p.url, secret })
    bot:tells("~^nil http .*file", "~^nil http .*ftp")
    bot:ends(0)
  end)

  it_tells("do not take credentials to other hosts", function()
    local p, other = maze(), maze()
    local bot = bot_of([[
      for _, options in ipairs { { user = "me", password = "pw" }, { headers = { Authorization = "Bearer x" } } } do
        tell(http.get(arg[1] .. "/1", options))
        tell(http.get(arg[1] .. "/to?" .. arg[2] .. "/0", options))
      end]], { p.url, other.url })
    bot:tells('200 "GETBasic bWU6cHc="', '200 "GET plain"', '200 "GETBearer x"', '200 "GET plain"')
    bot:ends(0)
  end)

  -- Answers with what of the request is for the origin alone that the script named; /to?URL leads there.
  local function mirror(status)
    return serve(function(s, request)
      local to = request.target:match "^/to%?(.*)$"
      if to then
        s:send(answer(status or "307 Temporary Redirect", "elsewhere", { "Location: " .. to }))
        return
      end
      local seen = {}
      for _, name in ipairs { "x-key", "authorization", "cookie", "proxy-authorization", "user-agent", "accept" } do
        if request.headers[name] then seen[#seen + 1] = name end
      end
      s:send(answer("200 OK", ("%s %s [%s]"):format(request.method, table.concat(seen, " "), request.body)))
    end)
  end

  local send = [[
    local function get(url, more)
      local options = { url = url, user = "me", password = "pw", headers = { ["X-Key"] = "secret", Cookie = "a=secret",
        ["Proxy-Authorization"] = "Basic secret", ["User-Agent"] = "bot/1", Accept = "*/*" } }
      for name, value in pairs(more or {}) do options[name] = value end
      tell(http.request(options))
    end
  ]]

  it_tells("take to another origin what is harmless, and nothing else that the script sends", function()
    local p, other = mirror(), mirror()
    local bot = bot_of(send .. [[
      get(arg[1] .. "/to?/here")
      get(arg[1] .. "/to?" .. arg[2] .. "/there")
      get(arg[1] .. "/to?" .. arg[2] .. "/there", { redirect_headers = true })
      get(arg[1]:gsub("//", "//me:pw@") .. "/to?" .. arg[2]:gsub("//", "//you:too@") .. "/there")
    ]], { p.url, other.url })
    bot:tells('200 "GET x-key authorization cookie proxy-authorization user-agent accept []"',
      '200 "GET user-agent accept []"', '200 "GET x-key user-agent accept []"', '200 "GET user-agent accept []"')
    bot:ends(0)
  end)

  it_tells("that lead back bring no credentials back: a stranger has chosen the address", function()
    local p, other = mirror(), mirror()
    local bot = bot_of(send .. [[
      get(arg[1] .. "/to?" .. arg[2] .. "/to?" .. arg[1] .. "/transfer")
    ]], { p.url, other.url })
    bot:tells('200 "GET user-agent accept []"')
    bot:ends(0)
  end)

  it_tells("take a body to another origin only where the script says so", function()
    local p, other = mirror(), mirror()
    local bot = bot_of(send .. [[
      local post = { method = "POST", body = "pin=secret", max_redirects = 1 }
      get(arg[1] .. "/to?/here", post)
      get(arg[1] .. "/to?" .. arg[2] .. "/there", post)
      post.redirect_headers = true
      get(arg[1] .. "/to?" .. arg[2] .. "/there", post)
    ]], { p.url, other.url })
    bot:tells('200 "POST x-key authorization cookie proxy-authorization user-agent accept [pin=secret]"',
      "~^nil http .*status 307 .*redirect_headers", '200 "POST x-key user-agent accept [pin=secret]"')
    bot:ends(0)
  end)

  it_tells("with a body without end are followed all the same", function()
    local p = serve(function(s, request)
      if request.target == "/there" then
        s:send(answer("200 OK", "there"))
      else
        s:send("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 1000000000\r\n\r\n" .. ("x"):rep(100000))
      end
    end)
    local bot = bot_of([[tell(http.get(arg[1], { max_size = 10 }))]], { p.url })
    bot:tells '200 "there"'
    bot:ends(0)
  end)

  it_tells("are told without the query, and without a user and password", function()
    local p = mirror "302 Found"
    local bot = bot_of([[tell(http.get(arg[1] .. "/to?ftp://me:secret@h/x?jwt=secret"))]], { p.url })
    bot:tells [[nil http "the server redirects to 'ftp://***@h/x': it is not of http or https"]]
    bot:ends(0)
  end)
end)

------------------------------------------------------------------------------------------------------------------- TLS

describe("a server over TLS", function()
  -- The bot gets an answer, or the line that matches.
  local function meets(name, server, options, refusal, env)
    it_tells(name, function()
      local t = tls.listen(server)
      local bot = bot_of(("local CA = arg[2] tell(http.get(arg[1], { %s }))"):format(options),
        { (t.url:gsub("^wss", "https")), tls.cert "ca" }, { env = env and env() })
      if refusal then
        bot:tells(refusal)
      else
        take(t.session)
        t.session:send(answer("200 OK", "safe"))
        bot:tells '200 "safe"'
      end
      bot:ends(0)
      return bot
    end)
  end

  meets("is believed when its CA is in ca_file", {}, "tls = { ca_file = CA }")
  meets("is believed for a name", { cert = "name_only", name = "localhost" }, "tls = { ca_file = CA }")
  meets("is believed when its CA is in SSL_CERT_FILE", {}, "", nil, function()
    return { SSL_CERT_FILE = tls.cert "ca" }
  end)
  meets("is refused by default", {}, "", "~^nil tls .*no CA that is trusted")
  meets("is refused when its certificate is over", { cert = "expired" }, "tls = { ca_file = CA }",
    "~^nil tls .*expired")
  meets("is refused when it is not valid yet", { cert = "not_yet" }, "tls = { ca_file = CA }",
    "~^nil tls .*not valid yet")
  meets("is refused when it has another name", { cert = "wrong_name", name = "localhost" }, "tls = { ca_file = CA }",
    "~^nil tls .*localhost")
  meets("is refused when it is self-signed", { cert = "self_signed" }, "tls = { ca_file = CA }", "~^nil tls ")
  meets("is believed by verify = false", { cert = "expired" }, "tls = { verify = false }")
  meets("cannot speak an old TLS", { args = { "-tls1_2" } }, 'tls = { ca_file = CA, min_version = "1.3" }',
    "~^nil tls ")

  it_tells("is warned of once when it is not verified", function()
    local t = tls.listen { cert = "self_signed" }
    local bot = bot_of([[for _ = 1, 2 do tell(http.get(arg[1], { tls = { verify = false } })) end]],
      { (t.url:gsub("^wss", "https")) })
    for _ = 1, 2 do
      take(t.session)
      t.session:send(answer("200 OK", "?"))
      bot:tells '200 "?"'
    end
    bot:ends(0)
    assert.equal(1, select(2, bot.err:gsub("verify = false", "")))
  end)

  it_tells("may ask who the bot is", function()
    local t = tls.listen { args = { "-Verify", "1", "-CAfile", tls.cert "ca", "-verify_return_error" } }
    local bot = bot_of([[tell(http.get(arg[1], { tls = { ca_file = arg[2], cert = arg[3], key = arg[4],
      key_password = "opensesame" } }))]],
      { (t.url:gsub("^wss", "https")), tls.cert "ca", tls.cert "client", tls.key("client", "opensesame") })
    take(t.session)
    t.session:send(answer("200 OK", "hello bot"))
    bot:tells '200 "hello bot"'
    bot:ends(0)
  end)

  it_tells("is not asked where a file of the options cannot be read", function()
    local bot = bot_of([[tell(http.get("https://127.0.0.1:1/", { tls = { ca_file = "/no/such/file" } }))]])
    bot:tells "~^nil tls .*tls%.ca_file: /no/such/file: No such file"
    bot:ends(0)
  end)

  it_tells("that speaks plain HTTP is a failure of TLS", function()
    local p = listen()
    local bot = bot_of([[tell(http.get(arg[1]))]], { (p.url:gsub("http", "https")) })
    p:accept():send(answer("400 Bad Request", ""))
    bot:tells "~^nil tls "
    bot:ends(0)
  end)
end)

----------------------------------------------------------------------------------------------------------------- proxy

describe("a proxy", function()
  it_tells("is asked for http: urls", function()
    local p = serve(function(s, request)
      s:send(answer("200 OK", request.target .. " " .. (request.headers["proxy-authorization"] or { "" })[1]))
    end)
    local bot = bot_of([[
      tell(http.get("http://far.example/x", { proxy = arg[1] }))
      tell(http.get("http://far.example/x", { proxy = (arg[1]:gsub("//", "//me:pw@")) }))
      tell(http.get(arg[1] .. "/y", { proxy = arg[1] }))
    ]], { p.url }, { env = { NO_PROXY = "*" } })
    bot:tells('200 "http://far.example/x "', '200 "http://far.example/x Basic bWU6cHc="', ('200 "%s/y "'):format(p.url))
    bot:ends(0)
  end)

  it_tells("is taken from the environment, unless it is false", function()
    local p = serve(function(s, request)
      s:send(answer("200 OK", request.target))
    end)
    local bot = bot_of([[tell(http.get(arg[1] .. "/x")) tell(http.get(arg[1] .. "/x", { proxy = false }))]], { p.url },
      { env = { http_proxy = p.url } })
    bot:tells(('200 "%s/x"'):format(p.url), '200 "/x"')
    bot:ends(0)
  end)

  it_tells("is not for what *.NAME of NO_PROXY names", function()
    local p = serve(function(s, request)
      s:send(answer("200 OK", request.target))
    end)
    local bot = bot_of([[
      tell(http.get("http://a.localhost:" .. arg[1] .. "/x"))
      tell(http.get("http://a.test:" .. arg[1] .. "/x"))
    ]], { tostring(p.port) }, { env = { http_proxy = p.url, NO_PROXY = "b.test, *.localhost" } })
    bot:tells('200 "/x"', ('200 "http://a.test:%d/x"'):format(p.port))
    bot:ends(0)
  end)

  it_tells("makes a tunnel for https: urls", function()
    local t = tls.listen()
    local p = listen()
    local bot = bot_of([[local res = http.get("https://localhost:" .. arg[3],
      { proxy = arg[1], tls = { ca_file = arg[2] } }) tell(res) say(res.reason, res.headers["x-proxy"])]],
      { p.url, tls.cert "ca", tostring(t.port) })
    local s = p:accept()
    assert.equal(("CONNECT localhost:%d HTTP/1.1"):format(t.port), s:read_head().line)
    local there, connected = uv.new_tcp(), nil
    there:connect("127.0.0.1", t.port, function(err)
      connected = err or "connected"
    end)
    story.wait("the proxy to connect", function()
      return connected
    end)
    s:send "HTTP/1.1 200 Tunnel\r\nX-Proxy: yes\r\n\r\n"
    there:read_start(function(_, data)
      if data then s:post(data) end
    end)
    s.transport.on_data = function(data)
      there:write(data)
    end
    if s.input ~= "" then there:write(s.input) end
    take(t.session)
    t.session:send(answer("200 OK", "through"))
    bot:tells('200 "through"', "OK nil")
    bot:ends(0)
  end)

  it_tells("that refuses, or is not there, is a failure of its own", function()
    local p = serve(function(s)
      s:send(answer "407 Who are you")
    end)
    local bot = bot_of([[
      tell(http.get("https://far.example/", { proxy = arg[1] }))
      tell(http.get("http://far.example/", { proxy = "http://127.0.0.1:" .. arg[2] }))
      tell(http.get("http://far.example/", { proxy = "http://no-such-name.invalid" }))
    ]], { p.url, tostring(peer.dead_port()) })
    bot:tells("~^nil proxy .*407", "~^nil proxy ", "~^nil proxy ")
    bot:ends(0)
  end)
end)

----------------------------------------------------------------------------------------------------------------- tasks

describe("a task that waits for an answer", function()
  it_tells("may be cancelled", function()
    local p = listen()
    local bot = bot_of([[
      local task = host.spawn(function() http.get(arg[1]) say "never" end)
      io.read()
      host.sleep(0)
      say(task:cancel(), task:join())
    ]], { p.url }, { stdin = true })
    bot:write "\n"
    bot:tells "true nil cancelled"
    bot:ends(0)
  end)

  it_tells("may be cancelled while the answer comes", function()
    local p = listen()
    local bot = bot_of([[
      local closed
      local task = host.spawn(function()
        local guard <close> = setmetatable({}, { __close = function() closed = true end })
        coroutine.wrap(function() http.get(arg[1] .. "/1") end)()
      end)
      tell(http.get(arg[1] .. "/2"))
      say(task:cancel(), closed)
    ]], { p.url })
    local first, second = p:accept(), p:accept()
    local request = take(first)
    take(second)
    if request.target == "/2" then first, second = second, first end
    first:send "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"
    second:send(answer("200 OK", "go"))
    bot:tells('200 "go"', "true true")
    first:expect_end()
    bot:ends(0)
  end)

  it_tells("ends with the program", function()
    local p = listen()
    local bot = bot_of([[
      for _ = 1, 3 do host.spawn(function() http.get(arg[1]) end) end
      local ok, message = pcall(http.get, arg[1] .. "/stop")
      say(ok, message)
      host.stop(3)
    ]], { p.url })
    local last
    for _ = 1, 4 do
      local s = p:accept()
      if take(s).target == "/stop" then last = s end
    end
    last:send(answer("200 OK", ""))
    bot:tells "~^true http.response: 200 OK"
    bot:ends(3)
  end)

  it_tells("ends with os.exit and its close", function()
    local p = listen()
    local bot = bot_of([[
      host.spawn(function() http.get(arg[1]) end)
      http.get(arg[1])
      os.exit(4, true)
    ]], { p.url })
    local s = p:accept()
    take(s)
    s:send(answer("200 OK", ""))
    s = p:accept()
    take(s)
    s:send(answer("200 OK", ""))
    bot:ends(4)
  end)

  it_tells("is one of a hundred, and the loop turns meanwhile", function()
    local p = listen()
    local bot = bot_of([[
      local tasks = {}
      for n = 1, 100 do tasks[n] = host.spawn(function() return http.get(arg[1] .. "/" .. n).body == "/" .. n end) end
      local ticks = 0
      local timer = host.every(0.001, function() ticks = ticks + 1 if ticks == 20 then say "ticks" end end)
      local right = 0
      for _, task in ipairs(tasks) do if select(2, task:join()) then right = right + 1 end end
      timer:cancel()
      say(right)
    ]], { p.url })
    local sessions = {}
    for n = 1, 100 do
      sessions[n] = p:accept()
    end
    bot:tells "ticks"
    for _, s in ipairs(sessions) do
      s:send(answer("200 OK", take(s).target))
    end
    bot:tells "100"
    bot:ends(0)
  end)

  it_tells("may be a callback of a connection", function()
    local p, feed = listen(), peer.listen()
    local bot = bot_of([[ws.connect(told { url = function() return arg[2] .. http.get(arg[1]).body end,
      on_message = function(c, data) c:send(http.post(arg[1], data).body) end })]], { p.url, feed.url })
    local site = p:accept()
    take(site)
    site:send(answer("200 OK", "/token"))
    local s = feed:open()
    assert.equal("/token", s.request.target)
    bot:tells("connect", "open 101")
    s:text "one"
    s:text "two"
    for _, word in ipairs { "one", "two" } do
      assert.equal(word, take(site).body)
      site:send(answer("200 OK", word:upper()))
      s:expect_text(word:upper())
    end
    s:finish()
    bot:tells '~^close 1000'
    bot:ends(0)
  end)

  it_tells("cannot be one that C code runs", function()
    local bot = bot_of([[
      say(pcall(table.sort, { 1, 2, 3 }, function() http.get "http://127.0.0.1:1/" end))
    ]])
    bot:tells "~^false .*bot%.lua:%d+: http%.get: cannot wait here.*a sort comparator"
    bot:ends(0)
  end)

  it_tells("keeps nothing of 500 requests", function()
    local go
    local p = serve(function(s, request)
      if request.target == "/go" then
        go = s
      elseif request.target == "/half" then
        s:send "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf"
      elseif request.target == "/reset" then
        s:reset()
      else
        s:send(answer("200 OK", ("x"):rep(10000)))
      end
    end)
    local bot = bot_of([[
      local function some(n)
        for i = 1, n do
          local path = i % 5 == 1 and "/half" or i % 5 == 2 and "/reset" or "/whole"
          local task = host.spawn(function()
            local res, word = http.get(arg[1] .. path, { headers = { ["X-Number"] = i } })
            return res and #res.body or word
          end)
          local ok, result = task:join(path == "/half" and 0.001 or nil)
          if path == "/half" then task:cancel() end
          local expected = path == "/whole" and 10000 or path == "/reset" and "reset" or "timeout"
          if result ~= expected then say(path, ok, result) end
        end
        collectgarbage()
        collectgarbage()
        http.get(arg[1] .. "/go")
      end
      some(100)
      some(500)
    ]], { p.url })
    local function measured()
      story.wait("the bot to be done with a part", function()
        return go
      end)
      local open, memory = process.descriptors(bot.pid), process.memory(bot.pid)
      local s = go
      go = nil
      s:send(answer("200 OK", ""))
      return open, memory
    end
    local open, memory = measured()
    local open_late, memory_late = measured()
    assert(open_late <= open, ("it had %d descriptors open, and has %d"):format(open, open_late))
    if not program.is_sanitized() then
      assert(memory_late < memory + 2, ("it grew from %.1f to %.1f MB"):format(memory, memory_late))
    end
    bot:ends(0)
  end)
end)

describe("libcurl, while it is long over something,", function()
  -- A bot that says get() gets stuck reading its CAs, until go(): bot, server, go. It can read a line when it is stuck.
  local function stuck(source, args)
    local t = tls.listen()
    local fifo = place.folder() .. "/ca"
    assert(os.execute(("mkfifo '%s'"):format(fifo)))
    local bot = bot_of("local function get() return http.get(arg[1], { tls = { ca_file = arg[2] } }) end " .. source,
      { (t.url:gsub("^wss", "https")), fifo, table.unpack(args or {}) }, { stdin = true })
    local cas = program.start("/bin/sh", { "-c", [[exec 3>"$0"; echo open; read go; cat "$1" >&3]], fifo,
      tls.cert "ca" }, { stdin = true })
    cas:tells "open" -- as it is when both sides have opened it
    bot:write "\n"
    return bot, t, function()
      cas:write "\n"
    end
  end

  it_tells("does not hold the loop", function()
    local feed = peer.listen()
    local bot, t, go = stuck([[ws.connect { url = arg[3], on_message = function(c, data) c:send(data) end }
      tell(get()) host.stop()]], { feed.url })
    local s = feed:open()
    for n = 1, 10 do
      s:text("message " .. n)
      s:expect_text("message " .. n)
    end
    go()
    take(t.session)
    t.session:send(answer("200 OK", "safe"))
    bot:tells '200 "safe"'
    s:expect_close(1001)
    s:close()
    bot:ends(0)
  end)

  it_tells("does not hold a task that is cancelled, and the program that ends then", function()
    local bot = stuck "local task = host.spawn(get) host.sleep(0) io.read() say(task:cancel(), task:join())"
    bot:tells "true nil cancelled"
    bot:ends(0)
  end)

  for _, how in ipairs { "host.stop(3)", "os.exit(3)", "os.exit(3, true)" } do
    it_tells("does not hold a program that ends with " .. how, function()
      local bot = stuck("io.stdout:setvbuf 'full' host.spawn(get) host.sleep(0) io.read() say 'last words' " .. how)
      bot:tells "last words"
      bot:ends(3)
    end)
  end

  it_tells("may be cut short by os.exit at any time", function()
    for _, seconds in ipairs { 0, 0.002, 0.005, 0.01, 0.02, 0.05 } do
      local bot = bot_of([[host.spawn(function() http.get "https://127.0.0.1:1/" end)
        host.sleep(tonumber(arg[1])) os.exit(3)]], { tostring(seconds) })
      bot:ends(3)
    end
  end)
end)

describe("the timeout of a request", function()
  it_tells("ends the wait of a stopped clock for an answer that does not come, and then goes by that", function()
    local p = listen()
    local bot = bot_of([[
      local clock <close> = require "wsbot.testing".clock()
      local began = host.now()
      local task = host.spawn(function()
        tell(http.get(arg[1], { timeout = 0.5 }))
        say(host.now() - began)
      end)
      io.read()
      clock:advance(0.25)
      say "a quarter of a second"
      clock:advance(30)
      task:join()
    ]], { p.url }, { stdin = true })
    bot:write "\n"
    bot:tells("a quarter of a second", "~^nil timeout .* 0.5 s", "0.5")
    bot:ends(0)
  end)
end)

--------------------------------------------------------------------------------------------------------------- mistakes

describe("a mistake in the options", function()
  it_tells("is an error that names it, where it was made", function()
    local mistakes = {
      { "http.get()", "http%.get: url is missing" },
      { "http.get(5)", "http%.get: url must be a string, not number" },
      { "http.get 'ftp://x/'", "http%.get: url 'ftp://x/': it must begin with http:// or https://" },
      { "http.get 'http://'", "url 'http://'" },
      { "http.get 'http://x/a b'", "url 'http://x/a b'.*space" },
      { "http.get 'http://x/\\r\\nY: z'", "url 'http://x/\\r\\nY: z'.*control" },
      { "http.get 'http://me:pw@x y/?jwt=secret'", "url 'http://%*%*%*@x y/': it has" },
      { "http.get 'http://me:pw@x:99999/'", "http%.get: url 'http://%*%*%*@x:99999/': .*[Pp]ort" },
      { "http.get(U, 5)", "http%.get: options must be a table, not number" },
      { "http.get(U, { url = U })", "the option url" },
      { "http.get(U, { method = 'GET' })", "the option method" },
      { "http.post(U, 'a', { body = 'b' })", "the option body" },
      { "http.request(U)", "http%.request: expected a table.*not string" },
      { "http.request { uri = U }", "unknown option 'uri' %(did you mean 'url'%?%)" },
      { "http.get(U, { time_out = 5 })", "http%.get: unknown option 'time_out' %(did you mean 'timeout'%?%)" },
      { "http.get(U, { something_else_altogether = 5 })", "unknown option 'something_else_altogether'$" },
      { "http.get(U, { 'x' })", "options have names; found a value at %[1%]" },
      { "http.get(U, { timeout = 'x' })", "timeout must be a number, not string" },
      { "http.get(U, { timeout = 0 })", "timeout must be more than 0" },
      { "http.get(U, { timeout = 0/0 })", "timeout must be more than 0" },
      { "http.get(U, { max_size = 0.5 })", "max_size must be a whole number" },
      { "http.get(U, { max_redirects = -1 })", "max_redirects must be a whole number" },
      { "http.put(U, 'x', { max_redirects = 1 })", "max_redirects is for GET, HEAD and POST" },
      { "http.get(U, { proxy = true })", "proxy must be a string or false, not boolean" },
      { "http.get(U, { tls = { cafile = 'x' } })", "unknown option 'tls%.cafile' %(did you mean 'tls%.ca_file'%?%)" },
      { "http.get(U, { tls = { verify = 1 } })", "tls%.verify must be true or false" },
      { "http.get(U, { tls = { cert = 'x' } })", "tls%.cert needs tls%.key" },
      { "http.get(U, { tls = { min_version = '1.1' } })", "tls%.min_version must be" },
      { "http.get(U, { user = 'a\\0b' })", "user has a NUL in it" },
      { "http.get(U, { user = 'a\\nb' })", "user has a CR or LF in it" },
      { "http.get(U, { local_address = '127.0.0.1\\r' })", "local_address has a CR or LF in it" },
      { "http.get(U, { tls = { ca_file = 'a\\nb' } })", "tls%.ca_file has a CR or LF in it" },
      { "http.get(U, { redirect_headers = 1 })", "redirect_headers must be true or false" },
      { "http.get(U, { password = 'x' })", "password needs user" },
      { "http.request { url = U, method = 'GET /' }", "method 'GET /' is not a token" },
      { "http.get(U, { headers = 'x' })", "headers must be a table, not string" },
      { "http.get(U, { headers = { 'x' } })", "headers must map names to values; found a number as a name" },
      { "http.get(U, { headers = { X = 'a\\r\\nY: b' } })", "header 'X': its value has a control character" },
      { "http.get(U, { headers = { X = 'a\\0' } })", "header 'X': its value has a control character" },
      { "http.get(U, { headers = { X = { 'a', '\\n' } } })", "header 'X': its value has a control character" },
      { "http.get(U, { headers = { ['X\\r\\nY'] = 'a' } })", "header 'X\\r\\nY': its name" },
      { "http.get(U, { headers = { X = true } })", "header 'X' must be a string or a list of strings, not boolean" },
      { "http.get(U, { headers = { ['content-length'] = 5 } })", "header 'content%-length'.*host's" },
      { "http.get(U, { query = { a = {{}} } })", "query 'a' must be" },
      { "http.post(U, {})", "body must be a string, not a table" },
      { "http.post(U, 'x', { json = {} })", "body, form, json and multipart exclude each other" },
      { "http.post(U, nil, { json = print })", "json: .*function" },
    }
    local source = { "local U = 'http://127.0.0.1:1/'",
      "local function try(f) local _, message = pcall(f) say((tostring(message):gsub('%c', '?'))) end" }
    for _, mistake in ipairs(mistakes) do
      source[#source + 1] = ("try(function() %s end)"):format(mistake[1])
    end
    local bot = bot_of(table.concat(source, "\n"))
    for i, mistake in ipairs(mistakes) do
      bot:tells(("~^[^:]*bot%%.lua:%d: .*%s"):format(i + 2, mistake[2]))
    end
    bot:ends(0)
  end)
end)

describe("wsbot.http", function()
  it_tells("does not bring libcurl along before it is used", function()
    local bot = bot_of([[
      local function loaded() return io.open("/proc/self/maps"):read "a":find("libcurl", 1, true) ~= nil end
      say(loaded())
      http.get "http://127.0.0.1:1/"
      say(loaded())
    ]])
    bot:tells("false", "true")
    bot:ends(0)
  end)
end)
