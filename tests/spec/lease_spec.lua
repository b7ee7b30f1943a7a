-- wsbot.lease and wsbot.limits with an etcd that is played (tests/spec/support/etcd.lua): what they ask for, what they
-- make of wrong answers, and of none. tests/interop/lease_spec.lua has real ones.
-- Runs within the program that it tests.
local client_of = require "wsbot.etcd"
local etcd = require "support.etcd"
local it_tells = require "support.it_tells"
local lease = require "wsbot.lease"
local limits = require "wsbot.limits"
local program = require "support.program"
local testing = require "wsbot.testing"

-- A bot that holds "job", prints what becomes of it, and has it in the global `mine`.
local HOLDER = [[
local lease = require "wsbot.lease"
mine = assert(lease.hold {
  etcd = arg[1], name = "job", ttl = tonumber(arg[2] or 10),
  on_lost = function(one, why) print("lost", one.token, why) end,
})
print("held", mine.token)
]]

local function hold(url, ttl)
  local bot = testing.bot(HOLDER, { args = { url, ttl and tostring(ttl) } })
  return bot
end

local function prints(bot, text)
  testing.eventually(function() return bot.output:find(text, 1, true) end)
end

local function unavailable()
  return { status = 503, json = { error = "etcdserver: no leader", message = "etcdserver: no leader", code = 14 } }
end

describe("lease.hold", function()
  it("has a key with a lease, whose create_revision is the token", function()
    local e = etcd.new()
    local bot = hold(e.url)
    prints(bot, "held\t101\n")
    local id = e:lease()
    assert.same({ ["wsbot/lease/job/" .. ("%016x"):format(id)] = { revision = 101, lease = id } }, e.keys)
    assert.equal("10", e.site.requests[1]:json().TTL)
  end)

  it("renews every third of its ttl, by one request", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url, 9)
    prints(bot, "held")
    for n = 1, 10 do
      clock:advance(3)
      testing.eventually(function() return e:count "lease/keepalive" == n end)
    end
    assert.equal(13, #e.site.requests)
    assert.equal("held\t101\n", bot.output)
  end)

  it("tells that it is lost before etcd can have ended it, where it is not renewed", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url, 10)
    prints(bot, "held")
    e:answers("lease/keepalive", unavailable)
    clock:advance(8.9)
    assert.equal("held\t101\n", bot.output)
    clock:advance(0.1)
    prints(bot, "lost\t101\tetcd did not renew it within 9 s: " .. e.url .. ": etcdserver: no leader\n")
  end)

  it("counts from when the last request that was answered was sent", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url, 10)
    prints(bot, "held")
    clock:advance(3.5)
    testing.eventually(function() return e:count "lease/keepalive" == 1 end)
    e:answers("lease/keepalive", unavailable)
    clock:advance(8.7)
    assert.equal("held\t101\n", bot.output)
    clock:advance(0.3)
    prints(bot, "lost\t101\tetcd did not renew it within 9 s")
  end)

  it("tells at once where etcd has ended it, and gives nothing back but that", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url, 10)
    prints(bot, "held")
    e:ends(e:lease())
    clock:advance(3.5)
    prints(bot, "lost\t101\tetcd does not have the lease any more\n")
    assert.is_nil(next(e.keys))
  end)

  it("gives what it has lost back as soon as etcd answers, so that the next need not wait", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url, 10)
    prints(bot, "held")
    e:answers("lease/keepalive", unavailable)
    e:answers("lease/revoke", unavailable)
    clock:advance(9.5)
    prints(bot, "lost")
    assert.is_not_nil(next(e.keys))
    e:answers("lease/revoke", nil)
    clock:advance(5)
    testing.eventually(function() return next(e.keys) == nil end)
  end)

  it_tells("tells an error in on_lost as that of any callback", function()
    local e = etcd.new()
    local p = program.bot([[
      require("wsbot.lease").hold { etcd = arg[1], name = "job", ttl = 2, on_lost = function() error "oops" end }
    ]], { e.url })
    testing.eventually(function() return e:count "kv/txn" == 2 end)
    e:ends(e:lease())
    p:complains "oops"
    p:ends(0)
  end)

  it("waits for the one before it alone, and has a greater token", function()
    local e = etcd.new()
    local first = hold(e.url)
    prints(first, "held\t101")
    local second = hold(e.url)
    testing.eventually(function() return e:count "watch" == 1 end)
    assert.equal("", second.output)
    e:ends(e.site.requests[1]:json().ID)
    prints(second, "held\t102")
  end)

  it("asks for less and less where it is not told when its turn has come, and gets it all the same", function()
    local clock, e = testing.clock(), etcd.new()
    prints(hold(e.url), "held\t101")
    local first = e:lease()
    e:answers("watch", function() return { body = '{"result":{"canceled":true}}\n' } end)
    local bot = hold(e.url)
    testing.eventually(function() return e:count "watch" == 1 end)
    for _ = 1, 60 do clock:advance(1) end
    assert.is_true(e:count "watch" <= 24, e:count "watch")
    e:ends(first)
    for _ = 1, 6 do clock:advance(1) end
    prints(bot, "held\t102")
  end)

  it("waits while etcd is away, gives no sense, or has no leader", function()
    local clock, e = testing.clock(), etcd.new()
    local answers = {
      unavailable, function() return { body = "hello" } end, function() return { body = "{}" } end,
      function() return { json = { header = {} } } end, function() return { status = 500, json = { code = 2 } } end,
      function() return { json = { error = { message = 7 } } } end, function() return { body = "[1]" } end,
    }
    local n = 0
    e:answers("kv/txn", function(request)
      n = n + 1
      if n == #answers then e:answers("kv/txn", nil) end
      return answers[n](request)
    end)
    local bot = hold(e.url)
    for i = 1, #answers do
      testing.eventually(function() return n >= i end)
      clock:advance(5)
    end
    prints(bot, "held")
  end)
