-- wsbot.crypto as a script has it.
local it_prints = require "support.it_prints"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"

describe("wsbot.crypto", function()
  it_prints("hashes, whole and in pieces", [[
    local crypto = require "wsbot.crypto"
    for _, name in ipairs { "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512" } do
      local hasher = crypto.hasher(name):update "a":update "b":update "c"
      assert(hasher:digest() == crypto.hash(name, "abc"))
      print(name, #crypto.hash(name, "abc"), crypto.hex(crypto.hash(name, "abc")):sub(1, 16))
    end
    local hasher = crypto.hasher "md5"
    hasher:digest()
    print(pcall(hasher.digest, hasher))
    print(pcall(crypto.hash, "sha0", ""))
  ]], "md5\t16\t900150983cd24fb0", "sha1\t20\ta9993e364706816a", "sha224\t28\t23097d223405d822",
    "sha256\t32\tba7816bf8f01cfea", "sha384\t48\tcb00753f45a35e8b", "sha512\t64\tddaf35a193617aba",
    "sha3-256\t32\t3a985da74fe225b2", "sha3-512\t64\tb751850b1a57168a", "~this hasher has given its digest",
    "~there is no hash 'sha0'")

  it_prints("makes HMACs as RFC 4231 has them, with keys of any size", [[
    local crypto = require "wsbot.crypto"
    local function hmac(name, key, data) return crypto.hex(crypto.hmac(name, key, data)) end
    print(hmac("sha256", "Jefe", "what do ya want for nothing?"))
    print(hmac("sha256", ("\xaa"):rep(131), "Test Using Larger Than Block-Size Key - Hash Key First"))
    print(hmac("sha512", ("\x0b"):rep(20), "Hi There"):sub(1, 32))
    print(hmac("md5", "", ""))
  ]], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "87aa7cdea5ef619d4ff0b4241a1d6cb0",
    "74e6f7298a9c2d168935f58c001bad88")

  it_prints("writes and reads hexadecimal digits and Base64, and nothing that is none", [[
    local crypto = require "wsbot.crypto"
    for n = 0, 300 do
      local bytes = crypto.random(n)
      assert(crypto.unhex(crypto.hex(bytes)) == bytes)
      assert(crypto.unbase64(crypto.base64(bytes)) == bytes)
      assert(crypto.unbase64url(crypto.base64url(bytes)) == bytes)
    end
    print(crypto.base64 "\xff\xfe", crypto.base64url "\xff\xfe", crypto.unhex "4A4b", crypto.unbase64url "YQ==")
    for _, text in ipairs { "YQ", "YQ=", "Y===", "YR==", "Y Q=", "YQ==\n", "=", "_-8=" } do
      print((crypto.unbase64(text)))
    end
    print(crypto.unhex "abc")
    print(crypto.unhex "zz")
  ]], "//4=\t__4\tJK\ta", "nil", "nil", "nil", "nil", "nil", "nil", "nil", "nil",
    "nil\tan odd number of hexadecimal digits", "nil\tnot a hexadecimal digit")

  it_prints("makes UUIDs of versions 4 and 7", [[
    local crypto = require "wsbot.crypto"
    local form = "^%x%x%x%x%x%x%x%x%-%x%x%x%x%-V%x%x%x%-[89ab]%x%x%x%-%x%x%x%x%x%x%x%x%x%x%x%x$"
    print(crypto.uuid():find((form:gsub("V", "4"))), crypto.uuid7():find((form:gsub("V", "7"))))
    local last = ""
    for _ = 1, 10000 do
      local next = crypto.uuid7()
      assert(next > last)
      last = next
    end
    print(math.abs(tonumber(last:gsub("-", ""):sub(1, 12), 16) / 1000 - host.time()) < 60)
    print(crypto.uuid() ~= crypto.uuid(), crypto.equal("a", "a"), crypto.equal("a", "b"), crypto.equal("a", "ab"))
  ]], "1\t1\t36", "true", "true\ttrue\tfalse\tfalse")

  it_tells("signs, and what openssl has signed is believed; errors have nothing of a key in them", function()
    local folder = place.folder()
    local function run(command)
      assert(os.execute(("cd '%s' && { %s; } >/dev/null 2>&1"):format(folder, command)), command)
    end
    run "printf data >data"
    for name, options in pairs {
      ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
      ed = "-algorithm ed25519", p384 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-384",
    } do
      run(("openssl genpkey %s -out %s.key"):format(options, name))
      run(("openssl pkey -in %s.key -pubout -out %s.pub"):format(name, name))
    end
    run "openssl dgst -sha256 -sign rsa.key -out rsa.sig data"
    local bot = program.bot([[
      local crypto, json = require "wsbot.crypto", require "wsbot.json"
      local function read(name) return assert(io.open(arg[1] .. "/" .. name, "rb")):read "a" end
      for algorithm, name in pairs { ES256 = "ec", RS256 = "rsa", EdDSA = "ed" } do
        local signature = crypto.sign(algorithm, read(name .. ".key"), "data")
        assert(crypto.verify(algorithm, read(name .. ".pub"), "data", signature))
        assert(not crypto.verify(algorithm, read(name .. ".pub"), "date", signature))
        assert(not crypto.verify(algorithm, read(name .. ".pub"), "data", signature:sub(2) .. "x"))
        assert(not crypto.verify(algorithm, read(name .. ".pub"), "data", ""))
        local head, claims, sig = crypto.jwt({ sub = "me" }, read(name .. ".key"), algorithm):match "^(.-)%.(.-)%.(.*)$"
        assert(json.decode(crypto.unbase64url(head)).alg == algorithm)
        assert(json.decode(crypto.unbase64url(claims)).sub == "me")
        assert(crypto.verify(algorithm, read(name .. ".pub"), head .. "." .. claims, crypto.unbase64url(sig)))
      end
      assert(crypto.verify("RS256", read "rsa.pub", "data", read "rsa.sig"))
      local head, claims, sig = crypto.jwt({ a = 1 }, "secret"):match "^(.-)%.(.-)%.(.*)$"
      assert(crypto.unbase64url(sig) == crypto.hmac("sha256", "secret", head .. "." .. claims))
      for _, call in ipairs {
        { crypto.sign, "ES256", read "rsa.key" }, { crypto.sign, "RS256", read "ec.key" },
        { crypto.sign, "EdDSA", read "ec.pub" }, { crypto.sign, "ES256", read "p384.key" },
        { crypto.verify, "ES256", "SECRET" }, { crypto.jwt, {}, "SECRET", "none" },
      } do
        local ok, why = pcall(call[1], call[2], call[3], call[4] or "data", "signature")
        say((why:gsub("^.-crypto", "crypto")))
      end
    ]], { folder })
    bot:tells("crypto.sign: the key is none of an elliptic curve", "crypto.sign: the key is none of RSA",
      "~^crypto.sign: the key is no private key in PEM",
      "crypto.sign: ES256 needs a key on the curve P-256", "~^crypto.verify: the key is no public key in PEM",
      "~^crypto.jwt: there is no algorithm 'none'")
    bot:ends(0)
  end)
end)
