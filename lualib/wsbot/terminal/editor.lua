-- editor: a line that is being typed: keys in, what the terminal is to show out. It knows neither files nor sockets:
-- the caller gives it the bytes of the keyboard and writes what it is given. Keys are those of readline in its Emacs
-- mode. A long line takes several rows of the terminal, which the editor breaks by itself, so that it always knows
-- where the cursor is. A "\n" is to begin a new row, as terminals have it where keys come one by one (ONLCR).
local show = require "wsbot.terminal.show"

local LONGEST = 64 * 1024 -- characters
local LONGEST_KEY = 32 -- bytes of an escape sequence

local editor = {}
editor.__index = editor

-- options: prompt, paint (show.painter), width(codepoint) (console.width), size() (columns and rows); history: a list
-- of lines, the newest last, to which the caller may add; completes: Tab asks the caller how the line may go on.
function editor.new(options)
  return setmetatable({
    prompt = options.prompt, paint = options.paint, width = options.width, size = options.size,
    history = options.history, completes = options.completes,
    chars = {}, at = 0, -- the characters of the line, and how many are left of the cursor
    keys = "", -- bytes that are no whole key yet
    killed = {}, -- what Ctrl-Y gives back
    row = nil, -- of the cursor, from 0 for the first that was drawn; nil: nothing is drawn
  }, editor)
end

--------------------------------------------------------------------------------------------------------------- the line

