---@meta host
-- The types of the module `host`, for editors (LuaCATS) and for reading. Nothing here runs.

---The program that a script runs in. A global, and `require "host"`.
---
---The main chunk, every callback and every host.spawn is a task, and may wait: in host.sleep, task:join, conn:receive,
---conn:messages. Waiting passes through pcall, metamethods, iterators and coroutines; not through functions of C that
---call back (a sort comparator, a gsub callback, the body of a required module): there it is an error that says so.
---A task is no coroutine of the script's own: as in the main chunk of `lua`, coroutine.yield is an error there,
---coroutine.isyieldable() false, and coroutine.running() tells true. It begins with the hook (debug.sethook) that the
---main chunk has then; one that it sets itself is its own.
---@class host
---@field script? string  the path of the script
---@field worker integer  which of the processes of `wsbot run --workers N` this is, from 1, also when it comes back
---@field workers integer how many they are: i % host.workers == host.worker - 1 is a share of each; 1 without --workers
---@field shard integer   which share of many machines this program is, from 1 (`wsbot run --shard I/N`); 1 without
---@field shards integer  how many shares there are
---@field index integer   this worker among all workers of all shards, from 1: (shard - 1) * workers + worker
---@field count integer   how many those are: i % host.count == host.index - 1 is a share of each
---@field reloads integer how many generations were before this one
---@field log host.log
host = {}

---One line each on stderr, `2026-11-29 07:12:03.123 warn message` with the time of this place (in the journal of
---systemd `<4>message`, which has a time of its own); --log-format json: a JSON object, with UTC. WSBOT_LOG (debug,
---info, warn, error, off) says from which level on; WSBOT_TRACE adds lines on what wsbot itself does, and why
---(lualib/manual/reaching.md). Arguments as with print. Whatever is in them it stays one line:
---control characters and marks of direction are escaped (\n, \x1b, \u{202e}), and so is what peers say in errors. print
---and io.write leave texts as they are.
---
---While who reads stderr is behind, up to 1 MiB of lines is kept; beyond they are dropped, and a line tells how many.
---While who reads stdout is behind, print, io.write and flush wait, as host.sleep does; where nothing can wait, up to
---1 MiB is held, and beyond that they block.
---@class host.log
---@field debug fun(...)
---@field info fun(...)
---@field warn fun(...)
---@field error fun(...)

---@class host.timer
local timer = {}

---The function will not be called (again).
function timer:cancel() end

---Calls `fn` once after `seconds`.
---@param seconds number
---@param fn fun()
---@return host.timer
function host.after(seconds, fn) end

---Calls `fn` every `seconds`: without drift. Rounds that were missed are left out, and so is one that finds the last
---still waiting. An error is told on stderr, and the next round comes. A named one keeps its phase over reloads.
---@param seconds number
---@param fn fun()
---@param name? string
---@return host.timer
function host.every(seconds, fn, name) end

---@class host.task
local task = {}

---Waits until the task has ended. Its error is told on stderr all the same; in a test only where nobody waits here.
---@param timeout? number seconds; nil: as long as it takes
---@return true? ok  nil where it did not return
---@return any ...   what it returned; or "failed" and its error, "cancelled", "timeout"
function task:join(timeout) end

---Ends the task where it waits: its pending <close> variables run.
---@return boolean was_alive
function task:cancel() end

---Runs `fn(...)` as a task of its own, from the next turn of the loop on. An error in it is told on stderr.
---@param fn fun(...)
---@return host.task
function host.spawn(fn, ...) end

---Waits.
---@param seconds number 0: one turn of the loop
function host.sleep(seconds) end

---A result that somebody gives later, and others wait for.
---@class host.future
local future = {}

---Its result, once: true; nil and "settled" where it has one.
---@param ... any
---@return boolean? ok
---@return string? word
function future:set(...) end

---Its error, once.
---@param error any
---@return boolean? ok
---@return string? word
function future:fail(error) end

---Waits for the result: true and what it was set to; nil, "failed" and the error; nil and "timeout".
---@param timeout? number  seconds
---@return boolean? ok
---@return any ...
function future:wait(timeout) end

---@return host.future
function host.future() end

---Values that some put and others take, in order. `#queue` is how many are in it. `local queue <close> = host.queue()`
---closes it when it goes out of scope.
---@class host.queue
local queue = {}

---Waits while it is full. true; nil and "closed" or "timeout".
---@param value any  not nil
---@param timeout? number  seconds
---@return boolean? ok
---@return string? word
function queue:put(value, timeout) end

---Waits while it is empty. The value; nil and "closed" (it is empty as well) or "timeout".
---@param timeout? number  seconds
---@return any value
---@return string? word
function queue:take(timeout) end

---Nothing more can be put; what is in it can be taken.
function queue:close() end

---@param capacity? integer  how many values it holds; default: without bound
---@return host.queue
function host.queue(capacity) end

---Waits for the first of several tasks and futures that ends: its place in the list, and what its join or wait gives;
---nil and "timeout".
---@param list (host.task|host.future)[]
---@param timeout? number  seconds
---@return integer? place
---@return any ...
function host.first(list, timeout) end

---@class host.limiter
local limiter = {}

---Waits until there is room for so many, in the order in which tasks came. true; nil and "timeout".
---@param count? integer  default 1
---@param timeout? number  seconds
---@return boolean? ok
---@return string? word
function limiter:take(count, timeout) end

---A limiter that others share. What somebody has taken who was killed counts to the end of its span.
---@class host.limiter.options
---@field n integer           1 to 65536, by etcd 1 to 1000
---@field per number          seconds
---@field name string         those of one name are one limiter
---@field scope "pool"|"etcd" the workers of a pool (of a program without one: its generations), or all of that etcd
---@field etcd? string|string[]  of scope "etcd": its URL, or those of its members
---@field tls? table          of scope "etcd": as in wsbot.http

