-- echo: servers that send back what they get, each tried with the whole of support.battery.
local battery = require "support.battery"
local servers = require "support.servers"

battery.of("Node's ws", servers.node, {})
battery.of("python3-websockets", servers.websockets, {})
battery.of("aiohttp", servers.aiohttp, { lacks = { fragments = true } })
-- It does not say server_no_context_takeover when it is asked for that, which RFC 7692 7.1.1.1 has it do.
battery.of("Tornado", servers.tornado, {
  lacks = { fragments = true },
  compressions = { true, { client_no_context_takeover = true }, { client_max_window_bits = 10 } },
})
