-- inflate: DEFLATE (RFC 1951) by the letter, slow and without zlib, so that what wsbot compresses is judged by another.
-- It sees what zlib's own inflate lets pass: how far a match looks back.
local inflate = {}

local length_base, length_extra, distance_base, distance_extra = {}, {}, {}, {}
do
  local base = 3
  for i = 0, 27 do
    local extra = i < 8 and 0 or i // 4 - 1
    length_base[257 + i], length_extra[257 + i] = base, extra
    base = base + (1 << extra)
  end
  length_base[285], length_extra[285] = 258, 0
  base = 1
  for i = 0, 29 do
    local extra = i < 4 and 0 or i // 2 - 1
    distance_base[i], distance_extra[i] = base, extra
    base = base + (1 << extra)
  end
end

-- A Huffman code from the lengths of its symbols, lengths[0 .. n - 1]: symbol by length and code.
local function code_of(lengths, n)
  local count, next_code, code = {}, {}, 0
  for i = 0, n - 1 do
    count[lengths[i]] = (count[lengths[i]] or 0) + 1
  end
  count[0] = 0
  for bits = 1, 15 do
    code = (code + (count[bits - 1] or 0)) << 1
    next_code[bits] = code
  end
  local table_of = {}
  for i = 0, n - 1 do
    local bits = lengths[i]
    if bits > 0 then
      table_of[bits << 16 | next_code[bits]] = i
      next_code[bits] = next_code[bits] + 1
    end
  end
  return table_of
end

local fixed_literals, fixed_distances
do
  local lengths = {}
  for i = 0, 287 do
    lengths[i] = i < 144 and 8 or i < 256 and 9 or i < 280 and 7 or 8
  end
  fixed_literals = code_of(lengths, 288)
  for i = 0, 29 do
    lengths[i] = 5
  end
  fixed_distances = code_of(lengths, 30)
end

local order = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15 }

-- A stream: what came before may be looked back at, up to `window` bytes.
function inflate.new(window)
  return { window = window, out = {}, n = 0 }
end

-- Inflates one message; the four bytes that RFC 7692 7.2.1 has cut off are put back. Raises an error on what is wrong.
function inflate.message(stream, data)
  data = data .. "\0\0\255\255"
  local out, n, first = stream.out, stream.n, stream.n + 1
  local at, hold, held = 1, 0, 0

  local function bits(count)
    while held < count do
      local byte = data:byte(at)
      if not byte then error("the compressed bytes end too early", 0) end
      hold, held, at = hold | byte << held, held + 8, at + 1
    end
    local value = hold & (1 << count) - 1
    hold, held = hold >> count, held - count
    return value
  end

  local function symbol(code)
    local value = 0
    for length = 1, 15 do
      value = value << 1 | bits(1)
      local found = code[length << 16 | value]
      if found then return found end
    end
    error("a code that stands for nothing", 0)
  end

  local function stored()
    hold, held = 0, 0
    local length, complement = ("<I2I2"):unpack(data, at)
    if length ~= complement ~ 0xFFFF then error("a stored block with two lengths", 0) end
    for i = at + 4, at + 3 + length do
      n = n + 1
      out[n] = data:byte(i)
    end
    at = at + 4 + length
  end

  local function lengths_of_code()
    local literals, distances, some = bits(5) + 257, bits(5) + 1, bits(4) + 4
    local lengths = {}
    for i = 0, 18 do
      lengths[i] = 0
    end
    for i = 1, some do
      lengths[order[i]] = bits(3)
    end
    local code, all, i = code_of(lengths, 19), {}, 0
    while i < literals + distances do
      local s = symbol(code)
      if s < 16 then
        all[i], i = s, i + 1
      else
        local value = s == 16 and all[i - 1] or 0
        for _ = 1, s == 16 and 3 + bits(2) or s == 17 and 3 + bits(3) or 11 + bits(7) do
          all[i], i = value, i + 1
        end
      end
    end
    local tail = {}
    for k = 0, distances - 1 do
      tail[k] = all[literals + k]
    end
    return code_of(all, literals), code_of(tail, distances)
  end

  local function compressed(literals, distances)
    while true do
      local s = symbol(literals)
      if s == 256 then return end
      if s < 256 then
        n = n + 1
        out[n] = s
      else
        local length = length_base[s] + bits(length_extra[s])
        local d = symbol(distances)
        local distance = distance_base[d] + bits(distance_extra[d])
        if distance > stream.window then
          error(("it looks back %d bytes, over a window of %d"):format(distance, stream.window), 0)
        end
        if distance > n then error("it looks back behind the beginning", 0) end
        for i = n + 1, n + length do
          out[i] = out[i - distance]
        end
        n = n + length
      end
    end
  end

  repeat
    local final, kind = bits(1), bits(2)
    if kind == 0 then
      stored()
    elseif kind == 1 then
      compressed(fixed_literals, fixed_distances)
    elseif kind == 2 then
      compressed(lengths_of_code())
    else
      error("a block of no kind", 0)
    end
  until at > #data or final == 1
  if at <= #data then error("bytes follow a final block", 0) end
  stream.n = n
  local parts = {}
  for i = first, n, 4096 do
    parts[#parts + 1] = string.char(table.unpack(out, i, math.min(i + 4095, n)))
  end
  return table.concat(parts)
end

return inflate
