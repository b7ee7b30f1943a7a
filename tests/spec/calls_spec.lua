-- wsbot.calls: answers that belong to questions.
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local program = require "support.program"

describe("wsbot.calls", function()
  it_prints("gives each question its answer, in whatever order they come", [[
    local calls = require("wsbot.calls").new()
    for i = 1, 3 do
      local id, answer = calls:open()
      host.spawn(function() print(i, id, answer.id, answer:wait()) end)
    end
    host.sleep(0)
    print(calls:answer(2, "two", nil, 2), calls:fail(3, { code = 3 }), calls:answer(1))
    host.sleep(0)
    print(calls:answer(1, "again"), calls:answer(4), calls:answer(nil), calls:answer(0/0), calls:fail("x", "y"))
  ]], "true\ttrue\ttrue", "2\t2\t2\ttrue\ttwo\tnil\t2", "~^3\t3\t3\tnil\tfailed\ttable: ", "1\t1\t1\ttrue",
    "false\tfalse\tfalse\tfalse\tfalse")

  it_prints("keeps an answer that comes before somebody waits for it", [[
    local calls = require("wsbot.calls").new()
    local id, answer = calls:open()
    calls:answer(id, "early")
    print(answer:wait(0))
    print(answer:wait())
  ]], "true\tearly", "true\tearly")

  it_prints("waits as long as it is told to, and an answer that comes too late does nothing", [[
    local clock <close> = require("wsbot.testing").clock()
    local calls = require("wsbot.calls").new { timeout = 3 }
    local began = host.now()
    local ids = {}
    for _, timeout in ipairs { 7, false, 1 } do
      local id, answer = calls:open()
      ids[#ids + 1] = id
      host.spawn(function()
        local ok, word = answer:wait(timeout or nil)
        print(id, ok, word, host.now() - began)
      end)
    end
    clock:advance(10)
    for _, id in ipairs(ids) do io.write(tostring(calls:answer(id, "late")), " ") end
    print(next(calls.waiting))
  ]], "3\tnil\ttimeout\t1.0", "2\tnil\ttimeout\t3.0", "1\tnil\ttimeout\t7.0", "false false false nil")

  it_prints("lets several tasks wait, of which one may give up", [[
    local calls = require("wsbot.calls").new()
    local id, answer = calls:open()
    local cancelled = host.spawn(function() answer:wait() end)
    for _, timeout in ipairs { 0.001, 5 } do host.spawn(function() print(timeout, answer:wait(timeout)) end) end
    host.sleep(0.01)
    cancelled:cancel()
    print(calls:answer(id, "for the patient"))
  ]], "0.001\tnil\ttimeout", "true", "5\ttrue\tfor the patient")

  it_prints("does not forget a question that somebody is willing to wait long for", [[
    local clock <close> = require("wsbot.testing").clock()
    local calls = require("wsbot.calls").new { timeout = 1 }
    local id, answer = calls:open()
    host.spawn(function() print(answer:wait(60)) end)
    local forgotten = calls:open()
    clock:advance(30)
    calls:open()
    print(calls:answer(forgotten, "late"), calls:answer(id, "after half a minute"))
    clock:advance(0)
  ]], "false\ttrue", "true\tafter half a minute")

  it_prints("fails all that are under way, and none that come after", [[
    local calls = require("wsbot.calls").new()
    for _ = 1, 2 do
      local id, answer = calls:open()
      host.spawn(function() print(answer:wait()) end)
    end
    host.sleep(0)
    calls:fail_all "closed"
    local id, answer = calls:open()
    print(calls:answer(1), id, calls:answer(id, "well"), answer:wait())
  ]], "false\t3\ttrue\ttrue\twell", "nil\tfailed\tclosed", "nil\tfailed\tclosed")

  it_prints("keeps nothing of a million questions, answered or not", [[
    local calls = require("wsbot.calls").new { timeout = 0.0001 }
    local function ask(n)
      for i = 1, n do
        local id = calls:open()
        if i % 2 == 0 then calls:answer(id, i) end
        if i % 1000 == 0 then host.sleep(0.0002) end
      end
      collectgarbage() collectgarbage()
      return collectgarbage "count"
    end
    local before = ask(20000)
    print(ask(1000000) - before < 1000)
  ]], "true")

  it_tells("does not use the numbers of the generation before, whose answers may still come", function()
    local bot = program.bot [[
      if host.reloads == 0 then
        print(require("wsbot.calls").new():open())
        host.reload()
        host.sleep(60)
      end
      local id = require("wsbot.calls").new():open()
      print(id > 1000000, id < 1 << 31, math.type(id))
    ]]
    bot:tells("~^1\ttable: ", "true\ttrue\tinteger")
    bot:ends(0)
  end)

  it_prints("says what is wrong with a timeout", [[
    local calls = require "wsbot.calls"
    for _, timeout in ipairs { 0, -1, "soon", 0/0 } do
      print((select(2, pcall(calls.new, { timeout = timeout }))))
    end
    local id, answer = calls.new():open()
    print(pcall(answer.wait, answer, -1))
  ]], "~timeout must be more than 0", "~timeout must be more than 0", "~timeout must be more than 0",
    "~timeout must be more than 0", "~seconds must be a number")
end)
