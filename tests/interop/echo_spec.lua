-- echo: servers that send back what they get, each tried with the whole of support.battery, as far as it can.
local battery = require "support.battery"
local client = require "support.client"
local ledger = require "support.ledger"
local servers = require "support.servers"

battery.of("Node's ws", "node", {})
battery.of("python3-websockets", "websockets", {})
battery.of("aiohttp", "aiohttp", { lacks = { fragments = true } })
-- It does not say server_no_context_takeover when it is asked for that, which RFC 7692 7.1.1.1 has it do.
battery.of("Tornado", "tornado", {
  lacks = { fragments = true },
  compressions = { true, { client_no_context_takeover = true }, { client_max_window_bits = 10 } },
})

-- Its test server mirrors text, in pieces of 4 KB, and does nothing else.
ledger.describe("libwebsockets' test server", "libwebsockets", function(row)
  for _, secure in ipairs { false, true } do
    local how = secure and ", over TLS" or ", plain"

    -- Returns the connection, and the server.
    local function open()
      local server = servers.libwebsockets { secure = secure }
      row:tell("over", secure and "wss" or "ws")
      return client.open(server, { protocols = { "no-such", "lws-mirror-protocol" } }), server
    end

    it("mirrors text of all sizes" .. how, row:story("messages", function()
      local c, server = open()
      row:tell("version", server.program.err:match "LWS: (%d[%d.]*)")
      for _, n in ipairs(battery.sizes) do
        if n > 0 then
          local text, got = ("m"):rep(n), ""
          c:send(text)
          repeat
            got = got .. c:receive()
          until #got >= n
          assert.is_true(got == text)
        end
      end
    end))

    it("mirrors a thousand messages, in order" .. how, row:story("messages", function()
      local c = open()
      for i = 1, 1000 do -- one by one: of many in one TLS record it makes an endless loop of its own
        c:send("message " .. i)
        c:expect("message " .. i)
      end
    end))

    it("answers pings" .. how, row:story("ping", function()
      open():ping "are you there?"
    end))

    it("answers our close code" .. how, row:story("close", function()
      open():close(4000, "enough")
    end))

    it("agrees on a subprotocol" .. how, row:story("subprotocol", function()
      assert.equal("lws-mirror-protocol", open().conn.protocol)
    end))
  end
end)
