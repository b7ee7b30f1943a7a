-- proxies: nginx and HAProxy between the bot and an echo server: the whole of support.battery goes through them, with
-- each version of TLS; and what a bot is told when they cut, or have nobody to pass it on to.
local battery = require "support.battery"
local client = require "support.client"
local peer = require "support.peer"
local program = require "support.program"
local servers = require "support.servers"

local ways = {
  { name = "plain", over = "ws" },
  { name = "plain, compressed", over = "ws", deflate = true },
  { name = "over TLS 1.2", over = "wss (TLS 1.2, 1.3)", secure = true, tls = "1.2" },
  { name = "over TLS 1.3, compressed", over = "wss (TLS 1.2, 1.3)", secure = true, tls = "1.3", deflate = true },
}

-- Describes a proxy. options: echo (the function of support.servers for the server behind it), down (its status where
-- there is none), and those of battery.of.
local function describe_proxy(title, name, options)
  local start = servers[name]

  -- The proxy with the echo server behind it, which is what server.program is.
  local function in_front(way)
    local behind = options.echo { deflate = way.deflate }
    local server = start(behind.url, way)
    server.program = behind.program
    return server
  end

  options.ways, options.start = ways, in_front
  function options.more(row)
    for _, version in ipairs { "1.2", "1.3" } do
      it("is spoken to with TLS " .. version, row:story("messages", function()
        local c = client.open(in_front { secure = true, tls = version })
        assert.equal("TLSv" .. version, c.response.headers["X-TLS"])
      end))
    end

    for _, secure in ipairs { false, true } do
      local how = secure and ", over TLS" or ""

      it("cuts a silent connection, and the bot is told so" .. how, row:story("close", function()
        local c = client.open(in_front { secure = secure, idle = 1 })
        c:send "hello"
        c:expect "hello"
        local code, _, record = c:ends()
        assert.same({ 1006, "reset", "open" }, { code, record.error, record.phase })
        assert.same({ { word = "reset", message = record.message } }, c.errors)
        assert.truthy(record.message:find("without a Close frame", 1, true), record.message)
        assert.is_true(record.since_in > 0.5, record.since_in) -- by which one sees why
      end))

      it("loses the server behind it, and the bot is told so" .. how, row:story("close", function()
        local server = in_front { secure = secure }
        local c = client.open(server)
        c:send "hello"
        c:expect "hello"
        server.program:kill "sigkill"
        local code, _, record = c:ends()
        assert.same({ 1006, "reset" }, { code, record.error })
      end))

      it("has no server behind it, and the bot is told the status" .. how, row:story("close", function()
        local nobody = ("ws://127.0.0.1:%d/"):format(peer.dead_port())
        local c = client.start(start(nobody, { secure = secure }))
        local code, _, record = c:ends()
        assert.same({ 1006, "handshake", options.down }, { code, record.error, record.response.status })
        assert.equal("handshake", c.errors[1].word)
        assert.truthy(record.message:find(tostring(options.down), 1, true), record.message)
      end))
    end
  end
  battery.of(title, name, options)
end

describe_proxy("nginx", "nginx", { echo = servers.node, down = 502 })
describe_proxy("HAProxy", "haproxy", {
  echo = servers.websockets,
  down = 503,
  version = function()
    return program.start("/usr/sbin/haproxy", { "-v" }):line():match "version ([%d.]+)"
  end,
})
