-- log: lines of the log, which begin with their time.
local log = {}

local TIME = "%d%d%d%d%-%d%d%-%d%d %d%d:%d%d:%d%d%.%d%d%d "

-- A text in which they begin with their level, as "warn and so on".
function log.untimed(text)
  return (("\n" .. text):gsub("\n" .. TIME, "\n"):sub(2))
end

return log
