-- Zones: addresses of a link (fe80::/10), which there are behind each interface of a machine, so that a url must say by
-- which one it goes. The stories of what is reached are told in a network of their own, whose loopback has such an
-- address; where the system does not allow that they are left out.
local it_tells = require "support.it_tells"
local network = require "support.network"
local program = require "support.program"
local tls = require "support.tls"

local it_tells_of_a_link = network.it_tells

-- What every script there begins with. serve(answer) listens at fe80::1 and sends what answer(head) gives; it returns
-- the port. host_of is one that says what was asked for, and there leads to it. reach(options) tells of a connection,
-- and ends the program with it.
local PRELUDE = [[
  local uv = require "luv"
  local function serve(answer)
    local server = uv.new_tcp()
    assert(server:bind("fe80::1%lo", 0))
    server:listen(8, function()
      local client, head = uv.new_tcp(), ""
      server:accept(client)
      client:read_start(function(_, data)
        head = head .. (data or "")
        if head:find("\r\n\r\n", 1, true) then client:write(answer(head)) end
        if not data or head:find("\r\n\r\n", 1, true) then client:shutdown() end
        if head:find("\r\n\r\n", 1, true) then head = "" end
      end)
    end)
    return server:getsockname().port
  end
  local function reach(o)
    o.on_connect = function(c) say("connect", (c.remote_address:gsub("]:%d+$", "]"))) end
    o.on_close = function(_, _, _, r)
      say("close", r.message or "")
      if child then child:kill() end
      os.exit(0)
    end
    o.on_error = function() end
    return ws.connect(o)
  end
  local function host_of(head)
    say((head:match("^%u+ %S+"):gsub(":%d+$", "")), (head:match("\nHost: (%S+)"):gsub("]:%d+$", "]")))
    return "HTTP/1.1 404 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
  end
  local function there(head)
    if head:find "^GET /there" then return host_of(head) end
    return ("HTTP/1.1 302 Found\r\nLocation: http://%s/there\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
      :format(head:match "\nHost: (%S+)")
  end
]]

local function on_a_link(source, ...)
  return network.bot(PRELUDE .. source, ...)
end

describe("a zone", function()
  it_tells_of_a_link("leads by its interface, by name and number, and stays out of Host", function()
    for _, zone in ipairs { "%lo", "%25lo", "%1", "%251" } do
      local bot = on_a_link([[
        local port = serve(host_of)
        reach { url = ("ws://[fe80::1%s]:%d/"):format(arg[1], port) }
      ]], zone)
      bot:tells("connect [fe80::1%lo]", "GET / [fe80::1]", "close the server answered 404 No")
      bot:ends(0)
    end
  end)

  it_tells_of_a_link("is taken from `resolve` and `local_address` as well", function()
    local bot = on_a_link [[
      local port = serve(host_of)
      reach { url = "ws://feed.test:" .. port, resolve = { ["feed.test"] = "fe80::1%lo" } }
    ]]
    bot:tells("connect [fe80::1%lo]", "~^GET / feed.test:%d+$", "close the server answered 404 No")
    bot:ends(0)
    bot = on_a_link [[
      local port = serve(host_of)
      reach { url = ("ws://[fe80::1]:%d"):format(port), local_address = "fe80::1%lo" }
    ]]
    bot:tells("connect [fe80::1%lo]", "GET / [fe80::1]", "close the server answered 404 No")
    bot:ends(0)
  end)

  it_tells_of_a_link("of a proxy leads there, and one of the server stays out of CONNECT", function()
    local bot = on_a_link [[
      local port = serve(host_of)
      reach { url = "ws://[fe80::2%lo]:81/", proxy = ("http://[fe80::1%%25lo]:%d"):format(port) }
    ]]
    bot:tells("CONNECT [fe80::2] [fe80::2]",
      "~^close the proxy %[fe80::1%%lo%]:%d+ does not connect to %[fe80::2%]:81: 404 No$")
    bot:ends(0)
  end)

  it_tells_of_a_link("goes along where a server of the link redirects to itself", function()
    local bot = on_a_link [[
      local port = serve(there)
      reach { url = ("ws://[fe80::1%%lo]:%d/"):format(port), max_redirects = 1 }
    ]]
    bot:tells("connect [fe80::1%lo]", "connect [fe80::1%lo]", "GET /there [fe80::1]",
      "close the server answered 404 No")
    bot:ends(0)
  end)

  it_tells_of_a_link("is no part of the name of a certificate", function()
    local bot = on_a_link([[
      local program, cert, key, ca = ...
      local out = uv.new_pipe()
      child = uv.spawn(program, { stdio = { nil, out }, args = { "echo", "--host", "fe80::1%lo", "--port", "0",
        "--tls-cert", cert, "--tls-key", key } }, function() end)
      out:read_start(function(_, line)
        local port = line and line:match "wss://%[fe80::1%%lo%]:(%d+)"
        if not port then return end
        local conn = reach { url = ("wss://[fe80::1%%lo]:%s/"):format(port), tls = { ca_file = ca } }
        conn.on_websocket_connect = function(c) say("open", c.tls.certificate.subject) c:close() end
      end)
    ]], program.wsbot, tls.cert "link", tls.key "link", tls.cert "ca")
    bot:tells("connect [fe80::1%lo]", "open a link", "close ")
    bot:ends(0)
  end)

  it_tells_of_a_link("is for wsbot.http what it is for ws.connect", function()
    local bot = on_a_link [[
      local http = require "wsbot.http"
      local port = serve(host_of)
      say(http.get(("http://[fe80::1%%lo]:%d/a"):format(port)).status)
      say(http.get(("http://[fe80::1%%25lo]:%d/b"):format(port)).status)
      say(http.get(("http://[fe80::1%%lo]:%d/c"):format(port), { local_address = "fe80::1%lo" }).status)
      os.exit(0)
    ]]
    bot:tells("GET /a [fe80::1]", "404", "GET /b [fe80::1]", "404", "GET /c [fe80::1]", "404")
    bot:ends(0)
  end)

  it_tells_of_a_link("goes along in redirects of wsbot.http", function()
    local bot = on_a_link [[
      local http = require "wsbot.http"
      local port = serve(there)
      local res, _, message = http.get(("http://[fe80::1%%lo]:%d/"):format(port), { headers = { ["X-Key"] = "k" } })
      say(res and res.status or message)
      os.exit(0)
    ]]
    bot:tells("GET /there [fe80::1]", "404")
    bot:ends(0)
  end)

  -- The rest needs no link.
  local function fails(options, message)
    local bot = program.bot(([[ws.connect(told { %s })]]):format(options))
    bot:tells("error connect " .. ("%q"):format(message), 'close 1006 ""')
    bot:ends(0)
  end

  it_tells("is missed where an address of a link has none", function()
    fails([[url = "ws://[fe80::1]:81/"]],
      "cannot connect to [fe80::1]:81: a link-local address needs its interface behind it, as fe80::1%eth0")
    fails([[url = "ws://h.test:81/", resolve = { ["h.test"] = "fe80::1" }]], "cannot connect to h.test:81: "
      .. "a link-local address needs its interface behind it, as fe80::1%eth0 at [fe80::1]:81")
  end)

  it_tells("that is no interface is named", function()
    for _, zone in ipairs { "%no-such0", "%25no-such0" } do
      fails(([[url = "ws://[fe80::1%s]:81/"]]):format(zone),
        "cannot connect to [fe80::1%no-such0]:81: there is no interface no-such0")
    end
    fails([[url = "ws://[::1]:81", local_address = "fe80::1%no-such0"]],
      "cannot connect to [::1]:81 from local_address [fe80::1]: there is no interface no-such0")
    local echo = program.run { "echo", "--host", "fe80::1%no-such0", "--port", "0" }
    echo:complains "cannot listen on fe80::1%no-such0: there is no interface no-such0"
  end)

  it_tells("is as wrong for wsbot.http", function()
    local bot = program.bot [[
      local http = require "wsbot.http"
      say(http.get "http://[fe80::1%no-such0]:81/")
      say(http.get "http://[fe80::1]:81/")
      say(http.get("http://[::1]:81/", { local_address = "fe80::1%no-such0" }))
    ]]
    bot:tells("nil connect cannot connect to [fe80::1%no-such0]: there is no interface no-such0",
      "nil connect cannot connect to [fe80::1]: a link-local address needs its interface behind it, as fe80::1%eth0",
      "nil connect cannot connect from local_address fe80::1%no-such0: there is no interface no-such0")
    bot:ends(0)
  end)

  it_tells("that cannot be one is a mistake", function()
    for option, message in pairs {
      [ [[url = "ws://[fe80::1%]/"]] ] = "what stands behind the '%' of its address is no name of an interface",
      [ [[url = "ws://127.0.0.1%lo/"]] ] = "the host has a character that no host name has",
      [ [[url = "ws://h", tls = { server_name = "fe80::1%lo" }]] ] = "is not a name or an address without a zone",
      [ [[url = "ws://h", local_address = "127.0.0.1%lo"]] ] = "is not an IP address",
    } do
      local bot = program.bot(("ws.connect { %s }"):format(option))
      bot:complains(message)
      bot:ends(1)
    end
  end)
end)
