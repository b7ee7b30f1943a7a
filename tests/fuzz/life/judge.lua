-- judge: what is wrong with how a program ran. Errors that the script makes are no fault; these are.
local judge = {}

-- Texts on stderr that are a fault of the program, or of the fuzzer itself.
local faults = {
  { "ERROR: AddressSanitizer", "AddressSanitizer has something to say" },
  { "runtime error:", "UndefinedBehaviorSanitizer has something to say" },
  { "LeakSanitizer", "memory has leaked" },
  { "a bug of wsbot", "the program says that it has a bug" },
  { "PANIC", "Lua has panicked" },
  { "Assertion", "an assertion has failed" },
  { "double free", "the heap is damaged" },
  { "was ended by signal", "a worker has crashed" },
}

-- Errors that no choice of the script can make: the script itself is wrong.
local own = { "/acts.lua:%d+: attempt to", "/deeds.lua:%d+: attempt to", "/bot.lua:%d+: attempt to",
  "/check.lua:%d+: attempt to", "/random.lua:%d+: attempt to" }

-- The first fault, or nil. run: out, err, status, signal of the program, and `hung` where it had to be killed.
function judge.fault(plan, run)
  if run.hung then return run.hung end
  for _, fault in ipairs(faults) do
    if run.err:find(fault[1], 1, true) then return fault[2] end
  end
  local wrong = run.out:match "WRONG [^\n]*"
  if wrong then return wrong end
  for _, pattern in ipairs(own) do
    local line = run.err:match("[^\n]*" .. pattern .. "[^\n]*")
    if line then return "the script of the fuzzer is wrong: " .. line end
  end
  if run.signal ~= 0 then -- which may have found it at an end that it had come to by itself
    local is_late = plan.by_signal and run.out:find "ENDS" and (run.signal == 2 or run.signal == 15)
    return not (plan.signals[run.signal] or is_late) and "it was ended by signal " .. run.signal or nil
  end
  local allowed = { [run.status] = plan.allowed[run.status] }
  for status in run.out:gmatch "ENDS (%d+)" do
    allowed[tonumber(status)] = true
  end
  if not allowed[run.status] then return "it ended with status " .. run.status end
end

return judge
