---@meta ws
-- The types of the module `ws`, for editors (LuaCATS) and for reading. Nothing here runs.

---The WebSocket protocol, client side (RFC 6455). A global, and `require "ws"`.
---@class ws
---@field BLOB "blob"               send() makes text frames
---@field ARRAYBUFFER "arraybuffer" send() makes binary frames
ws = {}

---What a failure is called.
---@alias ws.error
---| "dns"          # the name has no address
---| "connect"      # no address answered
---| "proxy"        # the proxy cannot be reached or trusted, or refuses; the message has its address and its answer
---| "tls"          # the TLS handshake, a certificate, or a file of the option `tls`
---| "handshake"    # the server's answer is no, or wrong; record.response has it
---| "timeout"      # connect_timeout or handshake_timeout passed
---| "protocol"     # the peer broke a rule of RFC 6455; it was sent Close 1002
---| "invalid_utf8" # a text that is not UTF-8; Close 1007
---| "too_big"      # a message over max_message_size, or one that --max-memory has no room for; Close 1009
---| "ping_timeout" # nothing came within pong_timeout of a ping
---| "reset"        # the connection ended without a Close frame
---| "callback"     # an error in a function of yours; the message has its traceback

---@alias ws.kind "text"|"binary"

---Whom TLS believes, and what it shows of us. For an https:// proxy ca_file, ca_path, system_ca, verify, allow_weak,
---stapling and min_version hold as well; the rest does not.
---@class ws.tls
---@field ca_file? string      PEM file of the CAs to trust, instead of the system's. A certificate in it that is no
---CA is trusted as itself alone, for its own names. Read once for all who name it, and anew when it has changed
---@field ca_path? string      folder of such files; where some are named by hash (`openssl rehash`), these alone
---@field system_ca? boolean   true: the system's CAs as well as those; default false
---@field cert? string         PEM file of our certificate, its chain included
---@field key? string          PEM file of its key (an encrypted one: PBES2 or traditional)
---@field key_password? string opens that key
---@field verify? boolean      default true; false checks nothing but `pin`, and without that warns once
---@field pin? string|string[] the server's public key is one of these, in addition to all else: "sha256//...=", as
---curl's --pinnedpubkey has them. `conn.tls.certificate.pin` tells a server's, and so does the error
---@field alpn? string|string[] protocols to offer (RFC 7301): "http/1.1"; `conn.tls.alpn` tells which one was picked
---@field stapling? boolean    asks for an OCSP response beside the certificate (RFC 6066 8): one that says revoked, or
---is not valid, refuses the server; none is fine. Default true; not with verify = false
---@field allow_weak? boolean  true: accepts what can be forged by now: RSA keys of 1,024 to 2,047 bits, a CA's curve
---under 256 bits, DHE under 2,048 bits, signatures with MD5, SHA-1 or SHA-224. Default false; true warns once
---@field server_name? string  sent (SNI) and verified instead of the host
---@field min_version? "1.2"|"1.3" default "1.2"

---What TLS is like on a connection, read when it is asked for.
---@class ws.tls_state
---@field version "1.2"|"1.3"
---@field cipher string     "TLS_AES_128_GCM_SHA256"
---@field resumed boolean   from an earlier session of this configuration, in which the certificate was checked
---@field alpn? string      the protocol that the server picked (RFC 7301)
---@field certificate? ws.certificate  the server's

---@class ws.certificate
---@field subject string      its common name, or the first name that it is for
---@field issuer string       who signed it
---@field not_after? integer  when it ends, as host.time() counts
---@field pin string          "sha256//...=": its public key, as tls.pin and curl's --pinnedpubkey have it

---permessage-deflate (RFC 7692): what to ask for, and how to compress.
---@class ws.compression
---@field server_no_context_takeover? boolean  the server is to forget what it compressed before
---@field client_no_context_takeover? boolean  we forget; slower to send, and no memory is kept between messages
---@field server_max_window_bits? integer      8 to 15: how far the server may look back, as a power of 2
---@field client_max_window_bits? integer      8 to 15: how far we look back
---@field level? integer         0 to 9, of zlib; default 6
---@field memory_level? integer  1 to 9, of zlib; default 8
---@field threshold? integer     bytes; shorter messages are sent as they are; default 64

---Automatic reconnection: exponential back-off with full jitter. The delay before retry n is a random part of
---min * factor ^ (n - 1), of max at most; a Retry-After of the server is waited for, an hour at most. None follows
---close() or destroy(), nor on statuses 400 401 403 404 410 and close codes 1002 1003 1007 1009 1010.
---@class ws.reconnect
---@field min? number       seconds; default 1
---@field max? number       seconds; default 60
---@field factor? number    default 2
---@field attempts? integer retries in a row; default: without end
---@field stable? number    seconds open after which retries are counted anew; default 30
---@field fatal? integer[]  more statuses and close codes after which there is none

