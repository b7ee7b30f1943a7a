---@meta wsbot.http
-- The types of the module `wsbot.http`, for editors (LuaCATS) and for reading. Nothing here runs.

---Requests to web servers, and servers: `local http = require "wsbot.http"`. A request has the task wait for its
---answer, while everything else goes on. Connections are kept for the next requests to the same server. Cookies are
---kept by sessions alone.
---@class http
local http = {}

---What a failure is called. An answer with a status of 4xx or 5xx is an answer, and no failure.
---@alias http.error
---| "dns"      # the name has no address
---| "connect"  # no address answered
---| "proxy"    # the proxy cannot be reached, or refuses
---| "tls"      # the TLS handshake, a certificate, or a file of the option `tls`
---| "timeout"  # timeout or connect_timeout passed
---| "too_big"  # a body over max_size, or one that --max-memory has no room for; headers over 256 KB
---| "reset"    # the connection ended before the answer was whole
---| "http"     # the answer is wrong, there are too many redirects, or one leads to what is not http

---@class http.tls
---@field ca_file? string      PEM file of the CAs to trust, instead of the system's (or of SSL_CERT_FILE)
---@field ca_path? string      folder of such files
---@field cert? string         PEM file of our certificate, its chain included
---@field key? string          PEM file of its key
---@field key_password? string opens that key
---@field verify? boolean      default true; false checks nothing and warns once
---@field min_version? "1.2"|"1.3" default "1.2"

---What the tables of query and form may have as a value; a list stands for several of the same name.
---@alias http.value string|number|boolean|(string|number|boolean)[]

---A file within a multipart body. One with a filename and without a type is application/octet-stream.
---@class http.part
---@field data string
---@field filename? string
---@field type? string       media type: "image/png"

---@class http.options
---@field headers? table<string, string|string[]>  extra lines of the request
---@field query? table<string, http.value>  added to the url, ordered by name
---@field body? string           as it is; give a Content-Type in headers
---@field json? any              the body: this value, by wsbot.json, as application/json
---@field form? table<string, http.value>  the body: as application/x-www-form-urlencoded
---@field multipart? table<string, string|http.part|(string|http.part)[]>  the body: as multipart/form-data, ordered by
---                              name; a list makes several parts of that name. Texts and data are sent as they are
---@field retry? integer         how often to ask again, whatever the method, where the answer is 429 or 503: after what
---                              its Retry-After says (seconds or a date, an hour at most), else after the back-off of
---                              ws.connect's reconnection. Where that is over `timeout`, this is the answer; default 0
---@field previous? http.response  an answer of before to the same GET: its ETag and Last-Modified go along, and where
---                              the server says 304 (not modified), it is `previous` itself that is returned
---@field timeout? number        seconds for everything, retries included; of a stream, until its head is there;
---                              default 30
---@field connect_timeout? number  seconds for names, TCP, the proxy and TLS; default 10
---@field max_size? integer      bytes of the body, after decompression; default 16 MiB. Of a stream: of a line of its
---                              events, and of the data of an event; the body has no limit
---@field max_redirects? integer that are followed; default 10 for GET and HEAD, else 0. A POST goes on as browsers have
---                              it. To another origin (scheme, host, port) go User-Agent, Accept and Accept-Language of
---                              your headers, no user, no certificate and no body; one that leads back brings none back
---@field redirect_headers? boolean your headers and body go to other origins, too, but for Host, Cookie, Authorization
---                              and Proxy-Authorization, which never do; default false
---@field proxy? string|false    "http://user:pw@proxy:3128", https://, socks5://, socks5h://; default: http_proxy,
---                              HTTPS_PROXY, ALL_PROXY, NO_PROXY of the environment; false: none
---@field local_address? string  the IP address to connect from; of one with a zone (fe80::1%eth0), the interface's
---@field tls? http.tls
---@field user? string           for Basic authorization, as user:pw@ in the url
---@field password? string

---@class http.request: http.options
---@field url string             http:// or https://
---@field method? string         default "GET"

---The answer. `headers` has names in any case; several lines of a name are joined by ", ".
---@class http.response
---@field status integer
---@field reason string   may be empty
---@field ok boolean      the status is 2xx
---@field headers table<string, string>
---@field body string     decompressed
---@field url string      after redirects, without user and password
local response = {}

---Decodes the body by wsbot.json.
---@return any value      nil when it is not JSON
---@return string? message
function response:json() end

---The values of all header lines of that name, in order: of Set-Cookie, say.
---@param name string
---@return string[]
function response:all(name) end

---Sends a request and waits. A wrong option raises an error that names it, and so does a call where a task cannot wait.
---@param request http.request
---@return http.response? response
---@return http.error? word
---@return string? message
function http.request(request) end

---@param url string
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.get(url, options) end

---@param url string
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.head(url, options) end

---@param url string
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.delete(url, options) end

