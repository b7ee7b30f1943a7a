-- cluster: three processes of etcd on loopback that are one etcd, with their data in a folder of the story.
local packages = require "support.packages"
local peer = require "support.peer"
local place = require "support.place"
local program = require "support.program"

local cluster = {}
cluster.__index = cluster

local function address(port)
  return "http://127.0.0.1:" .. port
end

local function options_of(self, i)
  local one = self.members[i]
  return {
    "--name", one.name, "--data-dir", self.folder .. "/" .. one.name, "--log-level", "error", "--logger", "zap",
    "--listen-client-urls", address(one.client), "--advertise-client-urls", address(one.client),
    "--listen-peer-urls", address(one.peer), "--initial-advertise-peer-urls", address(one.peer),
    "--initial-cluster", self.all, "--initial-cluster-state", "new",
  }
end

---Starts a member, also once more.
function cluster:start(i)
  self.members[i].program = program.start("/usr/bin/etcd", options_of(self, i))
end

---Kills it: what it has written stays.
function cluster:kill(i)
  self.members[i].program:kill "sigkill"
  self.members[i].program:wait()
end

---Waits until all of them listen.
function cluster:listens()
  for _, one in ipairs(self.members) do one.program:listens(one.client) end
end

function cluster.new()
  packages.need "etcd-server"
  local self = setmetatable({ folder = place.folder(), members = {}, urls = {} }, cluster)
  local all = {}
  for i = 1, 3 do
    local one = { name = "m" .. i, client = peer.dead_port(), peer = peer.dead_port() }
    self.members[i], self.urls[i] = one, address(one.client)
    all[i] = one.name .. "=" .. address(one.peer)
  end
  self.all = table.concat(all, ",")
  for i = 1, 3 do self:start(i) end
  self:listens()
  return self
end

return cluster
