-- Which share of the work of many machines a program has: `--shard I/N`, or what the environment says.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local source <const> = "say(host.shard, host.shards, host.index, host.count)"
local none <const> = { WSBOT_SHARD = false, WSBOT_SHARDS = false, JOB_COMPLETION_INDEX = false,
  SLURM_ARRAY_TASK_ID = false, SLURM_ARRAY_TASK_MIN = false, SLURM_ARRAY_TASK_STEP = false,
  SLURM_ARRAY_TASK_COUNT = false, SLURM_PROCID = false, SLURM_NTASKS = false }

local function run(env, ...)
  local all = {}
  for name, value in pairs(none) do all[name] = value end
  for name, value in pairs(env) do all[name] = value end
  return program.bot(source, {}, { flags = { ... }, env = all })
end

describe("a shard", function()
  it_tells("is 1 of 1 where nobody says otherwise", function()
    run({}):tells "1 1 1 1"
  end)

  it_tells("is what --shard says, whatever the environment does", function()
    run({ WSBOT_SHARD = "1/9", JOB_COMPLETION_INDEX = "x" }, "--shard", "3/4"):tells "3 4 3 4"
  end)

  it_tells("is what the first of the sources in the environment says", function()
    for _, case in ipairs {
      { "2 5 2 5", { WSBOT_SHARD = "2/5", JOB_COMPLETION_INDEX = "3", WSBOT_SHARDS = "8" } },
      { "2 8 2 8", { WSBOT_SHARD = "2", WSBOT_SHARDS = "8" } },
      { "4 8 4 8", { JOB_COMPLETION_INDEX = "3", WSBOT_SHARDS = "8", SLURM_PROCID = "1", SLURM_NTASKS = "2" } },
      { "3 6 3 6", { SLURM_ARRAY_TASK_ID = "12", SLURM_ARRAY_TASK_MIN = "10", SLURM_ARRAY_TASK_COUNT = "6",
        SLURM_PROCID = "0", SLURM_NTASKS = "1" } },
      { "3 5 3 5", { SLURM_ARRAY_TASK_ID = "14", SLURM_ARRAY_TASK_MIN = "10", SLURM_ARRAY_TASK_STEP = "2",
        SLURM_ARRAY_TASK_COUNT = "5" } },
      { "2 2 2 2", { SLURM_PROCID = "1", SLURM_NTASKS = "2" } },
    } do
      run(case[2]):tells(case[1])
    end
  end)

  it_tells("is the number at the end of the host's name, from 0, where WSBOT_SHARDS is set", function()
    local script = place.file("bot.lua", program.prelude .. source)
    for name, told in pairs { ["feed-3.pods.example"] = "4 5 4 5", ["feed-11-0"] = "1 5 1 5" } do
      local named = program.start("/usr/bin/unshare", { "-ru", "sh", "-c", 'hostname "$0" && exec "$@"', name,
        program.wsbot, script }, { env = { WSBOT_SHARDS = "5" } })
      named:wait()
      if named.err:find "unshare" then story.skip "no host name of its own can be set here: unshare -ru" end
      named:tells(told)
    end
  end)

  it_tells("numbers the workers of a pool with those of all others", function()
    local bot = run({}, "--shard", "3/4", "--workers", "2")
    local lines = { bot:line(), bot:line() }
    table.sort(lines)
    assert.same({ "3 4 5 8", "3 4 6 8" }, lines)
  end)

  it_tells("that cannot be is an error that names its source, and nothing runs", function()
    for _, case in ipairs {
      { { WSBOT_SHARD = "5/4" }, "WSBOT_SHARD=5/4: it must be I/N, with I from 1 to N" },
      { { WSBOT_SHARD = "0/4" }, "WSBOT_SHARD=0/4: it must be I/N, with I from 1 to N" },
      { { WSBOT_SHARD = "2" }, "WSBOT_SHARD=2: nothing says how many shards there are: set WSBOT_SHARDS" },
      { { JOB_COMPLETION_INDEX = "2" },
        "JOB_COMPLETION_INDEX=2: nothing says how many shards there are: set WSBOT_SHARDS" },
      { { JOB_COMPLETION_INDEX = "8", WSBOT_SHARDS = "8" }, "JOB_COMPLETION_INDEX=8: that is shard 9 of 8" },
      { { JOB_COMPLETION_INDEX = "-1", WSBOT_SHARDS = "8" }, "JOB_COMPLETION_INDEX=-1: it must be a whole number" },
      { { WSBOT_SHARDS = "many", WSBOT_SHARD = "2" }, "WSBOT_SHARDS=many: it must be a whole number" },
      { { SLURM_PROCID = "0", SLURM_NTASKS = "many" }, "SLURM_NTASKS=many: it must be a whole number" },
      { { SLURM_ARRAY_TASK_ID = "1", SLURM_ARRAY_TASK_MIN = "2", SLURM_ARRAY_TASK_COUNT = "3" },
        "SLURM_ARRAY_TASK_ID=1: it is less than SLURM_ARRAY_TASK_MIN" },
    } do
      local bot = run(case[1])
      assert.equal(2, (bot:wait()))
      assert.equal(("wsbot: %s\n"):format(case[2]), bot.err)
      assert.equal("", bot.out)
    end
    for _, wrong in ipairs { "5/4", "0/4", "1/", "/4", "1/4x", "a/b", "1/2/3", "-1/4", "1/99999999999999999999" } do
      local bot = run({}, "--shard", wrong)
      assert.equal(2, (bot:wait()))
      assert.truthy(bot.err:find("a wrong value for --shard", 1, true), bot.err)
    end
  end)
end)
