-- script_devtools: scripts/devtools.lua against a scripted browser. (tests/interop/chromium_spec.lua has a real one.)
local cjson = require "cjson"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local sha1 = require "support.sha1"

-- A picture of one pixel.
local png = "\x89PNG\r\n\x1a\n"
  .. "\0\0\0\13IHDR\0\0\0\1\0\0\0\1\8\0\0\0\0\x3a\x7e\x9b\x55"
  .. "\0\0\0\10IDAT\x78\x9c\x63\0\0\0\2\0\1\x48\xaf\xa4\x71"
  .. "\0\0\0\0IEND\xae\x42\x60\x82"

local function devtools(browser, out)
  return program.run { "run", "scripts/devtools.lua", browser.url, "https://example.org/", out }
end

local function tell(s, message)
  s:text(cjson.encode(message))
end

-- The next call is of this method, in this session. Returns its parameters, and a function that answers it.
local function called(s, method, session)
  local call = cjson.decode(s:expect_text().payload)
  assert.same({ method, session }, { call.method, call.sessionId })
  return call.params, function(result)
    tell(s, { id = call.id, sessionId = session, result = result })
  end
end

local function answers(s, method, session, result)
  local params, answer = called(s, method, session)
  answer(result)
  return params
end

local none = setmetatable({}, cjson.empty_object_mt) -- written as {}

-- A browser that goes along until the page is asked for.
local function up_to_page(s)
  assert.same({ url = "about:blank" }, answers(s, "Target.createTarget", nil, { targetId = "T" }))
  tell(s, { method = "Target.attachedToTarget", params = { sessionId = "S" } })
  assert.same({ targetId = "T", flatten = true }, answers(s, "Target.attachToTarget", nil, { sessionId = "S" }))
  local size = answers(s, "Emulation.setDeviceMetricsOverride", "S", none)
  assert.same({ 800, 600 }, { size.width, size.height })
  answers(s, "Page.enable", "S", none)
  answers(s, "Page.setLifecycleEventsEnabled", "S", none)
  local params, answer = called(s, "Page.navigate", "S")
  assert.same({ url = "https://example.org/" }, params)
  return answer
end

local function happens(s, name, loader)
  tell(s, { method = "Page.lifecycleEvent", sessionId = "S", params = { name = name, loaderId = loader } })
end

local function title_and_picture(s, picture)
  assert.same({ expression = "document.title" },
    answers(s, "Runtime.evaluate", "S", { result = { type = "string", value = "Example" } }))
  assert.same({ format = "png" }, answers(s, "Page.captureScreenshot", "S", { data = sha1.base64(picture) }))
end

local function says_goodbye(s)
  assert.same({ targetId = "T" }, answers(s, "Target.closeTarget", nil, { success = true }))
  s:answer_close()
end

describe("scripts/devtools.lua", function()
  it_tells("waits for the page, prints its title, saves its picture", function()
    local browser = peer.listen()
    local out = place.folder() .. "/page.png"
    local p = devtools(browser, out)
    local s = browser:open()
    local navigated = up_to_page(s)
    happens(s, "load", "L0") -- of the empty page
    navigated { frameId = "F", loaderId = "L" }
    happens(s, "init", "L")
    tell(s, { method = "Page.loadEventFired", sessionId = "S", params = { timestamp = 1 } })
    happens(s, "load", "L")
    title_and_picture(s, png)
    says_goodbye(s)
    p:tells("Example", ("%d bytes in %s"):format(#png, out))
    p:ends(0)
    assert.equal(png, place.read(out))
  end)

  it_tells("keeps events that come before the answer", function()
    local browser = peer.listen()
    local out = place.folder() .. "/page.png"
    local p = devtools(browser, out)
    local s = browser:open()
    local navigated = up_to_page(s)
    happens(s, "load", "L")
    navigated { frameId = "F", loaderId = "L" }
    title_and_picture(s, png)
    says_goodbye(s)
    p:tells("Example", "~bytes in")
    p:ends(0)
  end)

  it_tells("reads base64 of all lengths and all bytes", function()
    local browser = peer.listen()
    local all = {}
    for byte = 0, 255 do
      all[#all + 1] = string.char(byte, 255 - byte)
    end
    all = table.concat(all)
    for _, picture in ipairs { "", "a", "ab", "abc", all, ("\xff\0\x80"):rep(100000) .. "!" } do
      local out = place.folder() .. "/page.png"
      local p = devtools(browser, out)
      local s = browser:open()
      up_to_page(s) { frameId = "F", loaderId = "L" }
      happens(s, "load", "L")
      title_and_picture(s, picture)
      says_goodbye(s)
      p:tells("Example", "~bytes in")
      p:ends(0)
      assert.is_true(picture == place.read(out))
    end
  end)

  it_tells("says what the browser says, and ends with 1", function()
    local browser = peer.listen()
    local p = devtools(browser, "page.png")
    local s = browser:open()
    local call = cjson.decode(s:expect_text().payload)
    tell(s, { id = call.id, error = { code = -32000, message = "no more tabs" } })
    s:answer_close()
    p:ends(1)
    assert.truthy(p.err:find("devtools: Target.createTarget: no more tabs", 1, true), p.err)

    p = devtools(browser, "page.png")
    s = browser:open()
    up_to_page(s) { frameId = "F", errorText = "net::ERR_NAME_NOT_RESOLVED" }
    says_goodbye(s)
    p:ends(1)
    assert.truthy(p.err:find("devtools: https://example.org/: net::ERR_NAME_NOT_RESOLVED", 1, true), p.err)
  end)

  it_tells("says what it waited for when the browser has gone", function()
    local browser = peer.listen()
    local p = devtools(browser, "page.png")
    local s = browser:open()
    up_to_page(s)
    s:reset()
    p:ends(1)
    assert.truthy(p.err:find("devtools: waiting for Page.navigate: closed", 1, true), p.err)
  end)
end)
