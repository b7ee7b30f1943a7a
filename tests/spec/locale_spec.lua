-- Locales: a script may choose one with a decimal comma, and what it prints then has commas. What programs read has
-- points all the same, whichever way it goes.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

local NAME = "de_DE.UTF-8"

-- Where the locale is, made there; or nil and why it cannot be had.
local function make_locale()
  local folder = place.folder()
  if os.execute(("localedef -i de_DE -f UTF-8 %s/%s >/dev/null 2>&1"):format(folder, NAME)) then return folder end
  return nil, "no locale with a comma can be made here: localedef and locales are missing"
end

local folder, missing
local function it_tells_of_commas(name, body)
  it_tells(name, function()
    if not folder and not missing then folder, missing = make_locale() end
    if missing then
      pending(missing)
      return
    end
    body()
  end)
end

-- A bot that has chosen the locale. options: those of program.bot, before (Lua: what it does first) and
-- leaks (true: the C library loses its copy of LOCPATH where libcurl's libraries make a locale).
local function start(source, args, options)
  options = options or {}
  options.env = { LOCPATH = folder, ASAN_OPTIONS = options.leaks and "detect_leaks=0" }
  local choose = ([[ assert(os.setlocale "%s") assert(tostring(0.5) == "0,5") ]]):format(NAME)
  return program.bot((options.before or "") .. choose .. source, args, options)
end

describe("a locale with a decimal comma", function()
  it_tells_of_commas("is not that of a record", function()
    local p, record = peer.listen(), place.folder() .. "/record"
    local bot = start([[ws.connect(told { url = arg[1] })]], { p.url }, { flags = { "--record", record } })
    p:open():finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
    local lines = 0
    for line in io.lines(record) do
      lines = lines + 1
      if lines > 1 then assert.matches('^{"time":%d+%.%d%d%d%d%d%d,"connection":1,"event":"%l+"[,}]', line) end
    end
    assert.is_true(lines > 3)
  end)

  it_tells_of_commas("does not keep a record from being read", function()
    local bot = start([[
      local testing = require "wsbot.testing"
      local record = io.open(arg[1], "w")
      record:write('{"record":1,"program":"wsbot","started":"2026-01-01T00:00:00Z"}\n',
        '{"time":0.000001,"connection":1,"event":"connect","attempt":1,"url":"ws://h/"}\n',
        '{"time":0.002,"connection":1,"event":"request","target":"/","headers":[]}\n',
        '{"time":0.25,"connection":1,"event":"response","status":101,"reason":"","headers":[]}\n',
        '{"time":0.5,"connection":1,"event":"received","kind":"text","data":"hello"}\n')
      record:close()
      local server <close> = testing.replay(arg[1])
      local conn = ws.connect { url = server.url }
      say(conn:receive(5))
      os.exit(0)
    ]], { place.folder() .. "/record" })
    bot:tells "hello text"
    bot:ends(0)
  end)

  it_tells_of_commas("is not that of headers, messages and the log", function()
    local p = peer.listen()
    local bot = start([[
      local conn = ws.connect(told { url = arg[1], headers = { ["X-Half"] = 0.5, ["X-List"] = { 2.0, 1 } } })
      conn:send(0.25)
      conn:send(-1e100)
      conn.on_websocket_connect = function()
        host.log.info("half", 0.5, 1)
        say(0.5)
      end
    ]], { p.url })
    local s = p:open()
    assert.same({ "0.5" }, s.request.headers["x-half"])
    assert.same({ "2.0", "1" }, s.request.headers["x-list"])
    s:expect_text "0.25"
    s:expect_text "-1e+100"
    s:finish()
    bot:tells("connect", "0,5", 'close 1000 ""') -- what it prints is its own
    bot:complains "half\t0.5\t1\n"
    bot:ends(0)
  end)

  it_tells_of_commas("is not that of error messages and what they are told of", function()
    local p = peer.listen()
    local bot = start([[ws.connect(told { url = arg[1], handshake_timeout = 0.05 })]], { p.url })
    bot:tells("connect", 'error timeout "no answer to the opening handshake within 0.05 s (handshake_timeout)"',
      'close 1006 ""')
    bot:ends(0)
  end)

  it_tells_of_commas("is not that of requests and their answers", function()
    local p = peer.listen()
    local function answers(first)
      local s = p:accept()
      local head = s:read_head()
      local body = s:read(tonumber((head.headers["content-length"] or { "0" })[1]))
      assert.equal(first, head.line:match "^%u+ (%S+)" .. " " .. (head.headers["x-half"] or { "" })[1] .. " " .. body)
      s:send "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\n{\"a\":1.25}"
      s:close()
    end
    for _, before in ipairs { "", "require 'cjson'" } do -- which learns the comma when it is loaded, or not
      local bot = start([[
        local http = require "wsbot.http"
        local url = arg[1]:gsub("^ws", "http")
        assert(http.get(url, { query = { half = 0.5 }, headers = { ["X-Half"] = 0.5 } }))
        assert(http.post(url, nil, { form = { half = 0.5 } }))
        local res = assert(http.post(url, nil, { json = { half = 0.5 } }))
        say(res:json().a == 1.25)
      ]], { p.url }, { before = before, leaks = true })
      answers "/?half=0.5 0.5 "
      answers "/  half=0.5"
      answers '/  {"half":0.5}'
      bot:tells "true"
      bot:ends(0)
    end
  end)
end)
