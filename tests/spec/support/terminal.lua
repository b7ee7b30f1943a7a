-- terminal: runs a program on a terminal of its own (terminal.py). What it shows is in t.out, what is written is typed.
local assert = require "luassert"
local uv = require "luv"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local terminal = {}

-- Starts a program with these words; options: env, cwd.
function terminal.run(words, options)
  options = options or {}
  local env = options.env or {}
  env.TERM = env.TERM or "xterm"
  local here = uv.cwd() .. "/tests/spec/support/terminal.py"
  local t = program.start("/usr/bin/python3", { here, table.unpack(words) },
    { stdin = true, env = env, cwd = options.cwd })

  -- Waits until this text was shown, after what was waited for before.
  function t.shows(self, text)
    story.wait(("%q on the terminal"):format(text), function()
      local _, to = self.out:find(text, self.taken + 1, true)
      if to then
        self.taken = to
        return true
      end
      if self.open == 0 then error(("the terminal never showed %q"):format(text), 0) end
    end)
  end

  -- Waits for its end with this status, and that the terminal is as it was.
  function t.leaves(self, status)
    local got = self:wait()
    assert.is_nil(self.out:find "Sanitizer")
    assert.equal(status, got)
    assert.matches("%[cooked%]\n$", self.out)
  end

  -- The process that runs on it.
  function t.child(self)
    local path = ("/proc/%d/task/%d/children"):format(self.pid, self.pid)
    return tonumber(place.read(path):match "%d+")
  end

  return t
end

return terminal
