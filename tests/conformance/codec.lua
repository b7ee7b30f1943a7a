-- codec: plays the cases to the codec alone, through codec.c.
local program = require "support.program"
local story = require "support.story"
local events = require "conformance.events"
local judge = require "conformance.judge"
local opening = require "conformance.opening"

local codec = {}

local function play_text(case, head)
  local says = {}
  for _, one in ipairs(case.says) do
    says[#says + 1] = events.write(one.what, one.code == 1005 and 0 or one.code, one.data)
  end
  local script = table.concat(says)
  local input = head .. case.receives .. case.after
  local offer = case.offer
  return ("play %s %d %d %d %d %d %d %d %d %d %s %s %d %d\n"):format(case.role, case.limit, case.echoes and 1 or 0,
    case.is_opening and 0 or #head, offer and 1 or 0, offer and offer.server_forgets and 1 or 0,
    offer and offer.client_forgets and 1 or 0, offer and offer.server_bits or 0, offer and offer.client_bits or 0,
    offer and offer.threshold or 64, case.url, case.protocols or "-", #script, #input) .. script .. input
end

local function verdict(case, head, list)
  local got = { told = {}, cuts = {}, sent = "", key = opening.key }
  for _, event in ipairs(list) do
    if event.what == "differs" then
      table.insert(got.cuts, event)
    elseif event.what == "request" or event.what == "sent" or event.what == "answer" then
      got[event.what] = event.data
    elseif event.what == "end" then
      got.at = event.code
    else
      table.insert(got.told, event)
    end
  end
  local expected = judge.expect(case)
  expected.at = case.refused and #head or case.ends and #head + #case.receives or nil
  return judge.verdict(case, got, expected)
end

-- Plays all cases, and calls done(case, nil or what is wrong) for each.
function codec.run(cases, done)
  local list, ready
  local player = program.start(assert(os.getenv "WSBOT_CODEC", "WSBOT_CODEC must say where conformance_codec is"), {}, {
    stdin = true,
    on_out = events.reader(function(event)
      list[#list + 1] = event
      if event.what == "end" then ready = true end
    end),
  })
  for _, case in ipairs(cases) do
    if case.only ~= "program" then
      local head = opening.head(case, judge.accept(opening.key))
      list, ready = {}, nil
      player:write(play_text(case, head))
      local ended = story.wait("the codec to play " .. case.name, function()
        return ready and "played" or player.status and "ended"
      end)
      done(case, ended == "ended" and "conformance_codec ended:\n" .. player.err or verdict(case, head, list))
    end
  end
  player:shut()
  player:ends(0)
end

return codec
