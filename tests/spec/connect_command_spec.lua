-- `wsbot connect`: in a pipe and on a terminal.
local frame = require "support.frame"
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"
local proxies = require "support.proxies"
local story = require "support.story"
local terminal = require "support.terminal"
local tls = require "support.tls"

-- Runs it with a url and more words; its standard input is given by the spec.
local function connect(url, words, options)
  local line = { "connect", table.unpack(words or {}) }
  line[#line + 1] = url
  options = options or {}
  options.stdin = options.stdin or true
  return program.run(line, options)
end

describe("wsbot connect in a pipe", function()
  it_tells("sends each line as a message, prints each message as a line, and nothing else", function()
    local p = peer.listen()
    local c = connect(p.url)
    local s = p:open()
    c:write "hello\n\nwör"
    s:expect_text "hello"
    s:expect_text ""
    s:text "answer"
    s:text "zwei\nlines"
    c:tells("answer", "zwei", "lines")
    c:write "ld"
    c:shut()
    s:expect_text "wörld"
    s:expect_close(1000)
    s:text "late"
    s:send_close(1000)
    s:close()
    c:tells "late"
    c:ends(0)
    assert.equal("", c.err)
  end)

  it_tells("reads a file", function()
    local p = peer.listen()
    local lines = place.file("lines.txt", "a\nb\n")
    local c = program.start("/bin/sh", { "-c", '"$0" connect "$1" <"$2"', program.wsbot, p.url, lines })
    local s = p:open()
    s:expect_text "a"
    s:expect_text "b"
    s:answer_close()
    c:ends(0)
  end)

  it_tells("takes CR LF for the end of a line, but not where lines are bytes", function()
    for options, expected in pairs {
      ["--"] = { "hi", "a\rb", "", "c\r" },
      ["--binary"] = { "hi\r", "a\rb\r", "\r", "c\r" },
    } do
      local p = peer.listen()
      local c = connect(p.url, { options }, { stdin = "hi\r\na\rb\r\n\r\nc\r" })
      local s = p:open()
      for _, data in ipairs(expected) do
        s:expect(options == "--binary" and frame.BINARY or frame.TEXT, data)
      end
      s:answer_close()
      c:ends(0)
    end
  end)

  it_tells("does without standard streams, and says when its output cannot be written", function()
    for redirection, status in pairs { ["<&- >&- 2>&-"] = 0, ["<&-"] = 0, ["</dev/null"] = 0, [">/dev/full"] = 2 } do
      local p = peer.listen()
      local line = { "-c", '"$0" connect --wait 0.01 "$1" ' .. redirection, program.wsbot, p.url }
      local c = program.start("/bin/sh", line, { stdin = "" })
      local s = p:open()
      s:text "message"
      assert.equal(1000, s:answer_close())
      local got = c:wait()
      assert.equal(status, got, redirection)
      if status == 2 then assert.matches("cannot write the output: no space left", c.err) end
    end
  end)

  it_tells("writes all that was sent before it closes, and reads no faster than that is taken", function()
    local p = peer.listen()
    local c = connect(p.url)
    local s = p:open()
    s:stop_reading()
    local bytes, taken, frames = 1000000, 0, 60
    for _ = 1, frames do
      c.stdin:write(("x"):rep(bytes) .. "\n", function() taken = taken + 1 end)
    end
    story.wait("some of it to be taken", function() return taken > 10 end)
    story.pause(0.2)
    assert(taken < frames, "all of the input was read, though nobody takes it")
    c:shut()
    local got, last = 0, ""
    s.transport.on_data = function(data)
      got = got + #data
      last = (last .. data):sub(-8)
    end
    s:start_reading()
    story.wait("all of it, and a Close", function()
      return got == frames * (bytes + 14) + 8 -- heads and masks
    end)
    assert.equal("\x88\x82", last:sub(1, 2))
    s:send_close(1000)
    s:close()
    c:ends(0)
  end)

  it_tells("gives a server up that takes nothing", function()
    for _, lines in ipairs { 16, 32 } do -- megabytes: where the input ends, and where more of it is to be sent
      local p = peer.listen()
      local c = connect(p.url, { "--timeout", "1.5" }, { stdin = (("x"):rep(999999) .. "\n"):rep(lines) })
      p:open():stop_reading()
      c:ends(4)
      assert.equal("wsbot connect: timeout: the server has taken nothing of what was sent for 1.5 s\n", c.err)
    end
  end)

  it_tells("waits where its reader is behind", function()
    local p = peer.listen()
    local c = program.start("/bin/sh", { "-c", 'exec 3<&0; "$0" connect -n "$1" | { read go <&3; wc -l; }',
      program.wsbot, p.url }, { stdin = true })
    local s = p:open()
    local line = frame.write { opcode = frame.TEXT, payload = ("y"):rep(99999) }
    local done
    story.beside(function()
      for _ = 1, 3000 do s:send(line) end
      done = true
    end)
    story.pause(0.2)
    assert(not done, "300 MB were read for a reader that reads nothing")
    c:kill "sigterm"
  end)

  it_tells("tells of messages that came too fast for its reader to be kept", function()
    local p = peer.listen()
    local c = program.start("/bin/sh", { "-c", 'exec 3<&0; "$0" connect "$1" </dev/null | { read go <&3; wc -l; }',
      program.wsbot, p.url }, { stdin = true })
    local s = p:open()
    s:expect_close(1000)
    for _ = 1, 24 do s:text(("y"):rep(999999)) end
    s:send_close(1000)
    s:close()
    c:write "go\n"
    c:wait()
    local lost = c.err:match "^wsbot connect: (%d+) messages are lost: they came faster than they were read\n$"
    assert.equal(24, lost + c.out)
  end)

  it_tells("ends when its reader has", function()
    local p = peer.listen()
    local c = program.start("/bin/sh", { "-c", '"$0" connect -n "$1" | head -n 1', program.wsbot, p.url })
    local s = p:open()
    s:text "one"
    c:tells "one"
    assert.equal(1000, s:answer_close())
    c:ends(0)
    assert.equal("", c.err)
  end)

  it_tells("says that nobody reads, where that ends the attempt", function()
    local p = peer.listen()
    local c = program.start("/bin/sh", { "-c", '"$0" connect -n "$1" | true', program.wsbot, p.url })
    p:accept()
    c:ends(0)
    assert.equal("wsbot connect: nobody reads the output\n", c.err)
  end)

  it_tells("sends input of the wrong kind to nobody", function()
    for what, case in pairs {
      ["line 2 of the input cannot be sent: it is not UTF-8"] = { {}, "good\n\xff\nnever\n" },
      ["line 2 of the input cannot be sent: it is not Base64"] = { { "--binary", "--base64" }, "Z29vZA==\n?\n" },
      ["line 2 of the input cannot be sent: it has more than 16777216 bytes"] = { {}, "good\n" .. ("z"):rep(16777300) },
    } do
      local p = peer.listen()
      local c = connect(p.url, case[1], { stdin = case[2] })
      local s = p:open()
      assert.equal("good", s:read_frame().payload)
      assert.equal(1000, s:answer_close())
      c:ends(2)
      assert.equal("wsbot connect: " .. what, c.err:match "^[^;\n]*")
      p:close()
    end
  end)

  it_tells("stops at Ctrl-C: Close 1000, exit 0", function()
    local p = peer.listen()
    local c = connect(p.url)
    local s = p:open()
    s:text "seen"
    c:tells "seen"
    c:kill "sigint"
    s:expect_close(1000)
    s:text "not shown"
    s:send_close(1000)
    s:close()
    c:ends(0)
  end)

  it_tells("ends at once at a second Ctrl-C", function()
    local p = peer.listen()
    local c = connect(p.url)
    local s = p:open()
    s:text "seen"
    c:tells "seen"
    c:kill "sigint"
    s:expect_close(1000)
    c:kill "sigint"
    local _, signal = c:wait()
    assert.equal(2, signal)
  end)
end)

describe("wsbot connect's options", function()
  it_tells("--header, --subprotocol: what the request has", function()
    local p = peer.listen()
    local c = connect(p.url, { "-H", "X-A: 1", "--header=X-A: 2 ", "-H", "Cookie: k=v", "--subprotocol", "v2, v1",
      "--subprotocol", "v0" })
    local s = p:open { with = { "Sec-WebSocket-Protocol: v1" } }
    assert.same({ "1", "2" }, s.request.headers["x-a"])
    assert.same({ "k=v" }, s.request.headers.cookie)
    assert.same({ "v2, v1, v0" }, s.request.headers["sec-websocket-protocol"])
    c:shut()
    s:answer_close()
    c:ends(0)
  end)

  it_tells("may stand behind the url", function()
    local p = peer.listen()
    local c = program.run { "connect", p.url, "-n", "-1" }
    local s = p:open()
    s:text "x"
    c:tells "x"
    assert.equal(1000, s:answer_close())
    c:ends(0)
  end)

  it_tells("may be written together", function()
    local p = peer.listen()
    local c = program.run { "connect", "-n1", "-HX-A: b=c", p.url }
    local s = p:open()
    assert.same({ "b=c" }, s.request.headers["x-a"])
    s:text "x"
    c:tells "x"
    assert.equal(1000, s:answer_close())
    c:ends(0)
    c = program.run { "connect", "-nq", p.url }
    c:ends(2)
    assert.matches("unknown option '%-q'", c.err)
  end)

  it_tells("--origin, --no-compression", function()
    local p = peer.listen()
    local c = connect(p.url, { "--origin", "https://a.example", "--no-compression" }, { stdin = "" })
    local s = p:open()
    assert.same({ "https://a.example" }, s.request.headers.origin)
    assert.is_nil(s.request.headers["sec-websocket-extensions"])
    s:answer_close()
    c:ends(0)
  end)

  it_tells("--max-redirects follows them, with the cookies set on the way", function()
    local p = peer.listen()
    local function redirect()
      p:open { lines = { "Location: /there?token=hunter2", "Set-Cookie: a=1" }, status = "HTTP/1.1 302 Found" }
    end
    local c = connect(p.url, { "-Lv" }, { stdin = "" })
    redirect()
    local s = p:open()
    assert.same({ "a=1" }, s.request.headers.cookie)
    s:answer_close()
    c:ends(0)
    for _, line in ipairs { "< HTTP/1.1 302 Found\n", "< Location: /there?token=***\n", "< Set-Cookie: ***\n",
      "> GET /there?token=*** HTTP/1.1\n", "> Cookie: ***\n", "< HTTP/1.1 101 Switching Protocols\n" } do
      assert(c.err:find(line, 1, true), "there is no " .. line)
    end
    c = connect(p.url, {}, { stdin = "" })
    redirect()
    c:ends(1)
    assert.matches("%(see %-%-max%-redirects%)\n< HTTP/1.1 302 Found\n$", c.err)
    for _, wrong in ipairs { "some", "21", "1.5" } do
      c = connect(p.url, { "--max-redirects=" .. wrong }, { stdin = "" })
      c:ends(2)
      assert.matches("^wsbot connect: .*%-%-max%-redirects", c.err)
    end
  end)

  it_tells("--redirect-headers: they go to another origin only then, and credentials not even then", function()
    for _, word in ipairs { "--no-compression", "--redirect-headers" } do
      local p, other = peer.listen(), peer.listen()
      local c = connect(p.url:gsub("//", "//me:secret@"), { "-L", word, "-H", "X-A: 1", "-H", "Cookie: a=secret",
        "-H", "User-Agent: me" }, { stdin = "" })
      p:open { lines = { "Location: " .. other.url }, status = "HTTP/1.1 302 Found" }
      local s = other:open()
      assert.same(word == "--redirect-headers" and { "1" } or nil, s.request.headers["x-a"])
      assert.same({ "me" }, s.request.headers["user-agent"])
      assert.is_nil(s.request.headers.authorization)
      assert.is_nil(s.request.headers.cookie)
      s:answer_close()
      c:ends(0)
    end
  end)

  it_tells("refuses line ends in what goes to a wire or a file's name, and names the option", function()
    for _, name in ipairs { "--origin", "--server-name", "--alpn", "--local-address", "--proxy", "--resolve" } do
      local c = connect("wss://127.0.0.1:1/", { name, (name == "--resolve" and "h:1:" or "http://") .. "a\r\nb" },
        { stdin = "" })
      c:ends(2)
      assert.matches("^wsbot connect: [^\r\n]+\n$", c.err)
      assert.matches(name:match "%w+", c.err)
    end
    local c = connect("ws://127.0.0.1:1/", { "-H", "X-A: 1\r\n" }, { stdin = "" })
    c:ends(2)
    assert.matches("header 'X%-A': its value has a control character", c.err)
  end)

  it_tells("--resolve, --local-address, --ipv4, --ipv6: addresses", function()
    local p = peer.listen()
    local port = p.url:match "%d+$"
    local url = "ws://chat.example:" .. port
    local c = connect(url, { "--resolve", ("chat.example:%s:127.0.0.1,[::1]"):format(port), "-4" }, { stdin = "" })
    local s = p:open()
    assert.same({ "chat.example:" .. port }, s.request.headers.host)
    s:answer_close()
    c:ends(0)
    for wrong, status in pairs {
      [{ "-6" }] = 1, [{ "-6", "-4" }] = 2, [{ "--resolve", "x" }] = 2, [{ "--resolve", "x:1:y" }] = 2,
      [{ "--local-address", "x" }] = 2,
    } do
      c = connect(p.url, wrong, { stdin = "" })
      c:ends(status)
    end
  end)

  it_tells("--binary sends bytes; what comes is written as it is", function()
    local p = peer.listen()
    local c = connect(p.url, { "--binary" })
    local s = p:open()
    c:write "\xff\0\r\n"
    s:expect_binary "\xff\0\r"
    s:binary "\0\xfe\27["
    c:tells "\0\xfe\27["
    c:shut()
    s:answer_close()
    c:ends(0)
  end)

  it_tells("--base64: binary messages as text, both ways", function()
    local p = peer.listen()
    local c = connect(p.url, { "--binary", "--base64" })
    local s = p:open()
    c:write "/wA=\n"
    s:expect_binary "\xff\0"
    s:binary "\0\1\2"
    s:text "text"
    c:tells("AAEC", "text")
    c:shut()
    s:answer_close()
    c:ends(0)
  end)

  it_tells("--no-input leaves standard input to others", function()
    local p = peer.listen()
    local c = program.start("/bin/sh", { "-c", '"$0" connect --no-input "$1"; cat', program.wsbot, p.url },
      { stdin = "for cat\n" })
    local s = p:open()
    s:text "message"
    s:finish(1000)
    c:tells("message", "for cat")
    c:ends(0)
  end)

  it_tells("--one ends after a message, though the input has ended before", function()
    local p = peer.listen()
    local c = connect(p.url, { "--one" }, { stdin = "ask\n" })
    local s = p:open()
    s:expect_text "ask"
    local first, second = { opcode = frame.TEXT, payload = "first" }, { opcode = frame.TEXT, payload = "second" }
    s:send(frame.write(first) .. frame.write(second))
    assert.equal(1000, s:answer_close())
    c:tells "first"
    c:ends(0)
  end)

  it_tells("--wait receives after the end of the input", function()
    local p = peer.listen()
    local c = connect(p.url, { "--wait", "3600" }, { stdin = "ask\n" })
    local s = p:open()
    s:expect_text "ask"
    s:text "answer"
    c:tells "answer"
    s:finish(1000)
    c:ends(0)
    local short = connect(p.url, { "--wait", "0.01" }, { stdin = "" })
    assert.equal(1000, p:open():answer_close())
    short:ends(0)
  end)

  it_tells("--json lays out what is JSON", function()
    local p = peer.listen()
    local c = connect(p.url, { "--json" })
    local s = p:open()
    s:text '{"b":[1,2.50,{}],"a":"\\u00e9\\"x","n":null}'
    c:tells '{ "b": [1, 2.50, {}], "a": "\\u00e9\\"x", "n": null }'
    s:text('{"list":[[1,[]],{"text":"' .. ("x"):rep(80) .. '"}],"e":-0.5e+3}')
    c:tells("{", '  "list": [', "    [1, []],", "    {", '      "text": "' .. ("x"):rep(80) .. '"', "    }", "  ],",
      '  "e": -0.5e+3', "}")
    local deep = ("["):rep(300) .. ("]"):rep(300)
    for _, text in ipairs { "{", "[1,]", "{a:1}", "01", '"\\x"', "nul", "[1 2]", "plain", deep } do
      s:text(text)
      c:tells(text)
    end
    c:shut()
    s:answer_close()
    c:ends(0)
  end)

  it_tells("--proxy goes through one, whose password is no one else's", function()
    local p = peer.listen()
    local c = connect(p.url, { "--proxy", (proxies.tinyproxy { login = "user:hunter2" }), "-v" }, { stdin = "hello\n" })
    local s = p:open()
    s:expect_text "hello"
    s:answer_close()
    c:ends(0)
    assert.is_nil(c.err:find "hunter2")
    c = connect(p.url, { "--proxy", "http://127.0.0.1:" .. peer.dead_port() })
    c:ends(1)
    assert.matches("^wsbot connect: proxy: ", c.err)
    c = connect(p.url, { "--proxy", "ftp://x" })
    c:ends(2)
    c = connect(p.url, { "-x", "none" }, { stdin = "", env = { http_proxy = "http://127.0.0.1:1" } })
    p:open():answer_close()
    c:ends(0)
  end)

  it_tells("--ping asks whether anybody is there", function()
    local p = peer.listen()
    local c = connect(p.url, { "--ping", "0.02", "-n" })
    local s = p:open()
    s:pong(s:expect(frame.PING).payload)
    s:expect(frame.PING)
    c:kill "sigkill"
  end)

  it_tells("--record writes what passes", function()
    local p = peer.listen()
    local path = place.folder() .. "/record.jsonl"
    local c = connect(p.url, { "--record", path, "-v" }, { stdin = "hello\n" })
    local s = p:open()
    s:expect_text "hello"
    s:answer_close()
    c:ends(0)
    assert.matches('"event":"sent","kind":"text","data":"hello"', place.read(path))
    assert.matches('"event":"end","code":1000', place.read(path))
    assert.matches("> +%d+%.%d+ text, 5 bytes\n", c.err)
    local bad = connect(p.url, { "--record", "/no/such/folder/file" })
    bad:ends(2)
  end)

  it_tells("--verbose tells of the handshake and of each frame, and masks what lets others in", function()
    local p = peer.listen()
    local c = connect(p.url:gsub("//", "//user:hunter2@") .. "/chat?a=b&access_token=hunter2", { "--verbose",
      "-H", "Cookie: hunter2", "-H", "X-Api-Key: hunter2", "-H", "X-Plain: seen", "--subprotocol", "v1" })
    local s = p:open { with = { "Set-Cookie: hunter2", "Server: \xc2\x9b2Jt\xff", "X-Title: hunter2" } }
    c:write "hello\n"
    s:expect_text "hello"
    s:binary "\0\1\2\3"
    s:ping "are you there"
    s:pong(s:expect(frame.PONG).payload)
    c:complains "pong, 13 bytes"
    s:finish(1001, "b\27ye")
    c:wait()
    assert.equal("\0\1\2\3\n", c.out)
    assert.equal(0, c.status)
    assert.is_nil(c.err:find "hunter2")
    assert.is_nil(c.err:find "[\27\x9b\xff]")
    for _, line in ipairs { "* connecting to " .. p.url .. "/chat?a=***&access_token=***\n",
      "* connected to " .. p.address,
      "> GET /chat?a=***&access_token=*** HTTP/1.1\n",
      "> Authorization: Basic ***\n", "> Cookie: ***\n", "> X-Api-Key: ***\n", "> X-Plain: ***\n",
      "> Sec-WebSocket-Protocol: v1\n", "< HTTP/1.1 101 Switching Protocols\n", "< Set-Cookie: ***\n",
      "< X-Title: ***\n", "< Server: \\u{9b}2Jt\u{fffd}\n", 'close 1001 "b\\x1bye"\n', "* closed: 1001 b\\x1bye\n" } do
      assert(c.err:find(line, 1, true), "there is no " .. line)
    end
    assert.matches("\n> +%d+%.%d+ text, 5 bytes\n< +%d+%.%d+ binary, 4 bytes\n< +%d+%.%d+ ping, 13 bytes\n", c.err)
  end)

  it_tells("--ca, --cert, --key, --insecure: TLS", function()
    local t = tls.listen { args = { "-Verify", "1", "-verify_return_error", "-CAfile", tls.cert "ca" } }
    local c = connect(t.url, { "--ca", tls.cert "ca", "--cert", tls.cert "client", "--key", tls.key "client", "-v" },
      { stdin = "" })
    t:open():answer_close()
    c:ends(0)

    local expiry = os.date("!%Y-%m-%d %H:%M:%S UTC", tls.not_after "server")
    assert.matches("\n%* TLS 1%.3, [%u%d_]+\n%*   subject: localhost\n%*   issuer: Spec Root\n%*   not after: ", c.err)
    assert(c.err:find("*   not after: " .. expiry .. "\n", 1, true))
    assert(c.err:find("*   pin: " .. tls.pin "server" .. "\n", 1, true))

    t = tls.listen {}
    c = connect(t.url, {}, { stdin = "" })
    c:ends(1)
    assert.matches("^wsbot connect: tls: [^\n]*trust it with %-%-ca, or its key alone with %-%-pin \"sha256", c.err)
    t = tls.listen {}
    c = connect(t.url, { "--insecure" }, { stdin = "" })
    t:open():answer_close()
    c:ends(0)
    assert.matches("^wsbot connect: warning: %-%-insecure: [^\n]*%(%-%-pin checks the server's key%)\n$", c.err)
    t = tls.listen {}
    c = connect(t.url, { "--ca", tls.cert "ca", "--allow-weak" }, { stdin = "" })
    t:open():answer_close()
    c:ends(0)
    assert.matches("^wsbot connect: warning: %-%-allow%-weak: [^\n]*\n$", c.err)
  end)

  it_tells("--pin, --server-name, --alpn, --system-ca: more of TLS", function()
    local t = tls.listen { args = { "-tls1_2", "-alpn", "http/1.1" } }
    local c = connect(t.url, { "-kv", "--pin", tls.pin "server", "--alpn", "http/1.1" }, { stdin = "" })
    t:open():answer_close()
    c:ends(0)
    assert.matches("\n%* TLS 1%.2, [%u%d_]+\n%*   alpn: http/1%.1\n%*   subject: localhost\n", c.err)
    assert.is_nil(c.err:find "warning")

    for password, status in pairs { secret = 0, [false] = 1 } do
      t = tls.listen { args = { "-Verify", "1", "-verify_return_error", "-CAfile", tls.cert "ca" } }
      c = connect(t.url, { "--ca", tls.cert "ca", "--no-stapling", "--cert", tls.cert "client", "--key",
        tls.key("client", "secret") }, { stdin = "", env = { WSBOT_KEY_PASSWORD = password } })
      if password then t:open():answer_close() end
      c:ends(status)
      if not password then assert.matches("an encrypted one needs WSBOT_KEY_PASSWORD", c.err) end
    end

    t = tls.listen {}
    c = connect(t.url, { "--ca", tls.cert "ca", "--system-ca", "--pin", tls.pin "client" }, { stdin = "" })
    c:ends(1)
    assert.matches("is none of those in %-%-pin: ", c.err)
    t = tls.listen {}
    c = connect(t.url, { "--ca", tls.cert "ca", "--server-name", "other.example" }, { stdin = "" })
    c:ends(1)
    assert.matches("%(%-%-server%-name says which one is meant%)", c.err)
  end)
end)

describe("wsbot connect's status", function()
  it_tells("1: no connection", function()
    local c = connect(peer.dead_url())
    c:ends(1)
    assert.matches("^wsbot connect: connect: [^\n]*\n$", c.err)
    local p = peer.listen()
    c = connect(p.url)
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"
    c:ends(1)
    assert.matches("^wsbot connect: handshake: [^\n]*401", c.err)
  end)

  for name, case in pairs {
    ["as it is"] = { "no such\r\n\r\nroom\n", "no such\n< room" },
    ["escaped"] = { "a\27[2J\u{202e}b\xe9", "a\\x1b[2J\\u{202e}b\\xe9" },
    ["but not where it is no text"] = { "\x1f\x8b\8\0\0\0", "(6 bytes that are no text)" },
    ["cut where it is long"] = { ("x"):rep(3000), ("x"):rep(2048) .. "\n< ..." },
  } do
    it_tells("1: refused: the answer's status line and body are shown, " .. name, function()
      local p = peer.listen()
      local c = connect(p.url, {}, { stdin = "" })
      local s = p:accept()
      s:read_head()
      s:send(("HTTP/1.1 404 No\tway\r\nContent-Length: %d\r\n\r\n%s"):format(#case[1], case[1]))
      c:ends(1)
      local first, rest = c.err:match "^(wsbot connect: handshake: [^\n]*)\n(.*)$"
      assert.matches("404 No", first)
      assert.equal(("< HTTP/1.1 404 No\\tway\n< %s\n"):format(case[2]), rest)
    end)
  end

  it_tells("1: refused: --verbose shows the answer once", function()
    local p = peer.listen()
    local c = connect(p.url, { "-v" }, { stdin = "" })
    local s = p:accept()
    s:read_head()
    s:send "HTTP/1.1 404 Lost\r\nContent-Length: 4\r\n\r\nbody"
    c:ends(1)
    local _, heads = c.err:gsub("< HTTP/1.1 404 Lost\n", "")
    local _, bodies = c.err:gsub("< body\n", "")
    assert.same({ 1, 1 }, { heads, bodies })
  end)

  it_tells("2: used wrongly", function()
    local file = place.file("a.pem", "")
    for _, words in ipairs {
      {}, { "ws://x", "ws://y" }, { "--nonsense", "ws://x" }, { "http://x" }, { "ws://x", "-H" },
      { "ws://x", "-H", "no colon" },
      { "ws://x", "-H", "Upgrade: x" }, { "ws://x", "-H", "A: b\rc" }, { "ws://x", "--wait", "-1" },
      { "ws://x", "--timeout", "soon" }, { "ws://x", "--ping" }, { "ws://x", "--binary=yes" },
      { "wss://x", "--ca", "/no/such/file" }, { "wss://x", "--cert", file }, { "ws://x", "--subprotocol", "a b, (" },
    } do
      local c = program.run { "connect", table.unpack(words) }
      local status = c:wait()
      assert(status == 2, ("wsbot connect %s ends with %d: %s"):format(table.concat(words, " "), status, c.err))
      assert.equal("", c.out)
      assert.matches("^wsbot connect: ", c.err)
    end
  end)

  it_tells("3: it ended in another way", function()
    local p = peer.listen()
    local c = connect(p.url)
    p:open():finish(1011, "broken")
    c:ends(3)
    assert.equal("wsbot connect: closed: 1011 broken\n", c.err)
    c = connect(p.url)
    p:open():reset()
    c:ends(3)
    assert.matches("^wsbot connect: reset: ", c.err)
    c = connect(p.url)
    local s = p:open()
    s:send "\xff\xff"
    s:expect_close(1002)
    s:close()
    c:ends(3)
    assert.matches("^wsbot connect: protocol: ", c.err)
  end)

  it_tells("4: it took too long", function()
    local p = peer.listen()
    local c = connect(p.url, { "--timeout", "0.05" })
    c:ends(4)
    assert.equal("wsbot connect: no connection within 0.05 s\n", c.err)
    c = connect(p.url, { "--timeout", "1.5", "-1" })
    p:accept()
    p:open()
    c:ends(4)
    assert.equal("wsbot connect: no message within 1.5 s\n", c.err)
  end)

  it_tells("0: a server that closes without a code, or does not answer our close", function()
    local p = peer.listen()
    local c = connect(p.url)
    local s = p:open()
    s:frame { opcode = frame.CLOSE, payload = "" }
    s:read_frame()
    s:close()
    c:ends(0)
    c = connect(p.url, {}, { stdin = "" })
    s = p:open()
    s:expect_close(1000)
    s:close()
    c:ends(0)
  end)
end)

------------------------------------------------------------------------------------------------------- on a terminal

local function on_terminal(url, words, env)
  local line = { program.wsbot, "connect", table.unpack(words or {}) }
  line[#line + 1] = url
  env = env or {}
  env.WSBOT_HISTORY = env.WSBOT_HISTORY == nil and "" or env.WSBOT_HISTORY
  env.NO_COLOR = env.NO_COLOR == nil and "1" or env.NO_COLOR
  local t = terminal.run(line, { env = env })
  function t.prompts(self)
    self:shows "\27[?2004h> "
  end
  return t
end

local CTRL_A, CTRL_C, CTRL_D, CTRL_R, UP, LEFT = "\1", "\3", "\4", "\18", "\27[A", "\27[D"

describe("wsbot connect on a terminal", function()
  it_tells("sends the line at Enter, shows what comes above the one that is typed, closes at Ctrl-D", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:shows "* open (Ctrl-D closes)\r\n"
    t:prompts()
    t:write "hellö\r"
    s:expect_text "hellö"
    t:shows "> hellö\r\n"
    t:write "half"
    t:shows "> half"
    s:text "news"
    t:shows "\r\27[J< news\r\n> half"
    t:write " a line\r"
    s:expect_text "half a line"
    t:write(CTRL_D)
    assert.equal(1000, s:answer_close())
    t:shows "* closed: 1000"
    t:leaves(0)
  end)

  it_tells("closes at Ctrl-C, and ends at once at a second", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    t:write(CTRL_C)
    assert.equal(1000, s:answer_close())
    t:leaves(0)

    t = on_terminal(p.url)
    s = p:open()
    t:prompts()
    t:write(CTRL_C)
    s:expect_close(1000)
    t:write(CTRL_C)
    t:leaves(130)
  end)

  it_tells("ends at Ctrl-C while it connects", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    p:accept():read_head()
    t:write(CTRL_C)
    t:shows "wsbot connect: interrupted"
    t:leaves(1)
  end)

  it_tells("leaves the terminal as it was when it is killed twice", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    local pid = t:child()
    require "luv".kill(pid, "sigterm")
    s:expect_close(1000)
    require "luv".kill(pid, "sigterm")
    t:leaves(128 + 15)
  end)

  it_tells("edits the line", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    for keys, line in pairs {
      ["wörxld" .. LEFT .. LEFT .. "\127\r"] = "wörld",
      ["two" .. CTRL_A .. "one \r"] = "one two",
      ["a b c\23\23d\r"] = "a d",
      ["gone\21kept\r"] = "kept",
      ["one two\27b\27b\11\25\25\r"] = "one twoone two",
      ["日本" .. LEFT .. "x\r"] = "日x本",
      ["ab\20\r"] = "ba",
      ["a\27[1~\27[3~b\r"] = "b",
      ["\27[200~one\r\ntwo\tx\27[31m\r\27[201~!\r"] = "one\ntwo\tx[31m!",
    } do
      t:write(keys)
      s:expect_text(line)
    end
    t:write "\r" -- nothing to send
    t:write(CTRL_D)
    s:answer_close()
    t:leaves(0)
  end)

  it_tells("breaks a long line into rows, and draws over them", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    t:write(("x"):rep(78))
    t:shows("> " .. ("x"):rep(38) .. "\r\n" .. ("x"):rep(40))
    s:text "news"
    t:shows("\r\27[2A\27[J< news\r\n> ")
    t:write "\r"
    s:expect_text(("x"):rep(78))
    s:finish(1000)
    t:leaves(0)
  end)

  it_tells("draws the line anew when the terminal's size changes", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    t:write(("x"):rep(30))
    t:shows("> " .. ("x"):rep(30))
    t:kill "sigusr1"
    t:shows("\r\27[J> " .. ("x"):rep(18) .. "\r\n" .. ("x"):rep(12))
    s:finish(1000)
    t:leaves(0)
  end)

  it_tells("keeps what was typed for the next run, but for lines that begin with a space", function()
    local p = peer.listen()
    local folder = place.folder()
    local env = function()
      return { WSBOT_HISTORY = folder .. "/new/history" }
    end
    local t = on_terminal(p.url, {}, env())
    local s = p:open()
    t:prompts()
    for _, line in ipairs { "one", "two", " secret", "\27[200~three\nlines\27[201~" } do
      t:write(line .. "\r")
      s:expect(frame.TEXT)
    end
    t:write(CTRL_D)
    s:answer_close()
    t:leaves(0)
    assert.equal("one\ntwo\nthree\\nlines\n", place.read(folder .. "/new/history"))
    assert.equal("600", ("%o"):format(require "luv".fs_stat(folder .. "/new/history").mode & tonumber("777", 8)))

    t = on_terminal(p.url, {}, env())
    s = p:open()
    t:prompts()
    t:write(UP .. "\r")
    s:expect_text "three\nlines"
    t:write(UP .. UP .. "\r")
    s:expect_text "two"
    t:write(CTRL_R .. "on\r")
    s:expect_text "one"
    t:write(CTRL_D)
    s:answer_close()
    t:leaves(0)
  end)

  it_tells("keeps the history where state is kept, and no more of it than is of use", function()
    local p = peer.listen()
    local folder = place.folder()
    for _ = 1, 2 do
      local t = on_terminal(p.url, {}, { WSBOT_HISTORY = false, XDG_STATE_HOME = folder })
      local s = p:open()
      t:prompts()
      t:write "typed\r"
      s:expect_text "typed"
      s:finish(1000)
      t:leaves(0)
      assert.matches("typed\n$", place.read(folder .. "/wsbot/history"))
      assert(#place.read(folder .. "/wsbot/history") < 10000)
      place.file(folder .. "/wsbot/history", ("old\n"):rep(5000000))
    end
  end)

  it_tells("says when the history cannot be kept, and goes on", function()
    local p = peer.listen()
    local t = on_terminal(p.url, {}, { WSBOT_HISTORY = "/dev/null/history" })
    local s = p:open()
    t:shows "cannot keep the history in /dev/null/history"
    t:write "x\r"
    s:expect_text "x"
    s:finish(1000)
    t:leaves(0)
  end)

  it_tells("lets no message control it", function()
    local p = peer.listen()
    local t = on_terminal(p.url, { "--json" })
    local s = p:open()
    t:prompts()
    s:text "a\27[2J\7b\r\u{9b}31m\u{202e}\127\nc"
    t:shows "< a\\x1b[2J\\x07b\\r\\u{9b}31m\\u{202e}\\x7f\r\nc\r\n> "
    s:text '["\u{9b}2J"]'
    t:shows '< ["\\u{9b}2J"]\r\n'
    s:binary "\0\27[2J\xffplain"
    t:shows "< binary, 11 bytes\r\n000000  00 1b 5b 32 4a ff 70 6c 61 69 6e "
    t:shows "..[2J.plain\r\n"
    s:binary(("z"):rep(5000))
    t:shows "... 4488 bytes more\r\n"
    s:finish(1000, "b\u{9b}ye")
    t:shows "* closed: 1000 b\\u{9b}ye"
    t:leaves(0)
  end)

  it_tells("has colours, unless NO_COLOR or the terminal says no", function()
    local p = peer.listen()
    local t = on_terminal(p.url, { "--json" }, { NO_COLOR = false })
    local s = p:open()
    s:text '{"a":1}'
    t:shows '\27[36m< \27[0m{ \27[34m"a"\27[0m: \27[33m1\27[0m }'
    s:finish(1000)
    t:leaves(0)
    t = on_terminal(p.url, { "--json" }, { NO_COLOR = "1" })
    s = p:open()
    s:text '{"a":1}'
    t:shows '< { "a": 1 }'
    s:finish(1000)
    t:leaves(0)
  end)

  it_tells("reads plain lines on a terminal that is too simple", function()
    local p = peer.listen()
    local t = on_terminal(p.url, {}, { TERM = "dumb", NO_COLOR = false })
    local s = p:open()
    s:text "news"
    t:shows "news\r\n"
    t:write "line\n"
    s:expect_text "line"
    t:write(CTRL_D)
    s:answer_close()
    t:leaves(0)
    assert.is_nil(t.out:find "\27")
  end)

  it_tells("gives the terminal back at Ctrl-Z, and takes it again", function()
    local p = peer.listen()
    local t = on_terminal(p.url)
    local s = p:open()
    t:prompts()
    t:write "half\26"
    t:shows "\27[?2004l"
    t:shows "\27[?2004h" -- at once: the system stops nobody whom no shell could let go on
    t:shows "> half"
    t:write " of it\r"
    s:expect_text "half of it"
    s:finish(1000)
    t:leaves(0)
  end)
end)
