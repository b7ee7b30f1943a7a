-- http.serve: what a handler gets, what becomes of its answer, and what of clients that are wrong, slow or wicked.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local raw = require "support.raw"
local story = require "support.story"
local uv = require "luv"

-- A bot that serves; its handler is the body of a function that gets `request`. Returns it and its port.
local function serve(handler, options)
  options = options or {}
  local bot = program.bot(([[
    local http = require "wsbot.http"
    local server
    server = http.serve { %s handler = function(request) %s end }
    say(server.port)
    %s
  ]]):format(options.options or "", handler, options.more or ""), {}, options)
  return bot, tonumber(bot:line())
end

local SHOW <const> = [[
  local names = {}
  for i = 1, #request.lines, 2 do names[#names + 1] = request.lines[i] .. "=" .. request.lines[i + 1] end
  return { body = table.concat({ request.method, request.path, request.query, table.concat(names, ","), request.body },
    "|") }
]]

------------------------------------------------------------------------------------------------- requests and answers

describe("a handler", function()
  it_tells("gets the request", function()
    local _, port = serve(SHOW)
    local c = raw.connect(port)
    local status, body, headers = c:ask("GET /a%20b?x=1&y=?", "A: b\r\n"):answer()
    assert.equal(200, status)
    assert.equal("GET|/a%20b|x=1&y=?|Host=h,A=b|", body)
    assert.matches("^%a%a%a, %d%d %a%a%a %d%d%d%d %d%d:%d%d:%d%d GMT$", headers.date)
    assert.is_nil(headers.connection)
    assert.equal("POST|/|||body", select(2, c:ask("POST /", nil, "body"):answer()):gsub("Host.*4", ""))
    assert.equal("GET|/z||Host=h|", select(2, c:ask("GET http://elsewhere/z"):answer()))
    assert.equal("OPTIONS|*||Host=h|", select(2, c:ask("OPTIONS *"):answer()))
  end)

  it_tells("finds headers in any case, all lines of one, and JSON", function()
    local _, port = serve [[
      local value, why = request:json()
      return { json = { request.headers.ACCEPT or "", request:all "accept", value or why, tostring(request),
        request.headers.no == nil } }
    ]]
    local c = raw.connect(port)
    local _, body, headers = c:ask("POST /j", "Accept: a\r\naccept: b\r\n", '{"n":1.5}'):answer()
    assert.equal('["a, b",["a","b"],{"n":1.5},"http.request: POST /j (9 bytes)",true]', body)
    assert.equal("application/json", headers["content-type"])
    assert.matches("the body is not JSON", select(2, c:ask("POST /j", nil, "{"):answer()))
  end)

  it_tells("answers with a status, headers and a body", function()
    local _, port = serve [[
      return { status = tonumber(request.path:sub(2)), headers = { ["X-List"] = { "a", 2 }, Date = "now" }, body = "b" }
    ]]
    local c = raw.connect(port)
    for status, length in pairs { [200] = "1", [404] = "1", [599] = "1" } do
      local got, body, headers = c:ask("GET /" .. status):answer()
      assert.same({ status, "b", "2", "now", length },
        { got, body, headers["x-list"], headers.date, headers["content-length"] })
    end
    for _, status in ipairs { 204, 304 } do
      local got, body, headers = c:ask("GET /" .. status):answer()
      assert.same({ status, "", nil }, { got, body, headers["content-length"] })
    end
    local got, _, headers = c:ask("HEAD /200"):answer(true)
    assert.same({ 200, "1" }, { got, headers["content-length"] })
    assert.equal(200, (c:ask("GET /200"):answer()))
  end)

  it_tells("may wait, and holds up no one", function()
    local _, port = serve [[
      if request.path == "/slow" then host.sleep(0.05) end
      return { body = request.path }
    ]]
    local slow, quick = raw.connect(port), raw.connect(port)
    slow:ask "GET /slow"
    assert.equal("/quick", select(2, quick:ask("GET /quick"):answer()))
    assert.equal("", slow.input)
    assert.equal("/slow", select(2, slow:answer()))
  end)

  it_tells("that fails is a 500, told with its traceback, and the server goes on", function()
    local bot, port = serve [[
      if request.path == "/error" then error "of the handler" end
      if request.path == "/later" then host.sleep(0.001) error({}) end
      if request.path == "/nothing" then return end
      if request.path == "/text" then return "text" end
      return (load("return " .. request.body)())
    ]]
    local c = raw.connect(port)
    for request, why in pairs {
      ["/error"] = "bot.lua:%d+: of the handler\nstack traceback:.*in upvalue 'handler'",
      ["/later"] = "%(error object is a table value%)",
      ["/nothing"] = "http.serve: the answer to POST /nothing: an answer is a table .-, not nil",
      ["/text"] = "the answer to POST /text: .-, not string",
      ["{ stat = 200 }"] = "unknown option 'stat' %(did you mean 'status'%?%)",
      ["{ status = 100 }"] = "status must be a whole number from 200 to 999, not 100",
      ["{ body = 1 }"] = "body must be a string, not number",
      ["{ body = '', json = 1 }"] = "body and json exclude each other",
      ["{ json = print }"] = "answer to POST /x: json: ",
      ["{ headers = { ['A B'] = 'c' } }"] = "header 'A B': its name is not a header name",
      ["{ headers = { A = 'b\\r\\nSet-Cookie: c' } }"] = "header 'A': its value has a control character",
      ["{ headers = { A = 'b\\0' } }"] = "header 'A': its value has a control character",
      ["{ headers = { ['Content-Length'] = '7' } }"] = "header 'Content%-Length': it is the host's to send",
    } do
      local path = request:find "^/" and request or "/x"
      local status, body = c:ask("POST " .. path, nil, path == "/x" and request or ""):answer()
      assert.same({ 500, "the handler of this request failed\n" }, { status, body })
      story.wait("the error " .. why, function() return bot.err:find(why) end)
    end
    assert.equal(200, (c:ask("POST /x", nil, "{}"):answer()))
  end)
end)

