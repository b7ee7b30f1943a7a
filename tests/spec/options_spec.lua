-- What ws.connect takes and what it refuses: an error says which argument is wrong and where the script gave it.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"

-- Runs ws.connect with each of these tables (Lua source) and returns the errors, or "accepted".
local function refusals(tables)
  local source = {
    "function try(f) local ok, message = pcall(f) say(ok and 'accepted' or (message:gsub('%c', '?'))) end",
  }
  for _, text in ipairs(tables) do
    source[#source + 1] = ("try(function() ws.connect %s end)"):format(text)
  end
  source[#source + 1] = "os.exit(0)"
  local bot = program.bot(table.concat(source, "\n"))
  bot:wait()
  assert.equal("", bot.err)
  local lines = {}
  for line in bot.out:gmatch "[^\n]*" do
    lines[#lines + 1] = line
  end
  return lines
end

-- Each entry is a table as source and a pattern that the error about it matches, behind the script's name and line.
local function refuses(entries)
  local tables = {}
  for i, entry in ipairs(entries) do
    tables[i] = entry[1]
  end
  local lines = refusals(tables)
  for i, entry in ipairs(entries) do
    local place = ("^.-bot%%.lua:%d: "):format(i + 1)
    assert(lines[i]:find(place .. ".*" .. entry[2]),
      ("ws.connect %s\ntells\n%s\nand not\n%s"):format(entry[1], lines[i], entry[2]))
  end
end

local function accepts(tables)
  local lines = refusals(tables)
  for i, text in ipairs(tables) do
    assert(lines[i] == "accepted", ("ws.connect %s\ntells\n%s"):format(text, lines[i]))
  end
end

local U = 'url = "ws://127.0.0.1:1/"'

describe("ws.connect", function()
  it_tells("asks what was meant by an option it does not know", function()
    refuses {
      { "{ " .. U .. ", ping_intervall = 5 }", "ping_intervall.*did you mean.*ping_interval" },
      { "{ " .. U .. ", onmessage = print }", "onmessage.*did you mean.*on_message" },
      { "{ " .. U .. ", header = {} }", "header.*did you mean.*headers" },
      { "{ " .. U .. ", tls = { cafile = 'x' } }", "tls%.cafile.*did you mean.*tls%.ca_file" },
      { "{ " .. U .. ", something_else_altogether = 1 }", "something_else_altogether" },
      { "{ " .. U .. ", [1] = 5 }", "1" },
    }
  end)

  it_tells("takes defaults from the table's __index", function()
    local bot = program.bot [[
      local defaults = { url = "ws://127.0.0.1:1", name = "x", on_error = function(c, word) say(c.name, word) end }
      ws.connect(setmetatable({}, { __index = defaults }))
      say(pcall(ws.connect, setmetatable({ url = "ws://h" }, { __index = { name = 1 } })))
    ]]
    bot:tells("false ws.connect: name must be a string, not number", "x connect")
    bot:wait()
  end)

  it_tells("names the option whose type is wrong", function()
    refuses {
      { "{ url = 5 }", "url.*string" },
      { "{ }", "url" },
      { "{ " .. U .. ", headers = 'a: b' }", "headers.*table" },
      { "{ " .. U .. ", headers = { X = {} , Y = print } }", "Y" },
      { "{ " .. U .. ", ping_interval = 'often' }", "ping_interval.*number" },
      { "{ " .. U .. ", ping_interval = -1 }", "ping_interval" },
      { "{ " .. U .. ", ping_interval = 0/0 }", "ping_interval" },
      { "{ " .. U .. ", binary_type = 'text/plain' }", "binary_type" },
      { "{ " .. U .. ", binary_type = true }", "binary_type" },
      { "{ " .. U .. ", name = 7 }", "name.*string" },
      { "{ " .. U .. ", protocols = 7 }", "protocols" },
      { "{ " .. U .. ", protocols = { 7 } }", "protocols" },
      { "{ " .. U .. ", origin = {} }", "origin.*string" },
      { "{ " .. U .. ", connect_timeout = 'x' }", "connect_timeout.*number" },
      { "{ " .. U .. ", handshake_timeout = 0 }", "handshake_timeout" },
      { "{ " .. U .. ", close_timeout = -1 }", "close_timeout" },
      { "{ " .. U .. ", pong_timeout = {} }", "pong_timeout.*number" },
      { "{ " .. U .. ", max_message_size = 'x' }", "max_message_size.*number" },
      { "{ " .. U .. ", max_send_buffer = 0 }", "max_send_buffer" },
      { "{ " .. U .. ", max_receive_buffer = -5 }", "max_receive_buffer" },
      { "{ " .. U .. ", tls = true }", "tls.*table" },
      { "{ " .. U .. ", tls = { verify = 'no' } }", "tls%.verify" },
      { "{ " .. U .. ", tls = { ca_file = 5 } }", "tls%.ca_file.*string" },
      { "{ " .. U .. ", tls = { min_version = '1.1' } }", "tls%.min_version" },
      { "{ " .. U .. ", tls = { cert = 'a.pem' } }", "tls%.key" },
      { "{ " .. U .. ", local_address = 'here' }", "local_address" },
      { "{ " .. U .. ", redirect_headers = 1 }", "redirect_headers must be true or false" },
      { "{ " .. U .. ", family = 5 }", "family must be 4 or 6" },
      { "{ " .. U .. ", family = 'ipv4' }", "family must be" },
      { "{ " .. U .. ", family = 6, local_address = '127.0.0.1' }", "local_address '127%.0%.0%.1' is no IPv6 address" },
      { "{ " .. U .. ", resolve = '127.0.0.1' }", "resolve must be a table" },
      { "{ " .. U .. ", resolve = { '127.0.0.1' } }", "resolve must map names" },
      { "{ " .. U .. ", resolve = { a = 5 } }", "resolve 'a' must be an IP address.*number" },
      { "{ " .. U .. ", resolve = { a = {} } }", "resolve 'a' has no address" },
      { "{ " .. U .. ", resolve = { a = 'localhost' } }", "resolve 'a': 'localhost': it is not an IP address" },
      { "{ " .. U .. ", resolve = { a = { '::1', '::g' } } }", "resolve 'a': '::g': it is not an IP address" },
      { "{ " .. U .. [[, resolve = { a = "::1\0" } }]], "resolve 'a'.*NUL" },
      { "{ " .. U .. ", resolve = { ['a:0'] = '::1' } }", "resolve 'a:0': the port" },
      { "{ " .. U .. ", resolve = { [''] = '::1' } }", "resolve '': it must be a host, or host:port" },
      { "{ " .. U .. ", on_message = 'print' }", "on_message.*function" },
    }
    refuses { { "'ws://127.0.0.1:1/'", "table" } }
  end)

  it_tells("refuses CR, LF and NUL in what goes to a wire, a file's name or a log, and names the option", function()
    local texts = {}
    for _, option in ipairs { "name", "local_address", "tls.ca_file", "tls.ca_path", "tls.cert", "tls.key",
      "tls.server_name", "tls.alpn", "origin", "protocols", "url", "proxy", "binary_type", "tls.min_version", "tls.pin",
      "headers.X" } do
      local table_name, inner = option:match "^(%a+)%.(.*)$"
      for _, byte in ipairs { "\\r", "\\n", "\\0" } do
        local value = ('"ws://a%sb"'):format(byte)
        if option == "binary_type" then value = ('"blob%s"'):format(byte) end
        if option == "tls.min_version" then value = ('"1.2%s"'):format(byte) end
        local text = table_name and ("%s = { %s = %s }"):format(table_name, inner, value)
          or ("%s = %s"):format(option, value)
        local url = option == "url" and "" or U .. ", "
        local named = option == "headers.X" and "header 'X'" or option:gsub("%p", "%%%0")
        texts[#texts + 1] = { ("{ %s%s }"):format(url, text), "ws%.connect: " .. named .. "[ :]" }
      end
    end
    refuses(texts)
    refuses {
      { "{ " .. U .. ", tls = { key_password = 'a\\0b' } }", "tls%.key_password has a NUL in it" },
      { "{ " .. U .. ", ['na\\0me'] = 5 }", "unknown option 'na\\x00me'" },
      { "{ " .. U .. ", resolve = { ['a\\0'] = '::1' } }", "resolve 'a\\x00': its name has a NUL in it" },
      { "{ " .. U .. ", headers = { ['X\\r\\nY'] = '1' } }", "header 'X\\r\\nY': its name" },
    }
    accepts { "{ " .. U .. ", tls = { key_password = 'a\\nb' } }" }
  end)

  it_tells("takes a number for what it is, however it was computed", function()
    accepts {
      "{ " .. U .. ", family = 8 / 2 }", "{ " .. U .. ", max_redirects = 10 / 2, reconnect = { attempts = 3.0 } }",
      "{ " .. U .. ", tls = { min_version = 1.2 } }", "{ " .. U .. ", tls = { min_version = '1.3' } }",
    }
    refuses {
      { "{ " .. U .. ", family = 5.0 }", "family must be 4 or 6" },
      { "{ " .. U .. ", tls = { min_version = 1.0 } }", "min_version must be" },
    }
  end)

  it_tells("reads the parameters of compression", function()
    refuses {
      { "{ " .. U .. ", compression = 'yes' }", "compression" },
      { "{ " .. U .. ", compression = { lvel = 1 } }", "compression%.level" },
      { "{ " .. U .. ", compression = { level = 10 } }", "compression%.level.*0 to 9" },
      { "{ " .. U .. ", compression = { memory_level = 0 } }", "compression%.memory_level.*1 to 9" },
      { "{ " .. U .. ", compression = { client_max_window_bits = 7 } }", "client_max_window_bits.*8 to 15" },
      { "{ " .. U .. ", compression = { server_max_window_bits = 16 } }", "server_max_window_bits.*8 to 15" },
      { "{ " .. U .. ", compression = { server_max_window_bits = 9.5 } }", "server_max_window_bits.*8 to 15" },
      { "{ " .. U .. ", compression = { server_no_context_takeover = 1 } }", "takeover.*true or false" },
      { "{ " .. U .. ", compression = { threshold = -1 } }", "compression%.threshold" },
    }
    accepts {
      "{ " .. U .. ", compression = false }",
      "{ " .. U .. ", compression = true }",
      "{ " .. U .. ", compression = {} }",
      "{ " .. U .. ", compression = { level = 1, memory_level = 9, threshold = 0, client_max_window_bits = 8 } }",
    }
  end)

  it_tells("refuses proxies that have no address, and never shows their passwords", function()
    refuses {
      { "{ " .. U .. ", proxy = true }", "proxy must be a url %(http://, .* or socks5h://%) or false, not boolean" },
      { "{ " .. U .. ", proxy = {} }", "proxy must be a url .*not table" },
      { "{ " .. U .. ", proxy = 'me:pw@host:3128' }", "proxy: it must begin with http://[^@]*$" },
      { "{ " .. U .. ", proxy = 'ftp://host' }", "proxy: it must begin with http://" },
      { "{ " .. U .. ", proxy = 'http://' }", "proxy: it has no host" },
      { "{ " .. U .. ", proxy = 'http://me:pw@host:port' }", "proxy: the port must be [^@]*$" },
      { "{ " .. U .. ", proxy = 'http://host/path' }", "proxy: a proxy has no path" },
      { "{ " .. U .. ", proxy = 'http://h\\r\\nX:' }", "proxy: it has a space or control character" },
      { "{ " .. U .. ", proxy = 'socks5://me:' .. ('x'):rep(256) .. '@h' }", "proxy: .*255 bytes" },
      { "{ " .. U .. ", prxoy = false }", "did you mean 'proxy'" },
    }
    accepts {
      "{ " .. U .. ", proxy = false }",
      "{ " .. U .. ", proxy = 'http://127.0.0.1:1' }",
      "{ " .. U .. ", proxy = 'SOCKS5H://me:pw@[::1]/' }",
    }
  end)

  it_tells("refuses reconnect options that make no sense, and names them", function()
    refuses {
      { "{ " .. U .. ", reconnect = 1 }", "reconnect must be true, false or a table" },
      { "{ " .. U .. ", reconnect = { stabel = 1 } }", "reconnect%.stabel.*did you mean 'reconnect%.stable'" },
      { "{ " .. U .. ", reconnect = { min = 0 } }", "reconnect%.min" },
      { "{ " .. U .. ", reconnect = { min = 5, max = 4 } }", "reconnect%.min is more than reconnect%.max" },
      { "{ " .. U .. ", reconnect = { factor = 0.5 } }", "reconnect%.factor.*1 or more" },
      { "{ " .. U .. ", reconnect = { attempts = 0 } }", "reconnect%.attempts.*1 to" },
      { "{ " .. U .. ", reconnect = { stable = -1 } }", "reconnect%.stable" },
      { "{ " .. U .. ", reconnect = { fatal = 401 } }", "reconnect%.fatal.*list" },
      { "{ " .. U .. ", reconnect = { fatal = { 'x' } } }", "reconnect%.fatal.*100 to 4999" },
    }
    accepts {
      "{ " .. U .. ", reconnect = false }",
      "{ " .. U .. ", reconnect = true }",
      "{ " .. U .. ", reconnect = {} }",
      "{ " .. U .. ", reconnect = { min = 100 } }",
      "{ " .. U .. ", reconnect = { min = 1, max = 60, factor = 2, attempts = 5, stable = 30, fatal = { 4004 } } }",
    }
  end)

  it_tells("refuses a URL that cannot be one, and says why", function()
    refuses {
      { "{ url = '' }", "url" },
      { "{ url = 'example.org' }", "url.*example%.org" },
      { "{ url = 'http://example.org/' }", "url.*ws://" },
      { "{ url = 'https://example.org/' }", "url.*wss://" },
      { "{ url = 'ws://' }", "url.*host" },
      { "{ url = 'ws:///path' }", "url.*host" },
      { "{ url = 'ws://example.org/#top' }", "url.*fragment" },
      { "{ url = 'ws://example.org:0/' }", "url.*port" },
      { "{ url = 'ws://example.org:65536/' }", "url.*port" },
      { "{ url = 'ws://example.org:80x/' }", "url.*port" },
      { "{ url = 'ws://[::1/' }", "url" },
      { "{ url = 'ws://exa mple.org/' }", "url" },
      { "{ url = 'ws://example.org/a b' }", "url" },
      { "{ url = 'ws://example.org/\\r\\nX: y' }", "url" },
      { "{ url = 'ws://example.org/\\0' }", "url" },
      { "{ url = 'ws+unix://' }", "url" },
    }
    accepts { "{ url = 'WS://127.0.0.1:1' }", "{ url = 'ws://127.0.0.1:1?x=1' }", "{ url = 'ws://[::1]:1/' }" }
  end)

  it_tells("refuses headers that would break the request, or that the handshake owns", function()
    refuses {
      { "{ " .. U .. [[, headers = { X = "a\rb" } }]], "header 'X'" },
      { "{ " .. U .. [[, headers = { X = "a\nY: b" } }]], "header 'X'" },
      { "{ " .. U .. [[, headers = { X = "a\0b" } }]], "header 'X'" },
      { "{ " .. U .. [[, headers = { X = { "ok", "a\nb" } } }]], "header 'X'" },
      { "{ " .. U .. [[, headers = { ["X Y"] = "a" } }]], "header 'X Y'" },
      { "{ " .. U .. [[, headers = { [""] = "a" } }]], "header ''" },
      { "{ " .. U .. [[, headers = { ["X\0"] = "a" } }]], "header 'X" },
      { "{ " .. U .. [[, headers = { ["X:"] = "a" } }]], "header 'X:'" },
      { "{ " .. U .. [[, headers = { upgrade = "h2c" } }]], "header 'upgrade'" },
      { "{ " .. U .. [[, headers = { CONNECTION = "close" } }]], "header 'CONNECTION'" },
      { "{ " .. U .. [[, headers = { ["Sec-WebSocket-Key"] = "x" } }]], "header 'Sec%-WebSocket%-Key'" },
      { "{ " .. U .. [[, headers = { ["sec-websocket-protocol"] = "x" } }]], "header 'sec%-websocket%-protocol'" },
      { "{ " .. U .. [[, headers = { ["Sec-WebSocket-Extensions"] = "x" } }]], "header 'Sec%-WebSocket%-Extensions'" },
      { "{ " .. U .. [[, headers = { ["Sec-WebSocket-Version"] = "8" } }]], "header 'Sec%-WebSocket%-Version'" },
      { "{ " .. U .. [[, headers = { "Cookie: a=1" } }]], "headers" },
    }
  end)

  it_tells("refuses protocols that are no tokens, or offered twice", function()
    refuses {
      { "{ " .. U .. ", protocols = { 'a b' } }", "protocols.*a b" },
      { "{ " .. U .. ", protocols = { '' } }", "protocols" },
      { "{ " .. U .. ", protocols = { 'a', 'a' } }", "protocols.*a" },
      { "{ " .. U .. [[, origin = "a\r\nX: y" }]], "origin" },
    }
  end)

  it_tells("reads the table once", function()
    local p = peer.listen()
    local bot = program.bot([[
      local options = told { url = arg[1] .. "/first", headers = { X = "1" } }
      ws.connect(options)
      options.url, options.headers.X, options.headers, options.on_connect = arg[1] .. "/second", "2", nil, error
    ]], { p.url })
    local s = p:open()
    assert.equal("/first", s.request.target)
    assert.same({ "1" }, s.request.headers.x)
    s:finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("may be called with the module that require gives", function()
    local bot = program.bot([[
      say(require "ws" == ws, require "host" == host, package.loaded.ws == ws)
      say(type(ws.connect), host.script == arg[0])
    ]])
    bot:tells("true true true", "function true")
    bot:ends(0)
  end)
end)

