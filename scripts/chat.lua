-- chat: a bot for a chat room, with commands: !help, !time, !roll 2d6, !remind 60 tea is ready.
--
--     wsbot scripts/chat.lua URL ROOM [NAME]
--
-- One idea: a command is an entry of a table; to teach the bot another one is to add a function.
--
-- The room speaks JSON: {"from":"ada","text":"hello"} comes, {"text":"hello"} goes, {"join":ROOM,"name":NAME} enters.

local json = require "wsbot.json"

local url, room, name = arg[1], arg[2], arg[3] or "robo"
if not room then
  io.stderr:write("usage: wsbot scripts/chat.lua URL ROOM [NAME]\n")
  os.exit(2)
end

local conn = ws.connect { url = url, ping_interval = 55, reconnect = true }

local function say(text)
  return conn:send(json.encode { text = text })
end

--------------------------------------------------------------------------------------------------------------- commands

-- By name: run(who, rest) returns the answer, or nothing. `rest` is what stands behind the name of the command.
local commands = {}

commands.help = {
  usage = "!help",
  run = function()
    local usages = {}
    for _, command in pairs(commands) do
      usages[#usages + 1] = command.usage
    end
    table.sort(usages)
    return "I know " .. table.concat(usages, ", ")
  end,
}

commands.time = {
  usage = "!time",
  run = function() return os.date("!It is %H:%M:%S UTC") end,
}

commands.roll = {
  usage = "!roll 2d6",
  run = function(who, rest)
    local dice, sides = rest:match("^(%d+)d(%d+)$")
    dice, sides = tonumber(dice), tonumber(sides)
    if not dice or dice < 1 or dice > 20 or sides < 2 or sides > 1000 then
      return who .. ": up to 20 dice of 2 to 1000 sides, as in !roll 2d6"
    end
    local rolls, sum = {}, 0
    for i = 1, dice do
      rolls[i] = math.random(sides)
      sum = sum + rolls[i]
    end
    return ("%s rolls %s = %d"):format(who, table.concat(rolls, " + "), sum)
  end,
}

local reminders = {} -- how many of each person are to come

commands.remind = {
  usage = "!remind SECONDS TEXT",
  run = function(who, rest)
    local seconds, text = rest:match("^(%d+)%s+(.+)$")
    seconds = tonumber(seconds)
    if not seconds or seconds > 24 * 3600 then return who .. ": as in !remind 60 tea is ready, within a day" end
    local count = reminders[who] or 0
    if count == 3 then return who .. ": three at a time are enough" end
    reminders[who] = count + 1
    host.spawn(function() -- a task of its own, so that it may wait
      host.sleep(seconds)
      while conn.state ~= "open" do
        host.sleep(1)
      end
      reminders[who] = reminders[who] > 1 and reminders[who] - 1 or nil
      say(who .. ": " .. text)
    end)
    return who .. ": I will"
  end,
}

--------------------------------------------------------------------------------------------------------------- the room

-- How much we answer: `most` at once, and one more every `seconds`. The rest gets no answer: who answers a flood makes
-- it worse.
local limit = { most = 5, seconds = tonumber(os.getenv "CHAT_SECONDS") or 2, left = 5, since = host.now() }

local function may_answer()
  local now = host.now()
  limit.left = math.min(limit.most, limit.left + (now - limit.since) / limit.seconds)
  limit.since = now
  if limit.left < 1 then return false end
  limit.left = limit.left - 1
  return true
end

-- Does our name stand in the text, as a word of its own, in any case?
local function mentions_us(text)
  for word in text:lower():gmatch("[%w_-]+") do
    if word == name:lower() then return true end
  end
  return false
end

local function answer(who, text)
  local word, rest = text:match("^!(%a+)%s*(.-)%s*$")
  local command = commands[word]
  if not command and not mentions_us(text) then return end
  if not may_answer() then return print("(no answer: too much at once)") end
  local line = who .. ": yes? (!help tells what I can do)"
  if command then line = command.run(who, rest) end
  if line then say(line) end
end

function conn.on_websocket_connect(self)
  self:send(json.encode { join = room, name = name })
  print("in " .. room)
end

-- An error in here ends neither the bot nor the connection: it is reported, and the next message comes.
function conn.on_message(_, data)
  local message = json.decode(data)
  local who, text = message.from, message.text
  if type(who) ~= "string" or type(text) ~= "string" then return end -- someone came or went, or something newer than us
  print(who .. ": " .. text)
  if who ~= name then answer(who, text) end -- never to ourselves
end

function conn.on_close(_, code, reason)
  print(("closed: %d %s"):format(code, reason))
end

function conn.on_give_up(_, why)
  io.stderr:write("chat: gave up: ", why, "\n")
  host.stop(1)
end
