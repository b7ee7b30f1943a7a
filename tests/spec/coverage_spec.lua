-- Coverage: what LuaCov counts of a test, and of the bots in it, with busted's --coverage.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local stand_in = os.getenv "PWD" .. "/tests/spec/support/coverage/?.lua;"

local function environment(folder, luacov)
  return { LUA_PATH = luacov .. "./?.lua;;", PWD = folder }
end

describe("--coverage", function()
  local specs = {
    ["some_spec.lua"] = [[
      local part = require "part"
      describe("a block", function()
        local n
        before_each(function()
          n = 1
        end)
        after_each(function() n = nil end)
        for i = 1, 3 do
          it("counts " .. i, function()
            assert.equal(i + 1, part.add(n, i))
            finally(function() n = 0 end)
          end)
        end
        it("fails", function()
          part.never = part.add(1, 2)
          assert.is_true(false)
        end)
        it("has coroutines", function()
          local co = coroutine.wrap(function(a)
            a = part.add(a, coroutine.yield(1))
            return a
          end)
          co(1)
          assert.equal(3, co(2))
        end)
      end)
    ]],
    ["part.lua"] = [[
      local part = {}
      function part.add(a, b)
        return a + b
      end
      function part.unused()
        return 1
      end
      return part
    ]],
  }

  -- Runs specs in a folder with the stand-in. Returns what it has counted of files there: by path, "line=count ...".
  local function coverage(folder, status, run, args)
    local p = run(args, { cwd = folder, env = environment(folder, stand_in) })
    assert.equal(status, (p:wait()))
    local stats = {}
    for path, counts in place.read(folder .. "/luacov.stats.out"):gmatch "%d+:(%S+)\n([^\n]*)\n" do
      local list, line = {}, 0
      for count in counts:gmatch "%d+" do
        line = line + 1
        if count ~= "0" then list[#list + 1] = line .. "=" .. count end
      end
      if not path:find "^/usr/" then stats[path] = table.concat(list, " ") end
    end
    os.remove(folder .. "/luacov.stats.out")
    return stats
  end

  local function busted_of(path)
    return function(args, options)
      return program.start(path, { "/usr/bin/busted", "--ignore-lua", table.unpack(args) }, options)
    end
  end

  local function wsbot_test(args, options)
    return program.run({ "test", table.unpack(args) }, options)
  end

  it_tells("counts what busted counts under lua, in `wsbot test` and with wsbot as its interpreter", function()
    local folder = place.folder(specs)
    local args = { "--coverage", "some_spec.lua" }
    local stock = coverage(folder, 1, busted_of(program.lua), args)
    assert.matches("3=%d", stock["./part.lua"])
    assert.same(stock, coverage(folder, 1, wsbot_test, args))
    assert.same(stock, coverage(folder, 1, busted_of(program.wsbot), args))
  end)

  it_tells("counts what waits, runs beside the test or is a bot, as often as it runs", function()
    local folder = place.folder {
      ["bot.lua"] = table.concat({
        "local conn = ws.connect { url = arg[1], on_message = function(c, data)",
        "  c:send(data)",
        "end }",
        "host.after(3600, function()",
        "  conn:close()",
        "end)",
      }, "\n"),
      ["some_spec.lua"] = table.concat({
        "local testing = require 'wsbot.testing'",
        "it('has a bot', function()",
        "  local clock, peer = testing.clock(), testing.server()",
        "  local bot = testing.bot('bot.lua', { args = { peer.url } })",
        "  host.spawn(function()",
        "    host.sleep(1)",
        "    peer.heard = true",
        "  end)",
        "  local session = peer:accept()",
        "  for _ = 1, 5 do",
        "    session:send 'x'",
        "    session:expect(function(data)",
        "      return data == 'x'",
        "    end)",
        "  end",
        "  clock:advance(3600)",
        "  assert.is_true(peer.heard)",
        "  session:expect_close()",
        "  bot:wait()",
        "end)",
      }, "\n"),
    }
    local stats = coverage(folder, 0, wsbot_test, { "--coverage", "some_spec.lua" })
    assert.matches(" 2=5 .* 5=1 ", stats["bot.lua"])
    assert.matches("13=5", stats["some_spec.lua"], 1, true)
    assert.matches("6=1 7=1", stats["some_spec.lua"], 1, true)
  end)
end)

describe("the report of", function()
  -- Files with the marks that the report is to have: +, it ran (how often depends on how Lua compiles the line), or 0.
  local marked = {
    ["bots/bot.lua"] = [[
 + local conn = ws.connect { url = arg[1] }
 + local seen = 0

 + function conn.on_message(_, data)
 +   seen = seen + 1
 +   if data == "bye" then
 +     conn:close(1000)
*0   elseif data == "never" then
*0     print "never"
     end
   end

 + local each = coroutine.wrap(function()
 +   coroutine.yield(1)
*0   coroutine.yield(2)
   end)
 + each()

 + host.spawn(function()
 +   host.sleep(60)
 +   seen = 0
   end)

   local function nobody()
*0   return seen
   end

 + return nobody and require "part"
]],
    ["bots/part.lua"] = [[
 + local part = {}

 + function part.asked()
*0   return 1
   end

 + return part
]],
    ["bots/exits.lua"] = [[
 + local status = 3
 + os.exit(status)
*0 print(status)
]],
  }

  local spec = [[
    local testing = require "wsbot.testing"
    it("says bye", function()
      local clock, peer = testing.clock(), testing.server()
      testing.bot("bots/bot.lua", { args = { peer.url } })
      local session = peer:accept()
      session:send "bye"
      session:expect_close(1000)
      clock:advance(60)
    end)
    it("has a bot that ends by os.exit", function()
      assert.equal(3, testing.bot("bots/exits.lua"):wait())
    end)
    it("has a bot that is a text", function() testing.bot "local x = 1" end)
  ]]

  -- Runs that test, covered as the manual says; returns the report.
  local function report_by(luacov)
    local told = place.read("lualib/manual/testing.md"):match "\n```lua\n(include = .-)\n```"
    local folder = place.folder { [".luacov"] = told, ["some_spec.lua"] = spec }
    assert(require("luv").fs_mkdir(folder .. "/bots", tonumber("700", 8)))
    for path, text in pairs(marked) do
      place.file(folder .. "/" .. path, (text:gsub("%f[^\n\0][ *][ +0] ", "")))
    end
    local run = program.run({ "test", "--coverage", "some_spec.lua" },
      { cwd = folder, env = environment(folder, luacov) })
    assert.equal(0, (run:wait()))
    return place.read(folder .. "/luacov.report.out")
  end

  -- The files in a report, with a + for each count.
  local function files_of(report)
    local files = {}
    for path, text in report:gmatch "=\n(%S+%.lua)\n=+\n(.-)\n\n%f[=]" do
      files[path] = text:gsub("%f[^\n\0] %d ", " + ") .. "\n"
    end
    return files
  end

  local function count(text, pattern)
    return select(2, text:gsub("%f[^\n\0]" .. pattern, ""))
  end

  local found = package.searchpath("luacov.runner", package.path) -- no package of Debian brings it
  for _, luacov in ipairs { stand_in, "" } do
    local name = luacov == "" and "LuaCov" or "a stand-in for LuaCov"
    it_tells(name .. " marks the lines of a bot that ran, and those that did not", function()
      if luacov == "" and not found then story.skip "LuaCov is not installed" end
      local report = report_by(luacov)
      assert.same(marked, files_of(report))
      for path, text in pairs(marked) do
        local ran, missed = report:match(path:gsub("%p", "%%%0") .. " +(%d+) +(%d+) +%d+%.%d%d%%\n")
        assert.same({ count(text, " %+ "), count(text, "%*0 ") }, { tonumber(ran), tonumber(missed) })
      end
    end)
  end
end)