local function split(text)
  local chars = {}
  for _, code in utf8.codes(text) do
    chars[#chars + 1] = utf8.char(code)
  end
  return chars
end

function editor:text()
  return table.concat(self.chars)
end

local function set(self, text)
  self.chars = split(text)
  self.at = #self.chars
end

local function insert(self, chars)
  if #self.chars + #chars > LONGEST then
    self.rings = true
    return
  end
  table.move(self.chars, self.at + 1, #self.chars, self.at + #chars + 1)
  table.move(chars, 1, #chars, self.at + 1, self.chars)
  self.at = self.at + #chars
end

-- Takes out the characters from..to, and returns them.
local function cut(self, from, to)
  local taken = table.move(self.chars, from, to, 1, {})
  local n = #self.chars
  table.move(self.chars, to + 1, n + to - from + 1, from)
  if self.at >= to then
    self.at = self.at - (to - from + 1)
  elseif self.at >= from then
    self.at = from - 1
  end
  return taken
end

local function kill(self, from, to)
  if from <= to then self.killed = cut(self, from, to) end
end

local function is_word(c)
  return c ~= nil and (c:find "^[%w_]" ~= nil or c:find "^[\x80-\xff]" ~= nil)
end

local function word_left(self)
  local at = self.at
  while at > 0 and not is_word(self.chars[at]) do at = at - 1 end
  while at > 0 and is_word(self.chars[at]) do at = at - 1 end
  return at
end

local function word_right(self)
  local at, n = self.at, #self.chars
  while at < n and not is_word(self.chars[at + 1]) do at = at + 1 end
  while at < n and is_word(self.chars[at + 1]) do at = at + 1 end
  return at
end

-- The start of the word left of the cursor, as Ctrl-W has it: up to a space.
local function space_left(self)
  local at = self.at
  while at > 0 and self.chars[at]:find "^%s" do at = at - 1 end
  while at > 0 and not self.chars[at]:find "^%s" do at = at - 1 end
  return at
end

-- The index in the history of the entry that is in the line; the line that was being typed is behind the newest entry.
local function place_of(self)
  return self.place or #self.history + 1
end

local function go_to(self, place)
  if place_of(self) > #self.history then self.draft = self:text() end
  self.place = place
  set(self, self.history[place] or self.draft)
end

-- Goes so many entries towards the newest.
local function browse(self, by)
  local to = place_of(self) + by
  if to >= 1 and to <= #self.history + 1 then go_to(self, to) end
end

-- Finds the next older entry with the text that is sought, from `place` on.
local function search(self, place)
  for i = math.min(place, #self.history), 1, -1 do
    if self.history[i]:find(self.sought, 1, true) then return go_to(self, i) end
  end
  self.rings = true
end

--------------------------------------------------------------------------------------------------------------- the keys

local function ctrl(c)
  return string.char(c:byte() & 31)
end

-- Maps a key to a function. What this returns is something for the caller to do, and its text.
local does = {}

does[ctrl "A"] = function(self) self.at = 0 end
does[ctrl "B"] = function(self) self.at = math.max(self.at - 1, 0) end
does[ctrl "C"] = function() return "interrupt" end
does[ctrl "D"] = function(self)
  if #self.chars == 0 then return "end" end
  if self.at < #self.chars then cut(self, self.at + 1, self.at + 1) end
end
does[ctrl "E"] = function(self) self.at = #self.chars end
does[ctrl "F"] = function(self) self.at = math.min(self.at + 1, #self.chars) end
does[ctrl "H"] = function(self)
  if self.at > 0 then cut(self, self.at, self.at) end
end
does[ctrl "K"] = function(self) kill(self, self.at + 1, #self.chars) end
does[ctrl "L"] = function(self) self.clears = true end
does[ctrl "M"] = function(self)
  local text = self:text()
  set(self, "")
  self.place, self.draft = nil, nil
  return "line", text
end
does[ctrl "N"] = function(self) browse(self, 1) end
does[ctrl "P"] = function(self) browse(self, -1) end
does[ctrl "R"] = function(self) self.sought = "" end
does[ctrl "T"] = function(self)
  local right = math.min(self.at + 1, #self.chars)
  if right < 2 then return end
  self.chars[right - 1], self.chars[right] = self.chars[right], self.chars[right - 1]
  self.at = right
end
does[ctrl "U"] = function(self) kill(self, 1, self.at) end
does[ctrl "W"] = function(self) kill(self, space_left(self) + 1, self.at) end
does[ctrl "Y"] = function(self) insert(self, self.killed) end
does[ctrl "Z"] = function() return "suspend" end
does["\t"] = function(self)
  if self.completes then return "complete", table.concat(self.chars, "", 1, self.at) end
  insert(self, { "\t" })
end
does.delete = function(self)
  if self.at < #self.chars then cut(self, self.at + 1, self.at + 1) end
end
does.word_left = function(self) self.at = word_left(self) end
does.word_right = function(self) self.at = word_right(self) end
does.kill_word_left = function(self) kill(self, word_left(self) + 1, self.at) end
does.kill_word_right = function(self) kill(self, self.at + 1, word_right(self)) end

local same = {
  ["\127"] = ctrl "H", [ctrl "J"] = ctrl "M",
  ["\27[A"] = ctrl "P", ["\27[B"] = ctrl "N", ["\27[C"] = ctrl "F", ["\27[D"] = ctrl "B",
  ["\27OA"] = ctrl "P", ["\27OB"] = ctrl "N", ["\27OC"] = ctrl "F", ["\27OD"] = ctrl "B",
  ["\27[H"] = ctrl "A", ["\27OH"] = ctrl "A", ["\27[1~"] = ctrl "A", ["\27[7~"] = ctrl "A",
  ["\27[F"] = ctrl "E", ["\27OF"] = ctrl "E", ["\27[4~"] = ctrl "E", ["\27[8~"] = ctrl "E",
  ["\27[3~"] = "delete",
  ["\27b"] = "word_left", ["\27[1;5D"] = "word_left", ["\27[1;3D"] = "word_left",
  ["\27f"] = "word_right", ["\27[1;5C"] = "word_right", ["\27[1;3C"] = "word_right",
  ["\27d"] = "kill_word_right", ["\27\127"] = "kill_word_left", ["\27\8"] = "kill_word_left",
}

local PASTE, PASTED = "\27[200~", "\27[201~"

-- Text that was pasted: its line ends stay in the line, but for a last one.
local function paste(self, text)
  text = text:gsub("\r\n?", "\n"):gsub("\n$", ""):gsub("[\0-\8\11-\31\127]", "")
  if not utf8.len(text) then
    self.rings = true
    return
  end
  insert(self, split(text))
end

-- The first whole key of the bytes, and the place behind it; nil: there is none yet.
local next_key
function next_key(keys)
  local first = keys:byte()
  if first == 27 then
    if #keys == 1 then return nil end
    local introducer = keys:sub(2, 2)
    if introducer == "[" then
      local key = keys:match "^\27%[[0-?]*[ -/]*[@-~]"
      if key then return key, #key + 1 end
      if keys:find "^\27%[[ -?]*$" and #keys < LONGEST_KEY then return nil end
      return "", 3
    elseif introducer == "O" then
      if #keys == 2 then return nil end
      return keys:sub(1, 3), 4
    end
    local key, behind = next_key(keys:sub(2))
    return key and "\27" .. key, key and 1 + behind
  end
  local size = first < 0x80 and 1 or first >= 0xF0 and 4 or first >= 0xE0 and 3 or first >= 0xC2 and 2 or 1
  if #keys < size then return nil end
  if utf8.len(keys:sub(1, size)) == 1 then return keys:sub(1, size), size + 1 end
  return "", 2 -- not UTF-8: leaves one byte out
end

-- Handles a key during a search in the history. True: the key was for the search.
local function seek(self, key)
  if key == ctrl "R" then
    search(self, place_of(self) - 1)
  elseif key == ctrl "H" or key == "\127" then
    self.sought = self.sought:gsub(utf8.charpattern .. "$", "")
    search(self, #self.history)
  elseif key == ctrl "G" then
    self.sought = nil
    go_to(self, #self.history + 1)
  elseif #key > 0 and not key:find "^%c" then
    self.sought = self.sought .. key
    search(self, place_of(self))
  else
    self.sought = nil
    return false
  end
  return true
end

-- Takes bytes of the keyboard. Returns a list of what the caller is to do: { "line", text }, { "end" },
-- { "interrupt" }, { "suspend" }, { "complete", what is left of the cursor }.
function editor:feed(bytes)
  local actions = {}
  self.keys = self.keys .. bytes
  while self.keys ~= "" do
    if self.keys:sub(1, #PASTE) == PASTE then
      local from, to = self.keys:find(PASTED, 1, true)
      if not from and #self.keys <= 4 * LONGEST then break end
      if from then
        paste(self, self.keys:sub(#PASTE + 1, from - 1))
      else
        self.rings = true -- far too much was pasted; what follows is read as typed
      end
      self.keys = self.keys:sub((to or #self.keys) + 1)
    else
      local key, behind = next_key(self.keys)
      if not key then break end
      self.keys = self.keys:sub(behind)
      if not (self.sought and seek(self, key)) then
        local act = does[same[key] or key]
        if act then
          local what, text = act(self)
          if what then actions[#actions + 1] = { what, text } end
        elseif key ~= "" and not key:find "^%c" then
          insert(self, { key })
        end
      end
    end
  end
  return actions
end

-- Puts a text at the cursor.
function editor:insert(text)
  insert(self, split(text))
end

----------------------------------------------------------------------------------------------------------- the terminal

-- What is shown of a character, and how many columns that takes.
local function cell(self, char)
  if char == "\n" then return "⏎", 1 end
  local text = show.escape(char)
  if text ~= char then return text, #text end
  local width = #char == 1 and 1 or self.width(utf8.codepoint(char))
  if width >= 0 then return char, width end
  text = ("\\u{%x}"):format(utf8.codepoint(char))
  return text, #text
end

-- The rows that prompt and line take, and where in them the cursor is, from 0; and whether that is their end.
local function lay_out(self, columns)
  local rows, parts, column = {}, {}, 0
  local row, left
  local function add(text, width)
    if column + width > columns then
      rows[#rows + 1] = table.concat(parts)
      parts, column = {}, 0
    end
    parts[#parts + 1] = text
    column = column + width
  end
  local prompt = self.sought and ("search %q: "):format(self.sought) or self.prompt
  for _, char in ipairs(split(prompt)) do
    local text, width = cell(self, char)
    add(self.paint("sent", text), width)
  end
  for i = 0, #self.chars do
    if i == self.at then
      if column == columns then add("", 1) end -- which begins a row
      row, left = #rows, column
    end
    if i < #self.chars then add(cell(self, self.chars[i + 1])) end
  end
  rows[#rows + 1] = table.concat(parts)
  return rows, row, left, self.at == #self.chars
end

-- Returns what removes the line from the terminal; the cursor is then where the line began.
function editor:hide()
  if not self.row then return "" end
  local up = self.row > 0 and ("\27[%dA"):format(self.row) or ""
  self.row = nil
  return "\r" .. up .. "\27[J"
end

-- Returns what shows the line as it is now, in the place of what was drawn before. Where it has more rows than the
-- terminal, those around the cursor are shown.
function editor:draw()
  local columns, height = self.size()
  local rows, row, left, at_end = lay_out(self, math.max(columns, 16))
  local first = math.max(1, math.min(row + 1 - height // 2, #rows - height + 1))
  local last = math.min(#rows, first + height - 1)
  local out = { self:hide() }
  if self.rings then out[#out + 1] = "\a" end
  if self.clears then out[#out + 1] = "\27[H\27[2J" end
  self.rings, self.clears = nil, nil
  out[#out + 1] = table.concat(rows, "\n", first, last)
  if not at_end then
    local up = last - (row + 1)
    if up > 0 then out[#out + 1] = ("\27[%dA"):format(up) end
    out[#out + 1] = left > 0 and ("\r\27[%dC"):format(left) or "\r"
  end
  self.row = row + 1 - first
  return table.concat(out)
end

return editor
