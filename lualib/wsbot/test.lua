-- wsbot.test: `wsbot test`: busted's own runner, with the command line that is left when ours is taken out of it.
-- wsbot.testing.suite is what puts the tests into the host's care.
local number = require "wsbot.number"
local suite = require "wsbot.testing.suite"

-- Takes our own options, which host/app/cli.c has judged, out of the command line; the others are busted's.
local function read_options()
  -- a .busted may say lua = "wsbot": that is who runs it already
  local rest = { [-1] = arg[-1], [0] = "wsbot test", "--ignore-lua" }
  local i = 1
  while i <= #arg do
    local text = arg[i]
    if text == "--test-timeout" then
      i = i + 1
      suite.limit = number.read(arg[i])
    elseif text:find "^%-%-test%-timeout=" then
      suite.limit = number.read(text:match "=(.*)")
    elseif text == "--strict-leaks" then
      suite.strict_leaks = true
    else
      rest[#rest + 1] = text
    end
    i = i + 1
  end
  arg = rest -- luacheck: ignore
end

read_options()
local ok, why = pcall(require, "busted")
if not ok then
  io.stderr:write("wsbot test: busted is not installed (Debian: apt install lua-busted)\n",
    tostring(why):match "^[^\n]*", "\n")
  os.exit(1)
end
assert(load("require 'busted.runner' ({ standalone = false })", "@wsbot test"))()
