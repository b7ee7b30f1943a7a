-- wsbot.compress as a script has it.
local it_prints = require "support.it_prints"

describe("wsbot.compress", function()
  it_prints("gives back in each format what was deflated, whole and in pieces of any size", [[
    local compress = require "wsbot.compress"
    local text = ("a line that comes again %d\n"):rep(1000)
    for _, format in ipairs { "zlib", "gzip", "raw", "zstd" } do
      local small = compress.deflate(text, { format = format })
      local back, pieces = compress.inflater { format = format }, {}
      for i = 1, #small, 7 do pieces[#pieces + 1] = assert(back:push(small:sub(i, i + 6))) end
      local whole = compress.inflate(small, { format = format })
      print(format, #small < #text / 10, whole == text, table.concat(pieces) == text)
    end
    print(compress.inflate(compress.deflate "") == "")
  ]], "zlib\ttrue\ttrue\ttrue", "gzip\ttrue\ttrue\ttrue", "raw\ttrue\ttrue\ttrue", "zstd\ttrue\ttrue\ttrue", "true")

  it_prints("flushes a stream of messages, each of which can be read at once", [[
    local compress = require "wsbot.compress"
    for _, format in ipairs { "zlib", "zstd" } do
      local out, back = compress.deflater { format = format }, compress.inflater { format = format }
      for _, message in ipairs { "one", "two", ("three"):rep(10000) } do
        io.write(tostring(back:push(out:push(message, true)) == message), " ")
      end
      print(back:push(out:finish()) == "", select(2, out:push "more"))
    end
  ]], "true true true true\tit was finished", "true true true true\tit was finished")

  it_prints("goes on with a stream of raw deflate elsewhere, by what it gave before", [[
    local compress = require "wsbot.compress"
    local out, first = compress.deflater(), compress.inflater()
    local words = ("words that come again, "):rep(5000)
    local before = first:push(out:push(words, true))
    local data = out:push(words, true)
    print(#data < #words / 50, compress.inflater { format = "raw" }:push(data))
    for _, known in ipairs { before, before:sub(-32768), ("x"):rep(100000) .. before:sub(-32768) } do
      print(compress.inflater { format = "raw", dictionary = known }:push(data) == words)
    end
    local known = { format = "raw", dictionary = "what both know" }
    local small = compress.deflate("what both know", known)
    print(#small, compress.inflate(small, known), (compress.inflate(small, { format = "raw", dictionary = "" })))
    for _, wrong in ipairs { { dictionary = "x" }, { dictionary = 1, format = "raw" } } do
      print((select(2, pcall(compress.inflater, wrong)):gsub("^.-compress: ", "")))
    end
  ]], "true\tnil\tinvalid distance too far back", "true", "true", "true", "5\twhat both know\tnil",
    'dictionary needs format = "raw"', "dictionary must be a string")

  it_prints("reads members of gzip, and frames of zstd, one after the other", [[
    local compress = require "wsbot.compress"
    for _, format in ipairs { "gzip", "zstd" } do
      local options = { format = format }
      print(compress.inflate(compress.deflate("a", options) .. compress.deflate("b", options), options))
    end
    print(compress.inflate(compress.deflate "a" .. "b"))
  ]], "ab", "ab", "nil\tthere is something behind its end")

  it_prints("stops a bomb while it inflates", [[
    local compress = require "wsbot.compress"
    for _, format in ipairs { "zlib", "gzip", "raw", "zstd" } do
      local bomb = compress.deflate(("\0"):rep(1 << 24), { format = format })
      print(format, compress.inflate(bomb, { format = format, max = 1 << 20 }))
      print(#compress.inflate(bomb, { format = format, max = 1 << 24 }) == 1 << 24)
    end
    print(compress.inflate(compress.deflate(("\0"):rep(17 << 20))))
  ]], "zlib\tnil\tit inflates to more than is allowed (max)", "true",
    "gzip\tnil\tit inflates to more than is allowed (max)", "true",
    "raw\tnil\tit inflates to more than is allowed (max)", "true",
    "zstd\tnil\tit inflates to more than is allowed (max)", "true", "nil\tit inflates to more than is allowed (max)")

  it_prints("says what is wrong, and goes on saying it", [[
    local compress = require "wsbot.compress"
    local back = compress.inflater()
    print(back:push "no zlib")
    print(back:push(compress.deflate "fine"))
    print(compress.inflate(compress.deflate("cut"):sub(1, -2)))
    print(compress.inflate "")
    print((select(2, compress.inflate("no zstd", { format = "zstd" }))))
    for _, options in ipairs { { format = "zip" }, { max = 0 }, { level = 10 }, { level = 1.5 } } do
      print((select(2, pcall(compress.deflate, "", options)):gsub("^.-compress: ", "")))
    end
  ]], "nil\tincorrect header check", "nil\tincorrect header check", "nil\tthe data ends too early",
    "nil\tthe data ends too early", "Unknown frame descriptor", 'format must be "zlib", "gzip", "raw" or "zstd"',
    "max must be a whole number from 1 to 1099511627776", "level must be a whole number from -1 to 9",
    "level must be a whole number from -1 to 9")
end)
