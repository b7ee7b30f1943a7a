-- `wsbot run --status PORT`: /livez, /readyz and /metrics by HTTP, of a program and of a pool.
local http = require "wsbot.http"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local packages = require "support.packages"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

-- A bot with --status: and the url of that.
local function start(source, options)
  options = options or {}
  local flags = { "--status", options.status or "0", table.unpack(options.flags or {}) }
  local bot = program.bot(source .. "\nhost.every(3600, print)", options.args, { flags = flags, env = options.env })
  bot:complains "status on "
  return bot, bot.err:match "status on (%S+)"
end

local function get(url, options)
  options = options or {}
  options.url, options.retry = url, nil
  return assert(http.request(options))
end

local function body(url, options)
  return get(url, options).body
end

-- The value of a series in the text of /metrics.
local function value_of(text, series)
  return tonumber(("\n" .. text):match("\n" .. series:gsub("%p", "%%%0") .. " (%S+)"))
end

describe("--status", function()
  it_tells("answers that the loop turns", function()
    local _, url = start ""
    local response = get(url .. "/livez")
    assert.same({ 200, "ok\n" }, { response.status, response.body })
    assert.equal(404, get(url .. "/").status)
    assert.equal(405, get(url .. "/livez", { method = "POST" }).status)
  end)

  it_tells("is ready when every function of host.ready says true, and says which does not", function()
    local bot, url = start [[
      local ready = false
      host.ready(function() return ready end)
      host.on_reload(function() end)
      function make_ready() ready = true end
      host.after(0.2, function() say "runs" make_ready() say "ready" end)]]
    bot:tells("runs", "ready")
    assert.same({ 200, "ok\n" }, { get(url .. "/readyz").status, body(url .. "/readyz") })
    local _, other = start "host.ready(function() return false end)"
    local response = get(other .. "/readyz")
    assert.equal(503, response.status)
    assert.truthy(response.body:find "^not ready: .*bot.lua:%d+\n$")
  end)

  it_tells("shows what the script and the host count", function()
    local echo = program.echo()
    local bot, url = start([[
      local orders = host.counter("orders", "Orders that were sent.", { "side" })
      local waits = host.histogram("wait_seconds", "How long they waited.")
      orders:add(2, { side = "buy" })
      waits:observe(0.25)
      ws.connect { url = arg[1], on_websocket_connect = function(c) c:send "hello" end,
        on_message = function() say "echoed" end }]], { args = { echo.url } })
    bot:tells "echoed"
    local text = body(url .. "/metrics")
    assert.equal(2, value_of(text, 'orders_total{side="buy"}'))
    assert.equal(1, value_of(text, 'wait_seconds_bucket{le="0.25"}'))
    assert.equal(1, value_of(text, 'wsbot_connections{state="open"}'))
    assert.equal(1, value_of(text, "wsbot_messages_sent_total"))
    assert.equal(1, value_of(text, "wsbot_messages_received_total"))
    assert.equal(1, value_of(text, "wsbot_connect_seconds_count"))
    assert.truthy(value_of(text, "wsbot_loop_turn_seconds_count") > 0)
    assert.equal(1, value_of(text, 'wsbot_info{name="bot",version="' .. text:match 'version="([^"]+)"' .. '"}'))
  end)

  it_tells("speaks OpenMetrics to who asks for it", function()
    local _, url = start ""
    local plain = get(url .. "/metrics")
    assert.truthy(plain.headers["content-type"]:find("version=0.0.4", 1, true))
    local open = get(url .. "/metrics",
      { headers = { Accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5" } })
    assert.truthy(open.headers["content-type"]:find("^application/openmetrics%-text"))
    assert.truthy(open.body:find "# EOF\n$")
  end)

  it_tells("goes on counting over a reload", function()
    local bot, url = start "host.counter('seen'):add(host.reloads + 1)"
    assert.equal(1, value_of(body(url .. "/metrics"), "seen_total"))
    bot:kill "sighup"
    bot:complains "reload 1:"
    story.poll("what both generations have counted", function() -- once a second it is made anew
      return value_of(body(url .. "/metrics"), "seen_total") == 3
    end)
    assert.equal(1, value_of(body(url .. "/metrics"), "wsbot_reloads_total"))
  end)

  it_tells("adds up the workers of a pool, and waits for all of them", function()
    local bot, url = start([[
      host.counter("seen"):add(host.worker)
      host.ready(function() return host.worker == 1 end)
      say("runs")]], { flags = { "--workers", "2" } })
    bot:tells("runs", "runs")
    story.poll("both workers to be seen", function()
      return value_of(body(url .. "/metrics"), "seen_total") == 3
    end)
    assert.equal("ok\n", body(url .. "/livez"))
    assert.truthy(body(url .. "/readyz"):find "^not ready: worker 2: .*bot.lua:%d+\n$")
    assert.truthy(value_of(body(url .. "/metrics"), 'wsbot_open_fds{worker="2"}') > 0)
    assert.truthy(value_of(body(url .. "/metrics"), "wsbot_start_time_seconds") < os.time() + 1)
  end)

  it_tells("asks the workers of a pool once for all who want to know at the same time", function()
    local bot, url = start([[
      host.ready(function() say "asked" return true end)
      say "runs"]], { flags = { "--workers", "2" } })
    bot:tells("runs", "runs")
    local tasks = {}
    for i = 1, 30 do tasks[i] = host.spawn(get, url .. "/readyz") end
    for _, task in ipairs(tasks) do
      local _, response = task:join()
      assert.equal(200, response.status)
    end
    bot:tells("asked", "asked")
    local _, times = bot.out:gsub("asked", "")
    assert.is_true(times < 20, times)
  end)

  it_tells("never counts down: what a worker has counted that died stays", function()
    local bot, url = start([[
      host.counter("seen"):add(host.worker)
      say(host.worker, require "luv".os_getpid())]], { flags = { "--workers", "2" } })
    local pids = {}
    for _ = 1, 2 do
      local worker, pid = bot:line():match "(%d) (%d+)"
      pids[tonumber(worker)] = tonumber(pid)
    end
    local function seen() return value_of(body(url .. "/metrics"), "seen_total") or 0 end
    story.poll("both workers to be seen", function() return seen() == 3 end)
    require("luv").kill(pids[2], "sigkill")
    bot:complains "worker 2 was ended by signal 9"
    assert.equal(503, get(url .. "/readyz").status)
    story.poll("the worker that came back", function()
      local count = seen()
      assert.is_true(count >= 3, count)
      return count == 5
    end)
    story.poll("readiness", function() return get(url .. "/readyz").status == 200 end)
  end)

  it_tells("ends the program at once where the port is taken, or is none", function()
    local _, url = start ""
    local port = url:match "%d+$"
    local second = program.bot("", {}, { flags = { "--status", port } })
    assert.equal(1, (second:wait()))
    assert.truthy(second.err:find("wsbot: --status: cannot listen on 127.0.0.1:" .. port .. ": ", 1, true))
    for _, wrong in ipairs { "x", "70000", "127.0.0.1", ":", "[::1" } do
      local p = program.bot("", {}, { flags = { "--status", wrong } })
      assert.equal(2, (p:wait()))
      assert.truthy(p.err:find("a wrong value for --status", 1, true))
    end
  end)

  it_tells("listens on the address that is given", function()
    local _, url = start("", { status = "[::1]:0" })
    assert.truthy(url:find "^http://%[::1%]:%d+$")
    assert.equal("ok\n", body(url .. "/livez"))
  end)

  it_tells("does not keep a program that is done, whoever is connected to it", function()
    local bot = program.bot("host.after(0.5, function() say 'done' end)", {}, { flags = { "--status", "0" } })
    bot:complains "status on "
    assert.equal("ok\n", body(bot.err:match "status on (%S+)" .. "/livez"))
    bot:tells "done"
    bot:ends(0)
  end)
end)

describe("scripts/dashboard.json", function()
  local dashboard = json.decode(place.read "scripts/dashboard.json")

  -- What it asks Prometheus for, panel by panel and variable by variable.
  local function queries()
    local all = {}
    for _, panel in ipairs(dashboard.panels) do
      for _, target in ipairs(panel.targets or {}) do all[#all + 1] = target.expr end
    end
    return all
  end

  it("has a variable for the job, and a place for each panel", function()
    local variables, places = {}, {}
    for _, variable in ipairs(dashboard.templating.list) do variables[variable.name] = variable end
    assert.equal("label_values(wsbot_info, job)", variables.job.query.query)
    for _, panel in ipairs(dashboard.panels) do
      local at = panel.gridPos
      local place_of = at.x .. "," .. at.y
      assert.is_nil(places[place_of], panel.title)
      places[place_of] = true
      assert.is_true(at.x + at.w <= 24, panel.title)
      for _, target in ipairs(panel.targets or {}) do
        assert.truthy(target.expr:find('job="$job"', 1, true), panel.title)
      end
    end
  end)

  it_tells("asks for nothing that /metrics does not show, and for all that it does", function()
    local bot, url = start([[
      ws.connect { url = arg[1], on_error = function() say "failed" end } ]], { args = { "ws://127.0.0.1:1" } })
    bot:tells "failed"
    local shown, asked = {}, {}
    for name in body(url .. "/metrics"):gmatch "\n(wsbot_[%w_]+)" do shown[name] = true end
    for _, query in ipairs(queries()) do
      for name in query:gmatch "wsbot_[%w_]+" do
        assert.is_true(shown[name], name)
        asked[name:gsub("_bucket$", "")] = true
      end
    end
    for name in pairs(shown) do
      local whole = name:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")
      assert.is_true(asked[whole], name)
    end
  end)

  it_tells("asks in words that Prometheus knows", function()
    packages.need "prometheus"
    local rules = {}
    for i, query in ipairs(queries()) do
      rules[i] = { record = "query_" .. i, expr = query:gsub("%$__[%w_]+", "5m") }
    end
    local path = place.file("rules.yml", json.encode { groups = { { name = "dashboard", rules = rules } } })
    local p = program.start("/usr/bin/promtool", { "check", "rules", path })
    assert.same({ 0, 0 }, { p:wait() })
  end)
end)
