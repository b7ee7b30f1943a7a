-- The chapter "A bot, from the first line to a service": its project grows as that of a reader does, example by
-- example, and after each step what was written by then is tried.
-- Runs within the program that it tests.
local chapter = require "support.chapter"
local it_tells = require "support.it_tells"
local json = require "wsbot.json"
local place = require "support.place"
local program = require "support.program"
local story = require "support.story"
local testing = require "wsbot.testing"

local folder = place.folder()
local files = {} -- the lines of each, by its name

local function lines_of(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

local function insert(lines, at, added)
  for i, line in ipairs(added) do table.insert(lines, at + i - 1, line) end
end

-- Where a function, or a variable that has one line, stands: its first and its last line.
local function find(lines, name)
  local variable = "local " .. name .. " = "
  for from, line in ipairs(lines) do
    if line:sub(1, #variable) == variable then return from, from end
    if line:find("function " .. name .. "(", 1, true) then
      local to = from
      while lines[to] ~= "end" do to = to + 1 end
      return from, to
    end
  end
  error("there is no " .. name)
end

-- Writes an example where its first line says.
local function write(example)
  local head, text = example:match "^(%-%- [^\n]*)\n(.*)$"
  local name, where = head:match "^%-%- ([%w_./]+),? ?(.*)$"
  local lines, added = files[name] or {}, lines_of(text)
  if where == "" then
    lines = lines_of(example)
  elseif where == "at its end" then
    table.insert(added, 1, "")
    insert(lines, #lines + 1, added)
  elseif where == "at its top" then
    added[#added + 1] = ""
    insert(lines, 1, added)
  else
    local from, to = find(lines, assert(where:match "^in place of ([%w_.]+)$", head))
    for _ = from, to do table.remove(lines, from) end
    insert(lines, from, added)
  end
  files[name] = lines
  place.file(folder .. "/prices/" .. name, table.concat(lines, "\n") .. "\n")
end

local function test()
  local p = program.run({ "test" }, { cwd = folder .. "/prices" })
  local status = p:wait()
  assert(status == 0, p.out .. p.err)
  return math.tointeger(tonumber(p.out:match "(%d+) success"))
end

-- How many tests there are after each step.
local tests = { ["2. A test"] = 1, ["3. It comes back"] = 3, ["4. Questions and answers"] = 6, ["5. Subscriptions"] = 8,
  ["6. New code, the same connection"] = 10, ["7. What others see of it"] = 10, ["8. A service"] = 10 }

describe("the tutorial", function()
  for i, step in ipairs(chapter.sections "tutorial") do
    it_tells("goes well: " .. step.title, function()
      if i == 1 then
        program.run({ "init", "prices" }, { cwd = folder }):wait()
        test()
      end
      for _, example in ipairs(step.examples) do write(example) end
      if i > 1 then return assert.equal(assert(tests[step.title], step.title), test()) end
      local p = program.run({ "run", "bot.lua", program.echo().url }, { cwd = folder .. "/prices" })
      p:tells "hello"
      p:kill "sigint"
      p:ends(0)
    end)
  end

  it_tells("has made a bot that takes its key from where systemd puts it", function()
    local exchange = testing.server()
    local secrets = place.folder { ["exchange-key"] = "of systemd\n" }
    local p = program.run({ "run", "bot.lua", exchange.url },
      { cwd = folder .. "/prices", env = { CREDENTIALS_DIRECTORY = secrets } })
    local session = exchange:accept()
    local question = json.decode((session:receive()))
    assert.equal("of systemd", question.params.key)
    p:kill "sigterm"
    session:expect_close(1001)
    p:complains "info stopping"
    p:ends(0)
  end)

  it_tells("has an exchange with which the bot can be watched by hand", function()
    local exchange = program.run({ "exchange.lua" }, { cwd = folder .. "/prices" })
    local url = exchange:line()
    local p = program.run({ "run", "bot.lua", url }, { cwd = folder .. "/prices" })
    p:tells "logged in"
    p:tells "~^BTC%-EUR is %l+ 65000$"
    p:kill "sigterm"
    p:ends(0)
    exchange:kill "sigterm"
    exchange:ends(0)
  end)

  it_tells("has made files that luacheck finds nothing in", function()
    local pipe <close> = assert(io.popen "command -v luacheck")
    local path = pipe:read "l" or story.skip "luacheck is not installed"
    local p = program.start(path, { "--no-color", "." }, { cwd = folder .. "/prices" })
    assert(p:wait() == 0, p.out)
  end)
end)
