-- options: those of `wsbot connect`, which host/app/cli.c has read into `arg`; their values are judged here. What is
-- wrong ends the program with status 2.
local show = require "wsbot.connect.show"

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

-- The last of those given.
local function value(name)
  return arg[name] and arg[name][#arg[name]]
end

local function seconds(name)
  local text = value(name)
  if not text then return nil end
  local number = tonumber(text)
  if number and number >= 0 and number <= 1e9 then return number end
  refuse(("a wrong value for --%s: '%s' (seconds)"):format(name, text))
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
    local name, text = line:match "^([^:]+):%s*(.-)%s*$"
    if not name then refuse(("a wrong value for --header: '%s' (\"Name: value\")"):format(line)) end
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

if flag "cert" ~= flag "key" then refuse "--cert and --key go together" end
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
  connection = { -- what ws.connect takes
    url = arg.url,
    headers = headers(),
    protocols = protocols(),
    binary_type = flag "binary" and ws.ARRAYBUFFER or ws.BLOB,
    ping_interval = seconds "ping",
    connect_timeout = patience,
    handshake_timeout = patience,
    max_send_buffer = LONGEST,
    proxy = value "proxy",
    tls = { ca_file = file "ca", cert = file "cert", key = file "key", verify = not flag "insecure" },
  },
}
  patience = timeout or STALL, -- with a server that takes nothing
