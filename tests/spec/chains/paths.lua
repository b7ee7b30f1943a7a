-- The way from the leaf to a trusted CA: what is sent in which order, with what beside it. How to read it:
-- support/chains.lua.
local over = { from = -800, to = -400 }
local nine_alone = "wolfSSL takes nine certificates of a server's; nobody has more"
local first_alone = "OpenSSL takes the first issuer with the name, and does not look for another when it does not fit"

-- An old root, a new one, and the new one's certificate by the old one: what happens when a CA changes its root.
local function cross_signed(old, cross)
  local certs = { old = { ca = true }, cross = { as = "root", ca = true, issuer = "old" } }
  for name, dates in pairs { old = old or {}, cross = cross or {} } do
    certs[name].from, certs[name].to = dates.from, dates.to
  end
  return certs
end

-- As many issuers with the name of the leaf's, each with a key of its own; and what is sent then. place: of the right
-- one among them.
local function look_alikes(n, place, ids)
  local certs, sent = { sub = { ids = ids }, leaf = { ids = ids } }, { "leaf" }
  for i = 1, n do
    local name = "double" .. i
    certs[name] = { ca = true, issuer = "root", subject = "/CN=sub", ids = ids }
    table.insert(sent, name)
  end
  if place then table.insert(sent, place + 1, "sub") end
  return certs, sent
end

-- Levels of issuers; on each there are as many with the same name and the same key, so that every way fits and there
-- are n ^ levels of them. The last are signed by `root`.
local function maze(levels, n, root)
  local certs, sent = {}, { "leaf" }
  for level = 1, levels do
    for i = 1, n do
      local name = ("m%d_%d"):format(level, i)
      local twin = ("m%d_1"):format(level)
      certs[name] = { ca = true, as = i > 1 and twin or nil, to = 90 + i,
        issuer = level == levels and root or ("m%d_1"):format(level + 1) }
      table.insert(sent, name)
    end
  end
  certs.leaf = { issuer = "m1_1" }
  return certs, sent
end

-- A chain of as many intermediates.
local function deep(n)
  local certs = {}
  for i = 1, n do
    certs["i" .. i] = { ca = true, issuer = i == n and "root" or "i" .. i + 1 }
  end
  certs.leaf = { issuer = "i1" }
  return certs
end

-- Two CAs that signed each other.
local function loop(more)
  local certs = {
    leaf = { issuer = "north_alone" },
    north_alone = { ca = true, subject = "/CN=north", key = "north" },
    south = { ca = true, issuer = "north_alone" },
    north = { as = "north_alone", ca = true, issuer = "south" },
  }
  for name, c in pairs(more or {}) do
    certs[name] = c
  end
  return certs
end

