-- squid: bots get through it, plain and over TLS, or are told why not. (Heavy: run by ./dev
-- interop, not by ./dev test.)
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

-- Starts squid for me:pass alone, which connects to the port `allowed` alone. Returns its ports: plain, and of TLS.
local function squid(allowed)
  local plain, secure = peer.dead_port(), peer.dead_port()
  local folder = place.folder()
  local config = place.file(folder .. "/squid.conf", ([[
http_port 127.0.0.1:%d
https_port 127.0.0.1:%d tls-cert=%s tls-key=%s
auth_param basic program /usr/bin/sed -u -e s/^me.pass$/OK/;t;s/.*/ERR/
acl known proxy_auth REQUIRED
acl allowed port %d
http_access deny !known
http_access allow CONNECT allowed
http_access deny all
pid_filename none
access_log none
cache_log /dev/null
pinger_enable off
cache deny all
netdb_filename none
coredump_dir %s
shutdown_lifetime 0 seconds
]]):format(plain, secure, tls.cert "server", tls.key "server", allowed, folder))
  local p = program.start("/usr/sbin/squid", { "-N", "-d", "1", "-f", config })
  story.at_end(function() -- gently, so that it ends its helpers
    p:kill "sigint"
    p:wait()
  end)
  p:complains "Accepting HTTP Socket connections"
  p:complains "Accepting HTTPS Socket connections"
  return plain, secure
end

local function start(url, proxy)
  return program.bot([[ws.connect(told { url = arg[1], proxy = arg[2], tls = { ca_file = arg[3] } })]],
    { url, proxy, tls.cert "ca" })
end

local function converses(bot, s)
  s:text "hello"
  bot:tells("connect", "open 101", 'text "hello"')
  s:finish()
  bot:tells 'close 1000 ""'
  bot:ends(0)
end

describe("a bot and squid", function()
  it("understand each other, plain and over TLS", story.of(function()
    local p = peer.listen()
    local plain, secure = squid(p.port)
    converses(start("ws://localhost:" .. p.port, "http://me:pass@127.0.0.1:" .. plain), p:open())
    converses(start(p.url, "https://me:pass@localhost:" .. secure), p:open())
  end))

  it("understand each other, with TLS inside and around", story.of(function()
    for _, how in ipairs { "http", "https" } do
      local t = tls.listen()
      local plain, secure = squid(t.port)
      converses(start(t.url, ("%s://me:pass@localhost:%d"):format(how, how == "http" and plain or secure)), t:open())
    end
  end))

  it("may not: without a password, with a wrong one, or for a port that it bars", story.of(function()
    local plain = squid(443)
    local function fails(login, why)
      local bot = start("ws://localhost:81", "http://" .. login .. "127.0.0.1:" .. plain)
      bot:tells("~^error proxy .*" .. why, 'close 1006 ""')
      bot:ends(0)
    end
    fails("", "wants a user and password.*407 .*it offers Basic realm=")
    fails("me:wrong@", "does not accept the user and password %(407 ")
    fails("me:pass@", "does not connect to localhost:81: 403 Forbidden")
  end))
end)
