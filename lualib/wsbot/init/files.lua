-- wsbot.init.files: the files of a new project. In their texts {{name}} stands for the name of the bot.
local json = require "wsbot.json"
local unit = require "wsbot.init.unit"

local files = {}

local BOT <const> = [[
-- {{name}}: says hello to its server, and prints what comes.
--
--     wsbot run --watch --with-echo bot.lua      with the built-in echo peer as the server
--     wsbot bot.lua wss://example.org/feed       with another one

local url = arg[1] or "ws://127.0.0.1:1234"

local count = host.state("count", { messages = 0 }) -- outlives reloads

local conn = ws.connect {
  name = "server", -- by it a reload knows the connection again
  url = url,
  reconnect = true,
  ping_interval = 55, -- seconds
}

-- After each connection, the first and all later ones: the place to log in, and to subscribe.
function conn.on_websocket_connect(self)
  self:send "hello"
end

function conn.on_message(_, data)
  count.messages = count.messages + 1
  print(count.messages, data)
end

function conn.on_error(_, word, message)
  host.log.warn(word, message)
end

-- It would never succeed, or has been tried often enough.
function conn.on_give_up(_, why)
  host.log.error("gave up:", why)
  host.stop(78) -- by this status the service knows that it need not be started again
end

host.ready(function() return conn.state == "open" end)
]]

local SPEC <const> = [[
-- `wsbot test` runs this, in the folder of the bot. The server is played by the spec, and the clock is the spec's.
local testing = require "wsbot.testing"

describe("bot.lua", function()
  local clock, peer, bot, session

  before_each(function()
    clock = testing.clock()
    peer = testing.server()
    bot = testing.bot("bot.lua", { args = { peer.url } })
    session = peer:accept()
    session:expect "hello"
  end)

  it("prints what comes", function()
    session:send "good morning"
    bot:expect "1\tgood morning"
  end)

  it("says hello again after a drop", function()
    session:drop()
    clock:advance(60) -- back-off, in no time
    peer:accept():expect "hello"
  end)

  it("keeps its connection, and what it has counted, over a reload", function()
    session:send "one"
    bot:expect "1\tone"
    assert(bot:reload())
    session:send "two"
    bot:expect "2\ttwo"
  end)

  it("ends where the server will never take it", function()
    peer:answer { refuse = { status = 401 } }
    session:drop()
    clock:advance(60)
    assert.equal(78, bot:wait())
  end)

  it("says goodbye when it is stopped", function()
    assert.equal(0, bot:stop())
    session:expect_close(1001)
  end)
end)
]]

local BUSTED <const> = [[
-- How busted finds and runs the specs; `lua` has `busted` run them in wsbot as well, as `wsbot test` does.
return {
  default = {
    ROOT = { "spec" },
    pattern = "_spec%.lua$",
    lua = "wsbot",
  },
}
]]

local LUACHECK <const> = [[
std = "lua54"
read_globals = { "ws", "host" }
max_line_length = 120
files["spec"] = { std = "+busted" }
]]

local README <const> = [[
# {{name}}

A bot for wsbot: `bot.lua`, and its tests in `spec/`. `wsbot help` has the manual.

    wsbot test                                 # the tests
    wsbot run --watch --with-echo bot.lua      # it runs, with the built-in echo peer; each save is loaded
    wsbot check bot.lua                        # what it declares, without a run
    luacheck .

## As a service

`{{name}}.service` is a unit of systemd for the bot in `/opt/{{name}}`, with what it may do kept to a minimum.
`ExecStart` in it has the address of the server: change that first.

    sudo cp -r . /opt/{{name}}
    sudo cp {{name}}.service /etc/systemd/system/
    sudo systemctl daemon-reload
    sudo systemctl enable --now {{name}}
    journalctl -u {{name}} -f

`systemctl reload {{name}}` loads new code, and connections stay open.
]]

-- For editors with lua-language-server; without the folder of the types where that was not found.
local function luarc(meta)
  return json.encode({
    ["runtime.version"] = "Lua 5.4",
    ["workspace.library"] = json.array { "${3rd}/busted/library", "${3rd}/luassert/library", meta },
    ["workspace.checkThirdParty"] = false,
    ["diagnostics.globals"] = json.array { "ws", "host" },
  }, { indent = 2, sort = true }) .. "\n"
end

-- The project of a bot of that name: a list of { path, text }, or { path } of a folder. `meta` is the folder of
-- wsbot's types; nil: it was not found.
function files.of(name, meta)
  local function text(template) return (template:gsub("{{name}}", name)) end
  return {
    { path = "bot.lua", text = text(BOT) },
    { path = "spec" },
    { path = "spec/bot_spec.lua", text = SPEC },
    { path = ".busted", text = BUSTED },
    { path = ".luacheckrc", text = LUACHECK },
    { path = ".luarc.json", text = luarc(meta) },
    { path = name .. ".service", text = text(unit) },
    { path = "README.md", text = text(README) },
    { path = ".gitignore", text = "*.jsonl\n*.svg\n/state/\n/*.env\n" },
  }
end

return files