-- What the request of `ws.connect { url = ..., <options> }` is.
local function request_of(options, url)
  local p = peer.listen()
  local bot = program.bot(([[ws.connect { url = (%q):gsub("AT", arg[1]), %s }]]):format(url or "ws://AT/", options),
    { p.address })
  local s = p:open()
  s:finish()
  bot:ends(0)
  return s.request, p
end

describe("the request of the opening handshake", function()
  it_tells("is what RFC 6455 asks for, and no more than that by itself", function()
    local request, p = request_of ""
    assert.equal("GET / HTTP/1.1", request.line)
    assert.same({ p.address }, request.headers.host)
    assert.same({ "websocket" }, request.headers.upgrade)
    assert.same({ "Upgrade" }, request.headers.connection)
    assert.same({ "13" }, request.headers["sec-websocket-version"])
    assert.equal(1, #request.headers["sec-websocket-key"])
    assert.matches("^[%w+/]+==$", request.headers["sec-websocket-key"][1])
    assert.equal(24, #request.headers["sec-websocket-key"][1])
    assert.is_nil(request.headers.origin)
    assert.is_nil(request.headers.authorization)
    assert.is_nil(request.headers["sec-websocket-protocol"])
    assert.same({ "permessage-deflate; client_max_window_bits" }, request.headers["sec-websocket-extensions"])
  end)

  it_tells("has a new key each time", function()
    local a, b = request_of "", request_of ""
    assert.not_equal(a.headers["sec-websocket-key"][1], b.headers["sec-websocket-key"][1])
  end)

  it_tells("has the path and query as they were written", function()
    assert.equal("/chat/r%20m?a=1&b=%26", request_of("", "ws://AT/chat/r%20m?a=1&b=%26").target)
    assert.equal("/?room=1", request_of("", "ws://AT?room=1").target)
    assert.equal("/%C3%BC", request_of("", "ws://AT/ü").target)
  end)

  it_tells("has the script's headers, a list as several lines", function()
    local request = request_of [[
      headers = { Cookie = "a=1", ["X-Key"] = { "v1", "v2" }, ["X-Number"] = 7, ["User-Agent"] = "me" }
    ]]
    assert.same({ "a=1" }, request.headers.cookie)
    assert.same({ "v1", "v2" }, request.headers["x-key"])
    assert.same({ "7" }, request.headers["x-number"])
    assert.same({ "me" }, request.headers["user-agent"])
  end)

  it_tells("has the Host that was set, once", function()
    assert.same({ "virtual.example" }, request_of([[headers = { host = "virtual.example" }]]).headers.host)
  end)

  it_tells("has user and password of the URL as Basic Authorization", function()
    local request, p = request_of("", "ws://al%40ice:op%3Aen@AT/")
    assert.same({ "Basic YWxAaWNlOm9wOmVu" }, request.headers.authorization)
    assert.same({ p.address }, request.headers.host)
    assert.same({ "Bearer t" },
      request_of([[headers = { Authorization = "Bearer t" }]], "ws://a:b@AT/").headers.authorization)
  end)

  it_tells("has no Authorization where user and password are empty", function()
    for _, url in ipairs { "ws://@AT/", "ws://:@AT/" } do
      local request, p = request_of("", url)
      assert.is_nil(request.headers.authorization)
      assert.same({ p.address }, request.headers.host)
    end
  end)

  it_tells("has the origin and the protocols", function()
    local request = request_of [[origin = "https://example.org", protocols = { "v2.chat", "v1.chat" }]]
    assert.same({ "https://example.org" }, request.headers.origin)
    assert.same({ "v2.chat, v1.chat" }, request.headers["sec-websocket-protocol"])
  end)
end)
