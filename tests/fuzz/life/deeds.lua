-- deeds: what the script does with everything but a connection: tasks, timers, coroutines, the collector, reloads.
local check = require "check"

local deeds = {}

local life
function deeds.start(of)
  life = of
end

deeds.list = {
  { 10, "spawn" }, { 8, "cancel_task" }, { 6, "join" }, { 10, "sleep" }, { 8, "timer" }, { 6, "cancel_timer" },
  { 5, "state" }, { 1, "reload" }, { 8, "collect" }, { 4, "finalizer" }, { 5, "close_variable" }, { 6, "coroutine" },
  { 4, "no_wait" }, { 3, "deep" }, { 3, "log" }, { 6, "connect" }, { 4, "hook_ends" }, { 2, "luv" }, { 3, "hoard" },
}

function deeds.spawn(r)
  life.spawn(function()
    life.perform(r, nil, "task")
  end)
end

function deeds.cancel_task(r)
  local entry = r:one(life.tasks)
  if not entry then return end
  local ok, was_alive = pcall(entry.task.cancel, entry.task) -- one that runs cannot cancel itself
  if ok and was_alive then entry.cancelled = true end
end

function deeds.join(r)
  local entry = r:one(life.tasks)
  if not entry then return end
  local ok, done, how = pcall(entry.task.join, entry.task, r:seconds(0.05))
  if ok and done and entry.cancelled then check.wrong("a cancelled task was joined as done") end
  local ended = life.over or life.ended or life.staged or life.plan.strict -- then all tasks are
  if ok and not done and how == "cancelled" and not entry.cancelled and not ended and not life.plan.memory then
    check.wrong("a task is cancelled that nobody cancelled")
  end
end

function deeds.sleep(r)
  host.sleep(r:one { 0, 0, 0.001, r:seconds(0.05) })
end

function deeds.timer(r)
  if #life.timers > 30 then return end
  local entry = { rounds = 0 }
  local function fire()
    if entry.cancelled then check.wrong("a cancelled timer fires") end
    entry.rounds = entry.rounds + 1
    if entry.rounds > 20 or life.over then entry.timer:cancel() end
    life.perform(r, nil, "timer")
  end
  local seconds = r:one { 0, 0.001, 0.01, 0.05, 3 }
  if r:chance(50) then
    entry.timer = host.after(seconds, fire)
  else
    entry.timer = host.every(math.max(seconds, 0.001), fire, r:chance(30) and "named " .. r:number(1, 3) or nil)
  end
  table.insert(life.timers, entry)
  pcall(host.after, -1, fire)
  pcall(host.every, 0 / 0, fire)
end

function deeds.cancel_timer(r)
  local entry = r:one(life.timers)
  if not entry then return end
  entry.timer:cancel()
  entry.cancelled = true
end

function deeds.state(r)
  local state = host.state("free " .. r:number(1, 4), { list = {} })
  state.list = state.list or {}
  table.insert(state.list, { r:bytes(r:number(0, 30)), number = r:number(0, 1 << 40), float = 0.5 })
  if #state.list > 20 then state.list = { state.list[1], self = state.list[2] } end
  if r:chance(2) then state.bad = r:one { print, coroutine.create(print), io.stdout } end -- the reload fails
  if r:chance(30) then state.bad = nil end
end

function deeds.reload()
  pcall(host.reload)
end

function deeds.collect(r)
  local how = r:one { "collect", "collect", "step", "count", "incremental", "generational", "stop", "restart" }
  collectgarbage(how)
  if how == "stop" and r:chance(80) then collectgarbage "restart" end
end

-- Garbage whose finalizer calls into connections and the host, also while the state is being closed.
function deeds.finalizer(r)
  local conn = r:one(life.conns)
  local name = r:name_of "finalizer"
  setmetatable({}, { __gc = function()
    local own = life.stream(name)
    if conn then life.act(own, conn, "finalizer") end
    life.deed(own, "finalizer")
    if conn and life.over then pcall(conn.close, conn) end
    pcall(host.spawn, function() host.sleep(0) end)
  end })
end

function deeds.close_variable(r)
  local conn = r:one(life.conns)
  local _ <close> = setmetatable({}, { __close = function()
    if conn then life.act(r, conn, "close") end
    life.deed(r, "close")
    if r:chance(10) then error "by design, while it is closed" end
  end })
  life.deed(r, "close")
  if r:chance(50) then host.sleep(r:seconds(0.01)) end
  if r:chance(10) then error "by design, with something to close" end
end

-- Coroutines that wait, are left, are closed and go on.
function deeds.coroutine(r)
  local co = coroutine.create(function(a)
    local _ <close> = setmetatable({}, { __close = function() life.deed(r, "coroutine") end })
    for _ = 1, 3 do
      host.sleep(r:one { 0, 0.001 })
      a = coroutine.yield(a)
      if r:chance(20) then error "by design, in a coroutine" end
    end
  end)
  for _ = 1, r:number(0, 5) do
    coroutine.resume(co, r:number(1, 9))
  end
  if r:chance(30) then pcall(coroutine.close, co) end
  pcall(coroutine.wrap(function() life.perform(r, nil, "coroutine") end))
end

-- Where nothing can wait.
function deeds.no_wait(r)
  pcall(table.sort, { 3, 1, 2 }, function(a, b) host.sleep(0) return a < b end)
  pcall(string.gsub, "abc", ".", function() life.deed(r, "gsub") end)
  pcall(function() return #setmetatable({}, { __len = function() host.sleep(0) return 1 end }) end)
  pcall(load, function() host.sleep(0) end)
end

local function down(n)
  if n > 0 then return 1 + down(n - 1) end
  host.sleep(0)
  return 0
end

function deeds.deep(r)
  pcall(down, r:one { 10, 1000, 100000, 1 << 30 })
  local function inside() return pcall(string.gsub, "a", ".", inside) end
  inside()
end

function deeds.log(r)
  local level = r:one { "debug", "info", "warn", "error" }
  host.log[level]("by design", r:bytes(r:number(0, 20)), nil, {})
  pcall(host.log[level], setmetatable({}, { __tostring = function() error "by design, in tostring" end }))
end

function deeds.connect(r)
  life.connect(r)
end

function deeds.hook_ends(r)
  if life.hooks > 5 then return end
  life.hooks = life.hooks + 1
  local on = r:chance(50) and host.on_stop or host.on_reload
  on(function()
    if on == host.on_stop and r:chance(50) then host.sleep(r:seconds(0.1)) end
    for _, conn in ipairs(life.conns) do life.act(r, conn, "hook") end
    if r:chance(20) then error "by design, at an end" end
  end)
end

function deeds.luv(r)
  local found, uv = pcall(require, "luv")
  if not found then return end
  local timer = uv.new_timer()
  timer:start(r:number(0, 20), 0, function()
    timer:close()
    life.perform(r, nil, "luv")
  end)
end

-- Memory: all of it where there is a limit.
function deeds.hoard(r)
  if not life.plan.memory then return end
  pcall(function()
    local kept = {}
    for i = 1, r:number(1, 4000) do
      kept[i] = ("%d"):format(i):rep(1000)
    end
    life.kept = r:chance(50) and kept or nil
  end)
  if r:chance(50) then life.kept = nil end
end

return deeds