local rows = {
  -- what is sent
  { "no intermediate", sent = { "leaf" }, right = "refused", says = "not trusted" },
  { "one intermediate of two", certs = deep(2), sent = { "leaf", "i1" }, right = "refused", says = "not trusted" },
  { "the second intermediate of two", certs = deep(2), sent = { "leaf", "i2" }, right = "refused",
    says = "not trusted" },
  { "two intermediates", certs = deep(2), right = "accepted" },
  { "two intermediates in the wrong order", certs = deep(2), sent = { "leaf", "i2", "i1" }, right = "accepted" },
  { "three intermediates in the wrong order", certs = deep(3), sent = { "leaf", "i3", "i1", "i2" },
    right = "accepted" },
  { "two intermediates in the wrong order, in TLS 1.2", certs = deep(2), sent = { "leaf", "i2", "i1" }, tls = "1.2",
    right = "accepted" },
  { "the root before the intermediate", sent = { "leaf", "root", "sub" }, right = "accepted" },
  { "the root after the intermediate", sent = { "leaf", "sub", "root" }, right = "accepted" },
  { "the root, which is not trusted, after the intermediate", certs = { stranger = { ca = true } },
    sent = { "leaf", "sub", "root" }, trusted = { "stranger" }, right = "refused", says = "not trusted" },
  { "the root, which is not trusted, and a trusted one with its name", right = "refused", says = "trusted",
    certs = { stranger = { ca = true, subject = "/CN=root" } }, sent = { "leaf", "sub", "root" },
    trusted = { "stranger" } },
  { "the intermediate twice", sent = { "leaf", "sub", "sub" }, right = "accepted" },
  { "the leaf twice", sent = { "leaf", "leaf", "sub" }, right = "accepted" },
  { "the leaf twice, also at the end", sent = { "leaf", "leaf", "sub", "leaf" }, right = "accepted" },
  { "everything twice", sent = { "leaf", "leaf", "sub", "sub", "root", "root" }, right = "accepted" },
  { "another CA before the intermediate", certs = { other = { ca = true } }, sent = { "leaf", "other", "sub" },
    right = "accepted" },
  { "another server's certificate after the intermediate", right = "accepted", sent = { "leaf", "sub", "fake" },
    certs = { other = { ca = true }, fake = { issuer = "other", names = "DNS:other.example" } } },
  { "another server's certificate before the intermediate", right = "accepted", sent = { "leaf", "fake", "sub" },
    certs = { other = { ca = true }, fake = { issuer = "other", names = "DNS:other.example" } } },
  { "an intermediate of another CA that is over", right = "accepted", sent = { "leaf", "fake", "sub" },
    certs = { other = { ca = true }, fake = { ca = true, issuer = "other", from = over.from, to = over.to } } },
  { "an intermediate of another CA that is signed with MD5", right = "accepted", sent = { "leaf", "sub", "fake" },
    certs = { other = { ca = true, kind = "RSA 2048" }, fake = { ca = true, issuer = "other", md = "md5" } } },
  { "an intermediate of another CA with an RSA key of 1020 bits", right = "accepted",
    sent = { "leaf", "fake", "sub" },
    certs = { other = { ca = true }, fake = { ca = true, issuer = "other", kind = "RSA 1020" } } },
  { "a tampered certificate of another CA", right = "accepted", sent = { "leaf", "fake", "sub" },
    certs = { other = { ca = true }, fake = { ca = true, issuer = "other", tampered = true } } },
  { "an intermediate of another CA with a critical extension that nobody knows before its own", right = "accepted",
    sent = { "leaf", "fake", "sub" },
    certs = { other = { ca = true }, fake = { ca = true, issuer = "other", more = "1.2.3.4=critical,ASN1:NULL" } } },
  { "a good leaf beside the leaf, which is a stranger's", right = "refused", says = "trust|no authority",
    certs = { stranger = { ca = true }, leaf = { issuer = "stranger" }, good = { issuer = "sub" } },
    sent = { "leaf", "good", "sub" } },

  -- other certificates of the same CA
  { "an intermediate that is over before one that is not", right = "accepted", sent = { "leaf", "old", "sub" },
    certs = { old = { as = "sub", ca = true, issuer = "root", from = over.from, to = over.to } } },
  { "an intermediate that is over after one that is not", right = "accepted", sent = { "leaf", "sub", "old" },
    certs = { old = { as = "sub", ca = true, issuer = "root", from = over.from, to = over.to } } },
  { "a tampered intermediate before the right one", right = "accepted", sent = { "leaf", "bad", "sub" },
    certs = { bad = { as = "sub", ca = true, issuer = "root", tampered = true, to = 91 } }, differs = first_alone },
  { "a tampered intermediate after the right one", right = "accepted", sent = { "leaf", "sub", "bad" },
    certs = { bad = { as = "sub", ca = true, issuer = "root", tampered = true } } },
  { "an intermediate of a stranger with the same name and key before the right one", right = "accepted",
    certs = { stranger = { ca = true }, bad = { as = "sub", ca = true, issuer = "stranger" } },
    sent = { "leaf", "bad", "sub" }, differs = first_alone },
  { "an intermediate of a stranger with the same name and key after the right one", right = "accepted",
    certs = { stranger = { ca = true }, bad = { as = "sub", ca = true, issuer = "stranger" } },
    sent = { "leaf", "sub", "bad" } },
  { "an intermediate that is no CA's before the right one", right = "accepted", sent = { "leaf", "bad", "sub" },
    certs = { bad = { as = "sub", issuer = "root", names = "DNS:other.example" } }, differs = first_alone },
  { "an intermediate for clients before the right one", right = "accepted", sent = { "leaf", "bad", "sub" },
    certs = { bad = { as = "sub", ca = true, issuer = "root", extended = "clientAuth" } }, differs = first_alone },
  { "an intermediate signed with SHA-1 before the right one", right = "accepted", sent = { "leaf", "bad", "sub" },
    certs = { bad = { as = "sub", ca = true, issuer = "root", md = "sha1" } }, differs = first_alone },

  -- cross-signatures
  { "a cross-signature by an old root that is trusted alone", certs = cross_signed(),
    sent = { "leaf", "sub", "cross" }, trusted = { "old" }, right = "accepted" },
  { "a cross-signature, and both roots", certs = cross_signed(), sent = { "leaf", "sub", "cross" },
    trusted = { "old", "root" }, right = "accepted" },
  { "a cross-signature, and the new root alone", certs = cross_signed(), sent = { "leaf", "sub", "cross" },
    right = "accepted" },
  { "a cross-signature that is over, and an old root that is over, and the new one", right = "accepted",
    certs = cross_signed(over, over), sent = { "leaf", "sub", "cross" }, trusted = { "old", "root" } },
  { "a cross-signature that is over, and the new root before an old one that is over", right = "accepted",
    certs = cross_signed(over, over), sent = { "leaf", "sub", "cross" }, trusted = { "root", "old" } },
  { "a cross-signature by an old root that is over, and the new one", right = "accepted",
    certs = cross_signed(over), sent = { "leaf", "sub", "cross" }, trusted = { "old", "root" } },
  { "a cross-signature that is over, and the new root alone", certs = cross_signed(over, over),
    sent = { "leaf", "sub", "cross" }, right = "accepted" },
  { "a cross-signature that is over before the intermediate", certs = cross_signed(over, over),
    sent = { "leaf", "cross", "sub" }, trusted = { "old", "root" }, right = "accepted" },
  { "a cross-signature that is over, and the new root, in TLS 1.2", certs = cross_signed(over, over), tls = "1.2",
    sent = { "leaf", "sub", "cross" }, trusted = { "old", "root" }, right = "accepted" },
  { "a cross-signature that is over, and an old root that is not", certs = cross_signed(nil, over),
    sent = { "leaf", "sub", "cross" }, trusted = { "old" }, right = "refused", says = "expired" },
  { "a cross-signature by an old root that is over, and no other", certs = cross_signed(over),
    sent = { "leaf", "sub", "cross" }, trusted = { "old" }, right = "refused", says = "expired" },
  { "a cross-signature that is over, by an old root that is over, and no other", certs = cross_signed(over, over),
    sent = { "leaf", "sub", "cross" }, trusted = { "old" }, right = "refused", says = "expired" },
  { "a cross-signature that is over, with the old root sent along", certs = cross_signed(over, over),
    sent = { "leaf", "sub", "cross", "old" }, trusted = { "old", "root" }, right = "accepted" },
  { "a cross-signature with SHA-1 beside the new root", right = "accepted", sent = { "leaf", "sub", "cross" },
    certs = { old = { ca = true }, cross = { as = "root", ca = true, issuer = "old", md = "sha1" } },
    trusted = { "root", "old" } },
  { "an intermediate that two roots signed, the wrong one first", right = "accepted",
    certs = { old = { ca = true }, other = { as = "sub", ca = true, issuer = "old" } },
    sent = { "leaf", "other", "sub" }, differs = first_alone },
  { "roots that signed each other, and the old one trusted", sent = { "leaf", "sub", "cross", "back" },
    trusted = { "old" }, right = "accepted", certs = { old = { ca = true },
      cross = { as = "root", ca = true, issuer = "old" }, back = { as = "old", ca = true, issuer = "root" } } },
  { "roots that signed each other, and the new one trusted", sent = { "leaf", "sub", "cross", "back" },
    right = "accepted", certs = { old = { ca = true },
      cross = { as = "root", ca = true, issuer = "old" }, back = { as = "old", ca = true, issuer = "root" } } },
  { "roots that signed each other, and neither trusted", sent = { "leaf", "sub", "cross", "back" },
    trusted = { "stranger" }, right = "refused", says = "not trusted", certs = { old = { ca = true },
      stranger = { ca = true }, cross = { as = "root", ca = true, issuer = "old" },
      back = { as = "old", ca = true, issuer = "root" } } },

  -- what another server sent before
  { "no intermediate, which another server sent before", before = { "leaf", "sub" }, sent = { "leaf" },
    right = "refused", says = "not trusted" },
  { "an intermediate that may not sign, of which another server sent one that may",
    certs = { sub = { usage = "digitalSignature" }, good = { as = "sub", ca = true, issuer = "root" } },
    before = { "leaf", "good" }, right = "refused", says = "keycertsign|key usage|no authority|not trusted" },
  { "an intermediate that is no CA's, of which another server sent one that is",
    certs = { sub = { basic = "CA:FALSE" }, good = { as = "sub", ca = true, issuer = "root" } },
    before = { "leaf", "good" }, right = "refused", says = "no authority|not trusted" },
  { "an intermediate that is over, of which another server sent one that is not", before = { "leaf", "good" },
    certs = { sub = over, good = { as = "sub", ca = true, issuer = "root" } }, right = "refused", says = "expired" },
  { "an intermediate that is tampered, of which another server sent one that is not", before = { "leaf", "good" },
    certs = { sub = { tampered = true }, good = { as = "sub", ca = true, issuer = "root" } }, right = "refused",
    says = "not signed|damaged" },
  { "an intermediate for clients, of which another server sent one for all", before = { "leaf", "good" },
    certs = { sub = { extended = "clientAuth" }, good = { as = "sub", ca = true, issuer = "root" } },
    right = "refused", says = "not for servers|extended key usage" },
  { "an intermediate with constraints, of which another server sent one without", before = { "leaf", "good" },
    certs = { sub = { constraints = "critical,permitted;DNS:example.org" },
      good = { as = "sub", ca = true, issuer = "root" } }, right = "refused", says = "constraint" },
  { "an intermediate without constraints, of which another server sent one with them", before = { "first", "narrow" },
    certs = { leaf = { names = "DNS:bot.example,DNS:bot.org" }, first = { issuer = "sub" },
      narrow = { as = "sub", ca = true, issuer = "root", constraints = "critical,permitted;DNS:example" } },
    right = "accepted" },
  { "an intermediate with a path length, of which another server sent one without", before = { "leaf", "next", "good" },
    certs = { sub = { basic = "critical,CA:TRUE,pathlen:0" }, good = { as = "sub", ca = true, issuer = "root" },
      next = { ca = true, issuer = "sub" }, leaf = { issuer = "next" } }, right = "refused", says = "path length" },

  -- loops and mazes
  { "two CAs that signed each other", certs = loop(), sent = { "leaf", "north", "south" }, right = "refused",
    says = "not trusted" },
  { "two CAs that signed each other, and a way out", sent = { "leaf", "north", "south", "bridge" },
    certs = loop { bridge = { as = "north_alone", ca = true, issuer = "root" } }, right = "accepted" },
  { "two CAs that signed each other, and a way out before them", sent = { "leaf", "bridge", "north", "south" },
    certs = loop { bridge = { as = "north_alone", ca = true, issuer = "root" } }, right = "accepted" },
  { "a leaf that is its own issuer by name", certs = { leaf = { subject = "/CN=sub" } }, right = "accepted" },
  { "nine intermediates", certs = deep(9), right = "refused", says = ".", differs = nine_alone },
  { "eight intermediates", certs = deep(8), right = "accepted" },
}

