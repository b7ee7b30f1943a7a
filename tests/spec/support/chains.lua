-- chains: certificates as the tables in tests/spec/chains/ describe them, made with openssl all at once; what OpenSSL
-- thinks of each chain; and a server that shows them, each on a port of its own.
--
-- A row of a table is a list and a table: its first item is what it is about, in a few words.
--
--     certs     the certificates that are other than, or beside, those that each row has: root, sub and leaf
--     sent      their names in the order in which the server sends them, "leaf" at first; else the leaf and its issuers
--               without the root
--     before    what another server of the host sent before, with a certificate of the row's: it is accepted, and
--               nothing of it may be known afterwards
--     trusted   names of those that are trusted: { "root" }
--     where     where these are: "ca_file" (as a rule), "ca_path" or "system"; beside: names of more in ca_file
--     host      who is asked for: "bot.example"
--     tls       the highest version that the server speaks: "1.3"; ciphers: of TLS 1.2; dh: the group it uses there
--     right     "accepted" or "refused"; says: a pattern that the error matches in small letters
--     differs   why OpenSSL thinks otherwise
--     weak      it is accepted with tls.allow_weak; but where `still` is a pattern, it is refused with such an error
--
-- A certificate:
--
--     issuer    the name of who signs it; none: itself
--     as        it has the subject and the key of another; subject and key may be others again
--     subject   as openssl has it: "/CN=leaf", with the certificate's name
--     key       what its key is called: the certificate's name; kind: "P-256", another curve, "RSA 2048", "Ed25519"
--     ca        true: it is a CA's. That sets basic and usage
--     basic, usage, extended, names, constraints   its extensions, as openssl's configuration has them; false: not there
--     more      other lines of that configuration
--     ids       false: without key identifiers
--     from, to  days from now; md: the digest of its signature; pss: true: an RSA signature is PSS
--     v1        it is of version 1, without extensions; tampered: a bit of its signature is wrong
local uv = require "luv"
local der = require "support.der"
local place = require "support.place"

local chains = {}

local common = {
  root = { ca = true },
  sub = { ca = true, issuer = "root" },
  leaf = { issuer = "sub" },
}

local defaults = {
  ca = { basic = "critical,CA:TRUE", usage = "critical,keyCertSign,cRLSign" },
  server = { basic = "CA:FALSE", usage = "critical,digitalSignature", extended = "serverAuth",
    names = "DNS:bot.example" },
}

-- What OpenSSL is asked: as strict as the contract is, where it can be told to be. Every certificate that is trusted
-- may end a chain, and what is too weak for 112 bits is refused.
local question = "openssl verify -no-CApath -no-CAstore -purpose sslserver -partial_chain -auth_level 2"

--------------------------------------------------------------------------------------------------------- descriptions

-- Its fields, with those of its kind where it does not say.
local function filled(name, given)
  local c = { subject = "/CN=" .. name, key = name, kind = "P-256", md = "sha256", from = -1, to = 90, ids = true }
  for _, fields in ipairs { given.ca and defaults.ca or defaults.server, given } do
    for field, value in pairs(fields) do
      c[field] = value
    end
  end
  return c
end

local function merged(a, b)
  local all = {}
  for _, fields in ipairs { a or {}, b or {} } do
    for field, value in pairs(fields) do
      all[field] = value
    end
  end
  return all
end

local extensions = {
  { "basic", "basicConstraints" }, { "usage", "keyUsage" }, { "extended", "extendedKeyUsage" },
  { "names", "subjectAltName" }, { "constraints", "nameConstraints" },
}

local function configuration(c)
  local lines = { "subjectKeyIdentifier=" .. (c.ids and "hash" or "none"),
    "authorityKeyIdentifier=" .. (c.ids and "keyid" or "none") }
  for _, pair in ipairs(extensions) do
    local value = c[pair[1]]
    if value then table.insert(lines, pair[2] .. "=" .. value) end
  end
  table.insert(lines, c.more)
  return table.concat(lines, "\n") .. "\n"
end

-- All that makes it what it is, so that what two rows have in common is made once.
local function identity(c)
  local issuer = c.issuer and { c.issuer.subject, c.issuer.key, c.issuer.kind, tostring(c.issuer.ids) } or { "itself" }
  return table.concat({ c.subject, c.key, c.kind, c.md, c.from, c.to, tostring(c.pss), tostring(c.v1),
    tostring(c.tampered), c.configuration, table.concat(issuer, "|") }, "|")
