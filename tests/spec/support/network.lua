-- network: programs in a network of their own, where nobody else listens: its loopback has the address fe80::1 as well,
-- and the name server is one that they bring, at 127.0.0.1 port 53.
local it_tells = require "support.it_tells"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"

local network = {}

local MAKE = "ip link set lo up && ip -6 addr add fe80::1/64 dev lo nodad 2>&1"
local NAMES = " && mount --bind %s /etc/resolv.conf && mount --bind %s /etc/hosts"

local can_be_made = os.execute(("unshare -rnm sh -c '%s' >/dev/null 2>&1"):format(MAKE))

-- it_tells for stories of such programs, which are skipped where the system allows no such network.
network.it_tells = can_be_made and it_tells or function(name)
  return it_tells(name, function()
    story.skip "no network of its own can be made here: unshare -rnm, ip"
  end)
end

-- Runs a script given as its source there.
function network.bot(source, ...)
  local path = place.file("bot.lua", program.prelude .. source)
  local names = NAMES:format(place.file("resolv.conf", "nameserver 127.0.0.1\n"), place.file("hosts", ""))
  return program.start("/usr/bin/unshare", { "-rnm", "sh", "-c", MAKE .. names .. ' && exec "$@"', "sh", program.wsbot,
    path, ... })
end

return network
