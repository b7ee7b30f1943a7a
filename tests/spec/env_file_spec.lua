-- `wsbot run --env-file FILE`: variables from a file.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"

-- Runs a script that prints these variables, with that file.
local function run(text, names, options)
  options = options or {}
  local path = place.file("bot.env", text)
  local source = "for _, name in ipairs { " .. names .. " } do say(name, show(os.getenv(name) or 'nil')) end"
  return program.bot(source, {}, { flags = { "--env-file", path, table.unpack(options.flags or {}) },
    env = options.env }), path
end

describe("--env-file", function()
  it_tells("puts variables into the environment, over what is there", function()
    local bot = run("KEY=abc\nOTHER = two words  \n\n# a comment\n  export LAST=1\r\nEMPTY=\n",
      "'KEY', 'OTHER', 'LAST', 'EMPTY', 'HOME_OF'", { env = { KEY = "old", HOME_OF = "kept" } })
    bot:tells('KEY "abc"', 'OTHER "two words"', 'LAST "1"', 'EMPTY ""', 'HOME_OF "kept"')
    bot:ends(0)
  end)

  it_tells("takes values in quotes as they are, with two escapes in double ones", function()
    local bot = run([[
A="with \"quotes\" and \\ and \n"
B='a "b" \n # c'   # a comment
C=a#b
D=a #b
E="$A"
]], "'A', 'B', 'C', 'D', 'E'")
    bot:tells([[A "with \x22quotes\x22 and \x5c and \x5cn"]], [[B "a \x22b\x22 \x5cn # c"]], 'C "a#b"', 'D "a"',
      'E "$A"')
    bot:ends(0)
  end)

  it_tells("is an error with its line where that cannot be read, and nothing runs", function()
    for text, why in pairs {
      ["A=1\nnonsense\n"] = "line 2: = must follow the name",
      ["\n1A=1\n"] = "line 2: a name is missing: letters, digits and _, and no digit first",
      ['A="open\n'] = "line 1: a quote is missing at the end of the value",
      ["A='x' y\n"] = "line 1: only a comment may stand behind the quotes",
      ["=1"] = "line 1: a name is missing: letters, digits and _, and no digit first",
    } do
      local bot, path = run(text, "'A'")
      assert.equal(2, (bot:wait()))
      assert.equal(("wsbot: --env-file: %s, %s\n"):format(path, why), bot.err)
      assert.equal("", bot.out)
    end
    local bot = program.bot("", {}, { flags = { "--env-file", "/nowhere" } })
    assert.equal(2, (bot:wait()))
    assert.equal("wsbot: --env-file: /nowhere: No such file or directory\n", bot.err)
  end)

  it_tells("is for each worker of a pool, and says how much is logged", function()
    local bot = run("WSBOT_LOG=debug\nKEY=abc\n", "'KEY'", { flags = { "--workers", "2" } })
    bot:tells('KEY "abc"', 'KEY "abc"')
    bot:ends(0)
  end)

  it_tells("is read once by a pool, from a pipe as well, and does not say who is a worker", function()
    local bot = place.file("bot.lua", "io.write(host.worker, os.getenv 'KEY', os.getenv 'WSBOT_WORKER' or '', '\\n')")
    local fifo = place.folder() .. "/fifo"
    local pipe <close> = io.popen(("mkfifo %s; printf 'KEY=abc\nWSBOT_WORKER=1 1 1\n' >%s & %s run --workers 2 "
      .. "--env-file %s %s"):format(fifo, fifo, program.wsbot, fifo, bot))
    local lines = {}
    for line in pipe:lines() do lines[#lines + 1] = line end
    table.sort(lines)
    assert.same({ "1abc", "2abc" }, lines)
  end)
end)