end

local methods = {}
methods.__index = methods

-- What a row says of the certificate of that name.
local function given_of(row, name)
  local given = merged(common[name], (row.certs or {})[name])
  if not next(given) then error(("%s: there is no certificate %s"):format(row[1], name), 0) end
  return given
end

-- The certificate of that name in a row.
local function find(self, row, name)
  if row.made[name] then return row.made[name] end
  local given = given_of(row, name)
  if given.as then
    local twin = find(self, row, given.as)
    given = merged({ subject = twin.subject, key = twin.key, kind = twin.kind }, given)
  end
  local c = filled(name, given)
  c.issuer = given.issuer and find(self, row, given.issuer)
  c.depth = c.issuer and c.issuer.depth + 1 or 1
  c.configuration = configuration(c)
  local id = identity(c)
  if not self.by_identity[id] then
    table.insert(self.certs, c)
    c.file = "c" .. #self.certs
    self.by_identity[id] = c
  end
  row.made[name] = self.by_identity[id]
  return row.made[name]
end

local function all_of(self, row, names)
  local list = {}
  for i, name in ipairs(names or {}) do
    list[i] = find(self, row, name)
  end
  return list
end

-- The names of the leaf and its issuers, without the one that signed itself.
local function path_of(row)
  local names, name, given = {}, "leaf", given_of(row, "leaf")
  while given.issuer do
    table.insert(names, name)
    name = given.issuer
    given = given_of(row, name)
  end
  return names[1] and names or { "leaf" }
end

---------------------------------------------------------------------------------------------------------------- making

local tracks = 4

-- Runs commands of the shell in the folder, in no order.
local function run(self, commands)
  if #commands == 0 then return end
  for i = 1, tracks do
    local part = { ("export TRACK=track%d"):format(i) }
    for at = i, #commands, tracks do
      table.insert(part, commands[at])
    end
    place.file(("%s/track%d/script"):format(self.folder, i), table.concat(part, "\n") .. "\n")
  end
  local command = ("cd '%s' && for i in 1 2 3 4; do sh -e track$i/script >track$i/log 2>&1 </dev/null && "
    .. ": >track$i/log & done; wait"):format(self.folder)
  os.execute(command)
  for i = 1, tracks do
    local log = place.read(("%s/track%d/log"):format(self.folder, i))
    if log ~= "" then error("openssl fails:\n" .. log:sub(-2000), 0) end
  end
end

local function prepare(self)
  self.folder = place.folder()
  for i = 1, tracks do
    os.execute(("mkdir '%s/track%d'"):format(self.folder, i))
    place.file(("%s/track%d/index"):format(self.folder, i), "")
  end
  place.file(self.folder .. "/ca.conf", [[
[ca]
default_ca = this
[this]
database = $ENV::TRACK/index
new_certs_dir = $ENV::TRACK
rand_serial = yes
unique_subject = no
email_in_dn = no
policy = policy
[policy]
commonName = optional
organizationName = optional
[req]
distinguished_name = names
prompt = no
[names]
]])
end

local function key_file(c)
  local key = c.kind:find "^RSA" and "" or c.key -- it takes time to make one, so that all have the same
  return (key .. "." .. c.kind):gsub("%W", "_")
end

local function key_options(kind)
  local bits = kind:match "^RSA (%d+)$"
  if bits then return "rsa:" .. bits end
  bits = kind:match "^RSA%-PSS (%d+)$"
  if bits then return "rsa-pss -pkeyopt rsa_keygen_bits:" .. bits end
  if kind:find "^Ed" then return kind end
  return "ec -pkeyopt ec_paramgen_curve:" .. kind
end

local function make_keys(self)
  local commands, has = {}, {}
  for _, c in ipairs(self.certs) do
    local file = key_file(c)
    if not has[file] then
      has[file] = true
      table.insert(commands, ("openssl req -new -config ca.conf -newkey %s -nodes -keyout %s.key -subj / -out %s.csr")
        :format(key_options(c.kind), file, file))
    end
  end
  run(self, commands)
end

local now = os.time()

local function stamp(days)
  return os.date("!%Y%m%d%H%M%SZ", now + days * 86400)
end

