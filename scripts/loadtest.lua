-- loadtest: many users at once, each sending a message and waiting for its echo; then a summary as k6 prints it.
--
--     wsbot run --with-echo scripts/loadtest.lua                          against the built-in echo peer
--     wsbot scripts/loadtest.lua ws://127.0.0.1:1234 10s:50,30s:50,5s:0   up to 50 users in 10 s, 30 s of that, down
--     wsbot run --workers 4 scripts/loadtest.lua ...                      the same users, by four processes
--
-- LOADTEST_THINK: the seconds between an echo and the next message (default 1). LOADTEST_P95: the exit status is 1
-- where one of twenty echoes took longer than so many milliseconds; it is as well where one of twenty did not come.
--
-- One idea: a user is a task that reads like a user's story; how many there are to be is a function of time. The host
-- counts connections and messages, and prints them at the end with what is counted here.

local url = arg[1] or "ws://127.0.0.1:1234"
local think = tonumber(os.getenv "LOADTEST_THINK") or 1
local worst = tonumber(os.getenv "LOADTEST_P95") or math.huge
local patience = 10 -- seconds, for a handshake and for an echo

local stages, length = {}, 0
for seconds, users in (arg[2] or "2s:10,5s:10,1s:0"):gmatch "([%d.]+)s:(%d+)" do
  stages[#stages + 1] = { seconds = tonumber(seconds), users = tonumber(users) }
  length = length + stages[#stages].seconds
end
if not stages[1] then
  io.stderr:write("usage: wsbot scripts/loadtest.lua [URL [SECONDSs:USERS,...]]\n")
  os.exit(2)
end

-- How many users there are to be, so many seconds after the start.
local function planned(seconds)
  local before = 0
  for _, stage in ipairs(stages) do
    if seconds < stage.seconds then return before + (stage.users - before) * seconds / stage.seconds end
    seconds, before = seconds - stage.seconds, stage.users
  end
  return 0
end

------------------------------------------------------------------------------------------------------------ the numbers

host.summary()
local round_trips = host.histogram("round_trip_seconds", "From a message to its echo.")
local failures = host.counter("failures", "What went wrong.", { "what" })
local most_users = host.gauge("users_most", "The most users at a time.")
local count = { sessions = 0, echoes = 0, slow = 0, lost = 0, users = 0, most_users = 0 } -- for the exit status

local function add(what)
  count[what] = count[what] + 1
end

-------------------------------------------------------------------------------------------------------------- the users

-- What a function gives; where it gives nothing, notes why not.
local function noted(what, fn, ...)
  local result, why, message = fn(...)
  if not result then failures:add(1, { what = what .. ": " .. (message or why) }) end
  return result
end

local function talk(conn, wanted)
  if not noted("connecting", conn.opened, conn, patience) then return host.sleep(1) end
  add "sessions"
  while wanted() do
    local start = host.now()
    conn:send("message " .. count.echoes)
    if not noted("echo", conn.receive, conn, patience) then
      add "lost"
      return host.sleep(1)
    end
    local seconds = host.now() - start
    round_trips:observe(seconds)
    add "echoes"
    if seconds * 1000 > worst then add "slow" end
    host.sleep(think)
  end
end

local function user(wanted)
  local conn <close> = ws.connect { url = url }
  talk(conn, wanted)
end

local live = {} -- tasks by number
local began = host.now()

while host.now() - began < length do
  for number = host.worker, planned(host.now() - began) // 1, host.workers do
    live[number] = live[number] or host.spawn(function()
      add "users"
      count.most_users = math.max(count.most_users, count.users)
      most_users:set(count.most_users)
      user(function() return number <= planned(host.now() - began) end)
      count.users, live[number] = count.users - 1, nil
    end)
  end
  host.sleep(0.1)
end
for _, task in pairs(live) do task:join() end

local missed = count.sessions == 0 and "no session was open"
  or count.lost > count.echoes / 19 and "over 5 % were lost"
  or count.slow > count.echoes / 20 and ("p(95) is over %d ms"):format(worst)
if missed then io.stderr:write("loadtest: missed: ", missed, "\n") end
host.stop(missed and 1 or 0)
