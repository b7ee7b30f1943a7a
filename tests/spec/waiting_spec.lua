-- host.future, host.queue, host.first and host.limiter: waiting for things.
local it_prints = require "support.it_prints"

describe("host.future", function()
  it_prints("gives all who wait, and who comes later, what it was set to", [[
    local f = host.future()
    for i = 1, 2 do host.spawn(function() print(i, f:wait()) end) end
    host.spawn(function()
      print(f:set("a", nil, 3))
      print(f:set(1))
    end):join()
    host.sleep(0)
    print(select("#", f:wait()), f:wait(0))
  ]], "true", "nil\tsettled", "1\ttrue\ta\tnil\t3", "2\ttrue\ta\tnil\t3", "4\ttrue\ta\tnil\t3")

  it_prints("gives an error that it failed with, or that its time was over", [[
    local f = host.future()
    print(f:wait(0.001))
    f:fail { code = 7 }
    local ok, word, why = f:wait()
    print(ok, word, why.code, (tostring(f):gsub("0x%x+", "X")))
    print(pcall(f.fail, host.future()))
  ]], "nil\ttimeout", "nil\tfailed\t7\tfuture: X (failed)", "~value expected")

  it_prints("leaves a task that is cancelled out", [[
    local f = host.future()
    local task = host.spawn(function() f:wait() print "never" end)
    host.sleep(0)
    print(task:cancel())
    f:set()
    host.sleep(0.001)
  ]], "true")
end)

describe("host.queue", function()
  it_prints("gives values in order, each to one who takes", [[
    local q = host.queue()
    for i = 1, 3 do host.spawn(function() print("taker " .. i, q:take()) end) end
    host.sleep(0)
    for i = 1, 4 do q:put(i * 10) end
    host.sleep(0.001)
    print(#q, q:take(), #q)
  ]], "taker 1\t10", "taker 2\t20", "taker 3\t30", "1\t40\t0")

  it_prints("lets who puts wait where it is full, and who takes where it is empty", [[
    local q = host.queue(2)
    print(q:put(1), q:put(2), q:put(3, 0.001))
    local putter = host.spawn(function() print("put", q:put(3)) end)
    host.sleep(0)
    print(q:take())
    putter:join()
    print(q:take(), q:take(), q:take(0.001))
  ]], "true\ttrue\tnil\ttimeout", "1", "put\ttrue", "2\t3\tnil\ttimeout")

  it_prints("is emptied after it was closed, and takes no more", [[
    local q = host.queue()
    q:put "last"
    local waits = host.queue()
    host.spawn(function() print("woken", waits:take()) end)
    host.sleep(0)
    q:close() waits:close()
    print(q:put "more")
    print(q:take())
    print(q:take())
    host.sleep(0.001)
    for _, call in ipairs { "host.queue(0)", "host.queue('x')", "host.queue():put(nil)", "host.queue():put(1, -1)" } do
      print((select(2, pcall(load(call))):match "%(([^()]+)%)$"))
    end
  ]], "nil\tclosed", "last", "nil\tclosed", "woken\tnil\tclosed", "a capacity is 1 or more",
    "~number expected, got string", "a value that is not nil", "seconds must be a number, 0 or more")

  it_prints("passes on what a task that is cancelled was woken for", [[
    local q = host.queue()
    local first = host.spawn(function() print("first", q:take()) end)
    host.spawn(function() print("second", q:take()) end)
    host.sleep(0)
    q:put "value"
    first:cancel()
    host.sleep(0.001)
  ]], "second\tvalue")
end)

describe("host.first", function()
  it_prints("gives the place of the first that ends, and what it gave", [[
    local slow, failed = host.future(), host.future()
    local quick = host.spawn(function() host.sleep(0.001) return "quick", 2 end)
    print(host.first { slow, quick })
    print(host.first({ slow, host.future() }, 0.001))
    failed:fail "no"
    print(host.first { slow, failed })
    for _, list in ipairs { {}, { 5 } } do print((select(2, pcall(host.first, list)):match "host%.first.*")) end
  ]], "2\ttrue\tquick\t2", "nil\ttimeout", "2\tnil\tfailed\tno", "host.first: a list of tasks and futures is needed",
    "host.first: item 1 is neither a task nor a future")
end)

describe("host.limiter", function()
  it_prints("lets n through in any span, in the order in which they came", [[
    local testing = require "wsbot.testing"
    local clock <close> = testing.clock()
    local limiter = host.limiter(3, 1)
    local began, said = host.now(), {}
    for i = 1, 8 do
      host.spawn(function()
        limiter:take()
        said[#said + 1] = ("%d at %.1f"):format(i, host.now() - began)
      end)
      clock:advance(0.1)
    end
    clock:advance(3)
    print(table.concat(said, ", "))
  ]], "1 at 0.0, 2 at 0.1, 3 at 0.2, 4 at 1.0, 5 at 1.1, 6 at 1.2, 7 at 2.0, 8 at 2.1")

  it_prints("counts how many are taken, and gives up in time", [[
    local limiter = host.limiter(5, 10)
    print(limiter:take(3), limiter:take(2), limiter:take(1, 0.001))
    for _, call in ipairs {
      "host.limiter(0, 1)", "host.limiter(1, 0)", "host.limiter(2, 1):take(3)", "host.limiter(2, 1):take(0)",
    } do
      print((select(2, pcall(load(call))):match "%(([^()]+)%)$"))
    end
  ]], "true\ttrue\tnil\ttimeout", "from 1 to 1048576", "more than 0 seconds",
    "from 1 to as many as the limiter lets through at once", "from 1 to as many as the limiter lets through at once")

  it_prints("is free for who wants less, when who waits for more gives up", [[
    local limiter = host.limiter(2, 0.2)
    limiter:take(1)
    host.spawn(function() print("two", limiter:take(2, 0.01)) end)
    host.spawn(function() print("one", limiter:take(1)) end)
    host.sleep(0.05)
    print "by now"
  ]], "two\tnil\ttimeout", "one\ttrue", "by now")
end)
