-- wsbot.first: host.first: the first of several tasks and futures that ends.
local host = require "host"

local function wait(item)
  return (item.join or item.wait)(item)
end

-- Returns its place in the list, and what its join or wait gives; or nil and "timeout".
return function(list, timeout)
  if type(list) ~= "table" or #list == 0 then error("host.first: a list of tasks and futures is needed", 2) end
  for i, item in ipairs(list) do
    local kind = type(item) == "userdata" and (item.join or item.wait)
    if not kind then error(("host.first: item %d is neither a task nor a future"):format(i), 2) end
  end
  local ended, tasks <close> = host.future(), setmetatable({}, { __close = function(tasks)
    for _, task in ipairs(tasks) do task:cancel() end
  end })
  for i, item in ipairs(list) do
    tasks[i] = host.spawn(function() ended:set(i, wait(item)) end)
  end
  local function results(ok, ...)
    if ok then return ... end
    return nil, "timeout"
  end
  return results(ended:wait(timeout))
end
