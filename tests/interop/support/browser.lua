-- browser: headless Chromium, by its DevTools protocol over our own client. What goes wrong in a page (an error, a
-- violation of its policy, a file that is not there) fails the story.
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local browser = {}

local PATH <const> = "/usr/bin/chromium"

local methods = {}
methods.__index = methods

-- Asks the browser for something. The result.
function methods:call(method, params)
  self.last = self.last + 1
  self.conn:send(json.encode { id = self.last, method = method, params = params, sessionId = self.session })
  while true do
    local message = json.decode((assert(self.conn:receive(20))))
    if message.id == self.last then
      return message.result or error(("%s: %s"):format(method, message.error.message), 2)
    end
    self:note(message)
  end
end

-- Keeps what is wrong.
function methods:note(message)
  local params = message.params
  if message.method == "Runtime.exceptionThrown" then
    local details = params.exceptionDetails
    self.wrong[#self.wrong + 1] = details.exception and details.exception.description or details.text
  elseif message.method == "Log.entryAdded" and params.entry.level ~= "info" then
    self.wrong[#self.wrong + 1] = ("%s %s"):format(params.entry.text, params.entry.url or "")
  elseif message.method == "Runtime.consoleAPICalled" then
    self.wrong[#self.wrong + 1] = "console: " .. json.encode(params.args)
  end
end

-- The value of an expression in the page; it may wait.
function methods:run(source)
  local answer = self:call("Runtime.evaluate", { expression = source, awaitPromise = true, returnByValue = true,
    userGesture = true })
  local details = answer.exceptionDetails
  if details then error(details.exception and details.exception.description or details.text, 2) end
  return answer.result.value
end

-- Waits until an expression is true in the page; while it fails it is not. Its value.
function methods:await(source)
  local value
  story.note(function() return "the page waited for: " .. source end)
  repeat
    value = self:run(("new Promise((is) => { const of = () => { try { return %s; } catch { return false; } }; "
      .. "const look = () => { const value = of(); if (value) is(value); else setTimeout(look, 20); }; "
      .. "setTimeout(() => is(false), 500); look(); })"):format(source))
  until value
  return value
end

-- Presses a key: "ArrowDown", "/".
function methods:press(key)
  local text = #key == 1 and key or nil
  self:call("Input.dispatchKeyEvent", { type = "keyDown", key = key, text = text })
  self:call("Input.dispatchKeyEvent", { type = "keyUp", key = key })
end

function methods:resize(width, height)
  self:call("Emulation.setDeviceMetricsOverride", { width = width, height = height, deviceScaleFactor = 1,
    mobile = false })
end

function methods:is_well()
  if #self.wrong > 0 then error("the page: " .. table.concat(self.wrong, "\n"), 2) end
end

local function start()
  if not io.open(PATH) then story.skip "there is no chromium (Debian: chromium)" end
  local p = program.start(PATH, {
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--log-level=3",
    "--remote-debugging-port=0",
    "--user-data-dir=" .. place.folder(), "about:blank",
  })
  story.at_end(function() -- gently, so that its own children end before their folder goes
    p:kill "sigterm"
    p:wait()
  end)
  p:complains "DevTools listening on "
  return story.wait("the DevTools' url", function() return p.err:match "DevTools listening on (%S+)\n" end)
end

-- Opens a page in a browser of its own.
function browser.open(url)
  local conn = ws.connect { url = start(), max_message_size = 64 << 20, on_error = function() end }
  story.at_end(function() conn:destroy() end)
  local self = setmetatable({ conn = conn, last = 0, wrong = {} }, methods)
  local tab = self:call("Target.createTarget", { url = "about:blank" }).targetId
  self.session = self:call("Target.attachToTarget", { targetId = tab, flatten = true }).sessionId
  for _, domain in ipairs { "Runtime", "Log", "Page" } do self:call(domain .. ".enable") end
  self:resize(1200, 800)
  self:call("Page.navigate", { url = url })
  return self
end

return browser
