-- wsbot.inspect: `wsbot inspect`, a page that shows what goes on inside a running program, or what is in a file of
-- --record. The files of the page (lualib/page/) and all that they ask for are behind a token (wsbot.inspect.gate).
local client = require "wsbot.control.client"
local console = require "wsbot.console"
local core = require "wsbot.inspect.core"
local gate = require "wsbot.inspect.gate"
local json = require "wsbot.json"
local new_relay = require("wsbot.inspect.relay").new
local open_record = require("wsbot.inspect.record").open

local GOODBYE <const> = 1 -- seconds in which pages hear that the program has ended

local function stop(status, message)
  console.flush()
  if message then io.stderr:write("wsbot inspect: ", message, "\n") end
  os.exit(status, true)
end

------------------------------------------------------------------------------------------------------ what is looked at

-- What speaks with a program; nil and why there is none.
local function reach(wanted)
  local program, why = client.find(wanted)
  if not program then return nil, why end
  local rpc
  rpc, why = client.connect(program.path)
  return rpc and { program = program, rpc = rpc, relay = new_relay(program.path, rpc),
    about = { kind = "program", name = program.name, pid = program.pid } }, why
end

-- What the operand means: a record where there is a file of that name that is one, else a program.
local function find(operand)
  local record, no_record, is_missing
  if operand then record, no_record, is_missing = open_record(operand) end
  if record then
    return { record = record, about = { kind = "record", name = record.name, path = record.path, size = record.size } }
  end
  if operand and operand:find "/" then return nil, no_record end
  local found, no_program = reach(operand)
  if found or is_missing or not operand then return found, no_program end
  return nil, ("%s; and %s"):format(no_record, no_program)
end

---------------------------------------------------------------------------------------------------------------- answers

local kinds = { html = "text/html; charset=utf-8", css = "text/css; charset=utf-8", svg = "image/svg+xml",
  js = "text/javascript; charset=utf-8" }

local function page_file(path)
  local name = path == "" and "index.html" or path
  local bytes = core.file(name)
  return bytes and gate.answer("200 OK", kinds[name:match "%.(%w+)$"], bytes)
end

local function record_piece(record, query)
  local from = math.tointeger(tonumber(query:match "^from=(%d+)$"))
  return from and gate.answer("200 OK", "application/octet-stream", record:piece(from))
end

-- The answer to a request that was let in; nil: there is nothing there.
local function answer(shown, path, query)
  if path == "about" then return gate.answer("200 OK", "application/json", json.encode(shown.about)) end
  if path == "record" and shown.record then return record_piece(shown.record, query) end
  return page_file(path)
end

-- The answer to an upgrade; nil: it is opened.
local function answer_upgrade(shown, path)
  if path ~= "ws" or not shown.relay then return gate.NOT_FOUND end
  if shown.relay:is_full() then return gate.BUSY end
end

------------------------------------------------------------------------------------------------------------ the command

local shown, why = find(arg.operand)
if not shown then return stop(1, why) end

local guard = gate.new()

local function ask(method, target, head, is_upgrade)
  local path, more = guard:enter(method, target, head, is_upgrade)
  if not path then return more end
  if is_upgrade then return answer_upgrade(shown, path) end
  return answer(shown, path, more) or gate.NOT_FOUND
end

local function take(page) shown.relay:take(page) end

local port = arg.port and math.tointeger(tonumber(arg.port[#arg.port])) or 0
local address
address, why = core.listen(port, ask, take)
if not address then return stop(1, why) end
console.write(guard:serve(address) .. "\n")
console.flush()

if shown.rpc then
  local is_over = false
  host.on_stop(function()
    is_over = true
    shown.relay:close("wsbot inspect has ended", GOODBYE)
  end)
  function shown.rpc.conn.on_close()
    if is_over then return end
    shown.relay:close("the program has ended", GOODBYE)
    stop(0, "the program has ended, and so has its page")
  end
end
host.future():wait() -- until Ctrl-C
