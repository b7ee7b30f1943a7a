-- tls: certificates, made when they are first asked for, and servers that show them: openssl s_server, through whose
-- standard input and output a session (support.peer) speaks.
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

local tls = {}

---------------------------------------------------------------------------------------------------------- certificates

local folder
local made = {}

local function openssl(...)
  local words = { ... }
  for i, word in ipairs(words) do
    words[i] = "'" .. word .. "'"
  end
  local command = ("cd '%s' && openssl %s >>log 2>&1 </dev/null"):format(folder, table.concat(words, " "))
  if not os.execute(command) then error(command .. " fails:\n" .. place.read(folder .. "/log"), 0) end
end

local function write(name, text)
  return place.file(folder .. "/" .. name, text)
end

local function prepare()
  if folder then return end
  folder = place.folder()
  write("index.txt", "")
  write("serial", "1000\n")
  write("ca.conf", [[
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
unique_subject = no
email_in_dn = no
policy = policy
[policy]
commonName = optional
[req]
distinguished_name = names
prompt = no
[names]
]])
end

local names = "DNS:localhost,IP:127.0.0.1,IP:::1"
local year = 365 * 24 * 3600
local now = os.time() -- of all of them, so that their days are known

-- What certificates there are. issuer: who signs it (itself, where there is none); from, to: seconds from now; san:
-- its names; rsa: bits of its RSA key; is_revoked: its CA has taken it back; is_tampered: a bit of its signature is
-- wrong.
local kinds = {
  ca = { is_ca = true, cn = "Spec Root" },
  intermediate = { is_ca = true, cn = "Spec Intermediate", issuer = "ca" },
  other_ca = { is_ca = true, cn = "Another Root" },
  server = { cn = "localhost", issuer = "ca", san = names },
  rsa = { cn = "localhost", issuer = "ca", san = names, rsa = 2048 },
  chained = { cn = "localhost", issuer = "intermediate", san = names },
  expired = { cn = "localhost", issuer = "ca", san = names, from = -2 * year, to = -year },
  not_yet = { cn = "localhost", issuer = "ca", san = names, from = year, to = 2 * year },
  wrong_name = { cn = "other.example", issuer = "ca", san = "DNS:other.example,DNS:www.other.example" },
  name_only = { cn = "localhost", issuer = "ca", san = "DNS:localhost" },
  ipv4_only = { cn = "an address", issuer = "ca", san = "IP:127.0.0.1" },
  ipv6_only = { cn = "an address", issuer = "ca", san = "IP:::1" },
  link = { cn = "a link", issuer = "ca", san = "IP:fe80::1" },
  stranger = { cn = "localhost", issuer = "other_ca", san = names },
  common_name = { cn = "localhost", issuer = "ca" },
  address_as_name = { cn = "localhost", issuer = "ca", san = "DNS:127.0.0.1" },
  self_signed = { cn = "localhost", san = names },
  client = { cn = "a bot", issuer = "ca", usage = "clientAuth" },
  rsa_client = { cn = "a bot", issuer = "ca", usage = "clientAuth", rsa = 2048 },
  old_client = { cn = "a bot", issuer = "ca", usage = "clientAuth", from = -2 * year, to = -year },
  for_clients = { cn = "localhost", issuer = "ca", san = names, usage = "clientAuth" },
  short_key = { cn = "localhost", issuer = "ca", san = names, rsa = 512 },
  nameless = { cn = false, issuer = "ca", san = "DNS:localhost,DNS:a.example,IP:10.0.0.1" },
  rude = { cn = "a\27[31mred", issuer = "ca", san = "DNS:rude.example" },
  old_intermediate = { is_ca = true, cn = "Spec Old Intermediate", issuer = "ca", from = -2 * year, to = -year },
  under_old = { cn = "localhost", issuer = "old_intermediate", san = names },
  under_server = { cn = "localhost", issuer = "server", san = names },
  revoked = { cn = "localhost", issuer = "ca", san = names, is_revoked = true },
  tampered = { cn = "localhost", issuer = "ca", san = names, is_tampered = true },
}

local function stamp(offset)
  return os.date("!%Y%m%d%H%M%SZ", now + offset)
end