---Rotation: the connection gets another transport before the server ends the one it has. The next one connects and logs
---in (on_connect, on_websocket_connect: what these send goes to it) beside the old one, which has all other sends, and
---whose messages are delivered meanwhile. When on_websocket_connect has returned, the next one takes the place. One
---that fails before, whatever the reason, is told to on_error alone (whose sends go to the one in place), and tried
---again after the delays of `reconnect`. Where the old one ends while the next one logs in, the login decides: when it
---is done nothing is told of that end.
---@class ws.rotate
---@field every? number    seconds from a login to the next rotation; default: only conn:rotate() begins one
---@field overlap? number  seconds in which messages of the old transport are still delivered, before it is closed with
---1000; default 10

---The old transport, in the overlap.
---@class ws.overlap
---@field rotation integer
---@field send fun(old: ws.overlap, data: string, kind?: ws.kind|"blob"|"arraybuffer"): true?, string?  true, or nil and
---why not: "closed" once it has ended
---@field close fun(old: ws.overlap, code?: integer, reason?: string): true  ends the overlap now

---Callbacks may wait (host.sleep, conn:receive, ...). Those of one connection run one at a time and in order: while one
---waits, what follows is held. Pings are answered all the same, until more than max_receive_buffer is held; then the
---socket is not read. Messages are held as well while there is no on_message: for a later one, or for receive.
---@class ws.options
---@field url string|fun(conn: ws.connection): string  ws://, wss://, ws+unix:///path.sock:/uri, or ws+unix://@name:/uri
---(an abstract socket of Linux); a link-local address needs its interface: ws://[fe80::1%eth0]/, or %25eth0 as RFC 6874
---has it. A function: called for each attempt, and may wait
---@field headers? table<string, string|string[]>|fun(conn: ws.connection): table  extra lines of the request
---@field ping_interval? number     seconds between pings; nil or 0: none
---@field binary_type? "blob"|"arraybuffer"  what send() makes; default ws.BLOB
---@field name? string              what to call it; by it a reload knows it again. No string here may have a CR, LF or
---NUL in it (but key_password, which may have line ends)
---@field reconnect? boolean|ws.reconnect  default false
---@field rotate? ws.rotate         when it gets another transport, without a gap
---@field protocols? string[]       subprotocols to offer, the preferred first
---@field origin? string            the Origin header
---@field compression? boolean|ws.compression  default true: offered
---@field connect_timeout? number   seconds for names, TCP, the proxy and TLS together; default 10
---@field handshake_timeout? number seconds for the opening handshake; default 10
---@field close_timeout? number     seconds for the closing handshake; default 5
---@field pong_timeout? number      seconds after a ping in which something must come; default 20
---@field max_message_size? integer bytes of a message received; default 16 MiB
---@field max_send_buffer? integer  bytes that wait to be sent; default 16 MiB
---@field queue? "connecting"|"always"|"never"  what becomes of messages sent while it is not open; default
---"connecting": they are queued while an attempt is under way, and what is left is dropped when that fails; "always":
---also between attempts, and kept for the next; "never": they are refused ("not_open")
---@field fragment_size? integer    bytes: longer messages leave in fragments of that size (RFC 6455 5.4), for
---servers that take no long frames; default: each leaves in one frame
---@field max_receive_buffer? integer  bytes held for a script that is behind; default 16 MiB; with --max-memory
---less, where much is kept
---@field tls? ws.tls
---@field proxy? string|false  the way there: "http://user:pw@host:port" (CONNECT), https:// (the same over TLS),
---socks5:// (we look the server's name up) or socks5h:// (the proxy does); without a port 80, 443 or 1080. false: none.
---Default: as the environment says when an attempt begins: https_proxy for wss:, http_proxy for ws:, else all_proxy,
---but none for those in no_proxy (names and what is below them, "*.corp.test" as ".corp.test"; addresses, networks as
---"10.0.0.0/8"; each also with ":port"; "*": all); upper-case names count where the lower-case ones are not set.
---ws+unix: needs none.
---@field family? 4|6              IPv4 or IPv6 alone; default: both, raced (RFC 8305)
---@field resolve? table<string, string|string[]>  what hosts stand for, without a look-up: IP addresses by
---"host:port", or by "host" for any port. Host header and TLS name stay those of the url; a proxy that looks names up
---itself (http://, https://, socks5h://) is told the name. Localhost and all names below it need no entry
---@field local_address? string     the IP address to connect from, "fe80::2%eth0" of a link; it chooses the family too
---@field max_redirects? integer    how many redirects (301, 302, 303, 307, 308) an attempt follows, 0 to 20; default 0.
---From wss to ws none is. To another origin (scheme, host, port) go User-Agent, Accept and Accept-Language of your
---headers, and subprotocols that do not look like keys; not Origin, the url's user and `tls.cert`. One that leads back
---does not bring them back
---@field redirect_headers? boolean your headers and the Origin go to other origins, too, but for Host, Cookie,
---Authorization and Proxy-Authorization, which never do; default false
---@field cookies? boolean|http.session  what servers set in the handshake is sent with the next, in one line with a
---Cookie of yours; of a session (http.session) its cookies are sent, and it keeps those that are set; default false
---@field on_connect? fun(conn: ws.connection)  the transport is up (TCP, the proxy; for wss, TLS verified); a
---redirect: again
---@field on_websocket_connect? fun(conn: ws.connection, response: ws.response)  the handshake is done. What it sends
---until it returns, waits included, goes first: what was queued, and what others send meanwhile, follows when it has
---returned. So it is the place of a login; do not read all messages in it
---@field on_message? fun(conn: ws.connection, data: string, kind: ws.kind)
---@field on_ping? fun(conn: ws.connection, data: string)  it was answered already
---@field on_pong? fun(conn: ws.connection, data: string, seconds?: number)  seconds: since the ping it answers
---@field on_error? fun(conn: ws.connection, code: ws.error, message: string)
---@field on_buffer_full? fun(conn: ws.connection)  a message was refused; told once, until on_drain
---@field on_drain? fun(conn: ws.connection)        all is written; each time after more than 64 KB waited, or a
---message was refused
---@field on_adopt? fun(conn: ws.connection)  a reload: this live connection is this generation's from now on
---@field on_give_up? fun(conn: ws.connection, why: string)  automatic reconnection ended: "status 401", ...
---@field on_overlap? fun(conn: ws.connection, old: ws.overlap)  the next transport has taken the place of the old one.
---Neither this one's closing nor its own end calls anything
---@field on_gap? fun(conn: ws.connection, seconds: number)  it is logged in again after an end that this side had not
---planned: so long ago
---@field on_close? fun(conn: ws.connection, code: integer, reason: string, record: ws.record)  last, once an attempt

---The answer to the opening handshake. `tostring(response)` is its head as received.
---@class ws.response
---@field status integer
---@field reason string
---@field headers table<string, string>  names in any case; several lines of a name are joined by ", "
---@field protocol? string
---@field extensions? string
---@field body string  of a refusal: its first 4 KB
local response = {}

---Every line of that name, in the order received; none: an empty list.
---@param name string  in any case
---@return string[] values
function response:all(name) end

---How an attempt ended.
---@class ws.record
---@field phase "dns"|"connect"|"proxy"|"tls"|"handshake"|"open"|"closing"  where it was when the end began
---@field error? ws.error
---@field message? string
---@field unsent_messages integer  that were never sent: queued and dropped, or not taken by the system when it ended.
---Of those that were written in part of a longer backlog it is an estimate, by their bytes
---@field unsent_bytes integer     the bytes of these: of what was queued the data, else of its frames
---@field sent? integer      the code we sent in a Close frame; 1005: none in it
---@field system? string     what the system called it: "ECONNRESET", "ECONNREFUSED", ...
---@field alert? integer     the TLS alert that the peer sent (RFC 8446 6)
---@field uptime number      seconds since the handshake; 0: it was never open
---@field since_in? number   seconds since the last byte came; nil: none did
---@field since_out? number  seconds since the last byte went
---@field since_ping? number seconds since the oldest ping that nothing came after; nil: none waits
---@field lag number         the longest time, in seconds, in which our own loop did not turn, busy or
---                          stopped (by SIGSTOP, say: to a quarter of a second); 0: none over 20 ms
---@field attempt integer    counts from 1
---@field retry_in? number   seconds until automatic reconnection tries again
---@field gave_up? string    why it does not
---@field response? ws.response  of a refused handshake, told at most a second after its head: with what had come of its
---                               body by then, 4 KB at most

---@class ws.closed
---@field code integer
---@field reason string
---@field record ws.record

---A connection. `local conn <close> = ws.connect{...}` closes it when it goes out of scope. Callbacks may be replaced
---at any time; a function may be anything that can be called. Fields of your own may be set on it, but for names with
---on_, which are callbacks. One of a method's name stands in for it on this connection, until it is nil: so busted's
---spies and stubs do (`stub(conn, "send")`).
---@class ws.connection: ws.options
---@field id integer
---@field state "connecting"|"open"|"closing"|"closed"|"waiting"
---@field protocol? string        the subprotocol agreed on
---@field remote_address? string  "127.0.0.1:1234", "[fe80::1%eth0]:1234"; through a proxy: its address
---@field local_address? string   while it is connected
---@field tls? ws.tls_state       while TLS is up; nil on a plain connection, and in on_close
---@field buffered_amount integer bytes sent that the system has not taken yet; of an attempt that has ended, until
---on_close is told of it
---@field closed? ws.closed       how the last attempt ended; nil: none has
---@field latency? number         seconds of the last ping there and back
---@field bytes_in integer
---@field bytes_out integer
---@field messages_in integer
---@field messages_out integer
---@field rotation integer        counts its transports, from 1: each one that came after another, by a rotation or by
---reconnecting; in a callback: that of the transport from which the event came
local connection = {}

---Opens a connection. Returns at once; the attempt begins in the next turn of the loop. A wrong option raises an error
---that names it.
---@param options ws.options
---@return ws.connection
function ws.connect(options) end

---Sends a message, as text or binary by `kind`, else by binary_type. While it is not open the option `queue` says what
---becomes of it. A callback whose own connection has ended while it waited is refused ("closed"): what it has to say is
---not for the next one.
---@param data string
---@param kind? ws.kind|"blob"|"arraybuffer"
---@return true? sent
---@return "closed"|"not_open"|"send_buffer_full"|"invalid_utf8"? why_not
function connection:send(data, kind) end

---@param data string
---@return true? sent
---@return "closed"|"not_open"|"send_buffer_full"|"invalid_utf8"? why_not
function connection:send_text(data) end

---@param data string
---@return true? sent
---@return "closed"|"not_open"|"send_buffer_full"? why_not
function connection:send_binary(data) end

---Waits until all that was sent is written: the system has it. Where it is not open, it does not wait: true where
---nothing is queued, else "not_open" or "closed". "closed" as well when the connection ends before all is written.
---@param timeout? number seconds; nil: as long as it takes
---@return true? written
---@return "closed"|"not_open"|"timeout"? why_not
function connection:drain(timeout) end

---Waits until it is open, also through reconnections. Where it ends without another attempt to come: the word and
---message of its failure (which is then not logged), or "closed".
---@param timeout? number seconds; nil: as long as it takes
---@return true? open
---@return ws.error|"closed"|"timeout"? why_not
---@return string? message
function connection:opened(timeout) end

---Begins a rotation; where one is under way, it goes on. One whose old transport is still there ends that.
---@return true? begins
---@return "not_open"|"closed"? why_not
function connection:rotate() end

---Sends a ping.
---@param data? string at most 125 bytes
---@return true? sent
---@return "closed"? why_not
function connection:ping(data) end

---Starts the closing handshake; ends an attempt that is not open yet, and a wait for the next.
---@param code? integer   default 1000
---@param reason? string  at most 123 bytes of UTF-8
function connection:close(code, reason) end

---Ends at once, without a Close frame.
function connection:destroy() end

---Connects again after `seconds` (default 0). A connection that is up is closed first, with that code and reason. One
---attempt at a time.
---@param seconds? number
---@param code? integer   default 1000
---@param reason? string  at most 123 bytes of UTF-8
function connection:reconnect(seconds, code, reason) end

---Takes back a reconnect that has not begun.
function connection:cancel_reconnect() end

---Waits for the next message, also through reconnections: "closed" comes when on_close is over and has not asked for
---another attempt, so do not wait in on_close for a task that receives. A task that waits here has each message before
---what follows it is looked at, as an on_message has: its answer goes out before a Close that came behind it. In a
---callback of the connection itself, which the next attempt waits for, it comes when the attempt has ended. What came
---before the end is given after it, too.
---An error where there is an on_message.
---Where nothing can wait (in a finalizer, say) it raises an error, also if there is a message.
---@param timeout? number seconds; nil: as long as it takes
---@return string? data
---@return ws.kind|"timeout"|"closed" kind  or why there is none
function connection:receive(timeout) end

---`for data, kind in conn:messages() do`: until the connection is closed for good.
---@return fun(): string?, ws.kind
function connection:messages() end

---No messages until resume(): the socket is not read.
function connection:pause() end
function connection:resume() end

return ws
