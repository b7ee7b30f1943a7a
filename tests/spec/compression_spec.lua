-- compression: permessage-deflate (RFC 7692) as an author and a peer see it. The bytes are those of its section 7.2.3.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local program = require "support.program"
local servers = require "support.servers"

local bot = [[ws.connect(told { url = arg[1], compression = %s, on_websocket_connect = function(_, r)
  say("open", r.extensions)
end })]]

-- A bot, and the session of its peer, which answered with these extensions.
local function opened(extensions, compression)
  local p = peer.listen()
  local b = program.bot(bot:format(compression or "true"), { p.url })
  return b, p:open { with = { "Sec-WebSocket-Extensions: " .. extensions } }
end

describe("a compressed message", function()
  local hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
  local ways = {
    ["in one frame"] = { "\xc1\x07" .. hello },
    ["in two fragments"] = { "\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00" },
    ["with a ping between its fragments"] = { "\x41\x03\xf2\x48\xcd\x89\x00\x80\x04\xc9\xc9\x07\x00", 'ping ""' },
    ["in a block that is not compressed"] = { "\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00" },
    ["in a final block"] = { "\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00" },
    ["in two blocks"] = { "\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00" },
    ["that looks back into the last one"] = { "\xc1\x07" .. hello .. "\xc1\x05\xf2\x00\x11\x00\x00", 'text "Hello"' },
    ["behind one that is not compressed"] = { "\x81\x02hi\xc1\x07" .. hello, 'text "hi"' },
  }
  for way, case in pairs(ways) do
    for _, how in ipairs { "send", "send_bytewise" } do
      it_tells(("%s is inflated (%s)"):format(way, how == "send" and "in one segment" or "byte by byte"), function()
        local b, s = opened "permessage-deflate"
        b:tells("connect", "open permessage-deflate")
        s[how](s, case[1])
        if case[2] then b:tells(case[2]) end
        if case[2] == 'ping ""' then s:expect(10, "") end
        b:tells 'text "Hello"'
        s:finish(1000)
        b:tells 'close 1000 ""'
        b:ends(0)
      end)
    end
  end

  it_tells("is empty when it is one empty block", function()
    local b, s = opened "permessage-deflate"
    s:send "\xc1\x01\x00"
    b:tells("connect", "open permessage-deflate", 'text ""')
    s:finish(1000)
    b:tells 'close 1000 ""'
    b:ends(0)
  end)
end)

describe("what is wrong in a compressed message", function()
  local function refused(name, bytes, word, code, extensions)
    it_tells(name .. " is refused with " .. code, function()
      local b, s = opened(extensions or "permessage-deflate")
      s:send(bytes)
      assert.equal(code, (s:expect_close()))
      s:close()
      b:tells("connect", "~^open")
      if name:find "context" then b:tells 'text "Hello"' end
      b:tells("~^error " .. word, 'close 1006 ""')
      b:ends(0)
    end)
  end
  refused("bytes that are not DEFLATE", "\xc1\x04\xff\xff\xff\xff", "protocol", 1002)
  refused("RSV1 on a continuation", "\x41\x01\xf2\xc0\x00", "protocol", 1002)
  refused("RSV1 on a ping", "\xc9\x00", "protocol", 1002)
  refused("RSV2", "\xa1\x00", "protocol", 1002)
  refused("text that is not UTF-8 when inflated", "\xc1\x07\x00\x01\x00\xfe\xff\xff\x00", "invalid_utf8", 1007)
  refused("a look back where no context is kept", "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00",
    "protocol", 1002, "permessage-deflate; server_no_context_takeover")
end)

describe("a bomb", function()
  it_tells("is stopped at max_message_size, while it is inflated", function()
    local p = peer.listen()
    local b = program.bot([[ws.connect(told { url = arg[1], max_message_size = 1000 })]], { p.url })
    local s = p:open { with = { "Sec-WebSocket-Extensions: permessage-deflate" } }
    s:send "\x42\x0a\x00\x05\x00\xfa\xffHello" -- and then the same again and again, by looking back
    s:send(("\x00\x09\xf2\x00\x11\x00\x00\x00\x00\xff\xff"):rep(300))
    assert.equal(1009, (s:expect_close()))
    s:close()
    b:tells("connect", "open 101", "~^error too_big", 'close 1006 ""')
    b:ends(0)
  end)
end)

