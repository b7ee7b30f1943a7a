-- texts: what the rows about JSON read, as an exchange sends it: a trade of 168 bytes, and a depth update of 80 pairs.
-- Many of each, so that no two in turn are the same.
local texts = {}

local MANY <const> = 64

local function random_pair(least, most)
  return ('["%d.%02d","%d.%05d"]'):format(math.random(least, most), math.random(0, 99), math.random(0, 9),
    math.random(0, 99999))
end

local function side(least, most)
  local list = {}
  for i = 1, 40 do list[i] = random_pair(least, most) end
  return table.concat(list, ",")
end

function texts.trade(i)
  return ('{"stream":"btcusdt@trade","data":{"e":"trade","E":%d,"s":"BTCUSDT","t":%d,"p":"%d.%02d","q":"0.%05d",' ..
    '"T":%d,"m":%s,"M":true}}'):format(1672515782000 + i, 1190000000000000000 + i * 7919, 16000 + i,
    math.random(0, 99), math.random(0, 99999), 1672515781990 + i, i % 2 == 0 and "true" or "false")
end

function texts.depth(i)
  return ('{"stream":"btcusdt@depth","data":{"e":"depthUpdate","E":%d,"s":"BTCUSDT","U":%d,"u":%d,"b":[%s],"a":[%s]}}')
    :format(1672515782000 + i, 157000 + i * 5, 157004 + i * 5, side(15000, 16000), side(16001, 17000))
end

texts.last = texts.depth -- of which other fields are read

-- Writes a file with a text in each line.
function texts.write(kind, path)
  math.randomseed(1, 1)
  local file <close> = assert(io.open(path, "wb"))
  for i = 1, MANY do file:write(texts[kind](i), "\n") end
end

return texts
