-- certificates: families of them, made with openssl all at once. A family is a table of certificates by their names, of
-- which each has three: root, sub and leaf, where it does not say otherwise.
--
--     issuer    the name of who signs it; none: itself
--     as        it has the subject and the key of another; subject and key may be others again
--     subject   as openssl has it: "/CN=leaf", with the certificate's name
--     key       what its key is called: the certificate's name; kind: "P-256", another curve, "RSA 2048", "Ed25519"
--     ca        true: it is a CA's. That sets basic and usage
--     basic, usage, extended, names, constraints   its extensions, as openssl's configuration has them; false: not
--               there
--     more      other lines of that configuration
--     ids       false: without key identifiers
--     from, to  days from now; md: the digest of its signature; pss: true: an RSA signature is PSS
--     v1        it is of version 1, without extensions; tampered: a bit of its signature is wrong
local der = require "support.der"
local place = require "support.place"

local certificates = {}

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

local function key_file(c)
  local key = c.kind:find "^RSA" and "" or c.key -- it takes time to make one, so that all have the same
  return ((key .. "." .. c.kind):gsub("%W", "_"))
end

local methods = {}
methods.__index = methods

-- What a family says of the certificate of that name.
local function given_of(family, name)
  local given = merged(common[name], family[name])
  if not next(given) then error("there is no certificate " .. name, 0) end
  return given
end

-- The certificate of that name in a family. It is made later.
function methods:find(family, name)
  local found = self.found[family] or {}
  self.found[family] = found
  if found[name] then return found[name] end
  local given = given_of(family, name)
  if given.as then
    local twin = self:find(family, given.as)
    given = merged({ subject = twin.subject, key = twin.key, kind = twin.kind }, given)
  end
  local c = filled(name, given)
  c.issuer = given.issuer and self:find(family, given.issuer)
  c.depth = c.issuer and c.issuer.depth + 1 or 1
  c.configuration = configuration(c)
  local id = identity(c)
  if not self.by_identity[id] then
    table.insert(self.all, c)
    c.file, c.key_file = "c" .. #self.all, key_file(c)
    self.by_identity[id] = c
  end
  found[name] = self.by_identity[id]
  return found[name]
end

-- The names of a family's leaf and its issuers, without the one that signed itself.
function certificates.path(family)
  local names, name, given = {}, "leaf", given_of(family, "leaf")
  while given.issuer do
    table.insert(names, name)
    name = given.issuer
    given = given_of(family, name)
  end
  return names[1] and names or { "leaf" }
end

local tracks = 4

-- Runs commands of the shell in the folder, in no order.
function methods:run(commands)
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

local function key_options(kind)
  local bits = kind:match "^RSA (%d+)$"
  if bits then return "rsa:" .. bits end
  if kind:find "^Ed" then return kind end
  return "ec -pkeyopt ec_paramgen_curve:" .. kind
end

local function make_keys(self)
  local commands, has = {}, {}
  for _, c in ipairs(self.all) do
    local file = c.key_file
    if not has[file] then
      has[file] = true
      table.insert(commands, ("openssl req -new -config ca.conf -newkey %s -nodes -keyout %s.key -subj / -out %s.csr")
        :format(key_options(c.kind), file, file))
    end
  end
  self:run(commands)
end

local now = os.time()

local function stamp(days)
  return os.date("!%Y%m%d%H%M%SZ", now + days * 86400)
end

local function issue(self, c)
  place.file(("%s/%s.ext"):format(self.folder, c.file), c.configuration)
  local signer = c.issuer and ("-cert %s.pem -keyfile %s.key"):format(c.issuer.file, c.issuer.key_file)
    or ("-selfsign -keyfile %s.key"):format(c.key_file)
  return ("openssl ca -batch -config ca.conf -notext -preserveDN -extfile %s.ext -in %s.csr -subj '%s' "
    .. "-startdate %s -enddate %s -md %s %s %s -out %s.pem"):format(c.file, c.key_file, c.subject, stamp(c.from),
    stamp(c.to), c.md, c.pss and "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest" or "", signer, c.file)
end

-- Issuers before whom they sign.
local function make_certificates(self)
  local by_depth = {}
  for _, c in ipairs(self.all) do
    local commands = by_depth[c.depth] or {}
    by_depth[c.depth] = commands
    table.insert(commands, issue(self, c))
  end
  for _, commands in ipairs(by_depth) do
    self:run(commands)
  end
end

-- Those that openssl does not make are made of those that it made, beside which they stand.
local function make_odd_ones(self)
  local odd, out, sign, back = {}, {}, {}, {}
  for _, c in ipairs(self.all) do
    if c.v1 or c.tampered then table.insert(odd, c) end
  end
  for i, c in ipairs(odd) do
    out[i] = ("openssl x509 -in %s.pem -outform der -out %s.der"):format(c.file, c.file)
    sign[i] = ("openssl dgst -%s -sign %s.key -out %s.signature %s.body"):format(c.md, (c.issuer or c).key_file, c.file,
      c.file)
    back[i] = ("openssl x509 -inform der -in %s.new -out %s.shown.pem"):format(c.file, c.file)
    c.shown = c.file .. ".shown"
  end
  self:run(out)
  for _, c in ipairs(odd) do
    local path = self.folder .. "/" .. c.file
    c.parts = der.certificate(place.read(path .. ".der"))
    if c.v1 then c.parts.body = der.without_extensions(c.parts.body) end
    place.file(path .. ".body", c.parts.body)
  end
  self:run(sign)
  for _, c in ipairs(odd) do
    local path = self.folder .. "/" .. c.file
    if c.v1 then c.parts.signature = place.read(path .. ".signature") end
    if c.tampered then c.parts.signature = der.tampered(c.parts.signature) end
    place.file(path .. ".new", der.join(c.parts))
  end
  self:run(back)
end

-- Makes all that were found.
function methods:make()
  prepare(self)
  make_keys(self)
  make_certificates(self)
  make_odd_ones(self)
end

-- A file of certificates, in their order: the same for the same ones. none: nil.
function methods:file_of(list)
  local names, texts = {}, {}
  for i, c in ipairs(list) do
    names[i] = c.shown or c.file
    texts[i] = place.read(("%s/%s.pem"):format(self.folder, names[i]))
  end
  if #texts == 0 then return nil end
  local path = self.folder .. "/file_" .. table.concat(names, "_")
  if not self.files[path] then self.files[path] = place.file(path, table.concat(texts)) end
  return path
end

-- A folder of certificates. Nobody has given them their hashes yet.
function methods:folder_of(list)
  local path = place.folder()
  for i, c in ipairs(list) do
    place.file(("%s/%d.pem"):format(path, i), place.read(("%s/%s.pem"):format(self.folder, c.shown or c.file)))
  end
  return path
end

function certificates.new()
  return setmetatable({ all = {}, found = {}, by_identity = {}, files = {} }, methods)
end

return certificates
