-- Whom a certificate is for (RFC 9525): its dNSNames for a host's name, its iPAddresses for an address, and nothing
-- else. How to read it: support/chains.lua.
local cn = "OpenSSL takes the CN where there is no dNSName; RFC 9525 does not"
local partial = "OpenSSL takes a wildcard that is a part of a label; RFC 9525 does not"
local dot = "OpenSSL compares the dot at the end of a name, which says only that it is whole"
local long = ("a"):rep(62) .. "." .. ("b"):rep(62) .. "." .. ("c"):rep(62) .. "." .. ("d"):rep(61) .. ".d" -- 253 bytes

local rows = {}

-- A leaf with these names, asked for this host.
local function row(name, names, host, right, differs, more)
  local leaf = { names = names }
  local r = { name, host = host, right = right, differs = differs, says = "another name|names no host",
    certs = { leaf = leaf } }
  for field, value in pairs(more or {}) do
    if field == "subject" or field == "more" then -- of the leaf
      leaf[field] = value
    else
      r[field] = value
    end
  end
  table.insert(rows, r)
end

local function takes(name, names, host, differs, more)
  row(name, names, host, "accepted", differs, more)
end

local function refuses(name, names, host, differs, more)
  row(name, names, host, "refused", differs, more)
end

-- The subjectAltName with one dNSName, of any bytes.
local function dns_bytes(text)
  local name = "\x82" .. string.char(#text) .. text
  local all = "\x30" .. string.char(#name) .. name
  return "DER:" .. all:gsub(".", function(c) return ("%02x:"):format(c:byte()) end):sub(1, -2)
end

-- names
takes("its name", "DNS:a.example", "a.example")
takes("its name among others", "DNS:b.example,DNS:a.example,IP:10.0.0.1", "a.example")
takes("its name in other case", "DNS:A.Example", "a.example")
takes("its name, asked for in other case", "DNS:a.example", "A.EXAMPLE")
takes("its name, asked for with a dot at the end", "DNS:a.example", "a.example.", dot)
takes("a name of one label", "DNS:localhost", "localhost")
takes("a name with an underscore", "DNS:my_bot.example", "my_bot.example")
takes("a name of 253 bytes", "DNS:" .. long, long)
takes("a name of another script", "DNS:xn--bcher-kva.example", "xn--bcher-kva.example")
takes("a name of another script in other case", "DNS:XN--Bcher-KVA.example", "xn--bcher-kva.example")
takes("its name, and a CN that is another", "DNS:a.example", "a.example", nil, { subject = "/CN=b.example" })
takes("its name, and no subject", "DNS:a.example", "a.example", nil, { subject = "/" })
refuses("another name", "DNS:b.example", "a.example")
refuses("the name of its parent", "DNS:example", "a.example")
refuses("the name of its child", "DNS:a.b.example", "b.example")
refuses("a name that ends with its name", "DNS:bada.example", "a.example")
refuses("a name that begins with its name", "DNS:a.example.org", "a.example")
refuses("a name with its name after a NUL", dns_bytes "a.example\0.b.example", "a.example")
refuses("a name with a NUL at its end", dns_bytes "a.example\0", "a.example")
refuses("an empty name", dns_bytes "", "a.example")
refuses("a name of a dot", dns_bytes ".", "a.example")
refuses("a name that begins with a dot", "DNS:.example", "a.example")
refuses("its name with a dot at the end", "DNS:a.example.", "a.example")
refuses("a name with a blank at its end", dns_bytes "a.example ", "a.example")
refuses("a name of another script that is not in ASCII", dns_bytes "b\xc3\xbccher.example", "xn--bcher-kva.example")

-- what is not a dNSName
refuses("a CN alone", false, "a.example", cn, { subject = "/CN=a.example" })
refuses("a CN with a wildcard alone", false, "a.example.org", cn, { subject = "/CN=*.example.org" })
refuses("its name in the CN, and other names", "DNS:b.example", "a.example", nil, { subject = "/CN=a.example" })
refuses("its name in the CN, and an address", "IP:10.0.0.1", "a.example", cn, { subject = "/CN=a.example" })
refuses("its name in the CN, and an email address", "email:a@b.example", "a.example", cn,
  { subject = "/CN=a.example" })
refuses("its name in a URI", "URI:wss://a.example/", "a.example")
refuses("its name as a URI", "URI:a.example", "a.example")
refuses("its name in an email address", "email:bot@a.example", "a.example")
refuses("its name as an email address", "email:a.example", "a.example")
refuses("its name as an id", "RID:1.2.3.4", "a.example")
refuses("its name in a directory's name", "dirName:whose", "a.example", nil, { more = "[whose]\nCN=a.example" })
refuses("no name at all", false, "a.example")
refuses("no names in the extension", "DER:30:00", "a.example", nil, { says = "." })

-- wildcards
takes("a wildcard", "DNS:*.example.org", "a.example.org")
takes("a wildcard in other case", "DNS:*.EXAMPLE.org", "a.example.ORG")
takes("a wildcard for a label of another script", "DNS:*.example.org", "xn--bcher-kva.example.org")
takes("a wildcard for a label with an underscore", "DNS:*.example.org", "my_bot.example.org",
  "OpenSSL has a wildcard stand for letters, digits and hyphens alone; names with an underscore are used")
takes("a wildcard above three labels", "DNS:*.b.example.org", "a.b.example.org")
takes("a wildcard, asked for with a dot at the end", "DNS:*.example.org", "a.example.org.", dot)
refuses("a wildcard for two labels", "DNS:*.example.org", "a.b.example.org")
refuses("a wildcard for no label", "DNS:*.example.org", "example.org")
refuses("a wildcard for an empty label", "DNS:*.example.org", "aexample.org")
refuses("a wildcard above a single label", "DNS:*.org", "example.org")
refuses("a wildcard above a single label, with a dot at the end", "DNS:*.org.", "example.org")
refuses("a wildcard alone", "DNS:*", "localhost")
refuses("a wildcard alone, for a long name", "DNS:*", "a.example.org")
refuses("a wildcard and a dot", dns_bytes "*.", "localhost")
refuses("a wildcard in the middle", "DNS:a.*.org", "a.example.org")
refuses("a wildcard at the end", "DNS:a.example.*", "a.example.org")
refuses("two wildcards", "DNS:*.*.org", "a.example.org")
refuses("three wildcards", "DNS:*.*.*", "a.example.org")
refuses("a wildcard at the end of a label", "DNS:f*.example.org", "foo.example.org", partial)
refuses("a wildcard at the beginning of a label", "DNS:*o.example.org", "foo.example.org", partial)
refuses("a wildcard in the middle of a label", "DNS:f*o.example.org", "foo.example.org")
refuses("two wildcards in a label", "DNS:**.example.org", "a.example.org")
refuses("a wildcard in a label of another script", "DNS:xn--*.example.org", "xn--bcher-kva.example.org")
refuses("a wildcard of another domain", "DNS:*.example.com", "a.example.org")

-- addresses
takes("an address", "IP:127.0.0.1", "127.0.0.1")
takes("an address among others", "IP:10.0.0.1,DNS:a.example,IP:127.0.0.1", "127.0.0.1")
takes("an address of IPv6", "IP:::1", "::1")
takes("an address of IPv6 that is one of IPv4", "IP:::ffff:127.0.0.1", "::ffff:127.0.0.1")
refuses("another address", "IP:127.0.0.2", "127.0.0.1")
refuses("an address for one of IPv6", "IP:127.0.0.1", "::1")
refuses("an address for the same of IPv6", "IP:127.0.0.1", "::ffff:127.0.0.1")
refuses("an address of IPv6 for the same of IPv4", "IP:::ffff:127.0.0.1", "127.0.0.1")
refuses("an address as a dNSName", "DNS:127.0.0.1", "127.0.0.1")
refuses("an address of IPv6 as a dNSName", dns_bytes "::1", "::1")
refuses("an address as the CN", false, "127.0.0.1", nil, { subject = "/CN=127.0.0.1" })
refuses("an address as the CN, and a name", "DNS:a.example", "127.0.0.1", nil, { subject = "/CN=127.0.0.1" })
refuses("an address for a wildcard", "DNS:*.0.0.1", "127.0.0.1")
refuses("an address for a wildcard alone", "DNS:*", "127.0.0.1")
refuses("an address as a URI", "URI:127.0.0.1", "127.0.0.1")
refuses("an address of three bytes", "DER:30:05:87:03:7f:00:00", "127.0.0.1", nil, { says = "." })
refuses("an address of five bytes", "DER:30:07:87:05:7f:00:00:01:00", "127.0.0.1", nil, { says = "." })
refuses("an address with a mask", "DER:30:0a:87:08:7f:00:00:01:ff:ff:ff:ff", "127.0.0.1", nil, { says = "." })
refuses("an address for a name", "IP:127.0.0.1", "a.example")
refuses("the bytes of a name as an address", "IP:97.98.99.100", "abcd")

-- several
takes("a wildcard that does not fit before one that does", "DNS:*.com,DNS:*.example.org", "a.example.org")
takes("a bad name before a good one", "DNS:f*.example.org,DNS:foo.example.org", "foo.example.org")

return rows
