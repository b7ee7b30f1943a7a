-- state: host.state, plain data that outlives reloads.
local it_tells = require "support.it_tells"
local reloadable = require "support.reloadable"
local program = require "support.program"

-- What the second generation makes of what the first one kept.
local function it_keeps(name, first, second, ...)
  local expected = { ... }
  it_tells(name, function()
    local bot = reloadable.start(first .. " say 'ready' host.every(100, print)")
    bot:tells "ready"
    bot:takes_over(second .. " host.every(100, print)")
    bot:tells(table.unpack(expected))
    bot:kill "sigterm"
    bot:ends(0)
  end)
end

describe("host.state", function()
  it_tells("is the table that it is given first, or an empty one, and the same for the same name", function()
    local bot = program.bot [[
      local initial = { n = 1 }
      say(host.state("a", initial) == initial, host.state "a" == initial, host.state("a", { n = 2 }) == initial)
      say(next(host.state "b"), host.state "b" == host.state "b", host.state "a" == host.state "b")
    ]]
    bot:tells("true true true", "nil true false")
    bot:ends(0)
  end)

  it_keeps("values of all plain kinds, and the kinds of numbers", [[
    local s = host.state("s", { "one", 2, 2.0, true, false, { "deep" }, nan = 0/0, inf = 1/0, long = ("x"):rep(100000),
      zero = "a\0b", [1.5] = "float", [true] = "boolean", big = math.maxinteger })
  ]], [[
    local s = host.state "s"
    say(s[1], math.type(s[2]), math.type(s[3]), s[4], s[5], s[6][1], s.nan ~= s.nan, s.inf, #s.long, #s.zero)
    say(s[1.5], s[true], s.big == math.maxinteger)
  ]], "one integer float true false deep true inf 100000 3", "float boolean true")

  it_keeps("what is shared shared, also between names, and cycles as cycles", [[
    local shared = { "shared" }
    local a = host.state("a", { one = shared, two = shared, [shared] = "as a key" })
    a.self = a
    host.state("b", { from_b = shared, a = a })
  ]], [[
    local a, b = host.state "a", host.state "b"
    say(a.one == a.two, a.self == a, a[a.one], b.from_b == a.one, b.a == a)
  ]], "true true as a key true true")

  it_keeps("cjson's null", [[host.state("s", require "cjson".decode '{"a":null}')]],
    [[say(host.state "s".a == require "cjson".null)]], "true")

  it_keeps("what wsbot.json reads, null and arrays that are empty as well", [=[
    local json = require "wsbot.json"
    local s = host.state("s", json.decode '{"a":[],"b":{},"c":[null,[]]}')
    s.d = json.array {}
  ]=], [[say(require "wsbot.json".encode(host.state "s", { sort = true }))]], '{"a":[],"b":{},"c":[null,[]],"d":[]}')

  it_keeps("what no generation asks for, for the one after it", [[host.state("s", { n = 42 })]],
    [[host.after(0, function() say(host.state("s", { n = 1 }).n) end)]], "42")

  it_tells("is carried over generations that do not ask", function()
    local bot = reloadable.start("host.state('s', { n = 42 }) host.every(100, print) say 'ready'")
    bot:tells "ready"
    for _ = 1, 3 do bot:takes_over("host.every(100, print)") end
    bot:takes_over("say(host.state 's'.n) host.every(100, print)")
    bot:tells "42"
    bot:kill "sigkill"
  end)

  it_keeps("what migrate makes of it: a new table, or the old one changed", [[
    host.state("a", { version = 1, items = { "x", "y" } })
    host.state("b", { n = 1 })
    host.state("c", { n = 1 }, function() say "never: there is nothing to migrate" end)
  ]], [[
    local a = host.state("a", nil, function(old) return { version = 2, count = #old.items } end)
    local b = host.state("b", nil, function(old) old.n = old.n + 1 end)
    say(a.version, a.count, b.n, host.state("new", { n = 0 }, error).n)
  ]], "2 2 2 0")

  it_tells("fails the reload when migrate fails, and nothing has changed", function()
    local bot = reloadable.start [[
      local s = host.state("s", { n = 1 })
      host.every(100, print)
      s.n = 2
      say "ready"
    ]]
    bot:tells "ready"
    bot:fails_to("host.state('s', nil, function(old) old.n = 'broken' error 'cannot migrate' end)", "cannot migrate")
    bot:fails_to("host.state('s', nil, function() return 7 end)", "migrate must return a table or nothing, not number")
    bot:takes_over("say(host.state 's'.n)")
    bot:tells "2"
    bot:ends(0)
  end)

  it_tells("that cannot be copied fails the reload, which says where", function()
    for source, where in pairs {
      ["{ rows = { {}, {}, { f = print } } }"] = [[host%.state "s"%.rows%[3%]%.f is a function]],
      ["{ [print] = 1 }"] = [[host%.state "s"%[a function%] is a function]],
      ["{ co = coroutine.create(print) }"] = [[host%.state "s"%.co is a thread]],
      ["{ ['a b'] = { io.stdout } }"] = [[host%.state "s"%["a b"%]%[1%] is a userdata]],
      ["{ [2.5] = setmetatable({}, {}) }"] = [[host%.state "s"%[2%.5%] has a metatable]],
      ["setmetatable({}, {})"] = [[host%.state "s" has a metatable]],
      ["(function() local t = {} for _ = 1, 100000 do t = { t } end return t end)()"] = "is nested too deep",
    } do
      local bot = reloadable.start(("host.state('s', %s) host.every(100, print) say 'ready'"):format(source))
      bot:tells "ready"
      bot:fails_to("say 'never'", where)
      bot:kill "sigkill"
    end
  end)

  it_tells("of 100,000 rows comes over", function()
    local bot = reloadable.start [[
      local rows = host.state("book", { rows = {} }).rows
      for i = 1, 100000 do rows[i] = { id = i, price = i * 0.5, name = "row " .. i } end
      say "ready"
      host.every(100, print)
    ]]
    bot:tells "ready"
    bot:takes_over [[
      local rows, wrong = host.state "book".rows, 0
      for i = 1, 100000 do
        local r = rows[i]
        if r.id ~= i or r.price ~= i * 0.5 or r.name ~= "row " .. i then wrong = wrong + 1 end
      end
      say(#rows, wrong)
    ]]
    bot:tells "100000 0"
    bot:ends(0)
  end)

  it_tells("takes a name, a table and a function", function()
    local bot = program.bot [[
      say(pcall(host.state))
      say(pcall(host.state, "s", 1))
      say(pcall(host.state, "s", {}, 1))
    ]]
    bot:tells("~string expected", "~table expected", "~something callable expected")
    bot:ends(0)
  end)
end)
