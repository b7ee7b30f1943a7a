-- devtools: drives a browser through its DevTools protocol: opens a page, prints its title, saves a picture of it.
--
--     chromium --headless --remote-debugging-port=0          tells its address: DevTools listening on ws://...
--     wsbot scripts/devtools.lua WS_URL PAGE OUT.png
--
-- One idea: requests and answers over one connection read like function calls. call() sends a request with a number and
-- waits for the answer of that number; events that come meanwhile are kept.
-- The protocol: https://chromedevtools.github.io/devtools-protocol/

local json = require "wsbot.json"

local url, page, out = arg[1], arg[2], arg[3]
if not out then
  io.stderr:write("usage: wsbot scripts/devtools.lua WS_URL PAGE OUT.png\n")
  os.exit(2)
end
local patience = 30 -- seconds for each answer, and for the page to load

local conn = ws.connect {
  url = url,
  max_message_size = 256 * 1024 * 1024, -- a picture is one message
}

function conn.on_error(_, code, message)
  io.stderr:write("devtools: ", code, ": ", message, "\n")
end

------------------------------------------------------------------------------------------------------------------ calls

local session -- of the page we talk to; nil: the browser itself
local number = 0
local events = {} -- that came and nobody has waited for yet

-- The next message from the browser.
local function receive(what)
  local data, why = conn:receive(patience)
  if not data then error(("waiting for %s: %s"):format(what, why), 0) end
  return json.decode(data)
end

-- Asks the browser for something and returns the result.
local function call(method, params)
  number = number + 1
  local id = number
  conn:send(json.encode { id = id, method = method, params = params, sessionId = session })
  while true do
    local message = receive(method)
    if message.id == id then
      if message.error then error(("%s: %s"):format(method, message.error.message), 0) end
      return message.result
    end
    events[#events + 1] = message
  end
end

-- Waits for an event with parameters that fit, which may have come already.
local function await(event, fits)
  while true do
    while events[1] do
      local message = table.remove(events, 1)
      if message.method == event and fits(message.params) then return end
    end
    events[1] = receive(event)
  end
end

----------------------------------------------------------------------------------------------------------------- base64

local digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local value = {}
for i = 1, #digits do
  value[digits:byte(i)] = i - 1
end

-- Four digits of 6 bits are three bytes (RFC 4648); at the end it may be fewer.
local function decode_base64(text)
  local bytes = {}
  text = text:gsub("=+$", "")
  for at = 1, #text, 4 do
    local a, b, c, d = text:byte(at, at + 3)
    local word = value[a] << 18 | value[b] << 12 | (c and value[c] or 0) << 6 | (d and value[d] or 0)
    bytes[#bytes + 1] = (">I3"):pack(word):sub(1, d and 3 or c and 2 or 1)
  end
  return table.concat(bytes)
end

-------------------------------------------------------------------------------------------------------------- the story

local tab

local ok, why = pcall(function()
  tab = call("Target.createTarget", { url = "about:blank" }).targetId
  session = call("Target.attachToTarget", { targetId = tab, flatten = true }).sessionId
  call("Emulation.setDeviceMetricsOverride", { width = 800, height = 600, deviceScaleFactor = 1, mobile = false })
  call("Page.enable")
  call("Page.setLifecycleEventsEnabled", { enabled = true }) -- tell us what becomes of a page

  local load = call("Page.navigate", { url = page })
  if load.errorText then error(page .. ": " .. load.errorText, 0) end
  await("Page.lifecycleEvent", function(p) return p.name == "load" and p.loaderId == load.loaderId end)

  print(call("Runtime.evaluate", { expression = "document.title" }).result.value)

  local picture = decode_base64(call("Page.captureScreenshot", { format = "png" }).data)
  local file <close> = assert(io.open(out, "wb"))
  assert(file:write(picture))
  print(("%d bytes in %s"):format(#picture, out))
end)

if tab then
  session = nil
  pcall(call, "Target.closeTarget", { targetId = tab })
end
conn:close()
if not ok then
  io.stderr:write("devtools: ", why, "\n")
  host.stop(1)
end
