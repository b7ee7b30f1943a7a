-- jsonrpc: a fuzzer of wsbot.jsonrpc. In each round a peer sends requests, answers, batches, what is nearly that, and
-- what is nothing of the kind, to a connection that serves and calls. Every request that is one is answered once, every
-- call comes to its end, all that is sent is JSON, and nothing is kept after that. A seed repeats all choices.
--     wsbot tests/fuzz/jsonrpc.lua [--seed N] [--rounds N] [--seconds N]
package.path = (arg[0]:match "^(.*)/" or ".") .. "/life/?.lua;" .. package.path

local json = require "wsbot.json"
local jsonrpc = require "wsbot.jsonrpc"
local random = require "random"
local testing = require "wsbot.testing"

local STEPS <const> = 150
local KEPT <const> = 4000 -- KB that the program may have more than after the first rounds

local o = { seed = os.time() * 1000, rounds = 1 }
for i = 1, #arg, 2 do o[arg[i]:match "^%-%-(%a+)$"] = math.tointeger(arg[i + 1]) end

local round -- the seed of what runs, for messages

local function must(condition, what, ...)
  if condition then return end
  io.stderr:write(("jsonrpc: --seed %d: %s\n"):format(round, what:format(...)))
  os.exit(1)
end

----------------------------------------------------------------------------------------------------------- what is said

-- Values of any kind; `depth`: how deep they may be.
local function a_value(r, depth)
  local kind = r:number(1, depth > 0 and 9 or 7)
  if kind == 1 then return json.null end
  if kind == 2 then return r:chance(50) end
  if kind == 3 then return r:number(1, 1000) - 500 end
  if kind == 4 then return (r:number(1, 1000) - 500) / 8 end
  if kind == 5 then return ("é\0\"\\x"):rep(r:number(1, 4)) end
  if kind == 6 then return math.mininteger + r:number(1, 9) end
  if kind == 7 then return json.array {} end
  local list = {}
  for i = 1, r:number(1, 4) do list[kind == 8 and i or "k" .. i] = a_value(r, depth - 1) end
  return list
end

local methods = { "add", "slow", "fails", "none", "back", "unknown", "", "__index" }

local function a_request(r, id)
  local params = r:chance(50) and { r:number(1, 9), r:number(1, 9) } or nil
  return { jsonrpc = "2.0", method = r:one(methods), params = params, id = id }
end

-- Something that is nearly a message.
local function an_odd_one(r)
  local m = { jsonrpc = "2.0", method = "add", params = { 1, 2 }, id = "odd" }
  for _ = 1, r:number(1, 2) do m[r:one { "jsonrpc", "method", "params", "id", "result", "error" }] = a_value(r, 2) end
  return m
end

