-- What the system refuses: one call after the other, in short lives of the program that use all it can do. Each time
-- the program goes on, or somebody is told; it never crashes, hangs, spins or leaks. tests/torture/refuse.c does it.
--
-- WSBOT_TORTURE=complete sees every call refused with every error; without it the first, and one in so many of the
-- others by WSBOT_SPEC_SEED, which fits in a minute. All of it takes as many minutes as there are errors for a kind:
--   WSBOT=build/wsbot WSBOT_REFUSE=build/tests/librefuse.so WSBOT_TORTURE=complete WSBOT_SPEC_LIMIT=3600 \
--   tests/spec/run tests/torture/refusals_spec.lua
--
-- What is left out is libuv's: it ends the program by itself, and from outside nothing helps.
--   epoll_ctl (ENOMEM, ENOSPC: a million watches) and epoll_wait (other than EINTR): every handle's way into the loop
--   leads there, and uv__io_poll asks nobody. What epoll would say of a descriptor cannot be asked for before.
--   eventfd, pipe: reading or writing those by which it wakes itself. They meet EINTR and EAGAIN alone.
--   pthread_create, of its pool of four: all four are tried before (net/threads.c), so that only those are left that
--   are refused in the moment between; here from the fifth to the eighth.
--   pipe2, the first: the same, of its first loop; tried before (app/worker.c). Here the second call is libuv's.
--   sigaction, of a signal that it lets go: it was the same when the signal was taken.
--   getsockopt, of a connect's result, cannot fail: libuv then tells an error that it has not read.
-- libgcrypt ends the program where it cannot open /proc/sys/crypto/fips_enabled, which is tried before as well: FATAL,
-- on stderr.
local uv = require "luv"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local tls = require "support.tls"

local library = assert(uv.fs_realpath(os.getenv "WSBOT_REFUSE" or "build/tests/librefuse.so"))
local complete = os.getenv "WSBOT_TORTURE" == "complete"
local WATCHDOG = 40 -- seconds for one life, which takes a tenth of one
local MOST = 200000 -- calls, of which it makes a few hundred

local errors = { EPERM = 1, EINTR = 4, EIO = 5, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EINVAL = 22, ENFILE = 23,
  EMFILE = 24, ENOSPC = 28, ENOSYS = 38, EADDRINUSE = 98, EADDRNOTAVAIL = 99, ECONNABORTED = 103, ECONNRESET = 104,
  ENOBUFS = 105, ECONNREFUSED = 111 }

-- Kinds, with what they are refused with. A number's + refuses all that come after as well.
local kinds = {
  { "socket", "EMFILE", "ENFILE", "ENOMEM", "EMFILE+" },
  { "socketpair", "EMFILE" },
  { "bind", "EADDRINUSE", "ENOMEM" },
  { "listen", "EADDRINUSE" },
  { "connect", "EADDRNOTAVAIL", "ECONNREFUSED", "EINTR", "EPERM" },
  { "accept", "EMFILE", "ECONNABORTED", "EINTR", "ENOMEM" },
  { "setsockopt", "ENOMEM", "EPERM" },
  { "getsockname", "ENOBUFS" },
  { "getpeername", "ENOBUFS" },
  { "shutdown", "ENOBUFS" },
  { "read", "EINTR", "EIO", "EAGAIN", "ECONNRESET" },
  { "readv", "ECONNRESET", "ENOMEM", "EINTR", "EAGAIN" },
  { "recv", "ENOMEM", "EINTR" },
  { "write", "EIO", "ECONNRESET", "EAGAIN", "EINTR", "ENOBUFS", "ENOSPC" },
  { "send", "EIO", "EINTR", "EAGAIN" },
  { "epoll_create", "EMFILE" },
  { "epoll_wait", "EINTR" },
  { "eventfd", "EMFILE" },
  { "pipe", "EMFILE", "ENFILE" },
  { "dup", "EMFILE" },
  { "fcntl", "EMFILE", "EINVAL" },
  { "ioctl", "EINVAL" },
  { "stat", "ENOMEM", "EACCES" },
  { "open", "EMFILE", "EACCES", "ENOMEM", "EMFILE+" },
  { "fopen", "EMFILE", "ENOMEM" },
  { "fwrite", "ENOSPC", "EIO" },
  { "inotify", "EMFILE", "ENOSPC" },
  { "random", "ENOSYS", "EINTR" },
  { "sigaction", "EINVAL" },
  { "limit", "EPERM" },
  { "thread", "EAGAIN", "EAGAIN+" },
  { "process", "EAGAIN", "ENOMEM" },
  { "names", "ENOMEM" },
  { "memory", "ENOMEM" },
}

