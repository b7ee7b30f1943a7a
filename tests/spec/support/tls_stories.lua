-- tls_stories: tests of one server after another: a bot believes this one, and doubts that.
local it_tells = require "support.it_tells"
local tls = require "support.tls"

local stories = {}

-- The bot is content with the server: a conversation follows. `server` are options of tls.listen.
function stories.believes(name, server, options)
  return it_tells(name, function()
    local t = tls.listen(server)
    local bot = tls.bot(t.url, options or "ca_file = CA")
    local s = t:open()
    s:text "hello"
    bot:tells("connect", "open 101", 'text "hello"')
    s:finish(1000, "bye")
    bot:tells 'close 1000 "bye" open nil'
    bot:ends(0)
  end)
end

-- The bot refuses the server, before on_connect, with an error that matches each of the patterns.
function stories.doubts(name, server, options, ...)
  local patterns = { ... }
  return it_tells(name, function()
    local t = tls.listen(server)
    local bot = tls.bot(t.url, options or "ca_file = CA")
    local line = bot:line()
    for _, pattern in ipairs { "^error tls ", table.unpack(patterns) } do
      if type(pattern) == "function" then pattern = pattern() end
      if not line:find(pattern) then error(("the output is\n%s\nand does not match\n%s"):format(line, pattern), 0) end
    end
    bot:tells 'close 1006 "" tls tls'
    bot:ends(0)
  end)
end

return stories
