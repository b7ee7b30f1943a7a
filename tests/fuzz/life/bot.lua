-- bot: the script under test. It connects, sends, waits, cancels, reloads and lets go as its seed has it, and says what
-- was not as it must be.  bot.lua KEY=VALUE...
local acts = require "acts"
local check = require "check"
local deeds = require "deeds"
local random = require "random"

local EDIT, FAILS = 0, nil -- with each edit the driver writes others here

local plan = {}
local session = require "wsbot.http.session" {} -- whose cookies connections share
for _, word in ipairs(arg) do
  local key, value = word:match "^(%w+)=(.*)$"
  plan[key] = tonumber(value) or value
end

io.stdout:setvbuf "line"
print "BEGINS" -- the driver waits for it, before it sends signals
local state = host.state("life", { began = host.now() })

-- What this generation leads: its connections (some of them; `all`: every one that somebody holds), tasks and timers.
-- staged: nothing has happened yet; over: nothing is to happen any more; ended: nor can it, the generation has ended;
-- leaves: another takes over, with a copy of host.state that was made before: what is noted now is lost.
local life = { plan = plan, conns = {}, tasks = {}, timers = {}, hooks = 0, all = setmetatable({}, { __mode = "k" }),
  staged = host.reloads > 0, born = 0 }

-- Names are told once; a generation has its own.
local generation = ("g%d.%d w%d "):format(host.reloads, EDIT, host.worker)
local counts = {}

function random:name_of(what)
  counts[what] = (counts[what] or 0) + 1
  return ("%s: %s %d"):format(self.name, what, counts[what])
end

function life.stream(name)
  return random.stream(plan.seed, generation .. name)
end

local function trace(r, what, ...)
  if not plan.trace then return end
  local words = table.pack(...)
  for i = 1, words.n do
    words[i] = tostring(words[i]):sub(1, 200)
  end
  io.stderr:write(("TRACE %.6f %s: %s %s\n"):format(host.now(), r.name, what, table.concat(words, " ")))
end

------------------------------------------------------------------------------------------------------ what is done

-- Most errors are caught, as a careful script does.
local function try(r, fn, ...)
  if r:chance(90) then return pcall(fn, ...) end
  return fn(...)
end

-- Finalizers go on to the very end.
local function is_over(where)
  return life.over and where ~= "finalizer"
end

function life.act(r, conn, where)
  if is_over(where) then return end
  local name = r:weighed(acts.list)
  trace(r, name, where)
  try(r, acts[name], r, conn, where)
end

function life.deed(r, where)
  if is_over(where) then return end
  local name = r:weighed(deeds.list)
  if where == "finalizer" and name == "luv" then return end -- whose loop may be closed, and luv does not look
  trace(r, name, where)
  try(r, deeds[name], r)
end

-- A few things, with this connection or any.
function life.perform(r, conn, where)
  for _ = 1, r:number(0, 3) do
    if life.over then return end
    local other = conn and r:chance(80) and conn or r:one(life.conns)
    if other and r:chance(65) then
      -- what another sends while one logs in waits for its own opening, and goes behind its own login
      life.act(r, other, other == conn and where or "beside")
    else
      life.deed(r, where)
    end
  end
  if r:chance(3) then
    trace(r, "error", where)
    error(r:one { "by design", { "by design" }, setmetatable({}, { __tostring = function() error "by design" end }) })
  end
end

function life.spawn(fn)
  if #life.tasks > 40 then table.remove(life.tasks, 1) end
  local entry = {}
  entry.task = host.spawn(function()
    fn()
    if entry.cancelled then check.wrong "a cancelled task goes on" end
  end)
  table.insert(life.tasks, entry)
end

------------------------------------------------------------------------------------------------------ connections

function life.callback(name)
  local number = 0
  return function(conn, ...)
    life.staged = false
    number = number + 1
    local record = check.event(conn, name, ...)
    local _ <close> = check.during(record.id, name)
    if life.over then
      if name ~= "on_close" then conn:close() end
      return
    end
    local r = life.stream(("%s %d %s %d"):format(conn.name, record.id, name, number))
    trace(r, "called", ...)
    if name == "on_websocket_connect" or name == "on_message" and r:chance(30) then
      for _ = 1, r:number(0, 4) do acts.send_numbered(r, conn, name) end
    end
    -- a flood of messages is answered by few
    if name ~= "on_message" or number < 50 or r:chance(5) then life.perform(r, conn, name) end
    if name == "on_close" and not life.over and r:chance(60) then conn:reconnect(r:seconds(0.05)) end
  end
end

local callbacks = { "on_connect", "on_websocket_connect", "on_message", "on_ping", "on_pong", "on_error", "on_adopt",
  "on_buffer_full", "on_drain", "on_give_up", "on_overlap", "on_gap", "on_close" }

local function url_of(r)
  local path = r:one { "/", "/a?b=c", "/" .. ("p"):rep(2000) }
  return r:weighed { { 6, plan.url }, { 5, plan.secure }, { 1, plan.dead } } .. path
end

-- A function that waits, fails, or answers what it should not.
local function asked(r, right)
  return function(conn)
    trace(r, "asked")
    if r:chance(30) then host.sleep(r:seconds(0.05)) end
    if r:chance(7) then error "by design, when it was asked" end
    if r:chance(7) then return r:one { 5, "http://x", {}, false } end
    if r:chance(10) then life.act(r, conn, "asked") end
    return right
  end
end

local function maybe(r, percent, value)
  if r:chance(percent) then return value end
