-- main: plays the table of cases to the codec and to the program, and prints both results, section by section.
--     main.lua FOLDER [TEXT]     TEXT: only cases whose section or name has it
local program = require "support.program"
local story = require "support.story"
local cases = require "conformance.cases"
local codec = require "conformance.codec"
local runner = require "conformance.program"

local folder, wanted = arg[1], arg[2]

-- Compresses what the peers send, in the way that each case agrees on (see deflate.py).
local function new_squeezer()
  local output, last = "", nil
  local python = program.start("/usr/bin/python3", { folder .. "/deflate.py" }, {
    stdin = true,
    on_out = function(piece)
      output = output .. (piece or "")
    end,
  })
  return function(case, data, level)
    if not case.agreed then error("deflate() without an extension", 0) end
    if case ~= last then python:write "0 0 0 0\n" end
    last = case
    local server = case.role == "client" -- the peer is the other side
    python:write(("%d %d %d %d\n"):format(server and case.agreed.server_bits or case.agreed.client_bits,
      (server and case.agreed.server_forgets or not server and case.agreed.client_forgets) and 1 or 0, level, #data)
      .. data)
    return (story.wait("deflate.py", function()
      local size, from = output:match "^(%d+)\n()"
      if not size or #output < from + size - 1 then
        if python.status then error("deflate.py has ended:\n" .. python.err, 0) end
        return nil
      end
      local small = output:sub(from, from + size - 1)
      output = output:sub(from + size)
      return small
    end))
  end
end

local function report(list)
  local wrong, totals = {}, { all = 0, codec = 0, codec_right = 0, program = 0, program_right = 0 }
  local section, counts
  local function end_section()
    if not section then return end
    print(("  %d cases: %d of %d right in the codec, %d of %d in the program\n"):format(counts.all, counts.codec_right,
      counts.codec, counts.program_right, counts.program))
    for key, n in pairs(counts) do
      totals[key] = totals[key] + n
    end
  end
  for _, case in ipairs(list) do
    if case.section ~= section then
      end_section()
      section, counts = case.section, { all = 0, codec = 0, codec_right = 0, program = 0, program_right = 0 }
      print(("%-98s %-7s %s"):format(section, "codec", "program"))
    end
    local results = {}
    counts.all = counts.all + 1
    for i, side in ipairs { "codec", "program" } do
      local result = case.results[side]
      results[i] = not result and "-" or result.wrong and "WRONG" or "right"
      if result then
        counts[side] = counts[side] + 1
        if not result.wrong then counts[side .. "_right"] = counts[side .. "_right"] + 1 end
        if result.wrong then
          wrong[#wrong + 1] = ("%s: %s\n  in the %s%s: %s"):format(section, case.name, side, result.how or "",
            result.wrong:gsub("\n", "\n    "))
        end
      end
    end
    print(("  %-96s %-7s %s"):format(case.name, results[1], results[2]))
  end
  end_section()
  for _, text in ipairs(wrong) do
    print("WRONG " .. text .. "\n")
  end
  print(("conformance: %d cases, %d of %d right in the codec, %d of %d in the program"):format(totals.all,
    totals.codec_right, totals.codec, totals.program_right, totals.program))
  return #wrong == 0 and totals.all > 0
end

local right
local tell = story.of(function()
  local seed = story.seed()
  local list = cases.read(folder, new_squeezer(), wanted)
  local function note(side)
    return function(case, wrong, how)
      local result = case.results[side] or {}
      case.results[side] = result
      if wrong and not result.wrong then
        result.wrong, result.how = wrong, how and (" (%s, WSBOT_SPEC_SEED=%s)"):format(how, seed)
      end
    end
  end
  for _, case in ipairs(list) do
    case.results = {}
  end
  codec.run(list, note "codec")
  runner.run(list, note "program")
  right = report(list)
end)

local ok, message = xpcall(tell, function(failure)
  return type(failure) == "table" and failure.message or tostring(failure)
end)
if not ok then io.stderr:write("conformance: ", message, "\n") end
os.exit(ok and right, true)
