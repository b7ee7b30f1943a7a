---@meta wsbot.json
-- The types of the module `wsbot.json`, for editors (LuaCATS) and for reading. Nothing here runs.

---JSON (RFC 8259), strict, exact, whatever the locale: `local json = require "wsbot.json"`. It has cjson's names;
---its settings (`encode_max_depth`, ...) are there for programs that call them, and change nothing.
---Errors are raised; they name line and column of a text, or the path of a value ("value.b[2]: nan has no JSON").
---
---null is `json.null`. Integers of 64 bits are Lua's integers, and come back as they were; every other number is a
---float, written in the fewest digits that read back as the same. `{}` is an object, `json.array {}` an array, and
---what was read as `[]` is one, too. Arrays and objects may be 1,000 deep. Of several members of one name the last
---counts.
---@class json
---@field null lightuserdata
local json = {}

---@class json.decode_options
---@field big_numbers? "number"|"string"  what becomes of a number that a float cannot hold to its last digit: the
---nearest float (the default), or its text

---Reads a text, or that of a view. `json.decode(conn:receive())` will do: the kind of a message is passed over.
---@param text string|json.view
---@param options? json.decode_options|ws.kind
---@return any value
function json.decode(text, options) end

---@class json.encode_options
---@field indent? boolean|integer  each value on its line, with so many spaces for each level, 0 to 16; true: 2
---@field sort? boolean            the names of objects in the order of their bytes; else it is Lua's

---Writes a value: nil and json.null, booleans, numbers but nan and the infinities, strings that are UTF-8, tables whose
---keys are all strings, or 1 to n without a hole, and views. Metatables count for json.array alone.
---@param value any
---@param options? json.encode_options
---@return string text
function json.encode(value, options) end

---Marks a table as an array, which an empty one is not by itself.
---@generic T: table
---@param table T
---@return T table
function json.array(table) end

---What stands at each JSON Pointer (RFC 6901: "/data/p", "/b/0/1", "" for all; places count from 0): what decode gives
---there, or nil. One call for several, 64 at most, is the cheapest way to a few fields of a text: the rest of it is
---passed over, and checked but for escapes in its strings. Pointers that are asked for again and again are looked at
---once. Numbers are as decode gives them without options: integers beyond 64 bits are floats.
---@param text string|json.view
---@param pointer string
---@param ... string
---@return any ...
function json.get(text, pointer, ...) end

---A text whose fields are read in place: one pass finds where they are, and what is asked for is made. `view.data.p`,
---`view[1]`, `#view`, `pairs(view)`, ipairs; objects and arrays within are views; tostring and json.encode give their
---text, json.decode a table. A view cannot be changed. That of a string, number, true, false or null has no fields;
---what is null within another is json.null, which cannot be indexed, and counts as true. pairs goes through the text:
---it gives a name that stands there twice twice, the one that counts last.
---@class json.view
---@field [string|integer] any

---@param text string  under 1 GiB
---@return json.view view
function json.view(text) end

return json
