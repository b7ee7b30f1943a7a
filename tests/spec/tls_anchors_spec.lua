-- What is trusted: files and folders of certificates, which are read once for all who name them, and again when they
-- have changed; and how long a server that was believed goes on to be.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local tls = require "support.tls"

-- A bot that connects to arg[1] again and again, so many times; before each of them but the first it says "next" and
-- waits for a line on its standard input. tls: its options as source, where CA is arg[2].
local function start(url, times, ca, options, env)
  return program.bot(([[
    local uv, CA, left = require "luv", arg[2], %d
    local stdin, lines, waiting = uv.new_pipe(false), 0, nil
    stdin:open(0)
    stdin:read_start(function(_, data) if data then waiting() end end)
    ws.connect(told { url = arg[1], tls = { %s }, close_timeout = 0.1,
      on_connect = function(c) say(c.tls.resumed and "resumed" or "full") end,
      on_websocket_connect = function() end,
      on_error = function(_, word, message) say("error", word, message) end,
      on_close = function(c)
        left = left - 1
        if left == 0 then stdin:close() return end
        waiting = function() c:reconnect() end
        say "next"
      end })
  ]]):format(times, options or "ca_file = CA"), { url, ca }, { stdin = true, env = env })
end

local function copy(kind, path)
  return place.file(path or "ca.pem", place.read(tls.cert(kind)))
end

-- A bundle: certificates of these kinds, and so many others.
local function bundle(count, ...)
  local parts = {}
  for _, kind in ipairs { ... } do
    parts[#parts + 1] = place.read(tls.cert(kind))
  end
  parts[#parts + 1] = place.read(tls.cert "other_ca"):rep(count)
  return place.file("bundle.pem", table.concat(parts))
end

describe("a changed ca_file", function()
  it_tells("counts for the next connection, whose server is believed no longer", function()
    local t = tls.listen()
    local ca = copy "ca"
    local bot = start(t.url, 3, ca)
    t:serve()
    bot:tells("full", "next")
    bot:write "\n"
    t:serve()
    bot:tells("resumed", "next")
    copy("other_ca", ca)
    bot:write "\n"
    bot:tells "~^error tls .*not trusted: Spec Root"
    bot:ends(0)
  end)

  it_tells("counts for the next connection, whose server is believed now", function()
    local t = tls.listen()
    local ca = copy "other_ca"
    local bot = start(t.url, 2, ca)
    bot:tells("~^error tls .*not trusted: Spec Root", "next")
    t = t:restart()
    copy("ca", ca)
    bot:write "\n"
    t:serve()
    bot:tells "full"
    bot:ends(0)
  end)

  it_tells("ends the sessions of before, though its CA is in there still", function()
    local t = tls.listen()
    local ca = copy "ca"
    local bot = start(t.url, 3, ca)
    t:serve()
    bot:tells("full", "next")
    place.file(ca, place.read(tls.cert "other_ca") .. place.read(tls.cert "ca"))
    for _, how in ipairs { "full", "resumed" } do
      bot:write "\n"
      t:serve()
      bot:tells(how, how == "full" and "next" or nil)
    end
    bot:ends(0)
  end)

  it_tells("may take the place of another by a new name", function()
    local t = tls.listen()
    local ca, new = copy "ca", copy "other_ca"
    local bot = start(t.url, 2, ca)
    t:serve()
    bot:tells("full", "next")
    assert(os.rename(new, ca))
    bot:write "\n"
    bot:tells "~^error tls .*not trusted"
    bot:ends(0)
  end)

  it_tells("that is gone is told of, and counts again when it is back", function()
    local t = tls.listen()
    local ca = copy "ca"
    local bot = start(t.url, 3, ca)
    t:serve()
    bot:tells("full", "next")
    assert(os.rename(ca, ca .. ".old"))
    bot:write "\n"
    bot:tells("~^error tls tls%.ca_file: .*No such file", "next")
    assert(os.rename(ca .. ".old", ca))
    bot:write "\n"
    t:serve()
    bot:tells "~^%a+$"
    bot:ends(0)
  end)

  it_tells("does not disturb a connection that is open", function()
    local t = tls.listen()
    local ca = copy "ca"
    local bot = tls.bot(t.url, ("ca_file = %q"):format(ca))
    local s = t:open()
    bot:tells("connect", "open 101")
    copy("other_ca", ca)
    s:text "hello"
    bot:tells 'text "hello"'
    s:finish()
    bot:tells 'close 1000 "" open nil'
    bot:ends(0)
  end)
end)

describe("a large bundle", function()
  it_tells("that changes while it is read is read again for who comes later", function()
    local first, second = tls.listen(), tls.listen()
    local bot = program.bot([[
      local old, new = arg[3], arg[4]
      ws.connect { url = arg[1], tls = { ca_file = old }, connect_timeout = 60, on_error = function() end }
      host.after(0.05, function() -- the first one has begun
        assert(os.rename(new, old))
        ws.connect(told { url = arg[2], tls = { ca_file = old }, connect_timeout = 60 })
      end)
    ]], { first.url, second.url, bundle(1000), copy "ca" })
    second:open():finish()
    bot:tells("connect", "open 101", 'close 1000 ""')
    bot:ends(0)
  end)

  it_tells("is read beside the loop: a timer ticks meanwhile", function()
    local t = tls.listen()
    local bot = program.bot([[
      local ticks, first = 0, nil
      local timer = host.every(0.001, function() ticks = ticks + 1 end)
      ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, connect_timeout = 60, close_timeout = 0.1,
        on_connect = function(c)
          if not first then first = ticks return end
          timer = timer:cancel()
          say(first > ticks + 5 and "ticked" or ("held up: %d ticks, and %d without reading"):format(first, ticks))
        end,
        on_close = function(c)
          if not timer then return end
          ticks = 0
          c:reconnect()
        end })
    ]], { t.url, bundle(4000, "ca") })
    t:serve()
    bot:tells "open 101"
    t:serve()
    bot:tells("ticked", "open 101")
    bot:ends(0)
  end)

  it_tells("has a last certificate as good as the first", function()
    local t = tls.listen { cert = "stranger" }
    local bot = tls.bot(t.url, ("ca_file = %q"):format(bundle(300, "ca")))
    t:open():finish()
    bot:tells("connect", "open 101", 'close 1000 "" open nil')
    bot:ends(0)
  end)

  it_tells("may still be read when the program ends", function()
    local t = tls.listen()
    local bot = program.bot([[
      ws.connect { url = arg[1], tls = { ca_file = arg[2] } }
      host.after(0, function() say "end" os.exit(0, true) end)
    ]], { t.url, bundle(1000, "ca") })
    bot:tells "end"
    bot:ends(0)
  end)

  it_tells("may still be read when the connection is given up", function()
    local t = tls.listen()
    local bot = program.bot([[
      local c = ws.connect(told { url = arg[1], tls = { ca_file = arg[2] }, connect_timeout = 0.01 })
    ]], { t.url, bundle(1000, "ca") })
    bot:tells("~^error timeout", "~^close 1006")
    bot:ends(0)
  end)

  it_tells("is waited for by several, who have it then", function()
    local servers, urls = {}, {}
    for n = 1, 3 do
      servers[n] = tls.listen()
      urls[n] = servers[n].url
    end
    local bot = program.bot([[
      for n = 1, 3 do
        ws.connect(told { url = arg[n], tls = { ca_file = arg[4], allow_weak = n == 3 },
          on_connect = function() end, on_close = function() say "close" end })
      end
    ]], { urls[1], urls[2], urls[3], bundle(1000, "ca") })
    for n = 1, 3 do
      servers[n]:open():finish()
    end
    for _ = 1, 6 do
      bot:tells "~^%a+"
    end
    bot:ends(0)
  end)
end)

