-- wsbot inspect: what is served, and to whom. (tests/interop/inspect_page_spec.lua has it in a browser.)
local inspect = require "support.inspect"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local raw = require "support.raw"
local story = require "support.story"

local silent = "host.spawn(function() host.sleep(3600) end)"

-- A page of a program that does nothing.
local function page_of_bot(source)
  local bot = inspect.bot(source or silent)
  return inspect.open(bot.folder), bot
end

local function status_of(page, line, fields)
  local status, body, headers = page:ask(line, fields)
  return status, headers, body
end

local function resident(pid)
  return tonumber(place.read(("/proc/%d/status"):format(pid)):match "VmRSS:%s+(%d+) kB") * 1024
end

describe("wsbot inspect", function()
  it_tells("serves the page behind a token, with headers that leave nothing to others", function()
    local page, bot = page_of_bot()
    for path, kind in pairs { [""] = "text/html; charset=utf-8", ["style.css"] = "text/css; charset=utf-8",
      ["app.js"] = "text/javascript; charset=utf-8", ["icon.svg"] = "image/svg+xml", about = "application/json" } do
      local status, headers, body = status_of(page, "GET " .. page.path .. path)
      assert.same({ 200, kind }, { status, headers["content-type"] })
      assert.equal("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        .. "frame-ancestors 'none'; base-uri 'none'; form-action 'none'", headers["content-security-policy"])
      assert.equal("nosniff no-referrer no-store same-origin close", table.concat({ headers["x-content-type-options"],
        headers["referrer-policy"], headers["cache-control"], headers["cross-origin-resource-policy"],
        headers.connection }, " "))
      if path == "about" then assert.same({ kind = "program", name = "bot", pid = bot.pid }, json.decode(body)) end
    end
    assert.equal(22, #page.token) -- 128 bits
    assert.not_equal(page.token, inspect.open(bot.folder).token)
  end)

  it_tells("says the same to a wrong token as to none, and to paths that are not there", function()
    local page = page_of_bot()
    local other = page.token:sub(1, -2) .. (page.token:sub(-1) == "A" and "B" or "A")
    local bodies = {}
    for _, target in ipairs { "/", "/favicon.ico", "/" .. page.token, "/" .. other .. "/", "/" .. page.token .. "x/",
      "//" .. page.token .. "/", "/x/" .. page.token .. "/", page.path .. "../" .. page.token .. "/",
      page.path .. "nothing.js", page.path .. "program.lua", page.path .. "record?from=0", page.path .. "/",
      "/" .. other .. "/about", "http://127.0.0.1" .. page.path, page.path .. "ws" } do
      local status, _, body = status_of(page, "GET " .. target)
      assert.equal(404, status, target)
      bodies[body] = true
    end
    assert.same({ ["not found\n"] = true }, bodies)
  end)

  it_tells("answers under its own names only", function()
    local page = page_of_bot()
    for _, host in ipairs { "127.0.0.1", "localhost", "LocalHost" } do
      assert.equal(200, (status_of(page, "GET " .. page.path, ("Host: %s:%d\r\n"):format(host, page.port))))
    end
    for _, fields in ipairs { "Host: rebound.example:%d\r\n", "Host: 127.0.0.1\r\n", "Host: 127.0.0.1:1%d\r\n",
      "Host: localhost.example:%d\r\n", "Host: [::1]:%d\r\n", "Host: 127.0.0.1:%d.example\r\n" } do
      local status, _, body = status_of(page, "GET " .. page.path, fields:format(page.port))
      assert.equal(421, status, fields)
      assert.is_nil(body:find(page.token, 1, true))
    end
    local two = ("Host: 127.0.0.1:%d\r\nHost: rebound.example\r\n"):format(page.port)
    assert.is_true((status_of(page, "GET " .. page.path, two)) >= 400)
  end)

  it_tells("answers GET only", function()
    local page = page_of_bot()
    for _, method in ipairs { "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE" } do
      local status, headers = status_of(page, method .. " " .. page.path)
      assert.same({ 405, "GET" }, { status, headers.allow }, method)
    end
    assert.equal(405, (page:connect():send(("HEAD %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(page.path,
      page.port)):answer(true)))
  end)

  it_tells("opens a WebSocket for its own page only", function()
    local page = page_of_bot()
    local function upgrade(path, origin)
      return (page:upgrade(path, origin and ("Origin: %s\r\n"):format(origin)))
    end
    local port = page.port
    for _, origin in ipairs { false, "null", "http://evil.example", "http://127.0.0.1", "http://127.0.0.1:1",
      "https://127.0.0.1:" .. port, "http://rebound.example:" .. port, "http://127.0.0.1:" .. port .. ".example" } do
      assert.equal(403, upgrade(page.path .. "ws", origin), origin)
    end
    local own = "http://127.0.0.1:" .. port
    assert.equal(404, upgrade("/AAAAAAAAAAAAAAAAAAAAAA/ws", own))
    assert.equal(404, upgrade("/AAAAAAAAAAAAAAAAAAAAAA/ws", "http://evil.example"))
    assert.equal(404, upgrade("/ws", own))
    assert.equal(404, upgrade(page.path, own))
    assert.equal(101, upgrade(page.path .. "ws", own))
    assert.equal(101, upgrade(page.path .. "ws", "http://localhost:" .. port))
  end)

  it_tells("passes on what a page asks for, and nothing that runs code", function()
    local page, bot = page_of_bot()
    local conn = page:websocket()
    assert.equal(bot.pid, conn:call("program").pid)
    assert.same({}, conn:call "connections")
    assert.equal("spawned", conn:call("tasks")[1].kind)
    conn:close()
    for _, text in ipairs {
      '{"id":1,"method":"run","params":{"code":"os.exit(7)"}}', '{"id":1,"method":"complete","params":{"line":""}}',
      '{"id":1,"method":"program","method":"run","params":{"code":"os.exit(7)"}}',
      '[{"id":1,"method":"program"}]', '{"method":"reload"}', '{"id":"1","method":"program"}',
      '{"id":1,"method":"program","params":1}', '{"id":1,"result":1}', "1", "null", "", "{",
      ('{"id":1,"method":"state","params":["%s"]}'):format(("x"):rep(65536)),
    } do
      conn = page:websocket()
      conn:send(text)
      assert.same({ 1008, "this is not for pages" }, { conn:closed() }, text)
    end
    assert.equal(bot.pid, page:websocket():call("program").pid)
  end)

  it_tells("has eight pages at most, and room again when one goes", function()
    local page = page_of_bot()
    local conns = {}
    for i = 1, 8 do
      conns[i] = page:websocket()
      conns[i]:call "program"
    end
    local origin = ("Origin: http://127.0.0.1:%d\r\n"):format(page.port)
    assert.equal(503, (page:upgrade(page.path .. "ws", origin)))
    conns[1]:close()
    story.poll("room for a page", function() return page:upgrade(page.path .. "ws", origin) == 101 end)
    assert.is_number(conns[8]:call("program").pid)
  end)

  it_tells("has room for a page while others connect and say nothing", function()
    local page = page_of_bot()
    local conn = page:websocket()
    local others = {}
    for i = 1, 400 do others[i] = raw.connect(page.port):send "GET / HTTP/1.1\r\n" end
    assert.equal(200, (status_of(page, "GET " .. page.path)))
    assert.is_number(conn:call("program").pid)
    story.wait("the oldest to be dropped", function() return others[1].ended end)
    assert.is_nil(others[400].ended)
  end)

  it_tells("holds little for a page that does not read, and slows no other", function()
    local bot = inspect.bot "for _ = 1, 5000 do host.spawn(function() host.sleep(3600) end) end host.sleep(0)"
    local page = inspect.open(bot.folder)
    local slow, other = page:websocket(), page:websocket()
    assert.is_true(#slow:call "tasks" >= 5000)
    local before = resident(page.program.pid)
    slow.conn:pause()
    for i = 1001, 1100 do slow:send(('{"id":%d,"method":"tasks"}'):format(i)) end
    for _ = 1, 20 do other:call "program" end
    assert.is_true(#other:call "tasks" >= 5000)
    assert.is_true(resident(page.program.pid) - before < 48 << 20)
    slow.conn:resume()
    local ids = {}
    for i = 1, 100 do ids[i] = slow:receive().id end
    table.sort(ids) -- answers come in any order
    for i = 1, 100 do assert.equal(1000 + i, ids[i]) end
  end)

  it_tells("leaves out what a page that does not read would be told", function()
    local echo = program.echo()
    local bot = inspect.bot([[
      local conn = ws.connect { url = arg[1], compression = false, on_message = function() end }
      local text = ("\xff"):rep(65536)
      host.every(0.003, function() conn:send(text, "binary") end)
    ]], { echo.url })
    local page = inspect.open(bot.folder)
    local slow, other = page:websocket(), page:websocket()
    slow:call("watch", { messages = true })
    slow:receive()
    slow.conn:pause()
    local before = resident(page.program.pid)
    story.poll("messages of 75 MB", function() return other:call("program").messages_out > 1200 end)
    assert.is_true(resident(page.program.pid) - before < 24 << 20)
    slow.conn:resume()
    assert.equal(bot.pid, slow:call("program").pid)
  end)

  it_tells("ends with the program, and says so to its pages", function()
    local page, bot = page_of_bot()
    local conn = page:websocket()
    conn:call "program"
    bot:kill "sigterm"
    assert.same({ 1001, "the program has ended" }, { conn:closed() })
    page.program:ends(0)
    assert.equal("wsbot inspect: the program has ended, and so has its page\n", page.program.err)
  end)

  it_tells("ends with Ctrl-C, and says nothing of the program", function()
    local page = page_of_bot()
    local conn = page:websocket()
    conn:call "program"
    page.program:kill "sigint"
    assert.same({ 1001, "wsbot inspect has ended" }, { conn:closed() })
    page.program:ends(0)
    assert.equal("", page.program.err)
  end)

  it_tells("says what it cannot find, and which port is taken", function()
    local function fails(folder, ...)
      local p = inspect.run(folder, ...)
      p:ends(1)
      return p.err
    end
    local page = page_of_bot()
    local folder = page.folder
    assert.matches("^wsbot inspect: no program of yours runs", fails(place.folder()))
    assert.matches("^wsbot inspect: no program is called 'other'; there are bot", fails(folder, "other"))
    assert.matches(("cannot listen on 127.0.0.1 port %d: "):format(page.port), fails(folder, "--port", page.port))
  end)
end)

local first = '{"record":1,"program":"wsbot 0.2.0","started":"2026-01-01T00:00:00Z"}\n'

describe("wsbot inspect of a record", function()
  it_tells("serves it in pieces, and no WebSocket", function()
    local lines = { first }
    local line = '{"time":%d,"connection":1,"event":"sent","kind":"text","data":"' .. ("x"):rep(50) .. '"}\n'
    for i = 1, 30000 do lines[#lines + 1] = line:format(i) end
    local text = table.concat(lines)
    local path = place.file("session.jsonl", text)
    local page = inspect.open(place.folder(), path)
    local _, _, about = status_of(page, "GET " .. page.path .. "about")
    assert.same({ kind = "record", name = "session.jsonl", path = path, size = #text }, json.decode(about))
    local pieces, from = {}, 0
    repeat
      local status, _, piece = status_of(page, ("GET %srecord?from=%d"):format(page.path, from))
      assert.equal(200, status)
      assert.is_true(#piece <= 1 << 20)
      pieces[#pieces + 1], from = piece, from + #piece
    until piece == ""
    assert.equal(5, #pieces)
    assert.is_true(table.concat(pieces) == text)
    for _, query in ipairs { "", "?from=", "?from=-1", "?from=1&from=2", "?from=99999999999999999999", "?to=1" } do
      assert.equal(404, (status_of(page, "GET " .. page.path .. "record" .. query)), query)
    end
    assert.equal(404, (page:upgrade(page.path .. "ws", ("Origin: http://127.0.0.1:%d\r\n"):format(page.port))))
  end)

  it_tells("serves it to others while many ask for it and do not read", function()
    local page = inspect.open(place.folder(), place.file("r.jsonl", first .. ("x"):rep(2 << 20)))
    for _ = 1, 60 do
      local client = page:connect()
      client:listen(false)
      client:send(("GET %srecord?from=0 HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n"):format(page.path, page.port)):taken()
    end
    local status, _, piece = status_of(page, "GET record?from=1000")
    assert.same({ 200, 1 << 20 }, { status, #piece })
  end)

  it_tells("serves one whose lines are broken: the page tells of them", function()
    local page = inspect.open(place.folder(), place.file("r.jsonl", first .. '{"time":1,"conn'))
    assert.equal(200, (status_of(page, "GET " .. page.path .. "record?from=0")))
  end)

  it_tells("does not serve what is no record, or too large", function()
    local large = place.file("large.jsonl", first)
    local file <close> = assert(io.open(large, "r+b"))
    file:seek("set", 257 << 20)
    file:write "x"
    file:close()
    for path, why in pairs {
      [large] = "large.jsonl has 257 MiB: a record to look at has 256 at most",
      [place.file("a.txt", "hello\n")] = "a.txt is no record, as `wsbot run --record` writes them",
      [place.file("b.jsonl", "")] = "b.jsonl is no record",
      [place.file("c.jsonl", '{"record":2}\n')] = "c.jsonl is no record",
      [place.file("d.jsonl", "[1]\n")] = "d.jsonl is no record",
      [place.folder()] = "is no record",
      ["/dev/null"] = "/dev/null is no record",
      ["/nowhere/at/all"] = "/nowhere/at/all: No such file or directory",
    } do
      local p = inspect.run(place.folder(), path)
      p:ends(1)
      assert.matches("^wsbot inspect: ", p.err)
      assert.matches(why, p.err, 1, true)
    end
  end)

  it_tells("takes a name for a program, unless a record has it", function()
    local bot = inspect.bot(silent)
    local here = place.folder { bot = "no record" }
    local _, _, about = status_of(inspect.open(bot.folder, "bot", here), "GET about")
    assert.equal("program", json.decode(about).kind)
    place.file(here .. "/bot", first)
    _, _, about = status_of(inspect.open(bot.folder, "bot", here), "GET about")
    assert.equal("record", json.decode(about).kind)
  end)
end)
