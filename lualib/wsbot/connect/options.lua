-- options: the options of `wsbot connect`. host/app/cli.c has read them into `arg` and checked them, except files:
-- these are checked here. A mistake ends the program with status 2.
local number = require "wsbot.number"
local show = require "wsbot.terminal.show"

local LONGEST = 16 * 1024 * 1024 -- bytes of a line to send, and of all that waits to be sent
local PATIENCE = 10 -- seconds for connecting, and as many for the handshake; --timeout may be longer
local STALL = 60 -- seconds in which a server takes nothing

local function refuse(text)
  io.stderr:write("wsbot connect: ", show.escape(text), "\n")
  os.exit(2, true)
end

local function flag(name)
  return arg[name] ~= nil
end

-- The value of an option; of several the last.
local function value(name)
  return arg[name] and arg[name][#arg[name]]
end

local function seconds(name)
  return value(name) and number.read(value(name))
end

-- The path of a file that can be read.
local function file(name)
  local path = value(name)
  if not path then return nil end
  local opened, why = io.open(path)
  if not opened then refuse(("--%s: cannot open %s"):format(name, why)) end
  opened:close()
  return path
end

local function headers()
  local all = {}
  for _, line in ipairs(arg.header or {}) do
    local name, text = line:match "^([^:]+):[ \t]*(.-)[ \t]*$"
    all[name] = all[name] or {}
    table.insert(all[name], text)
  end
  return all
end

local function protocols()
  local all = {}
  for _, list in ipairs(arg.subprotocol or {}) do
    for name in list:gmatch "[^,%s]+" do all[#all + 1] = name end
  end
  return all
end

-- How many redirects are followed: 10 where no number was given, as curl's -L is understood.
local function redirects()
  local text = value "max-redirects"
  if text == nil or text == true then return text and 10 or 0 end
  return math.tointeger(number.read(text))
end

-- The addresses of hosts, in the form of curl's --resolve: "HOST:PORT:ADDRESS,ADDRESS".
local function resolve()
  local all = {}
  for _, text in ipairs(arg.resolve or {}) do
    local place, list = text:match "^(.-:%d+):(.+)$"
    all[place] = all[place] or {}
    for address in list:gmatch "[^,%[%]]+" do table.insert(all[place], address) end
  end
  return all
end

local function proxy()
  local url = value "proxy"
  if url == "none" then return false end
  return url
end

local timeout = seconds "timeout"
local patience = math.max(timeout or 0, PATIENCE)

return {
  refuse = refuse, -- refuse(text) tells a mistake and ends the program
  longest = LONGEST,
  binary = flag "binary",
  base64 = flag "base64",
  json = flag "json",
  no_input = flag "no-input",
  one = flag "one",
  verbose = flag "verbose",
  wait = seconds "wait" or 0,
  timeout = timeout, -- nil: none
  patience = timeout or STALL, -- with a server that takes nothing
  connection = { -- what ws.connect takes
    url = arg.operand,
    headers = headers(),
    origin = value "origin",
    protocols = protocols(),
    compression = not flag "no-compression",
    max_redirects = redirects(),
    redirect_headers = flag "redirect-headers",
    cookies = redirects() > 0,
    binary_type = flag "binary" and ws.ARRAYBUFFER or ws.BLOB,
    ping_interval = seconds "ping",
    connect_timeout = patience,
    handshake_timeout = patience,
    max_send_buffer = LONGEST,
    family = flag "ipv4" and 4 or flag "ipv6" and 6 or nil,
    resolve = resolve(),
    local_address = value "local-address",
    proxy = proxy(),
    tls = {
      ca_file = file "ca", system_ca = flag "system-ca", cert = file "cert", key = file "key",
      key_password = flag "key" and os.getenv "WSBOT_KEY_PASSWORD" or nil, pin = arg.pin, alpn = arg.alpn,
      server_name = value "server-name", stapling = not flag "no-stapling", allow_weak = flag "allow-weak",
      verify = not flag "insecure",
    },
  },
}