local function issue(self, c)
  place.file(("%s/%s.ext"):format(self.folder, c.file), c.configuration)
  local key = key_file(c)
  local signer = c.issuer and ("-cert %s.pem -keyfile %s.key"):format(c.issuer.file, key_file(c.issuer))
    or ("-selfsign -keyfile %s.key"):format(key)
  return ("openssl ca -batch -config ca.conf -notext -preserveDN -extfile %s.ext -in %s.csr -subj '%s' "
    .. "-startdate %s -enddate %s -md %s %s %s -out %s.pem"):format(c.file, key, c.subject, stamp(c.from), stamp(c.to),
    c.md, c.pss and "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest" or "", signer, c.file)
end

-- Issuers before whom they sign.
local function make_certificates(self)
  local depth, commands = 1, nil
  repeat
    commands = {}
    for _, c in ipairs(self.certs) do
      if c.depth == depth then table.insert(commands, issue(self, c)) end
    end
    run(self, commands)
    depth = depth + 1
  until #commands == 0
end

-- Those that openssl does not make are made of those that it made, beside which they stand.
local function make_odd_ones(self)
  local odd, out, sign, back = {}, {}, {}, {}
  for _, c in ipairs(self.certs) do
    if c.v1 or c.tampered then table.insert(odd, c) end
  end
  for i, c in ipairs(odd) do
    out[i] = ("openssl x509 -in %s.pem -outform der -out %s.der"):format(c.file, c.file)
    sign[i] = ("openssl dgst -%s -sign %s.key -out %s.signature %s.body"):format(c.md, key_file(c.issuer or c), c.file,
      c.file)
    back[i] = ("openssl x509 -inform der -in %s.new -out %s.shown.pem"):format(c.file, c.file)
    c.shown = c.file .. ".shown"
  end
  run(self, out)
  for _, c in ipairs(odd) do
    local path = self.folder .. "/" .. c.file
    c.parts = der.certificate(place.read(path .. ".der"))
    if c.v1 then c.parts.body = der.without_extensions(c.parts.body) end
    place.file(path .. ".body", c.parts.body)
  end
  run(self, sign)
  for _, c in ipairs(odd) do
    local path = self.folder .. "/" .. c.file
    if c.v1 then c.parts.signature = place.read(path .. ".signature") end
    if c.tampered then c.parts.signature = der.tampered(c.parts.signature) end
    place.file(path .. ".new", der.join(c.parts))
  end
  run(self, back)
end

-- A file of certificates, or a folder of them by their hashes; the same for the same ones. none: nil.
local function written(self, list, as_folder)
  local names, texts = { as_folder and "folder" or "file" }, {}
  for i, c in ipairs(list) do
    names[i + 1] = c.shown or c.file
    texts[i] = place.read(("%s/%s.pem"):format(self.folder, names[i + 1]))
  end
  if #texts == 0 then return nil end
  local name = self.folder .. "/" .. table.concat(names, "_")
  if self.files[name] then return name end
  self.files[name] = true
  if not as_folder then return place.file(name, table.concat(texts)) end
  assert(uv.fs_mkdir(name, tonumber("700", 8)))
  for i, text in ipairs(texts) do
    place.file(("%s/%d.pem"):format(name, i), text)
  end
  table.insert(self.folders, name)
  return name
end

local function write_files(self, row)
  row.sent_file = written(self, row.sent_list)
  row.leaf_file = written(self, { row.sent_list[1] })
  row.others_file = written(self, { table.unpack(row.sent_list, 2) })
  row.beside_file = written(self, row.beside_list)
  if row.where == "ca_path" then
    row.trust_folder = written(self, row.trusted_list, true)
  else
    row.trust_file = written(self, row.trusted_list)
  end
  row.before_file = row.before and written(self, row.before_list)
end

local function make_files(self)
  for _, row in ipairs(self.rows) do
    write_files(self, row)
  end
  for i, folder in ipairs(self.folders) do
    self.folders[i] = "openssl rehash " .. folder
  end
  run(self, self.folders)
end

---------------------------------------------------------------------------------------------------- OpenSSL's verdicts

-- What openssl is asked about a row, but for the leaf. Rows of which the same is asked are asked of at once.
local function question_on(row)
  local words = { question, (row.is_address and "-verify_ip '" or "-verify_hostname '") .. row.host .. "'" }
  if row.others_file then table.insert(words, "-untrusted " .. row.others_file) end
  local file = row.trust_file or row.beside_file
  if file then table.insert(words, "-CAfile " .. file) end
  if row.trust_folder then
    words[1] = words[1]:gsub("%-no%-CApath ", "")
    table.insert(words, (file and "" or "-no-CAfile ") .. "-CApath " .. row.trust_folder)
  end
  return table.concat(words, " ")