describe("http.serve", function()
  it_tells("says what is wrong with its options, at the line of the call", function()
    local bot = program.bot([[
      local http = require "wsbot.http"
      local taken = http.serve { handler = print }
      local function try(options)
        local ok, why = pcall(function() http.serve(options) end)
        say(ok, (why:gsub("^.-([^/]+)$", "%1"):gsub(tostring(taken.port), "PORT")))
      end
      try()
      try {}
      try { handler = 1 }
      try { handler = print, prot = 1 }
      try { handler = print, port = 65536 }
      try { handler = print, max_body = 0.5 }
      try { handler = print, host = "example.org" }
      try { handler = print, host = "127.0.0.1", port = taken.port }
      say(taken.url == "http://127.0.0.1:" .. taken.port, taken)
      local all <close> = http.serve { host = "0.0.0.0", handler = setmetatable({}, { __call = print }) }
      local here <close> = http.serve { host = "localhost", handler = print }
      say(all.url == "http://127.0.0.1:" .. all.port, here.url == "http://127.0.0.1:" .. here.port)
      taken:close()
      taken:close()
    ]])
    bot:tells("~false bot.lua:4: http.serve: expected a table", "~handler is missing",
      "~handler must be a function, not number", "~unknown option 'prot' %(did you mean 'port'%?%)",
      "~port must be a whole number from 0 to 65535, not 65536", "~max_body must be a whole number",
      "~example.org is not an IP address", "~cannot listen on 127.0.0.1:PORT: address already in use",
      "~true http.server: http://127.0.0.1:%d+", "true true")
    bot:ends(0)
  end)

  it_tells("keeps the program alive until it is closed, which lets requests under way be answered", function()
    local bot, port = serve [[
      if request.path == "/close" then server:close() host.sleep(0.02) end
      return { body = "done" }
    ]]
    local idle, half, c = raw.connect(port), raw.connect(port):send "GET / HTTP/1.1\r\n", raw.connect(port)
    assert.equal("done", select(2, idle:ask("GET /"):answer()))
    c:ask "GET /close"
    assert.equal("closed", idle:ends())
    assert.is_nil((raw.connect(port)))
    half:send "Host: h\r\n\r\n"
    for _, one in ipairs { half, c } do
      local _, body, headers = one:answer()
      assert.same({ "done", "close" }, { body, headers.connection })
      one:close()
    end
    bot:ends(0)
  end)

  it_tells("is closed by a finalizer while a request is handed to its handler", function()
    local bot = program.bot [[
      local http = require "wsbot.http"
      collectgarbage("incremental", 100, 1000)
      local close
      local function arm()
        setmetatable({}, { __gc = function() if close then close() end arm() end })
      end
      arm()
      host.spawn(function()
        for after = 4, 40, 4 do
          local server, clients, begun = nil, {}, 0
          server = http.serve { handler = function() begun = begun + 1 host.sleep(60) end }
          close = function() if begun >= after then server:close(true) end end
          local url = server.url
          for i = 1, 50 do clients[i] = host.spawn(http.get, url) end
          while begun < after do host.sleep(0) end
          server:close(true)
          for _, client in ipairs(clients) do client:join() end
        end
        close = nil
        say "done"
      end)
    ]]
    bot:tells "done"
    bot:ends(0)
    assert.equal("", bot.err)
  end)

  it_tells("is closed while an answer is written, and its connection ends behind that", function()
    local bot, port = serve [[
      if request.path == "/close" then server:close() end
      return { body = ("x"):rep(request.path == "/large" and 16 << 20 or 1) }
    ]]
    local c = raw.connect(port)
    c:listen(false)
    c:ask "GET /large"
    story.pause(0.05) -- all that the system takes is written
    assert.equal(200, (raw.connect(port):ask("GET /close"):answer()))
    c:listen()
    assert.equal(16 << 20, #select(2, c:answer()))
    assert.equal("closed", c:ends())
    bot:ends(0)
  end)

  it_tells("answers what is under way when the program stops, and refuses what comes to no end", function()
    local bot, port = serve([[
      say(request.path)
      host.sleep(request.path == "/soon" and 0.05 or 1000)
      return { body = "done" }
    ]], { more = "host.on_stop(function() say 'stop' end)" })
    local idle, soon, never = raw.connect(port), raw.connect(port):ask "GET /soon", raw.connect(port):ask "GET /never"
    table.sort { bot:line(), bot:line() }
    bot:kill "sigterm"
    bot:tells "stop"
    assert.equal("closed", idle:ends())
    assert.equal("done", select(2, soon:answer()))
    assert.same({ 503, "this server is about to end" }, { never:refusal() })
    soon:ends()
    bot:ends(0)
  end)

  it_tells("counts what it keeps for requests in --max-memory", function()
    local bot, port = serve("return { body = tostring(#request.body) }",
      { flags = { "--max-memory", "8" }, options = "max_body = 2^30," })
    local c = raw.connect(port)
    c:ask("POST /", nil, ("x"):rep(16 << 20))
    assert.equal(503, (c:answer()))
    assert.equal("5", select(2, raw.connect(port):ask("POST /", nil, "hello"):answer()))
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("talks with curl", function()
    local _, port = serve [[
      return { body = request.method .. #request.body, headers = { A = request.headers.expect or "no" } }
    ]]
    local function curl(...)
      local c = program.start("/usr/bin/curl", { "-sSi", "--max-time", "20", ... })
      c:wait()
      return c.out
    end
    if not os.execute "test -x /usr/bin/curl" then story.skip "there is no curl" end
    local url = ("http://127.0.0.1:%d/"):format(port)
    assert.matches("^HTTP/1.1 200 OK\r\n.*\r\n\r\nGET0$", curl(url))
    assert.matches("POST5$", curl("-d", "hello", url))
    assert.matches("PUT5$", curl("-T", place.file("body", "hello"), url))
    assert.matches("PUT5$", curl("-T", place.file("body", "hello"), "-H", "Transfer-Encoding: chunked", url))
    assert.matches("^HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 .*A: 100%-continue.*POST5$",
      curl("-d", "hello", "-H", "Expect: 100-continue", url))
    assert.matches("^HTTP/1.1 200 OK\r\n.*Connection: close\r\n", curl("-0", url))
    assert.matches("^HTTP/1.1 200 OK\r\n.*Content%-Length: 5\r\n\r\n$", curl("-I", url))
  end)
end)

----------------------------------------------------------------------------------------------------------- connections

describe("a connection", function()
  it_tells("is kept for the next request, or not, as both sides say", function()
    local _, port = serve "return { body = request.path }"
    local c = raw.connect(port)
    for i = 1, 3 do assert.equal("/" .. i, select(2, c:ask("GET /" .. i):answer())) end
    assert.equal("close", select(3, c:ask("GET /4", "Connection: close\r\n"):answer()).connection)
    assert.equal("closed", c:ends())
    local old = raw.connect(port):send "GET / HTTP/1.0\r\n\r\n"
    assert.equal("close", select(3, old:answer()).connection)
    old:ends()
    old = raw.connect(port):send "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    assert.equal("keep-alive", select(3, old:answer()).connection)
    assert.equal("/5", select(2, old:ask("GET /5"):answer()))
  end)

  it_tells("may send ahead: the answers come in order", function()
    local _, port = serve [[
      if request.path == "/1" then host.sleep(0.02) end
      return { body = request.path }
    ]]
    local c = raw.connect(port)
    for i = 1, 5 do c:ask("GET /" .. i) end
    for i = 1, 5 do assert.equal("/" .. i, select(2, c:answer())) end
    c:ask("GET /1"):ask("GET /2"):ask("GET /3"):shut() -- and no more, but it reads on
    for i = 1, 3 do assert.equal("/" .. i, select(2, c:answer())) end
    assert.equal("closed", c:ends())
  end)

  it_tells("may come byte by byte, with empty lines before a request", function()
    local _, port = serve(SHOW)
    local c = raw.connect(port)
    local text = "\r\n\r\nPOST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      .. "2;e\r\nhe\r\n3\r\nllo\r\n0\r\nT: t\r\n\r\n\r\n"
    for i = 1, #text do
      c:send(text:sub(i, i))
      if i % 4 == 0 then story.pause(0.001) end
    end
    assert.equal("POST|/x||Host=h,Transfer-Encoding=chunked|hello", select(2, c:answer()))
    assert.equal("GET|/||Host=h|", select(2, c:ask("GET /"):answer()))
  end)

  it_tells("asks for a body that is held back, and not for one that it will not have", function()
    local _, port = serve("return { body = request.body }", { options = "max_body = 5," })
    local c = raw.connect(port)
    c:ask("POST /", "Expect: 100-continue\r\nContent-Length: 5\r\n")
    assert.equal(100, (c:answer()))
    c:send "hello"
    assert.equal("hello", select(2, c:answer()))
    c:ask("POST /", "Expect: 100-continue\r\nContent-Length: 6\r\n")
    assert.equal(413, (c:answer()))
    c:ends()
  end)

  it_tells("that is reset or left in the middle leaves no trace", function()
    local bot, port = serve([[
      say("came", request.path)
      if request.path == "/wait" then host.sleep(0.05) say "waited" end
      return { body = ("x"):rep(1 << 22) }
    ]])
    raw.connect(port):send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf"):reset()
    raw.connect(port):send("GET / HT"):reset()
    local c = raw.connect(port):ask "GET /wait"
    bot:tells "came /wait"
    c:reset()
    bot:tells "waited"
    c = raw.connect(port)
    c:listen(false)
    c:ask "GET /large"
    bot:tells "came /large"
    c:reset()
    local half = raw.connect(port):send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf"):shut()
    assert.same({ 400, "the request ended before it was whole" }, { half:refusal() })
    bot:kill "sigterm"
    bot:ends(0)
    assert.equal("", bot.err)
  end)
end)

describe("a request is refused", function()
  local POST <const>, CHUNKED <const> = "POST / HTTP/1.1\r\nHost: h\r\n", "Transfer-Encoding: chunked\r\n"
  for what, case in pairs {
    ["that is none"] = { 400, "SSH-2.0-OpenSSH_9\r\n\r\n", "a wrong request line" },
    ["of HTTP/2"] = { 400, "PRI * HTTP/2.0\r\n\r\n", "a wrong request line" },
    ["without Host"] = { 400, "GET / HTTP/1.1\r\n\r\n", "Host is missing" },
    ["with two lengths"] = { 400, POST .. "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
      "more than one Content%-Length" },
    ["with a length and chunks"] = { 400,
      POST .. "Content-Length: 1\r\n" .. CHUNKED .. "\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n",
      "both Transfer%-Encoding and Content%-Length" },
    ["in another coding"] = { 501, POST .. "Transfer-Encoding: gzip\r\n\r\n", "other than chunked" },
    ["with chunks in HTTP/1.0"] = { 400, "POST / HTTP/1.0\r\n" .. CHUNKED .. "\r\n", "HTTP/1.0" },
    ["with wrong chunks"] = { 400, POST .. CHUNKED .. "\r\nxyz\r\n", "a chunk without its size" },
    ["with a line that is folded"] = { 400, "GET / HTTP/1.1\r\nHost: h\r\n A: b\r\n\r\n", "a header name" },
    ["whose head has no end"] = { 431, "GET / HTTP/1.1\r\nA: " .. ("x"):rep(33 * 1024), "larger than 32 KB" },
    ["with a body that is too large"] = { 413, POST .. "Content-Length: 99999999999999999999\r\n\r\n",
      "larger than this server takes" },
    ["with chunks that are too large"] = { 413, POST .. CHUNKED .. "\r\nB\r\n01234567890\r\n",
      "larger than this server takes" },
  } do
    it_tells(what .. ", and its connection ends", function()
      local bot, port = serve("say(request.path)", { options = "max_body = 10," })
      local c = raw.connect(port):send(case[2])
      local status, why = c:refusal()
      assert.equal(case[1], status)
      assert.matches(case[3], why)
      bot:kill "sigterm"
      bot:ends(0)
    end)
  end

  it_tells("and what the client still sends does not break the connection off", function()
    local _, port = serve "return {}"
    local c = raw.connect(port)
    c:listen(false)
    c:ask("POST /", "Content-Length: 9999999\r\n"):send(("x"):rep(1 << 20)):taken()
    c:send(("x"):rep(1 << 20)):taken()
    c:listen()
    assert.equal(413, (c:refusal()))
    assert.is_nil(c.failed)
  end)
end)

------------------------------------------------------------------------------------------------------ wicked clients

describe("clients that are slow, under a stopped clock,", function()
  local http = require "wsbot.http"
  local testing = require "wsbot.testing"
  local clock, server, clients

  -- Limits follow the clock, so these are told without a story, whose limit does so as well.
  before_each(function()
    clock, clients, raw.wait = testing.clock(), {}, function(_, look) return testing.eventually(look) end
  end)

  after_each(function()
    raw.wait = story.wait
    for _, one in ipairs(clients) do one:close() end
    server:close(true)
  end)

  local function serve_here(body)
    server = http.serve { handler = function() return { body = body } end }
  end

  local function connect()
    clients[#clients + 1] = raw.connect(server.port)
    return clients[#clients]
  end

  it("have 10 s for a head, however busy they are", function()
    serve_here "answer"
    local c, silent = connect():send "GET / HTTP/1.1\r\n", connect()
    clock:advance(0)
    for i = 1, 9 do
      c:send(("X-%d: 1\r\n"):format(i))
      clock:advance(1)
    end
    assert.equal("", c.input)
    clock:advance(1.1)
    assert.same({ 408, "the head of the request did not come within 10 s" }, { c:refusal() })
    assert.equal("closed", silent:ends())
  end)

  it("have 30 s for a body, and 60 s between two requests", function()
    serve_here "answer"
    local c = connect():ask "GET /"
    c:answer()
    clock:advance(59)
    c:ask("GET /"):answer()
    c:ask("POST /", "Content-Length: 2\r\n"):send "x"
    clock:advance(29)
    assert.equal("", c.input)
    clock:advance(1.1)
    assert.same({ 408, "the body of the request did not come within 30 s" }, { c:refusal() })
    c = connect():ask "GET /"
    c:answer()
    clock:advance(61)
    assert.equal("closed", c:ends())
  end)

  it("have 30 s for each part of an answer", function()
    serve_here(("x"):rep(32 << 20))
    local c = connect()
    c:listen(false)
    c:ask "GET /"
    clock:advance(29)
    assert.is_nil(c.ended)
    clock:advance(32)
    c:listen()
    testing.eventually(function() return c.ended end)
    assert.is_true(#c.input < 32 << 20)
  end)
end)

describe("one client cannot hold up the others", function()
  it_tells("by sending ahead without end", function()
    local bot, port = serve "return { body = request.path }"
    local flood, n = raw.connect(port), 20000
    flood:send(("GET /flood HTTP/1.1\r\nHost: h\r\n\r\n"):rep(n))
    assert.equal("/calm", select(2, raw.connect(port):ask("GET /calm"):answer()))
    assert.is_true(select(2, flood.input:gsub("/flood", "")) < n)
    flood:reset()
    bot:kill "sigterm"
    bot:ends(0)
  end)

  it_tells("by sending while its request waits", function()
    local _, port = serve [[
      if request.path == "/wait" then host.sleep(1000) end
      return { body = tostring(host.memory and 0 or 0) }
    ]]
    local c = raw.connect(port):ask "GET /wait"
    c:send(("x"):rep(32 << 20)) -- which stays with the client
    story.pause(0.05)
    assert.equal(200, (raw.connect(port):ask("GET /"):answer()))
    assert.is_true(c.tcp:get_write_queue_size() > 16 << 20)
  end)

  it_tells("by connecting again and again, faster than it is accepted", function()
    local bot, port = serve [[
      say "waits"
      local began = os.clock()
      repeat until os.clock() - began > 0.5 -- meanwhile they wait to be accepted
      host.sleep(0.05)
      return { body = "calm" }
    ]]
    local calm, over = raw.connect(port):ask "GET /", false
    bot:tells "waits"
    local function connect()
      if over then return end
      local tcp = uv.new_tcp()
      local function again()
        if not tcp:is_closing() then tcp:close() end
        connect()
      end
      tcp:connect("127.0.0.1", port, function(err)
        if err then return again() end
        tcp:write "GET / HTTP/1.1\r\n"
        tcp:read_start(function(_, data)
          if not data then again() end
        end)
      end)
    end
    story.at_end(function() over = true end)
    for _ = 1, 1200 do connect() end
    assert.equal("calm", select(2, calm:answer()))
  end)

  it_tells("by many connections: the one that has been idle for the longest makes place", function()
    local _, port = serve "return { body = request.path }"
    local all = {}
    for i = 1, 1024 do
      all[i] = raw.connect(port)
      if i == 1 then all[i]:ask("GET /first"):answer() end
    end
    all[1]:ask("GET /again"):answer() -- so it is the youngest
    local new = raw.connect(port)
    assert.equal("/new", select(2, new:ask("GET /new"):answer()))
    assert.equal("closed", all[2]:ends())
    assert.equal("/again", select(2, all[1]:ask("GET /again"):answer()))
    for _, one in ipairs(all) do one:close() end
  end)
end)
