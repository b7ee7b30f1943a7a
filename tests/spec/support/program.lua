-- program: starts programs, wsbot first of all, talks to them and hears how they end. All of them end with the story
-- that started them, and a report of a sanitizer on stderr fails it.
local uv = require "luv"
local log = require "support.log"
local place = require "support.place"
local story = require "support.story"

local program = {}

program.wsbot = assert(os.getenv "WSBOT", "WSBOT must say where the program is")
program.lua = os.getenv "WSBOT_SPEC_LUA" or "/usr/bin/lua5.4"

-- Is the program built with a sanitizer? Its memory is then not what it would be.
local sanitized
function program.is_sanitized()
  if sanitized == nil then
    local text = place.read(program.wsbot)
    sanitized = text:find("__asan_init", 1, true) ~= nil or text:find("__tsan_init", 1, true) ~= nil
  end
  return sanitized
end

local reports = { "ERROR: AddressSanitizer", "runtime error:", "LeakSanitizer", "WARNING: ThreadSanitizer" }

local methods = {}
methods.__index = methods

-- Variables that would make a run depend on who runs it.
local unset = {
  LUA_INIT = true, LUA_INIT_5_4 = true, LUA_PATH = true, LUA_CPATH = true, LUA_PATH_5_4 = true, LUA_CPATH_5_4 = true,
  HTTP_PROXY = true, HTTPS_PROXY = true, ALL_PROXY = true, NO_PROXY = true,
  WSBOT_CONTROL = true, WSBOT_LOG = true, WSBOT_TRACE = true, WSBOT_HISTORY = true, XDG_STATE_HOME = true,
  NO_COLOR = true, PAGER = true, LESS = true,
  SSL_CERT_FILE = true, SSL_CERT_DIR = true,
  http_proxy = true, https_proxy = true, all_proxy = true, no_proxy = true,
}

