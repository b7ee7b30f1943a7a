-- ledger: what was tried with whom, and went well: the rows of the table in tests/interop/README.md, which
-- ./dev interop prints. They are added to the file that WSBOT_INTEROP_TABLE names; without it nothing is kept.
local busted = require "busted"
local servers = require "support.servers"
local story = require "support.story"

local ledger = {}

-- What is tried. "compression" is beside these, and told by what was agreed on.
local trials = { "messages", "fragments", "ping", "close", "subprotocol" }

local row = {}
row.__index = row

-- Makes the function that busted's `it` takes: a story that tries this.
function row:story(trial, body)
  return story.of(function()
    self.began[trial] = (self.began[trial] or 0) + 1
    body()
    self.went_well[trial] = (self.went_well[trial] or 0) + 1
  end)
end

-- Notes what the server tells of itself, or agreed on: its "version", "over" what, "compression". Each text once.
function row:tell(column, text)
  local list = self.told[column] or {}
  self.told[column] = list
  if not list[text] then
    list[text] = true
    table.insert(list, text)
  end
end

-- Did all stories of that trial go well? nil: there was none.
local function is_well(self, trial)
  local began = self.began[trial]
  return began and began == self.went_well[trial]
end

-- The trials that went well, and those that did not.
local function results(self)
  local well, ill = {}, {}
  for _, trial in ipairs(trials) do
    local is = is_well(self, trial)
    if is ~= nil then table.insert(is and well or ill, trial) end
  end
  local text = #well == #trials and "all" or table.concat(well, ", ")
  return #ill > 0 and text .. "; not " .. table.concat(ill, ", ") or text
end

-- What of permessage-deflate was agreed on. A parameter that both sides have is told once, without a side.
local function compression(self)
  local is = is_well(self, "compression")
  if not is then return is == nil and "-" or "no" end
  local has, names = {}, { "yes" }
  for _, parameter in ipairs(self.told.compression or {}) do
    has[parameter:match "^[^=]+"] = true
  end
  for _, name in ipairs { "no_context_takeover", "max_window_bits" } do
    local theirs, ours = has["server_" .. name], has["client_" .. name]
    if theirs or ours then
      table.insert(names, (theirs and ours and "" or theirs and "server_" or "client_") .. name)
    end
  end
  return table.concat(names, ", ")
end

local head = "| with | version | over | went well | compression |\n|---|---|---|---|---|\n"

-- Writes the row, where anything was tried.
local function write(self)
  local path = os.getenv "WSBOT_INTEROP_TABLE"
  if not path or not next(self.began) then return end
  local version = table.concat(self.told.version or {}, ", "):match "[^/%s]*$" -- of "Python/3.11 aiohttp/3.8.4"
  local cells = { self.name, version, table.concat(self.told.over or {}, ", "), results(self), compression(self) }
  local file <close> = assert(io.open(path, "a"))
  if file:seek "end" == 0 then file:write(head) end
  file:write("| ", table.concat(cells, " | "), " |\n")
end

-- Describes what is tried with a server of support.servers, `name` there: body(row) does, with the row that it is to
-- note it in. Where the server is not installed, a pending spec says so.
function ledger.describe(title, name, body)
  local missing = servers.missing(name)
  if missing then
    busted.pending(title .. ": " .. missing)
    return
  end
  busted.describe(title, function()
    local this = setmetatable({ name = title, told = {}, began = {}, went_well = {} }, row)
    busted.teardown(function()
      write(this)
    end)
    body(this)
  end)
end

return ledger
