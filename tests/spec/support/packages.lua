-- packages: what stories need of others' work, by the names of the Debian packages that bring it, or of npm's, which
-- ./dev interop installs in build/npm. Where one is not installed, such a story is skipped, and says so.
local uv = require "luv"
local place = require "support.place"
local story = require "support.story"

local packages = {}

packages.npm = "build/npm/node_modules"

-- What is there where a package is installed.
local modules = "/usr/lib/python3/dist-packages/"
local files = {
  ["node-ws"] = "/usr/share/nodejs/ws/package.json",
  ["python3-websockets"] = modules .. "websockets/server.py",
  ["python3-aiohttp"] = modules .. "aiohttp/web.py",
  ["python3-tornado"] = modules .. "tornado/web.py",
  ["libwebsockets-test-server"] = "/usr/bin/libwebsockets-test-server",
  ["nginx-light"] = "/usr/sbin/nginx",
  ["haproxy"] = "/usr/sbin/haproxy",
  ["mosquitto"] = "/usr/sbin/mosquitto",
  ["nats-server"] = "/usr/sbin/nats-server",
  ["etcd-server"] = "/usr/bin/etcd",
  ["jupyter-server and python3-ipykernel"] = "/usr/share/jupyter/kernels/python3/kernel.json",
  ["chromium"] = "/usr/bin/chromium",
  ["tinyproxy-bin"] = "/usr/bin/tinyproxy",
  ["stunnel4"] = "/usr/bin/stunnel4",
  ["microsocks"] = "/usr/bin/microsocks",
  ["prometheus"] = "/usr/bin/promtool",
  ["python3-prometheus-client"] = modules .. "prometheus_client/openmetrics/parser.py",
  ["dante-server"] = "/usr/sbin/danted",
  ["npm's socket.io"] = packages.npm .. "/socket.io/package.json",
  ["npm's jayson"] = packages.npm .. "/jayson/package.json",
  ["npm's graphql-ws"] = packages.npm .. "/graphql-ws/package.json",
}

-- The version of a package of npm.
function packages.version(name)
  return place.read(("%s/%s/package.json"):format(packages.npm, name)):match '"version": "(.-)"'
end

-- Why what the package brings cannot be used; nil: it can.
function packages.missing(name)
  if not uv.fs_stat(files[name]) then return name .. " is not installed" end
end

-- The story needs what the package brings.
function packages.need(name)
  local missing = packages.missing(name)
  if missing then story.skip(missing) end
end

return packages
