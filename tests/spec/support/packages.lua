-- packages: what stories need of others' work, by the names of the Debian packages that bring it. Where one is not
-- installed, such a story is skipped, and says so.
local uv = require "luv"
local story = require "support.story"

local packages = {}

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
  ["jupyter-server and python3-ipykernel"] = "/usr/share/jupyter/kernels/python3/kernel.json",
  ["chromium"] = "/usr/bin/chromium",
  ["tinyproxy-bin"] = "/usr/bin/tinyproxy",
  ["stunnel4"] = "/usr/bin/stunnel4",
  ["microsocks"] = "/usr/bin/microsocks",
  ["dante-server"] = "/usr/sbin/danted",
}

-- What npm has brought, by ./dev interop.
packages.npm = os.getenv "WSBOT_NPM" or "build/interop/npm"
for _, name in ipairs { "jayson" } do
  files["npm's " .. name] = ("%s/node_modules/%s/package.json"):format(packages.npm, name)
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
