-- chromium: a real browser's DevTools: as a server like others, and spoken to by scripts/devtools.lua.
local battery = require "support.battery"
local cjson = require "cjson"
local client = require "support.client"
local ledger = require "support.ledger"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- Starts a headless browser and returns the url of its DevTools.
local function chromium()
  local p = program.start("/usr/bin/chromium", {
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-port=0", "--user-data-dir=" .. place.folder(),
    "about:blank",
  })
  story.at_end(function() -- gently, so that its own children end before their folder goes
    p:kill "sigterm"
    p:wait()
  end)
  p:complains "DevTools listening on "
  return story.wait("the DevTools' url", function()
    return p.err:match "DevTools listening on (%S+)\n"
  end)
end

local function devtools(url, page)
  local out = place.folder() .. "/page.png"
  return program.run { "run", "scripts/devtools.lua", url, page, out }, out
end

-- Has the browser do something, and waits for what comes of it. Events that come before are left out.
local function call(c, id, method, params, session)
  c:send(cjson.encode { id = id, method = method, params = params, sessionId = session })
  local answer
  repeat
    answer = cjson.decode((c:receive()))
  until answer.id == id
  assert.is_nil(answer.error)
  return answer.result
end

-- A page, in which run(source) gives the value of an expression.
local function page_of(c)
  local target = call(c, 1, "Target.createTarget", { url = "about:blank" }).targetId
  local session = call(c, 2, "Target.attachToTarget", { targetId = target, flatten = true }).sessionId
  return function(source)
    local params = { expression = source, returnByValue = true }
    return call(c, 3, "Runtime.evaluate", params, session).result.value
  end
end

ledger.describe("Chromium's DevTools", "chromium", function(row)
  for _, compression in ipairs { false, true } do
    local how = compression and ", with compression offered" or ""
    local function open()
      return client.open({ url = chromium() }, { compression = compression })
    end

    it("take large messages and send them" .. how, row:story("messages", function()
      local c = open()
      row:tell("version", call(c, 1, "Browser.getVersion").product)
      row:tell("over", "ws")
      local run = page_of(c)
      assert.is_true(run "'é'.repeat(1000000)" == ("é"):rep(1000000))
      assert.equal(1000000, run("'" .. ("x"):rep(1000000) .. "'.length"))
    end))

    it("answer a thousand in order" .. how, row:story("messages", function()
      local c = open()
      for i = 1, 1000 do
        c:send(cjson.encode { id = i, method = "Target.getTargets" })
      end
      for i = 1, 1000 do
        assert.equal(i, cjson.decode((c:receive())).id)
      end
    end))
  end

  it("answer pings", row:story("ping", function()
    local c = client.open { url = chromium() }
    c:ping "are you there?"
  end))

  it("answer our Close, always with 1000", row:story("close", function()
    local c = client.open { url = chromium() }
    c.conn:close(4000, "enough")
    c:is_closed(1000, "")
  end))

  it("compress", row:story("compression", function()
    local c = client.open({ url = chromium() }, { compression = true })
    battery.note_compression(row, c)
    local run = page_of(c)
    assert.is_true(run "'x'.repeat(1000000)" == ("x"):rep(1000000))
    assert.is_true(c.conn.bytes_in < 500000)
  end))
end)

describe("scripts/devtools.lua and chromium", function()
  it("make a picture of a page, and leave no tab behind", story.of(function()
    local url = chromium()
    for _, title in ipairs { "one", "Zwei Bärchen" } do
      local p, out = devtools(url, "data:text/html;charset=utf-8,<title>" .. title .. "</title><h1>hello</h1>")
      p:tells(title, "~^%d+ bytes in " .. out:gsub("%p", "%%%0") .. "$")
      p:ends(0)
      local png = place.read(out)
      local signature, size, chunk, width, height = (">c8I4c4I4I4"):unpack(png)
      assert.same({ "\x89PNG\r\n\x1a\n", 13, "IHDR", 800, 600 }, { signature, size, chunk, width, height })
      assert.equal("IEND\xae\x42\x60\x82", png:sub(-8))
    end
    local p = program.bot([[
      local cjson = require "cjson"
      local conn = ws.connect { url = arg[1] }
      repeat -- a tab that is closed takes a moment to go
        conn:send '{"id":1,"method":"Target.getTargets"}'
        local pages = 0
        for _, target in ipairs(cjson.decode((conn:receive(10))).result.targetInfos) do
          if target.type == "page" then pages = pages + 1 end
        end
        host.sleep(0.01)
      until pages == 1
      say "one page"
      conn:close()
    ]], { url })
    p:tells "one page" -- with which it began
    p:ends(0)
  end))

  it("tell what is wrong with a page", story.of(function()
    local url = chromium()
    local page = "http://127.0.0.1:" .. peer.dead_port() .. "/"
    local p = devtools(url, page)
    p:ends(1)
    assert.truthy(p.err:find("devtools: " .. page .. ": net::ERR_CONNECTION_REFUSED", 1, true), p.err)
  end))
end)
