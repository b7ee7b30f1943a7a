-- summary: what `wsbot run --summary` and host.summary print at the end of a program.
-- Runs within the program that it tests.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"
local summary = require "wsbot.summary"
local terminal = require "support.terminal"
local testing = require "wsbot.testing"

-- What a script counts, as a snapshot.
local function snapshot(source)
  local bot = testing.bot(source .. [[
    print(require "wsbot.json".encode(require "wsbot.metrics.core".snapshot()))]])
  bot:wait()
  return require "wsbot.json".decode(bot.output)
end

-- Any text without its colours, and how many columns its longest line has.
local function widest(text)
  local most = 0
  for line in text:gsub("\27%[%d*m", ""):gmatch "[^\n]*" do most = math.max(most, utf8.len(line)) end
  return most
end

--------------------------------------------------------------------------------------------------------------- the text

local function bucket_of(x)
  local octave = 2.0 ^ math.floor(math.log(x, 2))
  return octave + (x - octave) // (octave / 64) * (octave / 64)
end

-- A histogram of these values, as a snapshot has it.
local function histogram_of(values)
  local counts, buckets, sum = {}, {}, 0
  for _, x in ipairs(values) do
    counts[bucket_of(x)] = (counts[bucket_of(x)] or 0) + 1
    sum = sum + x
  end
  for lower, n in pairs(counts) do buckets[#buckets + 1] = { lower, n } end
  table.sort(buckets, function(a, b) return a[1] < b[1] end)
  return { count = #values, sum = sum, min = math.min(table.unpack(values)), max = math.max(table.unpack(values)),
    buckets = buckets }
end

local function series(value, ...)
  return { labels = { ... }, value = value }
end

local function plain(name, kind, ...)
  return { name = name, kind = kind, labels = {}, series = { series(...) } }
end

-- A load test of ten seconds.
local fixed = {
  { name = "wsbot_info", kind = "info", labels = { "name", "version" }, series = { series(1, "bot", "0.2.0") } },
  plain("wsbot_attempts_total", "counter", 23),
  plain("wsbot_opened_total", "counter", 20),
  { name = "wsbot_ends_total", kind = "counter", labels = { "code", "word" }, series = {
    series(18, "1000", ""), series(2, "1006", "refused"), series(1, "1006", "timeout"), series(2, "1006", "net") } },
  { name = "wsbot_connect_seconds", kind = "histogram", series = { histogram_of { 0.001, 0.002, 0.003, 0.004 } } },
  plain("wsbot_messages_received_total", "counter", 12345),
  plain("wsbot_messages_sent_total", "counter", 400),
  plain("wsbot_received_bytes_total", "counter", 3400000),
  plain("wsbot_sent_bytes_total", "counter", 950),
  { name = "wsbot_ping_seconds", kind = "histogram", series = { histogram_of { 0.25 } } },
  { name = "wsbot_loop_turn_seconds", kind = "histogram", series = { histogram_of { 0.00005, 0.001, 0.3 } } },
  plain("wsbot_cpu_seconds_total", "counter", 1.25),
  plain("wsbot_peak_memory_bytes", "gauge", 12300000),
  { name = "orders", kind = "counter", labels = { "side" }, series = { series(5, "sell"), series(12.5, "buy") } },
  plain("depth", "gauge", -7.25),
  plain("seen_bytes", "counter", 2000),
  { name = "waits_seconds", kind = "histogram", series = { { count = 0, sum = 0, buckets = {} } } },
  { name = "sizes", kind = "histogram", labels = {}, dropped = 3, series = {
    histogram_of { 1, 2, 2, 3, 3, 3, 4, 4, 5 } } },
}

local golden = [[
  connections..........: 20       2/s
    ended..............: 23       1000=18 1006=5
    failed.............: 5        net=2 refused=2 timeout=1
    connecting.........: avg=2.5ms min=1ms med=2ms max=4ms
                         p90=4ms p95=4ms p99=4ms n=4
                         1ms █            █            █            █ 4ms
  messages_received....: 12345    1.23k/s
  messages_sent........: 400      40/s
  data_received........: 3.4 MB   340 kB/s
  data_sent............: 950 B    95 B/s
  pings................: avg=250ms min=250ms med=250ms max=250ms
                         p90=250ms p95=250ms p99=250ms n=1
  loop_turns...........: 3        over_20ms=1 max=300ms
  cpu..................: 1.25s    12%
  peak_memory..........: 12.3 MB
  run_time.............: 10s

  depth................: -7.25
  orders{side=buy}.....: 12.5     1.25/s
  orders{side=sell}....: 5        0.5/s
  seen_bytes...........: 2 kB     200 B/s
  sizes................: avg=3 min=1 med=3.02 max=5
                         p90=5 p95=5 p99=5 n=9
                         1 ▃         ▆         █         ▆        ▃ 5
  sizes................: 3 values were dropped, as there was no room for them
  waits_seconds........: none
worker 2 was ended by signal 9 (Killed), and what it had counted is missing
]]

describe("the text of a summary", function()
  it("has connections, messages and the process, then what the script counts", function()
    local text = summary.text(fixed, { seconds = 10,
      notes = { "worker 2 was ended by signal 9 (Killed), and what it had counted is missing" } })
    assert.equal(golden, text)
  end)

  it("has only ASCII where that is all that can be shown", function()
    local text = summary.text(fixed, { seconds = 10, utf8 = false })
    assert.is_nil(text:find "[\x80-\xff]")
    assert.truthy(text:find("1ms @            @            @            @ 4ms", 1, true))
    local other = summary.text({ { name = "seen", kind = "counter", labels = { "who" },
      series = { series(1, "Zoë\27[2J") } } }, { utf8 = false })
    assert.is_nil(other:find "[\x80-\xff\27]")
  end)

  it("is at most 80 columns wide, whatever there is to say", function()
    local long, many = ("a_long_name"):rep(15), {}
    for i = 1, 100 do many[i] = series(1e9 / 7, ("%04d"):format(i), ("value"):rep(8) .. i) end
    local values = {}
    for i = 1, 3000 do values[i] = 1e-9 * 1.02 ^ i end
    local text = summary.text({
      plain("wsbot_attempts_total", "counter", 1e15),
      { name = "wsbot_ends_total", kind = "counter", labels = { "code", "word" }, series = many },
      plain(long, "gauge", -1e300), plain(long .. "_bytes", "counter", 1e300),
      { name = "x", kind = "counter", labels = { "a", "b" }, series = many },
      { name = long .. "_seconds", kind = "histogram", series = { histogram_of(values) } },
    }, { seconds = 1e-6, notes = { ("word "):rep(40), ("x"):rep(200) } })
    assert.is_true(widest(text) <= 80, widest(text))
    assert.truthy(text:find("and 80 more sets of labels", 1, true))
  end)

  it("has colours only where it is told to", function()
    assert.is_nil(summary.text(fixed):find "\27")
    local colourful = summary.text(fixed, { colours = true, seconds = 10 })
    assert.truthy(colourful:find "\27")
    local without = colourful:gsub("\27%[%d*m", "")
    assert.equal(summary.text(fixed, { seconds = 10 }), without)
  end)

  it("has the percentiles of what was counted, within 1 %", function()
    local values, state = {}, 42
    for i = 1, 5000 do
      state = (state * 1103515245 + 12345) % 2 ^ 31
      values[i] = 0.0001 * math.exp(state / 2 ^ 31 * 9)
    end
    local counted = histogram_of(values)
    table.sort(values)
    for _, part in ipairs { 0, 0.01, 0.5, 0.9, 0.95, 0.99, 0.999, 1 } do
      local exact = values[math.max(1, math.ceil(part * #values))]
      local told = summary.quantile(counted, part)
      assert.is_true(math.abs(told - exact) <= 0.01 * exact, ("%g: %g and not %g"):format(part, told, exact))
    end
  end)

  it("plots where the values lie: evenly, or from a hundredfold on by ratios", function()
    local function plot_of(values)
      local text = summary.text({ { name = "x", kind = "histogram", series = { histogram_of(values) } } })
      return text:match "\n +(%S+ [^\n]*)\n$"
    end
    local even, ratios = {}, {}
    for i = 1, 400 do even[i], ratios[i] = 99.5 + i, 10 ^ (i / 100) end
    local full = ("█"):rep(40)
    assert.equal(#full, #plot_of(ratios):match " (.*) ")
    assert.is_nil(plot_of(ratios):find "[ ▁].* .* ")
    assert.equal("1 █" .. (" "):rep(38) .. "█ 99", plot_of { 1, 1, 99, 99 })
    assert.truthy(plot_of(even):find "^100 [▆▇█▅]+ 500$" or plot_of(even))
  end)

  it("counts values of 0 and less, and those beyond the buckets", function()
    local told = snapshot [[
      local h = host.histogram "x"
      for _, x in ipairs { -5, 0, 1e-12, 1, 1e12 } do h:observe(x) end]]
    local text = summary.text(told)
    assert.truthy(text:find("avg=200G min=-5 med=", 1, true), text)
    assert.truthy(text:find("max=1T", 1, true), text)
    assert.is_true(widest(text) <= 80)
  end)

  it("says how long things took in a unit that fits", function()
    for seconds, text in pairs { [0] = "0s", [3.2e-9] = "3.2ns", [0.0000123] = "12.3µs", [0.0123] = "12.3ms",
      [1.234] = "1.23s", [59.97] = "1m00s", [125] = "2m05s", [7260] = "2h01m" } do
      assert.equal(("  took_seconds.........: %s\n"):format(text),
        summary.text { plain("took_seconds", "gauge", seconds) })
    end
  end)
end)

-------------------------------------------------------------------------------------------------------------- a program

-- Waits for the end of a program with this status: all that it has printed.
local function output(p, status)
  local got, signal = p:wait()
  assert.same({ status or 0, 0 }, { got, signal })
  return p.out
end

local function count(text, what)
  return select(2, text:gsub(what, ""))
end

local SUMMARY = "\n  cpu%."

local function start(source, options)
  options = options or {}
  local env = { LC_ALL = "C.UTF-8", NO_COLOR = "" }
  for name, value in pairs(options.env or {}) do env[name] = value end
  return program.bot(source, options.args, { flags = options.flags or { "--summary" }, env = env,
    stdin = options.stdin })
end

local talks = [[
  ws.connect { url = arg[1], on_websocket_connect = function(c) c:send "hello" end,
    on_message = function(c) c:close() end, on_close = function() say "closed" end }
  ]]

describe("--summary", function()
  it_tells("prints what passed on connections, behind all that the script prints", function()
    local text = output(start(talks .. [[
      host.counter("orders"):add(3)
      setmetatable({}, { __gc = function() say "last words" end })
      say "begins"]], { args = { program.echo().url } }))
    assert.truthy(text:find "^begins\nclosed\nlast words\n\n  connections%.+: 1 ")
    for _, line in ipairs { "ended%.+: 1 +1000=1", "messages_received%.+: 1 ", "messages_sent%.+: 1 ",
      "data_sent%.+: %d+ B ", "connecting%.+: avg=", "orders%.+: 3 ", "peak_memory%.+: [%d.]+ MB\n" } do
      assert.truthy(text:find(line), line .. " is not in\n" .. text)
    end
    assert.is_true(widest(text) <= 80)
  end)

  it_tells("tells of attempts that failed, by the word of on_error", function()
    local text = output(start([[ws.connect { url = arg[1], on_error = function() end }]],
      { args = { "ws://127.0.0.1:1" } }))
    assert.truthy(text:find "connections%.+: 0 ")
    assert.truthy(text:find "failed%.+: 1 +connect=1\n")
  end)

  it_tells("does not count the peers of an echo peer within", function()
    local p = start("arg[1] = io.read()" .. talks, { flags = { "--summary", "--with-echo=0" }, stdin = true })
    p:complains "echo peer on "
    p:write(p.err:match "ws://%S+" .. "\n")
    local text = output(p)
    assert.truthy(text:find "connections%.+: 1 ")
    assert.truthy(text:find "messages_received%.+: 1 ")
  end)

  it_tells("is printed at every end that lets the program finish", function()
    for source, status in pairs {
      ["host.stop(3) host.every(3600, print)"] = 3,
      ["os.exit(4)"] = 4,
      ["os.exit(5, true)"] = 5,
      ["host.after(0.01, function() os.exit(6) end)"] = 6,
      ["coroutine.wrap(os.exit)(7)"] = 7,
      ["host.sleep(0.01) error 'x'"] = 1,
      ["host.state('x', {}) host.spawn(function() host.sleep(0.01) host.stop() end)"] = 0,
    } do
      assert.equal(1, count(output(start(source), status), SUMMARY), source)
    end
  end)

  it_tells("is printed after SIGTERM and SIGINT", function()
    for _, signal in ipairs { "sigterm", "sigint" } do
      local p = start [[host.on_stop(function() host.counter("stops"):add() say "stops" end) say "runs"
        host.every(3600, print)]]
      p:tells "runs"
      p:kill(signal)
      assert.truthy(output(p):find("stops\n\n.*" .. "stops%.+: 1 "))
    end
  end)

  it_tells("needs no control socket, no file and no turn of the loop", function()
    assert.truthy(output(start("host.counter('n'):add(2)", { env = { WSBOT_CONTROL = "off" } })):find "n%.+: 2 ")
    local p = program.run({ "run", "--summary", "-" }, { stdin = "host.counter('n'):add(2)" })
    assert.truthy(output(p):find "n%.+: 2 ")
  end)

  it_tells("is not there where nobody wants it, or the program has failed to start", function()
    assert.equal("", output(start("", { flags = {} })))
    assert.equal("", output(start "error 'x'", 1))
    assert.equal("", output(start "this is no Lua", 1))
    assert.equal("", output(program.run { "run", "--summary", "/no/such/file.lua" }, 1))
    assert.equal("", output(program.run { "run", "--summary", "--workers", "2", "/no/such/file.lua" }, 1))
  end)

  it_tells("has what was counted over reloads", function()
    local p = start "host.counter('seen'):add(host.reloads + 1) say('runs') host.every(3600, print)"
    p:tells "runs"
    p:kill "sighup"
    p:tells "runs"
    p:complains "reload 1:"
    p:kill "sigterm"
    assert.truthy(output(p):find "seen%.+: 3 ")
  end)

  it_tells("is plain where a locale does not say UTF-8, and has no colours in a pipe", function()
    local source = "local h = host.histogram 'x' h:observe(1) h:observe(2)"
    assert.is_nil(output(start(source, { env = { LC_ALL = "C" } })):find "[\x80-\xff\27]")
    local text = output(start(source, { env = { LC_ALL = "", LC_CTYPE = "en_US.utf8" } }))
    assert.truthy(text:find "1 █ +█ 2\n")
    assert.is_nil(text:find "\27")
  end)

  it_tells("has colours on a terminal, unless NO_COLOR is set", function()
    local script = place.file("bot.lua", "host.counter('n'):add()")
    for _, case in ipairs { { "", "n\27%[2m%.+\27%[0m: \27%[36m1 " }, { "1", "n%.+: 1 " } } do
      local t = terminal.run({ program.wsbot, "run", "--summary", script }, { env = { NO_COLOR = case[1] } })
      t:leaves(0)
      assert.matches(case[2], t.out)
    end
  end)

  it_tells("says nothing of turns that the loop has slept through", function()
    local text = output(start [[
      local io_luv = require "luv"
      io_luv.new_timer():start(1500, 0, function() host.stop() end)]])
    assert.is_nil(text:match("loop_turns[^\n]*max=%d[%d.]*s"), text)
  end)
end)

describe("host.summary", function()
  it_tells("asks for it, at any time, once or more", function()
    local text = output(start("host.sleep(0.01) host.summary() host.summary()", { flags = {} }))
    assert.equal(1, count(text, SUMMARY))
  end)

  it_tells("is remembered over reloads, and forgotten with one that fails", function()
    local goes_on = " host.every(3600, print)"
    local p = reloadable.start("say 'one'" .. goes_on)
    p:tells "one"
    p:fails_to("host.summary() error 'no'", "no")
    p:takes_over("say 'two'" .. goes_on)
    p:tells "two"
    p:kill "sigterm"
    p:ends(0)
    local other = reloadable.start("say 'one'" .. goes_on)
    other:tells "one"
    other:takes_over("host.summary()" .. goes_on)
    other:takes_over("say 'three'" .. goes_on)
    other:tells "three"
    other:kill "sigterm"
    assert.equal(1, count(output(other.bot), SUMMARY))
  end)

  it("does nothing in a bot under test", function()
    local bot = testing.bot "host.summary() host.counter('n'):add()"
    assert.equal(0, bot:wait())
    assert.equal("", bot.output)
  end)
end)

----------------------------------------------------------------------------------------------------------------- a pool

describe("the summary of a pool", function()
  local function pool(source, options)
    options = options or {}
    options.flags = { "--workers", tostring(options.workers or 2), table.unpack(options.flags or { "--summary" }) }
    return start(source, options)
  end

  it_tells("is one, of all workers", function()
    local text = output(pool(talks .. [[
      host.counter("orders", "", { "worker_index" }):add(host.worker, { worker_index = host.worker })
      host.gauge("depth"):set(host.worker)
      host.histogram("waits"):observe(host.worker)]], { workers = 3, args = { program.echo().url } }))
    assert.equal(1, count(text, SUMMARY))
    for _, line in ipairs { "connections%.+: 3 ", "messages_sent%.+: 3 ", "ended%.+: 3 +1000=3", "depth%.+: 6\n",
      "orders{worker_index=3}%.+: 3 ", "waits%.+: avg=2 min=1 med=2.02 max=3\n" } do
      assert.truthy(text:find(line), line .. " is not in\n" .. text)
    end
  end)

  it_tells("is printed where one worker asks for it, whatever the others do", function()
    local source = "if host.worker == 2 then host.summary() end host.counter('n'):add()"
    assert.truthy(output(pool(source, { flags = {} })):find "n%.+: 2 ")
    assert.equal("", output(pool("host.counter('n'):add()", { flags = {} })))
  end)

  it_tells("is printed after SIGTERM, and after os.exit in all of them", function()
    local p = pool "host.counter('n'):add() say 'runs' host.every(3600, print)"
    p:tells("runs", "runs")
    p:kill "sigterm"
    assert.truthy(output(p):find "n%.+: 2 ")
    assert.truthy(output(pool "host.counter('n'):add() os.exit(3)", 3):find "n%.+: 2 ")
  end)

  it_tells("names a worker that died, and has what it counted in its next life", function()
    local died = place.folder() .. "/died"
    local p = pool([[
      host.counter("n"):add()
      local first = not io.open(arg[1])
      if host.worker == 2 and first then
        io.open(arg[1], "w"):close()
        local luv = require "luv"
        luv.kill(luv.os_getpid(), "sigkill")
      end]], { args = { died } })
    local text = output(p)
    assert.truthy(text:find "n%.+: 2 ")
    assert.truthy(text:find "\nworker 2 was ended by signal 9 %(Killed%), and what it had counted is missing\n$")
  end)

  it_tells("adds up the lives of a worker that failed and came back, but for what is a state", function()
    local failed = place.folder() .. "/failed"
    local text = output(pool([[
      host.counter("n"):add()
      host.gauge("depth"):set(5)
      local first = not io.open(arg[1])
      if host.worker == 2 and first then
        io.open(arg[1], "w"):close()
        os.exit(1)
      end]], { args = { failed } }))
    assert.truthy(text:find "n%.+: 3 ")
    assert.truthy(text:find "depth%.+: 10\n")
    assert.is_nil(text:find "missing")
  end)

  it_tells("is not hurt by a worker that writes anything into its pipe", function()
    for wrong, has in pairs { ["\\0xyz"] = 2, ["c\\xff\\xff\\xff\\xffxyz"] = 1, ["c\\4\\0\\0\\0null"] = 2,
      ["c\\3\\0\\0\\0{x}"] = 2 } do
      local text = output(pool([[host.counter("n"):add()
        if host.worker == 2 then require "luv".fs_write(3, "]] .. wrong .. '") end'))
      assert.truthy(text:find("n%.+: " .. has .. " "), text)
      assert.equal(has == 1, text:find "\nworker 2 ended with status 0, and what it had counted is missing\n$" ~= nil)
    end
  end)

  it_tells("leaves out what is too large to be told, and says so", function()
    local text = output(pool [[
      local names, labels = {}, {}
      for i = 1, 16 do
        names[i] = "label" .. i
        labels["label" .. i] = ("x"):rep(250)
      end
      for i = 1, 4 do
        local c = host.counter("c" .. i, "", names)
        for k = 1, 300 do
          labels.label1 = k
          c:add(1, labels)
        end
      end
      host.counter("zebras"):add()]])
    assert.truthy(text:find "zebras%.+: 2 ")
    assert.truthy(text:find "\nworker 1 has told all but %d+ metrics, which were too large\n")
  end)
end)
