---@meta wsbot.crypto
-- The types of the module `wsbot.crypto`, for editors (LuaCATS) and for reading. Nothing here runs.

---Hashes, signatures and tokens: `local crypto = require "wsbot.crypto"`. Digests and signatures are raw bytes; `hex`
---and `base64` make texts of them. What a wrong call raises has nothing of a key in it.
---@class crypto
local crypto = {}

---@alias crypto.hash "md5"|"sha1"|"sha224"|"sha256"|"sha384"|"sha512"|"sha3-256"|"sha3-512"
---@alias crypto.algorithm "ES256"|"RS256"|"EdDSA"

---@param name crypto.hash
---@param data string
---@return string digest
function crypto.hash(name, data) end

---HMAC (RFC 2104).
---@param name crypto.hash
---@param key string
---@param data string
---@return string mac
function crypto.hmac(name, key, data) end

---@class crypto.hasher
local hasher = {}

---@param data string
---@return crypto.hasher self
function hasher:update(data) end

---The digest of all that it was given; once.
---@return string digest
function hasher:digest() end

---A hash of data that comes in pieces.
---@param name crypto.hash
---@return crypto.hasher
function crypto.hasher(name) end

---@param bytes string
---@return string
function crypto.hex(bytes) end

---The bytes; or nil and what is wrong with the text.
---@param text string
---@return string? bytes
---@return string? message
function crypto.unhex(text) end

---Base64 (RFC 4648 4), padded.
---@param bytes string
---@return string
function crypto.base64(bytes) end

---@param text string
---@return string? bytes
---@return string? message
function crypto.unbase64(text) end

---Base64 for urls and tokens (RFC 4648 5), without padding.
---@param bytes string
---@return string
function crypto.base64url(bytes) end

---@param text string  with padding or without
---@return string? bytes
---@return string? message
function crypto.unbase64url(text) end

---Unpredictable bytes.
---@param n integer  0 to 1048576
---@return string bytes
function crypto.random(n) end

---A random UUID (version 4).
---@return string
function crypto.uuid() end

---A UUID that begins with the time (version 7): each comes after the one before.
---@return string
function crypto.uuid7() end

---Are both the same? It takes as long wherever they differ: for what a peer must not guess byte by byte.
---@param a string
---@param b string
---@return boolean
function crypto.equal(a, b) end

---A signature by a private key in PEM that is not encrypted, as JSON Web Signatures have it (RFC 7518 3, RFC 8037).
---@param algorithm crypto.algorithm
---@param pem string
---@param data string
---@return string signature
function crypto.sign(algorithm, pem, data) end

---@param algorithm crypto.algorithm
---@param pem string  a public key
---@param data string
---@param signature string
---@return boolean
function crypto.verify(algorithm, pem, data, signature) end

---A JSON Web Token (RFC 7519).
---@param claims table
---@param key string  a secret for HS256, HS384 and HS512; a private key in PEM for the others
---@param algorithm? "HS256"|"HS384"|"HS512"|crypto.algorithm  default "HS256"
---@return string token
function crypto.jwt(claims, key, algorithm) end

return crypto