local function add(name, right, says, differs, certs, sent)
  table.insert(rows, { name, certs = certs, sent = sent, right = right, says = says, differs = differs })
end

add("three issuers of the same name, and the right one first", "accepted", nil, nil, look_alikes(3, 1))
add("three issuers of the same name, and the right one last", "accepted", nil, nil, look_alikes(3, 4))
add("three issuers of the same name without key identifiers, and the right one first", "accepted", nil, nil,
  look_alikes(3, 1, false))
add("three issuers of the same name without key identifiers, and the right one last", "accepted", nil, first_alone,
  look_alikes(3, 4, false))
add("seven issuers of the same name without key identifiers, and the right one last", "accepted", nil, first_alone,
  look_alikes(7, 8, false))
add("seven issuers of the same name without key identifiers", "refused", "not signed|not trusted", nil,
  look_alikes(7, nil, false))
add("20 issuers of the same name without key identifiers", "refused", ".", nil, look_alikes(20, nil, false))
add("a maze of 2 ^ 4 ways that lead nowhere", "refused", "not trusted|takes too long", nil, maze(4, 2, "north"))
add("a maze of 2 ^ 4 ways that lead to the root", "accepted", nil, nil, maze(4, 2, "root"))
add("a maze of 5 ^ 4 ways that lead nowhere", "refused", ".", nil, maze(4, 5, "north"))
for _, row in ipairs(rows) do
  if row.certs and row.certs.m1_1 then row.certs.north = { ca = true } end
end

return rows
