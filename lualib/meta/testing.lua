---@meta wsbot.testing
-- The types of the module `wsbot.testing`. Nothing here runs.

---What tests of bots need beside busted; `wsbot test` runs both. Everything made here ends with the test that made it,
---or with its block where a `setup` did.
---@class wsbot.testing
local testing = {}

---Waits, the loop turning, until the function gives something true, which is returned. Raises an error after `timeout`.
---@generic T
---@param look fun(): T?
---@param timeout? number seconds of real time, default 5
---@return T
function testing.eventually(look, timeout) end

------------------------------------------------------------------------------------------------------------ the clock

---Stops the clock of the program, so that only clock:advance moves it: host.now, host.time, os.time, os.date, sleeps,
---timers, pings, timeouts and back-off all follow it. luv and other processes keep real time.
---@return wsbot.testing.clock
function testing.clock() end

---@class wsbot.testing.clock
local clock = {}

---Moves the clock. What is due on the way happens at its time and in its order; between two such moments all that
---connections of this process have sent arrives, and the answers of requests by `wsbot.http` that are under way. Waits
---until that has happened.
---@param seconds number
function clock:advance(seconds) end

---Moves it to the next thing that is due, and no further.
---@return number? seconds  how far that was; nil: nothing is due
function clock:next() end

---What waits for the clock: timers, waits that have a limit, and connections, in the test and in its bots.
---@class wsbot.testing.pending
---@field left number    seconds until then
---@field what string    "host.every 'name'", "host.sleep", "open connection 'name'", ...
---@field file? string   where it waits, or was made
---@field line? integer

---@return wsbot.testing.pending[]  the next one first
function clock:pending() end

---The real clock goes on from where this one stands. Also as `local clock <close>`, and at the end of the test.
function clock:close() end

------------------------------------------------------------------------------------------------------ the scripted peer

---How a server answers the opening handshake.
---@class wsbot.testing.server.answer
---@field protocols? string[]   the first offered one of them is chosen; default: the first offered
---@field compression? boolean  agrees on permessage-deflate where it is offered; default false
---@field headers? table<string, string|string[]>  more lines of its answer
---@field refuse? wsbot.testing.server.refusal|string  says no; a string is the whole answer, as it is
---@field silent? boolean  never answers

---@class wsbot.testing.server.refusal
---@field status? integer  default 403
---@field reason? string
---@field headers? table<string, string|string[]>
---@field body? string

---Its certificate is made on the spot: a right one, or one with which something is wrong.
---@alias wsbot.testing.certificate "right"|"expired"|"not_yet_valid"|"other_name"|"unknown_issuer"|"self_signed"

---@class wsbot.testing.server.options: wsbot.testing.server.answer
---@field tls? true|wsbot.testing.certificate  speaks wss://; trust it with `tls = { ca_file = peer.ca_file }`
---@field answer? fun(request: wsbot.testing.request): wsbot.testing.server.answer?  for each request; nil: as the
---options say. It may not wait
---@field on_session? fun(session: wsbot.testing.session)  called, as the others, in a task for each connection
---@field on_message? fun(session: wsbot.testing.session, data: string, kind: ws.kind)
---@field on_close? fun(session: wsbot.testing.session, code: integer, reason: string)

---A WebSocket server on a free port of loopback, whose side a test plays: in a straight line, or by callbacks. Also as
---`local peer <close>`.
---@param options? wsbot.testing.server.options
---@return wsbot.testing.server
function testing.server(options) end

---@class wsbot.testing.server
---@field url string
---@field ca_file? string  the CA of its certificate (PEM)
local server = {}

---Waits for the next connection whose opening handshake is done, or was refused. Raises an error where none comes.
---@param timeout? number seconds, default as long as the test may take
---@return wsbot.testing.session
function server:accept(timeout) end

---The same, where there need not be one.
---@param timeout? number seconds
---@return wsbot.testing.session?
---@return "timeout"|"closed"? why_not
function server:try_accept(timeout) end

---How connections are answered from now on.
---@param answer wsbot.testing.server.answer
function server:answer(answer) end

---Listens no more, and ends its sessions at once, without a Close.
function server:close() end

---@class wsbot.testing.request
---@field target string
---@field path string
---@field query? string
---@field headers table<string, string>  names in any case
---@field text string  the head as received

---What came, of which messages may be taken by `receive` and `expect`; the record keeps them.
---@class wsbot.testing.event
---@field kind ws.kind|"ping"|"pong"|"close"|"end"  "end": the connection ended without a Close
---@field data string    of a Close its reason
---@field code? integer  of a Close
---@field time number    by host.now()

---@class wsbot.testing.session
---@field request wsbot.testing.request
---@field state "open"|"closing"|"closed"
---@field protocol? string
---@field pings integer  how many came
---@field pongs integer
---@field received wsbot.testing.event[]  all that came (of events long taken: the last 10,000, and 64 MB)
local session = {}

---Waits for the next message.
---@param timeout? number seconds
---@return string? data
---@return ws.kind|"timeout"|"closed" kind  or why there is none
---@return integer? code    of a close
---@return string? reason
function session:receive(timeout) end

