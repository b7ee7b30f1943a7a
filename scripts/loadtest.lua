-- loadtest: many users at once, each sending a message and waiting for its echo; then a summary as k6 prints it.
--
--     wsbot run --with-echo scripts/loadtest.lua                          against the built-in echo peer
--     wsbot scripts/loadtest.lua ws://127.0.0.1:1234 10s:50,30s:50,5s:0   up to 50 users in 10 s, 30 s of that, down
--
-- LOADTEST_THINK: the seconds between an echo and the next message (default 1). LOADTEST_P95: the exit status is 1
-- where one of twenty echoes took longer than so many milliseconds; it is as well where one of twenty did not come.
--
-- One idea: a user is a task that reads like a user's story; how many there are to be is a function of time.

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

local trends = { ws_connecting = {}, ws_round_trip = {} } -- the seconds of each
local count = { sessions = 0, sent = 0, received = 0, lost = 0, bytes_in = 0, bytes_out = 0, users = 0, most_users = 0 }
local failures = {} -- how often, by what went wrong
local began = host.now()

local function percentile(sorted, share)
  local place = share * (#sorted - 1) + 1
  local low = math.floor(place)
  return sorted[low] + ((sorted[low + 1] or sorted[low]) - sorted[low]) * (place - low)
end

local function time(seconds)
  return seconds < 1 and ("%.2fms"):format(seconds * 1e3) or ("%.2fs"):format(seconds)
end

local function line(name, ...)
  print(("  %s: %s"):format(name .. ("."):rep(20 - #name), (...):format(select(2, ...))))
end

local function show_trend(name)
  local sorted, sum = trends[name], 0
  if #sorted == 0 then return end
  table.sort(sorted)
  for _, seconds in ipairs(sorted) do sum = sum + seconds end
  line(name, "avg=%s min=%s med=%s max=%s p(90)=%s p(95)=%s", time(sum / #sorted), time(sorted[1]),
    time(percentile(sorted, .5)), time(sorted[#sorted]), time(percentile(sorted, .9)), time(percentile(sorted, .95)))
end

local function summary()
  local seconds = math.max(host.now() - began, 1e-3)
  local ended = count.received + count.lost
  line("checks", "%.2f%% %d out of %d", 100 * count.received / math.max(ended, 1), count.received, ended)
  for what, times in pairs(failures) do line("failed", "%d x %s", times, what) end
  line("data_received", "%d kB %.1f kB/s", count.bytes_in // 1000, count.bytes_in / 1000 / seconds)
  line("data_sent", "%d kB %.1f kB/s", count.bytes_out // 1000, count.bytes_out / 1000 / seconds)
  show_trend "ws_connecting"
  show_trend "ws_round_trip"
  line("ws_msgs_received", "%d %.1f/s", count.received, count.received / seconds)
  line("ws_msgs_sent", "%d %.1f/s", count.sent, count.sent / seconds)
  line("ws_sessions", "%d %.1f/s", count.sessions, count.sessions / seconds)
  line("vus_max", "%d", count.most_users)
end

-------------------------------------------------------------------------------------------------------------- the users

-- Waits for what a function gives, and notes how long that took, or why it gave nothing.
local function measured(trend, fn, ...)
  local start = host.now()
  local result, why, message = fn(...)
  if result then table.insert(trends[trend], host.now() - start) end
  if not result then
    local what = trend .. ": " .. (message or why)
    failures[what] = (failures[what] or 0) + 1
  end
  return result
end

local function talk(conn, wanted)
  if not measured("ws_connecting", conn.opened, conn, patience) then return host.sleep(1) end
  count.sessions = count.sessions + 1
  while wanted() do
    count.sent = count.sent + 1
    conn:send("message " .. count.sent)
    if not measured("ws_round_trip", conn.receive, conn, patience) then
      count.lost = count.lost + 1
      return host.sleep(1)
    end
    count.received = count.received + 1
    host.sleep(think)
  end
end

local function user(wanted)
  local conn <close> = ws.connect { url = url }
  talk(conn, wanted)
  count.bytes_in, count.bytes_out = count.bytes_in + conn.bytes_in, count.bytes_out + conn.bytes_out
end

local live = {} -- tasks by number
host.on_stop(summary) -- Ctrl-C, too

while host.now() - began < length do
  for number = 1, planned(host.now() - began) // 1 do
    live[number] = live[number] or host.spawn(function()
      count.users = count.users + 1
      count.most_users = math.max(count.most_users, count.users)
      user(function() return number <= planned(host.now() - began) end)
      count.users, live[number] = count.users - 1, nil
    end)
  end
  host.sleep(0.1)
end
for _, task in pairs(live) do task:join() end

local round_trips = trends.ws_round_trip
table.sort(round_trips)
local is_slow = round_trips[1] and percentile(round_trips, .95) * 1000 > worst
local missed = count.sessions == 0 and "no session was open"
  or count.lost > count.received / 19 and "over 5 % were lost"
  or is_slow and ("p(95) is over %d ms"):format(worst)
if missed then io.stderr:write("loadtest: missed: ", missed, "\n") end
host.stop(missed and 1 or 0)