describe("SSL_CERT_FILE and SSL_CERT_DIR", function()
  local function believes(name, cert, env)
    it_tells(name, function()
      local t = tls.listen { cert = cert }
      local bot = tls.bot(t.url, "", nil, { env = env() })
      t:open():finish()
      bot:tells("connect", "open 101", 'close 1000 "" open nil')
      bot:ends(0)
    end)
  end
  local both = function()
    return { SSL_CERT_FILE = tls.cert "ca", SSL_CERT_DIR = tls.hashed_folder "other_ca" }
  end
  believes("are the system's CAs: a file", "server", function()
    return { SSL_CERT_FILE = tls.cert "ca" }
  end)
  believes("are the system's CAs: a folder", "server", function()
    return { SSL_CERT_DIR = tls.hashed_folder "ca" }
  end)
  believes("are the system's CAs: several folders", "server", function()
    return { SSL_CERT_DIR = "/no/such/folder:" .. tls.hashed_folder "other_ca" .. ":" .. tls.hashed_folder "ca" }
  end)
  believes("are the system's CAs: the file of both", "server", both)
  believes("are the system's CAs: the folder of both", "stranger", both)

  it_tells("are named in the error where nothing is there", function()
    local t = tls.listen()
    local bot = tls.bot(t.url, "", nil, { env = { SSL_CERT_FILE = "/no/such/file" } })
    bot:tells("~^error tls .*/no/such/file.*SSL_CERT_FILE", 'close 1006 "" tls tls')
    bot:ends(0)
  end)

  it_tells("do not count beside ca_file", function()
    local t = tls.listen()
    local bot = tls.bot(t.url, ("ca_file = %q"):format(tls.cert "other_ca"), nil,
      { env = { SSL_CERT_FILE = tls.cert "ca" } })
    bot:tells("~^error tls .*not trusted", 'close 1006 "" tls tls')
    bot:ends(0)
  end)
end)

describe("a ca_file that is no file of certificates", function()
  local function is_refused(name, path, why)
    it_tells(name, function()
      local t = tls.listen()
      local bot = tls.bot(t.url, ("ca_file = %q"):format(path()))
      bot:tells("~^error tls tls%.ca_file: .*" .. why, 'close 1006 "" tls tls')
      bot:ends(0)
    end)
  end
  is_refused("is refused when it is a folder", place.folder, "Is a directory")
  is_refused("is refused when it never ends", function()
    return "/dev/zero"
  end, "no regular file")
  is_refused("is refused when nobody writes into it", function()
    local path = place.folder() .. "/fifo"
    assert(os.execute("mkfifo " .. path))
    return path
  end, "no regular file")
  is_refused("is refused when it is as large as a disk", function()
    local path = place.file("large.pem", "")
    assert(os.execute("truncate -s 1G " .. path))
    return path
  end, "too large")
end)
