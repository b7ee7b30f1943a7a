-- What lets others in is left out of records, of what `wsbot connect -v` tells, and of errors, by one policy.
local it_tells = require "support.it_tells"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

local KEY = "9f86d081884c7d65" -- what nobody may see, in any of its places
local LONG_KEY = KEY .. KEY

-- Where secrets are hidden: a target, and header lines.
local TARGET = ("/hooks/%s/feed?jwt=%s&sig=%s&%%6Awt=%s&%s&room=x%s"):format(KEY, KEY, KEY, KEY, KEY, KEY)
local HEADERS = { "Authorization: Bearer " .. KEY, "X-Session: " .. KEY, "X-Amz-Security: " .. KEY,
  "Cookie: a=" .. KEY, "Accept: text/plain" }

local function has(text, part)
  assert(text:find(part, 1, true), ("there is no %q in %q"):format(part, text))
end

local function has_no_key(text)
  assert.is_nil(text:find(KEY, 1, true))
end

-- Has `wsbot connect` talk with a peer that leads from one secret to the next. Returns the program, which has ended.
local function talk(words)
  local p = peer.listen()
  local line = { "connect", "-L", "--subprotocol", "v2.chat," .. LONG_KEY, table.unpack(words) }
  for _, header in ipairs(HEADERS) do
    table.insert(line, "-H")
    table.insert(line, header)
  end
  line[#line + 1] = p.url:gsub("//", "//user:" .. KEY .. "@") .. TARGET
  local c = program.run(line, { stdin = "" })
  p:open { status = "HTTP/1.1 302 Found",
    lines = { "Location: //" .. KEY .. "@" .. p.address .. "/there?token=" .. KEY, "Set-Cookie: a=" .. KEY,
      "X-Request-Id: " .. KEY } }
  p:open():answer_close()
  c:ends(0)
  return c
end

describe("secrets", function()
  it_tells("are left out of what `wsbot connect -v` tells", function()
    local err = talk({ "-v" }).err
    has_no_key(err)
    for _, line in ipairs { "> GET /hooks/***/feed?jwt=***&sig=***&%6Awt=***&***&room=*** HTTP/1.1\n",
      "> Authorization: Bearer ***\n", "> X-Session: ***\n", "> Accept: text/plain\n",
      "> Sec-WebSocket-Protocol: v2.chat, ***\n", "/there?token=***\n", "< X-Request-Id: ***\n" } do
      has(err, line)
    end
  end)

  it_tells("are left out of a record", function()
    local path = place.file("record.jsonl", "")
    talk { "--record", path }
    local text = place.read(path)
    has_no_key(text)
    has(text, [["target":"/hooks/(left out)/feed?jwt=(left out)&sig=(left out)&%6Awt=(left out)&(left out)&room=]])
    has(text, [=[["X-Session","(left out)"]]=])
    has(text, [=[["Sec-WebSocket-Protocol","v2.chat, (left out)"]]=])
  end)

  it_tells("are in a record where that is asked for", function()
    local path = place.file("record.jsonl", "")
    talk { "--record", path, "--record-secrets" }
    local text = place.read(path)
    has(text, TARGET)
    has(text, "v2.chat, " .. LONG_KEY)
  end)

  it_tells("are left out of errors", function()
    local p = peer.listen()
    local bot = program.bot([[
      local KEY = ...
      local function try(options) local _, message = pcall(ws.connect, options) print(message) end
      try { url = "https://user:" .. KEY .. "@h/x?jwt=" .. KEY }
      try { url = "ws://user:" .. KEY .. "?x@h:y/" }
      try { url = "ws://user:" .. KEY .. "/x@h/" }
      try { url = KEY }
      try { url = "ws://h", protocols = { "a b", KEY .. " " } }
      try { url = "ws://h", protocols = { KEY .. " " } }
      ws.connect { url = arg[2], max_redirects = 0 }
    ]], { KEY, p.url })
    p:open { status = "HTTP/1.1 302 Found",
      lines = { "Location: ws://user:" .. KEY .. "@h/" .. KEY .. "?a=" .. KEY .. "#" .. KEY } }
    assert.equal(0, (bot:wait()))
    has_no_key(bot.out .. bot.err)
    has(bot.out, "url 'https://***@h/x': write wss:// for https://\n")
    has(bot.err, "302 Found: it redirects to ws://***@h/*** (see max_redirects)")
  end)

  it_tells("are left out of the errors of the command line", function()
    local c = program.run({ "connect", "ws://user:" .. KEY .. "@h:x/?jwt=" .. KEY }, { stdin = "" })
    c:ends(2)
    has_no_key(c.err)
    has(c.err, "ws://***@h:x/")
  end)
end)
