-- What an issuer may sign: name constraints (RFC 5280 4.2.1.10) and path lengths (4.2.1.9). How to read it:
-- support/chains.lua.
local rows = {}

local function add(name, right, certs, more)
  local r = { name, right = right, certs = certs, says = "constraint" }
  for field, value in pairs(more or {}) do
    r[field] = value
  end
  table.insert(rows, r)
end

-- An intermediate with these constraints, and a leaf with these names.
local function under(constraints, names, host, right, more)
  local all = { host = host }
  for field, value in pairs(more or {}) do
    all[field] = value
  end
  add(("constraints %s, and a leaf for %s, asked for %s"):format(constraints, names, host), right,
    { sub = { constraints = constraints }, leaf = { names = names } }, all)
end

-- dNSNames
under("critical,permitted;DNS:example.org", "DNS:example.org", "example.org", "accepted")
under("critical,permitted;DNS:example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:example.org", "DNS:a.b.EXAMPLE.org", "a.b.example.org", "accepted")
under("permitted;DNS:Example.ORG", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:example.org", "DNS:badexample.org", "badexample.org", "refused")
under("permitted;DNS:example.org", "DNS:example.com", "example.com", "refused")
under("critical,permitted;DNS:example.org", "DNS:org", "org", "refused")
under("critical,permitted;DNS:a.example.org", "DNS:example.org", "example.org", "refused")
under("critical,permitted;DNS:.example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:.example.org", "DNS:badexample.org", "badexample.org", "refused")
under("critical,permitted;DNS:example.org,permitted;DNS:example.com", "DNS:a.example.com", "a.example.com",
  "accepted")
under("critical,permitted;DNS:example.org", "DNS:a.example.org,DNS:a.example.com", "a.example.org", "refused")
under("critical,permitted;DNS:example.org", "DNS:*.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:a.example.org", "DNS:*.example.org", "a.example.org", "refused")
under("critical,excluded;DNS:example.org", "DNS:a.example.org", "a.example.org", "refused")
under("excluded;DNS:example.org", "DNS:example.org", "example.org", "refused")
under("critical,excluded;DNS:EXAMPLE.org", "DNS:a.example.ORG", "a.example.org", "refused")
under("critical,excluded;DNS:example.org", "DNS:badexample.org", "badexample.org", "accepted")
under("critical,excluded;DNS:example.org", "DNS:example.com", "example.com", "accepted")
under("critical,excluded;DNS:.example.org", "DNS:a.example.org", "a.example.org", "refused")
under("critical,excluded;DNS:a.example.org", "DNS:*.example.org", "a.example.org", "refused",
  { differs = "OpenSSL compares a wildcard as if it were a label: it does not see that it covers what is excluded" })
under("critical,excluded;DNS:a.example.org", "DNS:*.example.org", "b.example.org", "refused",
  { differs = "OpenSSL compares a wildcard as if it were a label: it does not see that it covers what is excluded" })
under("critical,excluded;DNS:example.org", "DNS:*.example.org", "a.example.org", "refused")
under("critical,excluded;DNS:example.com", "DNS:*.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:example.org,excluded;DNS:a.example.org", "DNS:b.example.org", "b.example.org",
  "accepted")
under("critical,permitted;DNS:example.org,excluded;DNS:a.example.org", "DNS:a.example.org", "a.example.org",
  "refused")
add("all names excluded", "refused", { sub = { constraints = "critical,DER:30:06:A1:04:30:02:82:00" } }, { says = "." })
under("critical,excluded;DNS:example.com", "DNS:a.example.org,DNS:a.example.com", "a.example.org", "refused")

-- addresses
under("critical,permitted;IP:127.0.0.0/255.0.0.0", "IP:127.0.0.1", "127.0.0.1", "accepted")
under("critical,permitted;IP:10.0.0.0/255.0.0.0", "IP:127.0.0.1", "127.0.0.1", "refused")
under("permitted;IP:10.0.0.0/255.0.0.0", "IP:127.0.0.1", "127.0.0.1", "refused")
under("critical,excluded;IP:127.0.0.0/255.0.0.0", "IP:127.0.0.1", "127.0.0.1", "refused")
under("critical,excluded;IP:10.0.0.0/255.0.0.0", "IP:127.0.0.1", "127.0.0.1", "accepted")
under("critical,permitted;IP:127.0.0.0/255.255.255.254", "IP:127.0.0.1", "127.0.0.1", "accepted")
under("critical,permitted;IP:127.0.0.2/255.255.255.254", "IP:127.0.0.1", "127.0.0.1", "refused")
under("critical,excluded;IP:127.0.0.1/255.255.255.255", "IP:127.0.0.1", "127.0.0.1", "refused")
under("critical,excluded;IP:0.0.0.0/0.0.0.0", "IP:127.0.0.1", "127.0.0.1", "refused")
under("critical,permitted;IP:::1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "IP:::1", "::1", "accepted")
under("critical,permitted;IP:fd00::/ff00::", "IP:::1", "::1", "refused")
under("critical,excluded;IP:::/ffff:ffff:ffff:ffff::", "IP:::1", "::1", "refused")
under("critical,excluded;IP:fd00::/ff00::", "IP:::1", "::1", "accepted")
under("critical,permitted;IP:127.0.0.0/255.0.0.0", "IP:::1", "::1", "refused")
under("critical,excluded;IP:0.0.0.0/0.0.0.0", "IP:::1", "::1", "accepted")
under("critical,permitted;IP:10.0.0.0/255.0.0.0", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;IP:10.0.0.0/255.0.0.0", "DNS:a.example.org,IP:127.0.0.1", "a.example.org", "refused")
under("critical,excluded;IP:127.0.0.0/255.0.0.0", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;DNS:example.org", "IP:127.0.0.1", "127.0.0.1", "accepted")
under("critical,permitted;DNS:example.org", "DNS:127.0.0.1,IP:127.0.0.1", "127.0.0.1", "refused")

-- other kinds of names
under("critical,permitted;email:example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("permitted;email:example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,excluded;email:example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,permitted;URI:.example.org", "DNS:a.example.org", "a.example.org", "accepted")
under("critical,excluded;URI:example.org", "DNS:a.example.org", "a.example.org", "accepted")
add("a directory's name that is permitted", "accepted", {
  sub = { constraints = "critical,permitted;dirName:whose", more = "[whose]\nO=We" },
  leaf = { subject = "/O=We/CN=leaf" } })
add("a directory's name that is not permitted", "refused", {
  sub = { constraints = "critical,permitted;dirName:whose", more = "[whose]\nO=We" },
  leaf = { subject = "/O=They/CN=leaf" } })
add("a directory's name that is excluded", "refused", {
  sub = { constraints = "critical,excluded;dirName:whose", more = "[whose]\nO=They" },
  leaf = { subject = "/O=They/CN=leaf" } })
add("a directory's name that is not excluded", "accepted", {
  sub = { constraints = "critical,excluded;dirName:whose", more = "[whose]\nO=They" },
  leaf = { subject = "/O=We/CN=leaf" } })
add("a directory's name that is permitted, and a leaf without a subject", "accepted", {
  sub = { constraints = "critical,permitted;dirName:whose", more = "[whose]\nO=We" }, leaf = { subject = "/" } })
add("a constraint of a kind that nobody knows", "refused", {
  sub = { constraints = "critical,permitted;RID:1.2.3" }, leaf = { names = "DNS:bot.example,RID:1.2.3" } })
add("a constraint of a kind that nobody knows, which is not critical", "refused", {
  sub = { constraints = "permitted;RID:1.2.3" }, leaf = { names = "DNS:bot.example,RID:1.2.3" } })
add("a constraint of a kind that nobody knows, and no such name", "accepted", {
  sub = { constraints = "critical,permitted;RID:1.2.3" } })
add("a permitted name, and the CN of another", "accepted", { sub = { constraints = "critical,permitted;DNS:example" },
  leaf = { subject = "/CN=other.org" } })

-- where they stand
add("constraints of the root", "refused", { root = { constraints = "critical,permitted;DNS:example.org" } })
add("constraints of the root that fit", "accepted", { root = { constraints = "critical,permitted;DNS:example" } })
add("excluded names of the root", "refused", { root = { constraints = "excluded;DNS:bot.example" } })
add("constraints of the root that signed the leaf", "refused", {
  root = { constraints = "critical,permitted;DNS:example.org" }, leaf = { issuer = "root" } })
add("constraints of the root on addresses", "refused", {
  root = { constraints = "critical,excluded;IP:127.0.0.0/255.0.0.0" }, leaf = { names = "IP:127.0.0.1" } },
  { host = "127.0.0.1" })
add("constraints of the root that its intermediate widens", "refused", {
  root = { constraints = "critical,permitted;DNS:example.org" },
  sub = { constraints = "critical,permitted;DNS:example" } })
add("constraints of the root that its intermediate narrows", "refused", {
  root = { constraints = "critical,permitted;DNS:example" },
  sub = { constraints = "critical,permitted;DNS:other.example" } })
add("constraints of the root in a folder", "refused", {
  root = { constraints = "critical,permitted;DNS:example.org" } }, { where = "ca_path" })
add("constraints of an intermediate that is trusted", "refused", {
  sub = { constraints = "critical,permitted;DNS:example.org" } }, { trusted = { "sub" } })
add("constraints of an intermediate above another", "refused", {
  sub = { constraints = "critical,permitted;DNS:example.org" }, next = { ca = true, issuer = "sub" },
  leaf = { issuer = "next" } })
add("constraints on a leaf that is trusted itself", "accepted", {
  sub = { constraints = "critical,permitted;DNS:example.org" } }, { trusted = { "leaf" }, sent = { "leaf" } })
add("constraints of a leaf", "refused", { leaf = { constraints = "permitted;DNS:example.org" } },
  { differs = "wolfSSL takes them in a CA's certificate alone, as RFC 5280 4.2.1.10 has it; OpenSSL passes over them" })
add("constraints that an intermediate of the same name does not have", "accepted", {
  sub = { constraints = "critical,permitted;DNS:example.org" }, free = { as = "sub", ca = true, issuer = "root" } },
  { sent = { "leaf", "free" } })
add("constraints that an issuer's own next certificate need not meet", "accepted", {
  root = { constraints = "critical,permitted;DNS:example" },
  sub = { subject = "/CN=root", names = "DNS:other.org" } })
add("constraints that an issuer's next certificate has to meet", "refused", {
  root = { constraints = "critical,permitted;DNS:example" }, sub = { names = "DNS:other.org" } })

-- path lengths
local function length(name, right, certs, more)
  add(name, right, certs, more)
  rows[#rows].says = "path length"
end

local ca = "critical,CA:TRUE,pathlen:"
length("a path length of 0 at the intermediate", "accepted", { sub = { basic = ca .. 0 } })
length("a path length of 0 at the root, and no intermediate", "accepted", { root = { basic = ca .. 0 },
  leaf = { issuer = "root" } })
length("a path length of 0 at the root, and an intermediate", "refused", { root = { basic = ca .. 0 } })
length("a path length of 0 at the root, which is sent", "refused", { root = { basic = ca .. 0 } },
  { sent = { "leaf", "sub", "root" } })
length("a path length of 0 at the root in a folder", "refused", { root = { basic = ca .. 0 } },
  { where = "ca_path" })
length("a path length of 1 at the root, and an intermediate", "accepted", { root = { basic = ca .. 1 } })
length("a path length of 1 at the root, and two intermediates", "refused", { root = { basic = ca .. 1 },
  next = { ca = true, issuer = "sub" }, leaf = { issuer = "next" } })
length("a path length of 0 at the intermediate above another", "refused", { sub = { basic = ca .. 0 },
  next = { ca = true, issuer = "sub" }, leaf = { issuer = "next" } })
length("a path length of 0 at a trusted intermediate above another", "refused", { sub = { basic = ca .. 0 },
  next = { ca = true, issuer = "sub" }, leaf = { issuer = "next" } }, { trusted = { "sub" } })
length("a path length that the intermediate widens", "refused", { root = { basic = ca .. 1 },
  sub = { basic = ca .. 5 }, next = { ca = true, issuer = "sub" }, leaf = { issuer = "next" } })
length("a path length of 0 at the root, and its own next certificate", "accepted", { root = { basic = ca .. 0 },
  sub = { subject = "/CN=root" } })
length("a path length of 0 at the root, its own next certificate and an intermediate", "refused", {
  root = { basic = ca .. 0 }, sub = { subject = "/CN=root" }, next = { ca = true, issuer = "sub" },
  leaf = { issuer = "next" } })
length("a path length of 0 at the root, and a leaf that is a CA's too", "accepted", { root = { basic = ca .. 0 },
  leaf = { issuer = "root", basic = "critical,CA:TRUE", usage = "keyCertSign,digitalSignature" } })
length("a path length that is not critical", "refused", { root = { basic = "CA:TRUE,pathlen:0" } })
length("a path length of 0 at another root of the same name and key", "accepted", {
  short = { as = "root", ca = true, basic = ca .. 0 } }, { trusted = { "short", "root" },
  differs = "OpenSSL takes the first root with the name and the key, and does not look for another" })

return rows
