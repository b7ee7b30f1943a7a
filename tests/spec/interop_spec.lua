-- interop: bots against servers that no one here wrote, plain, compressed and over TLS: Node's ws, python3-websockets,
-- libwebsockets' test server; the echo peer against clients of the same; and nginx between the two.
local it_tells = require "support.it_tells"
local packages = require "support.packages"
local peer = require "support.peer"
local program = require "support.program"
local servers = require "support.servers"

local function python(options)
  return servers.websockets { secure = options.secure, deflate = true }
end

local echoes = { ["Node's ws"] = servers.node, ["python3-websockets"] = python }

local function hello(server)
  return program.run({ "run", "scripts/hello.lua", server.url }, { env = { SSL_CERT_FILE = server.ca or false } })
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
      it_tells("answers the hello bot", function()
        local p = hello(start { secure = secure })
        p:tells("~^connected to 127.0.0.1:", "open: 101 Switching Protocols", "received: hello")
        p:kill "sigint"
        p:tells "~^closed: 1001"
        p:ends(0)
      end)

      it_tells("echoes messages of all sizes, and the close code", function()
        local server = start { secure = secure }
        local p = program.bot(bot, { server.url, server.ca or "" })
        for _, n in ipairs { 0, 125, 126, 65535, 65536, 1000000 } do
          p:tells("binary " .. n, "text " .. n // 2 * 2)
        end
        p:tells "~^close 4000"
        p:ends(0)
      end)
    end)
  end

  describe("libwebsockets' test server" .. how, function()
    it_tells("opens to the hello bot", function()
      local p = hello(servers.libwebsockets { secure = secure })
      p:tells("~^connected to ", "open: 101 Switching Protocols")
      p:kill "sigint"
      p:tells "~^closed: 1001"
      p:ends(0)
    end)

    it_tells("mirrors what its protocol gets", function()
      local server = servers.libwebsockets { secure = secure }
      local p = program.bot([[
        ws.connect {
          url = arg[1], tls = { ca_file = arg[2] ~= "" and arg[2] or nil },
          protocols = { "no-such", "lws-mirror-protocol" },
          on_websocket_connect = function(c) say("open", c.protocol) c:send "hello" end,
          on_message = function(c, data) say(data) c:close() end,
          on_error = function(_, ...) say("error", ...) end,
          on_close = function(_, code) say("close", code) end,
        }
      ]], { server.url, server.ca or "" })
      p:tells("open lws-mirror-protocol", "hello", "close 1000")
      p:ends(0)
    end)
  end)
end

---------------------------------------------------------------------------------------------------------- libwebsockets

describe("libwebsockets", function()
  it_tells("sends the status of its connections compressed", function()
    local p = program.bot([[
      local cjson = require "cjson"
      ws.connect {
        url = arg[1], protocols = { "lws-status" },
        on_websocket_connect = function(_, r) say(r.extensions) end,
        on_message = function(c, data) say(type(cjson.decode(data).conns)) c:close() end,
        on_error = function(_, ...) say("error", ...) end,
        on_close = function(_, code) say("close", code) end,
      }
    ]], { servers.libwebsockets({}).url })
    p:tells("permessage-deflate", "table", "close 1000")
    p:ends(0)
  end)

  it_tells("opens compressed connections to the echo peer", function()
    packages.need "libwebsockets-test-server"
    local port = program.echo().url:match ":(%d+)$"
    local p = program.start("/usr/bin/libwebsockets-test-client", { "127.0.0.1", "--port=" .. port })
    p:complains "instantiating client ext permessage-deflate"
    p:complains "LWS_CALLBACK_CLIENT_ESTABLISHED"
    p:kill "sigkill" -- it misses a SIGINT that comes just before it sleeps
    p:wait()
  end)
end)

---------------------------------------------------------------------------------------------------------------- clients

-- The messages of talk.js and talk.py come back from the echo peer at `url`, compressed or not.
local function talks(url, node_deflate, extensions)
  packages.need "node-ws"
  local node = program.start("/usr/bin/node", { "tests/spec/servers/talk.js", url, node_deflate },
    { env = { NODE_PATH = "/usr/share/nodejs" } })
  node:tells(extensions, "right 32 close 4000")
  node:ends(0)
end

describe("the echo peer", function()
  for deflate, extensions in pairs {
    ["false"] = "",
    ["true"] = "permessage-deflate",
    ['{"threshold":0}'] = "permessage-deflate",
    ['{"threshold":0,"serverNoContextTakeover":true}'] = "permessage-deflate; server_no_context_takeover",
    ['{"threshold":0,"clientNoContextTakeover":true}'] = "permessage-deflate; client_no_context_takeover",
    ['{"threshold":0,"serverMaxWindowBits":8}'] = "permessage-deflate; server_max_window_bits=8",
    ['{"threshold":0,"serverMaxWindowBits":10}'] = "permessage-deflate; server_max_window_bits=10",
  } do
    it_tells("sends a client of Node's ws back what it gets: " .. deflate, function()
      talks(program.echo().url, deflate, extensions)
    end)
  end

  it_tells("sends a client of python3-websockets back what it gets", function()
    packages.need "python3-websockets"
    local url = program.echo().url
    local p = program.start("/usr/bin/python3", { "tests/spec/servers/talk.py", url })
    p:tells("permessage-deflate", "right 32 close 4000")
    p:ends(0)
  end)
end)

------------------------------------------------------------------------------------------------------------------ nginx

describe("behind nginx", function()
  for _, secure in ipairs { false, true } do
    it_tells("a bot and the echo peer understand each other" .. (secure and ", over TLS" or ""), function()
      local proxy = servers.nginx(program.echo().url, { secure = secure })
      local p = program.bot(bot, { proxy.url, proxy.ca or "" })
      for _, n in ipairs { 0, 125, 126, 65535, 65536, 1000000 } do
        p:tells("binary " .. n, "text " .. n // 2 * 2)
      end
      p:tells "close 4000 "
      p:ends(0)
    end)
  end

  it_tells("a client of Node's ws and the echo peer understand each other", function()
    talks(servers.nginx(program.echo().url, {}).url, '{"threshold":0}', "permessage-deflate")
  end)

  it_tells("a bot is told when nobody listens behind it", function()
    local p = program.bot([[ws.connect(told { url = arg[1], on_close = function(_, code, _, record)
      say("close", code, record.response.status, record.response.headers.Server)
    end })]], { servers.nginx(("ws://127.0.0.1:%d/"):format(peer.dead_port()), {}).url })
    p:tells("connect", "~^error handshake .*502 Bad Gateway", "~^close 1006 502 nginx")
    p:ends(0)
  end)
end)
