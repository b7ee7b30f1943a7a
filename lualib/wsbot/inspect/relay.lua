-- wsbot.inspect.relay: between a page and the control socket of a program, to which each page has a connection of its
-- own. Whichever side is slow, the other is not read: so little is held, and the program leaves out what it would tell.
local client = require "wsbot.control.client"
local json = require "wsbot.json"
local ws = require "ws"

local MOST <const> = 8            -- pages
local HELD <const> = 1 << 20      -- bytes that may wait for a page, and
local LONGEST <const> = 14 << 20  -- of a message, so that both fit in its send buffer (host/app/control/page.c)
local ASKED <const> = 64 << 10    -- bytes of a request
local AT_ONCE <const> = 8         -- requests of a page that are not answered; then it is not read

local GONE <const>, INVALID <const>, TOO_BIG <const>, AGAIN <const> = 1001, 1008, 1009, 1013 -- codes of Close frames

-- What a page may call. Not: what runs code.
local allowed = {}
for _, name in ipairs { "program", "connections", "tasks", "timers", "state", "watch", "unwatch", "log", "generations",
  "profile", "reload", "back" } do
  allowed[name] = true
end

local relay = {}
relay.__index = relay

-- `rpc` speaks with the same program, as long as that runs.
function relay.new(path, rpc)
  return setmetatable({ path = path, rpc = rpc, pages = {}, count = 0 }, relay)
end

function relay:is_full()
  return self.count >= MOST
end

-- What goes on to the program for a page's message: written anew, so that it is read there as it was judged here.
-- nil: nothing does.
local function judge(text)
  if #text > ASKED then return nil end
  local ok, call = pcall(json.decode, text)
  if not ok or type(call) ~= "table" or not allowed[call.method] or math.type(call.id) ~= "integer" then return nil end
  if call.params ~= nil and type(call.params) ~= "table" then return nil end
  return json.encode { jsonrpc = "2.0", id = call.id, method = call.method, params = call.params }
end

local function nobody_cares() end

-- A page's connection with the program has ended, as the program may have.
function relay:lost(page)
  if client.call(self.rpc, "program") then return page:close(AGAIN, "the program has ended this page's connection") end
  page:close(GONE, "the program has ended")
end

local NOTIFICATION <const> = '{"jsonrpc":"2.0","method"'

-- Is a text of the program the answer to a call?
local function is_answer(text)
  return text:sub(1, #NOTIFICATION) ~= NOTIFICATION
end

-- Connects a page with the program.
function relay:take(page)
  local program
  local asked = 0
  self.pages[page], self.count = true, self.count + 1
  program = ws.connect(client.options(self.path, {
    max_message_size = LONGEST,
    on_message = function(_, text)
      if not page:send_text(text) then return page:close(TOO_BIG, "more than a page takes") end
      if page.buffered_amount > HELD then program:pause() end
      if is_answer(text) then
        asked = asked - 1
        page:resume()
      end
    end,
    on_error = nobody_cares, -- on_close follows
    on_close = function() self:lost(page) end,
  }))
  page.on_error = nobody_cares
  function page.on_message(_, text)
    local call = judge(text)
    if not call then return page:close(INVALID, "this is not for pages") end
    program:send_text(call)
    asked = asked + 1
    if asked == AT_ONCE then page:pause() end
  end
  function page.on_drain() program:resume() end
  function page.on_close()
    self.pages[page], self.count = nil, self.count - 1
    program:destroy()
  end
end

-- Ends all pages, and waits for that, so many seconds at most.
function relay:close(reason, seconds)
  local ends = host.now() + seconds
  for page in pairs(self.pages) do page:close(GONE, reason) end
  while next(self.pages) and host.now() < ends do host.sleep(0.01) end
end

return relay