-- The day on which a certificate ends or begins, as in "2026-01-02".
function tls.day(kind, which)
  return os.date("!%Y-%m-%d", now + (kinds[kind][which] or 0))
end

-- What a command of the shell prints, in the folder of the certificates.
local function output_of(command)
  local pipe = assert(io.popen(("cd '%s' && %s"):format(folder, command)))
  local text = pipe:read "a"
  assert(pipe:close(), command)
  return (text:gsub("%s+$", ""))
end

local function der_of(kind)
  openssl("x509", "-in", kind .. ".pem", "-outform", "der", "-out", kind .. ".der")
  return place.read(folder .. "/" .. kind .. ".der")
end

local function make(kind)
  if made[kind] then return end
  made[kind] = true
  prepare()
  local k = assert(kinds[kind], kind)
  if k.issuer then make(k.issuer) end
  local extensions = k.is_ca and "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n"
    or "basicConstraints=CA:FALSE\nextendedKeyUsage=" .. (k.usage or "serverAuth") .. "\n"
  if k.san then extensions = extensions .. "subjectAltName=" .. k.san .. "\n" end
  write(kind .. ".ext", "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n" .. extensions)
  openssl("genpkey", "-out", kind .. ".key", "-algorithm", k.rsa and "RSA" or "EC", "-pkeyopt",
    k.rsa and "rsa_keygen_bits:" .. k.rsa or "ec_paramgen_curve:P-256")
  openssl("req", "-new", "-config", "ca.conf", "-key", kind .. ".key", "-subj", k.cn and "/CN=" .. k.cn or "/",
    "-out", kind .. ".csr")
  local signer = k.issuer and { "-cert", k.issuer .. ".pem", "-keyfile", k.issuer .. ".key" }
    or { "-selfsign", "-keyfile", kind .. ".key" }
  openssl("ca", "-batch", "-config", "ca.conf", "-notext", "-extfile", kind .. ".ext", "-in", kind .. ".csr", "-out",
    kind .. ".pem",
    "-startdate", stamp(k.from or -3600), "-enddate", stamp(k.to or year), table.unpack(signer))
  if k.is_revoked then
    openssl("ca", "-batch", "-config", "ca.conf", "-revoke", kind .. ".pem", table.unpack(signer))
  end
  if not k.is_tampered then return end
  local der = der_of(kind)
  write(kind .. ".der", der:sub(1, -2) .. string.char(der:byte(-1) ~ 1)) -- the end of its signature
  openssl("x509", "-in", kind .. ".der", "-inform", "der", "-out", kind .. ".pem")
end

-- The path of a certificate.
function tls.cert(kind)
  make(kind)
  return ("%s/%s.pem"):format(folder, kind)
end

-- The certificate as bytes (DER).
function tls.der(kind)
  make(kind)
  return der_of(kind)
end

-- The path of its key; with a password, encrypted as PKCS#8 with PBES2, or how an option of `openssl pkcs8` has it.
function tls.key(kind, password, how)
  make(kind)
  if not password then return ("%s/%s.key"):format(folder, kind) end
  local name = ("%s.%s%s.key"):format(kind, password, how or "")
  local cipher = how and { how } or { "-v2", "aes-256-cbc" }
  openssl("pkcs8", "-topk8", "-in", kind .. ".key", "-out", name, "-passout", "pass:" .. password,
    table.unpack(cipher))
  return folder .. "/" .. name
end

-- The pin of its public key, as openssl finds it.
function tls.pin(kind)
  make(kind)
  return "sha256//" .. output_of(("openssl pkey -in %s.key -pubout -outform der | openssl dgst -sha256 -binary | "
    .. "openssl base64"):format(kind))
end

-- When it ends, in seconds since 1970.
function tls.not_after(kind)
  make(kind)
  local command = "date -d \"$(openssl x509 -in %s.pem -noout -enddate | cut -d= -f2)\" +%%s"
  return tonumber(output_of(command:format(kind)))
end

-- A file with an OCSP response on a certificate, signed by another one: its issuer, where none is told.
function tls.ocsp_response(kind, signer)
  make(kind)
  local issuer = kinds[kind].issuer
  signer = signer or issuer
  make(signer)
  local name = ("%s.%s.ocsp"):format(kind, signer)
  openssl("ocsp", "-index", "index.txt", "-CA", issuer .. ".pem", "-issuer", issuer .. ".pem", "-rsigner",
    signer .. ".pem", "-rkey", signer .. ".key", "-cert", kind .. ".pem", "-ndays", "1", "-respout", name)
  return folder .. "/" .. name
