-- wsbot.test: `wsbot test`: runs busted's own runner, with the command line without our options. wsbot.testing.suite
-- adapts busted to the host.
local files = require "wsbot.test.files"
local job = require "wsbot.test.job"
local jobs = require "wsbot.test.jobs"
local number = require "wsbot.number"
local suite = require "wsbot.testing.suite"

local most_jobs, only, seed -- options --jobs, and --only and --job, which a job gets
local skipped = {} -- names of files

local function nothing() end -- host/app has read the value

-- Our options, and functions that take their values. The last three are given by wsbot, not by people.
local ours = {
  ["--test-timeout"] = function(value) suite.limit = number.read(value) end,
  ["--strict-leaks"] = function() suite.strict_leaks = true end,
  ["--watch-also"] = nothing,
  ["--trace"] = nothing,
  ["--jobs"] = function(value) most_jobs = number.read(value) end,
  ["--skip"] = function(value) skipped[value] = true end,
  ["--only"] = function(value) only = value end,
  ["--job"] = function(value) seed = number.read(value) end,
}
local flags = { ["--strict-leaks"] = true }

-- Returns one of our options, and its value where that is in the same word.
local function read_option(word)
  local short, rest = word:match "^(%-j)=?(.*)$"
  if short then return "--jobs", rest ~= "" and rest or nil end
  local name, value = word:match "^(%-%-[%w-]+)=?(.*)$"
  if ours[name] then return name, word:find("=", 1, true) and value or nil end
end

-- Takes our own options, which host/app/cli.c has judged, out of the command line; the others are busted's.
local function read_options()
  -- a .busted may say lua = "wsbot", which runs already
  local rest = { [-1] = arg[-1], [0] = "wsbot test", "--ignore-lua" }
  local i, options = 1, true
  while i <= #arg do
    options = options and arg[i] ~= "--"
    local name, value = read_option(options and arg[i] or "")
    if not name then
      rest[#rest + 1] = arg[i]
    else
      if not value and not flags[name] then
        i = i + 1
        value = arg[i]
      end
      ours[name](value)
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
if most_jobs and not seed then
  suite.arrange = jobs.begin(most_jobs, skipped)
else
  if seed then
    job.begin(only, seed)
  elseif next(skipped) then
    files.skip(skipped)
  end
  local arrange, note = suite.arrange, files.note()
  function suite.arrange(busted)
    arrange(busted)
    note(busted)
  end
end
assert(load("require 'busted.runner' ({ standalone = false })", "@wsbot test"))()
