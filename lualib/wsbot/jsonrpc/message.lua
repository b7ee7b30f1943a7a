-- wsbot.jsonrpc.message: the messages of JSON-RPC 2.0, written and judged. Nothing here waits, or knows a connection.
local json = require "wsbot.json"

local message = {}

---------------------------------------------------------------------------------------------------------------- writing

-- A request, but for its id and its end.
function message.begin(method, params)
  local with = params ~= nil and ',"params":' .. json.encode(params) or ""
  return '{"jsonrpc":"2.0","method":' .. json.encode(method) .. with
end

-- Its end; without an id it is a notification.
function message.finish(begun, id)
  return begun .. (id and ',"id":' .. id or "") .. "}"
end

-- Answers. `id` is the text of one.
function message.result(value, id)
  return ('{"jsonrpc":"2.0","result":%s,"id":%s}'):format(json.encode(value), id)
end

function message.error(e, id)
  local data = e.data ~= nil and ',"data":' .. json.encode(e.data) or ""
  local text = type(e.message) == "string" and e.message or ""
  return ('{"jsonrpc":"2.0","error":{"code":%d,"message":%s%s},"id":%s}'):format(e.code, json.encode(text), data, id)
end

-- Errors that the standard has (5.1), and one of ours.
message.errors = {
  parse = { code = -32700, message = "Parse error" },
  invalid = { code = -32600, message = "Invalid Request" },
  method = { code = -32601, message = "Method not found" },
  internal = { code = -32603, message = "Internal error" },
  busy = { code = -32000, message = "Server busy" },
}

---------------------------------------------------------------------------------------------------------------- judging

-- Is what a handler has raised an error for the peer?
function message.is_error(e)
  return type(e) == "table" and math.type(e.code) == "integer"
end

-- A text that came: its value; nil: it is no JSON. The second result: it is a batch.
function message.read(text)
  local ok, value = pcall(json.decode, text)
  if not ok then return nil end
  return value, text:find "^%s*%[" ~= nil
end

-- Is this member of what came the answer to a call?
function message.is_answer(m)
  return type(m) == "table" and m.method == nil and (m.result ~= nil or m.error ~= nil)
end

-- The error of an answer, as a table; nil: it is a result.
function message.error_of(m)
  local e = m.error
  if e == nil or e == json.null then return nil end
  if type(e) == "table" then return e end
  return { code = message.errors.internal.code, message = "the peer's error is no object", data = e }
end

local function is_id(id)
  return id == json.null or type(id) == "string" or type(id) == "number"
end

-- Is it a request, or a notification (4)?
function message.is_request(m)
  return type(m) == "table" and m.jsonrpc == "2.0" and type(m.method) == "string"
    and (m.params == nil or type(m.params) == "table") and (m.id == nil or is_id(m.id))
end

-- The text of a request's id; "null" where it has none, or none that is right. A number that a float does not hold to
-- its last digit is given back as it came: `source` has the `text` of the message, and keeps what is read of it for
-- that; `place` is where in a batch the request is, or nil.
function message.id_of(m, source, place)
  local id = type(m) == "table" and m.id
  if not is_id(id) then return "null" end
  if math.type(id) ~= "float" then return json.encode(id) end
  source.exact = source.exact or json.decode(source.text, { big_numbers = "string" })
  local exact = (place and source.exact[place] or source.exact).id
  return type(exact) == "string" and exact or json.encode(id)
end

return message
