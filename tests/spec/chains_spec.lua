-- Chains of certificates, as the tables in chains/ have them: who is believed and who is not, with OpenSSL's own
-- verdict beside ours. Where they differ, the row says why. WSBOT_CHAINS="names usage" goes through these tables alone,
-- which takes less time to make.
-- Runs within the program that it tests.
local chains = require "support.chains"
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local themes = os.getenv "WSBOT_CHAINS"
local table_of_chains = chains.of(themes or "anchors constraints names paths strength usage")

local function url_of(row, port)
  return ("wss://%s:%d/"):format(row.host:find(":", 1, true) and "[" .. row.host .. "]" or row.host, port or row.port)
end

-- The row's own copy of a file, so that no other row has the same configuration.
local function own(row, path)
  return path and place.file(row.id .. ".pem", place.read(path))
end

local function tls_of(row, more)
  local options = { ca_path = row.trust_folder, ca_file = own(row, row.trust_file or row.beside_file) }
  for name, value in pairs(more or {}) do
    options[name] = value
  end
  return options
end

-- Our verdict: what a connection to a server that shows the chain comes to, and the error.
local function verdict(row, tls, port)
  local is, why
  local conn = ws.connect {
    url = url_of(row, port),
    resolve = not row.is_address and { [row.host] = "127.0.0.1" } or nil,
    tls = tls,
    on_websocket_connect = function()
      is = "accepted"
      story.stir()
    end,
    on_error = function(_, word, message)
      is, why = word == "tls" and "refused" or word, message
      story.stir()
    end,
  }
  story.at_end(function()
    conn:destroy()
  end)
  story.wait("an end of the handshake", function()
    return is
  end)
  return is, why
end

-- The same of a bot to whom the trusted ones are the system's.
local function verdict_of_another_bot(row)
  local bot = program.bot([=[
    ws.connect { url = arg[1], resolve = { [arg[2]] = "127.0.0.1" },
      tls = arg[3] and { system_ca = true, ca_file = arg[3] } or nil,
      on_websocket_connect = function(c) say "accepted" c:destroy() end,
      on_error = function(_, word, message) say(word == "tls" and "refused" or word) say(message) end }
  ]=], { url_of(row), row.host, row.beside_file }, { env = { SSL_CERT_FILE = row.trust_file } })
  return bot:line(), bot:maybe_line()
end

-- Is one of the patterns, between which there are bars, in the text?
local function is_told(text, patterns)
  for pattern in patterns:gmatch "[^|]+" do
    if text:lower():find(pattern) then return true end
  end
  return false
end

local function compare(right, says, is, why)
  if is ~= right then error(("it is %s, and not %s: %s"):format(is, right, why or ""), 0) end
  if right == "accepted" then return end
  if not is_told(why, says) then error(("the error is\n%s\nand does not match\n%s"):format(why, says), 0) end
end

-- OpenSSL's verdict is ours, or it is told why not.
local function compare_openssl(row)
  local differs = row.openssl ~= row.right
  if differs and not row.differs then error("OpenSSL thinks otherwise:\n" .. row.openssl_says, 0) end
  if row.differs and not differs then error("OpenSSL does not think otherwise:\n" .. row.openssl_says, 0) end
end

-- A bot that connects to three servers that are weak tells so once.
local function is_warned_of_once(rows)
  local args = {}
  for i = 1, 3 do
    table.move({ url_of(rows[i]), rows[i].host, own(rows[i], rows[i].trust_file) }, 1, 3, #args + 1, args)
  end
  local bot = program.bot([=[
    for i = 1, #arg, 3 do
      ws.connect { url = arg[i], resolve = { [arg[i + 1]] = "127.0.0.1" },
        tls = { ca_file = arg[i + 2], allow_weak = true },
        on_websocket_connect = function(c) say "accepted" c:destroy() end,
        on_error = function(_, word, message) say(word, message) end }
    end
  ]=], args)
  bot:tells("accepted", "accepted", "accepted")
  bot:ends(0)
  local _, warnings = bot.err:gsub("allow_weak", "")
  assert.equal(1, warnings, bot.err)
end

describe("a chain with", function()
  setup(function()
    table_of_chains:begin()
  end)

  teardown(function()
    table_of_chains:finish()
  end)

  it("a row of its own is one of 150 or more", function()
    local has, n = {}, 0
    for _, row in ipairs(table_of_chains.rows) do
      assert.is_nil(has[row.theme .. row[1]])
      has[row.theme .. row[1]], n = true, n + 1
    end
    assert.is_true(themes ~= nil or n >= 150)
  end)

  for _, row in ipairs(table_of_chains.rows) do
    it_tells(("%s is %s (%s)"):format(row[1], row.right, row.theme), function()
      assert.is_nil(row.unserved)
      if row.where == "system" then
        compare(row.right, row.says, verdict_of_another_bot(row))
      else
        local tls = tls_of(row)
        if row.before then assert.equal("accepted", (verdict(row, tls, row.port_before))) end
        local is, why = verdict(row, tls)
        local lacks = is == "refused" and row.may_lack and is_told(why, row.may_lack)
        if not lacks then compare(row.right, row.says, is, why) end
      end
      compare_openssl(row)
    end)
  end

  local weak = {}
  for _, row in ipairs(table_of_chains.rows) do
    if row.weak then
      local right = row.still and "refused" or "accepted"
      if not row.still then table.insert(weak, row) end
      it_tells(("%s is %s with tls.allow_weak"):format(row[1], right), function()
        compare(right, row.still, verdict(row, tls_of(row, { allow_weak = true })))
      end)
    end
  end

  if weak[3] then
    it_tells("weak keys and digests is warned of once where tls.allow_weak lets it pass", function()
      is_warned_of_once(weak)
    end)
  end
end)
