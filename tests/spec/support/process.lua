-- process: what a process that runs has of the system's.
local uv = require "luv"
local place = require "support.place"

local process = {}

-- How many file descriptors it has open.
function process.descriptors(pid)
  local entries, n = assert(uv.fs_scandir(("/proc/%d/fd"):format(pid))), 0
  while uv.fs_scandir_next(entries) do
    n = n + 1
  end
  return n
end

local function status(pid, name)
  return tonumber(place.read(("/proc/%d/status"):format(pid)):match(name .. ":%s+(%d+) kB")) / 1024
end

-- Its resident memory, in MB.
function process.memory(pid)
  return status(pid, "VmRSS")
end

-- The most that this ever was.
function process.peak(pid)
  return status(pid, "VmHWM")
end

return process
