-- wsbot.control.numbers: what the host counts by itself, as families of wsbot.metrics, and with them what the script
-- counts.
local numbers = {}

-- { name, kind, help, what is told of the program }
local plain = {
  { "wsbot_messages_received_total", "counter", "Messages that came.", "messages_in" },
  { "wsbot_messages_sent_total", "counter", "Messages that were sent.", "messages_out" },
  { "wsbot_received_bytes_total", "counter", "Bytes that came, with all heads.", "bytes_in" },
  { "wsbot_sent_bytes_total", "counter", "Bytes that were sent, with all heads.", "bytes_out" },
  { "wsbot_attempts_total", "counter", "Attempts to connect.", "attempts" },
  { "wsbot_opened_total", "counter", "Attempts to connect that succeeded.", "opened" },
  { "wsbot_cpu_seconds_total", "counter", "CPU that the process has used.", "cpu" },
  { "wsbot_lua_seconds_total", "counter", "Time that code of the script has run.", "lua_time" },
  { "wsbot_collections_total", "counter", "Collections of garbage.", "collections" },
  { "wsbot_loop_turns_total", "counter", "Turns of the loop.", "turns" },
  { "wsbot_reloads_total", "counter", "Generations that have taken over.", "generation" },
  { "wsbot_resident_memory_bytes", "gauge", "Memory of the process.", "memory" },
  { "wsbot_peak_memory_bytes", "gauge", "The most memory that the process had.", "peak_memory" },
  { "wsbot_lua_memory_bytes", "gauge", "Memory of Lua's objects.", "lua_memory" },
  { "wsbot_script_memory_bytes", "gauge", "The same, and what is kept for the script.", "script_memory" },
  { "wsbot_open_fds", "gauge", "Open descriptors.", "descriptors" },
  { "wsbot_tasks", "gauge", "Tasks that run or wait.", "tasks" },
  { "wsbot_timers", "gauge", "Timers that are set.", "timers" },
  { "wsbot_start_time_seconds", "gauge", "When the program began, seconds since 1970.", "since" },
}

-- { name, help, which of the times }
local spreads = {
  { "wsbot_loop_turn_seconds", "How long a turn of the loop has kept others waiting.", "turns" },
  { "wsbot_connect_seconds", "From the beginning of an attempt until it was open.", "connects" },
  { "wsbot_ping_seconds", "From a ping to its pong.", "pings" },
}

local function ends_of(program)
  local series = {}
  for i, one in ipairs(program.ends or {}) do
    series[i] = { labels = { tostring(one.code), one.word or "" }, value = one.count }
  end
  return { name = "wsbot_ends_total", kind = "counter", help = "How attempts have ended.", labels = { "code", "word" },
    series = series }
end

local function states_of(program)
  local series = {}
  for _, state in ipairs { "connecting", "open", "closing", "waiting" } do
    series[#series + 1] = { labels = { state }, value = program.connections[state] or 0 }
  end
  return { name = "wsbot_connections", kind = "gauge", help = "Connections by state.", labels = { "state" },
    series = series }
end

-- All that a program counts: `program` and `counted` are what the core tells of both (host/app/control/look.c).
function numbers.snapshot(program, counted)
  local all = {
    { name = "wsbot_info", kind = "info", help = "The program.", labels = { "name", "version" },
      series = { { labels = { program.name or "", program.version }, value = 1 } } },
    states_of(program), ends_of(program),
  }
  for _, row in ipairs(plain) do
    local value = program[row[4]]
    if value then
      all[#all + 1] = { name = row[1], kind = row[2], help = row[3], is_time = row[4] == "since" or nil,
        series = { { value = value } } }
    end
  end
  for _, row in ipairs(spreads) do
    all[#all + 1] = { name = row[1], kind = "histogram", help = row[2], series = { counted[row[3]] } }
  end
  return table.move(counted.script, 1, #counted.script, #all + 1, all)
end

return numbers
