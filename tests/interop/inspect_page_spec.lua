-- The page of wsbot inspect (lualib/page/), in a browser.
local browser = require "support.browser"
local inspect = require "support.inspect"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- Three connections to an echo peer: one says JSON all the time, one bytes, one what would be HTML.
local chatty = [[
  for name, data in pairs { trades = '{"price":12345678901234567890,"tags":["a"]}', books = "\0\1\xff",
    html = "<img src=x onerror='document.title=1'>" } do
    local conn = ws.connect { name = name, url = arg[1] .. "/" .. name, ping_interval = 0.1,
      on_message = function() end }
    host.every(0.02, function() conn:send(data, name == "books" and "binary" or "text") end, "say " .. name)
  end
  host.state("counts", { seen = 3 })
  host.spawn(function() host.sleep(3600) end)
  host.log.warn "it began"
]]

local function open(source, args)
  local bot = inspect.bot(source, args)
  local page = inspect.open(bot.folder)
  return browser.open(page.url), bot, page
end

local function text_of(selector)
  return ("document.querySelector(%s)?.textContent"):format(json.encode(selector))
end

-- Clicks the element in sight that a selector finds, and whose text has these words.
local function click(tab, text, selector)
  local element = ("[...document.querySelectorAll(%q)].find((e) => e.offsetParent && e.textContent.includes(%q))")
    :format(selector or "button", text)
  tab:await(element .. " && true")
  tab:run(element .. ".click()")
end

local function go(tab, view)
  click(tab, view, "nav button")
end

-- How many elements in sight are wider than the window.
local overflowing = "[...document.querySelectorAll('body, header, main, section:not([hidden]), .bar')]"
  .. ".filter((e) => e.getBoundingClientRect().right > innerWidth + 1).length"

