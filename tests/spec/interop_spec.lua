-- interop: bots against servers that no one here wrote: Node's ws, python3-websockets, libwebsockets' test server;
-- plain and over TLS.
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local function server(path, script)
  return function(secure)
    local args = { "tests/spec/servers/" .. script }
    if secure then
      args[2], args[3] = tls.cert "server", tls.key "server"
    end
    local port = program.start(path, args, { env = { NODE_PATH = "/usr/share/nodejs" } }):line()
    return ("%s://localhost:%s/"):format(secure and "wss" or "ws", port), secure and tls.cert "ca"
  end
end

local echoes = {
  ["Node's ws"] = server("/usr/bin/node", "echo.js"),
  ["python3-websockets"] = server("/usr/bin/python3", "echo.py"),
}

-- libwebsockets' test server has a certificate of its own, with a key that OpenSSL takes only when told so.
local function libwebsockets(secure)
  local lenient = place.file("openssl.cnf", [[
openssl_conf = init
[init]
ssl_conf = ssl
[ssl]
system_default = system
[system]
CipherString = DEFAULT:@SECLEVEL=0
]])
  local args = { "--port", tostring(peer.dead_port()) }
  if secure then args[3] = "--ssl" end
  local p = program.start("/usr/bin/libwebsockets-test-server", args, { env = { OPENSSL_CONF = lenient } })
  local pattern = (":%04X %%x+:0000 0A "):format(tonumber(args[2]))
  story.poll("libwebsockets' test server to listen", function()
    local listening = place.read("/proc/net/tcp") .. place.read("/proc/net/tcp6")
    return p.status or listening:find(pattern)
  end)
  return ("%s://localhost:%s/"):format(secure and "wss" or "ws", args[2]),
    secure and "/usr/share/libwebsockets-test-server/libwebsockets-test-server.pem"
end

local function hello(url, ca)
  return program.run({ "run", "scripts/hello.lua", url }, { env = { SSL_CERT_FILE = ca or false } })
end

local bot = [[
  local protocol = arg[3]
  local sizes = { 0, 125, 126, 65535, 65536, 1000000 }
  ws.connect {
    url = arg[1], tls = { ca_file = arg[2] ~= "" and arg[2] or nil }, protocols = protocol and { protocol },
    on_websocket_connect = function(c)
      for _, n in ipairs(sizes) do c:send_binary(("\xff"):rep(n)) c:send(("é"):rep(n // 2)) end
    end,
    on_message = function(c, data, kind)
      say(kind, #data)
      if c.messages_in == 2 * #sizes then c:close(4000, "enough") end
    end,
    on_error = function(_, ...) say("error", ...) end,
    on_close = function(_, code, reason) say("close", code, reason) end,
  }
]]

for _, secure in ipairs { false, true } do
  local how = secure and ", over TLS" or ""

  for name, start in pairs(echoes) do
    describe(name .. how, function()
      it("answers the hello bot", story.of(function()
        local p = hello(start(secure))
        p:tells("~^connected to 127.0.0.1:", "open: 101 Switching Protocols", "received: hello")
        p:kill "sigint"
        p:tells "~^closed: 1001"
        p:ends(0)
      end))

      it("echoes messages of all sizes, and the close code", story.of(function()
        local url, ca = start(secure)
        local p = program.bot(bot, { url, ca or "" })
        for _, n in ipairs { 0, 125, 126, 65535, 65536, 1000000 } do
          p:tells("binary " .. n, "text " .. n // 2 * 2)
        end
        p:tells "~^close 4000"
        p:ends(0)
      end))
    end)
  end

  describe("libwebsockets' test server" .. how, function()
    it("opens to the hello bot", story.of(function()
      local p = hello(libwebsockets(secure))
      p:tells("~^connected to ", "open: 101 Switching Protocols")
      p:kill "sigint"
      p:tells "~^closed: 1001"
      p:ends(0)
    end))

    it("mirrors what its protocol gets", story.of(function()
      local url, ca = libwebsockets(secure)
      local p = program.bot([[
        ws.connect {
          url = arg[1], tls = { ca_file = arg[2] ~= "" and arg[2] or nil },
          protocols = { "no-such", "lws-mirror-protocol" },
          on_websocket_connect = function(c) say("open", c.protocol) c:send "hello" end,
          on_message = function(c, data) say(data) c:close() end,
          on_error = function(_, ...) say("error", ...) end,
          on_close = function(_, code) say("close", code) end,
        }
      ]], { url, ca or "" })
      p:tells("open lws-mirror-protocol", "hello", "close 1000")
      p:ends(0)
    end))
  end)
end
