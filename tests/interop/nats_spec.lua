-- nats: nats-server, whose own protocol (lines and payloads, a stream) goes in binary messages.
local battery = require "support.battery"
local cjson = require "cjson"
local client = require "support.client"
local ledger = require "support.ledger"
local servers = require "support.servers"
local story = require "support.story"


------------------------------------------------------------------------------------------------------------ NATS itself

local nats = {}
nats.__index = nats

-- A connection to the server, logged in.
local function open(server, options)
  options = options or {}
  options.binary_type = ws.ARRAYBUFFER
  local self = setmetatable({ client = client.open(server, options), input = "" }, nats)
  self.info = cjson.decode(self:line():match "^INFO (.*)")
  self:send 'CONNECT {"verbose":false}\r\nPING\r\n'
  self:expect "PONG"
  return self
end

function nats:send(bytes)
  self.client:send(bytes, "binary")
end

-- Reads until take(input) has found something, and where it ends.
function nats:read(take)
  local found, to = take(self.input)
  while not found do
    local data, kind = self.client:receive()
    assert.equal("binary", kind)
    self.input = self.input .. data
    found, to = take(self.input)
  end
  self.input = self.input:sub(to + 1)
  return found
end

-- The next line, without its end.
function nats:line()
  return self:read(function(input)
    local from, to = input:find("\r\n", 1, true)
    return from and input:sub(1, from - 1), to
  end)
end

-- The next line is this.
function nats:expect(line)
  assert.equal(line, self:line())
end

function nats:subscribe(subject)
  self:send(("SUB %s 1\r\nPING\r\n"):format(subject))
  self:expect "PONG"
end

function nats:publish(subject, payload)
  self:send(("PUB %s %d\r\n%s\r\n"):format(subject, #payload, payload))
end

-- The next message on the subject has this payload.
function nats:hears(subject, payload)
  self:expect(("MSG %s 1 %d"):format(subject, #payload))
  local got = self:read(function(input)
    return #input >= #payload + 2 and input:sub(1, #payload), #payload + 2
  end)
  assert.is_true(got == payload, "another payload of " .. #got .. " bytes")
end

---------------------------------------------------------------------------------------------------------------- stories

ledger.describe("nats-server", "nats", function(row)
  for _, way in ipairs(battery.ways) do
    describe(way.name, function()
      local function trial(name, kind, tell)
        it(name, row:story(kind, function()
          row:tell("over", way.over)
          local server = servers.nats(way)
          tell(function(options)
            options = options or {}
            if options.compression == nil then options.compression = way.deflate or false end
            return open(server, options)
          end, server)
        end))
      end

      trial("brings messages of all sizes from one bot to another", "messages", function(connect)
        local one, other = connect(), connect()
        row:tell("version", one.info.version)
        other:subscribe "sizes"
        for _, n in ipairs(battery.sizes) do
          one:publish("sizes", battery.bytes(n))
        end
        for _, n in ipairs(battery.sizes) do
          other:hears("sizes", battery.bytes(n))
        end
        one.client:close(1000)
        other.client:close(1000)
      end)

      trial("brings a thousand messages, in order", "messages", function(connect)
        local one, other = connect(), connect()
        other:subscribe "row"
        for i = 1, 1000 do
          one:publish("row", ("message %d"):format(i):rep(i % 100))
        end
        for i = 1, 1000 do
          other:hears("row", ("message %d"):format(i):rep(i % 100))
        end
      end)

      trial("sends a browser small frames", "fragments", function(connect)
        local one = connect { headers = { ["User-Agent"] = "Mozilla/5.0" } }
        one:subscribe "frames"
        local before = one.client.conn.bytes_in
        one:publish("frames", battery.bytes(1000000))
        one:hears("frames", battery.bytes(1000000))
        if not way.secure and not way.deflate then -- heads of 4 bytes, one for each 4 KB
          assert.is_true(one.client.conn.bytes_in - before >= 1000000 + 4 * 240)
        end
      end)

      trial("answers pings", "ping", function(connect)
        local one = connect()
        one.client:ping "are you there?"
        one.client:ping ""
      end)

      trial("answers our close code and reason, and has its own", "close", function(connect, server)
        connect().client:close(4000, "enough, schön")

        local one = connect()
        one:send "what?\r\n"
        one:expect "-ERR 'Unknown Protocol Operation'"
        one.client:is_closed(1002, "Protocol Violation")

        one = connect()
        one:publish("large", ("x"):rep(5000000))
        one:expect "-ERR 'Maximum Payload Violation'"
        one.client:is_closed(1009, "Maximum Message Payload Exceeded")

        one = connect()
        server.program:kill "sigint"
        one.client:is_closed(1001, "Server Shutdown")
      end)

      if way.deflate then
        trial("compresses as agreed", "compression", function(connect)
          for _, compression in ipairs { true, { client_no_context_takeover = true } } do
            local one = connect { compression = compression }
            battery.note_compression(row, one.client)
            one:subscribe "compressed"
            one:publish("compressed", battery.text(1000000))
            one:hears("compressed", battery.text(1000000))
            assert.is_true(one.client.conn.bytes_in < 500000 and one.client.conn.bytes_out < 500000)
          end
        end)

        it("is refused where it keeps quiet about server_max_window_bits", story.of(function() -- RFC 7692 7.1.2.1
          local c = client.start(servers.nats(way), { compression = { server_max_window_bits = 10 } })
          c:ends()
          assert.equal("handshake", c.errors[1].word)
          assert.truthy(c.errors[1].message:find("server_max_window_bits", 1, true), c.errors[1].message)
        end))
      end
    end)
  end
end)
