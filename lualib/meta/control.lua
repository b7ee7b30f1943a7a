---@meta wsbot.control
-- The types of the control socket's methods, for whoever writes a tool (LuaCATS), and for reading. Nothing here runs.

---The control socket of a running program: JSON-RPC 2.0 over WebSocket, for its user alone. These are its methods; no
---module is called so.
---
---Each program with a script has one: $XDG_RUNTIME_DIR/wsbot/PID.sock, or /tmp/wsbot-UID/PID.sock, or PID.sock in the
---folder that WSBOT_CONTROL names. By hand `wsbot connect ws+unix:/run/user/1000/wsbot/1234.sock` talks to it, and a
---script by `ws.connect` and `wsbot.jsonrpc`. A message to it has at most 1 MiB; 16 may be connected at once.
---
---Of a pool, the parent (the PID that `wsbot ps` shows) answers for all of its workers: lists have all of them, each
---entry with `worker`; methods that run code give a list of control.of_worker. `params.worker` asks only that one. Each
---worker has a socket of its own as well, PARENT.N.sock.
---
---An error is { code = -32000, message = "why" } where a method cannot do what it was asked for.
---@class control
local control = {}

---What a program is, and what it has counted. Rates are differences of two calls, by `now`.
---@class control.program
---@field pid integer
---@field name string             --name, or the script's file name without ".lua"
---@field script string           its path
---@field version string          of wsbot
---@field state "running"|"stopping"
---@field since number            when it began, seconds since 1970
---@field now number              seconds of a clock that only goes forward
---@field generation integer      how many reloads there were
---@field worker? integer         of a worker: its number
---@field workers? integer        of a pool: how many answer or should
---@field silent? integer         of a pool: how many workers do not answer
---@field connections table<string, integer>  how many there are, by state
---@field messages_in integer     of all connections, those that are gone included
---@field messages_out integer
---@field bytes_in integer
---@field bytes_out integer
---@field attempts integer        to connect
---@field opened integer          attempts that succeeded
---@field ends? control.end[]     how they have ended
---@field cpu number              seconds
---@field lua_time number         seconds that code of the script has run
---@field collections integer     of garbage
---@field memory integer          bytes, resident
---@field peak_memory integer     the most of them that there were
---@field lua_memory integer      bytes of Lua's objects
---@field script_memory integer   bytes of these and of what is kept for the script
---@field descriptors integer     open ones; -1: not known
---@field tasks integer
---@field timers integer
---@field turns integer           of the loop
---@field lag number              the longest time, of late, in which the loop did not turn

---How attempts have ended, and how often so.
---@class control.end
---@field code integer            the peer's close code; 1006: without a Close
---@field word? string            the kind of failure, as on_error has it; nil: in order
---@field count integer

---@return control.program
function control.program() end

---@class control.connection
---@field id integer
---@field name? string
---@field url? string             without what may be a secret
---@field state "connecting"|"open"|"closing"|"closed"|"waiting"
---@field phase string            "dns", "connect", "proxy", "tls", "handshake", "open", "closing"
---@field attempts integer
---@field rotation integer
---@field protocol? string        the subprotocol
---@field remote_address? string
---@field open_for? number        seconds
---@field since_in? number        seconds since the last byte came
---@field since_out? number
---@field latency? number         of the last ping, seconds
---@field next_step_in? number    seconds until the next attempt or ping
---@field messages_in integer
---@field messages_out integer
---@field bytes_in integer
---@field bytes_out integer
---@field frames_in integer
---@field frames_out integer
---@field ratio_in? number        of what is compressed: bytes of messages for each byte that came
---@field ratio_out? number
---@field ends? control.end[]     how its attempts have ended
---@field last_end? { code: integer, word?: string, message?: string, uptime: number, attempt: integer }
---@field pings? table             how long pings took: a histogram, as metrics() has them
---@field callback_time number    seconds that code has run for what came on it
---@field buffered integer        bytes that wait to be sent
---@field inbox integer           bytes that wait for the script
---@field paused boolean          by the script
---@field behind boolean          the script is: the socket is not read
---@field worker? integer

---@return control.connection[]
function control.connections() end

---@class control.task
---@field id integer
---@field kind string             "main chunk", "callback", "spawned", ...
---@field state "ready"|"running"|"waiting"
---@field waits_in? string        the function: "host.sleep"
---@field left? number            seconds until it gives up waiting
---@field file? string            where it waits or is
---@field line? integer
---@field worker? integer

---@return control.task[]
function control.tasks() end

---@class control.timer
---@field name? string
---@field every? number           seconds; nil: once
---@field left number             seconds until it is due
---@field worker? integer

---@return control.timer[]
function control.timers() end

---What host.state keeps, as text: a line "name = value" for each, tables laid out.
---@return string|control.of_worker[]
function control.state() end

---The answer of a worker, where several were asked: `result`, or `why` there is none.
---@class control.of_worker
---@field worker integer
---@field pid integer
---@field result? any
---@field why? string

---Runs Lua in the running generation, as a task: an expression, or statements. It sees all globals, and `conns`: the
---connections, by name or id. What it prints comes as notifications `output`, { text =, worker = }; what it gives is
---the result, as text. Code that keeps the loop for 5 s is ended. Where the client goes, so does its code.
---@param params { code: string, worker?: integer }
---@return string|control.of_worker[]
function control.run(params) end

---Cancels the code that runs for this client.
---@return true
function control.cancel() end

---How the last word of a line may go on: names, one on each line.
---@param params { line: string, worker?: integer }
---@return string|control.of_worker[]
function control.complete(params) end

---Sends what goes on from now on, as notifications `events`, until unwatch, or another watch. Of messages at most 200
---a second are told (`shown`, of all that were `seen`), and of each the first 64 KiB (`size` has all). A client that
---reads slowly misses some.
---@param params control.watch
---@return true
function control.watch(params) end

---@class control.watch
---@field connection? integer  what passes on this connection: its id
---@field messages? boolean    what passes on all
---@field log? "debug"|"info"|"warn"|"error"  lines of the log from that level on, whatever WSBOT_LOG says
---@field trace? string        lines of the trace: areas, as WSBOT_TRACE has them ("conn,tls"); they come with the log
---@field worker? integer

---@class control.events
---@field seen integer    messages since the last notification
---@field shown integer   those of them that are here
---@field events table[]  lines as --record has them: { time, connection, event, kind, data, base64, size, code, ... },
---where `connection` is the id; and of the log { time = seconds since 1970, level =, message = }
---@field worker? integer

---@return true
function control.unwatch() end

---The last lines of the log, the newest last.
---@return { time: number, level: string, message: string, worker?: integer }[]
function control.log() end

---The last reloads, the newest last.
---@class control.reload
---@field generation integer  that it made or would have made
---@field time number         seconds since 1970
---@field cause string        a file, "SIGHUP", ...
---@field ok boolean
---@field report string       what it kept, or why it failed
---@field took number         seconds
---@field worker? integer

---@return control.reload[]
function control.generations() end

---All that is counted, by the host and by the script: families of host.counter and its kin, as plain tables.
---@return table[]|control.of_worker[]
function control.metrics() end

---Do all functions of host.ready say true? Else where the first is that does not.
---@return { ready: boolean, where?: string }|control.of_worker[]
function control.ready() end

---Samples where the time goes, for so many seconds, and gives that as folded stacks.
---@param params { seconds: number, worker?: integer }
---@return string|control.of_worker[]
function control.profile(params) end

---Has the script loaded again, as a save does with --watch.
---@return true
function control.reload() end

---Goes back to the sources of the generation before.
---@return true|control.of_worker[]
function control.back() end

return control
