---@meta luv
-- What is special about luv within wsbot, for reading and for editors. Nothing here runs.

---`require "luv"` gives the luv of the system (Debian: lua-luv; it is looked for in package.cpath): files, processes,
---sockets, signals, threads. Its handles live in the host's loop: they work while connections, timers and tasks go on,
---with or without uv.run, and keep the program alive as connections do. A script written for plain luv runs as it is.
---
---* Callbacks are tasks: they may wait (host.sleep, conn:receive, uv.run). What comes meanwhile does not wait for them:
---  the next callback of the same handle may begin before this one has returned.
---* An error in a callback is reported with its traceback and the bot goes on; `--strict` ends with status 1.
---* What a generation opened is closed when it ends, and calls nothing then. The host's own handles cannot be reached:
---  uv.walk does not see them.
---* What blocks in luv blocks the host: uv.sleep, thread:join, functions without their callback (uv.fs_read(fd, n)).
---* Code in uv.new_thread and uv.new_work runs in Lua states of its own, with Lua's libraries and luv, without ws and
---  host. A program that stops does not wait for them.
---* A signal that luv listens for is the script's: SIGINT and SIGTERM then stop the program no more, and when the
---  handle was closed they end it at once, as any program.
local uv = {}

---Waits for the loop, which turns anyway: until nothing of luv's is alive, or uv.stop is called ("default"), until a
---callback was called ("once"), or for a turn ("nowait"). Raises an error where the code that runs cannot wait.
---@param mode? "default"|"once"|"nowait"
---@return boolean alive  is anything of luv's still alive?
function uv.run(mode) end

---Has uv.run return: the one that waits, else the next. What is open is still served as long as the program lives, but
---keeps it alive no more, until uv.run is called again.
function uv.stop() end

---Says what plain luv would say, 0 or EBUSY; the loop stays, and ends with the generation.
---@return integer? zero
---@return string? message
---@return string? name
function uv.loop_close() end

return uv
