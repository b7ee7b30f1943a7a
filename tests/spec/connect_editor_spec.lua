-- The parts of `wsbot connect` that need no terminal: the line editor, and how messages are laid out.
-- Runs within the program that it tests.
local editor = require "wsbot.terminal.editor"
local json = require "wsbot.connect.json"
local show = require "wsbot.terminal.show"

local plain = show.painter(false)

local function width(code)
  return code >= 0x300 and code < 0x370 and 0 or code >= 0x1100 and 2 or 1
end

local function new_editor(columns, rows, history)
  return editor.new {
    prompt = "> ", paint = plain, history = history or {}, width = width,
    size = function() return columns or 40, rows or 10 end,
  }
end

-- What a terminal that knows what the editor uses has on it: its rows, and where the cursor is.
local function terminal(columns)
  local t = { rows = { "" }, row = 1, column = 0 }
  function t.put(text)
    local at = 1
    while at <= #text do
      local up, behind_up = text:match("^\27%[(%d+)A()", at)
      local right, behind_right = text:match("^\27%[(%d+)C()", at)
      if up then
        t.row, at = t.row - up, behind_up
        assert(t.row >= 1, "the cursor left the top")
      elseif right then
        t.column, at = t.column + right, behind_right
      elseif text:find("^\27%[J", at) then
        for i = #t.rows, t.row + 1, -1 do t.rows[i] = nil end
        t.rows[t.row], at = t.rows[t.row]:sub(1, t.column), at + 3
      elseif text:find("^\r", at) then
        t.column, at = 0, at + 1
      elseif text:find("^\n", at) then
        t.row, t.column, at = t.row + 1, 0, at + 1
        t.rows[t.row] = t.rows[t.row] or ""
      elseif text:find("^\a", at) then
        at = at + 1
      else
        local row, c = t.rows[t.row], text:sub(at, at)
        assert(c:find "[ -~]", "not for a terminal: " .. c:byte())
        t.rows[t.row] = row:sub(1, t.column) .. c .. row:sub(t.column + 2)
        t.column, at = t.column + 1, at + 1
        assert(t.column <= columns, "a row is too long")
      end
    end
  end
  return t
end

describe("the line editor", function()
  it("draws what was typed, and the cursor where it is", function()
    local e, t = new_editor(20), terminal(20)
    t.put(e:draw())
    e:feed "hello"
    t.put(e:draw())
    e:feed "\27[D\27[D"
    t.put(e:draw())
    assert.same({ "> hello" }, t.rows)
    assert.equal(5, t.column)
    t.put(e:hide() .. "a message\n" .. e:draw())
    assert.same({ "a message", "> hello" }, t.rows)
    assert.equal(5, t.column)
  end)

  it("breaks rows, also before a wide character", function()
    local e = new_editor(16)
    e:feed(("x"):rep(13) .. "日")
    assert.equal("> " .. ("x"):rep(13) .. "\n日", e:draw())
  end)

  it("shows the rows around the cursor of a line that is taller than the terminal", function()
    local e, t = new_editor(20, 3), terminal(20)
    e:feed(("a"):rep(18) .. ("b"):rep(20) .. ("c"):rep(20) .. ("d"):rep(20) .. "e")
    t.put(e:draw())
    assert.same({ ("c"):rep(20), ("d"):rep(20), "e" }, t.rows)
    e:feed "\1"
    t.put(e:draw())
    assert.same({ "> " .. ("a"):rep(18), ("b"):rep(20), ("c"):rep(20) }, t.rows)
    assert.same({ 1, 2 }, { t.row, t.column })
  end)

  it("takes keys in pieces, and drops what is no UTF-8", function()
    local e = new_editor()
    for c in ("é\xffx\xc3\x28\27[D\27[20~y"):gmatch "." do e:feed(c) end
    assert.equal("éxy(", e:text())
  end)

  it("seeks in the history", function()
    local e = new_editor(40, 10, { "first one", "second one", "other" })
    e:feed "\18one"
    assert.matches('search "one": second one', e:draw())
    e:feed "\18"
    assert.equal("first one", e:text())
    assert.same({ { "line", "first one" } }, e:feed "\r")
    e:feed "draft\27[A\27[A"
    assert.equal("second one", e:text())
    e:feed "\27[B\27[B\27[B"
    assert.equal("draft", e:text())
    e:feed "\18zzz\7"
    assert.equal("draft", e:text())
    e:feed "\18first\7"
    assert.equal("draft", e:text())
  end)

  it("is not broken by whatever is typed", function()
    local pieces = { "\27[", "\27[A", "\27[B", "\27[D", "\27[C", "\27[200~", "\27[201~", "\27[3~", "\27", "\18", "\r",
      "日", "e\u{301}", "word ", "\27b", "\27d", "\27\127", "\23", "\21", "\11", "\25", "\20", "\t", "\127", "\1",
      "\5" }
    local e = new_editor(20, 4, { "one", "two\nlines", "three" })
    local t = terminal(20)
    for _ = 1, 20000 do
      local piece = math.random() < 0.7 and pieces[math.random(#pieces)] or string.char(math.random(0, 255))
      e:feed(piece)
      assert(utf8.len(e:text()), "the line is no UTF-8")
      assert(e.at >= 0 and e.at <= #e.chars, "the cursor left the line")
      local drawn = e:draw():gsub("\27%[H\27%[2J", ""):gsub("⏎", "/")
      drawn = drawn:gsub("[\xc2-\xf4][\x80-\xbf]+", function(c)
        return ("w"):rep(width(utf8.codepoint(c)))
      end)
      t.put(drawn)
      assert(#t.rows <= 4, "more rows than the terminal has")
    end
  end)
end)

describe("JSON", function()
  local cjson = require "cjson"

  local function anything(depth)
    local kind = math.random(depth > 4 and 4 or 6)
    if kind == 1 then return math.random(-1000, 1000) / 8 end
    if kind == 2 then return math.random() < 0.5 end
    if kind == 3 then return ("x\"\\/\n\t\1é日"):rep(math.random(0, 3)) end
    if kind == 4 then return cjson.null end
    local value = {}
    for i = 1, math.random(1, 5) do value[kind == 5 and i or "key" .. i] = anything(depth + 1) end
    return value
  end

  it("means the same when it is laid out", function()
    for _ = 1, 500 do
      local value = anything(0)
      local text = json.layout(cjson.encode(value), plain)
      assert.same(value, cjson.decode(text))
    end
  end)

  it("is refused when anything is wrong", function()
    local text = '{"a":[1,-2.5e3,true,null],"b":{"c":"d\\u00e9"}}'
    local broken = 0
    for at = 1, #text do
      if not json.layout(text:sub(1, at - 1) .. text:sub(at + 1), plain) then broken = broken + 1 end
      assert.is_nil(json.layout(text:sub(1, at - 1), plain))
    end
    assert(broken > 20)
  end)
end)
