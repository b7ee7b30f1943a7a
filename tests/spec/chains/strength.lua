-- What is too weak to be believed: under RSA 2048, P-256, DHE 2048 and SHA-256; the signature of an anchor on itself
-- does not count. How to read it: support/chains.lua.
local rsa = "RSA 2048"
local level = "OpenSSL's level 2 is satisfied with 112 bits, which SHA-224, P-224 and RSA keys of 2,047 bits have"
local exchange = "openssl verify does not see the key exchange"
local dhe = "DHE-RSA-AES128-GCM-SHA256"

local rows = {
  -- digests
  { "a leaf signed with MD5", certs = { sub = { kind = rsa }, leaf = { md = "md5" } }, weak = true },
  { "a leaf signed with SHA-1", certs = { leaf = { md = "sha1" } }, weak = true },
  { "a leaf signed with SHA-1 and RSA", certs = { sub = { kind = rsa }, leaf = { md = "sha1" } }, weak = true },
  { "a leaf signed with SHA-224", certs = { leaf = { md = "sha224" } }, weak = true, differs = level },
  { "a leaf signed with SHA-384", certs = { leaf = { md = "sha384" } } },
  { "a leaf signed with SHA-512", certs = { leaf = { md = "sha512" } } },
  { "an intermediate signed with MD5", certs = { root = { kind = rsa }, sub = { md = "md5" } }, weak = true },
  { "an intermediate signed with SHA-1", certs = { sub = { md = "sha1" } }, weak = true },
  { "an intermediate signed with SHA-224", certs = { sub = { md = "sha224" } }, weak = true, differs = level },
  { "an intermediate signed with SHA-1 that is trusted", certs = { sub = { md = "sha1" } }, trusted = { "sub" } },
  { "an intermediate signed with SHA-1 that is trusted, and its root is not, and a leaf alone",
    certs = { sub = { md = "sha1" } }, trusted = { "sub" }, sent = { "leaf" } },
  { "a root signed with MD5", certs = { root = { kind = rsa, md = "md5" } } },
  { "a root signed with SHA-1", certs = { root = { md = "sha1" } } },
  { "a root signed with SHA-1 that is sent", certs = { root = { md = "sha1" } }, sent = { "leaf", "sub", "root" } },
  { "a self-signed leaf signed with SHA-1 that is trusted", certs = { leaf = { issuer = false, md = "sha1" } },
    trusted = { "leaf" } },
  { "a leaf signed with SHA-1 that is trusted itself", certs = { leaf = { md = "sha1" } }, trusted = { "leaf" },
    sent = { "leaf" } },
  { "a leaf signed with SHA-1, in TLS 1.2", certs = { leaf = { md = "sha1" } }, weak = true, tls = "1.2" },

  -- keys
  { "a leaf with RSA of 1024 bits", certs = { leaf = { kind = "RSA 1024" } }, weak = true },
  { "a leaf with RSA of 2047 bits", certs = { leaf = { kind = "RSA 2047" } }, weak = true, differs = level },
  { "a leaf with RSA of 2048 bits", certs = { leaf = { kind = rsa } } },
  { "a leaf with RSA of 2048 bits, in TLS 1.2", certs = { leaf = { kind = rsa } }, tls = "1.2" },
  { "a leaf with RSA of 3072 bits", certs = { leaf = { kind = "RSA 3072" } } },
  { "a leaf with RSA of 1024 bits, in TLS 1.2", certs = { leaf = { kind = "RSA 1024" } }, weak = true, tls = "1.2" },
  { "an intermediate with RSA of 1024 bits", certs = { sub = { kind = "RSA 1024" } }, weak = true },
  { "an intermediate with RSA of 2047 bits", certs = { sub = { kind = "RSA 2047" } }, weak = true, differs = level },
  { "an intermediate with RSA of 2048 bits", certs = { sub = { kind = rsa } } },
  { "an intermediate with RSA of 1024 bits that is trusted", certs = { sub = { kind = "RSA 1024" } },
    trusted = { "sub" }, weak = true },
  { "a root with RSA of 1024 bits", certs = { root = { kind = "RSA 1024" } }, weak = true },
  { "a root with RSA of 2047 bits", certs = { root = { kind = "RSA 2047" } }, weak = true, differs = level },
  { "a root with RSA of 2048 bits", certs = { root = { kind = rsa } } },
  { "a self-signed leaf with RSA of 1024 bits that is trusted", trusted = { "leaf" }, weak = true,
    certs = { leaf = { issuer = false, kind = "RSA 1024" } } },
  { "a leaf with P-384", certs = { leaf = { kind = "P-384" } } },
  { "a leaf with P-521", certs = { leaf = { kind = "P-521" } } },
  { "a chain of P-384", certs = { root = { kind = "P-384" }, sub = { kind = "P-384" }, leaf = { kind = "P-384" } } },
  { "a root with P-521", certs = { root = { kind = "P-521" } } },
  { "a leaf with P-224, in TLS 1.2", certs = { leaf = { kind = "P-224" } }, tls = "1.2", right = "refused",
    says = "weak|alert", differs = level },
  { "a leaf with P-192, in TLS 1.2", certs = { leaf = { kind = "P-192" } }, tls = "1.2", right = "refused",
    says = "weak|alert" },
  { "an intermediate with P-224", certs = { sub = { kind = "P-224" } }, weak = true, differs = level },
  { "a root with P-224", certs = { root = { kind = "P-224" } }, weak = true, differs = level },
  { "an intermediate with P-192", certs = { sub = { kind = "P-192" } }, right = "refused",
    says = "weak|unsupported" },
  { "a leaf with Ed25519", certs = { leaf = { kind = "Ed25519" } } },
  { "an intermediate with Ed25519", certs = { sub = { kind = "Ed25519" } }, may_lack = "unsupported by wolfssl" },
  { "a leaf signed with RSA-PSS", certs = { sub = { kind = rsa }, leaf = { pss = true } } },
  { "a leaf signed with RSA-PSS and SHA-1", certs = { sub = { kind = rsa }, leaf = { pss = true, md = "sha1" } },
    weak = true },

  -- weak, and wrong
  { "a leaf signed with SHA-1 that is over", certs = { leaf = { md = "sha1", from = -800, to = -400 } }, weak = true,
    still = "expired" },
  { "a leaf with RSA of 1024 bits for another name", weak = true, still = "another name",
    certs = { leaf = { kind = "RSA 1024", names = "DNS:other.example" } } },
  { "a root with RSA of 1024 bits that is not trusted", weak = true, still = "not trusted", trusted = { "other" },
    certs = { root = { kind = "RSA 1024" }, other = { ca = true } } },
  { "an intermediate signed with SHA-1 that is no CA's", weak = true, still = "no authority|not trusted",
    certs = { sub = { md = "sha1", basic = "CA:FALSE" } } },

  -- key exchange
  { "DHE of 1024 bits", certs = { leaf = { kind = rsa } }, tls = "1.2", ciphers = dhe, dh = "dh_rfc5114",
    weak = true, differs = exchange },
  { "DHE of 1536 bits", certs = { leaf = { kind = rsa } }, tls = "1.2", ciphers = dhe, dh = "modp_1536", weak = true,
    differs = exchange },
  { "DHE of 2048 bits", certs = { leaf = { kind = rsa } }, tls = "1.2", ciphers = dhe, dh = "ffdhe2048" },
}

for _, row in ipairs(rows) do
  if row.weak then row.right, row.says = "refused", "weak" .. (row.still and "|" .. row.still or "") end
  row.right = row.right or "accepted"
end

return rows