describe("the page of a program", function()
  it_tells("loads without an error or a breach of its policy, and shows all views, also on a narrow screen", function()
    local echo = program.echo()
    local tab, bot = open(chatty, { echo.url })
    tab:await(text_of "h1" .. " === 'bot'")
    assert.equal("bot · wsbot", tab:run "document.title")
    tab:await "document.querySelectorAll('.plot path.in')[1].getAttribute('d').includes('L')"
    tab:await(("document.querySelector('.overview .path').textContent.endsWith(%q)"):format "bot.lua")
    assert.equal(("process %d"):format(bot.pid), tab:run(text_of ".program .sub"))
    for _, width in ipairs { 1200, 360 } do
      tab:resize(width, 700)
      for view, seen in pairs { Overview = "3 open", Connections = "trades", Tasks = "host.sleep", Timers = "say books",
        State = "counts = { seen = 3 }", Log = "it began", Generations = "Generation 0 runs.", Profile = "seconds" } do
        go(tab, view)
        tab:await(("document.querySelector('section:not([hidden])').textContent.includes(%q)"):format(seen))
        assert.equal(0, tab:run(overflowing), view)
      end
    end
    tab:is_well()
  end)

  it_tells("lists connections, and follows the messages of one, both ways, as text only", function()
    local echo = program.echo()
    local tab = open(chatty, { echo.url })
    local rows = "[...document.querySelectorAll('.connections tbody tr')].map((r) => r.textContent)"
    go(tab, "Connections")
    tab:await(rows .. ".length === 3")
    tab:await(rows .. ".every((text) => / \xc2\xb5s| ms/.test(text))") -- each has a latency
    local function choose(name) click(tab, name, ".connections tbody tr") end
    choose "trades"
    tab:await "document.querySelector('.line.sent') && document.querySelector('.line.received') && true"
    click(tab, "Pause")
    tab:press "/"
    tab:call("Input.insertText", { text = "PRICE" }) -- and not the pings
    tab:await "[...document.querySelectorAll('.line')].every((e) => e.textContent.includes('price'))"
    tab:run "document.querySelector('.messages .list').focus()"
    tab:press "ArrowUp"
    tab:await(text_of ".message .json" .. [[ === '{\n  "price": 12345678901234567890,\n  "tags": [\n    "a"\n  ]\n}']])
    choose "html"
    click(tab, "Go on")
    tab:press "/"
    tab:press "Escape"
    assert.equal("", tab:run "document.activeElement.value")
    tab:await "[...document.querySelectorAll('.line .preview')].some((e) => e.textContent.startsWith('<img src=x'))"
    assert.equal(0, tab:run "document.images.length")
    choose "books"
    tab:await "[...document.querySelectorAll('.line .preview')].some((e) => e.textContent.startsWith('00 01 ff'))"
    tab:await "document.querySelector('.messages .list').scrollTop > 300"
    tab:run "[...document.querySelectorAll('.messages .line')].at(-3).click()" -- it stays in sight while others come
    local count = "Number(document.querySelector('.messages .count').textContent)"
    tab:await(("%s > %d"):format(count, tab:run(count) + 60))
    assert.is_true(tab:run("document.querySelector('.line.chosen').getBoundingClientRect().bottom"
      .. " <= document.querySelector('.messages .list').getBoundingClientRect().bottom"))
    tab:press "/"
    assert.equal("Filter messages", tab:run "document.activeElement.placeholder")
    tab:is_well()
  end)

  it_tells("tells how the attempts of a connection have ended", function()
    local tab = open [[
      ws.connect { name = "down", url = "ws://127.0.0.1:1", reconnect = true, on_error = function() end }
    ]]
    go(tab, "Connections")
    click(tab, "down", ".connections tbody tr")
    local about = text_of ".detail .facts"
    tab:await([[/1006 connect (once|\d+ times)/.test(]] .. about .. ")")
    tab:await([[/connection refused \(attempt \d+, open for 0 s\)/.test(]] .. about .. ")")
    tab:is_well()
  end)

  it_tells("draws seldom, keeps little and says what it leaves out where messages come in floods", function()
    local echo = program.echo()
    local tab, bot = open([[
      local conn = ws.connect { name = "flood", url = arg[1], on_message = function(c, d) c:send(d) end }
      for i = 1, 50 do conn:send("message " .. i) end
    ]], { echo.url })
    go(tab, "Connections")
    tab:await "document.querySelector('.connections tbody tr') && true"
    tab:run "document.querySelector('.connections tbody tr').click()"
    tab:await [[/^[\d,]+ of [\d,]+ shown$/.test(document.querySelector('.messages .count').textContent)]]
    assert.is_true(tab:run "document.querySelectorAll('.line').length" < 100)
    bot:kill "sigterm"
    tab:await(text_of ".notice" .. ".startsWith('the program has ended.')")
    assert.is_true(tab:run "document.title.startsWith('(ended)')")
    tab:is_well()
  end)

  it_tells("draws where the time goes, and goes into a frame and back", function()
    local tab = open [[
      local function work() for _ = 1, 100000 do math.sin(1) end end
      host.every(0.01, function() work() end)
    ]]
    go(tab, "Profile")
    tab:run "document.querySelector('.profile [type=number]').value = 1"
    click(tab, "Profile", ".profile button")
    local frame = "[...document.querySelectorAll('.flame g')].find((g) => g.textContent.endsWith('work(bot.lua:1)'))"
    tab:await(frame .. " && true")
    tab:run(frame .. ".focus()")
    tab:press "Enter"
    tab:await "document.querySelectorAll('.flame .above').length === 3" -- all, the timer, its function
    assert.truthy(tab:run(text_of ".profile .reading"):find "^work%(.*bot.lua:1%): %d+ %%, %d+ samples?")
    tab:press "Escape"
    tab:await "document.querySelectorAll('.flame .above').length === 0"
    tab:is_well()
  end)

  it_tells("reloads, goes back, and shows what each has kept, or why it failed", function()
    local tab, bot = open "host.spawn(function() host.sleep(3600) end)"
    local path = bot.args[2]
    go(tab, "Generations")
    local function has(generation)
      tab:await(("document.querySelector('.generations').textContent.includes('generation %d')"):format(generation))
    end
    tab:await(text_of ".generations" .. " === 'It was not reloaded yet.'")
    place.file(path, "host.spawn(function() host.sleep(3600) end) say = print say 'second'")
    click(tab, "Reload")
    bot:tells "second"
    has(1)
    place.file(path, "this is wrong")
    click(tab, "Reload")
    tab:await "document.querySelector('.generations .failed')?.textContent.includes('syntax error')"
    place.file(path, "host.spawn(function() host.sleep(3600) end)")
    click(tab, "Back")
    bot:tells "runs"
    has(2)
    tab:is_well()
  end)
end)

local record = [=[
{"record":1,"program":"wsbot 0.2.0","started":"2026-01-01T00:00:00Z"}
{"time":0,"connection":1,"event":"connect","attempt":1,"url":"ws://h/feed"}
{"time":0.01,"connection":1,"event":"request","target":"/feed","headers":[["Host","h"]]}
{"time":0.1,"connection":1,"event":"response","status":101,"reason":"Switching Protocols","headers":[["X","y"]]}
{"time":0.2,"connection":1,"event":"sent","kind":"text","data":"{\"subscribe\":\"<b>trades</b>\"}"}
{"time":1,"connection":1,"event":"received","kind":"text","data":"trade 1"}
{"time":2,"connection":1,"event":"received","kind":"binary","base64":"AP8="}
{"time":60.2,"connection":1,"event":"received","kind":"close","code":4000,"reason":"that is all"}
{"time":60.3,"connection":1,"event":"end","code":4000}
]=]

local lines = "[...document.querySelectorAll('.list .preview')].map((e) => e.textContent)"

local function open_record(text)
  return browser.open(inspect.open(place.folder(), place.file("session.jsonl", text)).url)
end

describe("the page of a record", function()
  it_tells("shows its events, to search and to step through", function()
    local tab = open_record(record)
    tab:await(lines .. ".length === 8")
    assert.is_true(tab:run(text_of ".head .sub"):find("8 events · 1 connection · 1m 00s · wsbot 0.2.0", 1, true) ~= nil)
    assert.is_true(tab:run "document.querySelector('.notice').hidden")
    tab:press "ArrowRight"
    tab:press "ArrowRight"
    tab:await(text_of ".message .data" .. " === 'Host: h\\n'")
    tab:press "ArrowLeft"
    tab:await(text_of ".message .data" .. " === 'attempt 1, ws://h/feed'")
    tab:press "/"
    tab:call("Input.insertText", { text = "TRADE" })
    tab:await(lines .. ".length === 2")
    assert.equal("2 of 8", tab:run(text_of ".bar .count"))
    tab:press "Escape"
    tab:await(lines .. ".length === 8")
    tab:resize(360, 700)
    assert.equal(0, tab:run(overflowing))
    tab:is_well()
  end)

  it_tells("tells of lines that cannot be read, and shows the others", function()
    local tab = open_record(record .. [=[
{
[1]
{"time":61,"connection":{},"event":"sent","kind":"text","data":"x"}
{"time":"61","connection":1,"event":"sent","kind":"text","data":"x"}
{"time":61,"connection":1,"event":"sent","kind":"text","data":1}
{"time":61,"connection":1,"event":"request","target":"/","headers":[1]}
{"time":1e18,"connection":1,"event":"sent","kind":"binary","base64":"?"}
]=] .. '{"time":61,"connection":2,"event":"sent","kind":"text","da')
    tab:await(lines .. ".length === 9")
    assert.equal("7 lines could not be read, the first is line 10.", tab:run(text_of ".notice"))
    tab:press "ArrowRight"
    tab:run "document.querySelector('canvas').focus()"
    for _ = 1, 20 do tab:press "+" end
    tab:await(text_of ".message .data" .. " === 'attempt 1, ws://h/feed'")
    tab:is_well()
  end)

  it_tells("lays out JSON that is nested without end", function()
    local deep = ("["):rep(15000) .. ("]"):rep(15000)
    local tab = open_record(record:gsub('"trade 1"', '"' .. deep .. '"'))
    tab:await(lines .. ".length === 8")
    tab:run "document.querySelectorAll('.list .line')[4].click()"
    assert.is_true(tab:await(text_of ".message .json" .. ".length") < 2000000)
    tab:is_well()
  end)

  it_tells("makes a spec of it, which runs", function()
    local tab = open_record(record)
    tab:await(lines .. ".length === 8")
    click(tab, "Make a spec of this")
    local source = tab:await(text_of "dialog[open] .data")
    local here = place.folder { ["some_spec.lua"] = source, ["bot.lua"] = [[
      ws.connect { url = arg[1], on_message = function() end,
        on_websocket_connect = function(c) c:send '{"subscribe":"<b>trades</b>"}' end }
    ]] }
    local run = program.run({ "test", "some_spec.lua" }, { cwd = here })
    assert.equal(0, (run:wait()), run.out)
    place.file(here .. "/bot.lua", "ws.connect { url = arg[1], on_websocket_connect = function(c) c:send 'x' end }")
    run = program.run({ "test", "some_spec.lua" }, { cwd = here })
    assert.equal(1, (run:wait()), run.out)
    tab:is_well()
  end)

  it_tells("exports it as HAR, as DevTools have it", function()
    local tab, folder = open_record(record), place.folder()
    tab:await(lines .. ".length === 8")
    tab:call("Page.setDownloadBehavior", { behavior = "allow", downloadPath = folder })
    click(tab, "Export HAR")
    story.poll("the file", function() return io.open(folder .. "/session.har") end)
    local log = json.decode(place.read(folder .. "/session.har")).log
    local entry = log.entries[1]
    assert.same({ "1.2", "wsbot", "0.2.0", 1 }, { log.version, log.creator.name, log.creator.version, #log.entries })
    assert.same({ "ws://h/feed", "GET", 101, "websocket", "2026-01-01T00:00:00.010Z" }, { entry.request.url,
      entry.request.method, entry.response.status, entry._resourceType, entry.startedDateTime })
    local began = 1767225600
    assert.same({
      { type = "send", time = began + 0.2, opcode = 1, data = '{"subscribe":"<b>trades</b>"}' },
      { type = "receive", time = began + 1, opcode = 1, data = "trade 1" },
      { type = "receive", time = began + 2, opcode = 2, data = "AP8=" },
    }, entry._webSocketMessages)
    tab:is_well()
  end)
end)
