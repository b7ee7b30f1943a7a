-- proxies: real ones, on free ports of 127.0.0.1, each of which ends with its story: tinyproxy (HTTP), stunnel before
-- it (HTTP over TLS), microsocks and Dante (SOCKS5). A story whose proxy is not installed is skipped.
local packages = require "support.packages"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local proxies = {}

-- Starts it where nobody else listens: start(port) returns the program. Returns the port.
local function listening(name, start)
  for _ = 1, 3 do -- another program may take the port before it does
    local port = peer.dead_port()
    local p = start(port)
    local pattern = ("0100007F:%04X 00000000:0000 0A "):format(port)
    story.poll(name .. " to listen", function()
      return p.status or place.read("/proc/net/tcp"):find(pattern, 1, true)
    end)
    if not p.status then return port end
  end
  error(name .. " does not start", 2)
end

-- "host:port", with "user:password@" before it where that is given.
local function with_login(login, port)
  return (login and login .. "@" or "") .. "127.0.0.1:" .. port
end

-- tinyproxy. options: login ("user:password", which it asks for then), ports (those that it connects to; all). Returns
-- its url, with the login, and its port.
function proxies.tinyproxy(options)
  packages.need "tinyproxy-bin"
  options = options or {}
  local port = listening("tinyproxy", function(port)
    local lines = { "Port " .. port, "Listen 127.0.0.1", "Timeout 600", "MaxClients 100", "LogLevel Warning" }
    if options.login then lines[#lines + 1] = "BasicAuth " .. options.login:gsub(":", " ") end
    for _, allowed in ipairs(options.ports or {}) do
      lines[#lines + 1] = "ConnectPort " .. allowed
    end
    local config = place.file("tinyproxy.conf", table.concat(lines, "\n") .. "\n")
    return program.start("/usr/bin/tinyproxy", { "-d", "-c", config })
  end)
  return "http://" .. with_login(options.login, port), port
end

-- stunnel before a proxy of HTTP at `port`. `cert` is one of support.tls. Returns its url.
function proxies.stunnel(port, cert)
  packages.need "stunnel4"
  local own = listening("stunnel", function(own)
    local config = place.file("stunnel.conf", ([[
foreground = yes
pid =
debug = err
[proxy]
accept = 127.0.0.1:%d
connect = 127.0.0.1:%d
cert = %s
key = %s
]]):format(own, port, tls.cert(cert or "server"), tls.key(cert or "server")))
    return program.start("/usr/bin/stunnel4", { config })
  end)
  return "https://127.0.0.1:" .. own
end

-- microsocks. login: "user:password", which it asks for then. Returns what follows the scheme in its url.
function proxies.microsocks(login)
  packages.need "microsocks"
  local port = listening("microsocks", function(port)
    local args = { "-i", "127.0.0.1", "-p", tostring(port) }
    if login then
      local user, password = login:match "^(.-):(.*)$"
      table.move({ "-u", user, "-P", password }, 1, 4, #args + 1, args)
    end
    return program.start("/usr/bin/microsocks", args)
  end)
  return with_login(login, port)
end

-- Dante, which lets everybody connect anywhere but to port `barred`. Returns what follows the scheme in its url.
function proxies.dante(barred)
  packages.need "dante-server"
  local port = listening("Dante", function(port)
    local config = place.file("danted.conf", ([[
logoutput: stderr
internal: 127.0.0.1 port = %d
external: 127.0.0.1
clientmethod: none
socksmethod: none
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 0.0.0.0/0 port = %d }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
]]):format(port, barred))
    local p = program.start("/usr/sbin/danted", { "-f", config })
    story.at_end(function() -- gently, so that it ends its children
      p:kill "sigterm"
      p:wait()
    end)
    return p
  end)
  return with_login(nil, port)
end

return proxies