-- A text with bytes changed, left out or doubled.
local function damaged(r, text)
  for _ = 1, r:number(1, 3) do
    local at, how = r:number(1, #text), r:number(1, 3)
    local by = how == 1 and string.char(r:number(1, 255)) or how == 2 and "" or text:sub(at, at + r:number(1, 9))
    text = text:sub(1, at - 1) .. by .. text:sub(at + 1)
  end
  return text
end

---------------------------------------------------------------------------------------------------------------- a round

-- The peer's side: reads all that is sent, counts answers by their ids, and answers calls as it likes.
local function read_all(r, session, answers)
  for text in function() return (session:receive()) end do
    local ok, value = pcall(json.decode, text)
    must(ok, "this was sent: %s", text)
    for _, m in ipairs(text:find "^%[" and value or { value }) do
      must(m.jsonrpc == "2.0", "not of 2.0: %s", text)
      if m.method then
        local answer = { jsonrpc = "2.0", id = m.id, result = a_value(r, 2) }
        local how = r:number(1, 8)
        if how == 1 then answer.result, answer.error = nil, a_value(r, 2) end
        if how == 2 then answer.id = a_value(r, 1) end
        local said = json.encode(answer)
        if how == 3 then said = damaged(r, said) end
        for _ = 1, how == 4 and 2 or how == 5 and 0 or 1 do session:send(said) end
      else
        must((m.result == nil) ~= (m.error == nil) and m.id ~= nil, "no answer: %s", text)
        answers[m.id] = (answers[m.id] or 0) + 1
      end
    end
  end
end

local function serve(r, rpc, state)
  function rpc.on.add(p)
    return p and math.type(p[1]) and math.type(p[2]) and p[1] + p[2] or error { code = -32602, message = "two numbers" }
  end
  function rpc.on.slow()
    host.sleep(r:number(1, 20) / 10000)
    return a_value(r, 3)
  end
  function rpc.on.fails() error({ code = r:number(1, 9), message = r:one { "m", 7 }, data = a_value(r, 2) }) end
  function rpc.on.none() end
  function rpc.on.back() return select(2, rpc:call("back", { r:number(1, 9) }, 0.01)) end
  state.calls = 0
  function state.call()
    state.calls = state.calls + 1
    host.spawn(function()
      local calls <close> = setmetatable({}, { __close = function() state.calls = state.calls - 1 end })
      local ok, word = rpc:call("call", { #calls }, r:number(1, 30) / 1000)
      must(ok or word == "error" or word == "timeout" or word == "closed", "a call gave %s", word)
    end)
  end
end

-- Sends something. Requests whose answers are counted have ids of their own, which `sent` notes.
local function step(r, session, state, sent)
  local function id()
    sent[#sent + 1] = "r" .. #sent + 1
    return sent[#sent]
  end
  local what = r:number(1, 9)
  if what <= 3 then
    session:send(json.encode(a_request(r, id())), r:one { "text", "binary" })
  elseif what == 4 then
    session:send(json.encode(a_request(r)))
  elseif what == 5 then
    local batch = json.array {}
    for i = 1, r:number(1, 12) - 1 do
      batch[i] = r:chance(25) and an_odd_one(r) or a_request(r, r:chance(67) and id() or nil)
    end
    session:send(json.encode(batch))
  elseif what == 6 then
    session:send(damaged(r, json.encode(a_request(r, "mutant"))))
  elseif what == 7 then
    session:send(json.encode(r:chance(50) and a_value(r, 3) or an_odd_one(r)))
  elseif what == 8 then
    state.call()
  else
    host.sleep(0)
  end
end

local function settle(state, rpc, look)
  local ends = host.now() + 20
  repeat
    host.sleep(0.001)
    must(host.now() < ends, "%d calls, %d handlers do not end", state.calls, rpc.server.running)
  until look() and state.calls == 0 and rpc.server.running == 0
end

local function live(seed)
  local r, state, sent, answers = random.stream(seed, "peer"), {}, {}, {}
  local peer <close> = testing.server()
  local conn <close> = ws.connect { url = peer.url, on_error = function() end }
  local rpc = jsonrpc.new(conn)
  serve(random.stream(seed, "bot"), rpc, state)
  local session = peer:accept()
  host.spawn(read_all, random.stream(seed, "answers"), session, answers)
  for _ = 1, STEPS do step(r, session, state, sent) end
  local is_cut = r:chance(25)
  if is_cut then session[r:one { "drop", "close" }](session) end
  settle(state, rpc, function()
    for _, id in ipairs(is_cut and {} or sent) do
      if not answers[id] then return false end
    end
    return true
  end)
  for id, count in pairs(answers) do
    must(count == 1 or type(id) ~= "string" or not id:find "^r%d+$", "%s was answered %d times", id, count)
  end
  must(next(rpc.calls.waiting) == nil, "a call is kept")
  must(rpc.server.bytes == 0, "%s bytes are counted for no request", rpc.server.bytes)
end

local ends, first = o.seconds and host.now() + o.seconds, nil
local count = 0
repeat
  round = o.seed + count
  live(round)
  count = count + 1
  collectgarbage()
  local now = collectgarbage "count"
  if count == 20 then first = now end
  must(not first or now - first < KEPT, "%d rounds have left %d KB", count, now - (first or 0))
until ends and host.now() > ends or not ends and count >= o.rounds
print(("jsonrpc: %d rounds from --seed %d"):format(count, o.seed))
os.exit(0)
