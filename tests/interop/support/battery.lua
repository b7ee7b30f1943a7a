-- battery: what every echo server is tried with, plain and over TLS, compressed and not. To add a server, write one for
-- tests/spec/servers/ and a line for tests/interop/echo_spec.lua. It prints the port it listens on, takes "echo" of the
-- subprotocols, tells its name and version in the Server line of its answer, and goes by the path:
--
--     /          sends messages back
--     /pieces    sends them back in several frames
--     /ping      sends a ping with the message in it; what its pong brings back, as a message
--     /close     ends the connection with the code and reason in the message: "4001 going"
--
-- When a connection has ended by the other side's Close, it prints its code and reason: close 4000 enough
local busted = require "busted"
local assert = require "luassert"
local client = require "support.client"
local ledger = require "support.ledger"
local servers = require "support.servers"

local describe, it = busted.describe, busted.it

local battery = {}

battery.sizes = { 0, 1, 125, 126, 65535, 65536, 1000000 }

-- n bytes of text, which can be compressed by some.
function battery.text(n)
  local words, length = {}, 0
  while length < n do
    words[#words + 1] = ("%d bärs, "):format((#words + 1) ^ 2 % 1009 // 1)
    length = length + #words[#words]
  end
  return (table.concat(words):sub(1, n):gsub("[\xc2-\xf4]$", "."))
end

-- n bytes that are no text.
function battery.bytes(n)
  return ("\xff\x00\xfe" .. battery.text(n)):reverse():sub(1, n)
end

local chapters = {}
battery.chapters = chapters

-- Each has a name, what it is in the ledger, and what is told: tell(open, server, row), where open(path, options) opens
-- a connection.
local function chapter(name, trial, tell)
  table.insert(chapters, { name = name, trial = trial, tell = tell })
end

chapter("sends messages of all sizes back", "messages", function(open, _, row)
  local c = open ""
  for _, n in ipairs(battery.sizes) do
    c:send(battery.text(n))
    c:send(battery.bytes(n), "binary")
  end
  for _, n in ipairs(battery.sizes) do
    c:expect(battery.text(n))
    c:expect(battery.bytes(n), "binary")
  end
  row:tell("version", row.version and row.version() or c.response.headers.Server)
  c:close(1000)
end)

chapter("sends a thousand messages back, in order", "messages", function(open)
  local c = open ""
  for i = 1, 1000 do
    c:send(("message %d"):format(i):rep(i % 100))
  end
  for i = 1, 1000 do
    c:expect(("message %d"):format(i):rep(i % 100))
  end
  c:close(1000)
end)

chapter("sends messages in several frames", "fragments", function(open)
  local c = open "pieces"
  for _, n in ipairs(battery.sizes) do
    if n >= 3 then
      c:send(battery.bytes(n), "binary")
      c:expect(battery.bytes(n), "binary")
      local ascii = battery.text(n):gsub("[\x80-\xff]", "?") -- cut anywhere, and still text
      c:send(ascii)
      c:expect(ascii)
    end
  end
  c:close(1000)
end)

chapter("answers pings", "ping", function(open)
  local c = open ""
  c:ping "are you there?"
  c:ping(("p"):rep(125))
  c:ping ""
  c:send "and messages?"
  c:expect "and messages?"
end)

chapter("gets its pings answered", "ping", function(open)
  local c = open "ping"
  for _, payload in ipairs { "are you there?", ("p"):rep(125) } do
    c:send(payload)
    c:expect(payload)
  end
  assert.same({ "are you there?", ("p"):rep(125) }, c.pings)
end)

chapter("closes, with a code and a reason", "close", function(open)
  local c = open "close"
  c:send "4001 going, schön"
  c:is_closed(4001, "going, schön")
end)

chapter("hears our code and reason", "close", function(open, server)
  local c = open ""
  c:send "hello"
  c:expect "hello"
  c:close(4000, "enough, schön")
  server.program:tells "close 4000 enough, schön"
end)

chapter("agrees on a subprotocol", "subprotocol", function(open)
  local c = open("", { protocols = { "no-such", "echo" } })
  assert.equal("echo", c.conn.protocol)
  assert.equal("echo", c.response.protocol)
  c = open ""
  assert.is_nil(c.conn.protocol)
end)

-- What to ask for. Which of it is agreed on goes by the server, and is in the table.
battery.compressions = {
  true,
  { server_no_context_takeover = true, client_no_context_takeover = true },
  { server_max_window_bits = 10, client_max_window_bits = 10 },
}

-- Notes which of it was agreed on.
function battery.note_compression(row, c)
  local agreed = c.response.extensions
  assert.truthy(agreed and agreed:find "^permessage%-deflate", agreed)
  for parameter in agreed:gmatch "; *([^;]+)" do
    row:tell("compression", parameter)
  end
end

-- Goes through those of a list.
local function compresses(compressions)
  return function(open, _, row)
    for _, compression in ipairs(compressions) do
      local c = open("", { compression = compression })
      battery.note_compression(row, c)
      local message = battery.text(1000000)
      for _ = 1, 3 do
        c:send(message)
        c:expect(message)
      end
      assert.is_true(c.conn.bytes_in < #message and c.conn.bytes_out < #message)
      c:close(1000)
    end
  end
end

-- How each is started; `over` is told in the ledger.
battery.ways = {
  { name = "plain", over = "ws" },
  { name = "plain, compressed", over = "ws", deflate = true },
  { name = "over TLS", over = "wss", secure = true },
  { name = "over TLS, compressed", over = "wss", secure = true, deflate = true },
}

-- Describes a server of support.servers, `name` there, started anew for each story. options: lacks (a set of the trials
-- that it cannot pass), compressions and ways (other than those above), start (a function other than its own), version
-- (one that asks for it, where the server's answer does not tell), more(row) (one that adds specs).
function battery.of(title, name, options)
  local lacks = options.lacks or {}
  local start = options.start or servers[name]
  ledger.describe(title, name, function(row)
    row.version = options.version
    for _, how in ipairs(options.ways or battery.ways) do
      describe(how.name, function()
        local function trial(chapter_name, kind, tell)
          it(chapter_name, row:story(kind, function()
            local server = start(how)
            local function open(path, more)
              local all = { path = path, compression = how.deflate or false }
              for key, value in pairs(more or {}) do
                all[key] = value
              end
              return client.open(server, all)
            end
            row:tell("over", how.over)
            tell(open, server, row)
          end))
        end
        for _, c in ipairs(chapters) do
          if not lacks[c.trial] then trial(c.name, c.trial, c.tell) end
        end
        if how.deflate then
          trial("compresses as agreed", "compression", compresses(options.compressions or battery.compressions))
        end
      end)
    end
    if options.more then options.more(row) end
  end)
end

return battery