end

-- The verdict on a row's leaf among those of an answer, and what openssl says of it.
local function read_verdict(self, row, number)
  local ok, errors = place.read(("%s/v%d"):format(self.folder, number)), place.read(
    ("%s/e%d"):format(self.folder, number))
  local told, to = errors:find(("error %s: verification failed"):format(row.leaf_file), 1, true)
  row.openssl = ok:find(row.leaf_file .. ": OK\n", 1, true) and "accepted" or "refused"
  row.openssl_says = told and errors:sub(1, to):match "([^\n]*\n[^\n]*\n[^\n]*)$" or ok
end

local function ask_openssl(self)
  local leaves, questions, commands, answers = {}, {}, {}, {}
  for _, row in ipairs(self.rows) do
    row.question = question_on(row)
    if not leaves[row.question] then
      leaves[row.question] = {}
      table.insert(questions, row.question)
    end
    table.insert(leaves[row.question], row.leaf_file)
  end
  for i, each in ipairs(questions) do
    commands[i] = ("%s %s >v%d 2>e%d || true"):format(each, table.concat(leaves[each], " "), i, i)
    answers[each] = i
  end
  run(self, commands)
  for _, row in ipairs(self.rows) do
    read_verdict(self, row, answers[row.question])
  end
end

---------------------------------------------------------------------------------------------------------------- server

local function make_groups(self)
  local commands, has = {}, {}
  for _, row in ipairs(self.rows) do
    if row.dh and not has[row.dh] then
      has[row.dh] = true
      table.insert(commands, ("openssl genpkey -genparam -algorithm %s -out %s.dh"):format(row.dh:find "^dh_"
        and "DHX -pkeyopt dh_rfc5114:1" or "DH -pkeyopt group:" .. row.dh, row.dh))
    end
  end
  run(self, commands)
end

-- A line of the server's table.
local function served(self, row, name, sent_file, leaf)
  return table.concat({ name, sent_file, ("%s/%s.key"):format(self.folder, key_file(leaf)),
    row.is_address and row.host or "127.0.0.1", row.tls or "1.3", row.ciphers or "ALL",
    row.dh and ("%s/%s.dh"):format(self.folder, row.dh) or "-" }, " ")
end

local function serve(self)
  local lines, by_name = {}, {}
  for _, row in ipairs(self.rows) do
    by_name[row.id] = row
    table.insert(lines, served(self, row, row.id, row.sent_file, row.sent_list[1]))
    if row.before then
      table.insert(lines, served(self, row, row.id .. ".before", row.before_file, row.before_list[1]))
    end
  end
  local path = place.file(self.folder .. "/served", table.concat(lines, "\n") .. "\n")
  self.server = assert(io.popen(("exec python3 tests/spec/servers/chains.py '%s'"):format(path)))
  for _ = 1, #lines do
    local name, before, port, why = self.server:read():match "^(r%d+)(%S*) (%d+) ?(.*)$"
    local row = by_name[name]
    row[before == "" and "port" or "port_before"] = tonumber(port)
    if port == "0" then row.unserved = why end
  end
  assert(self.server:read() == "up")
end

-- Makes all that the rows need, and starts the server.
function methods:begin()
  prepare(self)
  make_keys(self)
  make_certificates(self)
  make_odd_ones(self)
  make_files(self)
  ask_openssl(self)
  make_groups(self)
  serve(self)
end

-- Ends the server.
function methods:finish()
  if self.server then self.server:close() end
end

local function is_address(host)
  return host:find(":", 1, true) ~= nil or host:find "^%d+%.%d+%.%d+%.%d+$" ~= nil
end

-- Takes the rows of the tables of these names, of tests/spec/chains/. They are in `rows`, and have the `theme`.
function chains.of(...)
  local self = setmetatable({ rows = {}, certs = {}, by_identity = {}, files = {}, folders = {} }, methods)
  for _, theme in ipairs { ... } do
    for _, row in ipairs(require("chains." .. theme)) do
      table.insert(self.rows, row)
      row.id, row.theme, row.made, row.host = "r" .. #self.rows, theme, {}, row.host or "bot.example"
      row.is_address = is_address(row.host)
      row.sent_list = all_of(self, row, row.sent or path_of(row))
      row.trusted_list = all_of(self, row, row.trusted or { "root" })
      row.beside_list = all_of(self, row, row.beside)
      row.before_list = all_of(self, row, row.before)
    end
  end
  return self
end

return chains
