-- A script may do anything in any callback. Whatever it does, each attempt has at most one on_error, exactly one
-- on_close, and nothing behind that; and the program ends.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local story = require "support.story"

-- The script: does `act` once in the callback `where`, and watches what it is told.
local source = [[
  local url, where, dead = arg[1], arg[2], arg[3]
  local acts = {
    close = function(c) c:close(4000, "enough") end,
    destroy = function(c) c:destroy() end,
    ["close and destroy"] = function(c) c:close() c:destroy() end,
    reconnect = function(c) c:reconnect() end,
    ["reconnect later"] = function(c) c:reconnect(0.01) end,
    ["reconnect and cancel"] = function(c) c:reconnect() c:cancel_reconnect() end,
    ["reconnect and close"] = function(c) c:reconnect() c:close() end,
    ["destroy and reconnect"] = function(c) c:destroy() c:reconnect() end,
    pause = function(c) c:pause() host.after(0.01, function() c:resume() end) end,
    ["pause and resume"] = function(c) c:pause() c:resume() end,
    ["pause and close"] = function(c) c:pause() c:close() end,
    ["pause and destroy"] = function(c) c:pause() c:destroy() end,
    send = function(c) for n = 1, 100 do c:send(("x"):rep(n)) end c:ping "p" end,
    ["an error"] = function() error "on purpose" end,
    ["an error after destroy"] = function(c) c:destroy() error "on purpose" end,
    ["no callbacks"] = function(c)
      c.on_connect, c.on_websocket_connect, c.on_message, c.on_ping, c.on_pong = nil
    end,
    collect = function() collectgarbage() collectgarbage() end,
    connect = function() ws.connect { url = url, on_websocket_connect = function(d) d:destroy() end } end,
    stop = function() host.stop() end,
    ["stop and connect"] = function() host.stop() ws.connect { url = url } end,
  }
  local act, acted = acts[ACT], false
  local errors, closes, attempts, last = 0, 0, 0, nil
  local options = { close_timeout = 0.3, handshake_timeout = 5, url = function()
    attempts, errors, last = attempts + 1, 0, nil
    return attempts == 1 and where == "on_error" and dead or url
  end }
  for _, name in ipairs { "on_connect", "on_websocket_connect", "on_message", "on_ping", "on_pong", "on_error",
    "on_close" } do
    options[name] = function(c, ...)
      if last == "on_close" and ... ~= "callback" then say(name, "after on_close") end
      if name == "on_close" then closes, last = closes + 1, name end
      if name == "on_error" then
        if ... ~= "callback" then errors = errors + 1 end
        if errors > 1 then say("on_error for the second time") end
      end
      if name == where and not acted then
        acted = true
        act(c)
      end
    end
  end
  ws.connect(options)
  options = nil
  keeper = setmetatable({}, { __gc = function()
    if not acted then say "it was never called" end
    if closes ~= attempts then say(closes, "closes for", attempts, "attempts") end
    say "the end"
  end })
]]

-- Serves whoever comes, as far as it gets.
local function serve(p)
  story.beside(function()
    while true do
      local s = p:accept()
      story.beside(function()
        pcall(function()
          s:upgrade()
          s:send(frame.write { opcode = frame.PING, payload = "1" } .. frame.write { payload = "one" } ..
            frame.write { opcode = frame.PONG, payload = "2" } .. frame.write { opcode = frame.BINARY,
              payload = "two" })
          s:text "three"
          s:expect(frame.PONG, "1")
          s:send_close(1000)
          while s:read_frame().opcode ~= frame.CLOSE do
            story.pause(0)
          end
        end)
        pcall(s.close, s)
      end)
    end
  end)
end

local where = { "on_connect", "on_websocket_connect", "on_message", "on_ping", "on_pong", "on_error", "on_close" }
local acts = {}
for name in source:match("local acts = {(.-)\n  }\n"):gmatch '\n    %[?"?([%w ]-)"?%]? = function' do
  acts[#acts + 1] = name
end

for _, act in ipairs(acts) do
  describe("a script with `" .. act .. "`", function()
    for _, name in ipairs(where) do
      it_tells("in " .. name .. " is told of each attempt's one end, and the program ends", function()
        local p = peer.listen()
        serve(p)
        local script = source:gsub("ACT", ("%q"):format(act))
        local bot = program.bot(script, { p.url, name, peer.dead_url() })
        bot:tells "the end"
        bot:ends(0)
        for line in bot.err:gmatch "[^\n]*error:[^\n]*" do
          assert.matches("on purpose", line)
        end
      end)
    end
  end)
end