---The next message is this text; or the JSON of this table; or one that the function does not answer with
---false. Raises an error that shows where they differ.
---@param expected string|table|fun(data: string, kind: ws.kind): boolean?
---@param timeout? number seconds, default 5
---@return string data
---@return ws.kind kind
function session:expect(expected, timeout) end

---The bot closes, and no message comes before.
---@param code? integer
---@param timeout? number seconds, default 5
---@return integer code
---@return string reason
function session:expect_close(code, timeout) end

---How a message is cut: a number is the size of each piece in bytes, a list has the offsets behind which it is cut.
---@class wsbot.testing.cuts
---@field fragments? integer|integer[]  of the message, into frames (RFC 6455 5.4)
---@field cuts? integer|integer[]  of the bytes on the wire: each piece arrives before the next is sent

---@param data string
---@param kind? ws.kind default "text"
---@param how? wsbot.testing.cuts
---@return true? ok
---@return "closed"|"send_buffer_full"|"invalid_utf8"? why_not
---@overload fun(self, data: string, how: wsbot.testing.cuts): true?, string?
function session:send(data, kind, how) end

---Sends bytes as they are, right or wrong.
---@param bytes string
---@param cuts? integer|integer[]
function session:send_raw(bytes, cuts) end

---@param data? string
function session:ping(data) end

---@param code? integer default 1000
---@param reason? string
function session:close(code, reason) end

---Silent from now on: reads nothing, and so answers nothing.
function session:stall() end
function session:resume() end

---Reads so many bytes a second from now on; without a number as fast as it can again.
---@param bytes_per_second? number
function session:read_slowly(bytes_per_second) end

---Says that it sends no more (FIN), without a Close, and goes on reading.
function session:half_close() end

---Ends the connection with RST.
function session:drop() end

------------------------------------------------------------------------------------------------------------------ bots

---@class wsbot.testing.bot.options
---@field args? (string|number)[]  what the script has as `arg` and `...`
---@field env? table<string, string|number|false>  what os.getenv gives; false: not set
---@field state? string the folder of its durable state, as --state; default: it ends with the bot (see host.state)

---Runs a script, whole and unchanged, in a generation of its own, up to its end or its first wait. An error of the
---script by then is raised; one that comes later, and that the test does not look at (bot.errors), fails the test. Also
---as `local bot <close>`.
---@param path_or_source string
---@param options? wsbot.testing.bot.options
---@return wsbot.testing.bot
function testing.bot(path_or_source, options) end

---@class wsbot.testing.bot
---@field output string    what it printed (print, io.write)
---@field log string       what it wrote to stderr: host.log ("warn message": no time), io.stderr, errors, reloads
---@field errors string[]  errors that nobody handled, with their tracebacks
---@field running boolean  false: it has nothing left to do, or ended otherwise
---@field status? integer  its exit status; nil while it runs
local bot = {}

---Loads the script again, or another source, as a hot reload does. Returns after the take-over.
---@param source? string
---@return true? ok
---@return string? message  why nothing has changed
function bot:reload(source) end

---The next lines of its output are these. Waits for them.
---@param ... string
function bot:expect(...) end

---Has it stop as SIGTERM does, and waits for that.
---@return integer status
function bot:stop() end

---Waits until it has ended by itself.
---@return integer status
function bot:wait() end

---Ends it at once.
function bot:close() end

-------------------------------------------------------------------------------------------------------- the web server

---How a route is answered: by this, by these one after the other (the last one to all that follow), or by what the
---function returns, which may wait.
---@alias wsbot.testing.route http.answer|http.answer[]|fun(request: wsbot.testing.http.request): http.answer

---A web server on a free port of loopback: a server of `http.serve`. Routes are "METHOD /path", or "/path" for every
---method; a GET answers HEAD as well. What has no route is answered with 404. An error in a function fails the test.
---Also as `local site <close>`.
---@param routes table<string, wsbot.testing.route>
---@return wsbot.testing.http
function testing.http(routes) end

---@class wsbot.testing.http.request: http.served
---@field time number  when it came, by host.now()

---@class wsbot.testing.http
---@field url string
---@field requests wsbot.testing.http.request[]  all that came, in order
local site = {}

---Listens no more; what was not answered is refused, and functions that wait end.
function site:close() end

--------------------------------------------------------------------------------------------------------------- replays

---@class wsbot.testing.replay.options
---@field speed? number  1: at the times of the record, 10: ten times as fast; nil: as fast as the bot answers
---@field compare? fun(recorded: string, got: string): boolean  is this answer right? Default: the same text, or JSON
---@field tls? true|wsbot.testing.certificate

---Plays the server's side of what `wsbot run --record FILE` recorded to a bot. An answer that differs fails the test
---and is shown as a diff. Also as `local peer <close>`.
---@param file string
---@param options? wsbot.testing.replay.options
---@return wsbot.testing.replay
function testing.replay(file, options) end

---@class wsbot.testing.replay
---@field url string     with path and query of the first connection of the record; "left-out" is where that has none
---@field origin string  the same without: for bots that put a path of their own behind it
---@field ca_file? string
local replay = {}

---Waits until the whole record was played. Raises an error where the bot differs.
function replay:finish() end

function replay:close() end

return testing
