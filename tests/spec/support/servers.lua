-- servers: WebSocket servers and proxies that no one here wrote, each on a free port of loopback for as long as the
-- story goes on; a story whose server is not installed is skipped. `options` say how: secure (over TLS), deflate
-- (messages are compressed). A server is a table: url (ends with /), ca (PEM file that its certificate is verified
-- with; nil where there is none) and program.
local packages = require "support.packages"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local tls = require "support.tls"

local servers = {}

-- The Debian packages that bring them.
local brought_by = {
  node = "node-ws",
  websockets = "python3-websockets",
  aiohttp = "python3-aiohttp",
  tornado = "python3-tornado",
  libwebsockets = "libwebsockets-test-server",
  nginx = "nginx-light",
  haproxy = "haproxy",
  mosquitto = "mosquitto",
  nats = "nats-server",
  jupyter = "jupyter-server and python3-ipykernel",
  chromium = "chromium",
  socketio = "npm's socket.io",
  graphql = "npm's graphql-ws",
  jayson = "npm's jayson",
}

-- Why a server, named as its function here, cannot be started; nil: it can.
function servers.missing(name)
  return packages.missing(brought_by[name])
end

-- A server on that port, with our own certificate.
local function new(p, port, secure)
  return {
    url = ("%s://localhost:%s/"):format(secure and "wss" or "ws", port),
    ca = secure and tls.cert "ca" or nil,
    program = p,
  }
end

------------------------------------------------------------------------------------------------------------- echo peers

-- The function that starts one of tests/spec/servers/.
local function echo(name, path, script)
  return function(options)
    packages.need(brought_by[name])
    local args = { "tests/spec/servers/" .. script }
    if options.secure then
      args[2], args[3] = tls.cert "server", tls.key "server"
    end
    local env = { NODE_PATH = "/usr/share/nodejs", DEFLATE = options.deflate and "1" or "0" }
    local p = program.start(path, args, { env = env })
    return new(p, p:line(), options.secure)
  end
end

servers.node = echo("node", "/usr/bin/node", "echo.js")
servers.websockets = echo("websockets", "/usr/bin/python3", "echo.py")
servers.aiohttp = echo("aiohttp", "/usr/bin/python3", "echo_aiohttp.py")
servers.tornado = echo("tornado", "/usr/bin/python3", "echo_tornado.py")