local function environment(changes)
  local list = {}
  if changes.WSBOT_CONTROL == nil then list[1] = "WSBOT_CONTROL=" .. place.root .. "/control" end
  for name, value in pairs(uv.os_environ()) do
    if not unset[name] and not changes[name] then list[#list + 1] = name .. "=" .. value end
  end
  for name, value in pairs(changes) do
    if value then list[#list + 1] = name .. "=" .. value end
  end
  return list
end

local function collect(self, pipe, key, taker)
  pipe:read_start(function(_, data)
    if taker then
      taker(data)
    elseif data then
      self[key] = self[key] .. data
    end
    if not data then
      self.open = self.open - 1
      pipe:close()
    end
  end)
end

local function check_reports(self)
  for _, report in ipairs(reports) do
    if self.err:find(report, 1, true) then error("a sanitizer reports:\n" .. self.err, 0) end
  end
end

-- Starts a program. options: stdin (a text, which is all of it; true: p:write gives it; nil: none), env, cwd, on_out
-- (gets what comes on stdout, at last nil; it is then not kept).
function program.start(path, args, options)
  options = options or {}
  local self = setmetatable({ out = "", err = "", open = 2, taken = 0, args = args }, methods)
  local out, err = uv.new_pipe(false), uv.new_pipe(false)
  self.stdin = options.stdin and uv.new_pipe(false) or nil
  local handle, pid
  handle, pid = uv.spawn(path, {
    args = args,
    stdio = { self.stdin, out, err },
    env = environment(options.env or {}),
    cwd = options.cwd,
  }, function(status, signal)
    self.status, self.signal = status, signal
    handle:close()
  end)
  if not handle then error(("cannot start %s: %s"):format(path, pid), 2) end
  self.handle, self.pid = handle, pid
  collect(self, out, "out", options.on_out)
  collect(self, err, "err")
  if type(options.stdin) == "string" then
    if options.stdin ~= "" then self.stdin:write(options.stdin) end
    self:shut()
  end
  story.note(function()
    local how = not self.status and "running" or self.signal ~= 0 and "signal " .. self.signal
      or "status " .. self.status
    local function last(text)
      return #text > 4000 and "... " .. text:sub(-4000) or text
    end
    return ("--- %s %s (%s)\n--- stdout:\n%s\n--- stderr:\n%s"):format(path, table.concat(args, " "):sub(1, 300), how,
      last(self.out), last(self.err))
  end)
  story.at_end(function()
    if not self.status then self.handle:kill "sigkill" end
    story.wait("the end of " .. path, function()
      return self.status
    end)
    check_reports(self)
  end)
  return self
end

-- Starts wsbot with these arguments.
function program.run(args, options)
  return program.start(program.wsbot, args, options)
end

-- What scripts of the specs may use: say(...) prints a line of words, show(data) quotes any bytes on one line, and
-- told(options) puts callbacks that tell of everything into a table for ws.connect, where it has none. On one line,
-- so lines keep their numbers.
program.prelude = [[
io.stdout:setvbuf "line"
function say(...)
  local words = table.pack(...)
  for i = 1, words.n do words[i] = tostring(words[i]) end
  print(table.concat(words, " "))
end
function show(data)
  if #data > 200 then return ("<%d bytes>"):format(#data) end
  return '"' .. data:gsub('[%c\\"\x7f-\xff]', function(c) return ("\\x%02x"):format(c:byte()) end) .. '"'
end
function told(o)
  local function add(name, fn) if o[name] == nil then o[name] = fn end end
  add("on_connect", function() say("connect") end)
  add("on_websocket_connect", function(_, r) say("open", r.status) end)
  add("on_message", function(_, data, kind) say(kind, show(data)) end)
  add("on_ping", function(_, data) say("ping", show(data)) end)
  add("on_pong", function(_, data) say("pong", show(data)) end)
  add("on_buffer_full", function() say("full") end)
  add("on_drain", function() say("drain") end)
  add("on_error", function(_, code, message) say("error", code, show(message)) end)
  add("on_close", function(_, code, reason) say("close", code, show(reason)) end)
  return o
end
]]
program.prelude = program.prelude:gsub("\n%s*", " ")

-- Runs a script. options: those of program.start, and flags (of `wsbot run`).
function program.script(path, args, options)
  options = options or {}
  local line = { "run", table.unpack(options.flags or {}) }
  line[#line + 1] = path
  table.move(args or {}, 1, #(args or {}), #line + 1, line)
  return program.run(line, options)
end

-- The same of one that is given as its source, which may use the prelude; it is in a file named bot.lua.
function program.bot(source, args, options)
  return program.script(place.file("bot.lua", program.prelude .. source), args, options)
end

-- Starts the echo peer, with more of its options. Its url is in p.url.
function program.echo(...)
  local p = program.run { "echo", "--port", "0", ... }
  local line = p:line()
  p.url = assert(line:match "wss?://%S+:%d+", line)
  return p
end

-- Runs a file of specs, given as its source, by `wsbot test` with these options.
function program.test(source, ...)
  local line = { "test", ... }
  line[#line + 1] = place.file("some_spec.lua", source)
  return program.run(line)
end

-- The next line of stdout, without its end.
function methods:line()
  local line = self:maybe_line()
  if not line then error("the program ended without another line of output", 2) end
  return line
end

-- The next line of stdout, or nil at its end.
function methods:maybe_line()
  local _, line = story.wait("a line of output", function()
    local to = self.out:find("\n", self.taken + 1, true)
    if to then
      local text = self.out:sub(self.taken + 1, to - 1)
      self.taken = to
      return true, text
    end
    return self.open == 0, nil
  end)
  return line
end

-- The next lines are these; one that begins with ~ is a pattern, and found anywhere in the line.
function methods:tells(...)
  for i, expected in ipairs { ... } do
    local line = self:maybe_line()
    if not line then error(("the output ended before line %d: %s"):format(i, expected), 2) end
    if expected:sub(1, 1) == "~" then
      if not line:find(expected:sub(2)) then
        error(("line %d of the output is\n%s\nand does not match\n%s"):format(i, line, expected:sub(2)), 2)
      end
    elseif line ~= expected then
      error(("line %d of the output is\n%s\nand not\n%s"):format(i, line, expected), 2)
    end
  end
end

-- Waits until its stderr has this text (plain; the times of log lines are left out). Returns all of it.
function methods:complains(text)
  story.wait(("%q on stderr"):format(text), function()
    if log.untimed(self.err):find(text, 1, true) then return true end
    if self.open == 0 then error(("there is no %q on stderr"):format(text), 0) end
  end)
  return self.err
end

-- Waits until somebody listens on that TCP port, which may be the program; or until it has ended, which may be because
-- another had the port. (Asking the port itself would be a connection.)
function methods:listens(port)
  local pattern = (":%04X %%x+:0000 0A "):format(port)
  story.poll("somebody to listen on port " .. port, function()
    return self.status or (place.read "/proc/net/tcp" .. place.read "/proc/net/tcp6"):find(pattern)
  end)
end

-- Waits for its end: status and signal (0 where there was none).
function methods:wait()
  story.wait("the end of the program", function()
    return self.status and self.open == 0
  end)
  check_reports(self)
  return self.status, self.signal
end

-- Waits for its end with this status, and for the rest of its output to be nothing.
function methods:ends(status)
  local got, signal = self:wait()
  if signal ~= 0 then error("the program was ended by signal " .. signal, 2) end
  if got ~= (status or 0) then error(("the program ended with status %d and not %d"):format(got, status or 0), 2) end
  local rest = self.out:sub(self.taken + 1)
  if rest ~= "" then error("the program said more than that:\n" .. rest, 2) end
end

function methods:kill(signal)
  if not self.status then self.handle:kill(signal) end
end

-- Gives it standard input.
function methods:write(text)
  self.stdin:write(text)
end

-- Ends its standard input.
function methods:shut()
  local stdin = self.stdin
  stdin:shutdown(function()
    if not stdin:is_closing() then stdin:close() end
  end)
end

return program