end

-- A folder of certificates by hash, as `openssl rehash` makes them.
function tls.hashed_folder(...)
  local path = place.folder()
  for _, kind in ipairs { ... } do
    place.file(("%s/%s.pem"):format(path, kind), place.read(tls.cert(kind)))
  end
  openssl("rehash", path)
  return path
end

------------------------------------------------------------------------------------------------------------------ bots

-- A bot that connects to arg[1] with these tls options (source; CA is the path of the CA's certificate) and tells of
-- everything. more: options beside tls, which end in a comma; how: options of program.bot.
function tls.bot(url, options, more, how)
  return program.bot(([[
    local CA = arg[2]
    ws.connect(told { url = arg[1], tls = { %s }, %s
      on_error = function(_, code, message) say("error", code, message) end,
      on_close = function(_, code, reason, record) say("close", code, show(reason), record.phase, record.error) end })
  ]]):format(options, more or ""), { url, tls.cert "ca" }, how)
end

--------------------------------------------------------------------------------------------------------------- servers

-- Starts the echo peer with the server's certificate.
function tls.echo()
  return program.echo("--tls-cert", tls.cert "server", "--tls-key", tls.key "server")
end

local server = {}
server.__index = server

local function over_program(self)
  local transport = {}
  function transport.write(bytes, done)
    if self.program.stdin:is_closing() then return done "closed" end
    self.program.stdin:write(bytes, done)
  end
  function transport.close() -- it has no other way to end a connection
    transport.on_end "closed here"
    if not self.program.status then self.program:kill "sigkill" end
  end
  return transport
end

-- Starts a server that shows a certificate, for one connection at a time. options: cert (of those above), host
-- (127.0.0.1), port, args (more arguments for s_server), chain (false: without its intermediate), loud (it tells on its
-- standard output what goes on, amid what the client sends).
function tls.listen(options)
  options = options or {}
  local kind = options.cert or "server"
  local host = options.host or "127.0.0.1"
  local is_ipv6 = host:find(":", 1, true) ~= nil
  local self = setmetatable({ options = options }, server)
  make(kind)
  local issuer = kinds[kind].issuer
  local chain = issuer and kinds[issuer].issuer and options.chain ~= false and { "-cert_chain", tls.cert(issuer) } or {}
  local tries = 0
  repeat -- another program may take the port before s_server does
    tries = tries + 1
    if tries > 3 then error("openssl s_server does not start", 2) end
    self.port = options.port or peer.dead_port()
    local address = (is_ipv6 and "[" .. host .. "]" or host) .. ":" .. self.port
    local args = { "s_server", options.loud and "-state" or "-quiet", "-accept", address, "-cert", tls.cert(kind),
      "-key", tls.key(kind) }
    table.move(chain, 1, #chain, #args + 1, args)
    table.move(options.args or {}, 1, #(options.args or {}), #args + 1, args)
    local transport = over_program(self)
    self.session = peer.new_session(transport)
    self.program = program.start("/usr/bin/openssl", args, {
      stdin = true,
      on_out = function(data)
        if data then
          transport.on_data(data)
        else
          transport.on_end "eof"
        end
      end,
    })
    self.program:listens(self.port)
  until not self.program.status
  self.url = ("wss://%s:%d"):format(options.name or (is_ipv6 and "[" .. host .. "]" or host), self.port)
  return self
end

-- Ends it, and starts another one in its place, with other options where there are any. Returns that.
function server:restart(changes)
  self.program:kill "sigkill"
  self.program:wait()
  local options = { port = self.port }
  for _, each in ipairs { self.options, changes or {} } do
    for name, value in pairs(each) do
      options[name] = value
    end
  end
  return tls.listen(options)
end

-- The opening handshake of the connection. Returns the session.
function server:open(options)
  return self.session:upgrade(options)
end

-- All of a connection: it is opened and closed. (Its end is left to the bot, as s_server goes on with the next one.)
function server:serve()
  local s = self:open()
  s:send_close(1000)
  s:expect_close(1000)
end

return tls