describe("the answer to the offer", function()
  local function refused(answer, why, compression)
    it_tells(("%q is refused"):format(answer), function()
      local p = peer.listen()
      local b = program.bot(bot:format(compression or "true"), { p.url })
      local s = p:accept()
      s:read_head()
      s:send(s:answer { with = { "Sec-WebSocket-Extensions: " .. answer } })
      b:tells("connect", "~^error handshake .*" .. why, 'close 1006 ""')
      b:ends(0)
    end)
  end
  refused("permessage-deflate; foo", "does not have")
  refused("permessage-deflate; server_no_context_takeover; server_no_context_takeover", "repeated")
  refused("permessage-deflate; server_no_context_takeover=1", "does not take")
  refused("permessage-deflate; client_max_window_bits=7", "8 to 15")
  refused("permessage-deflate; client_max_window_bits=16", "8 to 15")
  refused("permessage-deflate; client_max_window_bits=08", "8 to 15")
  refused("permessage-deflate; client_max_window_bits", "without a value")
  refused("permessage-deflate; server_max_window_bits", "without a value")
  refused("permessage-deflate, permessage-deflate", "twice")
  refused("permessage-deflate, x-other", "not offered")
  refused("permessage-deflate", "not offered", "false")
  refused("permessage-deflate", "server_no_context_takeover", "{ server_no_context_takeover = true }")
  refused("permessage-deflate", "no server_max_window_bits", "{ server_max_window_bits = 9 }")
  refused("permessage-deflate; client_max_window_bits=12", "larger", "{ client_max_window_bits = 11 }")
end)

describe("with compression a bot", function()
  local talk = [[
    local sizes = { 0, 1, 63, 64, 1000, 100000, 1000000 }
    local function text(n) return ("the quick brown fox "):rep(n // 20 + 1):sub(1, n) end
    ws.connect { url = arg[1], compression = load("return " .. arg[2])(),
      on_websocket_connect = function(c, r)
        say(r.extensions)
        for _ = 1, 3 do for _, n in ipairs(sizes) do c:send(text(n)) c:send_binary(text(n)) end end
      end,
      on_message = function(c, data)
        local i = (c.messages_in - 1) // 2 % #sizes + 1
        if data ~= text(sizes[i]) then say("wrong", i, #data) end
        if c.messages_in == 6 * #sizes then say(c.bytes_in < 400000, c.bytes_out < 400000) c:close() end
      end,
      on_error = function(_, ...) say("error", ...) end,
      on_close = function(_, code) say("close", code) end,
    }
  ]]
  for _, parameters in ipairs {
    "true", "{ threshold = 0 }", "{ server_no_context_takeover = true }", "{ client_no_context_takeover = true }",
    "{ client_max_window_bits = 8, threshold = 0 }", "{ server_max_window_bits = 9, client_max_window_bits = 9 }",
    "{ level = 1, memory_level = 1 }",
  } do
    it_tells("and the echo peer understand each other: " .. parameters, function()
      local url = program.echo().url
      local b = program.bot(talk, { url, parameters })
      b:tells("~^permessage%-deflate", "true true", "close 1000")
      b:ends(0)
    end)

    it_tells("and Node's ws understand each other: " .. parameters, function()
      local b = program.bot(talk, { servers.node({ deflate = true }).url, parameters })
      b:tells("~^permessage%-deflate", "true true", "close 1000")
      b:ends(0)
    end)
  end

  it_tells("and python3-websockets understand each other", function()
    local b = program.bot(talk, { servers.websockets({ deflate = true }).url, "true" })
    b:tells("~^permessage%-deflate", "true true", "close 1000")
    b:ends(0)
  end)
end)
