-- capped: bots that may not take much memory, and how much they took.
local peer = require "support.peer"
local process = require "support.process"
local program = require "support.program"

local capped = { flags = { flags = { "--max-memory", "32" } } }

-- The most that it ever had in memory is not much more than it may have. (The program itself has 10 MB; a buffer that
-- grows is there twice.)
function capped.stayed_small(bot, most)
  if program.is_sanitized() then return end
  local peak = process.peak(bot.pid)
  assert(peak < (most or 132), ("it had %.1f MB at its peak"):format(peak))
end

-- Runs a bot that does what `bomb` says when it is told "go" by its first connection, tells whether that was refused,
-- and is asked for a sign of life after; `second` is the url of arg[2].
function capped.is_refused(bomb, second)
  local p = peer.listen()
  local bot = program.bot(([[
    local function bomb(...) %s end
    ws.connect { url = arg[1], max_send_buffer = 1 << 40, close_timeout = 0.1,
      on_message = function(c, data)
        if data ~= "go" then return say(data) end
        local fine, message = pcall(bomb, c)
        say(fine, message and message:match "not enough memory" or message)
      end }
  ]]):format(bomb), { p.url, second }, capped.flags)
  local s = p:open()
  s:text "go"
  bot:tells "false not enough memory"
  s:text "still here"
  bot:tells "still here"
  capped.stayed_small(bot)
  return bot, s
end

return capped
