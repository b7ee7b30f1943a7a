-- chromium: scripts/devtools.lua drives a real browser. (Heavy: run by ./dev interop, not by ./dev test.)
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
