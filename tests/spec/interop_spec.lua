-- interop: bots against servers that no one here wrote, plain, compressed and over TLS: Node's ws, python3-websockets,
-- libwebsockets' test server; the echo peer against clients of the same; and nginx between the two.
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

---------------------------------------------------------------------------------------------------------- libwebsockets

describe("libwebsockets", function()
  it("sends the status of its connections compressed", story.of(function()
    local p = program.bot([[
      local cjson = require "cjson"
      ws.connect {
        url = arg[1], protocols = { "lws-status" },
        on_websocket_connect = function(_, r) say(r.extensions) end,
        on_message = function(c, data) say(type(cjson.decode(data).conns)) c:close() end,
        on_error = function(_, ...) say("error", ...) end,
        on_close = function(_, code) say("close", code) end,
      }
    ]], { (libwebsockets(false)) })
    p:tells("permessage-deflate", "table", "close 1000")
    p:ends(0)
  end))

  it("opens compressed connections to the echo peer", story.of(function()
    local port = program.run({ "echo", "--port", "0" }):line():match ":(%d+)$"
    local p = program.start("/usr/bin/libwebsockets-test-client", { "127.0.0.1", "--port=" .. port })
    p:complains "instantiating client ext permessage-deflate"
    p:complains "LWS_CALLBACK_CLIENT_ESTABLISHED"
    p:kill "sigkill" -- it misses a SIGINT that comes just before it sleeps
    p:wait()
  end))
end)

---------------------------------------------------------------------------------------------------------------- clients

-- The messages of talk.js and talk.py come back from the echo peer at `url`, compressed or not.
local function talks(url, node_deflate, extensions)
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
    it("sends a client of Node's ws back what it gets: " .. deflate, story.of(function()
      talks(program.run({ "echo", "--port", "0" }):line():match "ws://%S+", deflate, extensions)
    end))
  end

  it("sends a client of python3-websockets back what it gets", story.of(function()
    local url = program.run({ "echo", "--port", "0" }):line():match "ws://%S+"
    local p = program.start("/usr/bin/python3", { "tests/spec/servers/talk.py", url })
    p:tells("permessage-deflate", "right 32 close 4000")
    p:ends(0)
  end))
end)

------------------------------------------------------------------------------------------------------------------ nginx

-- nginx, which passes WebSocket connections on to `url`. Returns its own url, and the CA of its certificate.
local function nginx(url, secure)
  local folder, port = place.folder(), peer.dead_port()
  local config = place.file(folder .. "/nginx.conf", ([[
    daemon off; master_process off; pid %s/pid; error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path %s/body; proxy_temp_path %s/proxy; fastcgi_temp_path %s/f; uwsgi_temp_path %s/u;
      scgi_temp_path %s/s;
      server {
        listen 127.0.0.1:%d %s;
        ssl_certificate %s; ssl_certificate_key %s;
        location / {
          proxy_pass %s;
          proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
        }
      }
    }
  ]]):format(folder, folder, folder, folder, folder, folder, port, secure and "ssl" or "", tls.cert "server",
    tls.key "server", url:gsub("^ws", "http")))
  program.start("/usr/sbin/nginx", { "-e", "stderr", "-c", config, "-p", folder })
  local pattern = ("0100007F:%04X 00000000:0000 0A "):format(port)
  story.poll("nginx to listen", function()
    return place.read("/proc/net/tcp"):find(pattern, 1, true)
  end)
  return ("%s://localhost:%d/"):format(secure and "wss" or "ws", port), secure and tls.cert "ca"
end

describe("behind nginx", function()
  for _, secure in ipairs { false, true } do
    it("a bot and the echo peer understand each other" .. (secure and ", over TLS" or ""), story.of(function()
      local echo = program.run({ "echo", "--port", "0" })
      local url, ca = nginx(echo:line():match "ws://%S+", secure)
      local p = program.bot(bot, { url, ca or "" })
      for _, n in ipairs { 0, 125, 126, 65535, 65536, 1000000 } do
        p:tells("binary " .. n, "text " .. n // 2 * 2)
      end
      p:tells "close 4000 "
      p:ends(0)
    end))
  end

  it("a client of Node's ws and the echo peer understand each other", story.of(function()
    local echo = program.run({ "echo", "--port", "0" })
    talks(nginx(echo:line():match "ws://%S+"), '{"threshold":0}', "permessage-deflate")
  end))

  it("a bot is told when nobody listens behind it", story.of(function()
    local p = program.bot([[ws.connect(told { url = arg[1], on_close = function(_, code, _, record)
      say("close", code, record.response.status, record.response.headers.Server)
    end })]], { (nginx("ws://127.0.0.1:" .. peer.dead_port())) })
    p:tells("connect", "~^error handshake .*502 Bad Gateway", "~^close 1006 502 nginx")
    p:ends(0)
  end))
end)
