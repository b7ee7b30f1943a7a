-- ledger: what was tried with whom, and went well: the rows of the README's table, which ./dev interop prints. They are
-- added to the file that WSBOT_INTEROP_TABLE names; without it nothing is kept.
local busted = require "busted"
local servers = require "support.servers"
local story = require "support.story"

local ledger = {}

-- What is tried, in the order of the columns, after the name, the version, and what it goes over.
local trials = { "messages", "fragments", "ping", "close", "subprotocol", "compression" }

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

local head = "| with | version | over | " .. table.concat(trials, " | ") .. " |\n"
  .. ("| --- "):rep(#trials + 3) .. "|\n"

local function cell(self, trial)
  local began, well = self.began[trial], self.went_well[trial]
  if not began then return "-" end
  if began ~= well then return "no" end
  local told = self.told[trial]
  return told and "yes: " .. table.concat(told, ", ") or "yes"
end

local function write(self)
  local path = os.getenv "WSBOT_INTEROP_TABLE"
  if not path or not next(self.began) then return end
  local cells = { self.name, table.concat(self.told.version or {}, ", "), table.concat(self.told.over or {}, ", ") }
  for _, trial in ipairs(trials) do
    table.insert(cells, cell(self, trial))
  end
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
