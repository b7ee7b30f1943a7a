-- wsbot.json as a script has it.
local it_prints = require "support.it_prints"

local function prints(name, source, text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return it_prints(name, source, table.unpack(lines))
end

describe("wsbot.json", function()
  prints("reads values of each kind, and integers to their last digit", [==[
    local json = require "wsbot.json"
    local v = json.decode '{"id":1190000000000000123,"p":27.55,"t":true,"n":null,"s":"\\u00e9\\n","l":[1,[2]],"o":{}}'
    print(v.id, math.type(v.id), v.p, v.t, v.n == json.null, v.s == "\u{e9}\n", v.l[2][1], next(v.o))
    print(json.decode " 1 ", json.decode '"x"', json.decode "[]"[1], json.decode "-0" == 0, json.decode "1e2")
  ]==], "1190000000000000123	integer	27.55	true	true	true	2	nil\n1	x	nil	true	100.0\n")

  prints("writes what it read: integers, floats, arrays and objects that are empty", [==[
    local json = require "wsbot.json"
    for _, text in ipairs {
      "1190000000000000123", "-9223372036854775808", "27.55", "1e300", "0.1", '"\\"\\\\\\u0001"', "[]", "{}", "[[],{}]",
      "true", "null", '"\u{e9}"', "[1,2,3]", '{"a":[{"b":null}]}',
    } do
      local written = json.encode(json.decode(text))
      if written ~= text then print(text, written) end
    end
    print(json.encode(json.array {}), json.encode {}, json.encode { json.null }, json.encode(1 / 3))
  ]==], "[]	{}	[null]	0.3333333333333333\n")

  prints("keeps the text of numbers that a float cannot hold, where that is asked for", [==[
    local json = require "wsbot.json"
    local options = { big_numbers = "string" }
    for _, text in ipairs {
      "12345678901234567890123", "0.12345678901234567890", "0.1", "1e20", "9223372036854775807",
    } do
      print(json.decode(text, options), type(json.decode(text, options)))
    end
    print(pcall(json.decode, "1", { big_numbers = true }))
    print(json.decode("[1]", "text")[1], pcall(json.decode, nil, "closed"))
  ]==], [==[
12345678901234567890123	string
0.12345678901234567890	string
0.1	number
1e+20	number
9223372036854775807	number
false	json.decode: big_numbers must be "string" or "number"
1	false	bad argument #1 to 'wsbot.json.decode' (string expected, got nil)
]==])

  prints("says where a text goes wrong, and why", [==[
    local json = require "wsbot.json"
    for _, text in ipairs {
      "", "[1,]", '{"a":1', '{a:1}', "[1 2]", "01", '"a\nb"', '\n  ["\\x"]', '"\\ud800"', "1 1", '"\xff"', "nan",
    } do
      print((select(2, pcall(json.decode, text)):gsub("^json%.decode: ", "")))
    end
    print(pcall(json.decode, ("["):rep(1001)))
  ]==], [==[
line 1, column 1: the text ends where a value should be
line 1, column 4: this is no value
line 1, column 7: the text ends within an array or object
line 1, column 2: the name of a member must be a string
line 1, column 4: a comma or ] must follow
line 1, column 1: a number must not begin with 0 and another digit
line 1, column 3: a control character in a string must be escaped
line 2, column 5: this escape is none (\" \\ \/ \b \f \n \r \t \uXXXX are)
line 1, column 2: half a surrogate pair is no character
line 1, column 3: the value has ended: nothing may follow
line 1, column 2: this is not UTF-8
line 1, column 2: this is no value
false	json.decode: line 1, column 1001: arrays and objects are nested too deeply
]==])

  prints("says which value has no JSON", [==[
    local json = require "wsbot.json"
    local cycle = { a = {} }
    cycle.a.b = { cycle }
    for _, value in ipairs {
      { x = { 1, 0 / 0 } }, { x = math.huge }, { print }, { 1, nil, 3 }, { 1, a = 2 }, { [0] = 1 }, { [1.5] = 1 },
      { x = "\xff" },
      { ["\xff"] = 1 }, { io.stdout },
    } do
      print((select(2, pcall(json.encode, value)):gsub("^json%.encode: ", "")))
    end
    print((select(2, pcall(json.encode, cycle)):match "a cycle.*"))
    print(pcall(json.encode))
  ]==], [==[
value.x[2]: nan has no JSON
value.x: infinity has no JSON
value[1]: a function has no JSON
value: a list with a hole has no JSON
value: a table with other keys than strings, or than 1 to n, has no JSON
value: a table with other keys than strings, or than 1 to n, has no JSON
value: a table with other keys than strings, or than 1 to n, has no JSON
value.x: a string that is not UTF-8
value.]==] .. "\xff" .. [==[: a string that is not UTF-8
value[1]: a userdata has no JSON
a cycle: this table is one of those that it is in
false	bad argument #1 to 'wsbot.json.encode' (value expected)
]==])

  prints("lays a value out, with names in order", [==[
    local json = require "wsbot.json"
    print(json.encode({ b = { 1, 2 }, a = { c = {} }, d = json.array {} }, { indent = true, sort = true }))
    print(json.encode({ 1 }, { indent = 4 }))
    print(pcall(json.encode, 1, { indent = -1 }))
  ]==], [==[
{
  "a": {
    "c": {}
  },
  "b": [
    1,
    2
  ],
  "d": []
}
[
    1
]
false	json.encode: indent must be true, or 0 to 16 spaces
]==])

  prints("gets fields by JSON Pointers, without building the rest", [==[
    local json = require "wsbot.json"
    local text = '{"data":{"p":"1.5","a/b":[1,{"x~":null}],"p":"2.5"},"b":[["a","b"],["c"]],"":7,"e\\u0066":8}'
    print(json.get(text, "/data/p", "/b/0/1", "/data/a~1b/1/x~0", "/", "/ef"))
    print(json.get(text, "/none", "/b/-", "/b/01", "/b/2", "/data/p/0"))
    print(json.encode(json.get(text, "/b")), #json.get(text, "").b)
    for _, pointer in ipairs { "data", "/~", "/~2" } do print(pcall(json.get, text, pointer)) end
    print(pcall(json.get, '{"a":1,"b":[1,}', "/a"))
  ]==], [==[
2.5	b	userdata: (nil)	7	8
nil	nil	nil	nil	nil
[["a","b"],["c"]]	2
false	bad argument #2 to 'wsbot.json.get' (a JSON Pointer is empty, or begins with /)
false	bad argument #2 to 'wsbot.json.get' (in a JSON Pointer ~ is followed by 0 or 1)
false	bad argument #2 to 'wsbot.json.get' (in a JSON Pointer ~ is followed by 0 or 1)
false	json.get: line 1, column 15: this is no value
]==])

  prints("gives a view whose fields are read in place", [==[
    local json = require "wsbot.json"
    local view = json.view('{"data":{"p":"1.5","p":"2.5","l":[1,[2],{"x":3}]},' ..
      '"b":[["a"],["b"],["c"]],"e\\u0066":8,"n":null}')
    local data = view.data
    print(data.p, data.l[2][1], data.l[3].x, view.ef, view.n == json.null, view.none, #view.b, #data)
    print(view.b[3][1], view.b[1][1], view.b[2][1], view.b[0], view.b[4], view.b.x, view[1])
    for i, item in ipairs(view.b) do io.write(i, item[1], " ") end
    for name, value in pairs(view.data) do io.write(name, "=", tostring(value), name == "l" and ";" or " ") end
    print()
    print(tostring(view.b), json.encode { b = view.b[1] }, json.get(view, "/b/1/0"))
    print(json.encode(json.decode(data), { sort = true }))
    print(pcall(function() view.x = 1 end))
    print(pcall(json.view, "[1,"))
    print(getmetatable(view))
  ]==], [==[
2.5	2	3	8	true	nil	3	0
c	a	b	nil	nil	nil	nil
1a 2b 3c p=1.5 p=2.5 l=[1,[2],{"x":3}];
[["a"],["b"],["c"]]	{"b":["a"]}	b
{"l":[1,[2],{"x":3}],"p":"2.5"}
~json.view: a view cannot be changed
false	json.view: line 1, column 4: the text ends where a value should be
false
]==])

  prints("gives a view of a value that has nothing within it", [==[
    local json = require "wsbot.json"
    for _, text in ipairs { "1", " -2.5 ", '"x\\n"', "true", "null", "{}", "[ ]" } do
      local view = json.view(text)
      local value, got = json.decode(view), json.get(view, "")
      local same = type(value) == "table" and next(got) == nil or value == got and value == json.decode(text)
      local first
      for k in pairs(view) do first = k end
      print(json.encode(view), tostring(view), same, #view, view.x, view[1], first)
    end
  ]==], [==[
1	1	true	0	nil	nil	nil
-2.5	-2.5	true	0	nil	nil	nil
"x\n"	"x\n"	true	0	nil	nil	nil
true	true	true	0	nil	nil	nil
null	null	true	0	nil	nil	nil
{}	{}	true	0	nil	nil	nil
[ ]	[ ]	true	0	nil	nil	nil
]==])

  prints("checks what it passes over, and says the same of it, whoever reads", [==[
    local json = require "wsbot.json"
    local function refusal(f, ...)
      local ok, why = pcall(f, ...)
      return ok and "taken" or why:gsub("^json%.%w+: ", "")
    end
    local long = ("x"):rep(100)
    for _, text in ipairs {
      '{"a":1,"b":[1,}', '{"a":1,"b":01}', '{"a":1,"b":1.}', '{"a":1,"b":-}', '{"a":1,"b":tru}', '{"a":1,"b":truex}',
      '{"a":1,"b":1 2}', '{"a":1,"b":"' .. long .. '\t"}', '{"a":1,"b":"' .. long, '{"a":1,"b":"' .. long .. '\\"}',
      '{"a":1,"b":[1}', '{"a":1,"b":{]}', '{"a":1}}', '{"a":1,"b"}', '{"a":1,"b":}', '{"a":1,"b"::1}', '{"a":1,,}',
      '{"a":1,"b":\\"x"}', '{"a":1,"b":1"x"}', '{"a":1,"b":"x"1}', '{"a":1,"b":[[][]]}', '{"a":1,"b":\f1}',
      '{"a":1,"b":[:]}', '{"a":1,"b":"\xff"}', '{"a":1,b:2}', '{"a":1,"b":nul\0}', ("["):rep(1001) .. ("]"):rep(1001),
    } do
      local why = refusal(json.decode, text)
      local viewed, got = refusal(json.view, text), refusal(json.get, text, "/a")
      if why == "taken" or why ~= viewed or why ~= got then print(text, why, viewed, got) end
    end
    print(pcall(json.get, '{"b":"\\x","a":1}', "/a"))
  ]==], "true	1\n")

  prints("asks for a value and for what is within it, for the same twice, and in any order", [==[
    local json = require "wsbot.json"
    local text = '{"b":[["a","b"],{"c":1}],"b2":3}'
    local all, first, again, c, whole = json.get(text, "/b", "/b/0/0", "/b", "/b/1/c", "")
    print(json.encode(all), first, all == again, c, whole.b2)
    print(json.get('{"a":{"b":1,"c":2},"a":{"c":3}}', "/a/b", "/a/c", "/a/c"))
    print(json.get('{"a":{"b":1},"a":2}', "/a/b", "/a"))
    print(select("#", json.get(text)))
    local parts = {}
    for i = 1, 65 do parts[i] = "/b2" end
    print(pcall(json.get, text, table.unpack(parts)))
  ]==], [==[
[["a","b"],{"c":1}]	a	true	1	3
nil	3	3
nil	2
0
false	json.get: 64 pointers at most
]==])

  prints("keeps what it made of pointers, and takes none for another one", [==[
    local json = require "wsbot.json"
    local wrong = 0
    for round = 1, 3 do
      for i = 1, 300 do
        local name = round == 2 and ("long"):rep(20) .. i or "n" .. i
        local text = ('{"%s":%d,"x":{"y":%d}}'):format(name, i, i + 1)
        local x, y, none = json.get(text, "/" .. name, "/x/y", "/n" .. i + 1)
        if x ~= i or y ~= i + 1 or none then wrong = wrong + 1 end
        if i % 50 == 0 then collectgarbage() end
      end
    end
    local deep = ("/x"):rep(900)
    print(json.get(('{"x":'):rep(900) .. "7" .. ("}"):rep(900), deep, deep))
    print(wrong, pcall(json.get, "1", 1))
  ]==], "7	7\n0	false	bad argument #2 to 'wsbot.json.get' (a JSON Pointer is empty, or begins with /)\n")

  prints("is not disturbed by finalizers that read and write JSON, too", [==[
    local json = require "wsbot.json"
    local calls, wrong, names, parts, value = 0, 0, {}, {}, {}
    local function litter()
      setmetatable({}, { __gc = function()
        calls = calls + 1
        json.encode { b = ("x"):rep(200), a = calls }
        json.decode(('{"f%d":[{"g%d":"\\n"}]}'):format(calls, calls))
        json.get(json.view '{"a":"\\n"}', "/a" .. calls)
        if calls < 20000 then litter() end
      end })
    end
    for _ = 1, 50 do litter() end
    collectgarbage("incremental", 100, 10000)
    for i = 1, 60 do
      names[i] = ("name%02d"):format(i) .. ("-"):rep(60)
      value[names[i]] = { "\n" .. i }
      parts[i] = ('"%s":["\\n%d"]'):format(names[i], i)
    end
    local text = "{" .. table.concat(parts, ",") .. "}"
    for _ = 1, 1000 do
      if json.encode(value, { sort = true }) ~= text then wrong = wrong + 1 end
      if json.decode(text)[names[7]][1] ~= "\n7" or json.view(text)[names[60]][1] ~= "\n60" then wrong = wrong + 1 end
      if json.get(text, "/" .. names[9] .. "/0") ~= "\n9" then wrong = wrong + 1 end
    end
    print(wrong, calls > 1000)
  ]==], "0	true\n")

  prints("stands in for cjson", [==[
    local json = require "wsbot.json"
    json.encode_max_depth(10)
    json.encode_sparse_array(true)
    json.encode_empty_table_as_object(false)
    print(json.new().encode { 1 }, json.null == json.decode "null", json.encode {})
  ]==], "[1]	true	{}\n")

  prints("looks no further than the end of a text that is cut anywhere", [==[
    local json = require "wsbot.json"
    local text = '{"a":[{"b":"c\\u00e9","d":[1.5,true,null]}],"e":{}}'
    local wrong = 0
    json.decode(text)
    for at = 0, #text - 1 do
      local cut = text:sub(1, at)
      if pcall(json.decode, cut) or pcall(json.view, cut) or pcall(json.get, cut, "/e") then wrong = wrong + 1 end
    end
    print(wrong)
  ]==], "0\n")

  prints("learns what texts look like, and reads each as it is all the same", [==[
    local json = require "wsbot.json"
    local texts, values = {}, {}
    for i = 1, 300 do
      local names = {}
      for k = 1, i % 17 do names[k] = ('"%s%d":%d'):format(("k"):rep(k % 5 + 1), k * (i % 7), i + k) end
      texts[i] = ('{"type":%d,"list":[{%s},{"x":%d}],%s}'):format(i % 5, table.concat(names, ","), i,
        i % 3 == 0 and '"last":[]' or '"last":{"deep":{"er":true}}')
      values[i] = json.encode(json.decode(texts[i]), { sort = true })
    end
    local wrong = 0
    for _ = 1, 5 do
      for i = 1, 300 do
        if json.encode(json.decode(texts[i]), { sort = true }) ~= values[i] then wrong = wrong + 1 end
      end
      collectgarbage()
    end
    for i = 1, 20000 do json.decode(('{"n%d":{"m%d":1}}'):format(i, i)) end
    print(wrong, json.decode(texts[17]).type)
  ]==], "0	2\n")

  prints("takes by decode, view and get the same texts, and finds the same in them", [==[
    local json = require "wsbot.json"
    local seed = [=[{"a":[1,{"b":"x\\n","c":[]},-2.5e3,"\\u00e9"],]=] ..
      [=["b":{"c":{"d":null},"e":true},"a b":"","l":[[1],[2,[3]]]}]=]
    local function plain(value)
      if type(value) ~= "userdata" or value == json.null then return value end
      local copy = tostring(value):sub(1, 1) == "[" and json.array {} or {}
      for k, v in pairs(value) do copy[k] = plain(v) end
      return copy
    end
    local bytes, taken, differs = '{}[]:,"\\0123456789.eE+-tfn u\t', 0, 0
    for _ = 1, 20000 do
      local text = seed
      for _ = 1, math.random(0, 2) do
        local at, n = math.random(#text), math.random(#bytes)
        local put = math.random() < 0.5 and bytes:sub(n, n) or ""
        text = text:sub(1, at - 1) .. put .. text:sub(at + math.random(0, 1))
      end
      local decoded, value = pcall(json.decode, text)
      local viewed, view = pcall(json.view, text)
      local got, all = pcall(json.get, text, "", "/a/1/b", "/l/1/1/0")
      if decoded then
        taken = taken + 1
        local order = { sort = true }
        local finite, written = pcall(json.encode, value, order) -- 1e400 is infinity
        if not viewed or not got or finite and
          (json.encode(all, order) ~= written or json.encode(plain(view), order) ~= written) then
          differs = differs + 1
          print(text)
        end
      end
    end
    print(taken > 2000, differs)
  ]==], "true	0\n")
end)
