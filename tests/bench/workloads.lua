-- workloads: the rows of the benchmark. Counts are those of a full run; --quick takes a part of them, slow clients too.
--
--   key, title   for --only and the table
--   unit         of the result: us (CPU for each unit), KB, ms
--   mode         what the client does (README.md); from `path` of the load generator, by TLS where `secure`
--   count        how many messages, round trips or connections
--   size, kind   of each message
--   texts        instead of a path: the row is about JSON alone, and this kind of texts.lua

local KB <const>, MB <const> = 1024, 1024 * 1024

local function receive(key, title, kind, size, count)
  return { key = "receive-" .. key, title = "receive " .. title, unit = "us", mode = "receive",
    path = "/send?kind=" .. kind .. "&size=%{size}&count=%{count}", kind = kind, size = size, count = count }
end

-- `kind` says which fields are read.
local function json(mode, kind, title, count)
  return { key = "json-" .. mode .. "-" .. kind, title = title, unit = "us", mode = mode, texts = kind, kind = kind,
    size = 0, count = count }
end

local rows = {
  receive("64-binary", "64 B binary", "binary", 64, 3000000),
  receive("64-text", "64 B text", "text", 64, 3000000),
  receive("1k-text", "1 KB text, mixed scripts", "mixed", KB, 500000),
  receive("64k-text", "64 KB text, mixed scripts", "mixed", 64 * KB, 20000),
  receive("64k-binary", "64 KB binary", "binary", 64 * KB, 20000),
  receive("1m-text", "1 MB text, mixed scripts", "mixed", MB, 1000),
  { key = "deflate", title = "receive 1 KB deflated", unit = "us", mode = "deflate",
    path = "/send?kind=deflate&size=%{size}&count=%{count}", kind = "text", size = KB, count = 200000 },
  { key = "echo", title = "echo round trip 64 B", unit = "us", mode = "echo", path = "/echo", kind = "text", size = 64,
    count = 30000 },
  { key = "answer", title = "receive a trade, read three fields, answer", unit = "us", mode = "answer",
    path = "/ask?kind=trade&size=%{size}&count=%{count}", kind = "text", size = 168, count = 500000 },
  { key = "send-64", title = "send 64 B text", unit = "us", mode = "send", path = "/sink?count=%{count}", kind = "text",
    size = 64, count = 500000 },
  { key = "send-64k", title = "send 64 KB binary", unit = "us", mode = "send", path = "/sink?count=%{count}",
    kind = "binary", size = 64 * KB, count = 10000 },
  { key = "tls-receive", title = "TLS receive 16 KB", unit = "us", mode = "receive", secure = true,
    path = "/send?kind=binary&size=%{size}&count=%{count}", kind = "binary", size = 16 * KB, count = 30000 },
  { key = "tls-echo", title = "TLS echo 64 B", unit = "us", mode = "echo", secure = true, path = "/echo", kind = "text",
    size = 64, count = 20000 },
  { key = "connect", title = "connect and close", unit = "us", mode = "connect", path = "/", kind = "text", size = 0,
    count = 3000 },
  { key = "tls-connect", title = "TLS connect and close", unit = "us", mode = "connect", secure = true, path = "/",
    kind = "text", size = 0, count = 500 },
  json("decode", "trade", "JSON: decode a trade, 168 B", 2000000),
  json("encode", "trade", "JSON: encode a trade", 2000000),
  json("get", "trade", "JSON: three fields of a trade", 4000000),
  json("view", "trade", "JSON: the same by a view", 2000000),
  json("decode", "depth", "JSON: decode a depth update, 2 KB", 100000),
  json("encode", "depth", "JSON: encode a depth update", 100000),
  json("get", "depth", "JSON: three fields of a depth update", 500000),
  json("get", "last", "JSON: the same, to its end", 500000),
  json("view", "depth", "JSON: the first three by a view", 300000),
  -- Memory does not get less by asking for less often: never a part of the count.
  { key = "idle", title = "idle connection", unit = "KB", mode = "idle", path = "/", kind = "text", size = 0,
    count = 5000, whole = true },
  { key = "tls-idle", title = "idle TLS connection", unit = "KB", mode = "idle", secure = true, path = "/",
    kind = "text", size = 0, count = 1000, whole = true },
  { key = "start", title = "start-up to the first line", unit = "ms", mode = "start", count = 10 },
  { key = "reload", title = "reload, 1000 lines, 200 connections", unit = "ms", mode = "reload", count = 50 },
}

return rows