---@param url string
---@param body? string  nil: options.json or options.form
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.post(url, body, options) end

---@param url string
---@param body? string
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.put(url, body, options) end

---@param url string
---@param body? string
---@param options? http.options
---@return http.response? response
---@return http.error? word
---@return string? message
function http.patch(url, body, options) end

---------------------------------------------------------------------------------------------------------------- streams

---An answer that is taken while it comes. It has a connection of its own (HTTP/1.1), and is not asked for compressed. A
---server that sends more than is read has to wait. Ends at its end, by close, when it is collected, or with its
---generation at a reload; a stream that no task reads does not keep the program alive.
---@class http.stream
---@field status integer
---@field reason string   may be empty
---@field ok boolean      the status is 2xx
---@field headers table<string, string>
---@field url string      after redirects, without user and password
local stream = {}

---Waits for more of the body, however much that is.
---@param timeout? number     seconds; what comes later can still be read
---@return string? piece      nil at the end
---@return http.error|"closed"? word  where it did not end well; the same again from then on
---@return string? message
function stream:read(timeout) end

---A server-sent event (WHATWG HTML 9.2).
---@class http.event
---@field event string    "message" where none is named
---@field data string     its lines, with newlines between them
---@field id string       the last one seen in this stream; "" before any

---Server-sent events, for a `for` loop: it ends with the stream, and an event that is not whole by then is dropped.
---What goes wrong in the stream, and a line over max_size, is raised. Bytes are not checked to be UTF-8; `retry` is
---passed over, as nothing is opened again by itself. Look at `status` first: an error page has no events.
---@return fun(): http.event?
function stream:events() end

---The values of all header lines of that name, in order.
---@param name string
---@return string[]
function stream:all(name) end

---Ends it. Also as `local stream <close>`.
function stream:close() end

---Sends a request and waits for the head of the answer.
---@param request http.request
---@return http.stream? stream
---@return http.error? word
---@return string? message
function http.stream(request) end

--------------------------------------------------------------------------------------------------------------- sessions

---@class http.session.options
---@field base? string       http:// or https://: what is not a whole url is resolved against it, by RFC 3986 5: with
---                          "https://example.org/api/", "users" is "https://example.org/api/users", and "/users" is
---                          "https://example.org/users"
---@field headers? table<string, string|string[]>  of every request, unless it has one of the same name. To another
---                          origin than that of `base` go User-Agent, Accept and Accept-Language alone
---@field timeout? number    this and the following: of every request that has none of its own
---@field connect_timeout? number
---@field max_size? integer
---@field max_redirects? integer
---@field redirect_headers? boolean
---@field proxy? string|false
---@field local_address? string
---@field tls? http.tls
---@field retry? integer

---Requests with things in common. It has the functions of http, which may be called with a dot or a colon:
---`session.get("users")`, `session:get("users")`. It keeps the cookies that servers set, and sends them where they
---belong (RFC 6265), after a redirect, too; `ws.connect { cookies = session }` shares them. They are gone with the
---session: a reload begins with none.
---@class http.session: http
---@field base? string
---@field cookies userdata  the jar: 50 cookies and 16 KB of a domain, 3,000 cookies in all

---@param options? http.session.options
---@return http.session
function http.session(options) end

---------------------------------------------------------------------------------------------------------------- servers

---What a handler gets. `headers` has names in any case; several lines of a name are joined by ", ".
---@class http.served
---@field method string   as it was sent: "GET"
---@field path string     as it was sent: "/a%20b"
---@field query string    what stands behind the "?"; "" where nothing does
---@field headers table<string, string>
---@field body string
local served = {}

---Decodes the body by wsbot.json.
---@return any value      nil when it is not JSON
---@return string? message
function served:json() end

---The values of all header lines of that name, in order.
---@param name string
---@return string[]
function served:all(name) end

---What it returns. Content-Length, Connection and, where it is not among the headers, Date are added.
---@class http.answer
---@field status? integer  200 to 999; default 200
---@field headers? table<string, string|number|(string|number)[]>
---@field body? string
---@field json? any        the body: this value, by wsbot.json, as application/json

---@class http.serve.options
---@field handler fun(request: http.served): http.answer  may wait. An error in it is a 500, and told on stderr
---@field port? integer      default 0: a free one
---@field host? string       an IP address of this machine, or "localhost"; default "127.0.0.1"; "0.0.0.0", "::": all
---@field max_body? integer  bytes of the body of a request; default 1 MiB

---A web server. It keeps the program alive until it is closed. After a reload one with the same host and port has its
---socket, its connections, and the requests that were not answered.
---@param options http.serve.options
---@return http.server
function http.serve(options) end

---@class http.server
---@field url string    "http://127.0.0.1:8080"
---@field port integer
local server = {}

---Listens no more; requests that are under way are answered. Also as `local server <close>`.
function server:close() end

return http