-- libwebsockets' test server has a certificate of its own, whose key is too short to be believed.
function servers.libwebsockets(options)
  packages.need "libwebsockets-test-server"
  local port = peer.dead_port()
  local args = { "--port", tostring(port) }
  if options.secure then
    table.move({ "--ssl", "-C", tls.cert "server", "-K", tls.key "server" }, 1, 5, #args + 1, args)
  end
  local p = program.start("/usr/bin/libwebsockets-test-server", args)
  p:listens(port)
  return new(p, port, options.secure)
end

-- Others of tests/spec/servers/, which speak a protocol of their own within WebSocket.
local function of_npm(name)
  return function()
    packages.need(brought_by[name])
    local script = ("tests/spec/servers/%s.js"):format(name)
    local p = program.start("/usr/bin/node", { script }, { env = { NODE_PATH = packages.npm } })
    return new(p, p:line())
  end
end

servers.socketio = of_npm "socketio"
servers.graphql = of_npm "graphql"
servers.jayson = of_npm "jayson"

---------------------------------------------------------------------------------------------------------------- proxies

-- Where a proxy finds the server at `url`.
local function upstream(url)
  return "127.0.0.1:" .. url:match ":(%d+)"
end

-- nginx, which passes connections on to the server at `url`. More options: tls ("1.2" or "1.3": no other; both), idle
-- (seconds of silence after which it ends a connection). Its answer says X-TLS: TLSv1.3, where it is so.
function servers.nginx(url, options)
  packages.need "nginx-light"
  local folder, port = place.folder(), peer.dead_port()
  local versions = options.tls and "TLSv" .. options.tls or "TLSv1.2 TLSv1.3"
  local config = place.file(folder .. "/nginx.conf", ([[
    daemon off; master_process off; pid FOLDER/pid; error_log stderr;
    events {}
    http {
      access_log off;
      client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/f;
      uwsgi_temp_path FOLDER/u; scgi_temp_path FOLDER/s;
      server {
        listen 127.0.0.1:PORT HOW;
        ssl_certificate CERT; ssl_certificate_key KEY; ssl_protocols VERSIONS;
        location / {
          proxy_pass http://UPSTREAM;
          proxy_http_version 1.1;
          proxy_read_timeout IDLE;
          proxy_set_header Upgrade $http_upgrade;
          proxy_set_header Connection "upgrade";
          add_header X-TLS $ssl_protocol always;
        }
      }
    }
  ]]):gsub("%u%u%u+", {
    FOLDER = folder, PORT = port, HOW = options.secure and "ssl" or "", CERT = tls.cert "server",
    KEY = tls.key "server", VERSIONS = versions, UPSTREAM = upstream(url), IDLE = (options.idle or 60) .. "s",
  }))
  local p = program.start("/usr/sbin/nginx", { "-e", "stderr", "-c", config, "-p", folder })
  p:listens(port)
  return new(p, port, options.secure)
end

-- HAProxy, with the same options.
function servers.haproxy(url, options)
  packages.need "haproxy"
  local port = peer.dead_port()
  local how = ""
  if options.secure then
    local pem = place.file("server.pem", place.read(tls.cert "server") .. place.read(tls.key "server"))
    how = "ssl crt " .. pem
    if options.tls then how = ("%s ssl-min-ver TLSv%s ssl-max-ver TLSv%s"):format(how, options.tls, options.tls) end
  end
  local config = place.file("haproxy.cfg", ([[
defaults
  mode http
  retries 0
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  timeout tunnel IDLE
frontend bots
  bind 127.0.0.1:PORT HOW
  default_backend echo
  http-response set-header X-TLS %[ssl_fc_protocol] if { ssl_fc }
backend echo
  server echo UPSTREAM
]]):gsub("%u%u%u+", {
    PORT = port, HOW = how, UPSTREAM = upstream(url), IDLE = (options.idle or 60) .. "s",
  }))
  local p = program.start("/usr/sbin/haproxy", { "-db", "-f", config })
  p:listens(port)
  return new(p, port, options.secure)
end

---------------------------------------------------------------------------------------------------------------- brokers

-- mosquitto, of which `mqtt` is the subprotocol.
function servers.mosquitto(options)
  packages.need "mosquitto"
  local folder, port = place.folder(), peer.dead_port()
  local secure = options.secure and ("certfile %s\nkeyfile %s\n"):format(tls.cert "server", tls.key "server") or ""
  -- The first listener, which nobody uses, it needs in order to start.
  local config = place.file(folder .. "/mosquitto.conf", ([[
allow_anonymous true
persistence false
log_dest stderr
user root
listener 0 %s/socket
listener %d 127.0.0.1
protocol websockets
%s]]):format(folder, port, secure))
  local p = program.start("/usr/sbin/mosquitto", { "-v", "-c", config })
  p:complains " running"
  return new(p, port, options.secure)
end

-- nats-server.
function servers.nats(options)
  packages.need "nats-server"
  local port = peer.dead_port()
  local how = options.secure and ("tls { cert_file: %q, key_file: %q }"):format(tls.cert "server", tls.key "server")
    or "no_tls: true"
  local config = place.file("nats.conf", ([[
listen: "127.0.0.1:-1"
max_payload: 4MB
websocket { listen: "127.0.0.1:%d", compression: %s, %s }
]]):format(port, tostring(options.deflate or false), how))
  local p = program.start("/usr/sbin/nats-server", { "-c", config })
  p:listens(port)
  return new(p, port, options.secure)
end

-- Jupyter's server, which pings five times a second. Also `http`, its url for requests; the token is "secret".
function servers.jupyter(options)
  packages.need "jupyter-server and python3-ipykernel"
  local folder, port = place.folder(), peer.dead_port()
  local secure = options.secure and ("c.ServerApp.certfile = %q\nc.ServerApp.keyfile = %q\n"):format(
    tls.cert "server", tls.key "server") or ""
  local config = place.file(folder .. "/config.py", ([[
c.ServerApp.ip = "127.0.0.1"
c.ServerApp.port = %d
c.ServerApp.port_retries = 0
c.ServerApp.token = "secret"
c.ServerApp.open_browser = False
c.ServerApp.allow_root = True
c.ServerApp.root_dir = %q
c.ServerApp.iopub_data_rate_limit = 1e9
c.ServerApp.tornado_settings = {"ws_ping_interval": 200}
c.ServerApp.websocket_compression_options = %s
%s]]):format(port, folder, options.deflate and "{}" or "None", secure))
  local env = { HOME = folder, IPYTHONDIR = folder }
  for _, name in ipairs { "CONFIG", "DATA", "RUNTIME" } do
    env["JUPYTER_" .. name .. "_DIR"] = folder
  end
  local p = program.start("/usr/bin/jupyter-server", { "--config=" .. config }, { env = env })
  p:listens(port)
  local server = new(p, port, options.secure)
  server.http = server.url:gsub("^ws", "http")
  return server
end

return servers