end)

describe("an etcd that answers what makes no sense", function()
  -- One answer after the other to that path, and then those that it should give, after which the lease is held.
  local function holds_behind(path, answers, url)
    local clock, e = testing.clock(), etcd.new()
    local n = 0
    e:answers("auth/authenticate", function() return { json = { token = "good" } } end)
    e:answers(path, function(request)
      n = n + 1
      return answers[n] and { body = answers[n] } or path:find "^auth" and { json = { token = "good" } } or
        e:perform(path, request)
    end)
    local bot = hold(url and url(e.url) or e.url)
    for i = 1, #answers + 1 do
      testing.eventually(function() return n >= i end)
      clock:advance(5)
    end
    prints(bot, "held")
  end

  it("is waited out, whatever stands in the place of a table", function()
    local head = [[{"header":{"revision":"7"},"responses":%s}]]
    local answers, kvs = {}, { '{"kvs":5}', '{"kvs":null}', '{"kvs":[5,[]]}', '{"kvs":[null]}' }
    for _, range in ipairs { "5", "true", '"kvs"', "[]", table.unpack(kvs) } do
      answers[#answers + 1] = head:format(('[{"response_range":%s}]'):format(range))
    end
    for _, responses in ipairs { "5", "null", "true", '"text"', "[5]", "[null]", "[false]", "{}" } do
      answers[#answers + 1] = head:format(responses)
    end
    holds_behind("kv/txn", answers)
  end)

  it("is waited out, whatever stands in the place of a lease's seconds", function()
    holds_behind("lease/grant", { "{}", '{"TTL":"-3"}', '{"TTL":"0"}', '{"TTL":[]}', '{"TTL":"nan"}', '{"TTL":0.5}' })
  end)

  it("is waited out, whatever stands in the place of a token", function()
    holds_behind("auth/authenticate", { "{}", '{"token":5}', '{"token":"a\\r\\nb"}', '{"token":"\\u0000"}' },
      function(url) return (url:gsub("://", "://bot:secret@")) end)
  end)

  it("holds nothing up where a watch says much without the end of a line", function()
    local e = etcd.new()
    prints(hold(e.url), "held\t101")
    local first = e:lease()
    local clock = testing.clock()
    e:answers("watch", function() return { body = ("x"):rep(50000) } end)
    local bot = hold(e.url)
    testing.eventually(function() return e:count "watch" == 1 end)
    e:ends(first)
    local began = os.clock()
    testing.eventually(function()
      clock:advance(1)
      return bot.output:find("held\t102", 1, true)
    end)
    assert.is_true(os.clock() - began < 5)
  end)

  it("is not read to its end where it is larger than any answer of etcd", function()
    local e = etcd.new()
    e:answers("lease/keepalive", function() return { body = "[" .. ("[],"):rep(1 << 20) .. "[]]" } end)
    local client = client_of.new { endpoints = client_of.read_endpoints(e.url, "etcd") }
    local _, word = client:keepalive("1", 30)
    assert.equal("too_big", word)
  end)

  it("is not kept in memory where a watch says more and more without the end of a line", function()
    local e = etcd.new()
    e:answers("watch", function() return { body = ("x"):rep(3 << 20) } end)
    local client = client_of.new { endpoints = client_of.read_endpoints(e.url, "etcd") }
    local _, word, message = client:wait_deleted("key", 1, 30)
    assert.same({ "etcd", "etcd does not watch: it says too much at once" }, { word, message })
  end)
end)

describe("an etcd of several endpoints", function()
  local function holder(urls)
    return testing.bot([[
      local urls = {}
      for url in arg[1]:gmatch "%S+" do urls[#urls + 1] = url end
      local l = assert(require("wsbot.lease").hold { etcd = urls, name = "job", ttl = 2 })
      print("held", l.token)
    ]], { args = { table.concat(urls, " ") } })
  end

  it("is asked by the next one, where one is dead, silent or without a leader, and that is kept", function()
    local silent, lost, good = etcd.new(), etcd.new(), etcd.new()
    silent:answers("lease/grant", function() host.sleep(20) end)
    lost:answers("lease/grant", unavailable)
    local bot = holder { "http://127.0.0.1:1", silent.url, lost.url, good.url .. "/" }
    prints(bot, "held\t101")
    testing.eventually(function() return good:count "lease/keepalive" == 1 end)
    assert.same({ 1, 1 }, { #silent.site.requests, #lost.site.requests })
  end)

  it("does not take a lease twice, where an answer was lost", function()
    local e = etcd.new()
    local n = 0
    e:answers("lease/grant", function(request)
      n = n + 1
      if n == 1 then return unavailable() end
      return { status = 412, json = { message = "etcdserver: lease already exists", code = 9, id = request:json().ID } }
    end)
    prints(holder { e.url, e.url }, "held\t101")
    assert.same({ e.site.requests[1]:json(), true }, { e.site.requests[2]:json(), n == 2 })
  end)
end)

describe("an etcd with users", function()
  local function with_users(e)
    local tokens = 0
    e:answers("auth/authenticate", function(request)
      local who = request:json()
      if who.name ~= "bo:t" or who.password ~= "p@ss" then
        local why = "etcdserver: authentication failed, invalid user ID or password"
        return { status = 400, json = { message = why, code = 3 } }
      end
      tokens = tokens + 1
      return { json = { token = "token" .. tokens } }
    end)
    e:answers("kv/txn", function(request)
      if request.headers.Authorization == "token2" then return e:perform("kv/txn", request) end
      return { status = 401, json = { message = "etcdserver: invalid auth token", code = 16 } }
    end)
  end

  it("is given a token, and gives another one where that is old", function()
    local e = etcd.new()
    with_users(e)
    local bot = hold((e.url:gsub("://", "://bo%%3At:p%%40ss@")))
    prints(bot, "held")
    assert.equal(2, e:count "auth/authenticate")
    for _, request in ipairs(e.site.requests) do
      assert.is_nil((request.headers.Authorization or ""):match "Basic")
    end
  end)

  it("refuses a wrong password, and that is not waited out", function()
    local e = etcd.new()
    with_users(e)
    local bot = testing.bot([[
      print(require("wsbot.lease").hold { etcd = arg[1], name = "job" })
    ]], { args = { (e.url:gsub("://", "://bot:secret@")) } })
    prints(bot, "nil\trefused\t" .. e.url .. ": etcdserver: authentication failed, invalid user ID or password\n")
  end)
end)

describe("the end of a lease", function()
  it("is that of release, which gives it to the next at once", function()
    local e = etcd.new()
    local bot = testing.bot([[
      local l = require("wsbot.lease").hold { etcd = arg[1], name = "job" }
      print(l:held(), l:release(), l:held(), l:release())
    ]], { args = { e.url } })
    prints(bot, "true\ttrue\tfalse\ttrue\n")
    assert.is_nil(next(e.leases))
  end)

  it("is that of its scope", function()
    local e = etcd.new()
    local bot = testing.bot([[
      do local l <close> = require("wsbot.lease").hold { etcd = arg[1], name = "job" } end
      print "out"
    ]], { args = { e.url } })
    prints(bot, "out")
    testing.eventually(function() return next(e.leases) == nil end)
  end)

  it("is an orderly stop, behind what the script does for its own end", function()
    local e = etcd.new()
    local bot = testing.bot(HOLDER .. [[
      host.on_stop(function() print("stopping", mine:held()) end)
    ]], { args = { e.url } })
    prints(bot, "held")
    bot:stop()
    assert.equal("held\t101\nstopping\ttrue\n", bot.output)
    assert.is_nil(next(e.leases))
    assert.equal(1, e:count "lease/revoke")
  end)

  it("is the end of a task that asks for it, and may have it already", function()
    local e, server, asked = etcd.new(), testing.server(), host.future()
    e:answers("kv/txn", function(request)
      local answer = e:perform("kv/txn", request)
      asked:set()
      host.sleep(3)
      return answer
    end)
    testing.bot([[
      local task = host.spawn(function() require("wsbot.lease").hold { etcd = arg[1], name = "job" } end)
      local conn = ws.connect { url = arg[2], on_message = function() task:cancel() end }
    ]], { args = { e.url, server.url } })
    asked:wait()
    assert.is_not_nil(next(e.keys))
    server:accept():send "enough"
    testing.eventually(function() return next(e.keys) == nil end)
  end)

  it("is the end of a task that waits for it: its place in the queue is given up", function()
    local e = etcd.new()
    local first = hold(e.url)
    prints(first, "held")
    local bot = testing.bot([[
      local task = host.spawn(function() require("wsbot.lease").hold { etcd = arg[1], name = "job" } end)
      host.after(0.2, function() print(task:cancel()) end)
    ]], { args = { e.url } })
    prints(bot, "true")
    testing.eventually(function() return e:count "lease/revoke" == 1 end)
    assert.equal(e.site.requests[1]:json().ID, e:lease())
  end)
end)

describe("a reload", function()
  it("keeps the lease that is held again by its name: the same token, and nothing is asked of etcd", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url)
    prints(bot, "held\t101\n")
    local before = #e.site.requests
    assert(bot:reload(HOLDER))
    prints(bot, "held\t101\nheld\t101\n")
    assert.equal(before, #e.site.requests)
    clock:advance(3.5)
    testing.eventually(function() return e:count "lease/keepalive" == 1 end)
    e:answers("lease/keepalive", unavailable)
    clock:advance(9)
    prints(bot, "lost\t101\t")
    assert.is_nil(bot.output:find("lost.*lost"))
  end)

  it("that fails leaves it with those who have it", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url)
    prints(bot, "held")
    assert.is_nil((bot:reload(HOLDER .. "error 'no'")))
    for _ = 1, 5 do clock:advance(3) end
    testing.eventually(function() return e:count "lease/keepalive" >= 4 end)
    assert.is_nil(bot.output:find "lost")
  end)

  it("gives back what is not held again", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = hold(e.url)
    prints(bot, "held")
    assert(bot:reload [[ require "wsbot.lease"; print "other"; host.every(60, function() end) ]])
    prints(bot, "other")
    clock:advance(4)
    testing.eventually(function() return next(e.leases) == nil end)
    assert.is_nil(bot.output:find "lost")
  end)

  it("keeps the place in the queue of one that waits", function()
    local e = etcd.new()
    local first = hold(e.url)
    prints(first, "held\t101")
    local bot = hold(e.url)
    testing.eventually(function() return e:count "watch" == 1 end)
    assert(bot:reload(HOLDER .. "print 'new'"))
    testing.eventually(function() return e:count "watch" == 2 end)
    assert.equal(2, e:count "lease/grant")
    e:ends(e.site.requests[1]:json().ID)
    prints(bot, "held\t102\nnew")
  end)
end)

describe("a process that was stopped past its ttl", function()
  it_tells("hears on_lost before anything else that has come meanwhile", function()
    local e, server = etcd.new(), testing.server()
    local p = program.bot(HOLDER .. [[
      io.stdout:setvbuf "line"
      host.every(0.05, function() if silent then print "timer" end end)
      local conn = ws.connect { url = arg[3], on_message = function(_, text) print(text) end }
      conn:opened()
      silent = true
      print "open"
    ]], { e.url, "2", server.url }, { flags = {} })
    local session = server:accept()
    p:tells "~^held"
    repeat until p:line() == "open"
    repeat until p:line() == "timer"
    p:kill "sigstop"
    for i = 1, 100 do session:send("message " .. i) end
    host.sleep(2.2)
    local before = #p.out
    p:kill "sigcont"
    testing.eventually(function() return p.out:find "message 100\n" end)
    assert.matches("^t?i?m?e?r?\n?lost\t", p.out:sub(before + 1)) -- it may have been stopped within a line
  end)

  it_tells("hears on_lost behind the callback that it was stopped in, before messages that it has read", function()
    local e, server = etcd.new(), testing.server()
    local p = program.bot(HOLDER .. [[
      io.stdout:setvbuf "line"
      local n = 0
      local conn = ws.connect { url = arg[3], on_message = function()
        n = n + 1
        if not mine.ended then print("message", n, host.time()) end
        local ends = host.now() + 0.002
        while host.now() < ends do end
      end }
      conn:opened()
      print "open"
    ]], { e.url, "2", server.url })
    local session = server:accept()
    p:tells "~^held"
    p:tells "open"
    for _ = 1, 5000 do session:send "x" end
    testing.eventually(function() return p.out:find "message" end)
    p:kill "sigstop"
    host.sleep(2.2)
    local goes_on = host.time()
    p:kill "sigcont"
    testing.eventually(function() return p.out:find "lost" end)
    local late = 0
    for time in p.out:gmatch "message\t%d+\t(%S+)" do
      if tonumber(time) > goes_on then late = late + 1 end
    end
    assert.is_true(late <= 1, late) -- it may have been about to print
  end)
end)

describe("arguments that are wrong", function()
  local function refuses(fn, options, message)
    local ok, why = pcall(fn, options)
    assert.is_false(ok)
    assert.equal(message, (why:gsub("^[^:]*:%d+: ", "")))
  end

  local function hold_with(changes)
    local options = { etcd = "http://127.0.0.1:1", name = "job", ttl = 10 }
    for name, value in pairs(changes) do options[name] = value end
    return options
  end

  it("are told by lease.hold", function()
    local function wrong(changes, message) refuses(lease.hold, hold_with(changes), "lease.hold: " .. message) end
    refuses(lease.hold, nil, "lease.hold: expected a table { etcd = ..., name = ..., ttl = ... }, not nil")
    refuses(lease.hold, { name = "x" }, "lease.hold: etcd is missing: the url of an etcd, or a list of them")
    refuses(lease.hold, { etcd = "http://a" }, "lease.hold: name is missing")
    wrong({ on_loss = print }, "unknown option 'on_loss' (did you mean 'on_lost'?)")
    for _, ttl in ipairs { 1, 1.5, 0, -3, 86401, "10", 0 / 0 } do
      wrong({ ttl = ttl }, ("ttl must be whole seconds from 2 to 86400, not %s"):format(tostring(ttl)))
    end
    wrong({ on_lost = 7 }, "on_lost must be a function, not number")
    wrong({ name = "" }, "name must have 1 to 255 bytes")
    wrong({ name = 7 }, "name must be a string, not number")
    wrong({ etcd = {} }, "etcd must be the url of an etcd, or a list of them")
    wrong({ etcd = { "http://a", "a:2379" } }, "etcd[2] 'a:2379': it must begin with http:// or https:// and a host")
    wrong({ etcd = "http://u:secret@a b" }, "etcd 'http://***@a b': it has a control character or a space")
    wrong({ tls = { ca = "x" } }, "unknown option 'tls.ca'")
  end)

  it("are told by limits.etcd and host.limiter", function()
    local url = "http://127.0.0.1:1"
    refuses(limits.etcd, { etcd = url, n = 1, per = 1 }, "limits.etcd: name is missing")
    refuses(limits.etcd, { etcd = url, n = 0, per = 1, name = "x" },
      "limits.etcd: n must be a whole number from 1 to 1000, not 0")
    refuses(host.limiter, { n = 1, per = 1, scope = "etcd", name = "x" }, "host.limiter: etcd is missing")
    refuses(host.limiter, { n = 1, per = 1, scope = "machine" },
      'host.limiter: scope must be "pool" or "etcd", not machine')
    refuses(host.limiter, { n = 1, per = 1, scop = "etcd" },
      "host.limiter: unknown option 'scop' (did you mean 'scope'?)")
    refuses(host.limiter, { n = 1, per = 1, name = "x" }, 'host.limiter: name is for a scope: scope = "pool" or "etcd"')
    refuses(host.limiter, { n = 1, per = 1, scope = "pool" }, "host.limiter: name is missing")
    refuses(host.limiter, { n = 1, per = 1, scope = "pool", name = "x", etcd = url },
      'host.limiter: etcd is for scope = "etcd"')
    assert.is_true(host.limiter({ n = 2, per = 60 }):take(2))
  end)
end)

describe("limits.etcd", function()
  -- A bot that runs this with a limiter of its own, `l`.
  local function run(e, n, per, source)
    return testing.bot(([[
      local l = host.limiter { scope = "etcd", etcd = arg[1], name = "identify", n = %d, per = %g }
    ]]):format(n, per) .. source, { args = { e.url } })
  end

  it("lets n through in a span, and the next when the first of them is a span ago", function()
    local clock, e = testing.clock(), etcd.new()
    local bot = run(e, 2, 5, "for i = 1, 3 do print(i, l:take()) host.sleep(1) end")
    prints(bot, "1\ttrue\n")
    assert.equal("7", e.site.requests[2]:json().TTL)
    clock:advance(1)
    prints(bot, "2\ttrue\n")
    clock:advance(1)
    testing.eventually(function() return e:count "watch" == 1 end)
    clock:advance(2.9)
    assert.is_nil(bot.output:find "3")
    clock:advance(0.3)
    prints(bot, "3\ttrue\n")
  end)

  it("takes no more at once than etcd has in a transaction", function()
    local bot = run(etcd.new(), 1000, 60, "print(l:take(128)) print(pcall(l.take, l, 129))")
    prints(bot, "true\nfalse\tlimiter:take: count must be from 1 ")
  end)

  it("counts what others have taken, in as many slots as are asked for, and gives up in time", function()
    local e = etcd.new()
    prints(run(e, 3, 60, "print(l:take(2))"), "true\n")
    local bot = run(e, 3, 60, [[
      print(l:take(2, 0.1)) print(l:take(1, 5)) print(l:take(1, 0.1)) print(pcall(l.take, l, 4))
    ]])
    prints(bot, "nil\ttimeout\ntrue\nnil\ttimeout\nfalse\t")
    prints(bot, "as many as the limiter lets through at once")
  end)

  it("lets tasks through in the order in which they came, also where others give up", function()
    local e = etcd.new()
    local bot = run(e, 1, 60, [[
      print(l:take())
      local tasks = {}
      for i = 1, 4 do
        tasks[i] = host.spawn(function()
          print(i, l:take(1, i == 2 and 0.05 or nil))
        end)
      end
      tasks[2]:join()
      tasks[3]:cancel()
      print "waiting"
    ]])
    prints(bot, "true\n2\tnil\ttimeout\nwaiting\n")
    for _, text in ipairs { "1\ttrue\n", "4\ttrue\n" } do
      for id in pairs(e.leases) do e:ends(id) end
      prints(bot, text)
    end
    assert.equal("true\n2\tnil\ttimeout\nwaiting\n1\ttrue\n4\ttrue\n", bot.output)
  end)

  it("takes a slot whose answer was lost for its own", function()
    local e = etcd.new()
    e:answers("kv/txn", function(request)
      local answer = e:perform("kv/txn", request)
      if e:count "lease/grant" == 0 then return answer end
      e:answers("kv/txn", nil)
      return unavailable()
    end)
    local bot = testing.bot([[
      local l = host.limiter { scope = "etcd", etcd = { arg[1], arg[1] }, name = "identify", n = 1, per = 60 }
      print(l:take(1, 1))
    ]], { args = { e.url } })
    prints(bot, "true\n")
    assert.equal(1, e:count "lease/grant")
  end)

  it("does not use a slot that etcd was too slow to give: its lease may end too early", function()
    local e = etcd.new()
    for path, seconds in pairs { ["lease/grant"] = 1.5, ["kv/txn"] = 0.6 } do
      e:answers(path, function(request)
        if e:count "lease/grant" == 1 then host.sleep(seconds) end
        return e:perform(path, request)
      end)
    end
    local bot = run(e, 1, 60, "print(l:take())")
    testing.eventually(function() return e:count "lease/revoke" == 1 end)
    prints(bot, "true\n")
    assert.equal(2, e:count "lease/grant")
  end)
end)
