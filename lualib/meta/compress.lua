---@meta wsbot.compress
-- The types of the module `wsbot.compress`, for editors (LuaCATS) and for reading. Nothing here runs.

---zlib (RFC 1950), gzip, raw deflate, and zstd where the system has libzstd: `local compress = require
---"wsbot.compress"`. What is wrong with data is nil and a message; a wrong call is an error.
---@class compress
local compress = {}

---@alias compress.format "zlib"|"gzip"|"raw"|"zstd"

---@class compress.inflate_options
---@field format? compress.format  default "zlib"
---@field max? integer  bytes that one call may give; default 16 MiB
---@field dictionary? string  of "raw": what the stream gave before, its last 32 KB, to go on with it elsewhere

---@class compress.deflate_options
---@field format? compress.format  default "zlib"
---@field level? integer  0 to 9, of zstd to 19; default: the library's
---@field dictionary? string  of "raw": what both sides know before the first byte

---@class compress.inflater
local inflater = {}

---What this piece gives, which may be nothing yet. Several gzip members, or zstd frames, are one stream. After a
---failure each call fails.
---@param data string
---@return string? data
---@return string? message
function inflater:push(data) end

---@class compress.deflater
local deflater = {}

---@param data string
---@param flush? boolean  all that was pushed can be inflated from what was given by then
---@return string? data
---@return string? message
function deflater:push(data, flush) end

---The end of the stream.
---@return string? data
---@return string? message
function deflater:finish() end

---@param options? compress.inflate_options
---@return compress.inflater
function compress.inflater(options) end

---@param options? compress.deflate_options
---@return compress.deflater
function compress.deflater(options) end

---@param data string  all of it
---@param options? compress.inflate_options
---@return string? data
---@return string? message
function compress.inflate(data, options) end

---@param data string
---@param options? compress.deflate_options
---@return string? data
---@return string? message
function compress.deflate(data, options) end

return compress