end

local function options_of(r)
  local o = {
    url = url_of(r), headers = { ["X-Bot"] = { "1", "2" } },
    connect_timeout = r:one { 0.05, 1, 2, 2 }, handshake_timeout = r:one { 0.05, 1, 1 },
    close_timeout = r:one { 0.01, 0.1, 0.5 }, pong_timeout = r:one { 0.05, 0.5, 1 },
    ping_interval = maybe(r, 40, r:one { 0.01, 0.05, 1 }),
    max_message_size = maybe(r, 40, r:one { 1, 100, 70000, 1 << 20, 1 << 20 }),
    max_send_buffer = maybe(r, 40, r:one { 1, 1000, 100000, 1 << 20, 1 << 20 }),
    max_receive_buffer = maybe(r, 50, r:one { 1, 1000, 100000, 1 << 20 }),
    rotate = { overlap = r:one { 0, 0.05, 1 } },
    max_redirects = maybe(r, 30, r:number(0, 3)), cookies = maybe(r, 20, r:one { true, session }),
    protocols = maybe(r, 20, { "v2.chat" }),
    binary_type = r:one { ws.BLOB, ws.ARRAYBUFFER },
    reconnect = maybe(r, 70, { min = 0.001, max = 0.05, attempts = maybe(r, 50, 5), stable = 0.1 }),
    tls = { ca_file = maybe(r, 80, plan.ca), verify = not r:chance(20), min_version = maybe(r, 20, "1.3") },
    proxy = maybe(r, 10, r:one { "http://", "socks5://", "socks5h://" } .. plan.address) or false,
  }
  if r:chance(30) then o.compression = false end
  if r:chance(30) then
    o.compression = { level = r:number(0, 9), threshold = r:one { 0, 64 }, client_no_context_takeover = r:chance(50) }
  end
  if r:chance(25) then o.url = asked(life.stream(r:name_of "url"), o.url) end
  if r:chance(25) then o.headers = asked(life.stream(r:name_of "headers"), o.headers) end
  for _, name in ipairs(callbacks) do
    o[name] = life.callback(name)
  end
  if r:chance(25) then o.on_message = nil end
  return o
end

-- What a reload keeps a connection for; else it is another.
local identity = { "url", "tls", "proxy", "protocols" }

-- The first ones have names by which a reload knows them again, and mostly keeps them.
function life.connect(r, number)
  local alive = 0
  for _, conn in ipairs(life.conns) do
    if conn.state ~= "closed" then alive = alive + 1 end
  end
  if life.over or alive >= 6 and not number then return end
  life.born = life.born + 1
  local own = life.stream(r:name_of "connect")
  local o = options_of(own)
  o.name = number and "named " .. number or ("other %d of %d"):format(life.born, host.reloads)
  if number and own:chance(80) then
    local like = options_of(random.stream(plan.seed, o.name))
    for _, key in ipairs(identity) do
      o[key] = like[key]
    end
  end
  trace(own, "connect", o.name)
  local conn = ws.connect(o)
  life.all[conn] = true
  if #life.conns >= 8 then table.remove(life.conns, own:number(1, 8)) end
  table.insert(life.conns, conn)
  return conn
end

------------------------------------------------------------------------------------------------------ from end to end

-- Lets go of everything; where memory is short, as often as it takes.
local function let_go()
  life.over = true
  life.kept = nil
  collectgarbage "restart"
  for _, entry in ipairs(life.timers) do entry.timer:cancel() end
  for _, entry in ipairs(life.tasks) do pcall(entry.task.cancel, entry.task) end
  for conn in pairs(life.all) do
    conn:cancel_reconnect()
    conn:resume()
    conn:close()
  end
end

-- Something happens, again and again.
local function pulse()
  life.staged = false -- no task runs before a take-over
  local r = life.stream "pulse"
  while not life.over do
    pcall(life.perform, r, nil, "pulse")
    host.sleep(r:seconds(0.04))
  end
end

local function note_end()
  life.ended = true
end

local function note_reload()
  life.ended, life.leaves = true, true
end

local function finish()
  local r = life.stream "end"
  if plan.ends == "stop" or plan.ends == "exit" then
    local status = r:number(0, 3)
    print("ENDS " .. status)
    if plan.ends == "stop" then return host.stop(status) end
    note_end()
    os.exit(status, r:chance(50))
  end
  if plan.ends == "quiet" then let_go() end
end

check.start(plan, state)
host.on_reload(note_reload)
host.on_stop(note_end)
acts.start(life)
deeds.start(life)
local r = life.stream "main"
local left = plan.seconds - (host.now() - state.began)
if plan.waits then host.after(1000, finish) end -- for a signal
if left <= 0 then return finish() end
host.after(left, finish)
for number = 1, r:number(1, 5) do
  if r:chance(80) then life.connect(r, number) end
end
host.spawn(pulse)
if FAILS == "at once" then error "by design, while it is loaded" end
for _ = 1, r:number(0, 5) do
  pcall(life.perform, r, nil, "main")
end
local function wait(seconds)
  host.sleep(seconds)
  life.staged = false -- it has taken over
end
if r:chance(70) then wait(r:seconds(plan.seconds)) end
if FAILS == "later" then
  print "ENDS 1"
  wait(0)
  error "by design, when it has taken over"
end
for _ = 1, r:number(0, 10) do
  if life.over then break end
  pcall(life.perform, r, nil, "main")
  wait(r:seconds(0.05))
end
