-- `wsbot test`: where a test begins and ends among its hooks, whichever of them fails.
local it_tells = require "support.it_tells"
local program = require "support.program"

-- Runs a spec file. Returns stdout.
local function run(source, ...)
  local p = program.test("local testing = require 'wsbot.testing' " .. source, "-o", "plainTerminal", ...)
  p:wait()
  return p.out
end

local next_is_clean = [[
  it("the next one", function() host.sleep(0.01) end) -- for ever, where the last clock stands still
]]

describe("a test", function()
  it_tells("is failed by the function of its server that answers", function()
    local out = run [[
      for _, answer in ipairs {
        function() error "first" end,
        function(request) assert.equal("/x", request.path) end,
        function() return { refused = true } end,
      } do
        it("x", function()
          local peer = testing.server { answer = answer }
          local bot = ws.connect { url = peer.url }
          peer:accept(5)
          bot:destroy()
        end)
      end
    ]]
    assert.matches("0 successes / 1 failure / 2 errors", out)
    assert.matches("first", out)
    assert.matches("unknown option 'refused'", out)
  end)

  it_tells("ends with its last hook, also where that fails", function()
    local out = run([[
      describe("a block", function()
        local n = 0
        after_each(function() n = n + 1 if n == 1 then error "oops" end end)
        it("is fine", function() testing.clock() end) ]] .. next_is_clean .. [[
      end) ]], "--test-timeout=2")
    assert.matches("2 successes / 0 failures / 1 error", out)
  end)

  it_tells("ends with its hooks where it does not begin, as one of those before it fails", function()
    local out = run([[
      describe("a block", function()
        local n = 0
        before_each(function() n = n + 1 if n == 1 then testing.clock() error "oops" end end)
        it("is not run", error) ]] .. next_is_clean .. [[
      end) ]], "--test-timeout=2")
    assert.matches("1 success / 0 failures / 1 error", out)
  end)

  it_tells("that is pending does not take what a lazy_setup opens for the others", function()
    local out = run [[
      local peer
      lazy_setup(function() peer = testing.server() end)
      after_each(function() end)
      pending "first"
      for _ = 1, 2 do it("has the peer", function() assert.not_equal("", peer.core:address()) end) end
    ]]
    assert.matches("2 successes / 0 failures / 0 errors / 1 pending", out)
  end)

  it_tells("has a limit for itself and for each of its hooks, and none for all of them", function()
    local out = run([[
      before_each(function() host.sleep(0.4) end) after_each(function() host.sleep(0.4) end)
      it("sleeps too", function() host.sleep(0.4) end)
    ]], "--test-timeout=0.8")
    assert.matches("1 success / 0 failures / 0 errors", out)
  end)
end)