---No more than `n` in any span of so many seconds: what services allow. With a table: one that others share, whose take
---may give nil and "refused" as well: of a pool where it has no room for another name (there may be 1,024), or for
---another who waits (4,096 in each worker), of etcd with a message.
---@param n integer|host.limiter.options  1 to 1048576
---@param seconds? number
---@return host.limiter
function host.limiter(n, seconds) end

---The values of a metric's labels, by name: exactly those names that it was declared with. Numbers and booleans count
---as their text. A text is UTF-8 without zeros, of 256 bytes at most.
---@alias host.labels table<string, string|number|boolean>

---@class host.counter
local counter = {}

---Adds to it. A value for more than 1,000 sets of labels is dropped, and counted as such.
---@param n? number  0 or more; default 1
---@param labels? host.labels
function counter:add(n, labels) end

---A metric that only grows: how often something was done. What is counted belongs to the program: it goes on over
---reloads, and stays where the next generation does not declare it any more; a reload that fails counts nothing. In a
---test each bot counts for itself. Another declaration of the same kind, name and labels gives the same metric; of
---another kind, or with other labels, it is an error. There may be 1,000 names.
---@param name string  letters, digits, _ and :, as Prometheus has it; not `wsbot_...`. It is shown with _total behind
---@param help? string  a line for people; a new one replaces the old
---@param labels? string[]  names of its labels, 16 at most; not `le` or `worker`, and not beginning with __
---@return host.counter
function host.counter(name, help, labels) end

---@class host.gauge
local gauge = {}

---Its value from now on, also over reloads.
---@param value number
---@param labels? host.labels
function gauge:set(value, labels) end

---A metric that rises and falls: how much there is now. It is not shown before it is set. For the rest as
---host.counter.
---@param name string
---@param help? string
---@param labels? string[]
---@return host.gauge
function host.gauge(name, help, labels) end

---@class host.histogram
local histogram = {}

---@param value number  told apart to within 1 %, from a billionth to 17 billion
---@param labels? host.labels
function histogram:observe(value, labels) end

---A metric of many values, for their sum, number and distribution: how long something took. For the rest as
---host.counter.
---@param name string
---@param help? string
---@param labels? string[]
---@return host.histogram
function host.histogram(name, help, labels) end

---Has `fn` asked whether the bot is ready for work: it is when all such functions of the running generation say true.
---`fn` may not wait. An error in it is not ready, and told on stderr once.
---@param fn fun(): boolean
function host.ready(fn) end

---Has the program print a summary on standard output at its end, as `wsbot run --summary` does: connections, rates,
---latencies with percentiles, and what host.counter, host.gauge and host.histogram have. It stands behind all that was
---printed. Of a pool there is one, of all workers. May be called at any time, and lasts over reloads; in a bot under
---test it does nothing.
function host.summary() end

---Seconds of a clock that only goes forward.
---@return number
function host.now() end

---Seconds since 1970, with fractions.
---@return number
function host.time() end

---Plain data that outlives reloads: a table that the next generation gets a copy of, when it asks by the same name.
---Strings, numbers, booleans, json.null and tables of them; shared tables stay shared, and arrays of wsbot.json arrays.
---Anything else makes the reload fail.
---
---With `durable = true` it outlives the process as well, in the folder of `wsbot run --state DIR`; without one that is
---an error. It stays a plain table: within 50 ms after Lua code has run it is compared with what was written last, and
---what has changed is written, by a thread of its own; and once more at the end of the program. To compare a name that
---is large takes long; several names are looked at one by one, for a few milliseconds at a time. What is not plain data
---is told on stderr, with its path, and stays as it was written last. Each worker of a pool has its own. In a test it
---ends with the test, or is kept in the folder that testing.bot is given.
---@param name string
---@param initial? table where there is none yet; default: an empty one
---@param options? host.state.options|fun(old: table): table? a function is `migrate`
---@return table
function host.state(name, initial, options) end

---@class host.state.options
---@field migrate? fun(old: table): table? may change its shape, as it comes from the last generation or process
---@field durable? boolean it outlives the process

---Loads the script again, in the next turn of the loop (as --watch and SIGHUP do); of several workers in this one.
function host.reload() end

---With `--watch`, has the script loaded again when this file is saved, made or replaced: settings, a template, a
---certificate. Half a save is waited for, as with Lua files. To be called by each generation that depends on it. In a
---spec, and in a bot under test, it has `wsbot test --watch` run that spec file again.
---@param path string relative to the working directory of now
function host.watch(path) end

---Loads the sources of the generation before this one again, the script and the Lua modules that it had loaded, in the
---next turn of the loop; once more goes one further, up to eight. The next save, SIGHUP or `host.reload` loads what is
---on disk. Files over 4 MB are not kept: they come from the disk.
---@return true? ok nil where there is none
---@return string? why
function host.back() end

---Has `fn` called when the next generation takes over, before connections change hands. It may not wait. The next
---generation has its copy of `host.state` already: what `fn` writes to it comes too late.
---@param fn fun()
function host.on_reload(fn) end

---Stops gracefully, as SIGTERM does: on_stop functions run, connections say Close 1001. Of several workers this one
---stops; with status 1, which says that it failed, it comes back.
---@param status? integer exit status, default 0
function host.stop(status) end

---Has `fn` called when the program stops, before connections are closed. It may wait; all of them have 10 seconds, and
---4 MB more than `--max-memory` says. One that there is no memory for is named on stderr.
---@param fn fun()
function host.on_stop(fn) end

return host
