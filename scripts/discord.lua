-- discord: a bot for Discord that answers !ping with pong.
--
--     DISCORD_TOKEN=... wsbot run --watch --state DIR scripts/discord.lua
--
-- DISCORD_API: another REST interface than the real. Without --state a session ends with its process. Of many guilds
-- each of the --workers, or of the machines (--shard), hears its share.
--
-- One idea: a session is more than a connection. After a drop, or a heartbeat that nobody answered, the next connection
-- resumes it, and so does that of the next process; the gateway repeats what was missed. A reload keeps session and
-- stream (discord/stream.lua, beside this script), which are plain data.
-- The protocol: https://docs.discord.com/developers/events/gateway

local http = require "wsbot.http"
local json = require "wsbot.json"
local streams = require "discord.stream"

local token = os.getenv "DISCORD_TOKEN"
local api = os.getenv "DISCORD_API" or "https://discord.com/api/v10"
if not token then
  io.stderr:write("usage: DISCORD_TOKEN=... wsbot scripts/discord.lua\n")
  os.exit(2)
end
local intents = 1 << 0 | 1 << 9 | 1 << 15 -- what we want to hear of: guilds, their messages, what is in them

-- id, resume_url, seq: of our session, nil where there is none. It outlives the process where there is a folder for it.
local outlives, session = pcall(host.state, "session", nil, { durable = true })
if not outlives then session = host.state "session" end
-- gateway: where sessions begin; at_once: how many may in 5 seconds; interval: of heartbeats, nil before hello;
-- is_waiting: whether a session is to begin when that is allowed.
local link = host.state "link"

------------------------------------------------------------------------------------------------------------------- REST

-- The answer, or nil and why there is none. Where it is too much (429) it waits as long as it is told.
local function ask(method, path, body)
  local headers = { Authorization = "Bot " .. token, ["User-Agent"] = "DiscordBot (https://example.org, 1)" }
  local response, word, message = http.request { method = method, url = api .. path, json = body, headers = headers }
  if not response then return nil, word .. ": " .. message end
  local answer = response:json() or {}
  if response.ok then return answer end
  if response.status ~= 429 then return nil, ("%d %s"):format(response.status, answer.message or response.reason) end
  host.sleep(answer.retry_after or tonumber(response.headers["Retry-After"]) or 1)
  return ask(method, path, body)
end

-- Sessions are counted: who has begun too many waits until the count begins anew.
while not link.gateway do
  local answer, why = ask("GET", "/gateway/bot")
  if not answer then
    io.stderr:write("discord: ", why, "\n")
    os.exit(1, true)
  end
  local starts = answer.session_start_limit
  if starts.remaining > 0 or session.id then
    link.gateway, link.at_once = answer.url, starts.max_concurrency
  else
    host.sleep(starts.reset_after / 1000)
  end
end

--------------------------------------------------------------------------------------------------------- the connection

local conn = ws.connect {
  name = "discord",
  url = function() return (session.resume_url or link.gateway) .. "/?v=10&encoding=json&compress=zlib-stream" end,
  compression = false, -- messages are compressed already
  close_timeout = 2,
  reconnect = { fatal = { 4004, 4010, 4011, 4012, 4013, 4014 } }, -- a wrong token, intents that we may not have, ...
}
local stream = streams.open(host.state "stream")
local limit = host.limiter(110, 60) -- it takes 120 in a minute, and heartbeats are among them

local function send(op, d)
  if op ~= 1 then limit:take() end
  conn:send(json.encode { op = op, d = d })
end

-- 4000 and not 1000, which would end the session.
local function again(why, seconds)
  print(why)
  conn:reconnect(seconds or 0, 4000, why)
end

local function forget_session() session.id, session.resume_url, session.seq = nil, nil, nil end

local heart, is_answered -- the task, and whether its last beat was
local opening -- the task that begins a session

local function beat() send(1, session.seq or json.null) end

local function live()
  is_answered = true
  host.sleep(link.interval * math.random()) -- not all bots at once
  while is_answered do
    is_answered = false
    beat()
    host.sleep(link.interval)
  end
  again "no heartbeat was answered"
end

-- Begins a session. Bots begin theirs in `at_once` rows, and those of one row 5 seconds after each other. (Rows over
-- several machines need scope = "etcd".)
local function identify()
  local row = (host.index - 1) % link.at_once
  link.is_waiting = true
  local may, why = host.limiter { n = 1, per = 5, name = "discord identify " .. row, scope = "pool" }:take()
  link.is_waiting = nil
  if not may then return again("no session could begin: " .. why, 5) end
  local shard = { host.index - 1, host.count }
  local properties = { os = "linux", browser = "wsbot", device = "wsbot" }
  send(2, { token = token, intents = intents, shard = shard, properties = properties })
end

------------------------------------------------------------------------------------------------------------- what comes

local on, handle = {}, {} -- events by their name, messages by their op

function on.READY(d)
  session.id, session.resume_url = d.session_id, d.resume_gateway_url
  print("ready as " .. d.user.username)
end
function on.RESUMED() print "resumed" end

local function answer(d)
  local sent, why = ask("POST", ("/channels/%s/messages"):format(d.channel_id), { content = "pong" })
  print(sent and "answered " .. d.author.username or "no answer: " .. why)
end

-- A callback that waits holds up what follows, heartbeats too; so what waits is a task of its own.
function on.MESSAGE_CREATE(d)
  if d.content == "!ping" and not d.author.bot then host.spawn(answer, d) end
end

handle[0] = function(d, message)
  session.seq = message.s
  if on[message.t] then on[message.t](d) end
end
handle[1] = beat
handle[7] = function() again "the gateway asks us to connect again" end
handle[9] = function(can_be_resumed)
  if not can_be_resumed then forget_session() end
  again("the session is invalid", can_be_resumed and 0 or 1 + 4 * math.random())
end
handle[10] = function(d)
  link.interval, heart = d.heartbeat_interval / 1000, host.spawn(live)
  if session.id then return send(6, { token = token, session_id = session.id, seq = session.seq }) end
  opening = host.spawn(identify)
end
handle[11] = function() is_answered = true end

function conn.on_message(_, data)
  local text, why = stream:push(data)
  if why then return again("the stream is broken: " .. why) end
  local message = text and json.decode(text)
  if message and handle[message.op] then handle[message.op](message.d, message) end
end

function conn.on_websocket_connect() stream:begin() end

function conn.on_adopt()
  print "new code, same session"
  if link.interval then heart = host.spawn(live) end
  if link.is_waiting then opening = host.spawn(identify) end
end

function conn.on_close(_, code, reason)
  if heart then heart:cancel() end
  if opening then opening:cancel() end
  if not link.interval then session.resume_url = nil end -- no hello: it is to be resumed where sessions begin
  link.interval, link.is_waiting = nil, nil
  if code == 4007 or code == 4009 then forget_session() end -- a wrong seq; too old
  print(("closed: %d %s"):format(code, reason))
end

-- Where the next process is to resume it, we do not say that it has ended.
host.on_stop(function()
  if outlives and session.id then conn:close(4000, "until later") end
end)

function conn.on_error(_, code, message) io.stderr:write("discord: ", code, ": ", message, "\n") end
function conn.on_give_up() host.stop(1) end
