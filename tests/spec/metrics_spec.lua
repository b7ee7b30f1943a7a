-- metrics: host.counter, host.gauge and host.histogram as an author has them, and how Prometheus reads what they count.
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local packages = require "support.packages"
local place = require "support.place"
local program = require "support.program"
local reloadable = require "support.reloadable"

-- What a script has counted, a line for each value, as it will be merged and printed.
local counted = [[
  local function counted()
    for line in require "wsbot.metrics".text(require "wsbot.metrics.core".snapshot(), "prometheus"):gmatch "[^\n]+" do
      if line:sub(1, 1) ~= "#" then print(line) end
    end
  end
]]

local function it_counts(name, source, ...)
  it_prints(name, counted .. source, ...)
end

-- Each of these calls raises, and says this.
local function it_refuses(name, before, calls)
  local lines, source = {}, { before }
  for _, call in ipairs(calls) do
    source[#source + 1] = ("print(select(2, pcall(function() %s end)))"):format(call[1])
    lines[#lines + 1] = "~" .. call[2]
  end
  it_prints(name, table.concat(source, "\n"), table.unpack(lines))
end

describe("a metric", function()
  it_counts("is a counter, a gauge or a histogram", [[
    local orders = host.counter("orders", "Orders that were sent.")
    orders:add()
    orders:add(2.5)
    host.gauge("depth"):set(-7)
    local took = host.histogram "took_seconds"
    took:observe(0.3)
    took:observe(2)
    counted()
    print(orders)
  ]], "depth -7", "orders_total 3.5", 'took_seconds_bucket{le="0.1"} 0', 'took_seconds_bucket{le="0.25"} 0',
    'took_seconds_bucket{le="0.5"} 1', 'took_seconds_bucket{le="1"} 1', 'took_seconds_bucket{le="2.5"} 2',
    'took_seconds_bucket{le="5"} 2', 'took_seconds_bucket{le="10"} 2', 'took_seconds_bucket{le="+Inf"} 2',
    "took_seconds_sum 2.3", "took_seconds_count 2", "counter: orders")

  it_counts("has a value for each set of labels", [[
    local orders = host.counter("orders", "Orders.", { "venue", "side" })
    orders:add(1, { venue = "x", side = "buy" })
    orders:add(2, { side = "buy", venue = "x" })
    orders:add(5, { venue = 7, side = true })
    orders:add(6, { venue = 7.5, side = false })
    orders:add(nil, { venue = 'a "b" \\ \n', side = "" })
    counted()
  ]], [[orders_total{side="",venue="a \"b\" \\ \n"} 1]], 'orders_total{side="buy",venue="x"} 3',
    'orders_total{side="false",venue="7.5"} 6', 'orders_total{side="true",venue="7"} 5')

  it_counts("is shown from the beginning where it counts from 0, a gauge when it is set", [[
    host.counter "orders"
    host.gauge "depth"
    host.histogram "took"
    host.counter("sent", nil, { "venue" })
    counted()
  ]], "orders_total 0", 'took_bucket{le="+Inf"} 0', "took_sum 0", "took_count 0")

  it_counts("is the same where it is declared again in the same way", [[
    host.counter("orders", "Old.", { "venue", "side" }):add(1, { venue = "x", side = "y" })
    host.counter("orders_total", "New.", { "side", "venue" }):add(1, { venue = "x", side = "y" })
    counted()
    print(require "wsbot.metrics.core".snapshot()[1].help)
  ]], 'orders_total{side="y",venue="x"} 2', "New.")

  it_refuses("has one meaning", [[
    host.counter("orders", "", { "venue", "side" })
    host.histogram "took"
  ]], {
    { "host.gauge 'orders'", "host.gauge: 'orders' is a counter, and cannot be a gauge too$" },
    { "host.counter 'orders'",
      "the counter 'orders' was declared with the labels side, venue, and is now with no labels$" },
    { "host.counter('orders', '', { 'side' })", "the labels side, venue, and is now with the label side$" },
    { "host.gauge 'orders_total'",
      "the gauge 'orders_total' would be seen under a name that the counter 'orders' has$" },
    { "host.counter 'took_sum' host.gauge 'took_sum'", "a name that the histogram 'took' has$" },
  })

  it_refuses("has a name that Prometheus knows", "", {
    { "host.counter '9lives'", "'9lives' is no name for a metric: letters, digits, _ and :, and no digit first$" },
    { "host.counter 'a-b'", "'a%-b' is no name for a metric" },
    { "host.counter ''", "'' is no name for a metric" },
    { "host.counter(('x'):rep(201))", "is too long: a name has 200 characters at most$" },
    { "host.gauge 'wsbot_up'", "'wsbot_up' is kept for the host" },
    { "host.gauge()", "#1 to 'gauge' %(string expected, got no value%)$" },
    { "host.gauge('x', '\\xff')", "#2 to 'gauge' %(not UTF%-8, or with a zero in it%)$" },
    { "host.gauge('x', ('x'):rep(1001))", "a help text has 1000 bytes at most" },
    { "host.gauge('x', '', 'a')", "table expected, got string" },
    { "host.gauge('x', '', { a = 1 })", "expected a list of names" },
    { "host.gauge('x', '', { 1 })", "expected a list of names" },
    { "host.gauge('x', '', { 'a-b' })", "'a%-b' is no name for a label: letters, digits and _, and no digit first$" },
    { "host.gauge('x', '', { '__a' })", "'__a' is kept for Prometheus" },
    { "host.gauge('x', '', { 'le' })", "'le' is kept for the buckets of histograms$" },
    { "host.gauge('x', '', { 'worker' })", "'worker' is kept for the number of the worker$" },
    { "host.gauge('x', '', { 'a', 'b', 'a' })", "the label 'a' is there twice$" },
    { "local l = {} for i = 1, 17 do l[i] = 'l' .. i end host.gauge('x', '', l)", "16 labels at most" },
  })

  it_refuses("takes no value that is none", [[
    c, g, h = host.counter "c", host.gauge "g", host.histogram "h"
  ]], {
    { "c:add(-1)", "a counter only grows, by 0 or more" },
    { "c:add(0 / 0)", "not a finite number" },
    { "c:add 'many'", "number expected, got string" },
    { "g:set()", "number expected, got no value" },
    { "g:set(1 / 0)", "not a finite number" },
    { "h:observe(-1 / 0)", "not a finite number" },
    { "c.add(g)", "host.counter expected, got host.gauge" },
    { "h.observe()", "host.histogram expected, got no value" },
    { "g:set(1, { a = 1 })", "'g': unknown label 'a'$" },
  })

  it_refuses("wants exactly its labels", "c = host.counter('orders', '', { 'venue', 'side' })", {
    { "c:add()", "'orders': the label 'side' is missing$" },
    { "c:add(1, 'x')", "table expected, got string" },
    { "c:add(1, { side = 'x' })", "'orders': the label 'venue' is missing$" },
    { "c:add(1, { side = 'x', venu = 'y' })", "'orders': the label 'venue' is missing$" },
    { "c:add(1, { side = 'x', venue = 'y', venu = 'y' })", "unknown label 'venu' %(did you mean 'venue'%?%)$" },
    { "c:add(1, { side = 'x', venue = 'y', 'z' })", "a label's name is a string, not a number$" },
    { "c:add(1, { side = {}, venue = 'y' })", "the label 'side' is a string, a number or a boolean, not a table$" },
    { "c:add(1, { side = ('x'):rep(257), venue = 'y' })", "the label 'side' has more than 256 bytes$" },
    { "c:add(1, { side = '\\xc3', venue = 'y' })", "the label 'side' is not UTF%-8, or has a zero in it$" },
    { "c:add(1, { side = '\\0', venue = 'y' })", "the label 'side' is not UTF%-8, or has a zero in it$" },
  })

  it_counts("has a thousand sets of labels at most; more are dropped and counted", [[
    local orders = host.counter("orders", "", { "id" })
    for i = 1, 1003 do orders:add(1, { id = i }) end
    orders:add(1, { id = 1003 })
    orders:add(1, { id = 7 })
    local snapshot = require "wsbot.metrics.core".snapshot()
    print(#snapshot[1].series, snapshot[1].dropped, snapshot[1].series[7].value == 2)
    print(require "wsbot.metrics".text(snapshot, "openmetrics"):match "wsbot_metrics_dropped_total[^\n]*")
  ]], "1000\t4\ttrue", 'wsbot_metrics_dropped_total{metric="orders"} 4')

  it_counts("is one of a thousand at most", [[
    for i = 1, 1000 do host.gauge("depth_" .. i) end
    host.gauge "depth_7"
    print(select(2, pcall(host.gauge, "depth")))
  ]], "~there are 1000 metrics already, and no room for 'depth'$")

  it_tells("takes no more memory than --max-memory allows", function()
    local bot = program.bot([[
      for i = 1, 900 do
        local orders = host.counter("orders_" .. i, "", { "id" })
        for id = 1, 1000 do orders:add(1, { id = ("x"):rep(250) .. id }) end
      end
    ]], {}, { flags = { "--max-memory", "16" } })
    bot:ends(1)
    assert.matches("bot.lua:2: not enough memory\n", bot.err)
  end)
end)

-- Bots that count: what a bot says of it, with the name of its version.
local function counting(version, more)
  return counted .. ([[
    local orders = host.counter("orders", "Orders.", { "by" })
    orders:add(1, { by = "%s" })
    orders:add(1, { by = "all" })
    host.every(3600, print)
  ]]):format(version) .. (more or "")
end

local function start(more)
  local bot = reloadable.start(counting("1", 'print "runs" ' .. (more or "")))
  bot:tells "runs"
  return bot
end

describe("over a reload", function()
  it_tells("counters go on, gauges keep their values, and what is not declared any more stays", function()
    local bot = start [[
      host.gauge "depth":set(5)
      host.gauge "price":set(5)
      local took = host.histogram "took"
      took:observe(3)
      host.counter "old":add(9)
      host.on_reload(function() orders:add(1, { by = "on_reload" }) end)
      local ends <close> = setmetatable({}, { __close = function() took:observe(4) end })
      host.sleep(3600)
    ]]
    bot:takes_over(counting("2", [[
      host.gauge "depth"
      host.gauge "price":set(6)
      host.histogram "took":observe(3)
      host.after(0, counted)
    ]]))
    bot:tells("depth 5", "old_total 9", 'orders_total{by="1"} 1', 'orders_total{by="2"} 1', 'orders_total{by="all"} 2',
      'orders_total{by="on_reload"} 1', "price 6", 'took_bucket{le="1"} 0', 'took_bucket{le="2.5"} 0',
      'took_bucket{le="5"} 3', 'took_bucket{le="10"} 3', 'took_bucket{le="+Inf"} 3', "took_sum 10", "took_count 3")
    bot:takes_over(counting("3", "host.after(0, function() orders:add(1, { by = 'all' }) counted() end)"))
    bot:tells("depth 5", "old_total 9", 'orders_total{by="1"} 1', 'orders_total{by="2"} 1', 'orders_total{by="3"} 1',
      'orders_total{by="all"} 4')
    bot:kill "sigterm"
    bot:wait()
  end)

  it_tells("one that fails leaves nothing behind, and changes nothing", function()
    local bot = start()
    bot:fails_to(counting("2", [[
      host.gauge "depth":set(5)
      host.counter("orders", "Another help.", { "by" })
      error "no"
    ]]), "no")
    bot:takes_over(counting("3", "host.after(0, counted)"))
    bot:tells('orders_total{by="1"} 1', 'orders_total{by="3"} 1', 'orders_total{by="all"} 2')
    bot:kill "sigterm"
    bot:wait()
  end)

  it_tells("a name keeps its meaning", function()
    local bot = start()
    bot:fails_to("host.gauge 'orders'", "host.gauge: 'orders' is a counter, and cannot be a gauge too")
    bot:fails_to("host.counter 'orders'", "was declared with the label by, and is now with no labels")
    bot:kill "sigterm"
    bot:wait()
  end)

  it_tells("a metric of the old code does no harm in the new", function()
    local bot = start [[
      local kept = host.counter "kept"
      setmetatable({}, { __gc = function()
        kept:add()
        print(kept)
        print((pcall(host.counter, "late")))
      end })
    ]]
    bot:takes_over(counting "2")
    bot:tells("counter: kept", "false")
    bot:kill "sigterm"
    bot:wait()
  end)

  it_tells("wsbot check declares what it finds, and ends", function()
    local p = program.run { "check", place.file("bot.lua", counting "1") }
    assert.equal(0, (p:wait()))
    assert.equal("", p.err)
  end)
end)

describe("in a test", function()
  it_tells("each bot counts for itself, over its own reloads", function()
    local p = program.test(([==[
      local testing = require "wsbot.testing"
      local source = [[%s]]
      local function says(bot, n)
        local line = 'orders_total{by="all"} ' .. n .. "\n"
        repeat host.sleep(0) until bot.output:sub(-#line) == line
      end
      for _ = 1, 2 do
        it("counts from the beginning", function()
          local first <close> = testing.bot(source)
          says(first, 1)
          assert.is_true(first:reload(source))
          says(first, 2)
          local second <close> = testing.bot(source)
          says(second, 1)
          assert.is_true(first:reload(source))
          says(first, 3)
        end)
      end
      it("and the test for itself", function()
        host.counter "orders":add()
        assert.equal(1, #require "wsbot.metrics.core".snapshot())
      end)
    ]==]):format(counted .. [[
      local orders = host.counter("orders", "Orders.", { "by" })
      host.after(0, function() orders:add(1, { by = "all" }) counted() end)
      host.sleep(3600)
    ]]), "-o", "TAP")
    p:wait()
    assert.equal(0, p.status, p.out .. p.err)
  end)
end)

-- Bots whose snapshots are merged and printed, by name and format.
local examples = {
  ["all kinds"] = [[
    local orders = host.counter("orders_total", "Orders \\ that \"we\" sent,\nby venue.", { "venue" })
    orders:add(3, { venue = 'a\\b\n"c" é' })
    orders:add(2 ^ 70, { venue = "" })
    host.gauge("depth", "Depth of the book."):set(-0.1)
    host.histogram("size_bytes", "Sizes.", { "kind" }):observe(1500, { kind = "text" })
    host.histogram("size_bytes", "Sizes.", { "kind" }):observe(1e-7, { kind = "binary" })
    host.histogram("size_bytes", "Sizes.", { "kind" }):observe(3e9, { kind = "binary" })
    host.histogram("took_seconds", "Times."):observe(0)
  ]],
  ["names only"] = "host.counter 'orders' host.gauge 'depth':set(1) host.histogram 'took_seconds'",
  ["what fell below 0"] = "local h = host.histogram 'change' h:observe(-5) h:observe(2)",
  ["what was dropped"] = "local c = host.counter('c', '', { 'i' }) for i = 1, 1001 do c:add(1, { i = i }) end",
  ["nothing"] = "",
}

-- The text of two workers that run the same; what the host adds is there as well.
local function text_of(source, format)
  local bot = program.bot(source .. ([[
    local metrics, json = require "wsbot.metrics", require "wsbot.json"
    local snapshot = require "wsbot.metrics.core".snapshot()
    table.insert(snapshot, { name = "wsbot_build_info", kind = "info", labels = { "version" },
      series = { { labels = { "1.0" }, value = 1 } } })
    table.insert(snapshot, { name = "wsbot_turns", kind = "counter", series = { { value = 1 } } })
    io.write(metrics.text(metrics.merge { snapshot, [3] = json.decode(json.encode(snapshot)) }, "%s"))
  ]]):format(format))
  assert.equal(0, (bot:wait()))
  return bot.out
end

-- Counts what Python's parser reads: a line for each family.
local reader = [[
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
for family in families(sys.stdin.read()):
    print(family.type, family.name, len(family.samples))
    for sample in family.samples:
        if sample.labels.get("venue", "").startswith("a"):
            print(repr(sample.labels["venue"]), sample.value)
]]

describe("the text of what was counted", function()
  for name, source in pairs(examples) do
    it_tells("passes promtool: " .. name, function()
      packages.need "prometheus"
      local p = program.start("/usr/bin/promtool", { "check", "metrics" }, { stdin = text_of(source, "prometheus") })
      assert.equal(0, (p:wait()), p.out .. p.err)
      assert.equal("", p.out .. p.err)
    end)

    it_tells("is read by Python's parser of OpenMetrics: " .. name, function()
      packages.need "python3-prometheus-client"
      local p = program.start("/usr/bin/python3", { "-c", reader }, { stdin = text_of(source, "openmetrics") })
      assert.equal(0, (p:wait()), p.out .. p.err)
      assert.matches("info wsbot_build 1\n.*counter wsbot_turns 1\n", p.out)
      if name == "all kinds" then
        assert.matches("^gauge depth 3\ncounter orders 2\n'a\\\\b\\n\"c\" é' 6\nhistogram size_bytes ", p.out)
      end
    end)
  end

  it_counts("adds up workers; a gauge is there for each of them, too", [[
    local metrics = require "wsbot.metrics"
    host.counter("orders", "", { "v" }):add(2, { v = "x" })
    local depth = host.gauge "depth"
    depth:set(5)
    host.histogram "took":observe(1)
    local one = require "wsbot.metrics.core".snapshot()
    depth:set(7)
    host.histogram "took":observe(2)
    host.counter("orders", "", { "v" }):add(1, { v = "y" })
    local two = require "wsbot.metrics.core".snapshot()
    for line in metrics.text(metrics.merge { one, two }, "prometheus"):gmatch "[^\n]+" do
      if line:sub(1, 1) ~= "#" then print(line) end
    end
  ]], "depth 12", 'depth{worker="1"} 5', 'depth{worker="2"} 7', 'orders_total{v="x"} 4', 'orders_total{v="y"} 1',
    'took_bucket{le="1"} 2', 'took_bucket{le="2.5"} 3', 'took_bucket{le="5"} 3', 'took_bucket{le="10"} 3',
    'took_bucket{le="+Inf"} 3', "took_sum 4", "took_count 3")

  it_prints("takes one meaning of a name where workers differ, as in the middle of a reload", [[
    local metrics = require "wsbot.metrics"
    local one = { { name = "a", kind = "gauge", series = { { labels = {}, value = 1 } } } }
    local two = { { name = "a", kind = "counter", series = { { labels = {}, value = 2 } } },
      { name = "b", kind = "gauge", help = "B", series = { { labels = {}, value = 3 } } } }
    io.write(metrics.text(metrics.merge { one, two }, "openmetrics"))
  ]], "# HELP a Set by the script.", "# TYPE a gauge", "a 1", 'a{worker="1"} 1', "# HELP b B", "# TYPE b gauge", "b 3",
    'b{worker="2"} 3', "# EOF")

  it_counts("has numbers that read back the same", [[
    local metrics = require "wsbot.metrics"
    for _, x in ipairs { 0.1, 1 / 3, 1e300, 5e-324, 2 ^ 53, 2 ^ 53 - 1, -3, 1e15, 123456.789, 2 ^ 1023 } do
      host.gauge "x":set(x)
      local text = metrics.text(require "wsbot.metrics.core".snapshot(), "openmetrics"):match "\nx (%S+)"
      if tonumber(text) ~= x then print(x, text) end
    end
    print "all"
  ]], "all")
end)