-- Is it a word of a library's own end, which is told of above?
local function is_beyond(run)
  return run.kind == "thread" and run.signal == 6 or run.kind == "pipe" and run.signal == 6
    or run.kind == "sigaction" and run.signal == 6
    or run.err:find("in libgcrypt", 1, true)
end

------------------------------------------------------------------------------------------------------------- one life

-- The sanitizer's library comes first: it wants to.
local preload = library
do
  local libraries = io.popen(("ldd '%s'"):format(program.wsbot))
  for line in libraries:lines() do
    local path = line:match "lib[at]san%S* => (%S+)"
    if path then preload = path .. ":" .. library end
  end
  libraries:close()
end
local refuses_memory = preload == library -- a sanitizer has it in its own hands

local function environment(run, note, spun)
  local list = {}
  for name, value in pairs(uv.os_environ()) do
    if not name:find "^LUA_" and not name:find "^WSBOT" and not name:lower():find "_proxy$" then
      list[#list + 1] = name .. "=" .. value
    end
  end
  local after = run.error:sub(-1) == "+" and "+" or ""
  for name, value in pairs {
    LD_PRELOAD = preload, REFUSE = run.kind, REFUSE_AT = run.at .. after,
    REFUSE_ERROR = errors[run.error:match "%u+"], REFUSE_NOTE = note, REFUSE_SPUN = spun, REFUSE_MOST = MOST,
    ASAN_OPTIONS = "exitcode=77", UBSAN_OPTIONS = "exitcode=77:print_stacktrace=1", WSBOT_HISTORY = "",
  } do
    list[#list + 1] = name .. "=" .. value
  end
  return list
end

-- Lives once. How it ended is put into `run`.
local function live(run, life)
  local note, spun = life.folder .. "/note", life.folder .. "/spun"
  os.remove(note)
  os.remove(spun)
  local out, err = uv.new_pipe(false), uv.new_pipe(false)
  local stdin = assert(uv.fs_open(life.stdin or "/dev/null", "r", 0))
  local open, status, signal = 2, nil, nil
  local handle = assert(uv.spawn(program.wsbot, { args = life.args, stdio = { stdin, out, err },
    env = environment(run, note, spun), cwd = life.folder }, function(...)
    status, signal = ...
  end))
  uv.fs_close(stdin)
  run.out, run.err = "", ""
  for key, pipe in pairs { out = out, err = err } do
    pipe:read_start(function(_, data)
      run[key] = run[key] .. (data or "")
      for _, enough in ipairs(data and life.enough or {}) do
        if data:find(enough, 1, true) then
          run.is_stopped = true
          handle:kill "sigterm"
        end
      end
      if data then return end
      open = open - 1
      pipe:close()
    end)
  end
  local watchdog = uv.new_timer()
  watchdog:start(WATCHDOG * 1000, 0, function()
    run.hangs = true
    handle:kill "sigkill"
  end)
  story.wait("the end of a life", function()
    return status and open == 0
  end)
  watchdog:close()
  handle:close()
  run.status, run.signal = status, signal
  run.refused, run.spins = uv.fs_stat(note), uv.fs_stat(spun)
end

-- What is wrong with how it ended; nil: nothing.
local function wrong(run, life)
  local told = run.err ~= "" or run.out:find("error", 1, true)
  if is_beyond(run) then return nil end
  if run.hangs then return "it hangs" end
  if run.spins then return "it spins" end
  if run.is_stopped and run.signal == 15 then return nil end -- it was about to end
  if run.signal ~= 0 then return "it is ended by signal " .. run.signal end
  if run.status == 77 or run.err:find("Sanitizer", 1, true) then return "a sanitizer reports" end
  if run.status ~= 0 and not told then return "it fails without a word" end
  if run.kind == "fwrite" then return nil end -- `print` says nothing of that, in any Lua
  if run.status == 0 and not told and not run.out:find(life.expects) then return "it tells nobody" end
end

local function tell(run, what)
  return ("%s number %s refused with %s: %s (status %d)\n--- stdout:\n%s\n--- stderr:\n%s"):format(run.kind, run.at,
    run.error, what, run.status, run.out:sub(-1000), run.err:sub(-4000))
end

-- How many of these calls there are from one that is refused to the next. Sanitized, a life takes five times as long.
local function stride(life, kind)
  if complete then return 1 end
  return (life.stride or 1) * (kind == "memory" and 8 or 2) * (refuses_memory and 1 or 6)
end

-- Lives until nothing more is refused. Adds what went wrong to `failures`.
local function refuse_all(life, kind, error, failures)
  local at, step = 1, stride(life, kind)
  while true do
    local run = { kind = kind, error = error, at = at }
    live(run, life)
    local what = wrong(run, life)
    if what then failures[#failures + 1] = tell(run, what) end
    if not run.refused or #failures > 5 then return end
    at = at == 1 and 1 + math.random(step) or at + step
  end
end

------------------------------------------------------------------------------------------------------------ the lives

local function write(folder, name, text)
  return place.file(folder .. "/" .. name, text)
end

-- A peer that is refused nothing. Returns its url by a name that is looked up, which localhost is not.
local function echo(secure)
  local args = { "echo", "--port", "0" }
  if secure then table.move({ "--tls-cert", tls.cert "server", "--tls-key", tls.key "server" }, 1, 4, 4, args) end
  local peer = program.run(args)
  return (peer:line():match "wss?://.*":gsub("127%.0%.0%.1", "127.1"))
end

local bot = [[
  local plain, secure, ca = ...
  local left, timer = 2, nil
  local function over()
    left = left - 1
    if left == 0 then timer:cancel() print "done" end
  end
  local function talk(url, tls)
    ws.connect { url = url, tls = tls, connect_timeout = 5, handshake_timeout = 5, close_timeout = 2,
      headers = { ["X-Bot"] = "1" }, protocols = { "v1" }, cookies = true, ping_interval = 5,
      on_websocket_connect = function(c)
        c:ping "now"
        local sent, why = c:send(("hello "):rep(100))
        if not sent then print("error", why) c:close() end
      end,
      on_message = function(c) c:close(1000, "enough") end,
      on_error = function(_, code, message) print("error", code, message) end,
      on_close = over }
  end
  timer = host.every(60, print, "never")
  host.on_stop(function() end)
  talk(plain)
  talk(secure, { ca_file = ca, server_name = "localhost" })
  host.sleep(0.005)
  local file, why = io.popen "echo popen"
  if file then file:read "l" file:close() else print("error", why) end
  if not os.execute "true" then print "error" end
  local found, http = pcall(require, "wsbot.http")
  if found then
    local answer, code, message = http.get(plain:gsub("^ws", "http"), { timeout = 5 })
    if not answer then print("error", code, message) end
  end
]]

local reloads = [[
  host.after(host.reloads == 0 and 0.01 or 0.05, function()
    if host.reloads == 0 then print(host.reload()) else host.stop() print "done" end
  end)
  host.after(1, host.stop)
  ws.connect { url = arg[1], name = "feed", on_error = function(_, _, message) print("error", message) end }
]]

local serves = [[
  local http = require "wsbot.http"
  local state = host.state("server", { port = 0 })
  local server = http.serve { port = state.port, handler = function()
    host.sleep(0.001)
    return { status = 418, body = ("done"):rep(1000) }
  end }
  state.port = server.port
  host.after(1, host.stop)
  if host.reloads == 0 then
    host.reload()
    return
  end
  ws.connect { url = "ws://127.0.0.1:" .. server.port, handshake_timeout = 5,
    on_error = function() end,
    on_close = function(_, _, _, record)
      local response = record.response
      print(response and response.status == 418 and "done" or "error")
      host.stop()
    end }
]]

local modules = [[
  local compress, crypto = require "wsbot.compress", require "wsbot.crypto"
  local json, jsonrpc = require "wsbot.json", require "wsbot.jsonrpc"
  local text = json.encode { list = { 1, 2.5, "x" }, id = crypto.uuid() }
  for _, format in ipairs { "zlib", "gzip", "raw", "zstd" } do
    local packed, why = compress.deflate(text, { format = format })
    if packed then packed, why = compress.inflate(packed, { format = format }) end
    print(packed == text and format or why)
  end
  print(#crypto.hmac("sha256", "key", text), #crypto.jwt({ sub = "me" }, "secret"))
  local rpc = jsonrpc.new(ws.connect { url = arg[1] }, { timeout = 2 }) -- an echo peer has it answer itself
  function rpc.on.add(params) return params[1] + params[2] end
  local ok, result, why = rpc:call("add", { 1, 2 })
  print(ok and result == 3 and "done" or "error", result, why)
  rpc.conn:close()
]]

local spec = [[
  local testing = require "wsbot.testing"
  it("meets a peer", function()
    local peer <close> = testing.server()
    local bot <close> = testing.bot([=[
      ws.connect { url = arg[1], on_message = function(c, s) assert(c:send(s:upper())) end }
    ]=], { args = { peer.url } })
    local s = peer:accept(2)
    s:send "a"
    assert.equal("A", s:receive(2))
  end)
]]

-- Each gives its arguments. `expects` is on stdout where all went well. What cannot be loaded is waited for by --watch:
-- where one of `enough` is on stderr, that is its end.
local lives = {
  { "a bot that connects, runs programs and stops", expects = "done", begin = function(life)
    write(life.folder, "bot.lua", bot)
    return "run", "--record", "record", "bot.lua", echo(), echo(true), tls.cert "ca"
  end },
  { "a bot that is watched and reloaded", expects = "done", enough = { "cannot open", "not enough memory" },
    stride = 2, begin = function(life)
      write(life.folder, "bot.lua", reloads)
      return "run", "--watch", "bot.lua", echo()
    end },
  { "a server that is asked and reloaded", expects = "done", enough = { "cannot open", "not enough memory" },
    stride = 2, begin = function(life)
      write(life.folder, "bot.lua", serves)
      return "run", "bot.lua"
    end },
  { "a bot that signs, compresses and calls", expects = "done", begin = function(life)
    write(life.folder, "bot.lua", modules)
    return "run", "bot.lua", echo()
  end },
  { "two workers", expects = "2", stride = 3, begin = function(life)
    write(life.folder, "bot.lua", "io.stdout:write(host.workers, '\\n')")
    return "run", "--workers", "2", "bot.lua"
  end },
  { "a talk by hand", expects = "hello", stride = 2, begin = function(life)
    life.stdin = write(life.folder, "words", "hello\n")
    return "connect", "--one", "--timeout", "5", echo()
  end },
  { "a spec of a bot", expects = "1 success", stride = 3, begin = function(life)
    write(life.folder, "tiny_spec.lua", spec)
    return "test", "tiny_spec.lua"
  end },
}

local function undisturbed(life)
  local run = { kind = "nothing", error = "EIO", at = 1 }
  live(run, life)
  assert(run.status == 0 and run.out:find(life.expects), tell(run, "it does not live"))
end

describe("whatever the system refuses,", function()
  for _, life in ipairs(lives) do
    it(life[1] .. " goes on or tells of it", story.of(function()
      life.folder = place.folder()
      life.args = { life.begin(life) }
      undisturbed(life)
      story.seed()
      local failures = {}
      for _, kind in ipairs(kinds) do
        local name <const> = kind[1]
        for i = 2, complete and #kind or 2 do
          if name ~= "memory" or refuses_memory then refuse_all(life, name, kind[i], failures) end
        end
      end
      assert(#failures == 0, #failures .. " times it was not so:\n" .. table.concat(failures, "\n"))
    end))
  end
end)

------------------------------------------------------------------------------------------------------------ the causes

-- What is said where a call of this kind is refused.
local causes = {
  { "a loop has no descriptor", "epoll_create", "EMFILE", 1, "^wsbot: cannot start: too many open files\n$" },
  { "libuv's first loop has none", "pipe", "EMFILE", 1, "^wsbot: cannot start: too many open files\n$" },
  { "no thread can look a name up", "thread", "EAGAIN", "2+", -- the first is that of the record
    "cannot find 127%.1: no thread can be started for the look%-up: resource temporarily unavailable" },
  { "no thread can write a record", "thread", "EAGAIN", "1+",
    "cannot write record: no thread can be started for it: Resource temporarily unavailable" },
  { "only some of the threads can be had", "thread", "EAGAIN", "5+", "no thread can be started for the look%-up" },
  { "there is no descriptor for a socket", "socket", "EMFILE", "1+",
    "cannot connect to 127%.1:%d+: too many open files at" },
  { "a TLS session gets no random numbers", "open", "EMFILE", "6+", "cannot begin a TLS session: too many open files" },
  { "bytes cannot be written", "write", "EIO", "1+", "the connection broke [^\n]*: i/o error" },
  { "bytes cannot be read", "readv", "ENOMEM", "1+", "the connection broke [^\n]*: not enough memory" },
}

describe("the cause is told where", function()
  for _, cause in ipairs(causes) do
    it(cause[1], story.of(function()
      local life = lives[1]
      life.folder = place.folder()
      life.args = { life.begin(life) }
      local run = { kind = cause[2], error = cause[3], at = cause[4] }
      live(run, life)
      local told = run.signal == 0 and (run.err .. run.out):find(cause[5])
      assert(run.refused and told, tell(run, "it says something else"))
    end))
  end
end)
