-- it_prints: a test of a script that prints these lines (~: a pattern) and ends well, with nothing on stderr.
local assert = require "luassert"
local it_tells = require "support.it_tells"
local program = require "support.program"

return function(name, source, ...)
  local expected = { ... }
  return it_tells(name, function()
    local bot = program.bot(source)
    bot:tells(table.unpack(expected))
    bot:ends(0)
    assert.equal("", bot.err)
  end)
end
